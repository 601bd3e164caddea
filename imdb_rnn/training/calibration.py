"""Scores that mean what they say: of reviews with the score 0.8, eight in ten are positive.

May import: numpy, scipy.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]

# A handful of validation reviews can ask for anything.
LEAST, MOST = 0.25, 4.0
BINS = 15


class Reliability(NamedTuple):
    """Reviews by their score, in bins of equal width.

    Attributes:
        scores: float64, shape (bins,): the mean score in each bin; NaN where it is empty.
        positive: float64, shape (bins,): the share of positive reviews; NaN where it is empty.
        counts: int64, shape (bins,): the reviews in each.
    """

    scores: Floats
    positive: Floats
    counts: npt.NDArray[np.int64]

    @property
    def error(self) -> float:
        """The expected calibration error: the mean distance of score and share, over reviews; 0 to 1.

        Source: Naeini et al. 2015.
        """
        filled = self.counts > 0
        distances = np.abs(self.scores - self.positive)[filled]
        return float(np.average(distances, weights=self.counts[filled]))


def reliability(scores: Floats, labels: npt.ArrayLike) -> Reliability:
    """Sort reviews into bins.

    Args:
        scores: shape (n,), 0 to 1.
        labels: 0 or 1, shape (n,).
    """
    chosen = np.minimum((scores * BINS).astype(int), BINS - 1)
    counts = np.bincount(chosen, minlength=BINS)
    with np.errstate(invalid="ignore"):
        means = [np.bincount(chosen, values, minlength=BINS) / counts for values in (scores, np.asarray(labels))]
    return Reliability(means[0], means[1], counts)


def temperature_of(logits: Floats, labels: npt.ArrayLike, weights: npt.NDArray[np.float64] | None = None) -> float:
    """The number to divide logits by so that their cross-entropy is least, between 1/4 and 4.

    Args:
        logits: shape (n,).
        labels: 0 or 1, shape (n,).
        weights: how much each counts, shape (n,); None counts each once.

    Source: Guo et al. 2017.
    """
    from scipy.optimize import minimize_scalar

    signs = 1 - 2 * np.asarray(labels, np.float64)

    def loss(log_temperature: float) -> float:
        return float(np.average(np.logaddexp(0, signs * logits / np.exp(log_temperature)), weights=weights))

    found = minimize_scalar(loss, bounds=(np.log(LEAST), np.log(MOST)), method="bounded")
    return float(np.exp(found.x))
