"""Models that the comparison is tried on. Each function is called in a process of each backend."""

import os
import time

import keras
import numpy as np


def image_model() -> keras.Model:
    inputs = keras.Input((9, 9, 2))
    x = keras.layers.Conv2D(3, 3, strides=2, padding="same")(inputs)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Dropout(0.4)(keras.activations.relu(x))
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(x))
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def text_model() -> keras.Model:
    model = keras.Sequential(
        [
            keras.Input((7,), dtype="int32"),
            keras.layers.Embedding(5, 4),
            keras.layers.GlobalAveragePooling1D(),
            # With a bias of 0 half of the scores are too high and half too low, and what is left of the gradient of the
            # bias is little more than rounding.
            keras.layers.Dense(1, activation="sigmoid", bias_initializer=keras.initializers.Constant(2.0)),
        ]
    )
    model.compile("adam", "binary_crossentropy")
    return model


def wrong_on_torch() -> keras.Model:
    """Dense without its bias, on PyTorch only."""

    class Wrong(keras.layers.Dense):
        def call(self, inputs: object) -> object:
            outputs = super().call(inputs)
            return outputs - self.bias if keras.config.backend() == "torch" else outputs

    inputs = keras.Input((3,))
    x = keras.layers.Dense(4, name="right")(inputs)
    return keras.Model(inputs, keras.layers.Dense(2, name="after")(Wrong(4, name="wrong")(x)))


class Subclassed(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = keras.layers.Dense(4), keras.layers.Dense(2)

    def call(self, inputs: object) -> object:
        return self.second(keras.ops.tanh(self.first(inputs)))


def subclassed() -> keras.Model:
    return Subclassed()


def its_inputs() -> np.ndarray:
    return np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)


def too_wide_inputs() -> np.ndarray:
    return np.ones((4, 5), np.float32)


def raises() -> keras.Model:
    msg = "no such size"
    raise ValueError(msg)


def returns_a_layer() -> object:
    return keras.layers.Dense(1)


def needs_an_argument(units: int) -> keras.Model:
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(units)])


_sizes = iter(range(1, 100))


def differs_from_call_to_call() -> keras.Model:
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(next(_sizes))])


def dies_on_tensorflow() -> keras.Model:
    if keras.config.backend() == "tensorflow":
        os._exit(3)
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])


def hangs_on_torch() -> keras.Model:
    if keras.config.backend() == "torch":
        time.sleep(3600)
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
