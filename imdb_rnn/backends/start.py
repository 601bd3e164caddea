"""Starts Keras on its backend, once per process, and explains a failure in one line."""

import importlib
import os
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import ModuleType

from imdb_rnn.backends.choice import backend_name, keras_json
from imdb_rnn.backends.jax_cache import programs_kept
from imdb_rnn.backends.lazy_imports import lazy_imports
from imdb_rnn.backends.table import TABLE
from imdb_rnn.errors import BackendError

# Backends that hang in a forked process, because their threads exist only in the parent.
NOT_FORKABLE = ("jax", "tensorflow", "numpy")

# The Keras module that reads the settings, and the environment variables that it reads.
_SETTINGS_MODULE = "keras.src.backend.config"
_SETTINGS_VARIABLES = ("KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH")
# Framework -> the environment variables that choose its device.
_DEVICE_VARIABLES = {
    "jax": ("JAX_PLATFORMS", "JAX_PLATFORM_NAME", "CUDA_VISIBLE_DEVICES"),
    "torch": ("KERAS_TORCH_DEVICE", "CUDA_VISIBLE_DEVICES"),
    "tensorflow": ("CUDA_VISIBLE_DEVICES",),
}

_lock = threading.RLock()
_forked_with_keras = False
# Whether the backend has already run an operation in this process.
_started = False
# Backend -> why its framework could not be imported.
_broken: dict[str, str] = {}


def _note_fork() -> None:
    """In a forked process, record whether Keras was loaded before, and replace the lock, which a thread may hold."""
    global _forked_with_keras, _lock
    _forked_with_keras = "keras" in sys.modules
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


@contextmanager
def keras_lock() -> Iterator[None]:
    """Give one thread at a time the use of Keras, and keep the programs that JAX compiles. It is reentrant.

    Raises:
        BackendError: see `imdb_rnn.backends.jax_cache.programs_kept`.
    """
    with _lock, _programs_kept():
        yield


def _programs_kept() -> AbstractContextManager[None]:
    return programs_kept() if backend_name() == "jax" else nullcontext()


def load_keras() -> ModuleType:
    """Import Keras on the chosen backend and check that it works.

    Raises:
        BackendError: Keras, the backend or its device does not work; this process was forked from one in which Keras
            was loaded; or see `backend_name`.
    """
    name = backend_name()
    if _forked_with_keras and name in NOT_FORKABLE:
        msg = (
            f"Cannot use {name} in this process. Expected: a process that was not forked from one in which Keras had "
            f"been loaded, because {name} does not work after a fork. Received: a forked process. Start it with "
            f'multiprocessing.get_context("spawn"), or fork before Keras is imported.'
        )
        raise BackendError(msg)
    if not _started:
        with _lock:
            _start(name)
    return importlib.import_module("keras")


def _start(name: str) -> None:
    """Import Keras and run one operation of the backend, unless this process has already done so.

    Raises:
        BackendError: the import or the operation fails.
    """
    global _started
    if _started:
        return
    # A second import of a partly imported framework fails with a misleading error.
    if name in _broken:
        raise BackendError(_broken[name])
    try:
        with _variables_of_keras(name), lazy_imports():
            keras = importlib.import_module("keras")
        importlib.import_module(f"imdb_rnn.backends.{name}")
        with _programs_kept():
            keras.ops.convert_to_numpy(keras.ops.ones(1, "float32") + 1)
    except BackendError:
        raise
    except Exception as error:
        msg = _reason_of_failure(name, error)
        if TABLE[name].package not in sys.modules and not _is_of_settings(error):
            _broken[name] = msg
        raise BackendError(msg) from error
    finally:
        _forget_half_of_keras()
    _started = True


@contextmanager
def _variables_of_keras(name: str) -> Iterator[None]:
    """Set the environment variables that Keras reads during its import, and restore them afterwards."""
    # KERAS_HOME, because an old Keras inside TensorFlow creates a folder named "~" for a user without a home.
    wanted = {"KERAS_BACKEND": name, "KERAS_HOME": str(keras_json().parent)}
    before = {variable: os.environ.get(variable) for variable in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for variable, value in before.items():
            if value is None:
                os.environ.pop(variable, None)
            else:
                os.environ[variable] = value


def _forget_half_of_keras() -> None:
    """Remove the submodules that a failed import of Keras leaves, which the next import would use for its backend."""
    if "keras" not in sys.modules:
        for name in [name for name in sys.modules if name.startswith("keras.")]:
            del sys.modules[name]


def _reason_of_failure(name: str, error: Exception) -> str:
    """Return the message for an error at the start of Keras, with the file, variable or package to check."""
    needed = TABLE[name].package
    if isinstance(error, ModuleNotFoundError) and error.name in ("keras", "h5py"):
        extra = name if TABLE[name].trains else needed
        expected = "an installed Keras"
        advice = f'Run: pip install "imdb_rnn[{extra}]"'
    elif _is_of_settings(error):
        expected = "settings that Keras accepts"
        places = [str(keras_json()), *_set_here(_SETTINGS_VARIABLES)]
        advice = f"Correct or remove {' or '.join(places)}."
    elif "keras" in sys.modules and not isinstance(error, ImportError):
        expected = f"a device that {needed} can use"
        places = _set_here(_DEVICE_VARIABLES.get(needed, ()))
        advice = f"Correct or unset {' or '.join(places)}." if places else f"Check that {needed} works without Keras."
    else:
        expected = f"complete installations of keras and {needed} in compatible versions"
        advice = "Reinstall them, or set KERAS_BACKEND to another backend, then start again."
    return f"Cannot start Keras on {name}. Expected: {expected}. Received: {_first_line(error)}. {advice}"


def _is_of_settings(error: Exception) -> bool:
    """Return whether the error comes from Keras reading its settings, not from a module that it imported."""
    modules = [frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__)]
    return [module for module in modules if module.startswith("keras.")][-1:] == [_SETTINGS_MODULE]


def _set_here(variables: Sequence[str]) -> list[str]:
    return [f"{variable}={os.environ[variable]!r:.60}" for variable in variables if variable in os.environ]


def _first_line(error: Exception) -> str:
    """Return the type of an error and the first line of its message, without a traceback at its beginning."""
    lines = [line.rstrip(" .") for line in str(error).splitlines() if line.strip() and not line.startswith(" ")]
    kind = type(error).__name__
    message = next((line.removeprefix(f"{kind}: ") for line in lines if not line.startswith("Traceback")), "")
    return f"{kind}: {message:.200}" if message else kind
