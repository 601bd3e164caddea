"""Computes the stages of the ladder with the oracle, in NumPy and float64."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from sklearn import metrics

from backends_test import oracle
from backends_test.comparison.inputs import HORIZON, SHAPES, STEPS, Inputs
from backends_test.oracle import Weights
from imdb_rnn.text.batches import Arrays

LEARNING_RATE = 0.001
CLIP_VALUE = 1e-3
CLIP_NORM = 1e-2
# A logit beyond which Keras clips scores.
SATURATED = 30.0

# The result of a stage: tensor -> array.
Tensors = dict[str, np.ndarray]
# A change of the gradients before they are applied.
Change = Callable[[Weights], Weights]

# The stages of one step: stage -> the optimizer of the oracle, and the clipping.
ONE_STEP: dict[str, tuple[Callable[[], Any], Change]] = {
    "SGD": (lambda: oracle.SGD(1.0), lambda gradients: gradients),
    "Adam": (oracle.Adam, lambda gradients: gradients),
    "RMSprop": (oracle.RMSprop, lambda gradients: gradients),
    "clipvalue": (lambda: oracle.SGD(1.0), lambda gradients: oracle.clip_by_value(gradients, CLIP_VALUE)),
    "clipnorm": (lambda: oracle.SGD(1.0), lambda gradients: oracle.clip_by_norm(gradients, CLIP_NORM)),
    "global_clipnorm": (lambda: oracle.SGD(1.0), lambda gradients: oracle.clip_by_global_norm(gradients, CLIP_NORM)),
}


def compute(inputs: Inputs) -> dict[str, Tensors]:
    """Compute every stage that needs no saved model: stage -> tensor -> array."""
    start = Weights.of(inputs.start)
    first = inputs.batches[0]
    scores = oracle.forward(start, inputs.reviews.x).scores
    logits = oracle.forward(start, first.x).logits
    return {
        "parameters": parameters(),
        "initial weights": named(inputs.initial),
        "batches": {"order": inputs.order},
        "forward": {"edges": oracle.sigmoid(logits), "reviews": scores},
        "loss": {"loss": np.array(oracle.binary_crossentropy(logits, first.y))},
        "gradients": named(oracle.gradients(start, *first).arrays()),
        **{
            stage: named(steps(inputs.start, optimizer(), [first], change).arrays())
            for stage, (optimizer, change) in ONE_STEP.items()
        },
        "fifty steps": named(steps(inputs.start, oracle.Adam(), inputs.batches[:STEPS]).arrays()),
        "evaluate": evaluate(scores, inputs.reviews.y),
    }


def parameters() -> Tensors:
    """Return the number of parameters of each layer."""
    return {
        "embedding": np.array(10_003 * 16),
        "simple_rnn": np.array(16 * 8 + 8 * 8 + 8),
        "dense": np.array(8 * 1 + 1),
    }


def named(arrays: Iterable[np.ndarray]) -> Tensors:
    """Name arrays that are in the order of `model.get_weights()`."""
    return dict(zip(SHAPES, arrays, strict=True))


def steps(
    start: list[np.ndarray], optimizer: Any, batches: Iterable[Arrays], change: Change = lambda gradients: gradients
) -> Weights:
    """Return the weights after one step per batch."""
    weights = Weights.of(start)
    for x, y in batches:
        optimizer.apply(weights, change(oracle.gradients(weights, x, y)))
    return weights


def evaluate(scores: np.ndarray, labels: np.ndarray) -> Tensors:
    """Compute loss, accuracy, precision and recall with scikit-learn.

    Args:
        scores: shape (n, 1); above 0.5 is positive.
        labels: 0 or 1, shape (n, 1).
    """
    truth, positive = labels.ravel() > 0, scores.ravel() > 0.5
    return {
        "loss": np.array(metrics.log_loss(truth, scores.ravel().astype(np.float64))),
        "accuracy": np.array(metrics.accuracy_score(truth, positive)),
        "precision": np.array(metrics.precision_score(truth, positive)),
        "recall": np.array(metrics.recall_score(truth, positive)),
    }


def saturated_batch(inputs: Inputs) -> Arrays:
    """Return a batch of reviews that are all labelled negative."""
    return Arrays(inputs.batches[0].x, np.zeros_like(inputs.batches[0].y))


def saturated_weights(inputs: Inputs) -> list[np.ndarray]:
    """Return weights that give every review the logit `SATURATED`."""
    *others, out_kernel, out_bias = inputs.start
    return [*others, np.zeros_like(out_kernel), np.full_like(out_bias, SATURATED)]


def saturated(inputs: Inputs, dtype: str, clipped: bool) -> Tensors:
    """Compute a saturated loss, and its derivative, by one of the two conventions (docs/keras-findings.md).

    Args:
        inputs: see `saturated_batch`.
        dtype: the float type of the clipping; 1 - epsilon is not the same number in each.
        clipped: whether scores are clipped, as Keras does on JAX and PyTorch, or the loss is computed from the logits,
            as on TensorFlow.
    """
    number = np.dtype(dtype).type
    epsilon = 1 - float(number(1) - number(oracle.EPSILON)) if clipped else None
    logits = oracle.forward(Weights.of(saturated_weights(inputs)), saturated_batch(inputs).x).logits
    loss = oracle.binary_crossentropy(logits, saturated_batch(inputs).y, epsilon)
    return {"loss": np.array(loss), "slope": np.array([0.0 if clipped else 1.0])}


def training_losses(inputs: Inputs) -> np.ndarray:
    """Return the loss of each batch before its step, from the initial weights on, float64, shape (HORIZON,)."""
    weights, optimizer = Weights.of(inputs.initial), oracle.Adam(LEARNING_RATE)
    losses = np.zeros(HORIZON)
    for step, (x, y) in enumerate(inputs.batches):
        losses[step] = oracle.binary_crossentropy(oracle.forward(weights, x).logits, y)
        optimizer.apply(weights, oracle.gradients(weights, x, y))
    return losses
