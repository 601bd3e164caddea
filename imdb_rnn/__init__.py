"""One Keras 3 model that reads film reviews, unchanged on JAX, PyTorch and TensorFlow.

May import: the standard library. Names are looked up when they are first used, because Keras settles on a backend when
it is imported: `import imdb_rnn` loads neither Keras nor any backend, and leaves the environment as it is.

    import os
    os.environ["KERAS_BACKEND"] = "jax"  # or "torch", "tensorflow"

    import imdb_rnn
    training = imdb_rnn.train("auto", out="my-model")
    classifier = imdb_rnn.Classifier.load("my-model")
    print(classifier.predict_review("Not a good film, but a very funny one."))
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imdb_rnn.acceleration import accelerate, paths
    from imdb_rnn.classifier import Classifier, Evaluation, Prediction
    from imdb_rnn.corpora import Corpus, load_reviews
    from imdb_rnn.errors import (
        BackendError,
        BundleError,
        DataError,
        ImdbRnnError,
        RecipeError,
        ReviewError,
    )
    from imdb_rnn.model import build_model, initial_weights
    from imdb_rnn.tokens import Vocabulary, tokenize
    from imdb_rnn.training import Recipe, Training, train

_HOMES = {
    "BackendError": "errors",
    "BundleError": "errors",
    "Classifier": "classifier",
    "Corpus": "corpora",
    "DataError": "errors",
    "Evaluation": "classifier",
    "ImdbRnnError": "errors",
    "Prediction": "classifier",
    "Recipe": "training",
    "RecipeError": "errors",
    "ReviewError": "errors",
    "Training": "training",
    "Vocabulary": "tokens",
    "accelerate": "acceleration",
    "build_model": "model",
    "initial_weights": "model",
    "load_reviews": "corpora",
    "paths": "acceleration",
    "tokenize": "tokens",
    "train": "training",
}

__all__ = [
    "BackendError",
    "BundleError",
    "Classifier",
    "Corpus",
    "DataError",
    "Evaluation",
    "ImdbRnnError",
    "Prediction",
    "Recipe",
    "RecipeError",
    "ReviewError",
    "Training",
    "Vocabulary",
    "accelerate",
    "build_model",
    "initial_weights",
    "load_reviews",
    "paths",
    "tokenize",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
