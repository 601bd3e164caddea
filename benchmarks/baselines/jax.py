"""The model in JAX alone, without Keras, Flax or Optax: functions of arrays, `lax.scan`, hand-written Adam."""

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

STEPS_PER_CALL = 78  # a quarter of an epoch of 20,000 reviews


class State(NamedTuple):
    """The weights, the two moments of Adam for each, and the number of steps."""

    weights: list[jax.Array]
    m: list[jax.Array]
    v: list[jax.Array]
    steps: jax.Array


def logits(weights: list[jax.Array], ids: jax.Array) -> jax.Array:
    """Return the logits, shape (n, 1), of ids of shape (n, T)."""
    embeddings, kernel, recurrent_kernel, bias, out_kernel, out_bias = weights
    inputs = embeddings[ids.T] @ kernel + bias

    def next_state(state: jax.Array, step_inputs: jax.Array) -> tuple[jax.Array, None]:
        return jnp.tanh(step_inputs + state @ recurrent_kernel), None

    last, _ = lax.scan(next_state, jnp.zeros_like(inputs[0]), inputs)
    return last @ out_kernel + out_bias


def loss(weights: list[jax.Array], x: jax.Array, y: jax.Array) -> jax.Array:
    """Return the mean binary cross-entropy of a batch."""
    z = logits(weights, x)
    return jnp.mean(jax.nn.softplus(z) - y * z)


def one_step(state: State, batch: Arrays, epsilon: float) -> State:
    """Differentiate the loss of a batch, and make one step of Adam."""
    return adam(state, jax.grad(loss)(state.weights, *batch), epsilon)


def adam(state: State, gradients: list[jax.Array], epsilon: float) -> State:
    """Make one step of Adam, with epsilon where Keras adds it."""
    t = state.steps + 1
    rate = 0.001 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    m = [m + 0.1 * (g - m) for m, g in zip(state.m, gradients, strict=True)]
    v = [v + 0.001 * (g * g - v) for v, g in zip(state.v, gradients, strict=True)]
    weights = [w - rate * m / (jnp.sqrt(v) + epsilon) for w, m, v in zip(state.weights, m, v, strict=True)]
    return State(weights, m, v, t)


# The old state is donated, so that the new one can use its memory.
@partial(jax.jit, static_argnames="epsilon", donate_argnames="state")
def compiled_step(state: State, batch: Arrays, epsilon: float) -> State:
    """Make one step."""
    return one_step(state, batch, epsilon)


@partial(jax.jit, static_argnames="epsilon", donate_argnames="state")
def compiled_steps(state: State, batches: Arrays, epsilon: float) -> State:
    """Make one step per batch; the arrays have the batches as their first axis."""
    final: State = lax.scan(lambda state, batch: (one_step(state, batch, epsilon), None), state, batches)[0]
    return final


@jax.jit  # type: ignore[untyped-decorator]  # untyped where it is checked
def compiled_scores(weights: list[jax.Array], ids: jax.Array) -> jax.Array:
    """Return the scores of reviews, shape (n,)."""
    return jax.nn.sigmoid(logits(weights, ids))[:, 0]


class StepJax(Trainer):
    """Trains with one compiled call per batch.

    Args:
        weights: see `benchmarks.trainer.Trainer`.
        epsilon: Adam's ε.
    """

    compiled = "each step"

    def __init__(self, weights: Sequence[npt.NDArray[np.float32]], epsilon: float = EPSILON) -> None:
        # Copied, because the first step donates these arrays.
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
    """Trains with one compiled call per 78 batches of one shape: four calls per epoch, and one for the last batch.

    One call for the whole epoch is not faster, and would compile again for each number of reviews.
    """

    compiled = "78 steps per call"

    def train(self, batches: Sequence[Arrays]) -> None:
        """See `benchmarks.trainer.Trainer.train`. Compiles once for each number of batches per call."""
        for _, alike in groupby(batches, lambda batch: batch.x.shape):
            same = list(alike)
            for start in range(0, len(same), STEPS_PER_CALL):
                x, y = zip(*same[start : start + STEPS_PER_CALL], strict=True)
                self._state = compiled_steps(self._state, Arrays(np.stack(x), np.stack(y)), self._epsilon)
