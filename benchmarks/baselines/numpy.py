"""The model in NumPy alone.

Each of the 10,003 embeddings is multiplied by the kernel once per step, instead of each token of a batch: (E W)[x] is
E[x] W, and in the backward pass the derivatives of all tokens with the same id are summed before the product.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from backends_test.oracle import EPSILON
from benchmarks.trainer import Trainer
from imdb_rnn.text.batches import Arrays

Array = npt.NDArray[np.float32]


class PlainNumpy(Trainer):
    """Trains with a hand-written forward pass, backward pass and Adam, in float32.

    Args:
        weights: see `benchmarks.trainer.Trainer`.
        epsilon: Adam's ε.
    """

    def __init__(self, weights: Sequence[Array], epsilon: float = EPSILON) -> None:
        self._weights = [np.array(weight, np.float32) for weight in weights]
        self._moments = [(np.zeros_like(weight), np.zeros_like(weight)) for weight in self._weights]
        self._epsilon, self._steps = epsilon, 0

    def train(self, batches: Sequence[Arrays]) -> None:
        """See `benchmarks.trainer.Trainer.train`."""
        for x, y in batches:
            self._apply(self._gradients(x, y))

    def weights(self) -> list[Array]:
        """See `benchmarks.trainer.Trainer.weights`."""
        return [weight.copy() for weight in self._weights]

    def predict(self, ids: npt.NDArray[np.int32]) -> Array:
        """See `benchmarks.trainer.Trainer.predict`."""
        return self._scores(self._states(ids)[-1])[:, 0]

    def path(self) -> dict[str, str]:
        """See `benchmarks.trainer.Trainer.path`."""
        return {"device": "cpu", "blas": np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]}

    def _states(self, ids: npt.NDArray[np.int32]) -> Array:
        """Return the states before the first token and after each token, shape (T + 1, n, 8)."""
        embeddings, kernel, recurrent_kernel, bias, _, _ = self._weights
        inputs = (embeddings @ kernel + bias)[ids.T]
        states = np.zeros((len(inputs) + 1, *inputs.shape[1:]), np.float32)
        for before, after, step in zip(states, states[1:], inputs, strict=False):
            np.matmul(before, recurrent_kernel, out=after)
            after += step
            np.tanh(after, out=after)
        return states

    def _scores(self, last: Array) -> Array:
        """Return the scores of the last states, with tanh as a sigmoid that does not overflow."""
        half = np.float32(0.5)
        logits: Array = last @ self._weights[4] + self._weights[5]
        scores: Array = half + half * np.tanh(half * logits)
        return scores

    def _gradients(self, x: npt.NDArray[np.int32], y: Array) -> list[Array]:
        """Return the gradients of the loss, by backpropagation through time."""
        embeddings, kernel, recurrent_kernel, _, out_kernel, _ = self._weights
        states = self._states(x)
        d_logits = (self._scores(states[-1]) - y) / np.float32(len(x))
        d_sums = 1 - states[1:] ** 2
        d_state = d_logits @ out_kernel.T
        for d_sum in d_sums[::-1]:
            d_sum *= d_state
            d_state = d_sum @ recurrent_kernel.T
        tokens, units = x.T.ravel(), len(recurrent_kernel)
        d_tokens = d_sums.reshape(-1, units)
        d_ids = np.empty((len(embeddings), units), np.float32)
        for unit in range(units):
            d_ids[:, unit] = np.bincount(tokens, d_tokens[:, unit], len(embeddings))
        return [
            d_ids @ kernel.T,
            embeddings.T @ d_ids,
            states[:-1].reshape(-1, units).T @ d_tokens,
            d_tokens.sum(axis=0),
            states[-1].T @ d_logits,
            d_logits.sum(axis=0),
        ]

    def _apply(self, gradients: list[Array]) -> None:
        """Make one step of Adam, with epsilon where Keras adds it."""
        self._steps += 1
        rate = np.float32(0.001 * np.sqrt(1 - 0.999**self._steps) / (1 - 0.9**self._steps))
        for weight, gradient, (m, v) in zip(self._weights, gradients, self._moments, strict=True):
            m += np.float32(0.1) * (gradient - m)
            v += np.float32(0.001) * (gradient * gradient - v)
            weight -= rate * m / (np.sqrt(v) + np.float32(self._epsilon))
