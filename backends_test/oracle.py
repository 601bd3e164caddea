"""The model and its training in NumPy and float64: the reference for every backend.

It shares no code with Keras or with the library.

For a batch of B reviews of T ids x, with E the embeddings, W the kernel, U the recurrent kernel, b its bias, v and c
the kernel and the bias of the last layer, and y the labels:

    h_0 = 0
    h_t = tanh(E[x_t] W + h_{t-1} U + b)         t = 1 … T
    z   = h_T v + c                              the logit
    p   = 1 / (1 + exp(-z))                      the score
    L   = -mean(y log p + (1 - y) log(1 - p))    binary cross-entropy, p kept within [ε, 1 - ε]

and the backward pass through time, with dA for the derivative of L with respect to A:

    dz   = (p - y) / B                           zero where p was clipped
    dv   = h_Tᵀ dz           dc = Σ dz           dh_T = dz vᵀ
    da_t = dh_t (1 - h_t²)                       t = T … 1
    dW   = Σ_t E[x_t]ᵀ da_t  dU = Σ_t h_{t-1}ᵀ da_t  db = Σ_t Σ_B da_t
    dE[i]   = Σ of da_t Wᵀ over all positions (review, t) that hold the id i
    dh_{t-1} = da_t Uᵀ

Padding (id 0) is a token like any other: it has an embedding, and it changes the state.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, Self, TypeVar

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Float = TypeVar("Float", bound=np.floating[Any])

# keras.config.epsilon(): Keras clips scores at this distance from 0 and 1, and its optimizers add it to denominators.
EPSILON = 1e-7


@dataclass
class Weights:
    """The six weights of the model, or six arrays of their shapes (gradients, moments of an optimizer).

    Attributes:
        embeddings: float64, shape (ids, 16).
        kernel: float64, shape (16, 8).
        recurrent_kernel: float64, shape (8, 8).
        bias: float64, shape (8,).
        out_kernel: float64, shape (8, 1).
        out_bias: float64, shape (1,).
    """

    embeddings: Array
    kernel: Array
    recurrent_kernel: Array
    bias: Array
    out_kernel: Array
    out_bias: Array

    @classmethod
    def of(cls, arrays: Iterable[npt.NDArray[Any]]) -> Self:
        """Copy arrays, in the order of `model.get_weights()`, as float64."""
        return cls(*(np.array(array, np.float64) for array in arrays))

    def arrays(self) -> list[Array]:
        """Return the arrays in the order of `model.get_weights()`."""
        return [getattr(self, field.name) for field in fields(self)]


class Forward(NamedTuple):
    """The results of the forward pass.

    Attributes:
        states: float64, shape (T + 1, B, 8): h_0 … h_T.
        logits: float64, shape (B, 1).
        scores: float64, shape (B, 1).
    """

    states: Array
    logits: Array
    scores: Array


def forward(weights: Weights, ids: npt.NDArray[np.integer[Any]]) -> Forward:
    """Compute the scores of a batch of reviews.

    Args:
        weights: the model.
        ids: integers, shape (B, T), below the number of embeddings.
    """
    batch, length = ids.shape
    states = np.zeros((length + 1, batch, len(weights.bias)))
    for step in range(length):
        inputs = weights.embeddings[ids[:, step]]
        states[step + 1] = np.tanh(inputs @ weights.kernel + states[step] @ weights.recurrent_kernel + weights.bias)
    logits = states[-1] @ weights.out_kernel + weights.out_bias
    return Forward(states, logits, sigmoid(logits))


def sigmoid(logits: npt.NDArray[Float]) -> npt.NDArray[Float]:
    """1 / (1 + exp(-z)) in the float type of the input, without overflow for either sign."""
    small = np.exp(-np.abs(logits))
    scores: npt.NDArray[Float] = np.where(logits >= 0, np.ones_like(small), small) / (1 + small)
    return scores


def binary_crossentropy(logits: Array, labels: npt.ArrayLike, epsilon: float | None = EPSILON) -> float:
    """Return the mean loss of a batch.

    Args:
        logits: float64, shape (B, 1).
        labels: 0 or 1, shape (B, 1).
        epsilon: scores are clipped to [epsilon, 1 - epsilon], as Keras does on JAX and PyTorch; None computes the loss
            from the logits without clipping, as Keras does on TensorFlow.

    Source: `keras.losses.BinaryCrossentropy`.
    """
    y = np.asarray(labels, np.float64)
    if epsilon is None:
        # -y log p - (1 - y) log(1 - p) = log(1 + exp(-|z|)) + max(z, 0) - y z
        return float(np.mean(np.log1p(np.exp(-np.abs(logits))) + np.maximum(logits, 0) - y * logits))
    p = np.clip(sigmoid(logits), epsilon, 1 - epsilon)
    return float(-np.mean(y * np.log(p) + (1 - y) * np.log1p(-p)))


def gradients(
    weights: Weights,
    ids: npt.NDArray[np.integer[Any]],
    labels: npt.ArrayLike,
    epsilon: float | None = EPSILON,
) -> Weights:
    """Return the gradients of the loss of a batch, by backpropagation through time.

    Args:
        weights: the model.
        ids: integers, shape (B, T).
        labels: 0 or 1, shape (B, 1).
        epsilon: see `binary_crossentropy`.

    Returns:
        The derivatives, with the shapes of the weights.
    """
    states, _, scores = forward(weights, ids)
    d_logits = (scores - np.asarray(labels, np.float64)) / len(ids)
    if epsilon is not None:
        d_logits = np.where((scores < epsilon) | (scores > 1 - epsilon), 0, d_logits)
    result = Weights.of(np.zeros_like(array) for array in weights.arrays())
    result.out_kernel = states[-1].T @ d_logits
    result.out_bias = d_logits.sum(axis=0)
    d_state = d_logits @ weights.out_kernel.T
    for step in reversed(range(ids.shape[1])):
        d_sum = d_state * (1 - states[step + 1] ** 2)
        result.kernel += weights.embeddings[ids[:, step]].T @ d_sum
        result.recurrent_kernel += states[step].T @ d_sum
        result.bias += d_sum.sum(axis=0)
        # Not `result.embeddings[ids] += …`, which would count an id only once if several reviews hold it.
        np.add.at(result.embeddings, ids[:, step], d_sum @ weights.kernel.T)
        d_state = d_sum @ weights.recurrent_kernel.T
    return result


class SGD:
    """w ← w - η g.

    Args:
        learning_rate: η.

    Source: `keras.optimizers.SGD` without momentum.
    """

    def __init__(self, learning_rate: float = 0.01) -> None:
        self.learning_rate = learning_rate

    def apply(self, weights: Weights, gradients: Weights) -> None:
        """Update the weights in place by one step."""
        for weight, gradient in zip(weights.arrays(), gradients.arrays(), strict=True):
            weight -= self.learning_rate * gradient


class Adam:
    """Adam with ε where Keras adds it.

        m ← m + (1 - β₁)(g - m)
        v ← v + (1 - β₂)(g² - v)
        w ← w - η √(1 - β₂ᵗ) / (1 - β₁ᵗ) · m / (√v + ε)

    Args:
        learning_rate: η.
        beta_1: β₁.
        beta_2: β₂.
        epsilon: ε, added before the bias correction ("ε hat" of the paper).

    Source: Kingma and Ba 2015, end of section 2; `keras.optimizers.Adam`.
    """

    def __init__(
        self, learning_rate: float = 0.001, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = EPSILON
    ) -> None:
        self.learning_rate, self.beta_1, self.beta_2, self.epsilon = learning_rate, beta_1, beta_2, epsilon
        self.steps = 0
        self.moments: list[tuple[Array, Array]] = []

    def apply(self, weights: Weights, gradients: Weights) -> None:
        """Update the weights in place by one step."""
        if not self.moments:
            self.moments = [(np.zeros_like(array), np.zeros_like(array)) for array in weights.arrays()]
        self.steps += 1
        rate = self.learning_rate * np.sqrt(1 - self.beta_2**self.steps) / (1 - self.beta_1**self.steps)
        for weight, gradient, (m, v) in zip(weights.arrays(), gradients.arrays(), self.moments, strict=True):
            m += (1 - self.beta_1) * (gradient - m)
            v += (1 - self.beta_2) * (gradient**2 - v)
            weight -= rate * m / (np.sqrt(v) + self.epsilon)


class RMSprop:
    """RMSprop without momentum, not centered.

        v ← r v + (1 - r) g²
        w ← w - η g / √(v + ε)

    Args:
        learning_rate: η.
        rho: r.
        epsilon: ε.

    Source: `keras.optimizers.RMSprop`.
    """

    def __init__(self, learning_rate: float = 0.001, rho: float = 0.9, epsilon: float = EPSILON) -> None:
        self.learning_rate, self.rho, self.epsilon = learning_rate, rho, epsilon
        self.moments: list[Array] = []

    def apply(self, weights: Weights, gradients: Weights) -> None:
        """Update the weights in place by one step."""
        if not self.moments:
            self.moments = [np.zeros_like(array) for array in weights.arrays()]
        for weight, gradient, v in zip(weights.arrays(), gradients.arrays(), self.moments, strict=True):
            v += (1 - self.rho) * (gradient**2 - v)
            weight -= self.learning_rate * gradient / np.sqrt(v + self.epsilon)


def clip_by_value(gradients: Weights, limit: float) -> Weights:
    """Clip every derivative to ±limit (`clipvalue` of Keras's optimizers)."""
    return Weights.of(np.clip(array, -limit, limit) for array in gradients.arrays())


def clip_by_norm(gradients: Weights, limit: float) -> Weights:
    """Scale the gradient of each weight to a Euclidean norm of at most `limit` (`clipnorm`)."""
    return Weights.of(array * _shrink(float(np.linalg.norm(array)), limit) for array in gradients.arrays())


def clip_by_global_norm(gradients: Weights, limit: float) -> Weights:
    """Scale all gradients together to a Euclidean norm of at most `limit` (`global_clipnorm`)."""
    norm = float(np.sqrt(sum(float(np.sum(array**2)) for array in gradients.arrays())))
    return Weights.of(array * _shrink(norm, limit) for array in gradients.arrays())


def _shrink(norm: float, limit: float) -> float:
    """Return the factor that reduces a norm to a limit."""
    return limit / norm if norm > limit else 1.0
