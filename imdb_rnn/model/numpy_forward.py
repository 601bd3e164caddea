"""The forward pass in NumPy, for predictions without a backend.

For a single review, NumPy takes less time than the call of a backend, and much less than the import of one.
"""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from imdb_rnn.backends.keras_settings import EPSILON
from imdb_rnn.errors import ModelError

Float = TypeVar("Float", bound=np.floating[Any])


def sigmoid(logits: npt.NDArray[Float]) -> npt.NDArray[Float]:
    """Compute 1 / (1 + exp(-logit)) without overflow, in the dtype of the logits."""
    # The exponent is never positive, so it cannot overflow.
    small = np.exp(-np.abs(logits))
    scores: npt.NDArray[Float] = np.where(logits < 0, small, np.ones_like(small)) / (1 + small)
    return scores


def binary_crossentropy(logits: npt.NDArray[np.float64], labels: npt.NDArray[np.int8]) -> float:
    """Compute the mean binary cross-entropy in nats, with scores clipped to [1e-7, 1 - 1e-7] as in Keras.

    Args:
        logits: float64, shape (n,).
        labels: 0 or 1, shape (n,).

    Source: `keras.losses.BinaryCrossentropy`.
    """
    scores = np.clip(sigmoid(logits), EPSILON, 1 - EPSILON)
    losses = np.where(labels == 1, -np.log(scores), -np.log1p(-scores))
    return float(losses.mean())


def logits_of(weights: Sequence[npt.NDArray[Float]], ids: npt.NDArray[np.int32]) -> npt.NDArray[Float]:
    """Compute the logits of reviews, in the dtype of the weights.

    Args:
        weights: the weights of the model in the order of `build_model().weights`, float32 or float64; the encoder
            "one_hot" has no embeddings.
        ids: int32, shape (n, T), below the number of embeddings.

    Returns:
        Logits, in the dtype of the weights, shape (n,).

    Raises:
        ModelError: the logits are not finite, because the weights are too large.
    """
    (encoded, *kernel), (recurrent_kernel, bias, out_kernel, out_bias) = weights[:-4], weights[-4:]

    def terms_of(words: npt.NDArray[Float]) -> npt.NDArray[Float]:
        return words @ kernel[0] + bias if kernel else words + bias

    steps = np.ascontiguousarray(ids.T)
    terms: Iterable[npt.NDArray[Float]]
    with np.errstate(over="ignore", invalid="ignore"):  # the result is checked
        if steps.size < len(encoded):
            terms = terms_of(encoded[steps])
        else:  # one product for each word of the vocabulary is cheaper than one for each word of the reviews
            vocabulary = terms_of(encoded)
            terms = (vocabulary.take(step, axis=0) for step in steps)
        state = np.zeros((len(ids), len(bias)), bias.dtype)
        for term in terms:
            term += state @ recurrent_kernel  # in place, which is faster than a new array
            np.tanh(term, out=state)
        logits: npt.NDArray[Float] = (state @ out_kernel + out_bias)[:, 0]
    check_logits(logits, weights)
    return logits


def check_logits(values: npt.NDArray[Float], weights: Sequence[npt.NDArray[Float]]) -> None:
    """Raise `ModelError` if logits or scores are not finite, or a logit could be infinite for another review.

    Args:
        values: logits, or the scores of a backend, which are finite even if a logit is infinite.
        weights: the weights of the model. The last two map states between -1 and 1 to the logit.
    """
    with np.errstate(over="ignore"):
        largest = sum(np.abs(array).sum() for array in weights[-2:])
    if not (np.isfinite(largest) and np.isfinite(values).all()):
        msg = (
            "Cannot predict with this model. Expected: finite scores. Received: infinite or undefined ones, because "
            "the weights are too large. Train the model again."
        )
        raise ModelError(msg)
