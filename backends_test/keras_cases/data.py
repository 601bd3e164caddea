"""The NumPy arrays of the cases for which random normal numbers would not do."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

BATCH = 4

# A full sequence, and sequences with padding at the end, at the front and in the middle.
PADDED_IDS = np.array(
    [[3, 1, 4, 1, 5, 9, 2], [6, 5, 3, 5, 0, 0, 0], [0, 0, 8, 9, 7, 9, 3], [2, 3, 0, 0, 8, 4, 6]], np.int32
)


def random(seed: int = 0) -> np.random.Generator:
    """Returns a generator that draws the same numbers in every process."""
    return np.random.default_rng(seed)


def normal(*shape: int, seed: int = 0) -> Array:
    """Returns float32 numbers of the standard normal distribution."""
    return random(seed).standard_normal(shape).astype(np.float32)


def uniform(low: float, high: float, *shape: int, seed: int = 0) -> Array:
    """Returns float32 numbers between two limits."""
    return random(seed).uniform(low, high, shape).astype(np.float32)


def integers(low: int, high: int, *shape: int, seed: int = 0) -> Array:
    """Returns int32 numbers from `low` to `high - 1`."""
    return random(seed).integers(low, high, shape).astype(np.int32)


def images(*shape: int, seed: int = 0) -> Array:
    """Returns float32 images with the values of 8 bits: whole numbers from 0 to 255."""
    return integers(0, 256, *shape, seed=seed).astype(np.float32)


def one_hot(classes: int, *shape: int, seed: int = 0) -> Array:
    """Returns float32 targets, one class per sample, shape `(*shape, classes)`."""
    return np.eye(classes, dtype=np.float32)[integers(0, classes, *shape, seed=seed)]


def probabilities(classes: int, *shape: int, seed: int = 0) -> Array:
    """Returns float32 distributions over the classes, shape `(*shape, classes)`. No class has the probability 0."""
    return random(seed).dirichlet(np.ones(classes), shape).astype(np.float32)


def padded(features: int, seed: int = 0) -> Array:
    """Returns normal numbers with the padding of `PADDED_IDS` as zeros, shape (4, 7, features)."""
    numbers = normal(*PADDED_IDS.shape, features, seed=seed)
    numbers[PADDED_IDS == 0] = 0
    return numbers
