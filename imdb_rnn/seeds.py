"""The streams of random numbers that a seed stands for: one for each purpose, so that none depends on another."""

import numpy as np


def for_weight(seed: int, position: int) -> np.random.Generator:
    """The initial values of the weight at a position of `model.weights`."""
    return np.random.default_rng((seed, position))


def for_order(seed: int, epoch: int) -> np.random.Generator:
    """The order of an epoch."""
    return np.random.default_rng((seed, epoch))


def for_draws(seed: int, epoch: int) -> np.random.Generator:
    """The reviews and windows that an epoch draws."""
    return np.random.default_rng((seed, epoch, 1))


def for_halves(seed: int) -> np.random.Generator:
    """The two halves of the reviews that soft labels are fitted to."""
    return np.random.default_rng((seed, 2))
