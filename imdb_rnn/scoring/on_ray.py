"""Scores parts on Ray Data: on the cluster that RAY_ADDRESS names, and otherwise on this machine.

Ray decides where workers run, starts new ones in place of those that were killed, and gives them the same part again.
What it decides is not known here: a part that is done twice is harmless, as `imdb_rnn.scoring.parts` says.
"""

import logging
import os
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Generator, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from imdb_rnn.errors import ImdbRnnError, MissingPackageError, ReviewError
from imdb_rnn.inference.classifier import Words
from imdb_rnn.scoring.parts import PartScorer
from imdb_rnn.scoring.score import NOTHING, Scored

_NO_RAY = 'Cannot score on Ray. Expected: Ray Data. Received: {}. Run: pip install "imdb_rnn[ray]"'
# A worker may be killed because its machine is taken away. A part whose workers all end, perhaps because
# memory runs out, is not tried for ever.
_RETRIES = 3
_SECONDS_TO_CONNECT, _SECONDS_TO_ANSWER = 10, 30
# With this a client of HTTP/2 begins, and the first frame of the server is of this type (RFC 9113, 3.4 and 6.5).
_HTTP2_PREFACE, _SETTINGS = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0", 4
_SECONDS_TO_END = 1.0


def score(scorer: PartScorer, parts: list[Path], workers: int | None) -> Generator[Scored, None, None]:
    """Score parts.

    Args:
        scorer: the model, and where to write.
        parts: the files.
        workers: the number of workers, with one core each; by default as many as the cluster has room for.

    Yields:
        The results of the parts, as they are done.

    Raises:
        MissingPackageError: Ray is not installed.
        ReviewError: the cluster cannot be reached, or a part cannot be scored.
    """
    try:  # here, not in the generator, so that a missing package is reported before the folder is made
        import ray.data  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingPackageError(_NO_RAY.format(error)) from error
    return _score(scorer, parts, workers)


def _score(scorer: PartScorer, parts: list[Path], workers: int | None) -> Generator[Scored, None, None]:
    import ray

    with _connected():
        try:
            with redirect_stdout(sys.stderr):
                results = _dataset(scorer, parts, workers)
            with _rows_of(results) as rows:
                for row in rows:
                    if row["error"]:
                        raise ReviewError(row["error"])
                    yield Scored(row["rows"], row["unscored"], Words(row["words"], row["known"]))
        except ray.exceptions.RayError as error:
            msg = (
                f"Cannot score on Ray. Expected: workers that run to their end. Received: {_first_line(error)} What is "
                "done is kept. To resume, run the same command with --resume."
            )
            raise ReviewError(msg) from error


def _dataset(scorer: PartScorer, parts: list[Path], workers: int | None) -> Any:
    """Return a dataset with a row for each part, which scores the parts when its rows are read."""
    import ray

    # As many as there is room for now, and more if the cluster grows.
    room = workers or max(int(ray.cluster_resources().get("CPU", 1)), 1)
    most = min(workers or len(parts), len(parts))
    pool = ray.data.ActorPoolStrategy(min_size=1, max_size=most, initial_size=min(room, most))
    given = ray.data.from_items([{"part": str(part)} for part in parts], override_num_blocks=len(parts))
    # A new worker starts in place of one that was killed; Ray Data sees to that.
    retries = {"max_task_retries": _RETRIES}
    shared = ray.put(scorer)
    with warnings.catch_warnings():
        # `map` has no other way to set `max_task_retries` before Ray 2.64.
        warnings.filterwarnings("ignore", "`ray_remote_args_fn` is deprecated")
        return given.map(
            _Worker,
            fn_constructor_args=[[shared]],
            compute=pool,
            num_cpus=1,
            ray_remote_args_fn=lambda: retries,
        )


@contextmanager
def _rows_of(results: Any) -> Iterator[Iterator[dict[str, Any]]]:
    """Give the rows of a dataset. At the end of the block, wait for the threads that have fetched them.

    If one of them still lets go of a row when Ray is shut down, Ray ends this process without a word.
    """
    before = {*threading.enumerate()}
    rows = iter(results.iter_rows())
    try:
        yield _printing_to_stderr(rows)
    finally:
        with redirect_stdout(None):  # Ray tells of the parts that are given up
            rows.close()
            for thread in {*threading.enumerate()} - before:
                thread.join(_SECONDS_TO_END)  # one of them may never end, but holds nothing


