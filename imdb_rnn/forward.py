"""The forward pass in NumPy and float32, which answers without any backend.

May import: numpy, imdb_rnn.oracle.

A backend takes longer to be asked about one review than NumPy to read it, and longest to be loaded for it.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from imdb_rnn.oracle import sigmoid


def scores_of(weights: Sequence[npt.NDArray[np.float32]], ids: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
    """Read reviews: the sigmoid of `logits_of`, which has the arguments; float32, shape (n,), 0 to 1."""
    return sigmoid(logits_of(weights, ids))


def logits_of(weights: Sequence[npt.NDArray[np.float32]], ids: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
    """Read reviews.

    Args:
        weights: those of the model, in the order of `imdb_rnn.oracle.Weights`, float32; without embeddings, if words
            come in as one-hot vectors.
        ids: int32, shape (n, T), below the number of embeddings.

    Returns:
        float32, shape (n,).

    Source: `imdb_rnn.oracle.forward`.
    """
    (encoded, *kernel), (recurrent_kernel, bias, out_kernel, out_bias) = weights[:-4], weights[-4:]

    def terms_of(words: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return words @ kernel[0] + bias if kernel else words + bias

    steps = np.ascontiguousarray(ids.T)
    terms: Iterable[npt.NDArray[np.float32]]
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
    return logits
