"""The only place that names a backend: which there are, which one runs, and what each needs done differently.

May import: the standard library, imdb_rnn.errors; inside functions keras and the one engine module that runs.

One module a backend, `engine/<name>.py`, each with the same functions:

- `version() -> str`: the framework's version.
- `device() -> str`: where the model runs, for the record.
- `prepare_optimizer(optimizer) -> None`: make `optimizer.apply` compute Keras's own formula.

To add a backend: add its name to `BACKENDS` and write that module.
"""

import importlib
import importlib.util
import os
import sys
from types import ModuleType
from typing import Any, Protocol, cast

from imdb_rnn.errors import BackendError

BACKENDS = ("jax", "torch", "tensorflow")


class Engine(Protocol):
    """What a module `engine/<name>.py` provides."""

    def version(self) -> str:
        """The framework's version."""

    def device(self) -> str:
        """Where the model runs, such as "cpu"."""

    def prepare_optimizer(self, optimizer: Any) -> None:
        """Make `optimizer.apply` compute Keras's own formula, in place."""


def installed_backends() -> list[str]:
    """The backends that could be imported here; none of them is."""
    return [name for name in BACKENDS if importlib.util.find_spec(name) is not None]


def backend_name() -> str:
    """The backend that Keras runs on, or will run on.

    Returns:
        One of `BACKENDS`: that of the Keras that is loaded already, else the value of `KERAS_BACKEND`.

    Raises:
        BackendError: there is none, it is unknown, not installed, or not the one that Keras is running on.
    """
    asked = os.environ.get("KERAS_BACKEND", "")
    loaded = sys.modules["keras"].backend.backend() if "keras" in sys.modules else ""
    name = asked or loaded
    installed = installed_backends()
    received = ""
    if not name:
        received = "not set"
    elif name not in BACKENDS:
        received = repr(name)
    elif name not in installed:
        received = f"{name!r}, which is not installed"
    elif loaded and loaded != name:
        msg = f"Bad KERAS_BACKEND. Expected: {loaded!r}, which Keras is running on already. Received: {name!r}."
        raise BackendError(msg)
    if not received:
        return name
    advice = f"export KERAS_BACKEND={installed[0]}" if installed else 'pip install "imdb_rnn[jax]"'
    msg = (
        f"Bad KERAS_BACKEND. Expected: one of {', '.join(BACKENDS)}. Received: {received}. "
        f"Installed here: {', '.join(installed) or 'none'}. Try: {advice}"
    )
    raise BackendError(msg)


def load_keras() -> ModuleType:
    """Import Keras on the backend asked for.

    Raises:
        BackendError: see `backend_name`.
    """
    backend_name()
    return importlib.import_module("keras")


def load_engine() -> Engine:
    """Import what is particular to the backend that Keras runs on.

    Raises:
        BackendError: see `backend_name`.
    """
    return cast(Engine, importlib.import_module(f"imdb_rnn.engine.{backend_name()}"))
