"""Looks at a folder of scored parts, and at the processes that write it."""

import glob
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from imdb_rnn.scoring.parts import RECORDS

_Found = TypeVar("_Found")


def bytes_in(out: Path) -> dict[str, bytes]:
    """Output -> its bytes; hidden files count as outputs, the folder of records does not."""
    return {path.name: path.read_bytes() for path in sorted(out.iterdir()) if path.name != RECORDS}


def records_in(out: Path) -> list[str]:
    """What the folder of records has."""
    return sorted(path.name for path in (out / RECORDS).iterdir())


def half_written(out: Path) -> list[Path]:
    """The files that are being written."""
    # `Path.glob` fails if a folder disappears meanwhile.
    found = map(Path, glob.glob(f"{out}/{RECORDS}/*/*.part"))  # noqa: PTH207
    return [path for path in found if path.exists() and path.stat().st_size]


def a_part_is_done_and_another_half_written(out: Path) -> Callable[[], list[Path]]:
    """A condition, which gives the files that are half written."""
    return lambda: half_written(out) if list(out.glob("part-*")) else []


def holder_of(file: Path) -> int | None:
    """The process that has a file open."""
    for opened in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if opened.readlink() == file:
                return int(opened.parts[2])
        except OSError:
            continue
    return None


def workers_at(out: Path) -> set[int]:
    """The processes that are writing."""
    return {worker for file in half_written(out) if (worker := holder_of(file))}


def wait_until(condition: Callable[[], _Found], process: subprocess.Popen[Any]) -> _Found:
    """Wait until something is found while a process runs, and return it."""
    end = time.monotonic() + 120
    while not (found := condition()):
        if process.poll() is not None or time.monotonic() > end:
            pytest.fail(f"it did not happen in time; exit status {process.poll()}")
        time.sleep(0.01)
    return found
