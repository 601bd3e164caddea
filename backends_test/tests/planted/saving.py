"""Faults of what is written to a `.keras` file, and of what is read from it."""

from typing import Any

import keras
from keras import layers, ops
from planting import Function, chain, output, planted, replace


def saved(*middle: Any, optimizer: Any = None) -> keras.Model:
    """Return a small model with layers in the middle, compiled for regression."""
    model = chain(keras.Input((4,)), layers.Dense(4, name="first"), *middle, layers.Dense(1, name="last"))
    model.compile(optimizer=optimizer or keras.optimizers.SGD(0.1), loss="mse")
    return model


def with_values(owner: Any, value_of: Function) -> None:
    """Have a class of layers save other values. `value_of` takes the layer and the variable."""

    def save(original: Function) -> Function:
        def save_own_variables(self: Any, store: Any) -> None:
            for place, variable in enumerate(self._trainable_variables + self._non_trainable_variables):
                store[str(place)] = value_of(self, variable)

        return save_own_variables

    replace(owner, "save_own_variables", save)


@planted("tensorflow", "saved", "norm")
def moving_variance_not_saved(fault: bool) -> keras.Model:
    """BatchNormalization saves the initial value of its moving variance."""

    def initial(layer: Any, variable: Any) -> Any:
        return ops.ones_like(variable) if variable is layer.moving_variance else variable

    if fault:
        with_values(layers.BatchNormalization, initial)
    return saved(layers.BatchNormalization(name="norm"))


@planted("torch", "saved", "norm")
def weights_swapped_when_loaded(fault: bool) -> keras.Model:
    """LayerNormalization loads gamma as beta and beta as gamma."""

    def swap(layer: Any) -> None:
        gamma, beta = ops.copy(layer.gamma), ops.copy(layer.beta)
        layer.gamma.assign(beta)
        layer.beta.assign(gamma)

    if fault:
        after_load(layers.LayerNormalization, swap)
    return saved(layers.LayerNormalization(name="norm"))


@planted("jax", "saved")
def optimizer_state_not_saved(fault: bool) -> keras.Model:
    """The averages of Adam are saved as zeros."""
    optimizer = keras.optimizers.Adam(0.01)

    def zeros(original: Function) -> Function:
        def save_own_variables(self: Any, store: Any) -> None:
            for place, variable in enumerate(self.variables):
                kept = variable is self._iterations or variable is self._learning_rate
                store[str(place)] = variable.numpy() if kept else 0 * variable.numpy()

        return save_own_variables

    if fault:
        replace(type(optimizer), "save_own_variables", zeros)
    return saved(optimizer=optimizer)


@planted("tensorflow", ("build", "saved"), "activation")
def slope_not_in_configuration(fault: bool) -> keras.Model:
    """The configuration of LeakyReLU lacks its slope."""

    def without_slope(config: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in config.items() if name != "negative_slope"}

    if fault:
        output(layers.LeakyReLU, "get_config", without_slope)
    return saved(layers.LeakyReLU(negative_slope=0.1, name="activation"))


@planted("torch", "saved")
def learning_rate_not_saved(fault: bool) -> keras.Model:
    """The configuration and the variables of SGD hold its default learning rate."""
    optimizer = keras.optimizers.SGD(0.1)

    def default(config: dict[str, Any]) -> dict[str, Any]:
        return {**config, "learning_rate": 0.01}

    if fault:
        output(type(optimizer), "get_config", default)
        after_load(type(optimizer), lambda self: self._learning_rate.assign(0.01))
    return saved(optimizer=optimizer)


@planted("jax", "saved", "first")
def kernel_saved_in_half_precision(fault: bool) -> keras.Model:
    """Dense saves its kernel in float16."""

    def narrow(layer: Any, variable: Any) -> Any:
        return ops.cast(variable, "float16") if variable is layer.kernel else variable

    if fault:
        with_values(layers.Dense, narrow)
    return saved()


@planted("tensorflow", "saved", "first")
def kernel_transposed_when_loaded(fault: bool) -> keras.Model:
    """Dense loads a square kernel transposed."""

    def transpose(layer: Any) -> None:
        rows, columns = layer.kernel.shape
        if rows == columns:
            layer.kernel.assign(ops.transpose(layer.kernel))

    if fault:
        after_load(layers.Dense, transpose)
    return saved()


@planted("torch", ("build", "saved"), "frozen")
def frozen_layer_trained_when_loaded(fault: bool) -> keras.Model:
    """The configuration of a frozen layer says that it is trained."""

    def trainable(config: dict[str, Any]) -> dict[str, Any]:
        return {**config, "trainable": True}

    if fault:
        output(layers.Dense, "get_config", trainable)
    return saved(layers.Dense(3, trainable=False, name="frozen"))


@planted("tensorflow", "saved")
def steps_not_saved(fault: bool) -> keras.Model:
    """Adam starts to count steps at 0 when it is loaded."""
    optimizer = keras.optimizers.Adam(0.01)
    if fault:
        after_load(type(optimizer), lambda self: self._iterations.assign(0))
    return saved(optimizer=optimizer)


def after_load(owner: Any, do: Function) -> None:
    """Do something after each time that an object has loaded its variables."""

    def load(original: Function) -> Function:
        def load_own_variables(self: Any, store: Any) -> None:
            original(self, store)
            do(self)

        return load_own_variables

    replace(owner, "load_own_variables", load)
