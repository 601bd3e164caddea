"""From reviews to the arrays that a model takes, in NumPy alone and therefore the same on every backend.

May import: numpy, scikit-learn, imdb_rnn.corpora.reviews, imdb_rnn.tokens.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from imdb_rnn.corpora.reviews import Corpus, EncodedReviews
from imdb_rnn.tokens import OOV, PADDING

# As in the tutorial. Fixed, so that a saved model's validation reviews can be found again.
VALIDATION_SHARE = 0.2
VALIDATION_SEED = 42


class Arrays(NamedTuple):
    """Reviews ready for a model.

    Attributes:
        x: int32, shape (n, max_len): ids below num_words.
        y: float32, shape (n, 1): 1 is positive, 0 is negative.
    """

    x: npt.NDArray[np.int32]
    y: npt.NDArray[np.float32]


class Splits(NamedTuple):
    """The three parts of a corpus."""

    train: Arrays
    validation: Arrays
    test: Arrays


def split_corpus(corpus: Corpus, num_words: int, max_len: int) -> Splits:
    """Pad a corpus and set a fifth of its training reviews aside for validation.

    Args:
        corpus: the reviews.
        num_words: ids from here on become `OOV`.
        max_len: ids to keep of a review, its last ones.
    """
    # Here, because it takes a second to load, and who only predicts has no need of it.
    from sklearn.model_selection import train_test_split

    x_train, x_validation, y_train, y_validation = train_test_split(
        pad(corpus.train, num_words, max_len),
        _targets(corpus.train),
        test_size=VALIDATION_SHARE,
        random_state=VALIDATION_SEED,
    )
    test = Arrays(pad(corpus.test, num_words, max_len), _targets(corpus.test))
    return Splits(Arrays(x_train, y_train), Arrays(x_validation, y_validation), test)


def pad(reviews: EncodedReviews, num_words: int, max_len: int) -> npt.NDArray[np.int32]:
    """Bring reviews to one length: cut or padded at the front.

    Args:
        reviews: n reviews of any length.
        num_words: ids from here on become `OOV`.
        max_len: ids to keep of each, at least 1.

    Returns:
        int32, shape (n, max_len).

    Source: `keras.datasets.imdb.load_data(num_words=…)` and then
        `keras.utils.pad_sequences(maxlen=…, padding="pre", truncating="pre")`, without their loops over reviews.
    """
    # One padding id in front, at which all positions before a review's beginning point.
    ids = np.concatenate([np.array([PADDING], np.int32), np.where(reviews.ids < num_words, reviews.ids, OOV)])
    positions = reviews.offsets[1:, None] + np.arange(-max_len, 0)
    padded = ids[np.where(positions >= reviews.offsets[:-1, None], positions + 1, 0)]
    return padded.astype(np.int32, copy=False)


def epoch_order(count: int, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """In which order an epoch takes so many reviews: it follows from (seed, epoch) alone."""
    return np.random.default_rng((seed, epoch)).permutation(count)


def blocks_of_epoch(arrays: Arrays, batch_size: int, seed: int, epoch: int, steps: int) -> Iterator[Arrays]:
    """Give the batches of one epoch, those of `training_batches`, many at a time.

    Args:
        arrays: the reviews to learn from.
        batch_size: reviews a batch.
        seed: any non-negative integer.
        epoch: counted from 0.
        steps: batches a block at most, at least 1.

    Yields:
        Blocks of whole batches, x of shape (steps or less, batch_size, max_len) and y of shape (steps or less,
        batch_size, 1); at last the batch that is left, if there is one, as a block of its own.
    """
    order = epoch_order(len(arrays.x), seed, epoch)
    whole = len(order) // batch_size * batch_size
    for start in range(0, whole, steps * batch_size):
        chosen = order[start : min(start + steps * batch_size, whole)].reshape(-1, batch_size)
        yield Arrays(arrays.x[chosen], arrays.y[chosen])
    if whole < len(order):
        left = order[None, whole:]
        yield Arrays(arrays.x[left], arrays.y[left])


def training_batches(
    arrays: Arrays, batch_size: int, seed: int, first_epoch: int = 0
) -> Iterator[tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]]:
    """Give the batches of one epoch after the other, without end.

    The order of an epoch follows from (seed, epoch) alone: not from a backend, nor from the epochs before it, so that
    an interrupted training can go on where it stopped.

    Args:
        arrays: the reviews to learn from.
        batch_size: reviews a batch; the last batch of an epoch holds what is left.
        seed: any non-negative integer.
        first_epoch: the epoch to begin with.

    Yields:
        x, shape (batch_size or less, max_len), and y, shape (batch_size or less, 1).
    """
    count = len(arrays.x)
    epoch = first_epoch
    while True:
        order = epoch_order(count, seed, epoch)
        for start in range(0, count, batch_size):
            chosen = order[start : start + batch_size]
            yield arrays.x[chosen], arrays.y[chosen]
        epoch += 1


def steps_per_epoch(count: int, batch_size: int) -> int:
    """How many batches an epoch of so many reviews has."""
    return -(-count // batch_size)


def _targets(reviews: EncodedReviews) -> npt.NDArray[np.float32]:
    return reviews.labels.astype(np.float32)[:, None]
