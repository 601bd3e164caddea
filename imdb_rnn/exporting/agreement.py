"""Measures how closely the float32 scores of a classifier agree with the reference, for its model card."""

import os

import numpy as np

from imdb_rnn.backends import TABLE, TRAINING_BACKENDS, backend_name, load_backend
from imdb_rnn.exporting.reference import reference_of
from imdb_rnn.inference.classifier import Classifier
from imdb_rnn.inference.model_card import Agreement
from imdb_rnn.model.numpy_forward import logits_of, sigmoid


def agreement_of(classifier: Classifier) -> Agreement:
    """Compare the scores of 1,000 drawn reviews with those of NumPy in float64.

    They are computed by NumPy and, if KERAS_BACKEND names a backend, by that; the others are not measured.

    Raises:
        BackendError: KERAS_BACKEND names a backend that cannot be used.
        ModelError: see `Classifier.probabilities`.
    """
    reference = reference_of(classifier)
    scores = {f"NumPy {np.__version__}": sigmoid(logits_of(classifier.weights(), reference.x))}
    # Without it no backend is started, which takes seconds.
    chosen = backend_name() if os.environ.get("KERAS_BACKEND") else None
    if chosen is not None:
        computed = classifier.probabilities(reference.x)
        scores[f"Keras on {TABLE[chosen].title} {load_backend().version()}"] = computed
    differences = {name: float(np.abs(values - reference.scores).max()) for name, values in scores.items()}
    others = [f"Keras on {TABLE[name].title}" for name in TRAINING_BACKENDS if name != chosen]
    return Agreement(reference.reviews, len(reference.x), differences, others)
