"""Trainings whose batches several workers share, for a test that compares them with those of one worker.

    python -m backends_test.tests.backend.shared_training FILE.npz WORKERS...

For each number of workers and each batch size, the file holds the weights after each epoch, and the history. On JAX the
first number must be the largest, because JAX makes as many devices when it starts.

The number of reviews is divisible neither by a batch size nor by a number of workers. Of the second size, the last
batch is one review.
"""

import sys
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from imdb_rnn import Corpus, Recipe, train
from imdb_rnn.corpora.corpus import encode_texts
from imdb_rnn.corpora.synthetic import make_texts

REVIEWS = 302
# What the split leaves to train on, which is a prime number.
LEARNED = 241
# Batch size -> epochs; fifty steps, and six.
EPOCHS = {50: 10, 240: 3}


def corpus() -> Corpus:
    """Reviews that are trained on in a second."""
    return encode_texts("synthetic", "few", *make_texts(REVIEWS, 100), None)


def kept_weights() -> Any:
    """A Keras callback that keeps the weights after each epoch, in `weights`."""
    import keras

    class KeepWeights(keras.callbacks.Callback):
        weights: list[list[np.ndarray]]

        def on_train_begin(self, logs: object = None) -> None:
            self.weights = []

        def on_epoch_end(self, epoch: int, logs: object = None) -> None:
            self.weights.append(self.model.get_weights())

    return KeepWeights()


def main() -> None:
    """Run the trainings."""
    target, numbers = Path(sys.argv[1]), list(map(int, sys.argv[2:]))
    found: dict[str, Any] = {}
    for workers, (batch_size, epochs) in product(numbers, EPOCHS.items()):
        keep = kept_weights()
        recipe = Recipe.tutorial(epochs=epochs, patience=epochs, batch_size=batch_size)
        training = train(corpus(), None, recipe, callbacks=[keep], progress=False, workers=workers)
        assert len(keep.weights) == epochs
        name = f"{workers}/{batch_size}"
        for epoch, arrays in enumerate(keep.weights):
            found |= {f"{name}/weights/{epoch}.{number}": array for number, array in enumerate(arrays)}
        found |= {f"{name}/history/{metric}": np.array(values) for metric, values in training.history.items()}
    np.savez(target, **found)


if __name__ == "__main__":
    main()
