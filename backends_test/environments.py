"""The tox environments: one per backend, each with an interpreter of its own."""

import os
import subprocess
import sys
from pathlib import Path

from imdb_rnn.backends.table import TABLE

ROOT = Path(__file__).parents[1]
# Participant of the comparison -> title.
TITLES = {"oracle": "oracle"} | {name: backend.title for name, backend in TABLE.items()}


def python_of(backend: str) -> Path:
    """Return the interpreter of a backend's environment.

    Raises:
        FileNotFoundError: the environment does not exist.
    """
    environment = TABLE[backend].environment
    scripts, name = ("Scripts", "python.exe") if sys.platform == "win32" else ("bin", "python")
    path = ROOT / ".tox" / environment / scripts / name
    if not path.exists():
        msg = f"No environment for {backend}. Expected: {path.relative_to(ROOT)}. Run first: tox -e {environment}"
        raise FileNotFoundError(msg)
    return path


def run_under(backend: str, *arguments: str | Path) -> None:
    """Run Python in a backend's environment. Its standard output is shown, its standard error only if it fails.

    Args:
        backend: the value of `KERAS_BACKEND`.
        *arguments: the arguments of the interpreter.

    Raises:
        FileNotFoundError: the environment does not exist.
        subprocess.CalledProcessError: the program fails.
    """
    variables = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "2"}
    completed = subprocess.run([python_of(backend), *arguments], stderr=subprocess.PIPE, text=True, env=variables)
    if completed.returncode:
        sys.stderr.write(completed.stderr)
    completed.check_returncode()
