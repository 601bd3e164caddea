"""OpenVINO under Keras, which predicts and does not train. See imdb_rnn.backends for what each function promises."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import openvino

jit_compile = "auto"


def version() -> str:
    """The version of OpenVINO."""
    return str(openvino.__version__)


def device() -> str:
    """Always "cpu": what Keras asks OpenVINO for unless told otherwise."""
    return "cpu"


def one_thread() -> AbstractContextManager[None]:
    """Nothing to do: a compiled model keeps the threads that it was given."""
    return nullcontext()


def prepare_model(model: Any) -> None:
    """Nothing to do: Keras's own functions are fast."""


def prepare_optimizer(optimizer: Any) -> None:
    """Nothing to do: nothing is trained."""
