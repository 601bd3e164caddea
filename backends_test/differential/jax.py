"""The consumers of a model on JAX."""

from collections.abc import Callable
from typing import Any

import jax
import keras
import numpy as np

from backends_test.differential.consumers import Consumer


def function_of(model: keras.Model) -> Callable[[Any, Any], Any]:
    fixed = [variable.value for variable in model.non_trainable_variables]

    def function(weights: Any, x: Any) -> Any:
        out, _ = model.stateless_call(weights, fixed, x)
        return sum((part**2).sum() for part in keras.tree.flatten(out))

    return function


def transformed(transform: Callable[[Callable[[Any, Any], Any], Any, Any], Any], jit: bool = True) -> Consumer:
    def consumer(model: keras.Model, x: np.ndarray) -> Any:
        weights = [variable.value for variable in model.trainable_variables]
        function = function_of(model)

        def run(weights: Any, x: Any) -> Any:
            return transform(function, weights, x)

        # Without jit it takes many times as long.
        return jax.tree.leaves((jax.jit(run) if jit else run)(weights, x))

    return consumer


def penalty(f: Callable[[Any, Any], Any], weights: Any, x: Any) -> Any:
    return jax.grad(lambda *both: (jax.grad(f, 1)(*both) ** 2).sum(), (0, 1))(weights, x)


def third(f: Callable[[Any, Any], Any], weights: Any, x: Any) -> Any:
    def second(*both: Any) -> Any:
        return (jax.grad(lambda *more: (jax.grad(f, 1)(*more) ** 2).sum(), 1)(*both) ** 2).sum()

    return jax.grad(second, (0, 1))(weights, x)


def tangent(f: Callable[[Any, Any], Any], weights: Any, x: Any) -> Any:
    ones = jax.tree.map(jax.numpy.ones_like, (weights, x))
    return [jax.jvp(f, (weights, x), ones), jax.linearize(f, weights, x)[1](*ones)]


def forward_over_reverse(f: Callable[[Any, Any], Any], weights: Any, x: Any) -> Any:
    return jax.jvp(jax.grad(f, (0, 1)), (weights, x), jax.tree.map(jax.numpy.ones_like, (weights, x)))


CONSUMERS: dict[str, Consumer] = {
    "grad": transformed(lambda f, weights, x: jax.grad(f, (0, 1))(weights, x)),
    "grad without jit": transformed(lambda f, weights, x: jax.grad(f, (0, 1))(weights, x), jit=False),
    "gradient penalty": transformed(penalty),
    "third derivative": transformed(third),
    "jvp and linearize": transformed(tangent),
    "forward over reverse": transformed(forward_over_reverse),
    "jacfwd": transformed(lambda f, weights, x: jax.jacfwd(f, (0, 1))(weights, x)),
    "jacrev": transformed(lambda f, weights, x: jax.jacrev(f, (0, 1))(weights, x)),
    "hessian": transformed(lambda f, weights, x: jax.hessian(f, 1)(weights, x)),
    "vmap": transformed(lambda f, weights, x: jax.vmap(lambda row: f(weights, row[None]))(x)),
    "vmap of grad": transformed(lambda f, weights, x: jax.vmap(lambda row: jax.grad(f)(weights, row[None]))(x)),
    "checkpoint": transformed(lambda f, weights, x: jax.grad(jax.checkpoint(f), (0, 1))(weights, x)),
    "grad of an empty batch": transformed(lambda f, weights, x: jax.grad(f, (0, 1))(weights, x[:0])),
    "jax.export": transformed(
        lambda f, weights, x: jax.export.export(jax.jit(lambda given: f(weights, given)))(x).call(2 * x), jit=False
    ),
}
