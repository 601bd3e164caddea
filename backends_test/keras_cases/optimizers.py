"""Cases of every optimizer, its settings and learning rates, on a dense model and on an embedding."""

import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from backends_test.keras_cases import data
from backends_test.keras_cases.case import Case, described

# Settings that every optimizer has.
COMMON: list[dict[str, Any]] = [
    {},
    {"weight_decay": 0.01},
    {"clipnorm": 0.1},
    {"clipvalue": 0.01},
    {"global_clipnorm": 0.1},
    {"use_ema": True, "ema_momentum": 0.9},
    {"use_ema": True, "ema_momentum": 0.9, "ema_overwrite_frequency": 2},
    {"gradient_accumulation_steps": 2},
    {"loss_scale_factor": 8.0},
]
# Optimizer -> settings of its own.
OWN: dict[str, list[dict[str, Any]]] = {
    "Adadelta": [{"rho": 0.5}, {"epsilon": 1e-3}],
    "Adafactor": [{"relative_step": False}, {"clip_threshold": 0.5}, {"beta_2_decay": -0.5}],
    "Adagrad": [{"initial_accumulator_value": 0.5}, {"epsilon": 1e-3}],
    "Adam": [{"amsgrad": True}, {"epsilon": 1e-3}, {"beta_1": 0.5, "beta_2": 0.9}],
    "AdamW": [{"amsgrad": True}, {"weight_decay": 0.1}],
    "Adamax": [{"beta_1": 0.5, "beta_2": 0.9}],
    "Ftrl": [
        {"l1_regularization_strength": 0.1},
        {"l2_regularization_strength": 0.1},
        {"l2_shrinkage_regularization_strength": 0.1},
        {"learning_rate_power": -0.3},
        {"beta": 0.5},
    ],
    "Lamb": [{"beta_1": 0.5, "beta_2": 0.9}],
    "Lion": [{"beta_1": 0.5, "beta_2": 0.9}],
    "Muon": [{"nesterov": False}, {"ns_steps": 2}, {"adam_lr_ratio": 0.5}, {"rms_rate": 0.5}],
    "Nadam": [{"beta_1": 0.5, "beta_2": 0.9}],
    "RMSprop": [
        {"centered": True},
        {"momentum": 0.9},
        {"momentum": 0.9, "centered": True},
        {"rho": 0.5},
    ],
    "SGD": [{"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}],
    "ScheduleFreeAdamW": [{"warmup_steps": 2}, {"beta_1": 0.5}],
}
RATE = 0.05


@keras.saving.register_keras_serializable("keras_cases")
class HalvedRate(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]  # untyped where it is checked
    """A custom schedule: half the rate at every step."""

    def __call__(self, step: Any) -> Any:
        return RATE * keras.ops.power(0.5, keras.ops.cast(step, "float32"))

    def get_config(self) -> dict[str, Any]:
        return {}


@keras.saving.register_keras_serializable("keras_cases")
class Signs(keras.optimizers.Optimizer):  # type: ignore[misc]  # untyped where it is checked
    """A custom optimizer: steps of one size in the direction of the gradient."""

    def __init__(self, learning_rate: float = RATE, name: str = "signs", **settings: Any) -> None:
        super().__init__(learning_rate=learning_rate, name=name, **settings)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        rate = keras.ops.cast(learning_rate, variable.dtype)
        self.assign_sub(variable, keras.ops.multiply(rate, keras.ops.sign(gradient)))


_schedules = keras.optimizers.schedules
# What the learning rate does -> a schedule that changes within a few steps.
SCHEDULES: dict[str, Callable[[], Any]] = {
    "CosineDecay": lambda: _schedules.CosineDecay(RATE, 4),
    "CosineDecay with a warm-up": lambda: _schedules.CosineDecay(0.0, 4, warmup_target=RATE, warmup_steps=2),
    "CosineDecay alpha=0.1": lambda: _schedules.CosineDecay(RATE, 2, alpha=0.1),
    "CosineDecayRestarts": lambda: _schedules.CosineDecayRestarts(RATE, 2, t_mul=1.5, m_mul=0.5, alpha=0.1),
    "ExponentialDecay": lambda: _schedules.ExponentialDecay(RATE, 3, 0.5),
    "ExponentialDecay staircase=True": lambda: _schedules.ExponentialDecay(RATE, 2, 0.5, staircase=True),
    "InverseTimeDecay": lambda: _schedules.InverseTimeDecay(RATE, 3, 0.5),
    "InverseTimeDecay staircase=True": lambda: _schedules.InverseTimeDecay(RATE, 2, 0.5, staircase=True),
    "LearningRateSchedule of one's own": HalvedRate,
    "PiecewiseConstantDecay": lambda: _schedules.PiecewiseConstantDecay([1, 3], [RATE, 0.02, 0.01]),
    "PolynomialDecay": lambda: _schedules.PolynomialDecay(RATE, 3, end_learning_rate=0.01, power=2.0),
    "PolynomialDecay cycle=True": lambda: _schedules.PolynomialDecay(RATE, 2, end_learning_rate=0.01, cycle=True),
}


def _made(subject: str, settings: dict[str, Any]) -> Any:
    return getattr(keras.optimizers, subject)(**{"learning_rate": RATE, **settings})


def _scheduled(schedule: str, subject: str = "SGD") -> Any:
    return _made(subject, {"learning_rate": SCHEDULES[schedule]()})


def _dense(optimizer: Any) -> keras.Model:
    """Returns a model of two dense layers."""
    inputs = keras.Input((5,))
    hidden = keras.layers.Dense(4, activation="tanh", name="hidden")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(3, name="outputs")(hidden))
    model.compile(optimizer=optimizer, loss="mean_squared_error")
    return model


def _embedding(optimizer: Any) -> keras.Model:
    """Returns a model of an embedding. TensorFlow gives it sparse gradients."""
    inputs = keras.Input((6,), dtype="int32")
    embedded = keras.layers.Flatten()(keras.layers.Embedding(10, 3)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(3)(embedded))
    model.compile(optimizer=optimizer, loss="mean_squared_error")
    return model


def _ids() -> data.Array:
    """Ids that repeat within a sequence and within the batch. Some ids never occur."""
    return np.array([[1, 1, 2, 3, 1, 0], [2, 2, 2, 2, 2, 2], [0, 5, 0, 5, 1, 1], [9, 0, 3, 1, 9, 9]], np.int32)


def _targets() -> data.Array:
    return data.normal(data.BATCH, 3, seed=3)


def _on_dense(name: str, subject: str, make: Callable[[], Any]) -> Case:
    return Case(f"{name} on Dense", lambda: _dense(make()), "optimizers", subject, targets=_targets)


def _on_embedding(name: str, subject: str, make: Callable[[], Any]) -> Case:
    return Case(f"{name} on Embedding", lambda: _embedding(make()), "optimizers", subject, _ids, _targets)


def _two_optimizers() -> Any:
    by_layer = keras.optimizers.OptimizerMap(keras.optimizers.SGD(RATE), {"hidden/.*": keras.optimizers.Adam(RATE)})
    return keras.optimizers.MultiOptimizer(by_layer)


def _scaled() -> Any:
    return keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(RATE), initial_scale=1024.0, dynamic_growth_steps=2)


