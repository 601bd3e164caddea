"""The forward pass in NumPy and float32, which answers without any backend.

A backend takes longer to be asked about one review than NumPy to read it, and longest to be loaded for it.
"""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from imdb_rnn.backends.keras_settings import EPSILON
from imdb_rnn.errors import ModelError

Float = TypeVar("Float", bound=np.floating[Any])


def sigmoid(logits: npt.NDArray[Float]) -> npt.NDArray[Float]:
    """Convert logits to scores, 1 / (1 + exp(-z)), without overflow and in the float type that is given."""
    # The exponent is never positive, so that it cannot overflow.
    small = np.exp(-np.abs(logits))
    scores: npt.NDArray[Float] = np.where(logits < 0, small, np.ones_like(small)) / (1 + small)
    return scores


def binary_crossentropy(logits: npt.NDArray[np.float64], labels: npt.NDArray[np.int8]) -> float:
    """Compute the mean loss of reviews in nats, with scores clipped to [1e-7, 1 - 1e-7] as Keras does.

    Args:
        logits: float64, shape (n,).
        labels: 0 or 1, shape (n,).

    Source: `keras.losses.BinaryCrossentropy`.
    """
    scores = np.clip(sigmoid(logits), EPSILON, 1 - EPSILON)
    losses = np.where(labels == 1, -np.log(scores), -np.log1p(-scores))
    return float(losses.mean())


def logits_of(weights: Sequence[npt.NDArray[np.float32]], ids: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
    """Read reviews.

    Args:
        weights: those of the model, in the order of `build_model().weights`, float32; without embeddings, if words
            come in as one-hot vectors.
        ids: int32, shape (n, T), below the number of embeddings.

    Returns:
        float32, shape (n,).

    Raises:
        ModelError: they are not finite, because the weights are too large.
    """
    (encoded, *kernel), (recurrent_kernel, bias, out_kernel, out_bias) = weights[:-4], weights[-4:]

    def terms_of(words: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return words @ kernel[0] + bias if kernel else words + bias

    steps = np.ascontiguousarray(ids.T)
    terms: Iterable[npt.NDArray[np.float32]]
    with np.errstate(over="ignore", invalid="ignore"):  # the result is checked
        if steps.size < len(encoded):
            terms = terms_of(encoded[steps])
        else:  # each word of the vocabulary once is less to multiply than each word of the reviews
            vocabulary = terms_of(encoded)
            terms = (vocabulary.take(step, axis=0) for step in steps)
        state = np.zeros((len(ids), len(bias)), np.float32)
        for term in terms:
            term += state @ recurrent_kernel  # in place: new arrays take longer
            np.tanh(term, out=state)
        logits: npt.NDArray[np.float32] = (state @ out_kernel + out_bias)[:, 0]
    check_logits(logits, weights)
    return logits


def check_logits(found: npt.NDArray[np.float32], weights: Sequence[npt.NDArray[np.float32]]) -> None:
    """Raise `ModelError` if scores are not finite, or could be infinite for another review.

    Args:
        found: logits or scores. Of an infinite logit the score is 1, and a backend gives only scores.
        weights: those of the model; the last two make the logits, of states between -1 and 1.
    """
    with np.errstate(over="ignore"):
        largest = sum(np.abs(array).sum() for array in weights[-2:])
    if not (np.isfinite(largest) and np.isfinite(found).all()):
        msg = (
            "Cannot read with this model. Expected: scores that are numbers. Received: infinite ones, or none, because "
            "its weights are too large. Train it again."
        )
        raise ModelError(msg)
