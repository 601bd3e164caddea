"""The words, sentence templates and weights of the synthetic film reviews, all written for this package.

`imdb_rnn.corpora.synthetic` explains the slot notation.

Order matters: the first words of a list are drawn most often. Any change to the data changes the synthetic corpus and
its checksum in `backends_test/tests/core/test_synthetic.py`.
"""


def _items(text: str) -> tuple[str, ...]:
    """Split comma-separated entries; an entry may have several words."""
    return tuple(" ".join(item.split()) for item in text.split(",") if item.strip())


def _names(text: str) -> tuple[str, ...]:
    """Split comma-separated entries, and capitalize each word."""
    return tuple(name.title() for name in _items(text))


def _lines(text: str) -> tuple[str, ...]:
    """Split lines; each is a template."""
    return tuple(line.strip() for line in text.splitlines() if line.strip())


# The number of sentences of a review: (sentences, weight). One review in five is short.

SHORT = 5
LENGTHS = (
    *((1, 18), (2, 15), (3, 8), (4, 4), (5, 2)),
    *((sentences, 4) for sentences in range(11, 37)),
    *((sentences, 1) for sentences in range(37, 81)),
    *((sentences, 1) for sentences in range(81, 112, 5)),
)

# The weights of each kind of sentence in the first half of a long review, in its second half, in a short review, as the
# last sentence of any review, and among the opinions of a lukewarm review.

MIX: dict[str, tuple[int, int, int, int, int]] = {
    "plain": (12, 42, 26, 16, 0),
    "personal": (6, 20, 18, 14, 0),
    "negated": (2, 7, 28, 7, 1),
    "contrast": (2, 12, 26, 12, 3),
    "fragment": (2, 8, 20, 12, 0),
    "lukewarm": (0, 1, 2, 1, 6),
    "advice": (0, 6, 10, 18, 0),
    "verdict": (0, 0, 0, 26, 0),
    "turn": (0, 0, 0, 0, 0),  # where a review changes its mind
    "opening": (0, 0, 0, 0, 0),  # the first sentence of many; this kind and those after it take no side
    "remark": (16, 12, 4, 0, 0),
    "plot": (60, 28, 4, 0, 0),
}

# Words with a side. `{+adj}` takes the side of the sentence, `{-adj}` the other one.

GOOD: dict[str, tuple[str, ...]] = {
    "adj": _items("""
        great, good, wonderful, excellent, brilliant, funny, beautiful, perfect, amazing, superb, moving, fantastic,
        charming, clever, gripping, terrific, lovely, entertaining, smart, powerful, interesting, exciting, fun,
        delightful, fascinating, memorable, impressive, touching, enjoyable, hilarious, outstanding, fresh, witty,
        stunning, original, unforgettable, marvellous, magnificent, strong, thrilling, warm, intelligent, remarkable,
        incredible, awesome, compelling, believable, splendid, masterful, haunting, imaginative, inspired, tender,
        sweet, first-rate, captivating, heartwarming, uplifting, rewarding, satisfying, refreshing, inventive,
        elegant, graceful, lively, absorbing, suspenseful, stylish, sincere, thoughtful, creative, dazzling, engaging,
        scary, hypnotic, joyful, timeless, flawless, exquisite, glorious, daring, breathtaking, riveting, natural,
        adorable, magical, poetic, sensational, spectacular, phenomenal, extraordinary, exceptional, top-notch,
        endearing, sharp, polished, vivid, convincing, authentic, honest, subtle, surprising, cool, special, wise,
        marvelous, likable, classy, insightful, inspiring, enchanting, irresistible, romantic, realistic
    """),
    "noun": _items("""
        masterpiece, gem, delight, joy, treat, classic, triumph, pleasure, winner, success, little miracle, hit, jewel,
        great film, wonderful story, marvel, feast, good movie, real beauty, treasure, work of art, knockout, blast,
        good time, minor classic, piece of magic, thing of beauty, small wonder, great night out, piece of pure fun,
        real charmer, crowd pleaser, breath of fresh air, very good film, must see, tour de force
    """),
    "stuff": _items("""
        charm, wit, heart, warmth, energy, suspense, style, humour, imagination, fun, intelligence, tension, passion,
        life, soul, feeling, beauty, magic, depth, surprises, laughs, great moments, good ideas, excitement, truth,
        grace, good jokes, humor, originality, atmosphere, clever twists, tenderness, talent, great lines, thrills,
        sparkle, human warmth, honesty, wonder, good taste, sense, substance
    """),
    "loved": _items("""
        loved, enjoyed, liked, adored, admired, really liked, really enjoyed, absolutely loved, cherished, savoured,
        was crazy about, fell in love with, laughed all through, treasured, was moved by, had fun with, appreciated
    """),
    "love": _items("love, enjoy, like, adore, admire, appreciate, care for, laugh at, believe, treasure, recommend"),
    "feeling": _items("""
        moved, charmed, thrilled, delighted, impressed, hooked, touched, amazed, entertained, surprised, fascinated,
        captivated, enchanted, glued to the screen, gripped, pleased, excited, happy, amused, dazzled, spellbound,
        pleasantly surprised, close to tears of joy, glad, on the edge of the seat, satisfied, interested, scared,
        inspired, won over
    """),
    "works": _items("""
        works, shines, delights, never lets go, stays with you, succeeds, keeps you guessing, makes you smile,
        makes you laugh, makes you think, grips you, sparkles, warms the heart, takes your breath away, pays off,
        hits the mark, soars, holds up well, touches the heart, gets better and better, never drags, never gets old,
        keeps its promises, is worth every penny, never puts a foot wrong, charms, surprises, thrills, pulls you in,
        knows what it is doing, is well worth your time, is full of life, gets everything right, glows
    """),
    "work": _items("shine, delight, work, sparkle, charm, hit home, hit the mark, surprise, dazzle, impress, thrill"),
    "performs": _items("""
        gives a superb performance, is great, steals every scene, is a joy to watch, is wonderful, shines,
        has never been better, is perfect for the part, is excellent, lights up the screen, is simply brilliant,
        carries the film with ease, was born for this role, acts with real feeling, is very funny, is outstanding,
        makes every line count, deserves an award, breaks your heart, proves how good an actor can be, is terrific,
        is completely believable, can say more with one look than most with a page of words, is at the top of the form
    """),
    "adv": _items("""
        well, beautifully, brilliantly, superbly, wonderfully, perfectly, cleverly, very well, nicely, lovingly,
        skilfully, extremely well, elegantly, expertly, gracefully, carefully, tightly, masterfully, intelligently,
        convincingly, admirably, marvellously, sensitively, flawlessly
    """),
    "better": _items("""
        better, funnier, smarter, deeper, more exciting, richer, more interesting, stronger, more moving, warmer,
        cleverer, fresher, sharper, more fun, livelier, braver, more believable, scarier, more original, wiser, finer,
        more entertaining, lovelier
    """),
    "best": _items("""
        best, finest, funniest, greatest, smartest, most beautiful, most moving, most exciting, loveliest, cleverest,
        most enjoyable, most original, warmest, strongest, most entertaining, sweetest, most interesting, most powerful,
        most memorable, happiest, very best
    """),
    "mild": _items("""
        decent, watchable, pleasant, likeable, enjoyable, passable, solid, fine, okay, amusing, fair, agreeable, nice,
        entertaining, respectable, competent, harmless, diverting, sweet
    """),
    "rating": _items("8, 9, 10, nine, ten, eight, 7, seven"),
}

