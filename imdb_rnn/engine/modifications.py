"""What a program has changed about a Keras object, so that it may compute something else than its class does.

May import: the standard library.
"""

import inspect
from typing import Any

# Keras itself replaces these on every layer that it makes.
_REPLACED_BY_KERAS = {"build", "quantize"}


def modification_of(instance: Any, methods: tuple[str, ...] = ()) -> str:
    """The first method of a Keras object that is neither Keras's own nor this library's.

    Args:
        instance: a layer, a model or an optimizer of a class of Keras.
        methods: the methods that are looked at on the class, too.

    Returns:
        What was replaced, in words; "" if nothing was.
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
