"""The NumPy backend, which predicts only. `imdb_rnn.backends.Backend` documents the functions."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

jit_compile = "auto"


def version() -> str:
    """Return the version of NumPy."""
    return str(np.__version__)


def device() -> str:
    """Return "cpu"."""
    return "cpu"


def one_thread() -> AbstractContextManager[None]:
    """Do nothing: `imdb_rnn.threads` limits the threads of NumPy."""
    return nullcontext()


def prepare_model(model: Any) -> None:
    """Do nothing: Keras's own functions are fast."""


def prepare_optimizer(optimizer: Any) -> None:
    """Do nothing: this backend does not train."""
