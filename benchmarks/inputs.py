"""Reads the inputs of a run: reviews, initial weights, and the results of the oracle (see preparation.py).

FOLDER/training.npz holds an epoch of 20,000 reviews, 5,000 reviews to predict, and the initial weights.
FOLDER/check.npz holds fifty batches and the oracle's results for them, so that the oracle runs only once.
FOLDER/imdb/ holds the files of the IMDB reviews, if they are on this machine: whole runs read them as users do.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imdb_rnn.text.batches import Arrays

TRAINING, CHECK, IMDB = "training.npz", "check.npz", "imdb"
STEPS = 50  # before the weights are compared with the oracle's


@dataclass(frozen=True)
class Check:
    """The results that a trainer must reproduce.

    Attributes:
        start: the weights to start with.
        batches: the batches to train on, in order.
        reviews: the reviews to predict.
        expected: the oracle's weights after the batches, float64.
        losses: the oracle's mean loss of the reviews before and after the batches, float64, shape (2,).
    """

    start: list[np.ndarray]
    batches: list[Arrays]
    reviews: Arrays
    expected: list[np.ndarray]
    losses: np.ndarray


@dataclass(frozen=True)
class Training:
    """The inputs of everything that is timed.

    Attributes:
        reviews: the reviews of an epoch.
        predicted: the reviews to predict.
        initial: the initial weights.
    """

    reviews: Arrays
    predicted: Arrays
    initial: list[np.ndarray]


def read_training(folder: Path) -> Training:
    """Read the inputs of everything that is timed."""
    with np.load(folder / TRAINING) as arrays:
        reviews, predicted = (Arrays(arrays[x], arrays[y]) for x, y in (("x", "y"), ("predicted_x", "predicted_y")))
        return Training(reviews, predicted, [arrays[f"weight_{i}"] for i in range(6)])


def read_check(folder: Path) -> Check:
    """Read the results that a trainer must reproduce."""
    with np.load(folder / CHECK) as arrays:
        start, expected = ([arrays[f"{name}_{i}"] for i in range(6)] for name in ("start", "expected"))
        batches = [Arrays(arrays[f"x_{i}"], arrays[f"y_{i}"]) for i in range(STEPS)]
        reviews = Arrays(arrays["reviews_x"], arrays["reviews_y"])
        return Check(start, batches, reviews, expected, arrays["losses"])
