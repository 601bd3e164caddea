"""A teacher: what a window says by its words and pairs of words, where its review as a whole may say something else.

Ten words of a good review are often neutral, and now and then blame; to be told that they are praise teaches a model
little. Therefore the target of a window is partly the probability that a logistic regression gives it. That of one
half of the reviews is fitted to the other half, so that a review's own label has no part in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from imdb_rnn import seeds
from imdb_rnn.model.numpy_forward import sigmoid
from imdb_rnn.text.batches import Arrays, TrainingData
from imdb_rnn.text.windows import DrawnWindows, WindowSpans
from imdb_rnn.threads import one_blas_thread
from imdb_rnn.training.calibration import fit_temperature

# What the regressions are fitted to: the windows of so many epochs, fewer where that would be too many windows for the
# memory; in so many columns, with so little regularization.
EPOCHS = 10
MAX_WINDOWS = 200_000
COLUMNS_BITS = 20
REGULARIZATION = 10.0
TOLERANCE = 1e-3

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.integer[Any]]


class Teacher(NamedTuple):
    """Two fitted regressions, each for the half of the reviews that it was not fitted to.

    Attributes:
        sums: of the words and of the pairs, the coefficients of all those that begin before a position in
            `EncodedReviews.ids`; shape (total + 1,) each.
        intercepts: shape (n,), of each review.
    """

    sums: tuple[Floats, ...]
    intercepts: Floats

    def logits(self, windows: DrawnWindows, spans: WindowSpans) -> Floats:
        """What the teacher makes of windows: shape (m,)."""
        begins, ends = spans.of_ids(windows.source)
        found = self.intercepts[spans.review]
        for size, sums in enumerate(self.sums, start=1):
            found = found + sums[np.maximum(ends - size + 1, begins)] - sums[begins]
        return found


@dataclass(frozen=True)
class SoftLabelWindows:
    """Drawn windows whose targets are partly a teacher's (`TrainingData`).

    Attributes:
        windows: the windows.
        teacher: of their reviews.
        temperature: what the teacher's logits are divided by.
        share: of the target, what the teacher gives, 0 to 1; the rest is the label of the review.
    """

    windows: DrawnWindows
    teacher: Teacher
    temperature: float
    share: float

    @property
    def num_examples(self) -> int:
        """See `TrainingData`."""
        return self.windows.num_examples

    def epoch(self, seed: int, epoch: int) -> Arrays:
        """The windows of an epoch; y is in hundredths, between 0 and 1."""
        spans = self.windows.spans(seed, epoch)
        x, y = self.windows.at(spans)
        probabilities = sigmoid(self.teacher.logits(self.windows, spans) / self.temperature)
        y = self.share * probabilities[:, None] + (1 - self.share) * y
        # The last digits depend on how many threads fitted the teacher, and nobody's training should.
        return Arrays(x, np.round(y, 2).astype(np.float32))


def with_soft_labels(windows: DrawnWindows, share: float, seed: int) -> TrainingData:
    """Fit a teacher and have it teach.

    Args:
        windows: what is learned from.
        share: see `SoftLabelWindows`.
        seed: of the halves of the reviews and of the windows that the teacher is fitted to.

    Returns:
        The windows as they are where there are too few reviews of a class for two halves.

    Source: Hinton et al. 2015 (a model learns from another's probabilities); Joachims 1998 (linear models of text).
    """
    labels = windows.source.required_labels()
    half = _halves(labels, seeds.for_halves(seed))
    epochs = max(1, min(EPOCHS, MAX_WINDOWS // windows.num_examples))
    drawn = [windows.spans(seed, epoch) for epoch in range(epochs)]
    spans = WindowSpans(*(np.concatenate(parts) for parts in zip(*drawn, strict=True)))
    fitted_to = [half[spans.review] != side for side in range(2)]
    if any(len(np.unique(labels[spans.review[chosen]])) < 2 for chosen in fitted_to):
        return windows
    columns = _columns(np.minimum(windows.source.ids, windows.num_words))
    present = _present(windows, spans, columns)
    sums = [np.zeros(len(column)) for column in columns]
    intercepts = np.zeros(len(labels))
    half_of_ids = np.repeat(half, windows.source.lengths)
    for side, chosen in enumerate(fitted_to):
        coefficients, intercepts[half == side] = _regression(present[chosen], labels[spans.review[chosen]])
        for found, column in zip(sums, columns, strict=True):
            found[half_of_ids == side] = coefficients[column[half_of_ids == side]]
    teacher = Teacher(tuple(np.concatenate([[0.0], np.cumsum(found)]) for found in sums), intercepts)
    temperature = fit_temperature(teacher.logits(windows, spans), labels[spans.review])
    return SoftLabelWindows(windows, teacher, temperature, share)


def _halves(labels: npt.NDArray[np.int8], random: np.random.Generator) -> Integers:
    """Put one half of each class on either side: 0 or 1, shape (n,)."""
    half, order = np.zeros(len(labels), np.int64), random.permutation(len(labels))
    for label in np.unique(labels):
        members = order[labels[order] == label]
        half[members] = np.arange(len(members)) % 2
    return half


def _columns(ids: npt.NDArray[np.int32]) -> tuple[Integers, ...]:
    """The column of the word, and of the pair of words, that begins at each position: shape (total,) each."""
    words = ids.astype(np.uint64)
    pairs = ((words + np.uint64(1)) << np.uint64(32)) + np.append(words[1:], np.uint64(0))
    # Knuth's multiplicative hashing: the upper bits of a product. Of the few that meet, most are rare.
    shift = np.uint64(64 - COLUMNS_BITS)
    return tuple(((codes * np.uint64(0x9E3779B97F4A7C15)) >> shift).astype(np.int32) for codes in (words, pairs))


def _present(windows: DrawnWindows, spans: WindowSpans, columns: Sequence[Integers]) -> "csr_matrix[Any]":
    """Which words and pairs each window has: 1 where it has one, shape (m, 2 ** COLUMNS_BITS)."""
    begins, ends = spans.of_ids(windows.source)
    rows, found = [], []
    for size, column in enumerate(columns, start=1):
        lengths = np.maximum(ends - begins - size + 1, 0)
        firsts = np.cumsum(lengths) - lengths
        rows.append(np.repeat(np.arange(len(begins), dtype=np.int32), lengths))
        found.append(column[np.repeat(begins - firsts, lengths) + np.arange(lengths.sum())])
    row, column = np.concatenate(rows), np.concatenate(found)
    present = csr_matrix((np.ones(len(row), np.float32), (row, column)), (len(begins), 1 << COLUMNS_BITS))
    present.data[:] = 1  # not how often: fewer steps to the same end
    return present


def _regression(present: "csr_matrix[Any]", labels: npt.NDArray[np.int8]) -> tuple[Floats, float]:
    """Fit a logistic regression: its coefficients, shape (2 ** COLUMNS_BITS,), and its intercept."""
    from sklearn.linear_model import LogisticRegression

    # SciPy's linear algebra may have been loaded only now.
    with one_blas_thread():
        model = LogisticRegression(C=1 / REGULARIZATION, tol=TOLERANCE).fit(present, labels)
    return model.coef_[0], float(model.intercept_[0])