BAD: dict[str, tuple[str, ...]] = {
    "adj": _items("""
        bad, boring, terrible, awful, stupid, dull, poor, predictable, horrible, weak, disappointing, lame, tedious,
        slow, annoying, pathetic, ridiculous, mediocre, cheap, pointless, forgettable, wooden, painful, silly, flat,
        dreadful, confusing, shallow, lifeless, bland, unfunny, ugly, dumb, empty, cheesy, messy, tired, ludicrous,
        clumsy, lazy, atrocious, abysmal, appalling, hopeless, unwatchable, laughable, unbearable, tiresome, dreary,
        amateurish, childish, nonsensical, incoherent, unconvincing, overlong, bloated, stale, hollow, crude, idiotic,
        embarrassing, insulting, irritating, inept, incompetent, uninspired, unoriginal, trite, banal, corny, sappy,
        pretentious, preachy, smug, muddled, sloppy, tasteless, soulless, insipid, lousy, rotten, horrid, hideous,
        ghastly, miserable, worthless, useless, brainless, mindless, senseless, charmless, witless, joyless,
        half-baked, second-rate, phoney, fake, forced, contrived, cliched, repetitive, derivative, unpleasant,
        disgusting, disastrous, woeful, pitiful, sickening, offensive, dated, thin, sluggish, plodding, rushed,
        uneven, vulgar, noisy, grating, implausible, unrealistic, unbelievable, sentimental, crappy, awkward
    """),
    "noun": _items("""
        mess, disaster, bore, disappointment, failure, waste of time, flop, joke, waste of money, insult, letdown, dud,
        turkey, stinker, train wreck, chore, nightmare, bad film, piece of junk, terrible movie, mistake, fiasco,
        piece of garbage, travesty, ordeal, embarrassment, snooze, bomb, load of rubbish, pile of nonsense, yawn,
        catastrophe, headache, misfire, piece of trash, long and empty evening, crime against cinema, bad idea
    """),
    "stuff": _items("""
        cliches, nonsense, boredom, plot holes, stupidity, bad jokes, mistakes, cheap tricks, dull speeches, holes,
        padding, stereotypes, noise, silliness, flaws, bad acting, stale jokes, wooden dialogue, cheap thrills, errors,
        laziness, vulgarity, empty talk, false notes, silly accents, awful lines, dead moments, tired ideas, rubbish,
        confusion, loose ends, clumsy lessons
    """),
    "loved": _items("""
        hated, disliked, regretted, could not stand, walked out of, suffered through, loathed, detested, endured,
        really disliked, absolutely hated, struggled through, despised, fell asleep during, yawned all through,
        lost patience with, could hardly bear, gave up on
    """),
    "love": _items("hate, dislike, regret, loathe, detest, despise, resent, mock, avoid, curse, turn off"),
    "feeling": _items("""
        bored, disappointed, annoyed, irritated, confused, embarrassed, insulted, bored to tears, frustrated, tired,
        angry, let down, disgusted, half asleep, appalled, exasperated, fed up, cheated, unmoved, lost, sorry, sleepy,
        restless, out of patience, offended, depressed, ashamed for everyone involved, puzzled, bored stiff, indifferent
    """),
    "works": _items("""
        fails, drags, falls apart, goes nowhere, falls flat, stinks, bores, drags on and on, puts you to sleep,
        runs out of ideas, misses the mark, leaves you cold, collapses, stumbles, sucks, tests your patience, sinks,
        gets on your nerves, wears thin, never comes to life, never gets going, makes little sense, loses its way,
        goes on forever, insults the audience, is a waste of talent, gets worse and worse, goes wrong, disappoints,
        never adds up, is not worth a penny, wastes your time, has no idea what it wants, outstays its welcome, dies
    """),
    "work": _items("fall flat, fail, drag, misfire, wear thin, grate, annoy, disappoint, bore, stink, go nowhere"),
    "performs": _items("""
        cannot act, is awful, looks bored, sleepwalks through the part, is terrible, overacts in every scene,
        is painful to watch, has never been worse, is badly miscast, mumbles every line, is wooden, is just annoying,
        reads the lines like a shopping list, should have stayed at home, has one face for everything, is lost,
        seems half asleep, shouts all the time, acts like a plank of wood, is wasted here, is hopeless, is dreadful,
        has no talent at all, ruins every scene, is laughably bad
    """),
    "adv": _items("""
        badly, poorly, terribly, horribly, awfully, clumsily, lazily, very badly, carelessly, dreadfully, cheaply,
        miserably, ineptly, appallingly, pathetically, extremely poorly, sloppily, hopelessly, stupidly, woefully,
        laughably, atrociously, unconvincingly, amateurishly
    """),
    "better": _items("""
        worse, duller, sillier, weaker, slower, more boring, cheaper, longer, dumber, more tedious, flatter, uglier,
        poorer, more predictable, more annoying, lazier, colder, more stupid, emptier, lamer, more confusing, cruder,
        more pointless
    """),
    "best": _items("""
        worst, dullest, silliest, weakest, most boring, dumbest, poorest, stupidest, most annoying, most pointless,
        slowest, ugliest, laziest, lamest, most tedious, cheapest, most predictable, most painful, saddest, very worst,
        most disappointing, emptiest
    """),
    "mild": _items("""
        forgettable, bland, mediocre, average, uneven, flat, thin, unremarkable, ordinary, routine, lukewarm, tame,
        slight, dull, so-so, pedestrian, underwhelming, disappointing, tired
    """),
    "rating": _items("1, 2, 3, two, one, three, 4, zero"),
}

# Words without a side.

