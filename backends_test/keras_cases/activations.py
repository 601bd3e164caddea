"""Cases of every activation: in both tails, at zero, and where the formula changes."""

import functools
from typing import Any

import keras
import numpy as np

from backends_test.keras_cases import data
from backends_test.keras_cases.case import Case, described
from backends_test.keras_cases.functional import Tensor, functional

FEATURES = 6  # an even number, which `glu` needs

# Activation -> the inputs where its formula or its derivative changes.
CORNERS: dict[str, tuple[float, ...]] = {
    "celu": (0,),
    "elu": (0,),
    "exponential": (88.72, 88.73, -87.34, -103.9, -104.1),
    "gelu": (0,),
    "glu": (0,),
    "hard_shrink": (-0.5, 0.5),
    "hard_sigmoid": (-3, 3),
    "hard_silu": (-3, 3),
    "hard_swish": (-3, 3),
    "hard_tanh": (-1, 1),
    "leaky_relu": (0,),
    "linear": (0,),
    "log_sigmoid": (0, -88, -104),
    "log_softmax": (0,),
    "mish": (0, 20, -20),
    "relu": (0,),
    "relu6": (0, 6),
    "selu": (0,),
    "sigmoid": (0, 17, -88, -104),
    "silu": (0, -88, -104),
    "soft_shrink": (-0.5, 0.5),
    "softmax": (0,),
    "softplus": (0, 20, -104),
    "softsign": (0,),
    "sparse_plus": (-1, 1),
    "sparse_sigmoid": (-1, 1),
    "sparsemax": (0, 0.5, 1),
    "squareplus": (0,),
    "swish": (0, -88, -104),
    "tanh": (0, 9, -9),
    "tanh_shrink": (0, 9, -9),
}
# Activations whose result depends on an argument.
SETTINGS: dict[str, list[dict[str, Any]]] = {
    "celu": [{"alpha": 0.5}],
    "elu": [{"alpha": 0.5}],
    "gelu": [{"approximate": True}],
    "glu": [{"axis": 1}],
    "hard_shrink": [{"threshold": 1.5}],
    "leaky_relu": [{"negative_slope": 0.01}],
    "log_softmax": [{"axis": 1}],
    "relu": [{"negative_slope": 0.1}, {"max_value": 4.0}, {"threshold": 1.0}, {"max_value": 4.0, "threshold": 1.0}],
    "soft_shrink": [{"threshold": 1.5}],
    "softmax": [{"axis": 1}, {"axis": (1, 2)}],
    "sparsemax": [{"axis": -1}],
    "squareplus": [{"b": 0.5}],
    "threshold": [{"threshold": 1.0, "default_value": -2.0}],
}


def _after_dense(name: str, inputs: Any) -> Any:
    # Without a bias the sequence of zeros stays exactly zero.
    return keras.layers.Activation(name)(keras.layers.Dense(FEATURES, use_bias=False)(inputs))


def _alone(name: str, inputs: Any) -> Any:
    return keras.layers.Activation(name)(inputs)


def _with_settings(name: str, settings: dict[str, Any], inputs: Any) -> Any:
    return getattr(keras.activations, name)(keras.layers.Dense(FEATURES, use_bias=False)(inputs), **settings)


def _tails(*shape: int) -> data.Array:
    """Numbers from -30 to 30, and a first sample of zeros."""
    values = data.uniform(-30, 30, data.BATCH, *shape)
    values[0] = 0
    return values


def _corners(corners: tuple[float, ...]) -> data.Array:
    """The corners, their neighbours among the float32 numbers, and limits of float32, shape (n, 6)."""
    exact = np.array(corners, np.float32)
    around = np.concatenate([exact, np.nextafter(exact, np.float32(np.inf)), np.nextafter(exact, np.float32(-np.inf))])
    limits = np.array([0, 1e-7, -1e-7, 30, -30, 88, -88, 1e4, -1e4], np.float32)
    values = np.concatenate([around, limits])
    return np.resize(values, (-(-len(values) // FEATURES), FEATURES))


def _case(name: str, apply: Any, subject: str, shape: tuple[int, ...], inputs: Any) -> Case:
    return Case(name, functools.partial(functional, apply, Tensor(shape)), "activations", subject, inputs)


CASES = [
    *(
        _case(
            f"{name} after Dense",
            functools.partial(_after_dense, name),
            name,
            (FEATURES,),
            functools.partial(_tails, FEATURES),
        )
        for name in CORNERS
    ),
    *(
        _case(
            f"{name} at its corners",
            functools.partial(_alone, name),
            name,
            (FEATURES,),
            functools.partial(_corners, corners),
        )
        for name, corners in CORNERS.items()
    ),
    *(
        _case(
            described(name, **settings),
            functools.partial(_with_settings, name, settings),
            name,
            (4, FEATURES),
            functools.partial(_tails, 4, FEATURES),
        )
        for name, table in SETTINGS.items()
        for settings in table
    ),
]

# Public function -> why it has no case.
ABSENT = {
    "deserialize": "It finds an activation by its configuration.",
    "get": "It finds an activation by its name.",
    "serialize": "It writes the configuration of an activation.",
}
