"""The workers of PyTorch: processes that exchange tensors by `torch.distributed`, with gloo, or NCCL on GPUs.

The first process sends a message, then what belongs to it. `STEPS` is followed by the settings of Adam, the state of
the training and a share of the batches, and at the end the others return their scores. The gradients of a step are one
array, so that they are summed by one operation. Other messages have nothing after them.

    python -m imdb_rnn.backends.workers.torch FILE WORKER WORKERS     a worker that `start_workers` has started
"""

import os
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import torch
import torch.distributed as dist

from imdb_rnn.backends import Steps, load_keras
from imdb_rnn.backends.torch import Adam, count_steps, keras_step_reason, run_steps
from imdb_rnn.backends.workers import (
    HEARTBEAT_INTERVAL,
    TIMEOUT,
    LaunchedProcess,
    first_sentence,
    lost_worker_error,
    share,
)
from imdb_rnn.backends.workers.children import SECONDS_TO_START, Children, end_with_parent
from imdb_rnn.errors import BackendError

# The first number of a message.
END, HEARTBEAT, STEPS = range(3)
# What each process that `start_workers` starts counts in their store, and what the first one sets there afterwards.
_STARTED, _ALL_STARTED = "started", "all started"


class Message(NamedTuple):
    """What the first process sends before everything else, as int64.

    Attributes:
        kind: `END`, `HEARTBEAT` or `STEPS`.
        steps: the number of steps.
        rows: reviews per batch.
        length: ids per review.
        num_words: rows of the embedding.
        features: columns of the embedding.
        units: units of the recurrent layer.
        steps_before: the number of steps run before.
        double: whether the weights are float64.
        gpu: whether the weights are on a GPU.
    """

    kind: int
    steps: int = 0
    rows: int = 0
    length: int = 0
    num_words: int = 0
    features: int = 0
    units: int = 0
    steps_before: int = 0
    double: int = 0
    gpu: int = 0

    def tensor(self) -> torch.Tensor:
        """Return the numbers as int64."""
        return torch.tensor(tuple(map(int, self)))

    def shapes(self) -> list[tuple[int, ...]]:
        """Return the shapes of the six weights."""
        features, units = self.features, self.units
        return [(self.num_words, features), (features, units), (units, units), (units,), (units, 1), (1,)]


class Flat(NamedTuple):
    """One array, and parts of it in the shapes of the weights.

    Attributes:
        array: shape (total,).
        parts: views of it.
    """

    array: torch.Tensor
    parts: list[torch.Tensor]

    @classmethod
    def zeros(cls, shapes: Sequence[Sequence[int]], dtype: torch.dtype, device: torch.device) -> Self:
        """Allocate an array for parts of these shapes."""
        sizes = [int(np.prod(shape)) for shape in shapes]
        array = torch.zeros(sum(sizes), dtype=dtype, device=device)
        return cls(array, [part.view(*shape) for part, shape in zip(array.split(sizes), shapes, strict=True)])


class Processes:
    """The processes of a training, of which this is one.

    Args:
        worker: the number of this process; 0 is the first.
        count: the number of processes.
        reason: describes why an operation failed, from its error.
    """

    def __init__(self, worker: int, count: int, reason: Callable[[Exception], str] = first_sentence) -> None:
        self.worker, self.count = worker, count
        self._reason = reason

    def run(self, operation: Callable[..., object], *arguments: Any) -> None:
        """Run an operation of `torch.distributed`, in which all processes must take part.

        Raises:
            BackendError: another process has ended, or does not answer.
        """
        try:
            operation(*arguments)
        # PyTorch and gloo have no class for it, and theirs are derived from this one.
        except RuntimeError as error:
            raise lost_worker_error(self.count, self._reason(error)) from error

    def send_or_receive(self, operation: Callable[..., object], array: torch.Tensor, other: int) -> None:
        """Send an array to another process, or receive it; a share of a batch can be empty."""
        if array.numel():
            self.run(operation, array, other)

    def send_state(self, message: Message, weights: list[torch.Tensor], adam: Adam) -> None:
        """Send the weights and the state of Adam to the other processes; see `receive_state`."""
        self.run(dist.broadcast, message.tensor(), 0)
        settings = (adam.learning_rate, adam.beta_1, adam.beta_2, adam.epsilon)
        self.run(dist.broadcast, torch.tensor(settings, dtype=torch.float64), 0)
        tensors = [tensor.detach().reshape(-1).cpu() for tensor in (*weights, *adam.m, *adam.v)]
        self.run(dist.broadcast, torch.cat(tensors), 0)

    def receive_state(self, message: Message, device: torch.device) -> tuple[list[torch.Tensor], Adam]:
        """Receive the weights and the state of Adam from the first process."""
        settings = torch.empty(4, dtype=torch.float64)
        self.run(dist.broadcast, settings, 0)
        shapes = message.shapes()
        state = Flat.zeros(shapes * 3, torch.float64 if message.double else torch.float32, torch.device("cpu"))
        self.run(dist.broadcast, state.array, 0)
        tensors = [part.to(device) for part in state.parts]
        weights, m, v = (tensors[start : start + len(shapes)] for start in range(0, len(tensors), len(shapes)))
        return weights, Adam(m, v, message.steps_before, *settings.tolist())

    def run_steps(
        self, rows: int, weights: list[torch.Tensor], adam: Adam, x: torch.Tensor, y: torch.Tensor
    ) -> torch.Tensor:
        """Run steps on a share of batches of `rows` reviews, with the gradients of all shares; return the scores."""
        gradients = Flat.zeros([weight.shape for weight in weights], weights[0].dtype, weights[0].device)
        return run_steps(
            weights,
            adam,
            x,
            y.to(weights[0]),
            gradients.parts,
            batch_size=rows,
            sum_gradients=lambda: self.run(dist.all_reduce, gradients.array),
        )