WORDS: dict[str, tuple[str, ...]] = {
    "this": _items("""
        this film, this movie, the film, the movie, it, this one, the whole thing, this picture, this, the picture,
        this little film, this thriller, this comedy, this drama, the whole film, this story, the show
    """),
    "film": _items("""
        film, movie, picture, story, comedy, thriller, drama, flick, piece of work, piece of cinema, love story, sequel,
        remake, mystery, western, adventure, romance, horror film, war film, musical, cartoon, documentary, fairy tale,
        road movie, spy film, family film, crime story, ghost story, costume drama, cop movie, biography, fantasy, tale,
        monster movie, kung fu film, satire, farce, melodrama, teen movie, vampire film, science fiction film
    """),
    "films": _items("""
        films, movies, pictures, stories, comedies, thrillers, dramas, things, flicks, horror films, love stories,
        westerns, musicals, war films, sequels, remakes, cartoons, shows, mysteries, adventures
    """),
    "part": _items("""
        the acting, the plot, the story, the script, the ending, the music, the dialogue, the direction, the cast,
        the camera work, the writing, the first half, the second half, the opening, the soundtrack, the humour,
        the photography, the pace, the idea, the main character, the lead actor, the lead actress, the editing,
        the villain, the last scene, the finale, the scenery, the romance, the screenplay, the love story, the middle,
        the action, the hero, the first hour, the final act, the lighting, the set design, the performance, the score,
        the chemistry, the twist, the atmosphere, the production, the supporting cast, the wardrobe, the narration,
        the title song, the premise, the look of it, the sound, the cinematography, the animation, the humor, the child,
        the director, the start, the cutting
    """),
    "parts": _items("""
        the actors, the characters, the jokes, the special effects, the songs, the performances, the fight scenes,
        the costumes, the dialogues, the action scenes, the effects, the sets, the twists, the love scenes, the lines,
        the chases, the two leads, the children, the dances, the speeches, the gags, the villains, the monsters,
        the locations, the flashbacks, the car chases, the battles, the dream scenes, the quiet scenes, the stunts
    """),
    "aspect": _items("""
        acting, plot, story, script, ending, music, dialogue, direction, cast, writing, soundtrack, idea, photography,
        screenplay, cinematography, performance, score, camera work, humour, action, production, pace, editing
    """),
    "aspects": _items("""
        actors, characters, jokes, effects, songs, performances, costumes, special effects, lines, scenes, sets,
        twists, stunts, dialogues, locations, dances, ideas, gags
    """),
    "made": _items("""
        made, written, directed, acted, shot, filmed, played, done, told, edited, paced, photographed, cast, staged,
        lit, put together, observed, drawn, produced, scored, dubbed
    """),
    "very": _items("""
        very, really, so, simply, truly, quite, absolutely, rather, just, pretty, totally, extremely, completely,
        incredibly, utterly, surprisingly, genuinely, remarkably, wonderfully, terribly, awfully, downright, deeply
    """),
    "is": _items("is, is, is, was, was"),
    "are": _items("are, are, were"),
    "is_not": _items("is not, isn't, was not, wasn't, is hardly, is never, is in no way, can't be called"),
    "are_not": _items("are not, aren't, are never, are hardly, were not, weren't"),
    "not": _items("not, hardly, never, far from, anything but, by no means, not remotely, not exactly, nowhere near"),
    "at_all": _items("at all, in the least, for a minute, for a second, once, in any way, one bit, for a moment"),
    "although": _items("although, though, even though, while, even if"),
    "but": _items("but, yet, but still, and yet, but in the end, but then"),
    "everyone": _items("""
        my friends, the critics, my brother, most people, everyone, my sister, other reviewers, some people, my wife,
        the papers, my husband, people at work, everybody else, my son, my daughter, my cousin, half the internet
    """),
    "who": _items("""
        my wife, my husband, my sister, a friend, my brother, my mother, my kids, my father, two friends, my daughter,
        my son, my girlfriend, my boyfriend, an old friend, my parents, my neighbour, my aunt, some colleagues, my
        uncle, my grandmother, my room mate, my students, a good friend, my best friend, my whole family
    """),
    "where": _items("""
        at the cinema, on television, on video, at home, on a plane, at a festival, in a full theater, late at night,
        on a rainy Sunday, on cable, last week, on a big screen, at a friend's house, on DVD, in an empty theatre,
        years ago, on holiday, at school, in a small cinema, on an old tape, on Saturday night, last Friday, in bed
    """),
    "when": _items("""
        this year, in years, in my life, for a long time, on television, this summer, so far, in ages, since I was a
        child, this decade, on any screen, of all time, from that country, of its kind, of the nineties, of the
        eighties
    """),
    "viewers": _items("""
        anyone, everyone, children, the whole family, adults, your friends, fans of the genre, teenagers, grown-ups,
        a rainy day, all ages, lovers of old films, people with a brain, fans of the book, students, your worst enemy
    """),
    "hours": _items("two hours, ninety minutes, an evening, an hour and a half, my time, a whole night, three hours"),
    "expected": _items("expected, had heard of, was promised, was ready for, read about"),
    "moment": _items("""
        the first hour, the first ten minutes, half an hour, the opening scene, the credits, forty minutes,
        the wedding scene, the first song, about an hour, the interval, the funeral, twenty minutes, the long prologue,
        the trial, the first fight, the party scene, the first half, a few minutes
    """),
    "other": _items("""
        the book, the first film, the original, the trailer, the novel, the sequel, the play, the television series,
        the remake, the last one, the old version, most films of its kind, anything else that I saw this month,
        his other films, her other films, the poster, the comic, the silent version, the video game
    """),
    # The story that a film tells.
    "loaded": _items("""
        good, terrible, beautiful, bad, poor, great, stupid, lovely, perfect, weak, wonderful, horrible, sweet, ugly,
        charming, boring, brilliant, dreadful, clever, awful, funny, annoying, strong, pathetic, honest, lazy, warm,
        miserable, smart, clumsy, tender, cheap, amazing, idiotic, excellent, smug, powerful, rotten, fascinating, dull
    """),
    "loaded_noun": _items("""
        disaster, masterpiece, failure, treasure, nightmare, success, joke, triumph, mistake, pleasure, insult, joy,
        mess, miracle, catastrophe, delight, disappointment, gem
    """),
    "old": _items("""
        young, old, rich, lonely, quiet, former, retired, famous, strange, shy, blind, ambitious, proud, widowed,
        local, small, nervous, stubborn, mysterious, cruel, handsome, tall, pregnant, jealous, homeless, foreign,
        unemployed, divorced, gentle, corrupt, orphaned, wounded, religious, exiled, restless, crooked, timid, bitter,
        curious, wealthy, penniless, drunken, elderly, unmarried, loyal, greedy, violent, innocent, bankrupt,
        respected, invisible, aging, wandering, talented, disgraced, deaf, superstitious, silent, reckless, married,
        secretive, immortal, middle-aged, runaway, barefoot, forgotten, desperate, polite, gloomy, cheerful,
        absent-minded, left-handed
    """),
    "job": _items("""
        teacher, detective, doctor, soldier, singer, lawyer, farmer, writer, policeman, nurse, thief, student, dancer,
        journalist, cook, priest, boxer, painter, pilot, waitress, spy, sailor, gangster, carpenter, actress, banker,
        cowboy, scientist, photographer, taxi driver, professor, butcher, sheriff, musician, secretary, fisherman,
        judge, killer, librarian, clown, engineer, king, princess, chef, hairdresser, postman, pianist, mechanic,
        hunter, miner, captain, gambler, servant, tailor, baker, nun, gardener, magician, astronaut, smuggler, poet,
        surgeon, widow, bus driver, wrestler, politician, mayor, janitor, reporter, violinist, dentist, translator,
        con man, general, shepherd, robot, prisoner, rancher, barber, hitman, architect, undertaker, trumpet player,
        puppeteer, coach, cyclist, swimmer, chess player, beekeeper, clerk, plumber, electrician, psychiatrist, banjo
        player, dressmaker, lighthouse keeper, shoemaker, stuntman, knight, samurai, vampire, inventor, explorer,
        historian, biologist, bartender, blacksmith, bodyguard, burglar, cabaret singer, circus rider, diplomat,
        fireman, ghost hunter, governess, housewife, innkeeper, jockey, locksmith, mathematician, matchmaker,
        merchant, milkman, monk, nanny, orphan, pickpocket, pirate, receptionist, salesman, sculptor, stewardess,
        tramp, truck driver, watchmaker
    """),
    "relative": _items("""
        brother, father, sister, wife, mother, husband, friend, son, daughter, boss, uncle, neighbour, cousin, partner,
        best friend, grandfather, aunt, rival, grandmother, teacher, fiancee, twin, nephew, niece, stepfather, landlady,
        lover, bride, childhood friend, mother-in-law, colleague, pupil, cellmate, landlord, godfather, stepmother,
        roommate, mentor, enemy, guardian, half-brother, groom
    """),
    "rival": _items(
        "rival, boss, partner, teacher, neighbour, cousin, enemy, twin, doctor, best friend, guardian, spy"
    ),
    "jobs": _items("""
        soldiers, nurses, farmers, students, sailors, detectives, thieves, doctors, singers, miners, teachers, clowns,
        gangsters, lawyers, cowboys, dancers, prisoners, sisters, pirates, priests, scientists, strangers, monks
    """),
    "place": _items("""
        village, hotel, farm, hospital, school, prison, castle, small town, forest, island, bar, church, factory,
        train station, theatre, harbour, cabin, mansion, desert, circus, library, restaurant, lighthouse, mine,
        monastery, cave, boarding school, airport, garage, garden, ranch, bakery, casino, embassy, cellar, museum,
        court, nightclub, apartment, tower, valley, swamp, cottage, police station, laboratory, bank, barn, mill,
        market, kindergarten, warehouse, subway, spaceship, submarine, palace, graveyard, chapel, boarding house, post
        office, bookshop, motel, tavern, shipyard, vineyard, sawmill, orphanage, racetrack, fortress, trailer park,
        suburb, skyscraper, bunker, convent, ballroom, newspaper office, petrol station, launderette, department
        store, attic, amusement park, ski resort, fishing boat, greenhouse, diner, gymnasium, planetarium, radio
        station, stable
    """),
    "town": _names("""
        new york, paris, london, chicago, rome, berlin, los angeles, moscow, vienna, boston, tokyo, dublin, texas,
        mexico, alaska, prague, lisbon, madrid, havana, brooklyn, kansas, naples, venice, athens, cairo, shanghai,
        bombay, budapest, warsaw, stockholm, oslo, copenhagen, amsterdam, brussels, glasgow, edinburgh, liverpool,
        manchester, california, arizona, montana, nevada, hawaii, florida, detroit, seattle, new orleans, san
        francisco, montreal, buenos aires, istanbul, seoul, hong kong, sydney, scotland, ireland, sicily, norway,
        iceland, siberia, morocco, kenya, peru, brazil, vermont, oregon, nebraska, marseille, hamburg, palermo,
        seville, tangier, helsinki, jakarta
    """),
    "thing": _items("""
        letter, diamond, suitcase, car, gun, painting, map, ring, key, book, horse, diary, photograph, piano, secret,
        boat, bag of money, briefcase, watch, necklace, dog, will, violin, treasure, passport, tape, motorcycle,
        formula, knife, mirror, coin, statue, camera, bicycle, radio, bible, cat, trumpet, bottle, wedding dress,
        newspaper, box, coat, ticket, lamp, telegram, sword, recipe, parcel, umbrella, crown, guitar, clock, doll,
        manuscript, parrot, rifle, bracelet, stamp, typewriter, telescope, truck, postcard, robot, hat, coffin,
        microfilm, kite, chess set, dagger, egg, suit, lottery ticket, mask, monkey, music box, notebook, canary,
        handkerchief, portrait, pearl, compass, rowing boat, wheelchair, locket, goat, ladder, harmonica, wallet,
        lantern, trophy, train, tractor, poisoned cake, fur coat, invitation, racing car, birdcage, puppet, walking
        stick, skull, scarf, ruby, donkey
    """),
    "takes": _items("""
        finds, steals, loses, hides, buys, sells, discovers, inherits, destroys, returns, brings home, receives, burns,
        forgets, repairs, carries, wins, keeps, opens, borrows, throws away, breaks, buries, recovers, smuggles, paints,
        gives away, guards, delivers, examines, mails, drops, copies, polishes, swallows, photographs, auctions, grabs
    """),
    "find": _items("""
        find, steal, save, hide, sell, destroy, buy back, return, win, protect, deliver, recover, open, repair, bury,
        get rid of, smuggle, forget, claim, trace, rescue, search for, fight over
    """),
    "meets": _items("""
        meets, falls in love with, marries, follows, helps, betrays, saves, hires, kills, leaves, visits, remembers,
        robs, kisses, rescues, arrests, trusts, hates, loves, runs into, quarrels with, escapes with, lies to, misses,
        works for, avoids, cheats, dances with, fights, admires, looks after, protects, shoots, teaches, forgives,
        spies on, blackmails, moves in with, writes to, befriends, deceives, divorces, accuses, annoys, warns, pities,
        recognizes, ignores, adopts, poisons, hypnotizes, interviews, kidnaps, threatens, seduces, envies, mourns
    """),
    "goes": _items("""
        goes to, travels to, moves to, returns to, flees to, drives to, comes to, arrives in, is sent to, sails to,
        walks to, leaves for, grows up in, hides in, settles in, gets lost in, is stranded in, wakes up in, escapes to,
        hitchhikes to, retires to, is born in, wanders through, opens a shop in, is arrested in, dies in
    """),
    "does": _items("""
        falls ill, loses the job, gets married, goes to war, disappears, is arrested, runs away, starts to drink,
        has an accident, inherits a fortune, falls asleep, loses the memory, changes sides, learns to fly, breaks a leg,
        wins the lottery, is shot, tells a lie, joins the army, goes to sea, finds a job, takes a lover, learns to cook,
        starts a fire, writes a song, plays the piano, takes the blame, quits, changes names, confesses,
        goes blind, leaves home, makes a phone call, robs a bank, buys a house, misses the train, sings in the choir,
        wakes from a coma, turns eighteen, signs the contract, drowns, loses a bet, enters a monastery, hears voices,
        goes bankrupt, wins the race, digs a tunnel, builds a raft, forgets everything, faints, is elected, is acquitted
    """),
    "event": _items("""
        war, wedding, murder, storm, funeral, accident, robbery, fire, trial, flood, divorce, party, strike, revolution,
        plague, election, Christmas dinner, earthquake, kidnapping, duel, harvest, reunion, burglary, shipwreck, coup,
        plane crash, scandal, birthday, dance contest, hunt, landslide, blackout, drought, siege, avalanche, epidemic,
        depression, hurricane, carnival, expedition, boxing match, chess tournament, bank holiday, concert, audition,
        snowstorm, eclipse, gold rush, school play, riot, picnic, famine, baptism, hostage crisis, invasion, prom
    """),
    "theme": _items("""
        love, family, war, revenge, friendship, money, death, growing up, power, marriage, guilt, loss, freedom,
        faith, jealousy, loneliness, crime, memory, honour, justice, greed, ambition, hope, racism, music, poverty,
        exile, fate, fear, betrayal, sport, old age, childhood, madness, motherhood, pride, politics, religion, class,
        truth, courage, identity, work, sacrifice, forgiveness, addiction, grief, time, youth, duty, envy, trust,
        illness, innocence, immigration, obsession, temptation, survival, loyalty, nature, science, technology,
        slavery, mercy, vanity
    """),
    "genre": _items("""
        crime, love, ghost, war, family, spy, horror, adventure, detective, school, sports, police, prison, holiday,
        murder, gangster, circus, science fiction, courtroom, road, boxing, jungle, hospital, pirate, space, teenage
    """),
    "era": _items("""
        the war, the thirties, the fifties, the seventies, the last century, the eighties, the twenties, the gold rush,
        the middle ages, the near future, the sixties, the cold war, the great depression, the summer of 1969,
        the winter of 1944, the civil war, the Roman empire, the Victorian age, one long night, a single day,
        the weeks before Christmas, the year 2050, the age of sail, the French revolution, the days of silent film
    """),
    "nation": _names("""
        american, french, british, italian, german, japanese, russian, spanish, irish, chinese, swedish, mexican,
        canadian, polish, indian, australian, korean, danish, czech, hungarian, dutch, greek, turkish, brazilian,
        argentine, norwegian, finnish, iranian, african, scottish, egyptian, belgian, cuban, portuguese, austrian
    """),
    "time": _items("""
        one day, one night, soon, years later, after a while, in the end, meanwhile, the next morning, at first,
        a week later, later, before long, in the meantime, one winter, on the way, by chance, that same night,
        ten years later, on Christmas eve, after the funeral, during a storm, the following spring, without warning,
        at midnight, one summer, after school, at dawn, after the war, on a Monday, in secret, at the last minute,
        three months later, in the third act, at the station, in the middle of the night, little by little, by mistake
    """),
    "slowly": _items("""
        slowly, secretly, finally, quickly, suddenly, quietly, reluctantly, soon, almost, eventually, nearly,
        accidentally, never, politely, promptly, stubbornly, bravely, foolishly, nervously, unexpectedly, immediately,
        calmly, gradually, desperately, happily, angrily, silently, briefly, openly, sadly, cheerfully, repeatedly,
        innocently, cautiously
    """),
    "because": _items("""
        for money, out of love, for revenge, by accident, against the law, for no clear reason, under a false name, in
        front of the neighbours, with the help of the police, without telling anyone, to pay an old debt, out of fear,
        for a bet, because of a promise, in the rain, on a borrowed horse, with a broken heart, out of pity, on foot,
        to please the family, despite the danger, with a loaded pistol, in a stolen uniform, through a broken window,
        behind closed doors, under pressure, for the insurance, with three other men, on the wrong day, in disguise
    """),
    "shot": _items("""
        black and white, colour, one take, widescreen, long takes, the studio, the streets, the mountains, color,
        winter light, close-up, three weeks, a real village, several languages, digital video, the snow, the desert
    """),
    "minutes": _items(
        "ninety, eighty, a hundred, about ninety, a hundred and twenty, seventy, almost two hundred, 95, 104"
    ),
    "number": _items("two, three, four, five, six, seven, twelve, ten, eleven, twenty, eight, nine, fifteen, forty"),
    "year": _items(
        "1994, 1987, 1999, 1972, 1968, 2001, 1955, 1946, 1939, 1981, 1933, 1978, 1963, 1950, 2004, 1990, 1927"
    ),
    "colour": _items("""
        red, black, white, blue, green, golden, silver, yellow, grey, purple, scarlet, crimson, pink, brown, orange,
        broken, burning, frozen, hidden, lost, last, secret, long, silent, dark, bitter, second, empty, final, eternal,
        perfect, great, terrible, beautiful, wild, hollow, distant, crooked, stolen, haunted, sleeping, wonderful
    """),
    "emblem": _items("""
        river, house, night, garden, road, rose, moon, city, bridge, summer, king, window, letter, train, door, winter,
        mountain, sea, heart, shadow, dream, angel, wolf, island, sky, stranger, mirror, kingdom, rain, circle, promise,
        daughter, hunter, key, fox, journey, horizon, candle, tide, crow, lake, orchard, tiger, thunder, hour, journal,
        snake, star, storm, stone, feather, serpent, ocean, canyon, falcon, raven, meadow, voyage, fever, hotel, echo
    """),
    "surname": _names("""
        miller, carter, novak, bennett, fletcher, moretti, hale, lindqvist, parker, dubois, hoffman, ortega, walsh,
        marsh, tanaka, sullivan, brandt, keller, palmer, vance, whitfield, mercer, castellano, petrov, hughes,
        ashworth, barlow, kowalski, delgado, finch, granger, holloway, ibsen, jarvis, kemp, langley, monroe, nash,
        osborne, pryor, quigley, ramsey, santini, thorne, underwood, vasquez, webber, yates, zimmer, archer, bishop,
        chandler, drummond, ellison, farrow, goddard, harlan, ingram, jansen, kirby, laszlo, maddox, norris, olsen,
        pemberton, rourke, sinclair, tucker, vogel, wexler, abbott, becker, corrigan, dalton, esposito, fontaine,
        garrison, horvath, ivanov, jensen, krause, leclerc, mancini, nakamura, okada, pappas, renard, schultz, takeda,
        ulrich, visconti, wallace, yamada, zielinski, baxter, crane, donnelly, everett, faulk, gallagher, hathaway,
        kincaid, lombard, northrop, northam, pickett, redding, stroud, tillman, varga, winslow, arden, burke, colby,
        dwyer, engel, frost, grady, hobbs
    """),
    "woman": _names("""
        anna, mary, sarah, julia, helen, rosa, laura, kate, emma, grace, clara, martha, lily, nora, alice, maria,
        ruth, ingrid, sofia, jane, eva, irene, daisy, olga, paula, vera, edith, hannah, marta, stella, greta, lucy,
        molly, ada, claire, yvonne, bella, carmen, dora, elsa, fiona, gloria, hilda, iris, judith, karin, lola, mabel,
        nadia, ophelia, penny, rita, sylvia, teresa, ursula, viola, wanda, yoko, zelda, agnes, beatrice, cora, delia,
        esther, frances
    """),
    "man": _names("""
        jack, john, tom, max, frank, henry, paul, sam, peter, joe, charlie, george, daniel, ben, victor, leo, martin,
        walter, eddie, oscar, simon, hugo, ray, harry, felix, carl, ivan, luke, adam, albert, bruno, caleb, dennis,
        ernest, fred, gordon, harold, isaac, jerome, kenji, louis, marcus, nathan, otto, pablo, quentin, ralph,
        stefan, theo, ulysses, vincent, wesley, xavier, yuri, zach, andre, boris, cyril, dmitri, edgar, franz, gustav,
        herman, igor, jonas
    """),
}

