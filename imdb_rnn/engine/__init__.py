"""The only place that names a backend: which there are, which one runs, and what each needs done differently.

May import: the standard library, imdb_rnn.errors, imdb_rnn.keras_settings; inside functions keras and the one engine
module that runs.

One module a backend, `engine/<name>.py`, each with the same names: those of `Engine`, and for a backend that trains
those of `TrainingEngine` as well. What they compute is defined by imdb_rnn.oracle. `engine/by_hand.py` says which
models an engine may train without Keras's own step.

To add a backend: add its name to `BACKENDS` and write that module.
"""

import importlib
import importlib.util
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal, Protocol, cast

import numpy.typing as npt

from imdb_rnn.errors import BackendError
from imdb_rnn.keras_settings import EPSILON, FLOATX

# Those that train and predict.
BACKENDS = ("jax", "torch", "tensorflow")
# Those that only predict: the name, and what must be installed for it (Keras's NumPy backend itself imports JAX).
PREDICTING_BACKENDS = {"numpy": "jax", "openvino": "openvino"}
# Those that hang in a forked process, because their threads exist only in the parent.
NOT_FORKABLE = ("jax", "tensorflow", "numpy")

_lock = threading.RLock()
_forked_with_keras = False


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
        BackendError: this process was forked from one in which the backend ran, or see `backend_name`.
    """
    name = backend_name()
    if _forked_with_keras and name in NOT_FORKABLE:
        msg = (
            f"Cannot use {name} in this process. Expected: a process that was not forked from one in which Keras had "
            f"been loaded, because {name} does not work after a fork. Received: a forked one. Start it by "
            f'multiprocessing.get_context("spawn"), or fork before Keras is imported.'
        )
        raise BackendError(msg)
    return importlib.import_module("keras")


@contextmanager
def keras_session() -> Iterator[ModuleType]:
    """Let one thread at a time use Keras, with Keras's default settings.

    Keras's models are not thread-safe: on JAX the variables of a model are empty while it trains or evaluates. Global
    settings of the program would change the results: float type, epsilon, dtype policy, limits of epochs and steps.
    They are restored when the block ends.

    Yields:
        Keras.

    Raises:
        BackendError: see `load_keras`.
    """
    keras = load_keras()
    with _lock:
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
            yield keras
        finally:
            config.set_floatx(floatx)
            config.set_epsilon(epsilon)
            config.set_dtype_policy(policy)
            config.set_max_epochs(epochs)
            config.set_max_steps_per_epoch(steps)


def load_training_engine() -> TrainingEngine:
    """Import what is particular to the backend that Keras runs on, if it can train.

    Raises:
        BackendError: see `training_backend_name`.
    """
    return cast(TrainingEngine, importlib.import_module(f"imdb_rnn.engine.{training_backend_name()}"))


def load_engine() -> Engine:
    """Import what is particular to the backend that Keras runs on.

    Raises:
        BackendError: see `backend_name`.
    """
    return cast(Engine, importlib.import_module(f"imdb_rnn.engine.{backend_name()}"))
