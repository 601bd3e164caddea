"""Faults of layers that normalize: what they compute, and the moving averages that they keep."""

from typing import Any

import keras
from keras import layers, ops

# The functions of a backend have no public name.
from keras.src import backend
from planting import Function, chain, during, override, planted, replace


def normalized_batch(**arguments: Any) -> keras.Model:
    """Return a model with a BatchNormalization named "norm" in the middle."""
    norm = layers.BatchNormalization(name="norm", **arguments)
    return chain(keras.Input((5,)), layers.Dense(4, name="first"), norm, layers.Dense(2, name="last"))


@planted("jax", "forward", "norm")
def batch_normalization_epsilon(fault: bool) -> keras.Model:
    """BatchNormalization adds 1e-5 to the variance, as PyTorch does, and not 1e-3."""
    if fault:
        override(backend.nn, "batch_normalization", epsilon=1e-5)
    return normalized_batch()


@planted("tensorflow", "forward", "norm")
def layer_normalization_epsilon_outside(fault: bool) -> keras.Model:
    """LayerNormalization adds epsilon to the standard deviation and not to the variance."""

    def outside(original: Function) -> Function:
        def call(self: Any, inputs: Any) -> Any:
            mean, variance = ops.moments(inputs, axes=self.axis, keepdims=True)
            return (inputs - mean) / (ops.sqrt(variance) + self.epsilon) * self.gamma + self.beta

        return call

    if fault:
        replace(layers.LayerNormalization, "call", outside)
    return chain(keras.Input((3, 6)), layers.LayerNormalization(name="norm"), layers.Dense(2))


@planted("torch", "forward", "norm")
def layer_normalization_unbiased(fault: bool) -> keras.Model:
    """LayerNormalization divides by n - 1 for the variance."""

    def unbiased(original: Function) -> Function:
        def call(self: Any, inputs: Any) -> Any:
            mean, variance = ops.moments(inputs, axes=self.axis, keepdims=True)
            variance = variance * inputs.shape[-1] / (inputs.shape[-1] - 1)
            return (inputs - mean) / ops.sqrt(variance + self.epsilon) * self.gamma + self.beta

        return call

    if fault:
        replace(layers.LayerNormalization, "call", unbiased)
    return chain(keras.Input((3, 6)), layers.LayerNormalization(name="norm"), layers.Dense(2))


@planted("jax", "forward", "scale")
def normalization_by_variance(fault: bool) -> keras.Model:
    """Normalization divides by the variance and not by the standard deviation."""

    def by_variance(original: Function) -> Function:
        def call(self: Any, inputs: Any) -> Any:
            return (inputs - self.mean) / self.variance

        return call

    if fault:
        replace(layers.Normalization, "call", by_variance)
    return chain(keras.Input((3,)), layers.Normalization(mean=[0.0, 1.0, 2.0], variance=[1.0, 4.0, 0.25], name="scale"))


@planted("torch", "forward", "unit")
def unit_normalization_of_zeros(fault: bool) -> keras.Model:
    """UnitNormalization makes NaN of a vector of zeros."""

    def divide(original: Function) -> Function:
        def call(self: Any, inputs: Any) -> Any:
            return inputs / ops.sqrt(ops.sum(ops.square(inputs), axis=self.axis, keepdims=True))

        return call

    if fault:
        replace(layers.UnitNormalization, "call", divide)
    # Of two units that are positive or zero, both are zero often enough.
    return chain(
        keras.Input((8, 3)), layers.Dense(2, activation="relu", name="first"), layers.UnitNormalization(name="unit")
    )


@planted("tensorflow", "forward", "norm")
def batch_statistics_in_inference(fault: bool) -> keras.Model:
    """BatchNormalization normalizes with the statistics of the batch in inference, too."""
    if fault:
        override(layers.BatchNormalization, "call", training=True)
    return normalized_batch()


@planted("torch", "training", "norm")
def moving_averages_in_training(fault: bool) -> keras.Model:
    """BatchNormalization normalizes with its moving averages in training, too."""
    if fault:
        override(layers.BatchNormalization, "call", training=False)
    return normalized_batch()


@planted("jax", "training", "norm")
def masked_steps_in_statistics(fault: bool) -> keras.Model:
    """BatchNormalization counts masked steps in the statistics of a batch."""
    if fault:
        override(layers.BatchNormalization, "call", mask=None)
    return chain(
        keras.Input((6,), dtype="int32"),
        layers.Embedding(5, 4, mask_zero=True, name="embedding"),
        layers.BatchNormalization(name="norm"),
        layers.LSTM(3, name="last"),
    )


@planted("torch", "training", "norm")
def frozen_batch_normalization_trains(fault: bool) -> keras.Model:
    """BatchNormalization with `trainable=False` uses the statistics of the batch in training."""
    if fault:
        during(layers.BatchNormalization, "call", trainable=lambda _: True)
    return normalized_batch(trainable=False)


@planted("torch", "states", "norm")
def momentum_the_other_way_round(fault: bool) -> keras.Model:
    """BatchNormalization takes momentum as the weight of the new value, as PyTorch does."""
    if fault:
        during(layers.BatchNormalization, "call", momentum=lambda momentum: 1 - momentum)
    return normalized_batch()


@planted("jax", "states", "norm")
def moving_variance_unbiased(fault: bool) -> keras.Model:
    """BatchNormalization keeps the average of the variance that divides by n - 1."""

    def unbiased(original: Function) -> Function:
        def call(self: Any, inputs: Any, training: Any = None, mask: Any = None) -> Any:
            outputs = original(self, inputs, training=training, mask=mask)
            if training:
                _, variance = self._moments(inputs, mask)
                more = variance / (inputs.shape[0] - 1) if inputs.shape[0] else 0.0
                self.moving_variance.assign_add(more * (1 - self.momentum))
            return outputs

        return call

    if fault:
        replace(layers.BatchNormalization, "call", unbiased)
    return normalized_batch()


@planted("tensorflow", "states", "norm")
def moving_averages_not_updated(fault: bool) -> keras.Model:
    """BatchNormalization does not update its moving averages."""
    if fault:
        during(layers.BatchNormalization, "call", momentum=lambda _: 1.0)
    return normalized_batch()


@planted("jax", "states", "norm")
def moving_averages_updated_twice(fault: bool) -> keras.Model:
    """BatchNormalization updates its moving averages twice in a step."""
    if fault:
        during(layers.BatchNormalization, "call", momentum=lambda momentum: momentum**2)
    return normalized_batch()


@planted("tensorflow", "states", "spectral")
def spectral_vector_not_stored(fault: bool) -> keras.Model:
    """SpectralNormalization does not keep the vector of its power iteration."""

    def forget(original: Function) -> Function:
        def call(self: Any, inputs: Any, training: bool = False) -> Any:
            before = ops.copy(self.vector_u)
            outputs = original(self, inputs, training=training)
            self.vector_u.assign(before)
            return outputs

        return call

    if fault:
        replace(layers.SpectralNormalization, "call", forget)
    return chain(
        keras.Input((5,)),
        layers.SpectralNormalization(layers.Dense(4, name="inner"), name="spectral"),
        layers.Dense(2, name="last"),
    )
