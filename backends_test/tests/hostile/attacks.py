"""What a maker of hostile files hands on, and what every kind of file can be instead of a file."""

import os
import shutil
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

HUGE = 5 << 30


@dataclass(frozen=True)
class Attack:
    """A program that meets a hostile file.

    Attributes:
        arguments: of `imdb-rnn`, or of `program`.
        environment: variables that are set for it.
        program: Python, where the command line has no such command.
        expected: what it prints where the file is not refused but done without.
    """

    arguments: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    program: str = ""
    expected: str = ""

    def command(self) -> list[str]:
        """The command as the operating system takes it."""
        if self.program:
            return [sys.executable, "-c", self.program, *self.arguments]
        found = shutil.which("imdb-rnn", path=Path(sys.executable).parent)
        assert found is not None, "imdb-rnn is not installed beside this Python"
        return [found, *self.arguments]

    def variables(self, folder: Path) -> dict[str, str]:
        """The environment for it, whose caches lie in a folder."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(("IMDB_RNN_", "KERAS_"))}
        places = {"IMDB_RNN_CACHE": str(folder / "cache"), "KERAS_HOME": str(folder / "keras")}
        return {**own, **places, "OMP_NUM_THREADS": "1", **self.environment}


Maker = Callable[[Path], Attack]


def sparse(path: Path, size: int = HUGE) -> None:
    """Make a file of zeros that takes no room on the disk."""
    path.unlink(missing_ok=True)
    path.touch()
    os.truncate(path, size)


def device(path: Path) -> None:
    """Make a link to a device that never ends."""
    path.unlink(missing_ok=True)
    path.symlink_to("/dev/zero")


def pipe(path: Path) -> None:
    """Make a named pipe that nobody writes to."""
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def unix_socket(path: Path) -> None:
    """Make a socket that nobody listens to."""
    before = Path.cwd()
    os.chdir(path.parent)  # the address of a socket must be short
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(before)
