"""Soft labels for windows, from a cross-fitted logistic regression on words and pairs of words (the teacher).

A window of ten words from a positive review is often neutral, and sometimes negative, so the label of the review is a
poor target. Therefore the target of a window is partly the probability from a logistic regression. The regression for
one half of the reviews is fitted to the other half, so that the label of a review does not influence its soft labels.
In a large corpus the regressions are fitted to a sample.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from imdb_rnn import seeds
from imdb_rnn.model.numpy_forward import sigmoid
from imdb_rnn.text.batches import Arrays
from imdb_rnn.text.reviews import EncodedReviews
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
    """What two fitted regressions say of reviews; each predicts for the half that it was not fitted to.

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
    """Random windows with soft labels; implements `imdb_rnn.text.batches.ExamplesInMemory`.

    Attributes:
        windows: the windows.
        teacher: the teacher of their reviews.
        temperature: the divisor of the teacher's logits.
        share: the weight of the teacher's probability in the target, 0 to 1; the rest is the label of the review.
    """

    windows: DrawnWindows
    teacher: Teacher
    temperature: float
    share: float

    @property
    def num_examples(self) -> int:
        """See `imdb_rnn.text.batches.TrainingData`."""
        return self.windows.num_examples

    def epoch(self, seed: int, epoch: int, part: int = 0) -> Arrays:
        """Return the windows of an epoch, or of a part of it; y is between 0 and 1, rounded to two digits."""
        spans = self.windows.spans(seed, epoch, part)
        x, y = self.windows.at(spans)
        probabilities = sigmoid(self.teacher.logits(self.windows, spans) / self.temperature)
        y = self.share * probabilities[:, None] + (1 - self.share) * y
        # The last digits depend on the number of threads that fitted the teacher; the training must not.
        return Arrays(x, np.round(y, 2).astype(np.float32))

    def parts(self, seed: int, epoch: int) -> Iterator[Arrays]:
        """See `imdb_rnn.text.batches.TrainingData`."""
        yield self.epoch(seed, epoch)


class Regression(NamedTuple):
    """A fitted logistic regression.

    Attributes:
        coefficients: of each column, shape (2 ** COLUMNS_BITS,).
        intercept: the intercept.
    """

    coefficients: Floats
    intercept: float


@dataclass(frozen=True)
class FittedRegressions:
    """The two regressions.

    Attributes:
        regressions: the regression for each half.
        sample: the positions of the reviews that they were fitted to, ascending, shape (n,).
        half: the half of each of these reviews, 0 or 1, shape (n,).
        num_words: ids from this number on are `OOV`.
        temperature: the divisor of the logits.
    """

    regressions: Sequence[Regression]
    sample: Integers
    half: Integers
    num_words: int
    temperature: float

    def soft_labels(self, windows: DrawnWindows, positions: Integers, share: float) -> SoftLabelWindows:
        """Return windows with soft labels.

        Args:
            windows: the windows of m reviews.
            positions: the position of each review, shape (m,). Any that is not in the sample is predicted by either
                regression.
            share: see `SoftLabelWindows`.
        """
        place = np.minimum(np.searchsorted(self.sample, positions), len(self.sample) - 1)
        half = np.where(self.sample[place] == positions, self.half[place], positions % 2)
        teacher = _teacher(self.regressions, windows.source, half, self.num_words)
        return SoftLabelWindows(windows, teacher, self.temperature, share)


def with_soft_labels(windows: DrawnWindows, share: float, seed: int) -> SoftLabelWindows | DrawnWindows:
    """Fit the regressions to all reviews of windows, and return the windows with soft labels; see `fit_regressions`."""
    every = np.arange(len(windows.source))
    fitted = fit_regressions(windows, every, seed)
    return windows if fitted is None else fitted.soft_labels(windows, every, share)


def fit_regressions(windows: DrawnWindows, sample: Integers, seed: int) -> FittedRegressions | None:
    """Fit the two regressions to windows.

    Args:
        windows: the windows of a sample of the reviews.
        sample: the positions of these reviews, ascending, shape (n,).
        seed: the seed of the two halves, and of the windows that the regressions are fitted to.

    Returns:
        The regressions; None if a class has too few reviews for two halves.

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
        return None
    present = _present(windows, spans, _columns(windows.source, windows.num_words))
    regressions = _fit(present, labels[spans.review], fitted_to)
    teacher = _teacher(regressions, windows.source, half, windows.num_words)
    temperature = fit_temperature(teacher.logits(windows, spans), labels[spans.review])
    return FittedRegressions(regressions, sample, half, windows.num_words, temperature)


def _teacher(regressions: Sequence[Regression], reviews: EncodedReviews, half: Integers, num_words: int) -> Teacher:
    """Let the regression of each half predict for the reviews of that half."""
    columns = _columns(reviews, num_words)
    sums = [np.zeros(len(column)) for column in columns]
    intercepts = np.zeros(len(reviews))
    half_of_ids = np.repeat(half, reviews.lengths)
    for side, (coefficients, intercept) in enumerate(regressions):
        intercepts[half == side] = intercept
        for values, column in zip(sums, columns, strict=True):
            values[half_of_ids == side] = coefficients[column[half_of_ids == side]]
    return Teacher(tuple(np.concatenate([[0.0], np.cumsum(values)]) for values in sums), intercepts)


def _halves(labels: npt.NDArray[np.int8], random: np.random.Generator) -> Integers:
    """Split each class into two halves: 0 or 1, shape (n,)."""
    half, order = np.zeros(len(labels), np.int64), random.permutation(len(labels))
    for label in np.unique(labels):
        members = order[labels[order] == label]
        half[members] = np.arange(len(members)) % 2
    return half


def _columns(reviews: EncodedReviews, num_words: int) -> tuple[Integers, ...]:
    """Return the columns of the word, and of the pair of words, at each position: shape (total,) each."""
    words = np.minimum(reviews.ids, num_words).astype(np.uint64)
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


def _fit(
    present: "csr_matrix[Any]", labels: npt.NDArray[np.int8], fitted_to: Sequence[npt.NDArray[np.bool_]]
) -> list[Regression]:
    """Fit a logistic regression to each choice of windows, all at the same time."""
    from sklearn.linear_model import LogisticRegression

    def fit(chosen: npt.NDArray[np.bool_]) -> Regression:
        rows, coefficients = present[chosen], np.zeros(present.shape[1])
        # The coefficients of all other columns are zero, and would make each iteration of the solver slower.
        used = np.flatnonzero(np.bincount(rows.indices))
        model = LogisticRegression(C=1 / REGULARIZATION, tol=TOLERANCE).fit(rows[:, used], labels[chosen])
        coefficients[used] = model.coef_[0]
        return Regression(coefficients, float(model.intercept_[0]))

    # Here again, because SciPy's BLAS may not have been loaded until now. SciPy's products run in parallel in threads.
    with one_blas_thread(), ThreadPoolExecutor(len(fitted_to)) as threads:
        return list(threads.map(fit, fitted_to))