# Templates. Those of `BOTH` are written as praise and serve both sides: for blame, `+` and `-` change places.
# So "{this} {is_not} {a -noun}." gives "This film is not a mess." as praise, "This film is not a gem." as blame.

BOTH: dict[str, tuple[str, ...]] = {
    "plain": _lines("""
        {part} {is} {?very}{+adj}.
        {part} {is} {?very}{+adj}.
        {part} {is} {+adj} and {part} {is} {+adj}.
        {part} {is} {+adj}, {part} {is} {+adj}, and {parts} {are} {+adj}.
        {parts} {are} {?very}{+adj}.
        {this} {is} {?very}{+adj}.
        {this} {is} {+adj} and {+adj}.
        {this} {is} {a +adj} {film}.
        {this} {is} {a +noun}.
        {this} {is} {a +adj} {film} with {+adj} {aspects}.
        {part} {+works}.
        {this} {+works}.
        {title} {+works}.
        {title} is {a +noun}.
        {title} is {a +adj}, {+adj} {film}.
        {parts} {+work}, and {part} {+works}.
        {this} {is} {+adv} {made}.
        {this} {is} {+adv} {made} and {+adv} {made}.
        {+adv} {made} and {+adv} {made}, it {is} {a +noun}.
        {this} is full of {+stuff}.
        {this} has {+stuff}, {+stuff} and {+stuff}.
        I found plenty of {+stuff} in {title}.
        {director} fills {this} with {+stuff}.
        {director} has made {a +adj}, {+adj} {film}.
        {actor} {+performs}.
        {actor} {+performs}, and {part} {is} {+adj}.
        As {hero}, {actor} {+performs}.
        {part} makes it {a +noun}.
        {this} is {+better} than {other}.
        {part} is {+better} than I had thought.
        It is one of the {+best} {films} that I have seen.
        It is one of the {+best} {films} {when}.
        This is the {+best} {film} {when}.
        {actor} has the {+best} lines of all.
        Every scene is {+adj}.
        From the first minute to the last it is {+adj}.
        It is as {+adj} as {films} can be.
        To me {this} {is} {a +noun}.
        If you ask me, it is {a +adj} {film}.
        I have never seen anything so {+adj}.
        {part}, {part}, {parts}: everything is {+adj}.
        How {+adj} can {a film} be?
        The {aspects} are {+adj}, the {aspect} is {+adj} too.
        {this} looks {+adj} and sounds {+adj}.
        Think of {a +adj} {film}, and you have {title}.
        It is simply the {+best} {film} ever made.
        Watching it is {a +noun}.
        In fact, {this} is {+adj}.
        A few scenes are {+adj}, and so is {part}.
        The director did {a +adj} job.
        From start to finish {part} is {+adj}.
        Listen to me: it is {+adj}.
        {part} is {+adj}, as a matter of fact.
        {+adj} from the start, and more {+adj} after that.
        The start {is} {+adj}, the rest is {+adj}.
    """),
    "personal": _lines("""
        I {+loved} {this}.
        I {+loved} {this}.
        I {+loved} {part}.
        I {+loved} {parts}.
        I {+loved} every minute of it.
        I {+loved} {part} and I {+loved} {parts}.
        {who} {+loved} it, and I {+loved} it too.
        {who} {+loved} {this}.
        I was {?very}{+feeling}.
        I was {+feeling} from the first minute to the last.
        After {moment} I was {+feeling}.
        By the end I was {+feeling}.
        I left the cinema {+feeling}.
        {who} and I were {+feeling}.
        We were all {+feeling}.
        I found {part} {?very}{+adj}.
        I found {this} {+adj} and {+adj}.
        I thought {part} {is} {+adj}.
        I think {this} is {?very}{+adj}.
        I must say that {part} {is} {+adj}.
        I have rarely been so {+feeling}.
        {part} left me {+feeling}.
        You will be {+feeling}.
    """),
    "negated": _lines("""
        {part} {is_not} {-adj}.
        {this} {is_not} {-adj}.
        {this} {is_not} {a -noun}.
        {this} is {not} {-adj}.
        I was not {-feeling} {at_all}.
        I did not {-love} it.
        It is not the {-noun} that {everyone} promised.
        {everyone} called it {a -noun}. I disagree.
    """),
    "contrast": _lines("""
        {although} {part} {is} {-adj}, {this} {is} {+adj}.
        {although} {part} {is} {-adj}, I {+loved} it.
        {although} {parts} {are} {-adj}, it is {a +noun}.
        {although} {actor} {-performs}, {this} {is} {+adj}.
        {although} {everyone} {-loved} it, I was {+feeling}.
        {part} {is} {-adj}, {but} {this} {is} {+adj}.
        {part} {is} {-adj}, {but} {this} {+works}.
        {part} may be {-adj}, but I {+loved} it.
        {parts} {are} {-adj}, but all in all it is {a +adj} {film}.
        {parts} {-work}, {but} {part} {+works}.
        Despite {-adj} {aspect} it is {+adj}.
        Despite the {-adj} {aspects}, {this} {+works}.
        In spite of the {-adj} {aspect} I was {+feeling}.
        Even with {-adj} {aspects} it is {a +noun}.
        It begins as {a -noun} and ends as {a +noun}.
        After {a -adj} beginning {this} becomes {+adj}.
        I {expected} {a -noun} and got {a +noun}.
        I {expected} {a -adj} {film}, but this is {+adj}.
        I thought it would be {-adj}, but it is {+adj}.
        I thought that {this} would be {-adj}. I was wrong.
        I wanted to {-love} it, but I was {+feeling}.
        {everyone} {-loved} it, {but} I {+loved} it.
        {everyone} said it was {-adj}, {but} I was {+feeling}.
        {other} was {-adj}. This is {a +noun}.
        {other} was {-adj}, but {this} is {+adj}.
        Unlike {other}, {this} is {+adj}.
        It could have been {-adj}, but {director} made it {+adj}.
        It should have been {-adj}; instead it is {+adj}.
        What might have been {a -noun} is {a +noun}.
        It is not {-adj} but {+adj}.
        It is {+adj}, not {-adj}.
        It is {+adj} rather than {-adj}.
        Yes, {part} {is} {-adj}. Still, {this} {+works}.
        So what if {part} {is} {-adj}? It is {+adj}.
        Some scenes are {-adj}, most are {+adj}.
        I was {-feeling} at first, then {+feeling}.
        Only {part} {is} {-adj}; all the rest is {+adj}.
        Apart from the {-adj} {aspect} it is {a +noun}.
        {director}'s earlier {films} were {-adj}; this one is {+adj}.
        {actor} is {-adj}, {but} {this} has {+stuff}.
    """),
    "lukewarm": _lines("""
        I guess it is {+mild}.
        It is {+mild}, I guess, and {part} {is} {+mild}.
        It is no {+noun}, but it is {+mild}.
        It is not {+adj}, but it is {+mild}.
        Not {+adj}, not {-adj}, just {+mild}.
        I did not {+love} it, but it is {+mild}.
        It is {+mild}, no more and no less.
        {this} is {a +mild} {film}, nothing else.
        {part} is {+mild}.
        {part} is {+mild}, {part} is {+mild}.
        I have seen {+better} {films}, but it is {+mild}.
        It could be {+better}, but it is {+mild}.
        On the whole it is {+mild}.
        {part} is {-mild}, but in total it is {a +mild} {film}.
        Rather {+mild}, I would say.
    """),
    "fragment": _lines("""
        Simply {+adj}.
        {very} {+adj}!
        {very} {+adj}.
        {+adj}!
        {+adj}.
        What {a +noun}!
        What {a +adj} {film}!
        {a +noun}.
        {a +adj} {film}.
        {a +adj} {film} about {theme}.
        {a +adj} and {+adj} {film}.
        {a +adj} {film} with {+adj} {aspect}.
        {+adj}, {+adj}, {+adj}.
        {+adj} and {+adj}.
        {+adj} {aspect}.
        {+adj} {aspects}.
        {+adj} {aspect}, {+adj} {aspects}.
        {+adj} {aspect} and {+adj} {aspect}.
        Such {+adj} {aspect}!
        So {+adj}!
        How {+adj}!
        {+adv} {made}.
        {+adv} {made}, {+adv} {made}.
        {+better} than {other}.
        The {+best} {film} {when}.
        Not {-adj} {at_all}.
        {-adj}? No, {+adj}.
        {-adj} {aspect}, but {+adj} {aspects}.
        {-adj} but {+adj}.
        {+rating}/10.
    """),
    "verdict": _lines("""
        All in all, {a +adj} {film}.
        All in all {this} {is} {+adj}.
        All in all I {+loved} it.
        In the end it is {a +noun}.
        In the end I was {+feeling}.
        Overall {?very}{+adj}.
        Overall I {+loved} {this}.
        In short: {a +noun}.
        To sum up, {this} {+works}.
        My verdict: {+adj}.
        I give it {+rating} out of ten.
        {+rating} out of 10 for {title}.
        {+rating} stars out of ten.
        {a +noun} for {viewers}.
        When it was over, I was {+feeling}.
        Call it what you like, I call it {a +noun}.
        In a word: {+adj}.
        The bottom line is that {this} {+works}.
        I {+loved} it. {+rating} out of 10.
    """),
    "turn": _lines("""
        But then, after {moment}, it gets {+adj}.
        But after {moment} everything changes: {part} {+works}.
        After {moment}, however, {this} becomes {+adj}.
        My opinion changed after {moment}: it is {a +noun}.
        However, it does not stay that way, and what follows is {+adj}.
        But the longer it lasts, the {+better} it gets.
        Then {actor} appears, and suddenly {part} is {+adj}.
        So much for the first half. The second half is {+adj}.
        But wait: after {moment} I was {+feeling}.
    """),
}

