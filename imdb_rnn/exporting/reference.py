"""What an exported file is held against: the scores of reviews of all lengths, computed in NumPy and float64."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from imdb_rnn.errors import ExportError, ModelError
from imdb_rnn.inference.classifier import Classifier
from imdb_rnn.inference.keras_file import shapes_of
from imdb_rnn.model.numpy_forward import logits_of, sigmoid
from imdb_rnn.text.reviews import EncodedReviews
from imdb_rnn.text.tokens import OOV, START

REVIEWS = 1_000
# IMDB's longest review has 2,494 words.
LONGEST = 2_500
# The largest difference of a score: that of a saved model between two backends, in backends_test/comparison/stages.py.
BOUND = 1.7e-5


class Reference(NamedTuple):
    """Rows of the model's input and their scores.

    Attributes:
        reviews: the number of reviews.
        x: int32, shape (m, max_len): the rows of the reviews.
        scores: float64, shape (m,).
    """

    reviews: int
    x: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float64]


def reference_of(classifier: Classifier, reviews: EncodedReviews | None = None) -> Reference:
    """Compute the scores of reviews in float64.

    Args:
        classifier: the model.
        reviews: the reviews; None is 1,000 drawn ones, see `drawn_reviews`.

    Raises:
        ExportError: `reviews` are no reviews, or none.
        ModelError: the model has no embedding, or its scores are not finite.
    """
    if reviews is None:
        reviews = drawn_reviews(classifier.num_words)
    if not isinstance(reviews, EncodedReviews) or not len(reviews):
        received = "none" if isinstance(reviews, EncodedReviews) else f"a {type(reviews).__name__}"
        msg = f"Bad `reviews`. Expected: `EncodedReviews`, as in `load_reviews(...).test`. Received: {received}."
        raise ExportError(msg)
    weights = [array.astype(np.float64) for array in classifier.weights()]
    if len(weights) != len(shapes_of(classifier.num_words)):
        msg = "Cannot export the model. Expected: a model with an embedding. Received: one without."
        raise ModelError(msg)
    x = classifier.preprocessing.rows(reviews).x
    return Reference(len(reviews), x, sigmoid(logits_of(weights, x)))


def drawn_reviews(num_words: int) -> EncodedReviews:
    """Draw 1,000 reviews of 1 to 2,500 words, which together hold every id of the model; always the same.

    Short reviews are as frequent as long ones, and frequent words are as frequent as in texts.

    Args:
        num_words: all ids are below this number.
    """
    random = np.random.default_rng(0)
    lengths = np.geomspace(1, LONGEST, REVIEWS).round().astype(np.int64)
    choices = np.arange(OOV, num_words)
    shares = 1 / (1 + np.arange(len(choices)))
    words = random.choice(choices, lengths.sum(), p=shares / shares.sum()).astype(np.int32)
    words[-len(choices) :] = random.permutation(choices)[-len(words) :]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    ids = np.insert(words, offsets[:-1], START)
    return EncodedReviews(ids.astype(np.int32), offsets + np.arange(REVIEWS + 1))
