"""Detects methods of Keras objects that a program has replaced."""

import inspect
from typing import Any

# Keras itself wraps these methods of every layer.
_REPLACED_BY_KERAS = {"build", "quantize"}


def modification_of(instance: Any, methods: tuple[str, ...] = ()) -> str:
    """Return which method of a Keras object has been replaced by neither Keras nor this library.

    Args:
        instance: a layer, a model or an optimizer of a Keras class.
        methods: names of methods to check on the class as well.

    Returns:
        A sentence that names the method; "" if there is none.
    """
    kind = type(instance)
    for name, value in vars(instance).items():
        if name in _REPLACED_BY_KERAS or not callable(value) or not inspect.isfunction(getattr(kind, name, None)):
            continue
        if not _module_of(value).startswith("imdb_rnn."):
            return f"its method {name} has been replaced"
    for name in methods:
        if not _module_of(getattr(kind, name)).startswith(("keras.", "torch.")):
            return f"the method {name} of {kind.__name__} has been replaced"
    return ""


def _module_of(method: Any) -> str:
    return str(getattr(method, "__module__", ""))
