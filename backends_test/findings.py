"""Runs the programs of docs/keras-findings.md and keeps how each of them ends.

    KERAS_BACKEND=jax python -P -m backends_test.findings FOLDER    runs them under one backend, a file in FOLDER
    python -P -m backends_test.findings FOLDER --compare            are they those that are committed?
    python -P -m backends_test.findings FOLDER --publish            results/keras-findings.json from all files

Run by `tox -e findings`, in the environments of all backends.
"""

import hashlib
import json
import multiprocessing
import os
import re
import runpy
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from backends_test.environments import ROOT
from backends_test.pages import write_json
from imdb_rnn.backends import PREDICTING_BACKENDS, TRAINING_BACKENDS, backend_name

PAGE = ROOT / "docs" / "keras-findings.md"
RESULTS = ROOT / "backends_test" / "results" / "keras-findings.json"
SECTION = re.compile(
    r"(?s)(?P<title>[^\n]+)\n\nHolds under: (?P<holds>[a-z, ]+)\. Fails under: (?P<fails>[a-z, ]+) "
    r"\((?P<exception>\w+)\)\.\n\n.+\n\n```python\n(?P<program>.+)```\n\nWhat this project does: .+"
)
# A program that runs longer hangs.
LONGEST_SECONDS = 300


class Finding(NamedTuple):
    """A section of the page.

    Attributes:
        title: its heading.
        slug: the anchor of the heading.
        holds: the backends on which the program ends without an error.
        fails: the backends on which it ends with an exception.
        exception: the name of that exception.
        program: Python source.
    """

    title: str
    slug: str
    holds: tuple[str, ...]
    fails: tuple[str, ...]
    exception: str
    program: str

    @property
    def digest(self) -> str:
        """SHA-256 of the program."""
        return hashlib.sha256(self.program.encode()).hexdigest()

    def expected_end(self, backend: str) -> str:
        """Return how the program ends on a backend: "" without an error, or the name of an exception."""
        return self.exception if backend in self.fails else ""


def sections() -> list[str]:
    """Return the head of the page and its sections."""
    return PAGE.read_text(encoding="utf-8").split("\n## ")


def parse(section: str) -> Finding:
    """Read a section.

    Raises:
        ValueError: it has another form than the others.
    """
    match = SECTION.fullmatch(section.rstrip())
    if match is None:
        msg = f"a section that is not of the form of the others: {section:.200}"
        raise ValueError(msg)
    parts = match.groupdict()
    slug = re.sub(r"[^\w -]", "", parts["title"].lower()).replace(" ", "-")
    holds, fails = (tuple(name for name in parts[kind].split(", ") if name != "none") for kind in ("holds", "fails"))
    return Finding(parts["title"], slug, holds, fails, parts["exception"], parts["program"])


def findings() -> list[Finding]:
    """Return all findings of the page."""
    return [parse(section) for section in sections()[1:]]


def end_of(program: str) -> str:
    """Run a program in a process of its own and return the name of the exception that ends it; "" if there is none.

    The process is forked from one that has imported Keras under the running backend and has done nothing else, because
    the import takes longer than most programs.
    """
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["keras"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "program.py"
        path.write_text(program, encoding="utf-8")
        receiver, sender = processes.Pipe(duplex=False)
        process = processes.Process(target=run, args=(path, sender))
        process.start()
        sender.close()
        try:
            end = str(receiver.recv()) if receiver.poll(LONGEST_SECONDS) else f"still runs after {LONGEST_SECONDS} s"
        except EOFError:
            process.join()
            end = f"exit {process.exitcode}"
        process.kill()
        process.join()
    return end


def run(path: Path, sender: Connection) -> None:
    """Run a program in its folder, without output, and send the name of the exception that ends it, or ""."""
    os.chdir(path.parent)
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, sys.stdout.fileno())
    os.dup2(silent, sys.stderr.fileno())
    try:
        runpy.run_path(str(path), run_name="__main__")
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001 (each program raises another)
        sender.send(type(error).__name__)
    else:
        sender.send("")


def run_all(folder: Path) -> None:
    """Run the programs that concern the running backend, two at a time, and write how they end."""
    backend = backend_name()
    concerned = [one for one in findings() if backend in (*one.holds, *one.fails)]
    with ThreadPoolExecutor(2) as pool:
        ends = list(pool.map(end_of, (one.program for one in concerned)))
    results: dict[str, Any] = {
        "keras": version("keras"),
        "ends": {one.slug: {"program": one.digest, "end": end} for one, end in zip(concerned, ends, strict=True)},
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / f"{backend}.json", results)
    for one, end in zip(concerned, ends, strict=True):
        if end != one.expected_end(backend):
            msg = f"{one.title}, under {backend}: expected {one.expected_end(backend)!r}, received {end!r}"
            raise SystemExit(msg)


def gather(folder: Path) -> dict[str, Any]:
    """Read how the programs ended under all backends."""
    backends = (*TRAINING_BACKENDS, *PREDICTING_BACKENDS)
    return {name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in backends}


def compare(folder: Path) -> None:
    """Exit with a message if the programs ended in another way than the committed file says."""
    committed, ended = json.loads(RESULTS.read_text(encoding="utf-8")), gather(folder)
    for name, result in ended.items():
        if result["ends"] != committed[name]["ends"]:
            msg = f"The programs end in another way under {name}. Renew what is committed: tox -e findings -- --publish"
            raise SystemExit(msg)


if __name__ == "__main__":
    place = Path(sys.argv[1])
    if "--publish" in sys.argv:
        write_json(RESULTS, gather(place))
    elif "--compare" in sys.argv:
        compare(place)
    else:
        run_all(place)
