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

__version__: str

if TYPE_CHECKING:
    from imdb_rnn.acceleration import accelerate, paths
    from imdb_rnn.classifier import Classifier, Evaluation, Prediction
    from imdb_rnn.corpora import Corpus, load_reviews
    from imdb_rnn.errors import (
        BackendError,
        BundleError,
        DataError,
        ImdbRnnError,
        ModelError,
        RecipeError,
        ReviewError,
    )
    from imdb_rnn.estimator import ReviewClassifier
    from imdb_rnn.explanation import Explanation, explain
    from imdb_rnn.model import build_model, initial_weights
    from imdb_rnn.recipe import Recipe
    from imdb_rnn.tokens import Vocabulary, tokenize
    from imdb_rnn.training import Training, train

_HOMES = {
    "BackendError": "errors",
    "BundleError": "errors",
    "Classifier": "classifier",
    "Corpus": "corpora",
    "DataError": "errors",
    "Evaluation": "classifier",
    "Explanation": "explanation",
    "ImdbRnnError": "errors",
    "ModelError": "errors",
    "Prediction": "classifier",
    "Recipe": "recipe",
    "RecipeError": "errors",
    "ReviewClassifier": "estimator",
    "ReviewError": "errors",
    "Training": "training",
    "Vocabulary": "tokens",
    "accelerate": "acceleration",
    "build_model": "model",
    "explain": "explanation",
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
    "Explanation",
    "ImdbRnnError",
    "ModelError",
    "Prediction",
    "Recipe",
    "RecipeError",
    "ReviewClassifier",
    "ReviewError",
    "Training",
    "Vocabulary",
    "accelerate",
    "build_model",
    "explain",
    "initial_weights",
    "load_reviews",
    "paths",
    "tokenize",
    "train",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return _version()
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})


def _version() -> str:
    """The version of the installed package, or "unknown" for a source tree that is not installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(__name__)
    except PackageNotFoundError:
        return "unknown"
