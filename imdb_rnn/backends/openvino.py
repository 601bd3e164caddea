"""The OpenVINO backend, which predicts only. `imdb_rnn.backends.Backend` documents the functions."""

from contextlib import AbstractContextManager, nullcontext
from importlib import metadata
from typing import Any

jit_compile = "auto"


def version() -> str:
    """Return the version of OpenVINO."""
    return metadata.version("openvino")


def device() -> str:
    """Return "cpu", the device that Keras uses by default."""
    return "cpu"


def one_thread() -> AbstractContextManager[None]:
    """Do nothing: the number of threads of a compiled model cannot be changed."""
    return nullcontext()


def prepare_model(model: Any) -> None:
    """Do nothing: Keras's own functions are fast."""


def prepare_optimizer(optimizer: Any) -> None:
    """Do nothing: this backend does not train."""
