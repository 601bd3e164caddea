"""From reviews to the arrays that a model takes, in NumPy alone and therefore the same on every backend."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from imdb_rnn import seeds
from imdb_rnn.text.reviews import EncodedReviews
from imdb_rnn.text.tokens import OOV, PADDING


class Arrays(NamedTuple):
    """Reviews ready for a model; as `TrainingData`, the same in every epoch.

    Attributes:
        x: int32, shape (n, max_len): ids below num_words.
        y: float32, shape (n, 1): 1 is positive, 0 is negative.
    """

    x: npt.NDArray[np.int32]
    y: npt.NDArray[np.float32]

    @property
    def num_examples(self) -> int:
        """See `TrainingData`."""
        return len(self.x)

    def epoch(self, seed: int, epoch: int) -> "Arrays":
        """See `TrainingData`."""
        return self


class TrainingData(Protocol):
    """What is learned from."""

    @property
    def num_examples(self) -> int:
        """How many an epoch has."""

    def epoch(self, seed: int, epoch: int) -> Arrays:
        """Those of an epoch: they follow from (seed, epoch) alone. Their order is `epoch_order`."""


@dataclass(frozen=True)
class WeightedArrays:
    """Reviews of which some are learned from more often than others (`TrainingData`).

    Attributes:
        arrays: n reviews.
        weights: how often each counts, shape (n,).
    """

    arrays: Arrays
    weights: npt.NDArray[np.float64]

    @property
    def num_examples(self) -> int:
        """See `TrainingData`."""
        return len(self.arrays.x)

    def epoch(self, seed: int, epoch: int) -> Arrays:
        """See `TrainingData`."""
        drawn = draw_reviews(self.weights, self.num_examples, seeds.for_draws(seed, epoch))
        return Arrays(self.arrays.x[drawn], self.arrays.y[drawn])


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
    return seeds.for_order(seed, epoch).permutation(count)


def draw_reviews(weights: npt.NDArray[np.float64], count: int, random: np.random.Generator) -> npt.NDArray[np.int64]:
    """Draw reviews by their weights, as evenly as whole numbers allow (systematic sampling).

    Args:
        weights: at least 0, shape (n,), not all 0. If all are the same and `count` is n, each is drawn once.
        count: how many.
        random: says where to begin.

    Returns:
        int64, shape (count,), ascending.
    """
    shares = np.cumsum(weights / weights.sum()) * count
    points = np.arange(count) + random.random()
    last = np.flatnonzero(weights)[-1]  # which rounding may pass
    drawn: npt.NDArray[np.int64] = np.minimum(np.searchsorted(shares, points, side="right"), last)
    return drawn


def blocks_of_epoch(data: TrainingData, batch_size: int, seed: int, epoch: int, steps: int) -> Iterator[Arrays]:
    """Give the batches of one epoch, those of `training_batches`, many at a time.

    Args:
        data: the reviews to learn from.
        batch_size: reviews a batch.
        seed: any non-negative integer.
        epoch: counted from 0.
        steps: batches a block at most, at least 1.

    Yields:
        Blocks of whole batches, x of shape (steps or less, batch_size, max_len) and y of shape (steps or less,
        batch_size, 1); at last the batch that is left, if there is one, as a block of its own.
    """
    arrays, order = data.epoch(seed, epoch), epoch_order(data.num_examples, seed, epoch)
    whole = len(order) // batch_size * batch_size
    for start in range(0, whole, steps * batch_size):
        chosen = order[start : min(start + steps * batch_size, whole)].reshape(-1, batch_size)
        yield Arrays(arrays.x[chosen], arrays.y[chosen])
    if whole < len(order):
        left = order[None, whole:]
        yield Arrays(arrays.x[left], arrays.y[left])


def steps_per_epoch(count: int, batch_size: int) -> int:
    """How many batches an epoch of so many reviews has."""
    return -(-count // batch_size)


def targets(reviews: EncodedReviews) -> npt.NDArray[np.float32]:
    """Labels as a model takes them: float32, shape (n, 1)."""
    return reviews.required_labels().astype(np.float32)[:, None]
