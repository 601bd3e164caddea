"""The JAX backend. `imdb_rnn.backends.TrainingBackend` documents the functions."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from imdb_rnn.backends import Steps

jit_compile = True


def version() -> str:
    """Return the version of JAX."""
    return str(jax.__version__)


def device() -> str:
    """Return the kind of the default device, "cpu" or "gpu"."""
    return str(jax.default_backend())


def one_thread() -> AbstractContextManager[None]:
    """Do nothing: XLA runs each compiled program in one thread, because its operations are small."""
    return nullcontext()


def prepare_model(model: Any) -> None:
    """Do nothing: Keras's own functions are fast."""


def prepare_optimizer(optimizer: Any) -> None:
    """Make Adam update flattened arrays.

    On a CPU, XLA compiles the update of an embedding of shape (10003, 16) to 10,003 short loops, which take more than
    twice as long as one long loop. The formula is Keras's own, because the gradient of an embedding is dense in JAX.
    """
    import keras

    if type(optimizer) is not keras.optimizers.Adam or "update_step" in vars(optimizer):
        return
    update_step_of_keras = optimizer.update_step

    def update_step(gradient: jax.Array, variable: Any, learning_rate: Any) -> None:
        if optimizer.amsgrad:
            update_step_of_keras(gradient, variable, learning_rate)
            return
        position = optimizer._get_variable_index(variable)
        slots = optimizer._momentums[position], optimizer._velocities[position]
        arrays = (gradient.astype(variable.dtype), variable.value, *(slot.value for slot in slots))
        g, w, m, v = (jnp.ravel(array) for array in arrays)
        t = jnp.asarray(keras.ops.convert_to_tensor(optimizer.iterations), w.dtype) + 1
        bias_1, bias_2 = (1 - jnp.asarray(beta, w.dtype) ** t for beta in (optimizer.beta_1, optimizer.beta_2))
        rate = jnp.asarray(learning_rate, w.dtype) * jnp.sqrt(bias_2) / bias_1
        m = m + (g - m) * (1 - optimizer.beta_1)
        v = v + (g * g - v) * (1 - optimizer.beta_2)
        w = w - m * rate / (jnp.sqrt(v) + optimizer.epsilon)
        for target, value in zip((*slots, variable), (m, v, w), strict=True):
            target.assign(value.reshape(gradient.shape))

    optimizer.update_step = update_step


def hook_of(layer: Any) -> str:
    """Return "": JAX has no hooks."""
    return ""


def compile_steps(model: Any) -> Steps:
    """Compile a scan over Keras's own step; see `compile_scan`."""
    return Steps(compile_scan(model), "compiled")


def _same(values: Any) -> Any:
    return values


def compile_scan(
    model: Any,
    *,
    put: Callable[[Any], Any] = _same,
    share: Callable[[Any], Any] = _same,
    take: Callable[[Any], Any] = _same,
) -> Callable[[Any, Any], None]:
    """Compile a scan over Keras's own step.

    The scan carries flattened arrays between steps; see `prepare_optimizer`.

    Args:
        model: a compiled model.
        put: moves the arrays of the training, and a block of batches, to where they are computed with.
        share: divides a batch among devices, within the compiled program.
        take: moves the arrays of the training back.

    Returns:
        A function of x, shape (steps, reviews, T), and y, shape (steps, reviews, 1), that trains the model.
    """

    def many(state: Any, x: jax.Array, y: jax.Array) -> Any:
        leaves, structure = jax.tree.flatten(state)
        shapes = [leaf.shape for leaf in leaves]

        def flat(state: Any) -> list[jax.Array]:
            return [leaf.ravel() for leaf in jax.tree.leaves(state)]

        def shaped(leaves: list[jax.Array]) -> Any:
            return jax.tree.unflatten(structure, [leaf.reshape(s) for leaf, s in zip(leaves, shapes, strict=True)])

        def step(leaves: list[jax.Array], batch: tuple[jax.Array, jax.Array]) -> tuple[list[jax.Array], None]:
            _, state = model.train_step(shaped(leaves), share(batch))
            return flat(state), None

        return shaped(lax.scan(step, flat(state), (x, y))[0])

    compiled = jax.jit(many, donate_argnums=0)

    def steps(x: Any, y: Any) -> None:
        # This creates the variables of the metrics.
        model._symbolic_build(data_batch=(x[0], y[0]))
        groups = variables_of(model)
        values = [[variable.value for variable in group] for group in groups]
        new_values = take(compiled(*put((values, x, y))))
        for group, values in zip(groups, new_values, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)

    return steps


def variables_of(model: Any) -> list[list[Any]]:
    """Return the variables that a step changes, in groups, as Keras's step takes them."""
    return [
        model.trainable_variables,
        model.non_trainable_variables,
        model.optimizer.variables,
        model.metrics_variables,
    ]