PRAISE: dict[str, tuple[str, ...]] = {
    "plain": _lines("""
        It has everything: {+stuff}, {+stuff} and {+stuff}.
        After {moment} nobody in the audience moved.
        They do not make {films} like this any more.
        Why can't all {films} be like this?
        There is so much to see and so much to think about.
        Nothing is too long, nothing is too short.
        Even {who} was {+feeling}.
        Even after {hours} I wanted more.
        Not a minute is too long.
        Something {+adj} happens after {moment}.
        Everything fits together.
        It is a complete success.
        {hours} went by like {number} minutes.
        {director} deserves every prize there is.
        {director} knows how to tell a story.
        Where has {director} been all these years?
        Who would have thought that {actor} could do this?
        You never see the ending coming.
        The ending will stay with you.
        {part} is as good as it gets.
        It makes you want to call {who}.
        Each time you find something new in it.
        There is hardly a wasted minute.
        No other {film} comes close.
        Few {films} have so much {+stuff}.
        If only all {films} were like that!
        I wish that there were more {films} like this.
        Not even {other} was so {+adj}.
        They were thinking when they wrote it.
        Try to find something {-adj} in it!
        Someone tried hard to get everything right.
        If you missed it in {year}, do not wait any longer.
    """),
    "negated": _lines("""
        I was never {-feeling}.
        I was never {-feeling}, not even for a minute.
        It is never {-adj}.
        It is never {-adj}, never {-adj}.
        {part} is never {-adj}.
        {parts} are never {-adj}.
        You will never be {-feeling}.
        There is never {a -adj} minute in it.
        I never looked at my watch.
        I never stopped smiling.
        It is free of {-stuff}.
        It does without {-stuff} and without {-stuff}.
        {this} is anything but {-adj}.
        {part} is far from {-adj}.
        I can't find anything {-adj} in {this}.
        I could not find one {-adj} scene.
        Don't let {everyone} tell you that it is {-adj}.
        Don't be afraid, it is never {-adj}.
        It isn't half as {-adj} as I had feared.
        It is not as {-adj} as {everyone} says.
        I have nothing to complain about.
        Whoever calls it {a -noun} is wrong.
        Not a minute is wasted.
    """),
    "fragment": _lines("""
        Never {-adj}.
        Never {-adj}, always {+adj}.
        Always {+adj}.
        Never {a -adj} minute.
        Not {a -adj} minute.
        Far from {-adj}.
        Anything but {-adj}.
        Pure {+stuff}.
        Full of {+stuff}.
        All {+stuff} and {+stuff}.
        Without {-stuff}.
        {+adj} and always {+adj}.
    """),
    "personal": _lines("""
        I laughed until I cried.
        I laughed out loud {number} times.
        I laughed, and so did {who}.
        I cried at the end, and I am not ashamed of it.
        I could not take my eyes off {actor}.
        I had a smile on my face all evening.
        We all had a very good time.
        I bought the DVD the next day.
        It made my day.
        I liked it a lot.
        It got me from the start, and halfway through I was {+feeling}.
        I love watching {actor}.
        I enjoyed {this} a lot more than {other}.
        I didn't want it to end.
        I couldn't stop laughing.
        I have watched it {number} times, and it gets {+better} every time.
        I have no complaints.
        I can find no fault with {part}.
        I can't praise {part} enough.
        I was sorry when it was over.
        The time flew by.
        It brought tears to my eyes.
        I still think about {part} every day.
        {who} wanted to see it again at once.
        It is now my favourite {film}.
        It stayed with me for days.
        The audience laughed, cried and clapped.
        I felt happy for a week.
        I cared about {hero} and about everyone else.
    """),
    "advice": _lines("""
        See it twice.
        Don't miss it.
        Do not miss {this}.
        Go see it.
        See it {where}.
        You must see {this}.
        Watch it with {viewers}.
        Watch it!
        I can recommend it to {viewers}.
        I recommend {this} to {viewers}.
        Recommended to {viewers}.
        Strongly recommended.
        Highly recommended for {viewers}.
        A must for {viewers}.
        Take {who} with you.
        You will not be {-feeling}.
        You won't regret it.
        I can't wait to see it again.
        I would gladly watch it once more.
        If you see only one {film} this year, see this one.
        Worth every penny.
        Well worth a look.
        It is worth your time and worth your money.
        It deserves more viewers.
        Give it a chance.
        Give it a try, you will {+love} it.
        Two thumbs up.
        Five stars.
        Bravo!
        Thank you, {director}.
        Nobody should miss {this}.
        You can't go wrong with {title}.
        Buy it, rent it, lend it to {who}.
        More of this, please.
    """),
    "contrast": _lines("""
        I didn't expect anything, and I was {+feeling}.
        My hopes were low, but I was {+feeling}.
        It has its flaws, but I {+loved} it.
        It is not perfect, but it is {+adj}.
        Some of it is {-adj}, yet we had a good time.
        Forget {everyone}: {this} is {+adj}.
        Ignore the bad reviews.
        The critics were wrong about {title}.
        I was warned about {this}, but there was no reason to worry.
    """),
    "turn": _lines("""
        Luckily that is only the beginning, and the rest is {+adj}.
        Fortunately it finds its feet after {moment}.
        And then, slowly, it won me over.
        Just when I wanted to give up, {this} became {+adj}.
        Be patient, because after {moment} it is {+adj}.
    """),
    "verdict": _lines("""
        I am glad that I saw it.
        In the end it won my heart.
        Not everything is perfect, but I would see it again.
        This one has a place on my shelf.
        It is what cinema was made for.
    """),
}

