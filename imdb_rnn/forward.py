"""The forward pass in NumPy and float32, which answers without any backend.

May import: numpy, imdb_rnn.oracle.

A backend takes longer to be asked about one review than NumPy to read it, and longest to be loaded for it.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from imdb_rnn.oracle import sigmoid


def scores_of(weights: Sequence[npt.NDArray[np.float32]], ids: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
    """Read reviews.

    Args:
        weights: those of the model, in the order of `imdb_rnn.oracle.Weights`, float32; without embeddings, if words
            come in as one-hot vectors.
        ids: int32, shape (n, T), below the number of embeddings.

    Returns:
        float32, shape (n,), 0 to 1.

    Source: `imdb_rnn.oracle.forward`.
    """
    (encoded, *kernel), (recurrent_kernel, bias, out_kernel, out_bias) = weights[:-4], weights[-4:]
    terms = encoded[ids.T] @ kernel[0] + bias if kernel else encoded[ids.T] + bias
    state = np.zeros_like(terms[0])
    for term in terms:
        state = np.tanh(state @ recurrent_kernel + term)
    return sigmoid(state @ out_kernel + out_bias)[:, 0]