class FirstProcess:
    """The process that trains; see `imdb_rnn.backends.workers.Workers`.

    Args:
        processes: the processes, of which this is the first.
    """

    def __init__(self, processes: Processes) -> None:
        self.count = processes.count
        self._processes = processes
        # Held while messages are exchanged.
        self._lock = threading.Lock()
        self._ended = threading.Event()

    def compile_steps(self, model: Any) -> Steps:
        """See `imdb_rnn.backends.workers.Workers`."""

        def steps(x: Any, y: Any) -> None:
            if reason := keras_step_reason(model):
                msg = (
                    f"Cannot train this model with {self.count} workers. Expected: the review classifier with Adam, as "
                    f"this library builds it. Received: {reason}. Train it with one worker."
                )
                raise BackendError(msg)
            with self._lock:
                try:
                    self._run(model, torch.from_numpy(x), torch.from_numpy(y))
                except BaseException:
                    self._ended.set()  # the others wait for something else than a message now
                    raise

        return Steps(steps, "by hand")

    def _run(self, model: Any, x: torch.Tensor, y: torch.Tensor) -> None:
        processes = self._processes
        weights, adam = [variable.value for variable in model.trainable_variables], Adam.of(model.optimizer)
        double, gpu = weights[0].dtype == torch.float64, weights[0].device.type == "cuda"
        (steps, rows, length), (num_words, features), units = x.shape, weights[0].shape, len(weights[2])
        message = Message(STEPS, steps, rows, length, num_words, features, units, adam.steps, int(double), int(gpu))
        processes.send_state(message, weights, adam)
        shares = [share(message.rows, worker, self.count) for worker in range(self.count)]
        for worker, rows in enumerate(shares[1:], start=1):
            for array in (x, y):
                processes.send_or_receive(dist.send, array[:, rows].contiguous(), worker)
        scores = y.new_empty(y.shape, dtype=weights[0].dtype)
        scores[:, shares[0]] = processes.run_steps(message.rows, weights, adam, x[:, shares[0]], y[:, shares[0]]).cpu()
        for worker, rows in enumerate(shares[1:], start=1):
            part = scores[:, rows].contiguous()
            processes.send_or_receive(dist.recv, part, worker)
            scores[:, rows] = part
        count_steps(model, y.to(weights[0]), scores.to(weights[0]))

    @contextmanager
    def heartbeats(self) -> Iterator[Self]:
        """Tell the other processes within a block that this one is alive, and at its end that it has come to its end.

        If the block fails, the other processes notice it by their closed connections.
        """
        threading.Thread(target=self._send_heartbeats, daemon=True).start()
        try:
            yield self
        finally:
            self._ended.set()
        with self._lock, suppress(BackendError):  # nothing is lost if another process has ended by now
            self._processes.run(dist.broadcast, Message(END).tensor(), 0)

    def _send_heartbeats(self) -> None:
        while not self._ended.wait(HEARTBEAT_INTERVAL):
            with self._lock, suppress(BackendError):  # the next steps fail as well, and say why
                if not self._ended.is_set():
                    self._processes.run(dist.broadcast, Message(HEARTBEAT).tensor(), 0)


def run_worker(launched: LaunchedProcess, make_model: object) -> None:
    """See `imdb_rnn.backends.workers.run_worker`; no model is needed."""
    with _joined(None, launched.rank, launched.world_size):
        _run_worker(Processes(launched.rank, launched.world_size), int(os.environ.get("LOCAL_RANK", "0")))


