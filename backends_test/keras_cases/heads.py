"""Small compiled models: one dense layer whose outputs suit a loss or a metric."""

import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from backends_test.keras_cases import data

CLASSES = 3
FEATURES = 5

# Kind of target -> the targets, shape (4, 3) except for ids, which have the shape (4,).
TARGETS: dict[str, Callable[[], data.Array]] = {
    "binary": lambda: data.integers(0, 2, data.BATCH, CLASSES, seed=3).astype(np.float32),
    "ids": lambda: np.array([2, 0, 1, 2], np.int32),
    "one hot": lambda: np.eye(CLASSES, dtype=np.float32)[[2, 0, 1, 2]],
    "positive": lambda: data.uniform(0.1, 3, data.BATCH, CLASSES),
    "probabilities": lambda: data.probabilities(CLASSES, data.BATCH),
    "real": lambda: data.normal(data.BATCH, CLASSES, seed=3),
    "signs": lambda: data.integers(0, 2, data.BATCH, CLASSES, seed=3).astype(np.float32) * 2 - 1,
    "with zeros": lambda: np.round(data.normal(data.BATCH, CLASSES, seed=3)),
}


def dense_model(
    activation: str | None, loss: Any, metrics: list[Any] | None = None, units: int = CLASSES
) -> keras.Model:
    """Returns a compiled model with one dense layer.

    Args:
        activation: the activation of the outputs, or "unit" for outputs of length 1.
        loss: as for `keras.Model.compile`.
        metrics: as for `keras.Model.compile`.
        units: the number of outputs.
    """
    inputs = keras.Input((FEATURES,))
    if activation == "unit":
        outputs = keras.layers.UnitNormalization()(keras.layers.Dense(units)(inputs))
    else:
        outputs = keras.layers.Dense(units, activation=activation)(inputs)
    return compiled(inputs, outputs, loss, metrics)


def compiled(inputs: Any, outputs: Any, loss: Any, metrics: list[Any] | None = None) -> keras.Model:
    """Returns a model compiled with plain gradient descent, which adds nothing of its own to the numbers."""
    model = keras.Model(inputs, outputs)
    model.compile(optimizer=keras.optimizers.SGD(0.05), loss=loss, metrics=metrics)
    return model


def scaled_inputs(scale: float) -> Callable[[], data.Array]:
    """Returns a function that draws inputs which are so large that the outputs saturate."""
    return functools.partial(_scaled, scale)


def _scaled(scale: float) -> data.Array:
    return data.normal(data.BATCH, FEATURES) * np.float32(scale)
