"""Scores parts in processes of this machine: each part as a whole, in one process.

Not by `concurrent.futures`: its processes cannot be ended in the middle of a part, and it can hang if one was killed.
"""

import multiprocessing
import signal
import sys
from collections.abc import Generator
from itertools import islice
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import cast

from imdb_rnn.errors import ReviewError
from imdb_rnn.processes import available_cores, end_with_parent, signals_put_off
from imdb_rnn.scoring.parts import PartScorer
from imdb_rnn.scoring.score import Scored

_SECONDS_TO_END = 10.0


def score(scorer: PartScorer, parts: list[Path], workers: int | None) -> Generator[Scored, None, None]:
    """Score parts.

    Args:
        scorer: the model, and where to write.
        parts: the files.
        workers: the number of processes, by default that of the cores. If there are fewer parts, the processes share
            each part.

    Yields:
        The results of the parts, as they are done.

    Raises:
        ReviewError: a part cannot be scored, or a process was killed.
    """
    workers = workers or available_cores()
    processes = min(workers, len(parts))
    if processes == 1:
        for part in parts:
            yield scorer.score(part, workers)
        return
    waiting, busy = iter(parts), {}
    # Not forked: a fork of a process with threads can hang.
    context = multiprocessing.get_context("spawn")
    started, connections = [], []
    try:
        # All are started before one is waited for, because each imports this library first.
        for _ in range(processes):
            here, there = context.Pipe()
            process = context.Process(target=_work, args=(there,))
            with signals_put_off():
                process.start()
                started.append(process)
            there.close()  # so that the end of the process is the end of what can be received
            connections.append(here)
        for here, part in zip(connections, islice(waiting, processes), strict=True):
            # Sent, not passed as an argument: `start` would block if the process ends while it receives more than a
            # pipe holds.
            _send(here, (scorer, workers // processes), part)
            _send(here, part, part)
            busy[here] = part
        while busy:
            for ready in cast("list[Connection]", wait(list(busy))):
                part = busy.pop(ready)
                result = _receive(ready, part)
                if (following := next(waiting, None)) is not None:
                    _send(ready, following, following)
                    busy[ready] = following
                yield result
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.join(_SECONDS_TO_END)
            process.kill()


def _send(connection: Connection, value: object, part: Path) -> None:
    """Send something to a process.

    Raises:
        ReviewError: the process was killed.
    """
    try:
        connection.send(value)
    except OSError as error:
        raise _killed(part) from error


def _killed(part: Path) -> ReviewError:
    return ReviewError(
        f"Cannot score {part}. Expected: a process that runs to its end. Received: one that was killed, perhaps "
        "because memory ran out. Use fewer --workers and --resume. In a script, put the call under "
        '`if __name__ == "__main__":`.'
    )


def _receive(connection: Connection, part: Path) -> Scored:
    """Return the result of a process.

    Raises:
        ReviewError: the process was killed; or whatever it has raised.
    """
    try:
        result: Scored | Exception = connection.recv()
    except (EOFError, OSError) as error:
        raise _killed(part) from error
    if isinstance(result, Exception):
        raise result
    return result


def _work(connection: Connection) -> None:
    """Receive a `PartScorer` and a number of processes, then score the parts that come, until this is terminated."""
    signal.signal(signal.SIGTERM, _end)
    end_with_parent()
    scorer, workers = connection.recv()
    while True:
        try:
            result: Scored | Exception = scorer.score(connection.recv(), workers)
        except EOFError:
            return
        except Exception as error:  # noqa: BLE001 (it is raised in the other process)
            result = error
        connection.send(result)


def _end(number: int, frame: object) -> None:
    """End at once, but remove what is half written."""
    sys.exit(1)
