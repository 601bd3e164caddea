"""The split into training and validation is that of the tutorial."""

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from imdb_rnn.text.reviews import EncodedReviews
from imdb_rnn.text.tokens import START
from imdb_rnn.training.splits import split_reviews


@pytest.mark.parametrize("count", [10, 11, 14, 1_000, 25_000])
def test_the_split_is_that_of_scikit_learn(count: int) -> None:
    reviews = EncodedReviews.from_sequences([[START, number] for number in range(count)], [0] * count)
    learned, validation = (part.ids[1::2] for part in split_reviews(reviews))
    expected = train_test_split(np.arange(count), test_size=0.2, random_state=42)
    np.testing.assert_array_equal(learned, expected[0])
    np.testing.assert_array_equal(validation, expected[1])
