"""The errors that this library raises on purpose.

Every message says what was expected, what was received and what to do. The command line prints it as one line.
"""


class ImdbRnnError(Exception):
    """The base of all errors below: catch it to catch them all."""


class BackendError(ImdbRnnError):
    """No backend can be chosen, it is unknown or not installed, or it does not start here."""


class DataError(ImdbRnnError, ValueError):
    """A source of reviews is unknown, missing, damaged or not what it claims to be."""


class BundleError(ImdbRnnError):
    """A saved folder is missing, damaged or inconsistent, or a new one cannot be written."""


class ReviewError(ImdbRnnError, ValueError):
    """A text cannot be read as a review."""


class RecipeError(ImdbRnnError, ValueError):
    """A setting of the model or of the training is out of range."""


class ModelError(ImdbRnnError, ValueError):
    """A model is not a Keras model, has other layers than it was made of, is at work, or its scores are not numbers."""
