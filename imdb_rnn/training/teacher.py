"""Soft labels for windows, from a cross-fitted logistic regression on words and pairs of words (the teacher).

A window of ten words from a positive review is often neutral, and sometimes negative, so the label of the review is a
poor target. Therefore the target of a window is partly the probability from a logistic regression. The regression for
one half of the reviews is fitted to the other half, so that the label of a review does not influence its soft labels.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
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

# The regressions are fitted to the windows of so many epochs, limited to a number of windows that fits in memory. The
# features are hashed to 2 ** COLUMNS_BITS columns.
EPOCHS = 10
MAX_WINDOWS = 200_000
COLUMNS_BITS = 20
REGULARIZATION = 10.0
TOLERANCE = 1e-3

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.integer[Any]]


class Teacher(NamedTuple):
    """Two fitted regressions; each predicts for the half of the reviews that it was not fitted to.

    Attributes:
        sums: for words and for pairs, the cumulative sum of the coefficients before each position in
            `EncodedReviews.ids`; shape (total + 1,) each.
        intercepts: the intercept for each review, shape (n,).
    """

    sums: tuple[Floats, ...]
    intercepts: Floats

    def logits(self, windows: DrawnWindows, spans: WindowSpans) -> Floats:
        """Return the teacher's logit for each window: shape (m,)."""
        begins, ends = spans.of_ids(windows.source)
        logits = self.intercepts[spans.review]
        for size, sums in enumerate(self.sums, start=1):
            logits = logits + sums[np.maximum(ends - size + 1, begins)] - sums[begins]
        return logits


@dataclass(frozen=True)
class SoftLabelWindows:
    """Random windows with soft labels; implements `TrainingData`.

    Attributes:
        windows: the windows.
        teacher: the teacher, fitted to their reviews.
        temperature: the divisor of the teacher's logits.
        share: the weight of the teacher's probability in the target, 0 to 1; the rest is the label of the review.
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
        """Return the windows of an epoch; y is between 0 and 1, rounded to two digits."""
        spans = self.windows.spans(seed, epoch)
        x, y = self.windows.at(spans)
        probabilities = sigmoid(self.teacher.logits(self.windows, spans) / self.temperature)
        y = self.share * probabilities[:, None] + (1 - self.share) * y
        # The last digits depend on the number of threads that fitted the teacher; the training must not.
        return Arrays(x, np.round(y, 2).astype(np.float32))


def with_soft_labels(windows: DrawnWindows, share: float, seed: int) -> TrainingData:
    """Fit a teacher and return windows with its soft labels.

    Args:
        windows: the training windows.
        share: see `SoftLabelWindows`.
        seed: the seed of the two halves, and of the windows that the teacher is fitted to.

    Returns:
        Windows with soft labels, or `windows` unchanged if a class has too few reviews for two halves.

    Source: Hinton et al. 2015 (training on the probabilities of another model); Joachims 1998 (linear text
        classifiers).
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
    for side, (coefficients, intercept) in enumerate(_regressions(present, labels[spans.review], fitted_to)):
        intercepts[half == side] = intercept
        for values, column in zip(sums, columns, strict=True):
            values[half_of_ids == side] = coefficients[column[half_of_ids == side]]
    teacher = Teacher(tuple(np.concatenate([[0.0], np.cumsum(values)]) for values in sums), intercepts)
    temperature = fit_temperature(teacher.logits(windows, spans), labels[spans.review])
    return SoftLabelWindows(windows, teacher, temperature, share)


def _halves(labels: npt.NDArray[np.int8], random: np.random.Generator) -> Integers:
    """Split each class into two halves: 0 or 1, shape (n,)."""
    half, order = np.zeros(len(labels), np.int64), random.permutation(len(labels))
    for label in np.unique(labels):
        members = order[labels[order] == label]
        half[members] = np.arange(len(members)) % 2
    return half


def _columns(ids: npt.NDArray[np.int32]) -> tuple[Integers, ...]:
    """Return the columns of the word, and of the pair of words, at each position: shape (total,) each."""
    words = ids.astype(np.uint64)
    pairs = ((words + np.uint64(1)) << np.uint64(32)) + np.append(words[1:], np.uint64(0))
    # Knuth's multiplicative hashing: the upper bits of a product. Collisions are few and mostly of rare pairs.
    shift = np.uint64(64 - COLUMNS_BITS)
    return tuple(((codes * np.uint64(0x9E3779B97F4A7C15)) >> shift).astype(np.int32) for codes in (words, pairs))


def _present(windows: DrawnWindows, spans: WindowSpans, columns: Sequence[Integers]) -> "csr_matrix[Any]":
    """Return the features of each window, 1 for each word and pair in it: shape (m, 2 ** COLUMNS_BITS)."""
    begins, ends = spans.of_ids(windows.source)
    rows, features = [], []
    for size, column in enumerate(columns, start=1):
        lengths = np.maximum(ends - begins - size + 1, 0)
        firsts = np.cumsum(lengths) - lengths
        rows.append(np.repeat(np.arange(len(begins), dtype=np.int32), lengths))
        features.append(column[np.repeat(begins - firsts, lengths) + np.arange(lengths.sum())])
    row, column = np.concatenate(rows), np.concatenate(features)
    present = csr_matrix((np.ones(len(row), np.float32), (row, column)), (len(begins), 1 << COLUMNS_BITS))
    present.data[:] = 1  # not the counts, with which the solver needs more iterations for the same result
    return present


def _regressions(
    present: "csr_matrix[Any]", labels: npt.NDArray[np.int8], fitted_to: Sequence[npt.NDArray[np.bool_]]
) -> list[tuple[Floats, float]]:
    """Fit a logistic regression to each choice of windows, all at the same time.

    Returns:
        The coefficients of each, shape (2 ** COLUMNS_BITS,), and its intercept.
    """
    from sklearn.linear_model import LogisticRegression

    def fit(chosen: npt.NDArray[np.bool_]) -> tuple[Floats, float]:
        rows, coefficients = present[chosen], np.zeros(present.shape[1])
        # The coefficients of all other columns are zero, and would make each iteration of the solver slower.
        used = np.flatnonzero(np.bincount(rows.indices))
        model = LogisticRegression(C=1 / REGULARIZATION, tol=TOLERANCE).fit(rows[:, used], labels[chosen])
        coefficients[used] = model.coef_[0]
        return coefficients, float(model.intercept_[0])

    # Here again, because SciPy's BLAS may not have been loaded until now. SciPy's products run in parallel in threads.
    with one_blas_thread(), ThreadPoolExecutor(len(fitted_to)) as threads:
        return list(threads.map(fit, fitted_to))
