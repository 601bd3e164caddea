"""Training with several workers: each computes the gradients of its share of every batch.

One worker, the first, does all that is done once: it reads the reviews, draws the batches, evaluates, stops, and writes
files. Only blocks of steps are shared. For each block, the first worker hands the others the weights, the state of the
optimizer, and their share of each batch. All of them run the same steps, in each of which the gradients of the shares
are summed over the workers. So the result is that of one worker with the same batches, up to the order of the sums, for
any number of workers, and nothing between two blocks has to know of workers.

On PyTorch the workers are processes. On JAX they are the devices of one process or of several, and XLA divides the
program among them. Keras does not support TensorFlow's strategies for several workers. A module
`backends/workers/<backend>.py` is imported only where more than one worker is asked for.
"""

import importlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

from imdb_rnn.backends import Steps
from imdb_rnn.backends.choice import training_backend_name
from imdb_rnn.backends.start import load_keras
from imdb_rnn.errors import BackendError
from imdb_rnn.processes import available_cores

# Seconds after which a worker that does not answer is considered dead, and the interval at which the first worker tells
# the others that it is alive while it does something else. A killed process is noticed at once: its connections close.
TIMEOUT = 40
HEARTBEAT_INTERVAL = 5
# With more workers, a step takes so long that the others give up.
MAX_PER_CORE = 8
# A number of processes has at most so many digits.
_MAX_DIGITS = 6
# A process that has the variable was started by a launcher.
LAUNCHER_VARIABLES = {"jax": "KERAS_DISTRIBUTION_JOB_ADDRESSES", "torch": "TORCHELASTIC_RUN_ID"}


class Workers(Protocol):
    """The workers of a training, of which this process is the first.

    Attributes:
        count: their number.
    """

    count: int

    def compile_steps(self, model: Any) -> Steps:
        """Return what `imdb_rnn.backends.TrainingBackend.compile_steps` does, with each batch shared by the workers.

        Its function raises `BackendError` if a worker has ended, or if the model cannot be trained by several workers.
        """


class LaunchedProcess(NamedTuple):
    """This process among those that a launcher has started.

    Attributes:
        rank: its number, counted from 0; the process of rank 0 is the first one.
        world_size: the number of processes.
        address: the address of the first process, for JAX.
    """

    rank: int
    world_size: int
    address: str = ""


def launched_process() -> LaunchedProcess | None:
    """Return what a launcher has told this process; None if it was started alone.

    The launcher of PyTorch is `torchrun`. JAX has none: the user sets the variables that
    `keras.distribution.initialize` reads.

    Raises:
        BackendError: a variable is missing, or has another form.
    """
    backend = training_backend_name()
    if backend == "torch" and LAUNCHER_VARIABLES["torch"] in os.environ:
        return LaunchedProcess(_number("RANK"), _number("WORLD_SIZE"))
    address = os.environ.get(LAUNCHER_VARIABLES["jax"], "").partition(",")[0]
    if backend == "jax" and address:
        if not _is_address(address):
            msg = f"Bad {LAUNCHER_VARIABLES['jax']}. Expected: HOST:PORT of the first process, such as 10.0.0.1:1234. "
            raise BackendError(f"{msg}Received: {address!r:.60}.")
        rank, world_size = _number("KERAS_DISTRIBUTION_PROCESS_ID"), _number("KERAS_DISTRIBUTION_NUM_PROCESSES")
        if rank >= world_size:
            expected = f"less than KERAS_DISTRIBUTION_NUM_PROCESSES={world_size}"
            raise BackendError(f"Bad KERAS_DISTRIBUTION_PROCESS_ID. Expected: {expected}. Received: {rank}.")
        return LaunchedProcess(rank, world_size, address)
    return None


def _is_address(address: str) -> bool:
    """Return whether an address has the form HOST:PORT."""
    host, _, port = address.rpartition(":")
    try:
        host.encode("idna")  # as a connection does, which fails for a host such as a..b
    except UnicodeError:
        return False
    return bool(host) and port.isascii() and port.isdecimal() and 0 < int(port[:6]) < 1 << 16


