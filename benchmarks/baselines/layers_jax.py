"""Recurrent layers in JAX alone: the product with the inputs before a `lax.scan`, with a linear output."""

from collections.abc import Callable, Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax import lax

from backends_test.oracle import EPSILON
from benchmarks.baselines.jax import State, adam

Floats = npt.NDArray[np.float32]
# A state, the inputs of a step times the kernel, the recurrent kernel and the recurrent bias -> the next state.
Cell = Callable[..., jax.Array]


def simple(h: jax.Array, inputs: jax.Array, recurrent: jax.Array, _: jax.Array) -> jax.Array:
    """Return the next state of `keras.layers.SimpleRNN`."""
    return jnp.tanh(inputs + h @ recurrent)


def lstm(state: jax.Array, inputs: jax.Array, recurrent: jax.Array, _: jax.Array) -> jax.Array:
    """Return the next output and cell state of `keras.layers.LSTM`, stacked."""
    h, c = state
    i, f, g, o = jnp.split(inputs + h @ recurrent, 4, axis=-1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jnp.stack([jax.nn.sigmoid(o) * jnp.tanh(c), c])


def gru(h: jax.Array, inputs: jax.Array, recurrent: jax.Array, bias: jax.Array) -> jax.Array:
    """Return the next state of `keras.layers.GRU(reset_after=True)`."""
    inputs_z, inputs_r, inputs_h = jnp.split(inputs, 3, axis=-1)
    recurrent_z, recurrent_r, recurrent_h = jnp.split(h @ recurrent + bias, 3, axis=-1)
    z, r = jax.nn.sigmoid(inputs_z + recurrent_z), jax.nn.sigmoid(inputs_r + recurrent_r)
    return z * h + (1 - z) * jnp.tanh(inputs_h + r * recurrent_h)


def gru_reset_before(h: jax.Array, inputs: jax.Array, recurrent: jax.Array, _: jax.Array) -> jax.Array:
    """Return the next state of `keras.layers.GRU(reset_after=False)`."""
    inputs_z, inputs_r, inputs_h = jnp.split(inputs, 3, axis=-1)
    gates, candidate = jnp.split(recurrent, [2 * h.shape[-1]], axis=-1)
    recurrent_z, recurrent_r = jnp.split(h @ gates, 2, axis=-1)
    z, r = jax.nn.sigmoid(inputs_z + recurrent_z), jax.nn.sigmoid(inputs_r + recurrent_r)
    return z * h + (1 - z) * jnp.tanh(inputs_h + (r * h) @ candidate)


CELLS: dict[str, Cell] = {
    "SimpleRNN": simple,
    "LSTM": lstm,
    "GRU": gru,
    "GRU(reset_after=False)": gru_reset_before,
    "Bidirectional(LSTM)": lstm,
}


def last_output(cell: Cell, weights: Sequence[jax.Array], inputs: jax.Array, reverse: bool) -> jax.Array:
    """Return the last output, shape (batch, units), of inputs of shape (time, batch, features)."""
    kernel, recurrent, bias = weights
    # Only the bias of GRU(reset_after=True) has a part that stays inside the loop.
    outside, inside = bias if bias.ndim == 2 else (bias, bias)
    terms = inputs @ kernel + outside
    shape = (terms.shape[1], recurrent.shape[0])
    begin = jnp.zeros((2, *shape) if cell is lstm else shape, terms.dtype)
    last, _ = lax.scan(lambda state, step: (cell(state, step, recurrent, inside), None), begin, terms, reverse=reverse)
    return last[0] if cell is lstm else last


def loss(weights: list[jax.Array], x: jax.Array, y: jax.Array, layer: str) -> jax.Array:
    """Return the mean squared error of a batch."""
    inputs = jnp.swapaxes(x, 0, 1)
    *recurrent, out_kernel, out_bias = weights
    parts = [recurrent[start : start + 3] for start in range(0, len(recurrent), 3)]
    outputs = [last_output(CELLS[layer], part, inputs, place == 1) for place, part in enumerate(parts)]
    return jnp.mean((jnp.concatenate(outputs, axis=-1) @ out_kernel + out_bias - y) ** 2)


@partial(jax.jit, static_argnames="layer", donate_argnames="state")
def compiled_step(state: State, x: jax.Array, y: jax.Array, layer: str) -> State:
    """Differentiate the loss, and make one step of Adam."""
    return adam(state, jax.grad(loss)(state.weights, x, y, layer), EPSILON)


class NativeJax:
    """A recurrent layer and a linear output, trained with one compiled call per step.

    Args:
        layer: a key of `CELLS`.
        weights: the weights of the Keras model, in its order.
        x: inputs, float32, shape (batch, time, features).
        y: targets, float32, shape (batch, 1).
    """

    def __init__(self, layer: str, weights: Sequence[Floats], x: Floats, y: Floats) -> None:
        self.layer, self.x, self.y = layer, x, y
        # Copied, because the first step donates these arrays.
        owned = [jnp.array(weight, copy=True) for weight in weights]
        m, v = ([jnp.zeros_like(weight) for weight in owned] for _ in range(2))
        self.state = State(owned, m, v, jnp.zeros((), jnp.int32))

    def train(self, steps: int) -> None:
        """Make training steps on the batch, and wait for the last."""
        for _ in range(steps):
            self.state = compiled_step(self.state, self.x, self.y, self.layer)
        jax.block_until_ready(self.state.weights)

    def gradients(self) -> list[Floats]:
        """Return the gradients of the first training step; its first moment is 1 - β₁ = 0.1 of them."""
        moments: list[Floats] = [np.asarray(moment) for moment in self.state.m]
        return [moment / np.float32(0.1) for moment in moments]
