"""NumPy under Keras, which predicts and does not train. See imdb_rnn.backends for what each function promises."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

jit_compile = "auto"


def version() -> str:
    """The version of NumPy."""
    return str(np.__version__)


def device() -> str:
    """Always "cpu"."""
    return "cpu"


def one_thread() -> AbstractContextManager[None]:
    """Nothing to do: it is NumPy, and `imdb_rnn.threads` is for that."""
    return nullcontext()


def prepare_model(model: Any) -> None:
    """Nothing to do: Keras's own functions are fast."""


def prepare_optimizer(optimizer: Any) -> None:
    """Nothing to do: nothing is trained."""
