"""The only place that names a backend: which there are, which one runs, and what each needs done differently.

May import: the standard library, imdb_rnn.errors, imdb_rnn.home, imdb_rnn.keras_settings; inside functions keras and
the one engine module that runs.

One module a backend, `engine/<name>.py`, each with the same names: those of `Engine`, and for a backend that trains
those of `TrainingEngine` as well. What they compute is defined by imdb_rnn.oracle. `engine/by_hand.py` says which
models an engine may train without Keras's own step.

To add a backend: add its name to `BACKENDS` and write that module.
"""

import functools
import importlib
import importlib.util
import json
import logging
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, Protocol, cast

import numpy.typing as npt

from imdb_rnn.errors import BackendError
from imdb_rnn.home import expanded
from imdb_rnn.keras_settings import EPSILON, FLOATX

# Those that train and predict.
BACKENDS = ("jax", "torch", "tensorflow")
# Those that only predict: the name, and what must be installed for it (Keras's NumPy backend itself imports JAX).
PREDICTING_BACKENDS = {"numpy": "jax", "openvino": "openvino"}
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

_log = logging.getLogger(__name__)
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


class Engine(Protocol):
    """What a module `engine/<name>.py` provides.

    Attributes:
        jit_compile: for `keras.Model.compile`.
    """

    jit_compile: bool | Literal["auto"]

    def version(self) -> str:
        """The framework's version."""

    def device(self) -> str:
        """Where the model runs, such as "cpu"."""

    def one_thread(self) -> AbstractContextManager[None]:
        """Let operations use one thread while a block runs, where the backend can be told so while it runs."""

    def prepare_model(self, model: Any) -> None:
        """Make `predict` and `evaluate` of a compiled review classifier fast. Compiling again undoes it."""

    def prepare_optimizer(self, optimizer: Any) -> None:
        """Make `optimizer.apply` compute Keras's own formula, in place."""


@dataclass(frozen=True)
class Steps:
    """Makes many training steps in one call.

    Attributes:
        make: takes x, shape (steps, reviews, T), and y, shape (steps, reviews, 1).
        way: "compiled", "by hand", or "of Keras", one by one.
    """

    make: Callable[[npt.NDArray[Any], npt.NDArray[Any]], None]
    way: Literal["compiled", "by hand", "of Keras"]

    def __call__(self, x: npt.NDArray[Any], y: npt.NDArray[Any]) -> None:
        """Make a step for each batch."""
        self.make(x, y)


class TrainingEngine(Engine, Protocol):
    """What a module `engine/<name>.py` provides as well if the backend can train.

    Attributes:
        output_begins_at_zero: what Keras's layer gives out, before the first step that its mask lets through: zeros, or
            its initial state.
    """

    output_begins_at_zero: bool

    def supports_recurrence(self, tensors: Sequence[Any]) -> bool:
        """Whether `recurrence` is right for these tensors and for the current caller.

        Args:
            tensors: all arguments of the layer's computation.
        """

    def hook_of(self, layer: Any) -> str:
        """Tell of hooks that run only if Keras calls the layer; "" if there are none."""

    def recurrence(
        self, inputs: Any, initial: Any, recurrent_kernel: Any, mask: Any | None, return_sequences: bool
    ) -> Any:
        """h_t = tanh(a_t + h_{t-1} U), and h_t = h_{t-1} where the mask is false; can be differentiated.

        Args:
            inputs: a_1 … a_T, shape (T, reviews, units), a tensor of the backend, as all here.
            initial: h_0, shape (reviews, units).
            recurrent_kernel: U, shape (units, units).
            mask: bool, shape (T, reviews, 1), or None.
            return_sequences: whether all states are wanted.

        Returns:
            h_1 … h_T, shape (T, reviews, units), or h_T alone, shape (reviews, units).
        """

    def compile_steps(self, model: Any) -> Steps:
        """Train a compiled model by many steps a call, each as `model.train_on_batch` makes it.

        Where anything is compiled it is compiled anew for each new shape. Weights, optimizer and metrics are afterwards
        as after so many batches of `fit`.
        """


