"""Measures how well scores are calibrated: the share of positive reviews among those with similar scores."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]

BINS = 15


class Reliability(NamedTuple):
    """Reviews grouped by score, in bins of equal width.

    Attributes:
        scores: mean score of each bin, float64, shape (bins,); NaN for empty bins.
        positive: share of positive reviews in each bin, float64, shape (bins,); NaN for empty bins.
        counts: number of reviews in each bin, int64, shape (bins,).
    """

    scores: Floats
    positive: Floats
    counts: npt.NDArray[np.int64]

    @property
    def error(self) -> float:
        """The expected calibration error, 0 to 1: the mean distance of score and share, weighted by reviews.

        Source: Naeini et al. 2015.
        """
        filled = self.counts > 0
        distances = np.abs(self.scores - self.positive)[filled]
        return float(np.average(distances, weights=self.counts[filled]))


def reliability(scores: Floats, labels: npt.ArrayLike) -> Reliability:
    """Group reviews by score.

    Args:
        scores: shape (n,), 0 to 1.
        labels: 0 or 1, shape (n,).
    """
    chosen = np.minimum((scores * BINS).astype(int), BINS - 1)
    counts = np.bincount(chosen, minlength=BINS)
    with np.errstate(invalid="ignore"):
        means = [np.bincount(chosen, values, minlength=BINS) / counts for values in (scores, np.asarray(labels))]
    return Reliability(means[0], means[1], counts)
