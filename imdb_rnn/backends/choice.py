"""Chooses the backend that Keras runs on.

In this order: the variable `KERAS_BACKEND`, the backend of a Keras that is already loaded, the file `keras.json`, the
only backend that is installed.
"""

import functools
import importlib.util
import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

from imdb_rnn.backends.table import PREDICTING_BACKENDS, TABLE, TRAINING_BACKENDS
from imdb_rnn.errors import BackendError
from imdb_rnn.home import expanded

_log = logging.getLogger(__name__)


def is_installed(name: str) -> bool:
    """Return whether a backend is installed, without importing it."""
    try:
        spec = importlib.util.find_spec(TABLE[name].package if name in TABLE else name)
    except Exception:  # noqa: BLE001 (for example, a module that a program put into sys.modules without a spec)
        return False
    # Without an origin it is a namespace package: a folder that happens to have this name.
    return spec is not None and spec.origin is not None


def installed_backends() -> list[str]:
    """Return the names of the installed backends that can train."""
    return [name for name in TRAINING_BACKENDS if is_installed(name)]


def backend_name() -> str:
    """Return the backend that Keras runs on, or will run on.

    Returns:
        The name of a backend in `TABLE`: the value of `KERAS_BACKEND`. If that is not set, the backend of the Keras
        that is already loaded; else the one in `keras.json`, if it is installed; else the only installed backend that
        can train, which is logged once.

    Raises:
        BackendError: no backend can be chosen, or it is unknown, not installed, or not the one that Keras is running
            on.
    """
    asked, loaded = os.environ.get("KERAS_BACKEND", ""), _loaded_backend()
    name = asked or loaded or _backend_of_keras_json() or _only_backend()
    if name not in TABLE:
        raise _bad_backend("KERAS_BACKEND", repr(name))
    if not is_installed(name):
        needed = TABLE[name].package
        lack = "which is not installed" if needed == name else f"which needs {needed}"
        raise _bad_backend("KERAS_BACKEND", f"{name!r}, {lack}")
    if loaded and loaded != name:
        msg = f"Bad KERAS_BACKEND. Expected: {loaded!r}, which Keras is running on already. Received: {name!r}."
        raise BackendError(msg)
    return name


def _bad_backend(where: str, received: str) -> BackendError:
    """Return the error for a backend that cannot be used."""
    installed = installed_backends()
    advice = f"export KERAS_BACKEND={installed[0]}" if installed else 'pip install "imdb_rnn[jax]"'
    expected = f"one of {', '.join(TRAINING_BACKENDS)}, or to predict only {', '.join(PREDICTING_BACKENDS)}"
    return BackendError(
        f"Bad {where}. Expected: {expected}. Received: {received}. "
        f"Installed here: {', '.join(installed) or 'none'}. Try: {advice}"
    )


def _loaded_backend() -> str:
    """Return the backend of the loaded Keras; "" if Keras is not loaded, or another thread is still importing it."""
    backend = getattr(sys.modules.get("keras"), "backend", None)
    return "" if backend is None else str(backend.backend())


def keras_json() -> Path:
    """Return the path of Keras's settings file, which may not exist. Source: keras/src/backend/config.py."""
    given = os.environ.get("KERAS_HOME")
    folder = None if given is None else expanded(given)
    if folder is None:
        home = expanded("~")
        # The same fallback as in Keras.
        folder = (home if home is not None and os.access(home, os.W_OK) else Path("/tmp")) / ".keras"  # noqa: S108
    return folder / "keras.json"


def _named_in_keras_json() -> Any:
    """Return the `backend` entry of `keras.json`; None without one, or if the file is unreadable."""
    try:
        return json.loads(keras_json().read_text()).get("backend")
    except (OSError, ValueError, AttributeError, RecursionError):
        return None


def _backend_of_keras_json() -> str:
    """Return the backend in `keras.json`; "" if there is none, or if it is not installed.

    Keras itself writes the file with "tensorflow" in it, so an entry is not always the user's choice.

    Raises:
        BackendError: the file names an unknown backend.
    """
    named = _named_in_keras_json()
    if named is None:
        return ""
    if not isinstance(named, str) or named not in TABLE:
        raise _bad_backend(f"`backend` in {keras_json()}", f"{named!r:.100}")
    return str(named) if is_installed(named) else ""


def _only_backend() -> str:
    """Return the only installed backend that can train.

    Raises:
        BackendError: several are installed, or none.
    """
    installed = installed_backends()
    if len(installed) != 1:
        named = _named_in_keras_json()
        beside = "" if named is None else f", and {named!r} in {keras_json()}, which is not installed"
        raise _bad_backend("KERAS_BACKEND", f"not set{beside}")
    _tell_once(installed[0])
    return installed[0]


@functools.cache
def _tell_once(name: str) -> None:
    _log.warning("Running on %s, the only backend that is installed. Set KERAS_BACKEND to choose another one.", name)


def training_backend_name() -> str:
    """Return the backend that Keras runs on, which must be able to train.

    Raises:
        BackendError: the backend only predicts, or see `backend_name`.
    """
    name = backend_name()
    if name in PREDICTING_BACKENDS:
        expected = f"one of {', '.join(TRAINING_BACKENDS)}, to train"
        msg = f"Bad KERAS_BACKEND. Expected: {expected}. Received: {name!r}, which only predicts."
        raise BackendError(msg)
    return name
