"""A review as windows of the model's length: one drawn at random to learn from, all of them to read it whole.

A window is read as a text of its own, so it begins with `START`, and what is before that is padding. Windows that are
drawn follow from (seed, epoch) alone, in NumPy: they are the same on every backend.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from imdb_rnn import seeds
from imdb_rnn.text.batches import Arrays, draw_reviews, targets
from imdb_rnn.text.reviews import EncodedReviews
from imdb_rnn.text.tokens import OOV, PADDING, START

# Of the windows that are drawn: how many an epoch has at least, and how many words each has at least that is cut short.
MIN_WINDOWS = 6_000
MIN_WORDS = 4


class Windows(NamedTuple):
    """Reviews as windows.

    Attributes:
        x: int32, shape (m, max_len): ids below num_words.
        review: int64, shape (m,): the position of the review that a window is of, ascending.
    """

    x: npt.NDArray[np.int32]
    review: npt.NDArray[np.int64]


class WindowSpans(NamedTuple):
    """Where windows are.

    Attributes:
        review: int64, shape (m,): the review of each window.
        begins: int64, shape (m,): its first word, counted from 0.
        lengths: int64, shape (m,): its words.
    """

    review: npt.NDArray[np.int64]
    begins: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]

    def of_ids(self, reviews: EncodedReviews) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Where in `reviews.ids` each window begins and ends, START left out."""
        begins = reviews.offsets[:-1][self.review] + 1 + self.begins
        return begins, begins + self.lengths


@dataclass(frozen=True)
class DrawnWindows:
    """A window of each review, drawn anew for each epoch (`imdb_rnn.text.batches.TrainingData`).

    Some are as long as can be and lie anywhere in their review. The others are short, because people type short texts:
    their lengths are spread evenly over the logarithm. Some of these are the end of their review, where it says what it
    comes to; the others lie anywhere, too.

    Attributes:
        source: the reviews.
        num_words: ids from here on become `OOV`.
        max_len: ids a window, at least 2.
        short: the share of short windows, 0 to 1.
        at_end: the share of the short windows that are the end of their review, 0 to 1.
        weights: how often each review counts, shape (n,); None counts each once. A review of twice the weight is drawn
            twice as often; if all weigh the same, each is drawn equally often.
    """

    source: EncodedReviews
    num_words: int
    max_len: int
    short: float
    at_end: float
    weights: npt.NDArray[np.float64] | None = None

    @property
    def num_examples(self) -> int:
        """How many windows an epoch has: one of each review; more, if there are few."""
        return max(len(self.source), MIN_WINDOWS)

    def epoch(self, seed: int, epoch: int) -> Arrays:
        """The windows of an epoch."""
        return self.at(self.spans(seed, epoch))

    def spans(self, seed: int, epoch: int) -> WindowSpans:
        """Where the windows of an epoch are."""
        random = seeds.for_draws(seed, epoch)
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
        """The windows at some places, each with the label of its review."""
        return Arrays(cut(self.source, spans, self.num_words, self.max_len), targets(self.source)[spans.review])


def windows_of(reviews: EncodedReviews, num_words: int, max_len: int) -> Windows:
    """Cover reviews with windows that overlap by half or more, the first at the beginning, the last at the end.

    Args:
        reviews: n reviews of any length.
        num_words: ids from here on become `OOV`.
        max_len: ids a window, at least 2.
    """
    words, longest = reviews.lengths - 1, max_len - 1
    beyond = np.maximum(words - longest, 0)
    counts = 1 + -(-beyond // max(longest // 2, 1))
    review = np.repeat(np.arange(len(reviews)), counts)
    number = np.arange(len(review)) - np.repeat(np.cumsum(counts) - counts, counts)
    begins = number * beyond[review] // np.maximum(counts - 1, 1)[review]
    spans = WindowSpans(review, begins, np.minimum(words, longest)[review])
    return Windows(cut(reviews, spans, num_words, max_len), review)


def last_windows(reviews: EncodedReviews, num_words: int, max_len: int) -> npt.NDArray[np.int32]:
    """The last window of each review, int32, shape (n, max_len)."""
    words = reviews.lengths - 1
    lengths = np.minimum(words, max_len - 1)
    return cut(reviews, WindowSpans(np.arange(len(reviews)), words - lengths, lengths), num_words, max_len)


def cut(reviews: EncodedReviews, spans: WindowSpans, num_words: int, max_len: int) -> npt.NDArray[np.int32]:
    """Cut windows out of reviews, `START` before each.

    Args:
        reviews: where from.
        spans: where; each window has fewer words than max_len.
        num_words: ids from here on become `OOV`.
        max_len: ids a window.

    Returns:
        int32, shape (m, max_len).
    """
    # Of each place in a window its word, counted from the window's own first.
    word = np.arange(max_len) - (max_len - spans.lengths[:, None])
    # The word before the first is START, of the window or of the review.
    ids = reviews.ids[np.where(word >= 0, spans.of_ids(reviews)[0][:, None] + word, 0)]
    ids = np.where(ids < num_words, ids, OOV)
    return np.where(word >= 0, ids, np.where(word == -1, START, PADDING)).astype(np.int32)


def combine(logits: npt.NDArray[np.floating[Any]], review: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """The mean logit of each review's windows.

    Args:
        logits: shape (m,).
        review: see `Windows`.

    Returns:
        float64, shape (n,).
    """
    return np.bincount(review, logits) / np.bincount(review)
