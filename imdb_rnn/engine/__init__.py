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

# Those that train and predict.
BACKENDS = ("jax", "torch", "tensorflow")
# Those that only predict: the name, and what must be installed for it (Keras's NumPy backend itself imports JAX).
PREDICTING_BACKENDS = {"numpy": "jax", "openvino": "openvino"}


class Engine(Protocol):
    """What a module `engine/<name>.py` provides."""

    def version(self) -> str:
        """The framework's version."""

    def device(self) -> str:
        """Where the model runs, such as "cpu"."""

    def prepare_optimizer(self, optimizer: Any) -> None:
        """Make `optimizer.apply` compute Keras's own formula, in place."""


def is_installed(name: str) -> bool:
    """Whether a backend could be imported here; it is not."""
    return importlib.util.find_spec(PREDICTING_BACKENDS.get(name, name)) is not None


def installed_backends() -> list[str]:
    """The backends that are installed, of those that train."""
    return [name for name in BACKENDS if is_installed(name)]


def backend_name() -> str:
    """The backend that Keras runs on, or will run on.

    Returns:
        One of `BACKENDS` or `PREDICTING_BACKENDS`: that of the Keras that is loaded already, else the value of
        `KERAS_BACKEND`.

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
    elif name not in (*BACKENDS, *PREDICTING_BACKENDS):
        received = repr(name)
    elif not is_installed(name):
        needed = PREDICTING_BACKENDS.get(name, name)
        received = f"{name!r}, which is not installed" if needed == name else f"{name!r}, which needs {needed}"
    elif loaded and loaded != name:
        msg = f"Bad KERAS_BACKEND. Expected: {loaded!r}, which Keras is running on already. Received: {name!r}."
        raise BackendError(msg)
    if not received:
        return name
    advice = f"export KERAS_BACKEND={installed[0]}" if installed else 'pip install "imdb_rnn[jax]"'
    expected = f"one of {', '.join(BACKENDS)}, or to predict only {', '.join(PREDICTING_BACKENDS)}"
    msg = (
        f"Bad KERAS_BACKEND. Expected: {expected}. Received: {received}. "
        f"Installed here: {', '.join(installed) or 'none'}. Try: {advice}"
    )
    raise BackendError(msg)


def training_backend_name() -> str:
    """The backend that Keras runs on, if it can train.

    Raises:
        BackendError: it only predicts, or see `backend_name`.
    """
    name = backend_name()
    if name in PREDICTING_BACKENDS:
        expected = f"one of {', '.join(BACKENDS)}, to train"
        msg = f"Bad KERAS_BACKEND. Expected: {expected}. Received: {name!r}, which only predicts."
        raise BackendError(msg)
    return name


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
