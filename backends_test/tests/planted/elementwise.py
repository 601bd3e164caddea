"""Faults of layers that compute value by value or row by row: activations, merging, preprocessing, Dense."""

from typing import Any

import keras
from keras import layers, ops

# The functions of a backend have no public name.
from keras.src import backend
from planting import Function, chain, during, override, planted, replace


@planted("torch", "forward", "activation")
def gelu_approximate(fault: bool) -> keras.Model:
    """`gelu` is the approximation by tanh."""
    if fault:
        override(backend.nn, "gelu", approximate=True)
    return chain(keras.Input((6,)), layers.Dense(5), layers.Activation("gelu", name="activation"), layers.Dense(2))


@planted("jax", "forward", "activation")
def leaky_relu_default_slope(fault: bool) -> keras.Model:
    """LeakyReLU has the slope 0.01, as PyTorch's has by default, and not 0.3."""
    if fault:
        override(backend.nn, "leaky_relu", negative_slope=0.01)
    return chain(keras.Input((6,)), layers.Dense(5), layers.LeakyReLU(name="activation"), layers.Dense(2))


@planted("tensorflow", "forward", "activation")
def hard_sigmoid_of_keras_2(fault: bool) -> keras.Model:
    """`hard_sigmoid` is that of Keras 2, with the slope 1/5 and not 1/6."""

    def fifth(original: Function) -> Function:
        def hard_sigmoid(x: Any) -> Any:
            return ops.clip(0.2 * x + 0.5, 0.0, 1.0)

        return hard_sigmoid

    if fault:
        replace(backend.nn, "hard_sigmoid", fifth)
    return chain(
        keras.Input((6,)), layers.Dense(5), layers.Activation("hard_sigmoid", name="activation"), layers.Dense(2)
    )


@planted("tensorflow", "forward", "softmax")
def softmax_over_steps(fault: bool) -> keras.Model:
    """Softmax normalizes over the steps and not over the features."""
    if fault:
        override(backend.nn, "softmax", axis=1)
    return chain(keras.Input((4, 3)), layers.Dense(3), layers.Softmax(name="softmax"), layers.Dense(2))


@planted("jax", "forward", "activation")
def relu_without_maximum(fault: bool) -> keras.Model:
    """ReLU ignores `max_value`."""
    if fault:
        during(layers.ReLU, "call", max_value=lambda _: None)
    return chain(keras.Input((6,)), layers.Dense(5), layers.ReLU(max_value=1.0, name="activation"), layers.Dense(2))


@planted("tensorflow", "forward", "join")
def concatenated_the_other_way_round(fault: bool) -> keras.Model:
    """Concatenate puts its last input first."""

    def reverse(original: Function) -> Function:
        def merge(self: Any, inputs: Any) -> Any:
            return original(self, inputs[::-1])

        return merge

    if fault:
        replace(layers.Concatenate, "_merge_function", reverse)
    first, second = keras.Input((3,), name="first"), keras.Input((3,), name="second")
    return keras.Model([first, second], layers.Dense(2)(layers.Concatenate(name="join")([first, second])))


@planted("torch", "forward", "gate")
def gate_over_the_wrong_axis(fault: bool) -> keras.Model:
    """Multiply stretches a matrix along the last axis and not along the first one after the batch."""

    def last(original: Function) -> Function:
        def call(self: Any, inputs: Any) -> Any:
            values, gate = inputs
            return values * ops.expand_dims(gate, axis=-1)

        return call

    if fault:
        replace(layers.Multiply, "call", last)
    first = keras.Input((4, 4))
    gate = layers.Dense(4, activation="sigmoid", name="open")(layers.GlobalMaxPooling1D()(first))
    return keras.Model(first, layers.Dense(2)(layers.Multiply(name="gate")([first, gate])))


