"""Faults of losses and metrics."""

from typing import Any

import keras
from keras import layers, ops

# What follows has no public name.
from keras.src import backend
from keras.src.losses import loss as loss_module
from keras.src.trainers.trainer import Trainer
from planting import Function, after, chain, output, override, planted, replace
from recurrent import tokens


def trained(loss: Any, *last: Any, features: int = 4, **arguments: Any) -> keras.Model:
    """Return a small model, compiled with a loss."""
    model = chain(keras.Input((features,)), layers.Dense(5, activation="tanh", name="hidden"), *last)
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss=loss, **arguments)
    return model


@planted("jax", "loss")
def loss_summed(fault: bool) -> keras.Model:
    """The mean squared error is summed over the batch."""
    if fault:
        after(keras.losses.MeanSquaredError, "__init__", lambda loss: setattr(loss, "reduction", "sum"))
    return trained(keras.losses.MeanSquaredError(), layers.Dense(2, name="last"))


@planted("torch", "loss")
def smoothing_not_divided(fault: bool) -> keras.Model:
    """Label smoothing adds its whole amount to each class and not its share."""

    def whole(original: Function) -> Function:
        def call(self: Any, y_true: Any, y_pred: Any) -> Any:
            amount = self._fn_kwargs["label_smoothing"]
            smooth = ops.cast(y_true, y_pred.dtype) * (1 - amount) + amount
            return keras.losses.categorical_crossentropy(smooth, y_pred)

        return call

    if fault:
        replace(keras.losses.CategoricalCrossentropy, "call", whole)
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
    return trained(loss, layers.Dense(3, activation="softmax", name="last"))


@planted("tensorflow", "loss")
def probabilities_clipped_early(fault: bool) -> keras.Model:
    """Binary cross-entropy clips probabilities at 1e-3 and not at 1e-7."""

    def clip(original: Function) -> Function:
        def crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
            return original(target, ops.clip(output, 1e-3, 1 - 1e-3), from_logits=from_logits)

        return crossentropy

    if fault:
        replace(backend.nn, "binary_crossentropy", clip)
    # Multiplied by 20, so that the model is sure of itself, and at times wrong.
    sure = layers.Rescaling(20.0, name="sure")
    return trained("binary_crossentropy", layers.Dense(1, name="last"), sure, layers.Activation("sigmoid"))


@planted("jax", "loss")
def logits_taken_for_probabilities(fault: bool) -> keras.Model:
    """Binary cross-entropy ignores `from_logits`."""
    if fault:
        override(backend.nn, "binary_crossentropy", from_logits=False)
    return trained(keras.losses.BinaryCrossentropy(from_logits=True), layers.Dense(1, name="last"))


@planted("torch", "loss")
def classes_on_the_wrong_axis(fault: bool) -> keras.Model:
    """Categorical cross-entropy normalizes over the steps and not over the classes."""
    if fault:
        override(backend.nn, "categorical_crossentropy", axis=1)
    model = chain(keras.Input((3, 4)), layers.Dense(3, name="last"))
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss=loss)
    return model


@planted("jax", "loss")
def delta_ignored(fault: bool) -> keras.Model:
    """The Huber loss has the delta 1 whatever is set."""
    if fault:
        after(keras.losses.Huber, "__init__", lambda loss: loss._fn_kwargs.update(delta=1.0))
    return trained(keras.losses.Huber(delta=0.1), layers.Dense(2, name="last"))


@planted("torch", "loss")
def masked_steps_in_the_divisor(fault: bool) -> keras.Model:
    """The mean of a masked loss divides by the number of all steps, masked ones included."""

    def by_all(original: Function) -> Function:
        def apply_mask(sample_weight: Any, mask: Any, dtype: Any, reduction: Any) -> Any:
            return original(sample_weight, mask, dtype, "sum")

        return apply_mask

    if fault:
        replace(loss_module, "apply_mask", by_all)
    model = tokens(layers.LSTM(3, return_sequences=True, name="recurrent"), layers.Dense(1, name="last"))
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse")
    return model


@planted("tensorflow", "loss")
def penalty_halved(fault: bool) -> keras.Model:
    """An L2 penalty is half of what it is in Keras, as weight decay often is."""
    if fault:
        output(keras.regularizers.L2, "__call__", lambda penalty: 0.5 * penalty)
    return trained("mse", layers.Dense(2, kernel_regularizer=keras.regularizers.L2(0.1), name="last"))


@planted("jax", "loss")
def weights_of_losses_ignored(fault: bool) -> keras.Model:
    """The weights of two losses are ignored."""
    if fault:
        override(Trainer, "compile", loss_weights=None)
    inputs = keras.Input((4,))
    hidden = layers.Dense(3, activation="tanh", name="hidden")(inputs)
    model = keras.Model(inputs, [layers.Dense(1, name="first")(hidden), layers.Dense(2, name="second")(hidden)])
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss=["mse", "mae"], loss_weights=[1.0, 0.1])
    return model


@planted("torch", "loss")
def activity_penalty_of_absolute_values(fault: bool) -> keras.Model:
    """ActivityRegularization adds the sum of absolute values where it must add the sum of squares."""
    if fault:
        after(layers.ActivityRegularization, "__init__", _take_l1)
    return trained("mse", layers.ActivityRegularization(l2=0.01, name="penalty"), layers.Dense(2, name="last"))


def _take_l1(layer: Any) -> None:
    layer.activity_regularizer = keras.regularizers.L1(0.01)


@planted("tensorflow", "loss")
def threshold_included(fault: bool) -> keras.Model:
    """BinaryAccuracy takes a prediction of exactly 0.5 for positive."""

    def from_threshold(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Any:
        predicted = ops.cast(y_pred >= threshold, y_pred.dtype)
        return ops.cast(ops.equal(ops.cast(y_true, y_pred.dtype), predicted), y_pred.dtype)

    if fault:
        after(keras.metrics.BinaryAccuracy, "__init__", lambda metric: setattr(metric, "_fn", from_threshold))
    # The sigmoid of a value that ReLU has set to zero is exactly 0.5.
    last = layers.Dense(1, activation="relu", name="last")
    metrics = [keras.metrics.BinaryAccuracy()]
    return trained("binary_crossentropy", last, layers.Activation("sigmoid"), metrics=metrics)


@planted("torch", "loss")
def root_forgotten(fault: bool) -> keras.Model:
    """RootMeanSquaredError is the mean squared error."""
    if fault:
        output(keras.metrics.RootMeanSquaredError, "result", ops.square)
    return trained("mse", layers.Dense(2, name="last"), metrics=[keras.metrics.RootMeanSquaredError()])


@planted("jax", "loss")
def one_class_less(fault: bool) -> keras.Model:
    """TopKCategoricalAccuracy looks at one class less than `k`."""
    if fault:
        after(keras.metrics.TopKCategoricalAccuracy, "__init__", lambda metric: metric._fn_kwargs.update({"k": 1}))
    last = layers.Dense(6, activation="softmax", name="last")
    return trained("categorical_crossentropy", last, metrics=[keras.metrics.TopKCategoricalAccuracy(k=2)])
