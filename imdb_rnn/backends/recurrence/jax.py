"""The recurrences in JAX. `imdb_rnn.backends.recurrence` documents the functions.

The derivative is defined in forward mode: products with the tangents of the inputs and the weights for all steps at
once, then one linear scan. JAX transposes it into a backward pass of one scan, which computes the gradients of the
gates, and one product for each weight. Differentiating the scan of the states itself would add up the gradient of each
weight step by step, and keep more arrays.

The inputs are multiplied by the kernel in each step: in programs that XLA compiles for a CPU, one product for all
steps takes longer, because its result has to be written to memory and read again.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from imdb_rnn.backends.recurrence import Cell, KerasPath, Weights

output_begins_at_zero = False
# Whether what is compiled is for devices that share each batch.
_SHARED = ContextVar("shared", default=False)

Arrays = tuple[jax.Array, ...]


def supports(tensors: Sequence[Any], training: bool) -> bool:
    """Return whether the tensors have supported dtypes. JAX can transform the recurrence like any function."""
    return all(tensor.dtype in ("float32", "float64", "bool") for tensor in tensors)


def computes_float64() -> bool:
    """Return whether JAX has float64."""
    return bool(jax.config.jax_enable_x64)


def cudnn_reason(cell: Cell, layer: Any, masked: bool) -> str:
    """Return why Keras's own layer uses cuDNN; "" if it does not."""
    from keras.layers import LSTM

    if jax.default_backend() != "gpu" or type(layer) is not LSTM or layer.use_cudnn is False or masked:
        return ""
    return "Keras calls cuDNN for an LSTM on a GPU where no step is masked" if layer.cell.use_bias else ""


def description(cell: Cell, dtype: str, masked: bool) -> str:
    """Describe how `run` works."""
    return "a scan that XLA compiles, with a derivative of its own"


def keras_path(layer: Any, masked: bool, compiled: bool) -> tuple[KerasPath, str]:
    """Return "compiled": a scan is compiled even in eager calls."""
    return "compiled", "XLA compiles Keras's loop" + (", which is unrolled" if layer.unroll else "")


def run(
    cell: Cell,
    sequences: jax.Array,
    initial: Arrays,
    weights: Weights,
    mask: jax.Array | None,
    return_sequences: bool,
) -> tuple[jax.Array | None, Arrays]:
    """Run one scan for the states, and one scan for the derivative."""
    steps_mask = None if mask is None else mask.T[:, :, None]
    outputs, last = _loop(cell, return_sequences, jnp.swapaxes(sequences, 0, 1), initial, weights, steps_mask)
    return None if outputs is None else jnp.swapaxes(outputs, 0, 1), last


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _loop(
    cell: Cell,
    return_sequences: bool,
    sequences: jax.Array,
    initial: Arrays,
    weights: Weights,
    mask: jax.Array | None,
) -> tuple[jax.Array | None, Arrays]:
    """Run a cell over sequences of shape (T, batch, features), with a mask of shape (T, batch, 1)."""
    last, (outputs, _) = _scan(cell, return_sequences, False, sequences, initial, weights, mask)
    return outputs, last


@_loop.defjvp  # type: ignore[untyped-decorator]
def _differentiate(
    cell: Cell, return_sequences: bool, primals: tuple[Any, ...], tangents: tuple[Any, ...]
) -> tuple[Any, Any]:
    sequences, initial, weights, mask = primals
    d_sequences, d_initial, d_weights, _ = tangents
    last, (outputs, (before, kept)) = _scan(cell, return_sequences, True, sequences, initial, weights, mask)
    d_terms = _product(sequences, d_weights.kernel) + _product(d_sequences, weights.kernel)
    d_inner = None
    d_bias, units = d_weights.bias, len(weights.recurrent_kernel)
    if cell == "gru":
        # A part of this product is multiplied by r in each step.
        d_product = _product(before, d_weights.recurrent_kernel)
        if d_bias is not None:
            d_terms, d_product = d_terms + d_bias[0], d_product + d_bias[1]
        d_terms = d_terms.at[..., : 2 * units].add(d_product[..., : 2 * units])
        d_inner = d_product[..., 2 * units :]
    else:
        d_terms = d_terms if d_bias is None else d_terms + d_bias
        if cell == "gru reset before":
            d_gate_kernel, d_inner_kernel = jnp.split(d_weights.recurrent_kernel, [2 * units], -1)
            reset = kept[1] * before
            d_terms += jnp.concatenate([_product(before, d_gate_kernel), _product(reset, d_inner_kernel)], -1)
        else:
            d_terms += _product(before, d_weights.recurrent_kernel)

    # Recomputed from what is kept, or JAX would keep further arrays for its transpose.
    @partial(jax.checkpoint, prevent_cse=False)
    def step(d_states: Arrays, inputs: tuple[Any, ...]) -> tuple[Arrays, jax.Array | None]:
        d_term, d_inner, before, kept, mask = inputs
        d_new = _linear_step(cell, d_term, d_inner, before, kept, d_states, weights.recurrent_kernel)
        if mask is not None:
            d_new = tuple(jnp.where(mask, a, b) for a, b in zip(d_new, d_states, strict=True))
        return d_new, d_new[0] if return_sequences else None

    d_last, d_outputs = lax.scan(step, d_initial, (d_terms, d_inner, before, kept, mask))
    return (outputs, last), (d_outputs, d_last)


