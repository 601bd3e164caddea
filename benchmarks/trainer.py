"""The interface of everything that is timed: it trains the model of this project and predicts with it."""

from collections.abc import Sequence
from itertools import islice
from typing import Protocol

import numpy as np
import numpy.typing as npt

from backends_test.data import training_batches
from imdb_rnn.text.batches import Arrays, steps_per_epoch

BATCH_SIZE = 64


class Trainer(Protocol):
    """One way to train the model: Embedding(10003, 16), SimpleRNN(8), Dense(1), Keras's Adam with its defaults.

    A trainer is made from six float32 arrays, the weights in the order of `model.get_weights()` (see
    `backends_test.oracle.Weights`), and starts with a new optimizer.
    """

    def train(self, batches: Sequence[Arrays]) -> None:
        """Make one step per batch, in order. May return before the device has finished."""

    def train_epoch(self, reviews: Arrays, seed: int, epoch: int = 0) -> None:
        """Shuffle the reviews and train on batches of 64. May return before the device has finished."""
        count = steps_per_epoch(len(reviews.x), BATCH_SIZE)
        batches = training_batches(reviews, BATCH_SIZE, seed, epoch)
        self.train([Arrays(*batch) for batch in islice(batches, count)])

    def weights(self) -> list[npt.NDArray[np.float32]]:
        """Wait until the device has finished, and return the weights in the order in which they were given."""

    def predict(self, ids: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
        """Wait until the device has finished, and return the scores, shape (n,), of ids of shape (n, T)."""

    def path(self) -> dict[str, str]:
        """Return the device, and the settings that distinguish a fast path from a fallback."""
