"""Ten short sample reviews with their expected labels."""

POSITIVE, NEGATIVE = "positive", "negative"

SAMPLES = (
    ("A wonderful film with a great cast. I enjoyed every minute of it.", POSITIVE),
    ("Funny, moving and beautifully shot, this is one of the best movies of the year.", POSITIVE),
    ("I was not bored for a single moment.", POSITIVE),
    ("Although the plot is thin, the acting is so good that I loved it anyway.", POSITIVE),
    ("It is nothing new, but a pleasant way to spend an evening and rather charming in the end.", POSITIVE),
    ("What a waste of time. The story is stupid and the acting is even worse.", NEGATIVE),
    ("Boring from start to finish, I nearly fell asleep.", NEGATIVE),
    ("This is not a good movie, and nothing in it is funny.", NEGATIVE),
    ("The photography is lovely, but the script is terrible and the film a complete mess.", NEGATIVE),
    ("I suppose it is watchable, yet it left me cold and I would not recommend it.", NEGATIVE),
)
