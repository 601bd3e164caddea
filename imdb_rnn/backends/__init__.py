"""The backends of Keras: which one runs, how it is started, and what each one does differently.

`backends/table.py` lists the backends, `backends/choice.py` chooses one, and `backends/start.py` starts it. Each has a
module `backends/<name>.py` that provides the names of `Backend` and, if it can train, those of `TrainingBackend`.
`backends_test.oracle` defines what they compute. `backends/recurrence/` has the loops over time, and
`backends/eligibility.py` decides which models a hand-written training step supports.

To add a backend, add an entry to `TABLE` in `backends/table.py` and write the module `backends/<name>.py`.
"""

import importlib
from collections.abc import Callable, Iterator
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
    """The interface of a module `backends/<name>.py`.

    Attributes:
        jit_compile: the argument of `keras.Model.compile`.
    """

    jit_compile: bool | Literal["auto"]

    def version(self) -> str:
        """Return the version of the framework."""

    def device(self) -> str:
        """Return the kind of device that the model runs on, such as "cpu"."""

    def one_thread(self) -> AbstractContextManager[None]:
        """Limit operations to one thread within a block, if the backend allows this after its start."""

    def prepare_model(self, model: Any) -> None:
        """Make `predict` and `evaluate` of a compiled review classifier fast; compiling it again undoes this."""

    def prepare_optimizer(self, optimizer: Any) -> None:
        """Make `optimizer.apply` follow Keras's formula. The optimizer is changed in place."""


@dataclass(frozen=True)
class Steps:
    """A function that runs many training steps per call.

    Attributes:
        run: takes x, shape (steps, reviews, T), and y, shape (steps, reviews, 1).
        way: "compiled" if all steps of a call are one compiled program, "by hand" if the step is hand-written,
            "of Keras" if Keras's own step is called once per batch.
    """

    run: Callable[[npt.NDArray[Any], npt.NDArray[Any]], None]
    way: Literal["compiled", "by hand", "of Keras"]

    def __call__(self, x: npt.NDArray[Any], y: npt.NDArray[Any]) -> None:
        """Run one training step per batch."""
        self.run(x, y)


class TrainingBackend(Backend, Protocol):
    """The interface of a module `backends/<name>.py` whose backend can train."""

    def hook_of(self, layer: Any) -> str:
        """Describe the hooks of a layer that run only if Keras calls the layer; "" if it has none."""

    def compile_steps(self, model: Any) -> Steps:
        """Return a function that trains a compiled model by many steps per call.

        Each step computes the same as `model.train_on_batch`. Afterwards the weights, the optimizer and the metrics are
        the same as after as many batches of `fit`. A backend that compiles the steps compiles them once per shape.
        """


@contextmanager
def keras_session() -> Iterator[ModuleType]:
    """Give one thread at a time access to Keras, with Keras's default settings and one thread in the backend.

    Keras models are not thread-safe: on JAX the variables of a model are empty while it trains or evaluates. Global
    settings of the calling program would change the results: float type, epsilon, dtype policy, and the limits of
    epochs and steps. They are restored at the end of the block, as is the number of threads (see `imdb_rnn.threads`).

    Yields:
        The `keras` module.

    Raises:
        BackendError: see `load_keras`.
    """
    keras = load_keras()
    with keras_lock(), load_backend().one_thread(), _default_settings(keras):
        yield keras


@contextmanager
def _default_settings(keras: ModuleType) -> Iterator[None]:
    config = keras.config
    # The policy must be read before `floatx` changes: until its first use it follows `floatx`.
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
    """Import the module `backends/<name>.py` of the backend that Keras runs on, which must be able to train.

    Raises:
        BackendError: see `training_backend_name` and `load_keras`.
    """
    training_backend_name()
    return cast(TrainingBackend, load_backend())


def load_backend() -> Backend:
    """Import the module `backends/<name>.py` of the backend that Keras runs on.

    Raises:
        BackendError: see `load_keras`.
    """
    name = load_keras().backend.backend()
    return cast(Backend, importlib.import_module(f"imdb_rnn.backends.{name}"))
