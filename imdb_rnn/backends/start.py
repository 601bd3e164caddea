"""Starts Keras on its backend, once in a process, or says in one line why it does not start."""

import importlib
import os
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from types import ModuleType

from imdb_rnn.backends.choice import backend_name, keras_json
from imdb_rnn.backends.table import TABLE
from imdb_rnn.errors import BackendError

# Those that hang in a forked process, because their threads exist only in the parent.
NOT_FORKABLE = ("jax", "tensorflow", "numpy")

# The module in which Keras reads its settings, and the variables that it reads there.
_SETTINGS_MODULE = "keras.src.backend.config"
_SETTINGS_VARIABLES = ("KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH")
# The variables by which a user chooses the device, for each framework.
_DEVICE_VARIABLES = {
    "jax": ("JAX_PLATFORMS", "JAX_PLATFORM_NAME", "CUDA_VISIBLE_DEVICES"),
    "torch": ("KERAS_TORCH_DEVICE", "CUDA_VISIBLE_DEVICES"),
    "tensorflow": ("CUDA_VISIBLE_DEVICES",),
}

_lock = threading.RLock()
_forked_with_keras = False
# Whether the backend has computed something in this process.
_started = False
# Backend -> why its framework could not be imported.
_broken: dict[str, str] = {}


def _note_fork() -> None:
    """In a forked process, note whether Keras was loaded before, and replace the lock, which a thread may hold."""
    global _forked_with_keras, _lock
    _forked_with_keras = "keras" in sys.modules
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


def keras_lock() -> AbstractContextManager[bool]:
    """The lock of whoever uses Keras. A thread may take it again while it holds it."""
    return _lock


def load_keras() -> ModuleType:
    """Import Keras on the backend asked for, and see that it works.

    Raises:
        BackendError: Keras, the backend or its device does not work here, this process was forked from one in which the
            backend ran, or see `backend_name`.
    """
    name = backend_name()
    if _forked_with_keras and name in NOT_FORKABLE:
        msg = (
            f"Cannot use {name} in this process. Expected: a process that was not forked from one in which Keras had "
            f"been loaded, because {name} does not work after a fork. Received: a forked one. Start it by "
            f'multiprocessing.get_context("spawn"), or fork before Keras is imported.'
        )
        raise BackendError(msg)
    if not _started:
        with _lock:
            _start(name)
    return importlib.import_module("keras")


def _start(name: str) -> None:
    """Import Keras and make a backend compute something, the first time in a process.

    Raises:
        BackendError: that fails.
    """
    global _started
    if _started:
        return
    # A framework that was half imported says something else at the next try.
    if name in _broken:
        raise BackendError(_broken[name])
    try:
        with _variables_of_keras(name):
            keras = importlib.import_module("keras")
        importlib.import_module(f"imdb_rnn.backends.{name}")
        keras.ops.convert_to_numpy(keras.ops.ones(1, "float32") + 1)
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
    """Set what Keras reads from the environment while it is imported, and only then."""
    # TensorFlow has an old Keras inside that makes a folder "~" here for a user without a home.
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
    """Remove what a failed import of Keras has left, which the next one would take for that of its own backend."""
    if "keras" not in sys.modules:
        for name in [name for name in sys.modules if name.startswith("keras.")]:
            del sys.modules[name]


def _reason_of_failure(name: str, error: Exception) -> str:
    """The message for an error while Keras starts: what failed, and which file, variable or package to look at."""
    needed = TABLE[name].package
    if _is_of_settings(error):
        expected = "settings that Keras accepts"
        places = [str(keras_json()), *_set_here(_SETTINGS_VARIABLES)]
        advice = f"Correct or remove {' or '.join(places)}."
    elif "keras" in sys.modules and not isinstance(error, ImportError):
        expected = f"a device that {needed} can use"
        places = _set_here(_DEVICE_VARIABLES.get(needed, ()))
        advice = f"Correct or unset {' or '.join(places)}." if places else f"See whether {needed} by itself works here."
    else:
        expected = f"keras and {needed} installed whole, in versions that fit together"
        advice = "Reinstall them, or set KERAS_BACKEND to another backend, then start again."
    return f"Cannot start Keras on {name}. Expected: {expected}. Received: {_first_line(error)}. {advice}"


def _is_of_settings(error: Exception) -> bool:
    """Whether Keras raised an error while it read its settings, and nothing that it imported meanwhile."""
    passed = [frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__)]
    return [module for module in passed if module.startswith("keras.")][-1:] == [_SETTINGS_MODULE]


def _set_here(variables: Sequence[str]) -> list[str]:
    return [f"{variable}={os.environ[variable]!r:.60}" for variable in variables if variable in os.environ]


def _first_line(error: Exception) -> str:
    """The type of an error and the first line of its message, without the traceback that some messages begin with."""
    lines = [line.rstrip(" .") for line in str(error).splitlines() if line.strip() and not line.startswith(" ")]
    kind = type(error).__name__
    said = next((line.removeprefix(f"{kind}: ") for line in lines if not line.startswith("Traceback")), "")
    return f"{kind}: {said:.200}" if said else kind
