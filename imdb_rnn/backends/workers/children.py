"""Processes on this machine that end with the process that has started them.

Not those of `multiprocessing`, which run the program of the user again, so that each would have to be written for it.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from imdb_rnn.backends.workers import HEARTBEAT_INTERVAL, first_sentence
from imdb_rnn.errors import BackendError

# A loaded machine can take many seconds to import a backend in several processes.
SECONDS_TO_START = 120
# The time in which the processes end that another one has left alone.
SECONDS_TO_END = 2


class Children:
    """Processes of this machine, as a context at whose end they have ended.

    Args:
        commands: for each, the module that it runs and its arguments. The module must call `end_with_parent`.
        folder: a folder for their standard error.
    """

    def __init__(self, commands: Sequence[Sequence[str]], folder: Path) -> None:
        self._commands, self._folder = commands, folder
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        # They import from where this process does.
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, sys.path))}
        for worker, command in enumerate(self._commands, start=1):
            with self._log_of(worker).open("wb") as log:
                process = subprocess.Popen(
                    [sys.executable, "-P", "-m", *command],
                    env=environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=log,
                )
            self._processes.append(process)
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        deadline = time.monotonic() + (HEARTBEAT_INTERVAL if kind is None else 0)
        for process in self._processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0, deadline - time.monotonic()))
            process.kill()
            process.communicate()

    def wait_until(self, started: Callable[[], bool]) -> None:
        """Wait until all of them have started.

        Raises:
            BackendError: one has ended, or it takes too long.
        """
        deadline = time.monotonic() + SECONDS_TO_START
        while not started():
            ended = self._ended()
            if ended or time.monotonic() > deadline:
                received = ended or f"no answer in {SECONDS_TO_START} seconds"
                msg = f"Cannot start {len(self._processes) + 1} workers. Expected: processes that run. Received: "
                raise BackendError(f"{msg}{received}.")
            time.sleep(0.02)

    def reason(self, error: Exception) -> str:
        """Return why an operation with them failed: which one has ended, or else the error."""
        deadline = time.monotonic() + SECONDS_TO_END
        # When one is killed, the others notice it, and end with a status of their own.
        while not any((process.poll() or 0) < 0 for process in self._processes) and time.monotonic() < deadline:
            time.sleep(0.02)
        return self._ended() or first_sentence(error)

    def _log_of(self, worker: int) -> Path:
        return self._folder / f"{worker}.txt"

    def _ended(self) -> str:
        """Describe a process that has ended, one that was killed before others; "" if all of them run."""
        ended = [(worker, one) for worker, one in enumerate(self._processes, start=1) if one.poll() is not None]
        for worker, process in sorted(ended, key=lambda pair: pair[1].returncode >= 0):
            status = process.returncode
            how = f"was ended by signal {-status}" if status < 0 else f"ended with the status {status}"
            lines = self._log_of(worker).read_text(encoding="utf-8", errors="replace").splitlines()
            said = f": {lines[-1]:.300}" if status > 0 and lines else ""
            return f"worker {worker} (process {process.pid}), which {how}{said}"
        return ""


def end_with_parent() -> None:
    """Leave Ctrl-C to the process that has started this one, and end when that has ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    sys.stdin.buffer.read()  # a pipe that the parent never writes to
    os._exit(1)
