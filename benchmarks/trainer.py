"""What is timed: anything that can train the model of this project and predict with it."""

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

    It is made from six float32 arrays, the weights in the order of `model.get_weights()` (see backends_test.oracle.Weights),
    and the optimizer's state begins at zero.
    """

    def train(self, batches: Sequence[Arrays]) -> None:
        """Make one step for each batch, in order. May return before the device is done."""

    def train_epoch(self, reviews: Arrays, seed: int, epoch: int = 0) -> None:
        """Shuffle reviews, cut them into batches of 64, and make one step for each. May return before the device."""
        count = steps_per_epoch(len(reviews.x), BATCH_SIZE)
        batches = training_batches(reviews, BATCH_SIZE, seed, epoch)
        self.train([Arrays(*batch) for batch in islice(batches, count)])

    def weights(self) -> list[npt.NDArray[np.float32]]:
        """The weights as NumPy arrays, in the order in which they were given. Waits until the device is done."""

    def predict(self, ids: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
        """Scores of reviews, shape (n,), of ids of shape (n, T). Waits until the device is done."""

    def path(self) -> dict[str, str]:
        """Which path ran: device, and whatever tells a fast path from a fall-back."""