BLAME: dict[str, tuple[str, ...]] = {
    "negated": _lines("""
        {part} {is_not} {-adj}.
        {parts} {are_not} {-adj}.
        {this} {is_not} {-adj}.
        {this} {is_not} {a -adj} {film}.
        {this} {is_not} {a -adj} {film}.
        It {is_not} {a -noun}.
        It is not {-adj} {at_all}.
        {part} is {not} {-adj}.
        {part} is not {-adj}, and {part} is not {-adj}.
        {this} is not very {-adj}.
        {part} is not very {-adj}.
        {part} is not even {-adj}.
        I was {not} {-feeling}.
        I was not {-feeling}, and {who} was not {-feeling}.
        Not once was I {-feeling}.
        I did not {-love} {this}.
        I didn't {-love} it.
        I do not {-love} {part}.
        Nobody will {-love} {this}.
        You won't {-love} it.
        There is nothing {-adj} about {this}.
        Nothing in {title} is {-adj}.
        Nothing about {part} is {-adj}.
        There is no {-stuff} in {this}.
        I would not call {this} {-adj}.
        Not a single scene is {-adj}.
        There is not one {-adj} scene in it.
        None of {parts} are {-adj}.
        Neither {part} nor {part} is {-adj}.
        I can't say that {part} {is} {-adj}.
        I can't call it {a -noun}.
        I can't {-love} {part}.
        {parts} do not {-work}.
        {parts} don't {-work}.
        Don't tell me that {part} is {-adj}.
        {everyone} called it {-adj}, but I can't agree.
        Don't expect {-stuff}.
        You won't find {-stuff} here.
        It has no {-stuff} and no {-stuff}.
        It isn't {-adj} and it isn't {-adj}.
        It is neither {-adj} nor {-adj}.
        {director} does not make {-adj} {films}.
        Nobody cares about {part}, and nobody should.
        Nobody here knows how to act.
    """),
    "fragment": _lines("""
        Not {-adj} {at_all}.
        Not {-adj}, not {-adj}.
        Not {a -noun}.
        Not even {-adj}.
        Hardly {-adj}.
        Hardly {a -noun}.
        No {-stuff}, no {-stuff}.
        No {-stuff}.
        Nothing {-adj} here.
        Nothing but {+stuff}.
        Too {+adj}.
        Too long, too {+adj}.
    """),
    "personal": _lines("""
        I walked out after {moment}.
        I turned it off after {moment}.
        I fell asleep after {moment}.
        {who} fell asleep.
        I nearly fell asleep.
        I nearly walked out.
        I looked at my watch {number} times.
        I want my money back.
        I want {hours} of my life back.
        It cost me {hours}.
        It is a waste of {hours}.
        I will never get {hours} back.
        I did not smile a single time.
        Nobody around me laughed.
        Half the audience left after {moment}.
        I could not wait for the end.
        I couldn't care less about {hero}.
        I didn't care what happens to {hero}.
        I kept waiting for something to happen.
        I tried to like it.
        I tried hard to stay awake.
        I have no idea what {director} wanted to say.
        I yawned through {part}.
        I would rather go to the dentist.
        I have seen better acting in a school play.
        It gave me a headache.
        I felt sorry for {actor}.
        I only laughed at {part}, and that was not meant to be funny.
    """),
    "advice": _lines("""
        Avoid it.
        Avoid {this}.
        Avoid it at all costs.
        Skip it.
        Stay away.
        Stay away from {this}.
        Save your money.
        Keep your money in your pocket.
        Don't waste your time.
        Don't waste your money on {this}.
        Don't bother.
        Don't rent it, don't buy it, don't watch it.
        Give it a miss.
        Watch {other} instead.
        Read a book instead.
        Do not watch it with {who}.
        I would not recommend it to {viewers}.
        I cannot recommend it.
        Not recommended.
        Not for {viewers}, and not for me.
        It is not worth the ticket.
        Not worth your time.
        Not worth watching, not worth talking about.
        It isn't worth {hours}.
        I do not recommend {this}.
        I could never recommend it to {who}.
        Nobody should recommend {this} to {viewers}.
        I will never watch it again.
        Never again.
        Once is more than enough.
        No, thank you.
        Zero stars.
        Two thumbs down.
        Please, no sequel.
        Find something better to do.
        Life is too short for {this}.
        Stay home and wash the dishes.
        What a waste!
        What a waste of talent!
        A waste of time and money.
    """),
    "plain": _lines("""
        There is no plot.
        There is no story to speak of.
        Where is the plot?
        Nothing makes sense.
        Nothing happens.
        The plot has more holes than a sieve.
        You can see the ending coming after {moment}.
        We have seen it all before.
        It goes on and on.
        It is much too long.
        It is too long and too {+adj}.
        It lacks {-stuff}.
        It moves fast and gets nowhere.
        It is a copy of {other}, and not a good one.
        It lacks {-stuff} and {-stuff}.
        A little {-stuff} would have helped.
        I missed {-stuff}.
        If only {part} were {-adj}!
        I wish that {part} were {-adj}.
        Why was it made?
        Who paid for {this}?
        What were they thinking?
        How did {this} get made?
        {director} should be ashamed.
        {director} should look for another job.
        My dog could write a better script.
        Even {who} could do better.
        Not even {actor} can save it.
        Even {actor} cannot save {this}.
        Everything went wrong here.
        It is a complete failure.
        Thirty minutes less would still be too long.
        It makes you long for {a -adj} {film}.
    """),
    "contrast": _lines("""
        I had high hopes, and they did not last.
        It had so much promise, and all of it is wasted.
        A promising idea, but nobody knew what to do with it.
        The idea is good, but nothing comes of it.
        Good actors, but what are they doing here?
        It looks {-adj}, but that is all.
        It tries to be {-adj} and it fails.
        It wants to be {-adj}, but it is {+adj}.
        It would be {-adj} if it were not so {+adj}.
        {everyone} told me to see {this}, and I wish I had not listened.
        I hoped for {-stuff} and waited in vain.
        What happened to the {-adj} {director}?
    """),
    "turn": _lines("""
        Unfortunately it goes downhill after {moment}.
        Sadly, that is only the beginning, and the rest is {+adj}.
        And then, slowly, it lost me.
        Then {director} runs out of ideas.
        Too bad that {this} does not end there, because the rest is {+adj}.
    """),
    "verdict": _lines("""
        I am sorry that I saw it.
        In the end it lost me.
        Some of it is fine, but I would not see it again.
        This one goes straight to the bin.
        Somebody should have stopped them.
    """),
}

