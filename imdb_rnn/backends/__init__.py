"""The only place that names a backend: which there are, which one runs, and what each needs done differently.

`backends/choice.py` chooses the backend, and `backends/start.py` starts it. Each backend has a module `backends/<name>.py`
with the names of `Backend`, and if it trains those of `TrainingBackend` as well. What they compute is defined by
backends_test.oracle. `backends/eligibility.py` says which models an engine may train without Keras's own step.

To add a backend: add its name to `BACKENDS` in `backends/choice.py` and write that module.
"""

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal, Protocol, cast

import numpy.typing as npt

from imdb_rnn.backends.choice import (
    backend_name,
    installed_backends,
    is_installed,
    training_backend_name,
)
from imdb_rnn.backends.keras_settings import EPSILON, FLOATX
from imdb_rnn.backends.start import keras_lock, load_keras
from imdb_rnn.backends.table import PREDICTING_BACKENDS, TABLE, TRAINING_BACKENDS

__all__ = [
    "PREDICTING_BACKENDS",
    "TABLE",
    "TRAINING_BACKENDS",
    "Backend",
    "Steps",
    "TrainingBackend",
    "backend_name",
    "installed_backends",
    "is_installed",
    "keras_session",
    "load_backend",
    "load_keras",
    "load_training_backend",
    "training_backend_name",
]


class Backend(Protocol):
    """What a module `backends/<name>.py` provides.

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


class TrainingBackend(Backend, Protocol):
    """What a module `backends/<name>.py` provides as well if the backend can train.

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
    with keras_lock(), load_backend().one_thread(), _default_settings(keras):
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


def load_training_backend() -> TrainingBackend:
    """Import what is particular to the backend that Keras runs on, if it can train.

    Raises:
        BackendError: see `training_backend_name` and `load_keras`.
    """
    training_backend_name()
    return cast(TrainingBackend, load_backend())


def load_backend() -> Backend:
    """Import what is particular to the backend that Keras runs on.

    Raises:
        BackendError: see `load_keras`.
    """
    name = load_keras().backend.backend()
    return cast(Backend, importlib.import_module(f"imdb_rnn.backends.{name}"))
