"""The random number generators of a seed, one for each purpose, so that they are independent."""

import numpy as np


def for_weight(seed: int, position: int) -> np.random.Generator:
    """Return the generator of the initial values of the weight at a position in `model.weights`."""
    return np.random.default_rng((seed, position))


def for_order(seed: int, epoch: int, part: int = 0) -> np.random.Generator:
    """Return the generator of the order of a part of an epoch."""
    return np.random.default_rng((seed, epoch, 0, part))


def for_draws(seed: int, epoch: int, part: int = 0) -> np.random.Generator:
    """Return the generator of the reviews and windows of a part of an epoch."""
    return np.random.default_rng((seed, epoch, 1, part))


def of_parts(seed: int, epoch: int) -> tuple[int, ...]:
    """Return the seed of the permutation that divides the reviews into the parts of an epoch."""
    return seed, epoch, 2


def of_sample(seed: int) -> tuple[int, ...]:
    """Return the seed of the permutation that draws the reviews that soft labels are fitted to."""
    return seed, 0, 3


def for_halves(seed: int) -> np.random.Generator:
    """Return the generator of the two halves of the reviews that soft labels are fitted to."""
    return np.random.default_rng((seed, 2))
