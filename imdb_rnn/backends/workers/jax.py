"""The workers of JAX: the devices of one process, or of several.

The program of one device is compiled for all of them: each batch is divided among the devices, the weights are the same
on each, and XLA inserts the sums over devices that the gradients and the metrics need. XLA also divides a batch whose
size is not divisible by the number of devices. The layouts are those of `keras.distribution.DataParallel`. It is not
set for all of Keras, because then the size of every batch, also of those that are evaluated, would have to be
divisible.

With several processes the first one sends a message before each block of steps, and then what the steps need.
"""

import atexit
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from imdb_rnn.backends import Steps, keras_session, load_keras
from imdb_rnn.backends.jax import compile_scan, variables_of
from imdb_rnn.backends.recurrence.jax import shared_batches
from imdb_rnn.backends.workers import TIMEOUT, LaunchedProcess, first_sentence, lost_worker_error
from imdb_rnn.backends.workers.gathering import gather
from imdb_rnn.errors import BackendError

_log = logging.getLogger(__name__)
# The first number of a message. The others are the shape of x: steps, reviews, T.
END, STEPS = range(2)


class Devices:
    """The devices of a training, as workers; see `imdb_rnn.backends.workers.Workers`."""

    def __init__(self, count: int) -> None:
        self.count = count
        distribution = load_keras().distribution
        self._parallel = distribution.DataParallel(devices=distribution.list_devices()[:count])

    def compile_steps(self, model: Any) -> Steps:
        """See `imdb_rnn.backends.workers.Workers`."""
        return Steps(self.compile_scan(model), "compiled")

    def compile_scan(self, model: Any) -> Callable[[Any, Any], None]:
        """Compile a scan over steps whose batches are divided among the devices."""
        mesh = self._parallel.device_mesh.backend_mesh
        everywhere = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())

        def put(value: Any) -> jax.Array:
            array = np.asarray(value)
            return jax.make_array_from_callback(array.shape, everywhere, lambda index: array[index])

        def share(value: jax.Array) -> jax.Array:
            return jax.lax.with_sharding_constraint(value, self._parallel.get_data_layout(value.shape).backend_layout)

        scan = compile_scan(
            model,
            put=lambda values: jax.tree.map(put, values),
            share=lambda batch: jax.tree.map(share, batch),
            take=lambda values: jax.tree.map(lambda array: array.addressable_data(0), values),
        )

        def steps(x: Any, y: Any) -> None:
            with shared_batches():
                scan(x, y)

        return steps


class FirstProcess(Devices):
    """The devices of several processes, of which this is the first."""

    def compile_steps(self, model: Any) -> Steps:
        """See `imdb_rnn.backends.workers.Workers`."""
        scan = self.compile_scan(model)

        def steps(x: Any, y: Any) -> None:
            model._symbolic_build(data_batch=(x[0], y[0]))
            with _as_backend_errors(self.count):
                _broadcast(np.array([STEPS, *x.shape], np.int32))
                _broadcast((_state_of(model), x, y))
                scan(x, y)
                _state_of(model)  # blocks, so that a lost process raises here and not where the result is used

        return Steps(steps, "compiled")


def run_worker(launched: LaunchedProcess, make_model: Callable[[], Any]) -> None:
    """See `imdb_rnn.backends.workers.run_worker`."""
    with _joined(launched), keras_session():
        model = make_model()
        devices = Devices(jax.device_count())
        scan = devices.compile_scan(model)
        with _as_backend_errors(devices.count):
            while True:
                kind, *shape = _broadcast(np.zeros(4, np.int32)).tolist()
                if kind == END:
                    return
                x, y = np.zeros(shape, np.int32), np.zeros((*shape[:2], 1), np.float32)
                model._symbolic_build(data_batch=(x[0], y[0]))
                state, x, y = _broadcast((_state_of(model), x, y))
                for group, values in zip(variables_of(model), state, strict=True):
                    for variable, value in zip(group, values, strict=True):
                        variable.assign(value)
                scan(x, y)
                _state_of(model)


def _state_of(model: Any) -> list[list[Any]]:
    return [[np.asarray(variable.value) for variable in group] for group in variables_of(model)]


def _broadcast(values: Any) -> Any:
    """Return the values of the first process."""
    return multihost_utils.broadcast_one_to_all(values)


@contextmanager
def start_workers(count: int, launched: LaunchedProcess | None) -> Iterator[Devices]:
    """See `imdb_rnn.backends.workers.start_workers`."""
    if launched is not None:
        with _joined(launched):
            first = FirstProcess(jax.device_count())
            yield first
            with _as_backend_errors(first.count):
                _broadcast(np.array([END, 0, 0, 0], np.int32))
        return
    # Only before JAX has started; afterwards it has the devices that it has.
    with suppress(RuntimeError):
        if "xla_force_host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
            jax.config.update("jax_num_cpu_devices", count)
    load_keras()
    if (found := jax.local_device_count()) < count:
        msg = (
            f"Cannot train with {count} workers on JAX. Expected: as many devices in this process. Received: {found}, "
            f"on {jax.default_backend()}. Give fewer; or, on CPUs, start before anything else uses JAX."
        )
        raise BackendError(msg)
    yield Devices(count)


@contextmanager
def _joined(launched: LaunchedProcess) -> Iterator[None]:
    """Join the processes within a block, and leave them at its end.

    If the block fails, this process ends without leaving them: JAX would wait for all of them, and then abort it.
    """
    if not launched.rank:
        _log.info("waiting for %d processes at %s, at most %d seconds", launched.world_size, launched.address, TIMEOUT)
    gather(launched)
    try:
        jax.distributed.initialize(
            launched.address,
            launched.world_size,
            launched.rank,
            cluster_detection_method="deactivate",
            initialization_timeout=TIMEOUT,
            heartbeat_timeout_seconds=TIMEOUT,
            shutdown_timeout_seconds=TIMEOUT // 4,
        )
    except (RuntimeError, ValueError) as error:
        msg = (
            f"Cannot join {launched.world_size} processes at {launched.address}. Expected: the first process, which "
            f"listens there, and all others. Received: {first_sentence(error)}."
        )
        raise BackendError(msg) from error
    try:
        with _output_as_errors():
            with _as_backend_errors(jax.device_count()):
                # The connections are made now: gloo waits for them for 30 seconds, and the first process may need more
                # until the first block of steps.
                _broadcast(np.zeros(1, np.int32))
            yield
    except BaseException as error:
        atexit.register(_end, 130 if isinstance(error, KeyboardInterrupt) else 1)
        raise
    jax.distributed.shutdown()


def _end(status: int) -> None:
    """End this process at once, before JAX's own functions for its end."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


@contextmanager
def _output_as_errors() -> Iterator[None]:
    """Send what is written to standard output within a block to standard error: gloo writes what it does there."""
    sys.stdout.flush()
    output = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(output, 1)
        os.close(output)


@contextmanager
def _as_backend_errors(count: int) -> Iterator[None]:
    """Raise what JAX raises, if another process has ended, as `BackendError`."""
    try:
        yield
    # JAX was seen to raise the one and the other, by the moment at which the process ended.
    except (jax.errors.JaxRuntimeError, ValueError) as error:
        if isinstance(error, ValueError) and "Gloo" not in str(error):
            raise
        raise lost_worker_error(count, first_sentence(error)) from error
