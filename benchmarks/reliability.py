"""How well scores are calibrated: the share of positive reviews among those of about the same score."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]

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
