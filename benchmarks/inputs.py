"""What every measured process is given: reviews, initial weights, and the oracle's own steps (see preparation.py).

FOLDER/training.npz holds an epoch of 20,000 reviews, 5,000 to predict, and the weights to begin with; FOLDER/check.npz
fifty batches and what the oracle makes of them, so that it computes once and not in every process. FOLDER/imdb/ has the
files of the IMDB reviews, where they are at hand: whole runs read them as a user's do.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imdb_rnn.text.batches import Arrays

TRAINING, CHECK, IMDB = "training.npz", "check.npz", "imdb"
STEPS = 50  # after which the weights are compared with the oracle's


@dataclass(frozen=True)
class Check:
    """What a trainer must reproduce.

    Attributes:
        start: the weights to begin with.
        batches: to train on, one after the other.
        reviews: to predict.
        expected: the oracle's weights after those batches, float64.
        losses: the oracle's mean loss of the reviews before and after, float64, shape (2,).
    """

    start: list[np.ndarray]
    batches: list[Arrays]
    reviews: Arrays
    expected: list[np.ndarray]
    losses: np.ndarray


@dataclass(frozen=True)
class Training:
    """What is timed.

    Attributes:
        reviews: an epoch.
        predicted: reviews to predict.
        initial: the weights to begin with.
    """

    reviews: Arrays
    predicted: Arrays
    initial: list[np.ndarray]


def read_training(folder: Path) -> Training:
    """Read what is timed."""
    with np.load(folder / TRAINING) as arrays:
        reviews, predicted = (Arrays(arrays[x], arrays[y]) for x, y in (("x", "y"), ("predicted_x", "predicted_y")))
        return Training(reviews, predicted, [arrays[f"weight_{i}"] for i in range(6)])


def read_check(folder: Path) -> Check:
    """Read what a trainer must reproduce."""
    with np.load(folder / CHECK) as arrays:
        start, expected = ([arrays[f"{name}_{i}"] for i in range(6)] for name in ("start", "expected"))
        batches = [Arrays(arrays[f"x_{i}"], arrays[f"y_{i}"]) for i in range(STEPS)]
        reviews = Arrays(arrays["reviews_x"], arrays["reviews_y"])
        return Check(start, batches, reviews, expected, arrays["losses"])