def _number(variable: str) -> int:
    value = os.environ.get(variable, "")
    if not value.isascii() or not value.isdigit() or len(value) > _MAX_DIGITS:
        msg = (
            f"Bad {variable}. Expected: a number, as the launcher of the processes sets it. Received: {value!r:.60}. "
            f"To train without other processes, unset {LAUNCHER_VARIABLES[training_backend_name()]}."
        )
        raise BackendError(msg)
    return int(value)


@contextmanager
def start_workers(count: int = 1) -> Iterator[Workers | None]:
    """Start the workers of a training, and end them at the end of the block.

    Args:
        count: the number of workers on this machine, with this process; 1 if a launcher has started the processes.

    Yields:
        The workers; None for one, which needs nothing.

    Raises:
        BackendError: the backend does not support several workers, or they do not start.
    """
    launched = launched_process()
    if launched is not None and (count > 1 or launched.rank):
        expected = "no number of workers, because a launcher has chosen it"
        received = f"{count} workers"
        if launched.rank:
            expected = "the first process; in the others, run the command `imdb-rnn train`"
            received = f"process {launched.rank} of {launched.world_size}"
        msg = f"Cannot start workers. Expected: {expected}. Received: {received}."
        raise BackendError(msg)
    if count == 1 and launched is None:
        yield None
        return
    if count > (most := MAX_PER_CORE * available_cores()):
        msg = (
            f"Cannot start {count} workers on this machine. Expected: at most {most}, {MAX_PER_CORE} per core. "
            f"Received: {count}. Give fewer."
        )
        raise BackendError(msg)
    with _module().start_workers(count, launched) as workers:
        yield workers


def run_worker(launched: LaunchedProcess, make_model: Callable[[], Any]) -> None:
    """Compute a share of each batch of the first process, until its training ends.

    Args:
        launched: this process, which is not the first.
        make_model: returns a compiled model of the training, whose weights do not matter. Keras must not be loaded
            before it is called.

    Raises:
        BackendError: the first process, or another worker, has ended before the training did.
    """
    _module().run_worker(launched, make_model)


def _module() -> Any:
    """Import the module of the backend.

    Raises:
        BackendError: the backend does not support several workers.
    """
    backend = training_backend_name()
    if backend == "tensorflow":
        msg = (
            "Cannot train with several workers on tensorflow. Expected: jax or torch, because Keras 3 does not support "
            "TensorFlow's strategies for several workers (keras#20585). Received: KERAS_BACKEND='tensorflow'. Train on "
            "another backend: it is the same model, and TensorFlow loads it."
        )
        raise BackendError(msg)
    return importlib.import_module(f"{__name__}.{backend}")


def check_distribution() -> None:
    """Raise `BackendError` if the program has set a `keras.distribution`.

    On PyTorch and TensorFlow it would do nothing, and on JAX only some sizes of batches would be possible.
    """
    distribution = load_keras().distribution.distribution()
    if distribution is not None:
        msg = (
            "Cannot train under a distribution of Keras. Expected: none. Received: "
            f"{type(distribution).__name__}. Leave it out, and give a number of workers instead."
        )
        raise BackendError(msg)


def share(rows: int, worker: int, workers: int) -> slice:
    """Return the rows of a batch that a worker computes; the shares of all workers are the batch."""
    return slice(worker * rows // workers, (worker + 1) * rows // workers)


def lost_worker_error(workers: int, received: object) -> BackendError:
    """Return the error for workers that have ended or do not answer."""
    return BackendError(
        f"Cannot go on training with {workers} workers. Expected: all of them until the end. Received: {received}. The "
        "training can be resumed after its last complete epoch, with any number of workers."
    )


def first_sentence(error: Exception) -> str:
    """Return the first sentence of a framework's message, without its full stop and the places in C++ files."""
    sentence = str(error).partition("\n")[0].partition(". ")[0]
    return re.sub(r"\[[^\]]*\.cc:\d+\] ", "", sentence)[:200].rstrip(" .")