def _printing_to_stderr(rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield rows. What Ray prints while one is awaited, such as of killed workers, goes to standard error."""
    while True:
        # Not around the `yield`, where the caller may print.
        with redirect_stdout(sys.stderr):
            row = next(rows, None)
        if row is None:
            return
        yield row


class _Worker:
    """A worker: it has the model once, and scores one part after the other.

    Args:
        shared: a reference to the `PartScorer`, in a list, because Ray replaces one that stands alone. A worker that
            starts later gets it from the same place.
    """

    def __init__(self, shared: list[Any]) -> None:
        import ray

        self._scorer: PartScorer = ray.get(shared[0])

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        scored, problem = NOTHING, ""
        try:
            scored = self._scorer.score(Path(row["part"]))
        except ImdbRnnError as error:  # not raised, because Ray would add the places in its own code
            host = socket.gethostname()
            problem = f"{error} (on {host})"
            if not (Path(row["part"]).exists() and self._scorer.out.is_dir()):
                problem = f"{error} Machine {host} does not find it: all machines must see the files at the same paths."
        return {
            "rows": scored.rows,
            "unscored": scored.unscored,
            "words": scored.words.all,
            "known": scored.words.known,
            "error": problem,
        }


def _check_address() -> None:
    """Raise `ReviewError` if Ray does not listen at RAY_ADDRESS, for which it would wait for minutes."""
    address = os.environ.get("RAY_ADDRESS", "")
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():  # "auto", "local" or ""
        return
    try:
        with socket.create_connection((host.strip("[]"), int(port)), _SECONDS_TO_CONNECT) as connection:
            if os.environ.get("RAY_USE_TLS", "0") == "0":
                _check_answer(connection)
    except (OSError, OverflowError, UnicodeError) as error:  # the last for a host such as a..b
        msg = f"Cannot reach the cluster. Expected: one at RAY_ADDRESS={address}. Received: {error}."
        raise ReviewError(f"{msg} For one on this machine, set RAY_ADDRESS=local.") from error


def _check_answer(connection: socket.socket) -> None:
    """Raise `OSError` unless a server of gRPC, as Ray is, answers a connection."""
    connection.settimeout(_SECONDS_TO_ANSWER)
    connection.sendall(_HTTP2_PREFACE)
    with connection.makefile("rb") as answer:
        frame = answer.read(9)
    if frame[3:4] != bytes([_SETTINGS]):
        msg = f"an answer that is not Ray's: {frame!r}"
        raise ConnectionError(msg)


@contextmanager
def _connected() -> Iterator[None]:
    """Be connected with a cluster, as the caller is already, or as Ray chooses.

    Raises:
        ReviewError: the cluster that RAY_ADDRESS names cannot be reached.
    """
    import ray

    if ray.is_initialized():
        yield
        return
    _check_address()
    # What a program on this machine counts and sends to Ray's makers is the user's decision.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Messages of the part of Ray that is written in C++, such as on each worker that can be started again.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    on_sigterm = signal.getsignal(signal.SIGTERM)
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    try:
        with warnings.catch_warnings(action="ignore"), _no_output_of_libraries():
            ray.init(log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError) as error:
        address = os.environ.get("RAY_ADDRESS", "")
        msg = f"Cannot reach the cluster. Expected: one at RAY_ADDRESS={address}. Received: {_first_line(error)} "
        raise ReviewError(f"{msg}For one on this machine, set RAY_ADDRESS=local.") from error
    finally:
        # Ray has replaced what was to be done at SIGTERM.
        if on_sigterm is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, on_sigterm)
    try:
        yield
    finally:
        with redirect_stdout(None):
            ray.shutdown()


@contextmanager
def _no_output_of_libraries() -> Iterator[None]:
    """Discard what is written to the standard error of the process, which Python cannot silence otherwise."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
