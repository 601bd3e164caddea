"""Loads the models that every backend has saved, predicts with them, and continues their training.

Runs in each tox environment, after the tests of all backends have saved their models.

    KERAS_BACKEND=jax python -m backends_test.comparison.exchange FOLDER

reads FOLDER/<saver>/model, ids.npy and continued.npz, which the tests write, and writes FOLDER/<backend>/exchange.npz.
"""

import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np

from backends_test.comparison.artefact import losses_of
from backends_test.comparison.inputs import read_batches
from backends_test.comparison.reference import named
from imdb_rnn import Classifier
from imdb_rnn.backends import PREDICTING_BACKENDS, TRAINING_BACKENDS, backend_name
from imdb_rnn.inference.bundle import MODEL_FILE


def main() -> None:
    """Use the models of all savers."""
    folder = Path(sys.argv[1])
    arrays: dict[str, Any] = {}
    for saver in TRAINING_BACKENDS:
        saved = folder / saver
        ids = np.load(saved / "ids.npy")
        classifier = Classifier.load(saved / "model")
        arrays[f"saved model/by {saver}"] = classifier.probabilities(ids)
        plain = keras.models.load_model(saved / "model" / MODEL_FILE)
        arrays[f"saved model, plain Keras/by {saver}"] = plain.predict(ids, batch_size=1000, verbose=0)[:, 0]
        if backend_name() not in PREDICTING_BACKENDS:
            losses = losses_of(classifier.model, read_batches(saved / "continued.npz"))
            arrays[f"continued training/by {saver}: losses"] = losses
            for name, array in named(classifier.model.get_weights()).items():
                arrays[f"continued training/by {saver}: {name}"] = np.asarray(array)
    np.savez(folder / backend_name() / "exchange.npz", **arrays)


if __name__ == "__main__":
    main()
