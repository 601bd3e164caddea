"""JAX under Keras. See imdb_rnn.engine for what each function promises.

May import: jax, the standard library, imdb_rnn.engine.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from imdb_rnn.engine import Steps

jit_compile = True
output_begins_at_zero = False


def version() -> str:
    """The version of JAX."""
    return str(jax.__version__)


def device() -> str:
    """The kind of the default device, "cpu" or "gpu"."""
    return str(jax.default_backend())


def prepare_optimizer(optimizer: Any) -> None:
    """Let Adam run over flat arrays.

    For XLA on a CPU 10,003 embeddings of 16 numbers are as many short loops, and take more than twice as long as one
    long loop. Gradients of an embedding are dense in JAX: the formula is Keras's own already.
    """
    if type(optimizer).__name__ != "Adam" or optimizer.amsgrad:
        return

    def update_step(gradient: jax.Array, variable: Any, learning_rate: Any) -> None:
        position = optimizer._get_variable_index(variable)
        slots = optimizer._momentums[position], optimizer._velocities[position]
        g, w, m, v = (jnp.ravel(array) for array in (gradient, variable.value, *(slot.value for slot in slots)))
        t = jnp.asarray(optimizer.iterations.value + 1, w.dtype)
        bias_1, bias_2 = (1 - jnp.asarray(beta, w.dtype) ** t for beta in (optimizer.beta_1, optimizer.beta_2))
        rate = jnp.asarray(learning_rate, w.dtype) * jnp.sqrt(bias_2) / bias_1
        m = m + (g - m) * (1 - optimizer.beta_1)
        v = v + (g * g - v) * (1 - optimizer.beta_2)
        w = w - m * rate / (jnp.sqrt(v) + optimizer.epsilon)
        for kept, value in zip((*slots, variable), (m, v, w), strict=True):
            kept.assign(value.reshape(gradient.shape))

    optimizer.update_step = update_step


@partial(jax.custom_vjp, nondiff_argnums=(4,))
def recurrence(
    inputs: jax.Array, initial: jax.Array, recurrent_kernel: jax.Array, mask: jax.Array | None, return_sequences: bool
) -> jax.Array:
    """One scan forward; differentiated by hand, by one scan backward and one product for the recurrent kernel."""
    return _read(inputs, initial, recurrent_kernel, mask, return_sequences)[0]


def _read(
    inputs: jax.Array, initial: jax.Array, recurrent_kernel: jax.Array, mask: jax.Array | None, return_sequences: bool
) -> tuple[jax.Array, tuple[Any, ...]]:
    def step(state: jax.Array, here: tuple[jax.Array, jax.Array | None]) -> tuple[jax.Array, jax.Array]:
        term, known = here
        new = jnp.tanh(term + state @ recurrent_kernel)
        state = new if known is None else jnp.where(known, new, state)
        return state, state

    last, states = lax.scan(step, initial, (inputs, mask))
    return states if return_sequences else last, (states, initial, recurrent_kernel, mask)


def _differentiate(return_sequences: bool, kept: tuple[Any, ...], slope: jax.Array) -> tuple[Any, ...]:
    states, initial, recurrent_kernel, mask = kept
    transposed = recurrent_kernel.T

    def step(d_state: jax.Array, here: tuple[Any, ...]) -> tuple[jax.Array, jax.Array]:
        curvature, known, d_output = here
        d_state = d_state if d_output is None else d_state + d_output
        d_term = d_state * curvature
        if known is None:
            return d_term @ transposed, d_term
        d_term = jnp.where(known, d_term, 0)
        return d_term @ transposed + jnp.where(known, 0, d_state), d_term

    begin, d_outputs = (jnp.zeros_like(initial), slope) if return_sequences else (slope, None)
    d_initial, d_inputs = lax.scan(step, begin, (1 - states**2, mask, d_outputs), reverse=True)
    before = jnp.concatenate([initial[None], states[:-1]])
    units = len(recurrent_kernel)
    d_kernel = before.reshape(-1, units).T @ d_inputs.reshape(-1, units)
    return d_inputs, d_initial, d_kernel, None


recurrence.defvjp(_read, _differentiate)


def compile_steps(model: Any) -> Steps:
    """Scan over Keras's own step, compiled as one call.

    Between two steps the weights are kept flat, for the sake of `prepare_optimizer`.
    """

    def variables() -> list[list[Any]]:
        return [
            model.trainable_variables,
            model.non_trainable_variables,
            model.optimizer.variables,
            model.metrics_variables,
        ]

    def many(state: Any, x: jax.Array, y: jax.Array) -> Any:
        leaves, structure = jax.tree.flatten(state)
        shapes = [leaf.shape for leaf in leaves]

        def flat(state: Any) -> list[jax.Array]:
            return [leaf.ravel() for leaf in jax.tree.leaves(state)]

        def shaped(leaves: list[jax.Array]) -> Any:
            return jax.tree.unflatten(structure, [leaf.reshape(s) for leaf, s in zip(leaves, shapes, strict=True)])

        def step(leaves: list[jax.Array], batch: tuple[jax.Array, jax.Array]) -> tuple[list[jax.Array], None]:
            _, state = model.train_step(shaped(leaves), batch)
            return flat(state), None

        return shaped(lax.scan(step, flat(state), (x, y))[0])

    compiled = jax.jit(many, donate_argnums=0)

    def steps(x: Any, y: Any) -> None:
        # Creates the variables of the metrics.
        model._symbolic_build(data_batch=(x[0], y[0]))
        groups = variables()
        found = compiled([[variable.value for variable in group] for group in groups], x, y)
        for group, values in zip(groups, found, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)

    return Steps(steps, "compiled")
