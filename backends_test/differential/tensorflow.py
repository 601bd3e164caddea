"""The consumers of a model on TensorFlow.

They differentiate it as in training, because only then the fast path runs.
"""

import tempfile
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from backends_test.differential.consumers import Consumer, loss_of
from backends_test.differential.models import layers_of


def gradient(model: keras.Model, x: Any, order: int = 1) -> Any:
    x = tf.convert_to_tensor(x)
    weights = [variable.value for variable in model.trainable_variables]
    with tf.GradientTape() as outer:
        outer.watch(x)
        loss = loss_of(model, x, training=True)
        for _ in range(order - 1):
            with tf.GradientTape() as inner:
                inner.watch(x)
                loss = loss_of(model, x, training=True)
            loss = tf.reduce_sum(inner.gradient(loss, x) ** 2)
    return outer.gradient(loss, [x, *weights])


def tangent(model: keras.Model, x: Any) -> Any:
    x = tf.convert_to_tensor(x)
    with tf.autodiff.ForwardAccumulator(x, tf.ones_like(x)) as accumulator:
        loss = loss_of(model, x, training=True)
    return accumulator.jvp(loss)


def forward_over_reverse(model: keras.Model, x: Any) -> Any:
    x = tf.convert_to_tensor(x)
    with tf.autodiff.ForwardAccumulator(x, tf.ones_like(x)) as accumulator:
        (first, *_) = gradient(model, x)
    return accumulator.jvp(first)


def jacobian(model: keras.Model, x: Any) -> Any:
    x = tf.convert_to_tensor(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        out = keras.tree.flatten(model(x, training=True))[0]
    return tape.jacobian(out, x)


def recomputed(model: keras.Model, x: Any) -> Any:
    x = tf.convert_to_tensor(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.recompute_grad(lambda given: loss_of(model, given, training=True))(x)
    return tape.gradient(loss, x)


def in_function(consumer: Consumer, **options: Any) -> Consumer:
    def outer(model: keras.Model, x: Any) -> Any:
        return tf.function(lambda given: consumer(model, given), autograph=False, **options)(tf.constant(x))

    return outer


def in_branch(model: keras.Model, x: Any) -> Any:
    x = tf.convert_to_tensor(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.cond(tf.reduce_sum(x) < 1e9, lambda: loss_of(model, x, training=True), lambda: 0.0)
    return tape.gradient(loss, x)


def with_free_axes(*axes: int) -> Consumer:
    def outer(model: keras.Model, x: Any) -> Any:
        shape = [None if axis in axes else size for axis, size in enumerate(x.shape)]
        return tf.function(
            lambda given: gradient(model, given), autograph=False, input_signature=[tf.TensorSpec(shape)]
        )(tf.constant(x))

    return outer


def saved_model(model: keras.Model, x: Any) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        model.export(folder, format="tf_saved_model", verbose=False)
        loaded = tf.saved_model.load(folder)
        x = tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            out = loaded.serve(x)
        return [out, tape.gradient(out, x)]


def mapped(model: keras.Model, x: Any) -> Any:
    return tf.map_fn(lambda row: model(row[None])[0], tf.constant(x))


def mapped_in_training(model: keras.Model, x: Any) -> Any:
    x = tf.convert_to_tensor(x)
    weights = [variable.value for variable in model.trainable_variables]
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(tf.vectorized_map(lambda row: loss_of(model, row[None], training=True), x))
    return tape.gradient(loss, [x, *weights])


def rows_of_states(model: keras.Model, x: Any) -> Any:
    layer = layers_of(model)[0]
    layer.return_state = True
    sequences = tf.constant(np.resize(x, (*x.shape[:2], layer.cell.kernel.shape[0])))
    with tf.GradientTape() as tape:
        tape.watch(sequences)
        _, *states = layer(sequences, training=True)
        loss = sum(tf.reduce_sum(tf.gather(state, [0, 2])) for state in states)
    return tape.gradient(loss, sequences)


def checked(model: keras.Model, x: Any) -> Any:
    tf.debugging.enable_check_numerics()
    try:
        found = gradient(model, x)
    finally:
        tf.debugging.disable_check_numerics()
    return [*found, *gradient(model, x)]


CONSUMERS: dict[str, Consumer] = {
    "gradient": gradient,
    "gradient penalty": lambda model, x: gradient(model, x, 2),
    "gradient in a function": in_function(gradient),
    "gradient in a compiled function": in_function(gradient, jit_compile=True),
    "gradient penalty in a function": in_function(lambda model, x: gradient(model, x, 2)),
    "gradient of a branch": in_function(in_branch),
    "forward-mode derivative": tangent,
    "forward over reverse": forward_over_reverse,
    "jacobian": jacobian,
    "recompute_grad": recomputed,
    "a function": in_function(lambda model, x: model(x)),
    "a function of a free batch size": lambda model, x: tf.function(
        lambda given: model(given), autograph=False, input_signature=[tf.TensorSpec((None, *x.shape[1:]))]
    )(x),
    "training in a function of a free batch size": with_free_axes(0),
    "training in a function of a free length": with_free_axes(0, 1),
    "map_fn": mapped,
    "gradient of vectorized_map": mapped_in_training,
    "rows of states": rows_of_states,
    "check_numerics": checked,
    "a saved model": saved_model,
}
