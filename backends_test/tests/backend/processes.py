"""Runs Python code as a process of its own, without KERAS_BACKEND, and tells what came of it."""

from collections.abc import Callable
from typing import NamedTuple

COMMAND_LINE = "from imdb_rnn.cli import main; main()"
# Two calls in one process that need a backend, and what each gives.
TWICE = """
import imdb_rnn
for _ in range(2):
    try:
        imdb_rnn.build_model()
    except imdb_rnn.BackendError as error:
        print(error)
    else:
        import keras
        print("runs on", keras.backend.backend())
"""


class Ran(NamedTuple):
    """What a process did: its exit status, and the lines that it wrote to standard output and to standard error."""

    status: int
    output: list[str]
    said: list[str]


Run = Callable[..., Ran]


def assert_said_twice(ran: Ran, *parts: str) -> None:
    """Of `TWICE`: both calls failed by the same message, which holds these parts."""
    assert ran.status == 0
    first, second = ran.output
    assert first == second
    assert len(first) < 600
    for part in parts:
        assert part in first


def assert_one_line_for(ran: Ran, *parts: str) -> None:
    """Of a command: it failed by one line that holds these parts."""
    assert (ran.status, ran.output) == (1, [])
    (line,) = ran.said
    assert line.startswith("imdb-rnn: Cannot start Keras on ")
    assert line.count("Expected:") == 1
    for part in parts:
        assert part in line
