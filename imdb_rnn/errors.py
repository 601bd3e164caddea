"""The exceptions of this library.

Each message says what was expected, what was received and what to do. The command line prints it in one line.
"""

from typing import Self


class ImdbRnnError(Exception):
    """The base class of all exceptions of this library."""


class BackendError(ImdbRnnError):
    """No backend can be chosen, it is unknown, not installed or does not start, or a worker of a training has ended."""


class DataError(ImdbRnnError, ValueError):
    """A source of reviews is unknown, missing, damaged or in the wrong format."""


class BundleError(ImdbRnnError):
    """A saved folder is missing, damaged or inconsistent, or a new one cannot be written."""


class ExportError(ImdbRnnError):
    """A model cannot be exported, or the exported file does not give the scores of the model."""


class MissingPackageError(ImdbRnnError, ImportError):
    """A package that is needed for training, `ReviewClassifier`, an export or the Hugging Face hub is not installed."""

    @classmethod
    def of(cls, error: ModuleNotFoundError) -> Self:
        """Return the error for a failed import."""
        package = str(error.name).partition(".")[0]
        return cls(
            f"Cannot import {package}. Expected: the packages of an extra of imdb_rnn. Received: {error}. "
            f'Run: pip install "imdb_rnn[jax]", or [torch] or [tensorflow]'
        )


class ReviewError(ImdbRnnError, ValueError):
    """A text cannot be read as a review."""


class RecipeError(ImdbRnnError, ValueError):
    """A setting of the model or of the training is out of range."""


class ModelError(ImdbRnnError, ValueError):
    """A model is not a Keras model, its layers were changed, it is in use, or its scores or losses are not finite."""
