"""The model in JAX alone, without Keras, Flax or Optax: functions of arrays, `lax.scan` over time, Adam by hand."""

from collections.abc import Sequence
from functools import partial
from itertools import groupby
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax import lax

from backends_test.oracle import EPSILON
from benchmarks.trainer import Trainer
from imdb_rnn.text.batches import Arrays

STEPS_A_CALL = 78  # a quarter of an epoch of 20,000 reviews


class State(NamedTuple):
    """The weights, Adam's two moments of each, and the number of steps made."""

    weights: list[jax.Array]
    m: list[jax.Array]
    v: list[jax.Array]
    steps: jax.Array


def logits(weights: list[jax.Array], ids: jax.Array) -> jax.Array:
    """Read reviews of ids of shape (n, T); shape (n, 1)."""
    embeddings, kernel, recurrent_kernel, bias, out_kernel, out_bias = weights
    inputs = embeddings[ids.T] @ kernel + bias

    def read(state: jax.Array, step: jax.Array) -> tuple[jax.Array, None]:
        return jnp.tanh(step + state @ recurrent_kernel), None

    last, _ = lax.scan(read, jnp.zeros_like(inputs[0]), inputs)
    return last @ out_kernel + out_bias


def loss(weights: list[jax.Array], x: jax.Array, y: jax.Array) -> jax.Array:
    """The mean binary cross-entropy of a batch."""
    z = logits(weights, x)
    return jnp.mean(jax.nn.softplus(z) - y * z)


def one_step(state: State, batch: Arrays, epsilon: float) -> State:
    """Differentiate the loss of a batch and make one step of Adam, epsilon where Keras has it."""
    gradients = jax.grad(loss)(state.weights, *batch)
    t = state.steps + 1
    rate = 0.001 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    m = [m + 0.1 * (g - m) for m, g in zip(state.m, gradients, strict=True)]
    v = [v + 0.001 * (g * g - v) for v, g in zip(state.v, gradients, strict=True)]
    weights = [w - rate * m / (jnp.sqrt(v) + epsilon) for w, m, v in zip(state.weights, m, v, strict=True)]
    return State(weights, m, v, t)


# The old state is given up, so that the new one can take its memory.
@partial(jax.jit, static_argnames="epsilon", donate_argnames="state")
def compiled_step(state: State, batch: Arrays, epsilon: float) -> State:
    """One step."""
    return one_step(state, batch, epsilon)


@partial(jax.jit, static_argnames="epsilon", donate_argnames="state")
def compiled_steps(state: State, batches: Arrays, epsilon: float) -> State:
    """A step for each batch, of arrays with one more axis in front."""
    return lax.scan(lambda state, batch: (one_step(state, batch, epsilon), None), state, batches)[0]


@jax.jit
def compiled_scores(weights: list[jax.Array], ids: jax.Array) -> jax.Array:
    """Scores of reviews, shape (n,)."""
    return jax.nn.sigmoid(logits(weights, ids))[:, 0]


class StepJax(Trainer):
    """One compiled call for each batch, from a Python loop.

    Args:
        weights: see `benchmarks.trainer.Trainer`.
        epsilon: of Adam.
    """

    compiled = "each step"

    def __init__(self, weights: Sequence[npt.NDArray[np.float32]], epsilon: float = EPSILON) -> None:
        # A copy: what is given up to the next step must belong to nobody else.
        owned = [jnp.array(weight, copy=True) for weight in weights]
        m, v = ([jnp.zeros_like(weight) for weight in owned] for _ in range(2))
        self._state, self._epsilon = State(owned, m, v, jnp.zeros((), jnp.int32)), epsilon

    def train(self, batches: Sequence[Arrays]) -> None:
        """See `benchmarks.trainer.Trainer.train`."""
        for batch in batches:
            self._state = compiled_step(self._state, batch, self._epsilon)

    def weights(self) -> list[npt.NDArray[np.float32]]:
        """See `benchmarks.trainer.Trainer.weights`."""
        return [np.array(weight) for weight in self._state.weights]

    def predict(self, ids: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
        """See `benchmarks.trainer.Trainer.predict`."""
        return np.array(compiled_scores(self._state.weights, ids))

    def path(self) -> dict[str, str]:
        """See `benchmarks.trainer.Trainer.path`."""
        (device,) = self._state.steps.devices()
        return {"device": device.platform, "kind": device.device_kind, "compiled": self.compiled}


class EpochJax(StepJax):
    """One compiled call for up to 78 neighbouring batches of one shape: four calls an epoch, and one for its short end.

    A call for the whole epoch is no quicker, and would compile again for every other number of reviews.
    """

    compiled = "78 steps a call"

    def train(self, batches: Sequence[Arrays]) -> None:
        """See `benchmarks.trainer.Trainer.train`. Compiles once for each number of batches that a call is given."""
        for _, alike in groupby(batches, lambda batch: batch.x.shape):
            same = list(alike)
            for start in range(0, len(same), STEPS_A_CALL):
                x, y = zip(*same[start : start + STEPS_A_CALL], strict=True)
                self._state = compiled_steps(self._state, Arrays(np.stack(x), np.stack(y)), self._epsilon)
