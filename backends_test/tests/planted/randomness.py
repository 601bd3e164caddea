"""Faults of layers that draw random numbers in training."""

import math
from typing import Any

import keras
from keras import layers, ops

# The functions of a backend have no public name.
from keras.src import backend
from planting import Function, chain, during, output, override, planted, replace


def around(noise: keras.Layer) -> keras.Model:
    """Return a model with a layer of noise in the middle."""
    return chain(keras.Input((8,)), layers.Dense(10, name="first"), noise, layers.Dense(2, name="last"))


@planted("torch", "training", "dropout")
def dropout_not_scaled(fault: bool) -> keras.Model:
    """Dropout does not scale up the values that it keeps."""

    def unscaled(original: Function) -> Function:
        def call(self: Any, inputs: Any, training: bool = False) -> Any:
            outputs = original(self, inputs, training=training)
            return outputs * (1 - self.rate) if training else outputs

        return call

    if fault:
        replace(layers.Dropout, "call", unscaled)
    return around(layers.Dropout(0.4, name="dropout"))


@planted("jax", "training", "dropout")
def dropout_of_the_backend_not_scaled(fault: bool) -> keras.Model:
    """The backend's own function for dropout does not scale up the values that it keeps."""
    if fault:
        output(backend.random, "dropout", lambda outputs: outputs * 0.6)
    return around(layers.Dropout(0.4, name="dropout"))


@planted("tensorflow", "training", "dropout")
def dropout_rate_is_kept(fault: bool) -> keras.Model:
    """Dropout takes its rate as the share of values that are kept."""
    if fault:
        during(layers.Dropout, "call", rate=lambda rate: 1 - rate)
    return around(layers.Dropout(0.2, name="dropout"))


@planted("tensorflow", "forward", "dropout")
def dropout_in_inference(fault: bool) -> keras.Model:
    """Dropout drops values in inference, too."""
    if fault:
        override(layers.Dropout, "call", training=True)
    return around(layers.Dropout(0.5, name="dropout"))


@planted("tensorflow", "training", "noise")
def noise_left_out(fault: bool) -> keras.Model:
    """GaussianNoise adds nothing in training."""
    if fault:
        override(layers.GaussianNoise, "call", training=False)
    return around(layers.GaussianNoise(0.3, name="noise"))


@planted("torch", "training", "noise")
def noise_of_another_deviation(fault: bool) -> keras.Model:
    """GaussianDropout takes the rate as the standard deviation."""

    def by_rate(original: Function) -> Function:
        def call(self: Any, inputs: Any, training: bool = False) -> Any:
            outputs = original(self, inputs, training=training)
            right = math.sqrt(self.rate / (1 - self.rate))
            return inputs + (outputs - inputs) * (self.rate / right) if training else outputs

        return call

    if fault:
        replace(layers.GaussianDropout, "call", by_rate)
    return around(layers.GaussianDropout(0.3, name="noise"))


@planted("jax", "training", "dropout")
def single_values_dropped(fault: bool) -> keras.Model:
    """SpatialDropout1D drops single values and not whole features."""
    if fault:
        output(layers.SpatialDropout1D, "_get_noise_shape", lambda shape: (*shape[:1], 6, *shape[2:]))
    return chain(
        keras.Input((6, 3)), layers.SpatialDropout1D(0.5, name="dropout"), layers.SimpleRNN(2, name="recurrent")
    )


@planted("tensorflow", "training", "block")
def nested_model_not_in_training(fault: bool) -> keras.Model:
    """A model in a model is called in inference mode when the outer one is trained."""
    if fault:
        override(keras.Sequential, "call", training=False)
    block = keras.Sequential([layers.Dense(6, name="inner"), layers.Dropout(0.5, name="dropout")], name="block")
    return around(block)


@planted("jax", "training", "recurrent")
def recurrent_dropout_left_out(fault: bool) -> keras.Model:
    """GRU does not drop its inputs in training."""
    if fault:
        override(layers.GRUCell, "call", training=False)
    return chain(
        keras.Input((5, 4)), layers.GRU(3, dropout=0.5, recurrent_dropout=0.2, name="recurrent"), layers.Dense(2)
    )


@planted("torch", "training", "flip")
def image_flipped_the_other_way(fault: bool) -> keras.Model:
    """RandomFlip turns an image upside down where it must change left and right."""

    def upside_down(original: Function) -> Function:
        def call(self: Any, images: Any, training: bool = True) -> Any:
            turned = ops.transpose(images, (0, 2, 1, 3))
            return ops.transpose(original(self, turned, training=training), (0, 2, 1, 3))

        return call

    if fault:
        replace(layers.RandomFlip, "call", upside_down)
    return chain(keras.Input((4, 4, 2)), layers.RandomFlip("horizontal", name="flip"), layers.Conv2D(2, 3, name="last"))
