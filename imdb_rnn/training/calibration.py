"""Temperature scaling, which calibrates scores: of the reviews with the score 0.8, 80 % should be positive."""

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]

# With few validation reviews, the best temperature can be extreme.
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.25, 4.0


def fit_temperature(logits: Floats, labels: npt.ArrayLike, weights: npt.NDArray[np.float64] | None = None) -> float:
    """Return the temperature that minimizes the cross-entropy of logits / temperature, between 1/4 and 4.

    Args:
        logits: shape (n,).
        labels: 0 or 1, shape (n,).
        weights: the weight of each review in the loss, shape (n,); None is 1 for each.

    Source: Guo et al. 2017.
    """
    from scipy.optimize import minimize_scalar

    signs = 1 - 2 * np.asarray(labels, np.float64)

    def loss(log_temperature: float) -> float:
        return float(np.average(np.logaddexp(0, signs * logits / np.exp(log_temperature)), weights=weights))

    minimum = minimize_scalar(loss, bounds=(np.log(MIN_TEMPERATURE), np.log(MAX_TEMPERATURE)), method="bounded")
    return float(np.exp(minimum.x))
