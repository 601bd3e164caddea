"""Converts reviews to the arrays of training batches, in NumPy, so that they are the same on every backend."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from imdb_rnn import seeds
from imdb_rnn.text.permutation import permuted
from imdb_rnn.text.reviews import EncodedReviews, Reviews
from imdb_rnn.text.tokens import OOV, PADDING

# The most reviews of an epoch that are in memory at the same time. A part of reviews of 250 words has 65 MB.
PART = 65_536


class Arrays(NamedTuple):
    """Inputs and targets of a model; implements `TrainingData`, with the same examples in every epoch.

    Attributes:
        x: int32, shape (n, max_len): ids below num_words.
        y: float32, shape (n, 1): 1 is positive, 0 is negative; soft labels lie between.
    """

    x: npt.NDArray[np.int32]
    y: npt.NDArray[np.float32]

    @property
    def num_examples(self) -> int:
        """See `TrainingData`."""
        return len(self.x)

    def epoch(self, seed: int, epoch: int, part: int = 0) -> "Arrays":
        """See `ExamplesInMemory`."""
        return self

    def parts(self, seed: int, epoch: int) -> Iterator["Arrays"]:
        """See `TrainingData`."""
        yield self


class TrainingData(Protocol):
    """The examples to train on."""

    @property
    def num_examples(self) -> int:
        """The number of examples per epoch."""

    def parts(self, seed: int, epoch: int) -> Iterator[Arrays]:
        """Yield the examples of an epoch, which depend only on (seed, epoch); `blocks_of_epoch` shuffles each part."""


class ExamplesInMemory(TrainingData, Protocol):
    """Examples that are made from reviews in memory: all of an epoch, or one part of `PartsOfReviews`."""

    def epoch(self, seed: int, epoch: int, part: int = 0) -> Arrays:
        """Return the examples of an epoch, or of a part of it. They depend only on (seed, epoch, part)."""


@dataclass(frozen=True)
class WeightedArrays:
    """Examples that are drawn in proportion to their weights; implements `TrainingData`.

    Attributes:
        arrays: n examples.
        weights: the weight of each example, shape (n,).
    """

    arrays: Arrays
    weights: npt.NDArray[np.float64]

    @property
    def num_examples(self) -> int:
        """See `TrainingData`."""
        return len(self.arrays.x)

    def epoch(self, seed: int, epoch: int, part: int = 0) -> Arrays:
        """See `ExamplesInMemory`."""
        drawn = draw_reviews(self.weights, self.num_examples, seeds.for_draws(seed, epoch, part))
        return Arrays(self.arrays.x[drawn], self.arrays.y[drawn])

    def parts(self, seed: int, epoch: int) -> Iterator[Arrays]:
        """See `TrainingData`."""
        yield self.epoch(seed, epoch)


@dataclass(frozen=True)
class PartsOfReviews:
    """Examples of any number of reviews, of which only a part is in memory; implements `TrainingData`.

    Each epoch divides the reviews into other parts, of at most `PART` reviews, which are drawn from all reviews. The
    parts differ by one review at most, so that none has so few that its examples would be drawn more than once.

    Attributes:
        reviews: the reviews.
        examples_of: makes the examples of a part, given its reviews and their positions in `reviews`, shape (m,).
    """

    reviews: Reviews
    examples_of: Callable[[EncodedReviews, npt.NDArray[np.int64]], ExamplesInMemory]

    @property
    def num_examples(self) -> int:
        """See `TrainingData`."""
        return len(self.reviews)

    def parts(self, seed: int, epoch: int) -> Iterator[Arrays]:
        """See `TrainingData`."""
        count = -(-self.num_examples // PART)
        for part in range(count):
            numbers = np.arange(self.num_examples * part // count, self.num_examples * (part + 1) // count)
            positions = permuted(numbers, self.num_examples, seeds.of_parts(seed, epoch))
            yield self.examples_of(self.reviews.take(positions), positions).epoch(seed, epoch, part)


def pad(reviews: EncodedReviews, num_words: int, max_len: int) -> npt.NDArray[np.int32]:
    """Truncate or pad reviews at the front to the same length.

    Args:
        reviews: n reviews of any length.
        num_words: ids from this number on become `OOV`.
        max_len: ids per row, at least 1.

    Returns:
        int32, shape (n, max_len).

    Source: `keras.datasets.imdb.load_data(num_words=…)`, then
        `keras.utils.pad_sequences(maxlen=…, padding="pre", truncating="pre")`, without their loops over reviews.
    """
    # All positions before the beginning of a review point to the padding id at the front.
    ids = np.concatenate([np.array([PADDING], np.int32), np.where(reviews.ids < num_words, reviews.ids, OOV)])
    positions = reviews.offsets[1:, None] + np.arange(-max_len, 0)
    padded = ids[np.where(positions >= reviews.offsets[:-1, None], positions + 1, 0)]
    return padded.astype(np.int32, copy=False)


def epoch_order(count: int, seed: int, epoch: int, part: int = 0) -> npt.NDArray[np.int64]:
    """Return a permutation of the `count` examples of a part that depends only on (seed, epoch, part)."""
    return seeds.for_order(seed, epoch, part).permutation(count)


def draw_reviews(weights: npt.NDArray[np.float64], count: int, random: np.random.Generator) -> npt.NDArray[np.int64]:
    """Draw reviews in proportion to their weights, as evenly as possible (systematic sampling).

    Args:
        weights: at least 0, shape (n,), not all 0. If all are equal and `count` is n, each review is drawn once.
        count: the number of reviews to draw.
        random: draws the starting point.

    Returns:
        The indices of the reviews: int64, shape (count,), ascending.
    """
    shares = np.cumsum(weights / weights.sum()) * count
    points = np.arange(count) + random.random()
    last = np.flatnonzero(weights)[-1]  # rounding errors can lead beyond it
    drawn: npt.NDArray[np.int64] = np.minimum(np.searchsorted(shares, points, side="right"), last)
    return drawn


def blocks_of_epoch(data: TrainingData, batch_size: int, seed: int, epoch: int, steps: int) -> Iterator[Arrays]:
    """Yield the batches of an epoch in blocks of many batches.

    The examples of each part are shuffled. Those that do not fill a batch come first in the next part.

    Args:
        data: the examples to train on.
        batch_size: examples per batch.
        seed: any non-negative integer.
        epoch: counted from 0.
        steps: the maximum number of batches per block, at least 1.

    Yields:
        Blocks of full batches: x of shape (at most steps, batch_size, max_len), y of shape (at most steps, batch_size,
        1). A smaller last batch is a block of its own.
    """
    rest: Arrays | None = None
    for part, arrays in enumerate(data.parts(seed, epoch)):
        order = epoch_order(len(arrays.x), seed, epoch, part)
        if rest is not None:
            order = np.concatenate([np.arange(len(rest.x)), order + len(rest.x)])
            arrays = Arrays(np.concatenate([rest.x, arrays.x]), np.concatenate([rest.y, arrays.y]))
        full = len(order) // batch_size * batch_size
        for start in range(0, full, steps * batch_size):
            chosen = order[start : min(start + steps * batch_size, full)].reshape(-1, batch_size)
            yield Arrays(arrays.x[chosen], arrays.y[chosen])
        rest = Arrays(arrays.x[order[full:]], arrays.y[order[full:]])
    if rest is not None and len(rest.x):
        yield Arrays(rest.x[None], rest.y[None])


def steps_per_epoch(count: int, batch_size: int) -> int:
    """Return the number of batches in an epoch of `count` examples."""
    return -(-count // batch_size)


def targets(reviews: EncodedReviews) -> npt.NDArray[np.float32]:
    """Return the labels as targets of a model: float32, shape (n, 1)."""
    return reviews.required_labels().astype(np.float32)[:, None]
