"""A case: a small Keras model that every backend should compute alike."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Case:
    """A model, what it is about, and its data if random numbers would not do.

    Attributes:
        name: unique and readable, e.g. "Conv2D strides=2 padding=same".
        build: returns a new model. It is called in a process of each backend.
        group: one of `backends_test.keras_cases.GROUPS`.
        subject: the public Keras name that the case is about, e.g. "Conv2D".
        inputs: returns NumPy arrays in the structure of the model's inputs. `None` if random normal numbers, or random
            ids below the `input_dim` of the embedding, will do.
        targets: returns NumPy arrays in the structure of the model's outputs. `None` if random numbers will do, or if
            the model is not compiled.
    """

    name: str
    build: "Callable[[], keras.Model]"
    group: str
    subject: str
    inputs: Callable[[], Any] | None = None
    targets: Callable[[], Any] | None = None


def described(subject: str, **settings: Any) -> str:
    """Names a case after its settings.

    Args:
        subject: the public Keras name.
        settings: arguments whose text is short: numbers, strings, and tuples, lists and dictionaries of them.

    Returns:
        The name, e.g. "Conv2D strides=(1,2) padding=same".
    """
    return " ".join([subject, *(f"{name}={_text(value)}" for name, value in settings.items())])


def _text(value: Any) -> str:
    return str(value).replace(" ", "").replace("'", "")