def is_installed(name: str) -> bool:
    """Whether a backend could be imported here; it is not."""
    try:
        spec = importlib.util.find_spec(PREDICTING_BACKENDS.get(name, name))
    except Exception:  # noqa: BLE001 (a module that some program put there has no specification, …)
        return False
    # Without an origin it is a folder that happens to have this name.
    return spec is not None and spec.origin is not None


def installed_backends() -> list[str]:
    """The backends that are installed, of those that train."""
    return [name for name in BACKENDS if is_installed(name)]


def backend_name() -> str:
    """The backend that Keras runs on, or will run on.

    Returns:
        One of `BACKENDS` or `PREDICTING_BACKENDS`: the value of `KERAS_BACKEND`. If that is not set, the backend of the
        Keras that is loaded already; else the one in Keras's `keras.json`, if it is installed; else the only one that
        is installed, of those that train, which is logged once.

    Raises:
        BackendError: there is none, it is unknown, not installed, or not the one that Keras is running on.
    """
    asked, loaded = os.environ.get("KERAS_BACKEND", ""), _loaded_backend()
    name = asked or loaded or _backend_of_keras_json() or _only_backend()
    if name not in (*BACKENDS, *PREDICTING_BACKENDS):
        raise _bad_backend("KERAS_BACKEND", repr(name))
    if not is_installed(name):
        needed = PREDICTING_BACKENDS.get(name, name)
        lack = "which is not installed" if needed == name else f"which needs {needed}"
        raise _bad_backend("KERAS_BACKEND", f"{name!r}, {lack}")
    if loaded and loaded != name:
        msg = f"Bad KERAS_BACKEND. Expected: {loaded!r}, which Keras is running on already. Received: {name!r}."
        raise BackendError(msg)
    return name


def _bad_backend(where: str, received: str) -> BackendError:
    """The error for a backend that cannot be used."""
    installed = installed_backends()
    advice = f"export KERAS_BACKEND={installed[0]}" if installed else 'pip install "imdb_rnn[jax]"'
    expected = f"one of {', '.join(BACKENDS)}, or to predict only {', '.join(PREDICTING_BACKENDS)}"
    return BackendError(
        f"Bad {where}. Expected: {expected}. Received: {received}. "
        f"Installed here: {', '.join(installed) or 'none'}. Try: {advice}"
    )


def _loaded_backend() -> str:
    """The backend of the Keras that is loaded; "" if there is none, or if a thread is still importing it."""
    backend = getattr(sys.modules.get("keras"), "backend", None)
    return "" if backend is None else str(backend.backend())


def _keras_json() -> Path:
    """The file of Keras's settings, which need not exist: see keras/src/backend/config.py."""
    given = os.environ.get("KERAS_HOME")
    folder = None if given is None else expanded(given)
    if folder is None:
        home = expanded("~")
        # As Keras does.
        folder = (home if home is not None and os.access(home, os.W_OK) else Path("/tmp")) / ".keras"  # noqa: S108
    return folder / "keras.json"


def _named_in_keras_json() -> Any:
    """What `keras.json` names as the backend; None if it names none, or cannot be read, of which Keras will tell."""
    try:
        return json.loads(_keras_json().read_text()).get("backend")
    except (OSError, ValueError, AttributeError, RecursionError):
        return None


def _backend_of_keras_json() -> str:
    """The backend that `keras.json` names; "" if it names none, or one that is not installed.

    Keras writes the file itself, with "tensorflow" in it, so nobody may have chosen that one.

    Raises:
        BackendError: it names an unknown one.
    """
    named = _named_in_keras_json()
    if named is None:
        return ""
    if named not in (*BACKENDS, *PREDICTING_BACKENDS):
        raise _bad_backend(f"`backend` in {_keras_json()}", f"{named!r:.100}")
    return str(named) if is_installed(named) else ""


