"""The random number generators of a seed, one for each purpose, so that they are independent."""

import numpy as np


def for_weight(seed: int, position: int) -> np.random.Generator:
    """Return the generator of the initial values of the weight at a position in `model.weights`."""
    return np.random.default_rng((seed, position))


def for_order(seed: int, epoch: int) -> np.random.Generator:
    """Return the generator of the order of an epoch."""
    return np.random.default_rng((seed, epoch))


def for_draws(seed: int, epoch: int) -> np.random.Generator:
    """Return the generator of the reviews and windows of an epoch."""
    return np.random.default_rng((seed, epoch, 1))


def for_halves(seed: int) -> np.random.Generator:
    """Return the generator of the two halves of the reviews that soft labels are fitted to."""
    return np.random.default_rng((seed, 2))