def _mixed() -> keras.Model:
    """Returns a model in float16, for which `compile` wraps the optimizer in a `LossScaleOptimizer`."""
    inputs = keras.Input((5,))
    model = keras.Model(inputs, keras.layers.Dense(3, dtype="mixed_float16")(inputs))
    model.compile(keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(RATE)), "mean_squared_error")
    return model


def _frozen() -> keras.Model:
    """Returns a model in which one of two layers is frozen."""
    model = _dense(keras.optimizers.Adam(RATE, weight_decay=0.01))
    model.get_layer("hidden").trainable = False
    model.compile(keras.optimizers.Adam(RATE, weight_decay=0.01), "mean_squared_error")
    return model


CASES = [
    *(
        on_model(described(subject, **settings), subject, functools.partial(_made, subject, settings))
        for on_model in (_on_dense, _on_embedding)
        for subject in OWN
        for settings in [*COMMON, *OWN[subject]]
    ),
    *(_on_dense(f"SGD with {name}", name.split()[0], functools.partial(_scheduled, name)) for name in SCHEDULES),
    _on_dense("Adam with CosineDecay", "Adam", functools.partial(_scheduled, "CosineDecay", "Adam")),
    _on_dense("Optimizer of one's own", "Optimizer", Signs),
    _on_embedding("Optimizer of one's own", "Optimizer", Signs),
    _on_dense("MultiOptimizer of Adam and SGD", "MultiOptimizer", _two_optimizers),
    _on_dense("OptimizerMap with a default", "OptimizerMap", _two_optimizers),
    _on_dense("LossScaleOptimizer around SGD", "LossScaleOptimizer", _scaled),
    _on_embedding("LossScaleOptimizer around SGD", "LossScaleOptimizer", _scaled),
    Case("LossScaleOptimizer in float16", _mixed, "optimizers", "LossScaleOptimizer", targets=_targets),
    Case("Adam with a frozen layer", _frozen, "optimizers", "Adam", targets=_targets),
]