def _only_backend() -> str:
    """The only backend that is installed, of those that train.

    Raises:
        BackendError: there are several, or none.
    """
    installed = installed_backends()
    if len(installed) != 1:
        named = _named_in_keras_json()
        beside = "" if named is None else f", and {named!r} in {_keras_json()}, which is not installed"
        raise _bad_backend("KERAS_BACKEND", f"not set{beside}")
    _tell_once(installed[0])
    return installed[0]


@functools.cache
def _tell_once(name: str) -> None:
    _log.warning("Running on %s, the only backend that is installed. Set KERAS_BACKEND to choose another one.", name)


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
        importlib.import_module(f"imdb_rnn.engine.{name}")
        keras.ops.convert_to_numpy(keras.ops.ones(1, "float32") + 1)
    except Exception as error:
        msg = _reason_of_failure(name, error)
        if PREDICTING_BACKENDS.get(name, name) not in sys.modules and not _is_of_settings(error):
            _broken[name] = msg
        raise BackendError(msg) from error
    finally:
        _forget_half_of_keras()
    _started = True


@contextmanager
def _variables_of_keras(name: str) -> Iterator[None]:
    """Set what Keras reads from the environment while it is imported, and only then."""
    # TensorFlow has an old Keras inside that makes a folder "~" here for a user without a home.
    wanted = {"KERAS_BACKEND": name, "KERAS_HOME": str(_keras_json().parent)}
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
    needed = PREDICTING_BACKENDS.get(name, name)
    if _is_of_settings(error):
        expected = "settings that Keras accepts"
        places = [str(_keras_json()), *_set_here(_SETTINGS_VARIABLES)]
        advice = f"Correct or remove {' or '.join(places)}."
    elif "keras" in sys.modules and not isinstance(error, ImportError):
        expected = f"a device that {needed} can use"
        places = _set_here(_DEVICE_VARIABLES.get(needed, ()))
        advice = f"Correct or unset {' or '.join(places)}." if places else f"See whether {needed} by itself works here."
    else:
        expected = f"keras and {needed} installed whole, in versions that fit together"
        advice = "Install them anew or set KERAS_BACKEND to another backend, then start again."
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


@contextmanager
def keras_session() -> Iterator[ModuleType]:
    """Let one thread at a time use Keras, with Keras's default settings, and let the backend use one thread.

    Keras's models are not thread-safe: on JAX the variables of a model are empty while it trains or evaluates. Global
    settings of the program would change the results: float type, epsilon, dtype policy, limits of epochs and steps.
    They are restored when the block ends, and so is the number of threads (see `imdb_rnn.threads`).

    Yields:
        Keras.

    Raises:
        BackendError: see `load_keras`.
    """
    keras = load_keras()
    with _lock, load_engine().one_thread(), _default_settings(keras):
        yield keras


@contextmanager
def _default_settings(keras: ModuleType) -> Iterator[None]:
    config = keras.config
    # Asked for first: until somebody asks, the policy follows `floatx`.
    policy, floatx, epsilon = config.dtype_policy(), config.floatx(), config.epsilon()
    epochs, steps = config.max_epochs(), config.max_steps_per_epoch()
    config.set_floatx(FLOATX)
    config.set_epsilon(EPSILON)
    config.set_dtype_policy(FLOATX)
    config.set_max_epochs(None)
    config.set_max_steps_per_epoch(None)
    try:
        yield
    finally:
        config.set_floatx(floatx)
        config.set_epsilon(epsilon)
        config.set_dtype_policy(policy)
        config.set_max_epochs(epochs)
        config.set_max_steps_per_epoch(steps)


def load_training_engine() -> TrainingEngine:
    """Import what is particular to the backend that Keras runs on, if it can train.

    Raises:
        BackendError: see `training_backend_name` and `load_keras`.
    """
    training_backend_name()
    return cast(TrainingEngine, load_engine())


def load_engine() -> Engine:
    """Import what is particular to the backend that Keras runs on.

    Raises:
        BackendError: see `load_keras`.
    """
    name = load_keras().backend.backend()
    return cast(Engine, importlib.import_module(f"imdb_rnn.engine.{name}"))
