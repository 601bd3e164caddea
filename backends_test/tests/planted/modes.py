"""Faults that show only when a model is compiled, or only when a batch has one row."""

from typing import Any

import keras
from keras import layers, ops

# The functions of a backend have no public name.
from keras.src import backend
from planting import Function, chain, planted, replace


def compiled(model: keras.Model) -> keras.Model:
    """Compile a model for regression."""
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse")
    return model


def _in_jax_jit(x: Any) -> bool:
    """Return whether a value is traced by `jax.jit`; a value that `jax.grad` follows is not."""
    return type(x).__name__ == "DynamicJaxprTracer"


def _in_tensorflow_graph() -> bool:
    """Return whether a function is traced by `tf.function`."""
    import tensorflow as tf

    return not tf.executing_eagerly()


@planted("jax", "compiled")
def gelu_approximate_in_jit(fault: bool) -> keras.Model:
    """`gelu` is the approximation by tanh within `jax.jit` only."""

    def approximate_in_jit(original: Function) -> Function:
        def gelu(x: Any, approximate: bool = True) -> Any:
            return original(x, approximate or _in_jax_jit(x))

        return gelu

    if fault:
        replace(backend.nn, "gelu", approximate_in_jit)
    model = chain(keras.Input((6,)), layers.Dense(5), layers.Activation("gelu", name="activation"), layers.Dense(2))
    return compiled(model)


@planted("tensorflow", "compiled")
def gelu_approximate_in_graph(fault: bool) -> keras.Model:
    """`gelu` is the approximation by tanh within `tf.function` only."""

    def approximate_in_graph(original: Function) -> Function:
        def gelu(x: Any, approximate: bool = True) -> Any:
            return original(x, approximate or _in_tensorflow_graph())

        return gelu

    if fault:
        replace(backend.nn, "gelu", approximate_in_graph)
    model = chain(keras.Input((6,)), layers.Dense(5), layers.Activation("gelu", name="activation"), layers.Dense(2))
    return compiled(model)


@planted("jax", ("one step", "eager"))
def state_lost_in_jit(fault: bool) -> keras.Model:
    """BatchNormalization does not update its moving averages within `jax.jit`."""

    def forget(original: Function) -> Function:
        def call(self: Any, inputs: Any, training: Any = None, mask: Any = None) -> Any:
            before = self.moving_mean.value, self.moving_variance.value
            outputs = original(self, inputs, training=training, mask=mask)
            if _in_jax_jit(before[0]):
                self.moving_mean.assign(before[0])
                self.moving_variance.assign(before[1])
            return outputs

        return call

    if fault:
        replace(layers.BatchNormalization, "call", forget)
    return compiled(
        chain(
            keras.Input((5,)),
            layers.Dense(4, name="first"),
            layers.BatchNormalization(name="norm"),
            layers.Dense(1, name="last"),
        )
    )


@planted("tensorflow", ("steps", "eager"))
def schedule_fixed_in_graph(fault: bool) -> keras.Model:
    """A learning rate schedule keeps its first value within `tf.function`."""

    def first(original: Function) -> Function:
        def call(self: Any, step: Any) -> Any:
            return original(self, ops.zeros_like(step) if _in_tensorflow_graph() else step)

        return call

    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)
    if fault:
        replace(type(schedule), "__call__", first)
    model = chain(keras.Input((4,)), layers.Dense(3, activation="tanh", name="hidden"), layers.Dense(1, name="last"))
    model.compile(optimizer=keras.optimizers.SGD(schedule), loss="mse")
    return model


@planted("torch", "rows", "hidden")
def single_row_of_reduced_precision(fault: bool) -> keras.Model:
    """Dense computes the product for a batch of one row in float16, by another kernel."""

    def reduced(original: Function) -> Function:
        def call(self: Any, inputs: Any, training: Any = None) -> Any:
            if inputs.shape[0] != 1:
                return original(self, inputs)
            narrow = [ops.cast(ops.cast(factor, "float16"), "float32") for factor in (inputs, self.kernel)]
            return ops.matmul(*narrow) + self.bias

        return call

    if fault:
        replace(layers.Dense, "call", reduced)
    return chain(keras.Input((8,)), layers.Dense(6, name="hidden"), layers.Activation("tanh"))


@planted("tensorflow", "rows", "softmax")
def single_row_squeezed(fault: bool) -> keras.Model:
    """Softmax drops the batch of one row, so that its axis is the next one."""

    def squeeze(original: Function) -> Function:
        def softmax(x: Any, axis: Any = -1) -> Any:
            return original(x, axis + 1 if x.shape[0] == 1 else axis)

        return softmax

    if fault:
        replace(backend.nn, "softmax", squeeze)
    return chain(keras.Input((4, 3)), layers.Softmax(axis=1, name="softmax"), layers.Dense(2, name="last"))


@planted("jax", "rows", "attention")
def single_row_not_scaled(fault: bool) -> keras.Model:
    """MultiHeadAttention does not scale its scores for a batch of one row."""

    def unscaled(original: Function) -> Function:
        def attention(query: Any, *arguments: Any, **keywords: Any) -> Any:
            if query.shape[0] == 1:
                keywords["scale"] = 1.0
            return original(query, *arguments, **keywords)

        return attention

    if fault:
        replace(backend.nn, "dot_product_attention", unscaled)
    first = keras.Input((5, 4))
    attended = layers.MultiHeadAttention(2, 3, name="attention")(first, first)
    return keras.Model(first, layers.Dense(2, name="last")(attended))
