"""Applies a function to items in several processes, and returns the results in order."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.queues import Queue
from types import FrameType
from typing import Any, TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_IN_FLIGHT = 3  # items per process


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_in_processes(
    function: Callable[[_Item], _Result],
    items: Iterable[_Item],
    workers: int,
    initializer: Callable[..., None] | None = None,
    initargs: tuple[Any, ...] = (),
) -> Iterator[_Result]:
    """Apply a function to items.

    Args:
        function: a function of a module, because it is sent to other processes.
        items: the items, of which only a few are in memory at a time.
        workers: the number of processes.
        initializer: is called once in each process, before the items.
        initargs: its arguments.

    Yields:
        The results, in the order of the items.

    Raises:
        concurrent.futures.BrokenExecutor: a process was killed, or could not be started.
    """
    waiting: deque[Future[_Result]] = deque()
    context = _Context()
    # In a queue, not passed as an argument: the start of a process would block if it ends while it receives more than a
    # pipe holds.
    queue: Queue[Any] = context.Queue()
    for _ in range(workers):
        queue.put((initializer, initargs))
    pool = ProcessPoolExecutor(workers, context, _begin, (queue,))
    try:
        for item in items:
            waiting.append(_submit(pool, function, item))
            if len(waiting) > workers * _IN_FLIGHT:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenExecutor:
        # The executor ends those that it had started when it noticed, and would wait for any later one forever.
        for process in context.started:
            if process.is_alive():
                process.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        queue.cancel_join_thread()
        queue.close()


def _submit(pool: ProcessPoolExecutor, function: Callable[[_Item], _Result], item: _Item) -> "Future[_Result]":
    try:
        # The executor starts a process here.
        with signals_put_off():
            return pool.submit(function, item)
    except OSError as error:
        # If another process has just been killed, the pipes between them are closed.
        raise BrokenExecutor(str(error)) from error


class _Context(SpawnContext):
    """Starts processes and remembers them. They are not forked: a fork of a process with threads can hang."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[SpawnProcess] = []

    def Process(self, *arguments: Any, **settings: Any) -> SpawnProcess:  # type: ignore[override]  # noqa: N802
        """Return a process that is about to be started."""
        self.started.append(SpawnProcess(*arguments, **settings))
        return self.started[-1]


@contextmanager
def signals_put_off() -> Iterator[None]:
    """Put off Ctrl-C and SIGTERM until the end of a block that starts processes, and hide Ctrl-C from these.

    A process that was started, but not noted down because of a signal, would not be ended. A terminal sends Ctrl-C to
    all processes of a command, and those that still import would print where they were.
    """
    if threading.current_thread() is not threading.main_thread():  # signals interrupt the main thread alone
        yield
        return
    resource_tracker.ensure_running()  # when it starts, it unblocks Ctrl-C
    received: list[tuple[int, FrameType | None]] = []
    handlers = {
        number: handler for number in (signal.SIGINT, signal.SIGTERM) if callable(handler := signal.getsignal(number))
    }
    for number in handlers:
        signal.signal(number, lambda *arguments: received.append(arguments))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # as the new processes will have it
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if received:
            handlers[signal.Signals(received[0][0])](*received[0])


def _begin(queue: "Queue[Any]") -> None:
    end_with_parent()
    initializer, initargs = queue.get()
    if initializer is not None:
        initializer(*initargs)


def end_with_parent() -> None:
    """Leave Ctrl-C to the process that has started this one, and end if that is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