def _scan(
    cell: Cell,
    return_sequences: bool,
    differentiated: bool,
    sequences: jax.Array,
    initial: Arrays,
    weights: Weights,
    mask: jax.Array | None,
) -> tuple[Arrays, tuple[Any, Any]]:
    """Return the last states, the outputs, and what the derivative needs: the state before each step, and the gates."""

    def step(states: Arrays, inputs: tuple[Any, ...]) -> tuple[Arrays, tuple[Any, Any]]:
        x, mask = inputs
        new, kept = _step(cell, x, states, weights)
        if mask is not None:
            new = tuple(jnp.where(mask, a, b) for a, b in zip(new, states, strict=True))
        return new, (new[0] if return_sequences else None, (states[0], kept) if differentiated else None)

    return lax.scan(step, initial, (sequences, mask))  # type: ignore[no-any-return]


def _step(cell: Cell, x: jax.Array, states: Arrays, weights: Weights) -> tuple[Arrays, Arrays]:
    """Return the states after a step, and what `_linear_step` needs in addition to the first state before it."""
    state, units = states[0], len(weights.recurrent_kernel)
    kernel, recurrent_kernel, bias = weights
    term = x @ kernel
    if cell == "gru":
        product = state @ recurrent_kernel
        if bias is not None:
            term, product = term + bias[0], product + bias[1]
        z, r = jnp.split(jax.nn.sigmoid(term[:, : 2 * units] + product[:, : 2 * units]), 2, -1)
        inner = product[:, 2 * units :]
        g = jnp.tanh(term[:, 2 * units :] + r * inner)
        return (z * state + (1 - z) * g,), (z, r, g, inner)
    if bias is not None:
        term = term + bias
    if cell == "gru reset before":
        gates = term[:, : 2 * units] + state @ recurrent_kernel[:, : 2 * units]
        z, r = jnp.split(jax.nn.sigmoid(gates), 2, -1)
        g = jnp.tanh(term[:, 2 * units :] + (r * state) @ recurrent_kernel[:, 2 * units :])
        return (z * state + (1 - z) * g,), (z, r, g)
    total = term + state @ recurrent_kernel
    if cell == "lstm":
        i, f, g, o = jnp.split(total, 4, -1)
        i, f, g, o = jax.nn.sigmoid(i), jax.nn.sigmoid(f), jnp.tanh(g), jax.nn.sigmoid(o)
        memory = f * states[1] + i * g
        tanh_memory = jnp.tanh(memory)
        return (o * tanh_memory, memory), (i, f, g, o, states[1], tanh_memory)
    new = jnp.tanh(total) if cell == "tanh" else jax.nn.relu(total)
    return (new,), (new,)


def _linear_step(
    cell: Cell,
    d_term: jax.Array,
    d_inner: jax.Array | None,
    before: jax.Array,
    kept: Arrays,
    d_states: Arrays,
    recurrent_kernel: jax.Array,
) -> Arrays:
    """Return the derivatives of the states after a step: of x_t W + b and everything else in `_step`.

    Args:
        cell: see `imdb_rnn.backends.recurrence`.
        d_term: the derivative of what is added to the product of the state before the step.
        d_inner: of "gru", the derivative of what is added to the part of that product which is multiplied by r.
        before: the first state before the step.
        kept: see `_step`.
        d_states: the derivatives of the states before the step.
        recurrent_kernel: U.
    """
    d_state, units = d_states[0], len(recurrent_kernel)
    if cell in ("tanh", "relu"):
        (new,) = kept
        derivative = 1 - new**2 if cell == "tanh" else (new > 0).astype(new.dtype)
        return ((d_term + d_state @ recurrent_kernel) * derivative,)
    if cell == "lstm":
        i, f, g, o, memory, tanh_memory = kept
        d_i, d_f, d_g, d_o = jnp.split(d_term + d_state @ recurrent_kernel, 4, -1)
        d_memory = f * d_states[1] + g * i * (1 - i) * d_i + memory * f * (1 - f) * d_f + i * (1 - g**2) * d_g
        return o * (1 - tanh_memory**2) * d_memory + tanh_memory * o * (1 - o) * d_o, d_memory
    z, r, g, *inner = kept
    if cell == "gru":
        product = d_state @ recurrent_kernel
        d_z, d_r = jnp.split(d_term[:, : 2 * units] + product[:, : 2 * units], 2, -1)
        d_candidate = d_term[:, 2 * units :] + r * (product[:, 2 * units :] + d_inner) + inner[0] * r * (1 - r) * d_r
    else:
        gates = d_term[:, : 2 * units] + d_state @ recurrent_kernel[:, : 2 * units]
        d_z, d_r = jnp.split(gates, 2, -1)
        d_reset = r * d_state + before * r * (1 - r) * d_r
        d_candidate = d_term[:, 2 * units :] + d_reset @ recurrent_kernel[:, 2 * units :]
    return (z * d_state + (before - g) * z * (1 - z) * d_z + (1 - z) * (1 - g**2) * d_candidate,)


@contextmanager
def shared_batches() -> Iterator[None]:
    """Compile within a block for devices that share each batch."""
    token = _SHARED.set(True)
    try:
        yield
    finally:
        _SHARED.reset(token)


def _product(steps: jax.Array, kernel: jax.Array) -> jax.Array:
    """Multiply all steps, shape (T, batch, n), by a kernel.

    The steps are flattened, because XLA on a CPU is slow where a gradient sums over two axes.
    """
    if _SHARED.get():
        # The reviews come first, so that a device need not gather those of the others.
        of_reviews = steps.swapaxes(0, 1)
        product = of_reviews.reshape(-1, steps.shape[2]) @ kernel
        return product.reshape(*of_reviews.shape[:2], -1).swapaxes(0, 1)
    return (steps.reshape(-1, steps.shape[2]) @ kernel).reshape(*steps.shape[:2], -1)
