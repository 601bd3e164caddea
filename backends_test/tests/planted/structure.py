"""Faults of what a model consists of, and of the values that its weights take."""

from typing import Any

import keras
from keras import layers, ops
from planting import Function, after, chain, override, planted, replace


@planted("torch", "build", "hidden")
def dense_use_bias_ignored(fault: bool) -> keras.Model:
    """Dense has no bias although `use_bias` is true."""
    if fault:
        after(layers.Dense, "__init__", lambda layer: setattr(layer, "use_bias", False))
    return chain(keras.Input((4,)), layers.Dense(3, name="hidden"), layers.Activation("tanh"))


@planted("jax", "build", "recurrent")
def gru_reset_after_ignored(fault: bool) -> keras.Model:
    """GRU is built as if `reset_after` were false: one bias where there should be two."""
    if fault:
        after(layers.GRUCell, "__init__", lambda cell: setattr(cell, "reset_after", False))
    return chain(keras.Input((5, 3)), layers.GRU(4, name="recurrent"))


@planted("tensorflow", "build", "embedding")
def embedding_in_half_precision(fault: bool) -> keras.Model:
    """Embedding keeps its table in float16."""
    if fault:
        override(layers.Embedding, "add_weight", dtype="float16")
    return chain(keras.Input((6,), dtype="int32"), layers.Embedding(9, 4, name="embedding"))


@planted("torch", "build", "norm")
def moving_mean_trainable(fault: bool) -> keras.Model:
    """The moving mean of BatchNormalization is trained."""
    if fault:
        after(layers.BatchNormalization, "build", lambda layer: setattr(layer.moving_mean, "trainable", True))
    return chain(keras.Input((4,)), layers.Dense(3), layers.BatchNormalization(name="norm"))


@planted("jax", ("build", "forward"), "pool")
def pooling_rounds_up(fault: bool) -> keras.Model:
    """MaxPooling2D pools the incomplete window at the border as well."""
    if fault:
        after(layers.MaxPooling2D, "__init__", lambda layer: setattr(layer, "padding", "same"))
    return chain(keras.Input((5, 5, 2)), layers.MaxPooling2D(2, name="pool"), layers.GlobalAveragePooling2D())


@planted("tensorflow", "build", "hidden")
def kernel_stored_transposed(fault: bool) -> keras.Model:
    """Dense keeps its kernel with the units first. What it computes is right."""

    def units_first(original: Function) -> Function:
        def add_weight(self: Any, *arguments: Any, **keywords: Any) -> Any:
            if keywords.get("name") == "kernel":
                keywords["shape"] = keywords["shape"][::-1]
            return original(self, *arguments, **keywords)

        return add_weight

    def transposed(original: Function) -> Function:
        def call(self: Any, inputs: Any, training: Any = None) -> Any:
            return self.activation(ops.matmul(inputs, ops.transpose(self.kernel)) + self.bias)

        return call

    if fault:
        replace(layers.Dense, "add_weight", units_first)
        replace(layers.Dense, "call", transposed)
    return chain(keras.Input((4,)), layers.Dense(3, name="hidden"), layers.Activation("relu"))


@planted("jax", ("build", "forward"), "norm")
def output_in_bfloat16(fault: bool) -> keras.Model:
    """LayerNormalization returns bfloat16."""

    def narrow(original: Function) -> Function:
        def call(self: Any, inputs: Any) -> Any:
            return ops.cast(original(self, inputs), "bfloat16")

        return call

    if fault:
        replace(layers.LayerNormalization, "call", narrow)
    return chain(keras.Input((6,)), layers.LayerNormalization(name="norm"), layers.Dense(3))


@planted("jax", "weights", "hidden")
def bias_not_assigned(fault: bool) -> keras.Model:
    """Assigning a value to a bias is forgotten."""

    def forget(original: Function) -> Function:
        def assign(self: Any, value: Any) -> Any:
            return self.value if self.path.endswith("hidden/bias") else original(self, value)

        return assign

    if fault:
        replace(keras.Variable, "assign", forget)
    return chain(keras.Input((4,)), layers.Dense(3, name="hidden"), layers.Dense(2))


@planted("torch", "weights", "first")
def kernels_share_memory(fault: bool) -> keras.Model:
    """Two kernels of the same shape share their memory: assigning to one changes the other."""
    model = chain(keras.Input((4,)), layers.Dense(4, name="first"), layers.Dense(4, name="second"))
    if fault:
        model.get_layer("second").kernel.value.data = model.get_layer("first").kernel.value.data
    return model


@planted("tensorflow", "weights", "hidden")
def kernel_rounded_when_assigned(fault: bool) -> keras.Model:
    """A value assigned to a kernel passes through float16."""

    def narrow(original: Function) -> Function:
        def assign(self: Any, value: Any) -> Any:
            if self.path.endswith("hidden/kernel"):
                value = ops.cast(ops.cast(value, "float16"), self.dtype)
            return original(self, value)

        return assign

    if fault:
        replace(keras.Variable, "assign", narrow)
    return chain(keras.Input((4,)), layers.Dense(3, name="hidden"), layers.Dense(2))
