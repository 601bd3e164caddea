"""A film-review classifier in Keras 3 that runs unchanged on JAX, PyTorch and TensorFlow.

Public names are imported at their first use, because Keras chooses its backend when it is imported. `import imdb_rnn`
imports neither Keras nor a backend, and does not change the environment.

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
    from imdb_rnn.corpora import Corpus, load_reviews
    from imdb_rnn.errors import (
        BackendError,
        BundleError,
        DataError,
        ExportError,
        ImdbRnnError,
        MissingPackageError,
        ModelError,
        RecipeError,
        ReviewError,
    )
    from imdb_rnn.estimator import ReviewClassifier
    from imdb_rnn.exporting.export import Exported
    from imdb_rnn.inference.classifier import Classifier, Evaluation, Prediction, Unscored
    from imdb_rnn.inference.explanation import Explanation, explain
    from imdb_rnn.inference.manifest import Manifest
    from imdb_rnn.model.acceleration import accelerate
    from imdb_rnn.model.architecture import build_model, initial_weights
    from imdb_rnn.model.paths import ExecutionPath, paths
    from imdb_rnn.scoring.parts import score_parts
    from imdb_rnn.scoring.score import Scored, score_file
    from imdb_rnn.text.reviews import EncodedReviews
    from imdb_rnn.text.tokens import Vocabulary, tokenize
    from imdb_rnn.training.evaluation import SourceEvaluation, evaluate
    from imdb_rnn.training.fit import Training, train
    from imdb_rnn.training.recipe import Recipe
    from imdb_rnn.training.reproduction import Reproduction, reproduce

_HOMES = {
    "BackendError": "errors",
    "BundleError": "errors",
    "Classifier": "inference.classifier",
    "Corpus": "corpora",
    "DataError": "errors",
    "EncodedReviews": "text.reviews",
    "Evaluation": "inference.classifier",
    "ExecutionPath": "model.paths",
    "Explanation": "inference.explanation",
    "ExportError": "errors",
    "Exported": "exporting.export",
    "ImdbRnnError": "errors",
    "Manifest": "inference.manifest",
    "MissingPackageError": "errors",
    "ModelError": "errors",
    "Prediction": "inference.classifier",
    "Recipe": "training.recipe",
    "RecipeError": "errors",
    "Reproduction": "training.reproduction",
    "ReviewClassifier": "estimator",
    "ReviewError": "errors",
    "Scored": "scoring.score",
    "SourceEvaluation": "training.evaluation",
    "Training": "training.fit",
    "Unscored": "inference.classifier",
    "Vocabulary": "text.tokens",
    "accelerate": "model.acceleration",
    "build_model": "model.architecture",
    "evaluate": "training.evaluation",
    "explain": "inference.explanation",
    "initial_weights": "model.architecture",
    "load_reviews": "corpora",
    "paths": "model.paths",
    "reproduce": "training.reproduction",
    "score_file": "scoring.score",
    "score_parts": "scoring.parts",
    "tokenize": "text.tokens",
    "train": "training.fit",
}

__all__ = [
    "BackendError",
    "BundleError",
    "Classifier",
    "Corpus",
    "DataError",
    "EncodedReviews",
    "Evaluation",
    "ExecutionPath",
    "Explanation",
    "ExportError",
    "Exported",
    "ImdbRnnError",
    "Manifest",
    "MissingPackageError",
    "ModelError",
    "Prediction",
    "Recipe",
    "RecipeError",
    "Reproduction",
    "ReviewClassifier",
    "ReviewError",
    "Scored",
    "SourceEvaluation",
    "Training",
    "Unscored",
    "Vocabulary",
    "accelerate",
    "build_model",
    "evaluate",
    "explain",
    "initial_weights",
    "load_reviews",
    "paths",
    "reproduce",
    "score_file",
    "score_parts",
    "tokenize",
    "train",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return _version()
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    try:
        module = importlib.import_module(f"{__name__}.{_HOMES[name]}")
    except ModuleNotFoundError as error:
        from imdb_rnn.errors import MissingPackageError

        raise MissingPackageError.of(error) from error
    return getattr(module, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})


def _version() -> str:
    """Return the version of the installed package; "unknown" for a source tree that is not installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(__name__)
    except PackageNotFoundError:
        return "unknown"