@planted("torch", "forward", "scale")
def rescaled_to_integers(fault: bool) -> keras.Model:
    """Rescaling of integers gives whole numbers."""

    def whole(original: Function) -> Function:
        def call(self: Any, inputs: Any) -> Any:
            return ops.floor(original(self, inputs))

        return call

    if fault:
        replace(layers.Rescaling, "call", whole)
    return chain(keras.Input((6,), dtype="int32"), layers.Rescaling(0.3, offset=-0.5, name="scale"), layers.Dense(2))


@planted("tensorflow", "forward", "bins")
def boundary_in_the_bin_below(fault: bool) -> keras.Model:
    """Discretization puts a value that is equal to a boundary into the bin below it."""

    def below(original: Function) -> Function:
        def digitize(x: Any, bins: Any) -> Any:
            # The bin of -x among the negative boundaries, counted from above.
            return len(bins) - original(-x, [-boundary for boundary in reversed(list(bins))])

        return digitize

    if fault:
        replace(backend.numpy, "digitize", below)
    # Whole numbers hit the boundaries often.
    return chain(keras.Input((6,)), ops.round, layers.Discretization([-1.0, 0.0, 1.0], name="bins"))


@planted("jax", "forward", "encode")
def repeated_tokens_counted(fault: bool) -> keras.Model:
    """CategoryEncoding counts a repeated token although the output is "multi_hot"."""
    if fault:
        during(layers.CategoryEncoding, "call", output_mode=lambda _: "count")
    return chain(keras.Input((6,), dtype="int32"), layers.CategoryEncoding(4, name="encode"), layers.Dense(2))


@planted("tensorflow", "forward", "hidden")
def kernel_transposed(fault: bool) -> keras.Model:
    """Dense multiplies by the transpose of its kernel, as PyTorch does."""

    def transposed(original: Function) -> Function:
        def call(self: Any, inputs: Any, training: Any = None) -> Any:
            return self.activation(ops.matmul(inputs, ops.transpose(self.kernel)) + self.bias)

        return call

    if fault:
        replace(layers.Dense, "call", transposed)
    return chain(keras.Input((4,)), layers.Dense(4, name="hidden"), layers.Activation("tanh"))


@planted("torch", "forward", "hidden")
def product_of_reduced_precision(fault: bool) -> keras.Model:
    """Dense rounds both factors to 10 bits, as TensorFloat-32 does."""

    def rounded(value: Any) -> Any:
        return ops.cast(ops.cast(value, "float16"), "float32")

    def reduced(original: Function) -> Function:
        def call(self: Any, inputs: Any, training: Any = None) -> Any:
            return ops.matmul(rounded(inputs), rounded(self.kernel)) + self.bias

        return call

    if fault:
        replace(layers.Dense, "call", reduced)
    return chain(keras.Input((8,)), layers.Dense(6, name="hidden"), layers.Activation("tanh"))


@planted("jax", "forward", "norm")
def computed_in_bfloat16(fault: bool) -> keras.Model:
    """LayerNormalization computes in bfloat16 and returns float32."""

    def narrow(original: Function) -> Function:
        def call(self: Any, inputs: Any) -> Any:
            outputs = original(self, ops.cast(inputs, "bfloat16"))
            return ops.cast(ops.cast(outputs, "bfloat16"), "float32")

        return call

    if fault:
        replace(layers.LayerNormalization, "call", narrow)
    return chain(keras.Input((6,)), layers.Dense(5), layers.LayerNormalization(name="norm"), layers.Dense(2))


@planted("jax", "forward", "round")
def half_rounded_away_from_zero(fault: bool) -> keras.Model:
    """`round` rounds a half away from zero and not to the even number."""

    def away(original: Function) -> Function:
        def round_half(x: Any, decimals: int = 0) -> Any:
            return ops.sign(x) * ops.floor(ops.abs(x) + 0.5)

        return round_half

    if fault:
        replace(backend.numpy, "round", away)
    return chain(keras.Input((6,), dtype="int32"), layers.Rescaling(0.5, name="half"), ops.round, layers.Dense(2))
