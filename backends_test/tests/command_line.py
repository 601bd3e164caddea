"""Runs the command line, as a process or in this one."""

from collections.abc import Callable
from typing import NamedTuple


class Ran(NamedTuple):
    """What a command did: its exit status, and what it wrote to standard output and to standard error."""

    status: int
    output: str
    said: str


Run = Callable[..., Ran]
PROGRAM = "from imdb_rnn.cli import main; main()"