def _run_worker(processes: Processes, local: int) -> None:
    """Run the steps that the first process asks for.

    Args:
        processes: the processes, of which this is not the first.
        local: the number of this process among those of this machine, which is that of its GPU.
    """
    torch.set_num_threads(1)
    if torch.cuda.is_available():
        torch.cuda.set_device(local)
    while True:
        numbers = torch.empty(len(Message._fields), dtype=torch.int64)
        processes.run(dist.broadcast, numbers, 0)
        message = Message(*numbers.tolist())
        if message.kind == END:
            return
        if message.kind == HEARTBEAT:
            continue
        weights, adam = processes.receive_state(message, torch.device("cuda", local) if message.gpu else "cpu")
        rows = share(message.rows, processes.worker, processes.count)
        shape = (message.steps, rows.stop - rows.start)
        x, y = torch.empty((*shape, message.length), dtype=torch.int32), torch.empty((*shape, 1))
        for array in (x, y):
            processes.send_or_receive(dist.recv, array, 0)
        scores = processes.run_steps(message.rows, weights, adam, x, y)
        processes.send_or_receive(dist.send, scores.cpu(), 0)


@contextmanager
def start_workers(count: int, launched: LaunchedProcess | None) -> Iterator[FirstProcess]:
    """See `imdb_rnn.backends.workers.start_workers`."""
    here = count if launched is None else int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if torch.cuda.is_available() and torch.cuda.device_count() < here:
        msg = (
            f"Cannot train with {here} workers on this machine. Expected: at most one per GPU, of which there are "
            f"{torch.cuda.device_count()}. Received: {here}. Give fewer, or hide the GPUs by CUDA_VISIBLE_DEVICES=."
        )
        raise BackendError(msg)
    if launched is not None:
        with (
            _joined(None, 0, launched.world_size),
            FirstProcess(Processes(0, launched.world_size)).heartbeats() as first,
        ):
            yield first
        return
    with tempfile.TemporaryDirectory(prefix="imdb-rnn-") as folder, _loopback():
        path = Path(folder) / "store"
        commands = [[__name__, str(path), str(worker), str(count)] for worker in range(1, count)]
        with Children(commands, Path(folder)) as children:
            # Keras is loaded while the others load PyTorch.
            load_keras()
            store = dist.FileStore(str(path), count)
            children.wait_until(lambda: store.add(_STARTED, 0) == len(commands))
            store.set(_ALL_STARTED, "")
            processes = Processes(0, count, children.reason)
            with _joined(store, 0, count), FirstProcess(processes).heartbeats() as first:
                yield first


@contextmanager
def _joined(store: dist.Store | None, worker: int, count: int) -> Iterator[None]:
    """Join the processes within a block.

    Args:
        store: where they meet; None is the one that `torchrun` has made.
        worker: the number of this process.
        count: the number of processes.
    """
    if dist.is_initialized():
        msg = (
            "Cannot train with several workers. Expected: a program without a process group of torch.distributed. "
            "Received: one with a group. Call torch.distributed.destroy_process_group() before."
        )
        raise BackendError(msg)
    # Messages are on the CPU; gradients are where the weights are.
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    meeting: dict[str, Any] = {} if store is None else {"store": store, "rank": worker, "world_size": count}
    try:
        dist.init_process_group(backend, timeout=timedelta(seconds=TIMEOUT), **meeting)
    except RuntimeError as error:
        msg = (
            f"Cannot start {count} workers. Expected: processes that reach each other. Received: "
            f"{first_sentence(error)}. Check that they run and that the network lets them connect."
        )
        raise BackendError(msg) from error
    try:
        yield
    finally:
        with suppress(RuntimeError):  # of a connection that is closed already
            dist.destroy_process_group()


@contextmanager
def _loopback() -> Iterator[None]:
    """Let gloo listen within a block only for processes of this machine."""
    variable, before = "GLOO_SOCKET_IFNAME", os.environ.get("GLOO_SOCKET_IFNAME")
    names = [] if sys.platform == "win32" else [name for _, name in socket.if_nameindex() if name.startswith("lo")]
    if before is None and names:
        os.environ[variable] = names[0]
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(variable, None)


def main() -> None:
    """Run a worker that `start_workers` has started."""
    path, worker, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    end_with_parent()
    store = dist.FileStore(path, count)
    store.add(_STARTED, 1)
    # Joining has a shorter timeout than starting.
    store.wait([_ALL_STARTED], timedelta(seconds=SECONDS_TO_START))
    try:
        with _joined(store, worker, count):
            _run_worker(Processes(worker, count), worker)
    except BackendError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
