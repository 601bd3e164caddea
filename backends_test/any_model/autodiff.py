"""Gradients of a scalar by arrays and by weights, with the automatic differentiation of the running backend."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from backends_test.any_model.arrays import Array


def gradients(
    function: Callable[[list[Any]], Any], inputs: Sequence[Array], weights: Sequence[Any]
) -> tuple[Array, list[Array], list[Array]]:
    """Compute a scalar, and its gradients.

    Args:
        function: maps tensors of `inputs` to a scalar, and reads `weights`.
        inputs: float arrays.
        weights: trainable `keras.Variable`s.

    Returns:
        The scalar, the gradients by `inputs`, and those by `weights`; zeros where the scalar does not depend on one.
    """
    import keras

    compute = {"jax": _jax, "torch": _torch, "tensorflow": _tensorflow}[keras.config.backend()]
    tensors = [keras.ops.convert_to_tensor(array) for array in inputs]
    value, by_inputs, by_weights = compute(function, tensors, list(weights))
    variables = [keras.ops.convert_to_numpy(weight.value) for weight in weights]
    return (
        keras.ops.convert_to_numpy(value),
        [_array(gradient, like) for gradient, like in zip(by_inputs, inputs, strict=True)],
        [_array(gradient, like) for gradient, like in zip(by_weights, variables, strict=True)],
    )


def _array(gradient: Any, like: Array) -> Array:
    import keras

    if gradient is None:
        return np.zeros_like(like)
    # A copy: PyTorch's arrays share the memory of their tensors.
    return np.array(keras.ops.convert_to_numpy(gradient))


def _jax(function: Callable[[list[Any]], Any], tensors: list[Any], weights: list[Any]) -> tuple[Any, Any, Any]:
    import jax
    import keras

    def pure(values: list[Any], xs: list[Any]) -> Any:
        with keras.StatelessScope(state_mapping=list(zip(weights, values, strict=True))):
            return function(xs)

    value, (by_weights, by_inputs) = jax.value_and_grad(pure, argnums=(0, 1))(
        [weight.value for weight in weights], tensors
    )
    return value, by_inputs, by_weights


def _torch(function: Callable[[list[Any]], Any], tensors: list[Any], weights: list[Any]) -> tuple[Any, Any, Any]:
    import torch

    tensors = [tensor.detach().requires_grad_() for tensor in tensors]
    with torch.enable_grad():
        value = function(tensors)
    sources = [*tensors, *(weight.value for weight in weights)]
    if not (sources and value.requires_grad):
        return value, [None] * len(tensors), [None] * len(weights)
    found = torch.autograd.grad(value, sources, allow_unused=True)
    return value, found[: len(tensors)], found[len(tensors) :]


def _tensorflow(function: Callable[[list[Any]], Any], tensors: list[Any], weights: list[Any]) -> tuple[Any, Any, Any]:
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(tensors)
        value = function(tensors)
    found = tape.gradient(value, [*tensors, *(weight.value for weight in weights)])
    # The gradient of an embedding is a list of slices.
    found = [None if gradient is None else tf.convert_to_tensor(gradient) for gradient in found]
    return value, found[: len(tensors)], found[len(tensors) :]
