"""Checks that a trainer computes this model: its weights and losses after fifty steps agree with the oracle."""

from collections.abc import Callable

import numpy as np

from backends_test.comparison.stages import LADDER
from benchmarks.inputs import Check
from benchmarks.trainer import Trainer


def tolerance() -> float:
    """Return the largest difference from the oracle: the tolerance of the ladder for fifty steps of Adam in float32."""
    (stage,) = (stage for stage in LADDER if stage.name == "fifty steps")
    return stage.bounds["float32"].tolerance


def difference(make: Callable[[list[np.ndarray]], Trainer], check: Check) -> float:
    """Measure the difference of a trainer from the oracle.

    Args:
        make: returns a trainer with the given weights.
        check: what the trainer must reproduce.

    Returns:
        The largest absolute difference of any weight after the batches, and of the mean loss before and after them.
    """
    trainer = make(check.start)
    losses = [loss(trainer, check)]
    trainer.train(check.batches)
    losses.append(loss(trainer, check))
    pairs = [*zip(trainer.weights(), check.expected, strict=True), (np.array(losses), check.losses)]
    return max(float(np.abs(ours - expected).max()) for ours, expected in pairs)


def loss(trainer: Trainer, check: Check) -> float:
    """Return the mean binary cross-entropy of a trainer's predictions."""
    scores = trainer.predict(check.reviews.x).astype(np.float64)
    positive = check.reviews.y[:, 0] == 1
    return float(-np.log(np.where(positive, scores, 1 - scores)).mean())