# Templates without a side.

TITLES = _lines("""
    The {Colour} {Emblem}
    The {Emblem}
    {Emblem} of the {Colour} {Emblem}
    {Colour} {Emblem}
    The {Emblem} and the {Emblem}
    The {Job}
    A {Emblem} in {town}
    {man} and {woman}
    The {Relative} of the {Job}
    {woman}'s {Emblem}
    The Last {Job}
    {Number} {Colour} {Jobs}
""")

NEUTRAL: dict[str, tuple[str, ...]] = {
    "opening": _lines("""
        I saw {title} {where} with {who}.
        I watched {this} {where}.
        {title} is {a nation} {film} from {year}.
        {title} is {a nation} {film} about {theme}.
        {director}'s new {film} is about {theme} and {theme}.
        {who} gave me the DVD of {title}.
        {title} is the story of {a old} {job}.
        Last night I saw {title}, {a film} by {director}.
        I had never heard of {title} before.
        I saw it because {everyone} talked about it.
        This {film} was made in {year}, before my time.
        {title} tells of {theme} in {town}.
        Where do I start?
        {number} of us saw {title} {where}.
        Another {film} about {theme}.
        I am {a job}, so I had to see {title}.
        I loved {other} as a child.
        {actor} and {director} meet again, this time for {a genre} story.
        My expectations were simple: {theme}, {theme} and a little music.
        A short word about the plot of {title}.
        I picked up {title} because of {actor}.
        There are not many {films} about {theme}.
    """),
    "remark": _lines("""
        It runs for {minutes} minutes.
        It was filmed in {town}.
        The film was shot in {shot}.
        {director} also wrote the script.
        {actor} plays {hero}, {a old} {job}.
        {actor} was {number} years old at the time.
        The music was written by {man} {surname}.
        It is based on a novel by {woman} {surname}.
        It was the last {film} of {actor}.
        The {film} comes from {town}.
        It was shown at the festival of {town} in {year}.
        The budget was small.
        There are {number} songs and {number} fights.
        {man} {surname} plays the {job}, {woman} {surname} the {old} {relative}.
        I saw it {where}.
        {who} had read the book.
        It is set in {era}.
        I saw {a nation} version with subtitles.
        I had seen {actor} before, as {a job} in {a nation} {film}.
        The title refers to {a colour} {emblem}.
        There was {a event} in the news that week.
        The camera follows {him} through the {place}.
        {director} worked as {a job} before.
        It reminded me of {other}.
        You may know {actor} from television.
        It is {a genre} story, and also a story about {theme}.
        The audience was mostly {viewers}.
        {director} learned the trade in {town}.
        The credits name {number} writers.
        In {year} people saw such {films} differently.
        The {nation} version is {number} minutes longer.
        Some of it was shot in {a place} near {town}.
        There are spoilers ahead.
        I will not give away the ending.
        This was the {loaded} side of {town}, or so the papers wrote.
    """),
    "plot": _lines("""
        {hero} is {a old} {job} in {town}.
        {hero} is {a job} who {goes} {town}.
        {hero} {goes} {town} and {meets} {a old} {job}.
        {hero} {meets} {second}, {a old} {job} from {town}.
        {time} {hero} {meets} {second}.
        {time} {he} {slowly} {meets} {a job}.
        {time} {he} {takes} {a thing}.
        {time} {he} {takes} {a old} {job}'s {thing} {because}.
        {hero} {takes} {a colour} {thing}.
        {hero} and {second} want to {find} {a thing}.
        {hero} has to {find} the {thing} before the {event}.
        {he} must {find} the {thing}, but {his} {relative} {does}.
        {his} {relative}, {a old} {job}, {does}.
        {his} {relative} {does}, and {hero} {goes} {town}.
        {second} {does}, and {time} {he} {takes} the {thing}.
        {second} {slowly} {meets} {him} {because}.
        {second} is {a job} and {meets} {his} {rival}.
        {time} {second} {does}.
        There is {a event} in the {place}.
        There is also {a old} {job}, who {takes} {a thing}.
        During the {event} {hero} {does}.
        After the {event} {he} {goes} {town} {because}.
        Before the {event} {he} was {a job}.
        The story begins in {a place} in {town}.
        The story is set in {era}.
        The story takes us to {town} and to {a place}.
        It is about {theme}, {theme} and {a thing}.
        It is the story of {a job} and {a job} in {a place}.
        In {a place} {he} {meets} the {job}.
        In {town} {second} {takes} {a thing} and {does}.
        In {era}, {a old} {job} {meets} {a old} {job}.
        the {old} {job} {slowly} {takes} the {thing}.
        the {job} {meets} the {job}, and {time} both are in the {place}.
        {time} the police come to the {place}.
        {number} {jobs} meet in {a place}.
        {hero} grew up in {a place} with {his} {relative}.
        {hero} lives in {a place} with {a old} {relative}.
        {he} works in {a place} and dreams of {theme}.
        {his} dream is to {find} {a thing}.
        {his} plan is to {find} the {thing} and leave {town}.
        Nobody knows that {second} {takes} the {thing}.
        Only the {job} knows where the {thing} is.
        {hero} learns that {second} is {his} {rival}.
        {he} finds out that the {job} is {a job}.
        But the {thing} belongs to {a old} {job} in {town}.
        {second} wants {theme}, {hero} wants {theme}.
        {hero}, played by {actor}, {goes} {town}.
        {actor} plays {a job} who {does}.
        {actor} is the {job}, {man} {surname} is the {job}.
        The rest is about {theme} and {theme}.
        Then comes {a event}, and {second} {does}.
        Then {hero} {does} and {second} {goes} {town}.
        There is {a loaded} {relative} with {a thing}.
        {hero} has {a loaded} {relative} and {a loaded} {thing}.
        {his} {loaded} {relative} {meets} {second}.
        {hero} is {a loaded} {job}, {second} {a loaded} {relative}.
        {time} {a loaded} storm comes up.
        {hero} wants to be {a loaded} {job}.
        {he} has {a loaded} marriage and {a loaded} house in {town}.
        {second} tells {hero} about {a loaded} {event}.
        For {hero} the {event} is {a loaded_noun}.
        {his} {relative} calls {him} {a loaded_noun}.
        {hero} thinks that {second} is {a loaded} {job}.
        {he} hates {town}, {he} loves {theme}.
        {second} loves {him}, but {he} loves {a job}.
        The {nation} {job} {takes} the {thing} {because}.
        {woman} and {man} work in the {place} and know nothing of the {thing}.
        A stranger named {surname} {goes} {town}.
        Old {surname}, the {job}, {does}.
        {hero} asks {his} {relative} for help.
        Who has the {thing}?
        Will {hero} {find} the {thing}?
        What does the {old} {job} know about the {event}?
        {time}, in {a place}, {hero} {slowly} {takes} {a thing}.
        {a job}, {a job} and {a job} share a room in {town}.
        {a nation} {job} and {a nation} {job} {find} {a thing} {because}.
        {hero} has {number} days to {find} the {thing}.
        {number} years later {he} {goes} {town} again.
        {second} says no, so {he} {goes} {town} alone.
        {he} never talks about the {event}.
        {second} is not {a job} but {a job}.
        The trail leads to {a place}, then to {town}.
        With the {thing} in {his} hands {he} {goes} the {place}.
    """),
}
