"""The models that every backend has trained and saved, as the running one reads them and goes on training them.

Runs in each tox environment, after all of them have left their saved models.

    KERAS_BACKEND=jax python -m backends_test.comparison.exchange FOLDER

reads FOLDER/<saver>/model, ids.npy and continued.npz, which the tests leave, and writes FOLDER/<backend>/exchange.npz.
"""

import sys
from pathlib import Path

import keras
import numpy as np

from backends_test.comparison.artefact import losses_of
from backends_test.comparison.inputs import read_batches
from backends_test.comparison.reference import named
from imdb_rnn import Classifier
from imdb_rnn.backends import PREDICTING_BACKENDS, TRAINING_BACKENDS, backend_name
from imdb_rnn.inference.bundle import MODEL_FILE


def main() -> None:
    """Read the models of all savers."""
    folder = Path(sys.argv[1])
    found = {}
    for saver in TRAINING_BACKENDS:
        left = folder / saver
        ids = np.load(left / "ids.npy")
        classifier = Classifier.load(left / "model")
        found[f"saved model/by {saver}"] = classifier.probabilities(ids)
        plain = keras.models.load_model(left / "model" / MODEL_FILE)
        found[f"saved model, plain Keras/by {saver}"] = plain.predict(ids, batch_size=1000, verbose=0)[:, 0]
        if backend_name() not in PREDICTING_BACKENDS:
            losses = losses_of(classifier.model, read_batches(left / "continued.npz"))
            found[f"continued training/by {saver}: losses"] = losses
            for name, array in named(classifier.model.get_weights()).items():
                found[f"continued training/by {saver}: {name}"] = np.asarray(array)
    np.savez(folder / backend_name() / "exchange.npz", **found)


if __name__ == "__main__":
    main()
