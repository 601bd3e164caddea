"""Is it this model that is timed? A trainer against the oracle: weights and losses after fifty steps."""

from collections.abc import Callable

import numpy as np

from backends_test.comparison.stages import LADDER
from benchmarks.inputs import Check
from benchmarks.trainer import Trainer


def tolerance() -> float:
    """How far a trainer may be from the oracle: the ladder's bound for fifty steps of Adam in float32."""
    (stage,) = (stage for stage in LADDER if stage.name == "fifty steps")
    return stage.bounds["float32"].tolerance


def difference(make: Callable[[list[np.ndarray]], Trainer], check: Check) -> float:
    """How far a trainer is from the oracle at its worst.

    Args:
        make: the trainer, of weights.
        check: what it must reproduce.

    Returns:
        The largest absolute difference of any weight after the batches, and of the mean loss before and after them.
    """
    trainer = make(check.start)
    losses = [loss(trainer, check)]
    trainer.train(check.batches)
    losses.append(loss(trainer, check))
    pairs = [*zip(trainer.weights(), check.expected, strict=True), (np.array(losses), check.losses)]
    return max(float(np.abs(found - expected).max()) for found, expected in pairs)


def loss(trainer: Trainer, check: Check) -> float:
    """The mean binary cross-entropy of what a trainer predicts."""
    scores = trainer.predict(check.reviews.x).astype(np.float64)
    positive = check.reviews.y[:, 0] == 1
    return float(-np.log(np.where(positive, scores, 1 - scores)).mean())
