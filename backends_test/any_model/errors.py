"""The error of a model that cannot be had, and how any error is told in one line.

It runs in the interpreters of the backends, where nothing but Keras, NumPy and a backend is installed; so it imports no
other module of this project.
"""


class SourceError(Exception):
    """A model cannot be had from where it should come from; the message is one line."""


def one_line(error: BaseException) -> str:
    """Return the type and the message of an exception, in one line that is not too long.

    Args:
        error: the exception.
    """
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}{'…' if len(text) > 300 else ''}"
