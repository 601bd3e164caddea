"""Windows of reviews: random windows for training, and overlapping windows that cover a whole review for prediction.

The model reads each window as a separate text, so a window begins with `START`, after padding if it is short. Random
windows depend only on (seed, epoch) and are drawn in NumPy, so they are the same on every backend.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from imdb_rnn import seeds
from imdb_rnn.text.batches import Arrays, draw_reviews, targets
from imdb_rnn.text.reviews import EncodedReviews
from imdb_rnn.text.tokens import OOV, PADDING, START

# The minimum number of windows per epoch, and the minimum number of words of a short window.
MIN_WINDOWS = 6_000
MIN_WORDS = 4


class Windows(NamedTuple):
    """Windows and the reviews that they belong to.

    Attributes:
        x: int32, shape (m, max_len): ids below num_words.
        review: int64, shape (m,): the index of each window's review, ascending.
    """

    x: npt.NDArray[np.int32]
    review: npt.NDArray[np.int64]


class WindowSpans(NamedTuple):
    """Positions of windows in reviews.

    Attributes:
        review: int64, shape (m,): the index of each window's review.
        begins: int64, shape (m,): the position of the first word in the review, counted from 0.
        lengths: int64, shape (m,): the number of words.
    """

    review: npt.NDArray[np.int64]
    begins: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]

    def of_ids(self, reviews: EncodedReviews) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return where the words of each window begin and end in `reviews.ids`."""
        begins = reviews.offsets[:-1][self.review] + 1 + self.begins
        return begins, begins + self.lengths


@dataclass(frozen=True)
class DrawnWindows:
    """Random windows of reviews, drawn again for each epoch; implements `imdb_rnn.text.batches.ExamplesInMemory`.

    Some windows have the full length and lie anywhere in their review. The others are short, because people type short
    texts; their lengths are log-uniform. Some of the short windows are the end of their review, which often states the
    verdict; the others lie anywhere.

    Attributes:
        source: the reviews.
        num_words: ids from this number on become `OOV`.
        max_len: ids per window, at least 2.
        short: the share of short windows, 0 to 1.
        at_end: the share of short windows that are the end of their review, 0 to 1.
        weights: the weight of each review, shape (n,); None is 1 for each. A review of twice the weight is drawn twice
            as often.
    """

    source: EncodedReviews
    num_words: int
    max_len: int
    short: float
    at_end: float
    weights: npt.NDArray[np.float64] | None = None

    @property
    def num_examples(self) -> int:
        """The number of windows per epoch: one per review, but at least `MIN_WINDOWS`."""
        return max(len(self.source), MIN_WINDOWS)

    def epoch(self, seed: int, epoch: int, part: int = 0) -> Arrays:
        """Return the windows of an epoch, or of a part of it."""
        return self.at(self.spans(seed, epoch, part))

    def parts(self, seed: int, epoch: int) -> Iterator[Arrays]:
        """See `imdb_rnn.text.batches.TrainingData`."""
        yield self.epoch(seed, epoch)

    def spans(self, seed: int, epoch: int, part: int = 0) -> WindowSpans:
        """Draw the positions of the windows of an epoch, or of a part of it."""
        random = seeds.for_draws(seed, epoch, part)
        weights = np.ones(len(self.source)) if self.weights is None else self.weights
        review = draw_reviews(weights, self.num_examples, random)
        words = self.source.lengths[review] - 1
        longest = np.minimum(words, self.max_len - 1)
        least = np.clip(longest, 1, MIN_WORDS)
        short = random.random(len(review)) < self.short
        at_end = short & (random.random(len(review)) < self.at_end)
        spread = np.exp(np.log(least) + random.random(len(review)) * (np.log(longest + 1) - np.log(least)))
        lengths = np.where(short, np.minimum(spread, longest), longest).astype(np.int64)
        anywhere = random.random(len(review)) * (words - lengths + 1)
        return WindowSpans(review, np.where(at_end, words - lengths, anywhere).astype(np.int64), lengths)

    def at(self, spans: WindowSpans) -> Arrays:
        """Return the windows at the given positions, each with the label of its review."""
        return Arrays(cut(self.source, spans, self.num_words, self.max_len), targets(self.source)[spans.review])


def windows_of(reviews: EncodedReviews, num_words: int, max_len: int) -> Windows:
    """Cover reviews with windows that overlap by at least half.

    The first window begins at the start of the review, and the last one ends at its end.

    Args:
        reviews: n reviews of any length.
        num_words: ids from this number on become `OOV`.
        max_len: ids per window, at least 2.
    """
    words, longest = reviews.lengths - 1, max_len - 1
    surplus = np.maximum(words - longest, 0)
    counts = 1 + -(-surplus // max(longest // 2, 1))
    review = np.repeat(np.arange(len(reviews)), counts)
    number = np.arange(len(review)) - np.repeat(np.cumsum(counts) - counts, counts)
    begins = number * surplus[review] // np.maximum(counts - 1, 1)[review]
    spans = WindowSpans(review, begins, np.minimum(words, longest)[review])
    return Windows(cut(reviews, spans, num_words, max_len), review)


def last_windows(reviews: EncodedReviews, num_words: int, max_len: int) -> npt.NDArray[np.int32]:
    """Return the last window of each review: int32, shape (n, max_len)."""
    words = reviews.lengths - 1
    lengths = np.minimum(words, max_len - 1)
    return cut(reviews, WindowSpans(np.arange(len(reviews)), words - lengths, lengths), num_words, max_len)


def cut(reviews: EncodedReviews, spans: WindowSpans, num_words: int, max_len: int) -> npt.NDArray[np.int32]:
    """Cut windows out of reviews, and put `START` before each.

    Args:
        reviews: the reviews.
        spans: the positions of the windows; each has fewer words than `max_len`.
        num_words: ids from this number on become `OOV`.
        max_len: ids per window.

    Returns:
        int32, shape (m, max_len).
    """
    # The number of the word at each position, counted from the window's first word; -1 is START, less is padding.
    word = np.arange(max_len) - (max_len - spans.lengths[:, None])
    ids = reviews.ids[np.where(word >= 0, spans.of_ids(reviews)[0][:, None] + word, 0)]
    ids = np.where(ids < num_words, ids, OOV)
    return np.where(word >= 0, ids, np.where(word == -1, START, PADDING)).astype(np.int32)


def combine(logits: npt.NDArray[np.floating[Any]], review: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Average the logits of the windows of each review.

    Args:
        logits: the logit of each window, shape (m,).
        review: the index of each window's review, shape (m,); see `Windows`.

    Returns:
        float64, shape (n,).
    """
    return np.bincount(review, logits) / np.bincount(review)
