"""Runs the command line, as a process or in this one."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple


class Ran(NamedTuple):
    """What a command did: its exit status, and what it wrote to standard output and to standard error."""

    status: int
    output: str
    said: str


Run = Callable[..., Ran]
PROGRAM = "from imdb_rnn.cli import main; main()"
# A process that a shell has started in the background ignores Ctrl-C, and so do its children.
INTERRUPTIBLE = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler); {PROGRAM}"


def assert_refused(run_here: Run, saved: Path, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    """Run a command in a folder of files that it must not change; "SAVED" among the arguments is a saved folder."""
    (tmp_path / "filled").mkdir()
    (tmp_path / "filled" / "file.txt").write_text("mine", encoding="utf-8")
    (tmp_path / "prose.csv").write_text("A good film", encoding="utf-8")
    (tmp_path / "bytes.txt").write_bytes(b"good\n\ncaf\xe9\n\xe9")
    before = sorted(tmp_path.rglob("*"))
    status, output, said = run_here(*(saved if argument == "SAVED" else argument for argument in arguments))
    assert status == 1
    assert output == ""
    assert said.startswith("imdb-rnn: ")
    assert said.count("\n") == 1, said
    assert message in said
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "filled" / "file.txt").read_text(encoding="utf-8") == "mine"
