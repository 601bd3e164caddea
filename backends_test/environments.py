"""The tox environments, one backend each: where they are, and how a program runs in one of them."""

import os
import subprocess
import sys
from pathlib import Path

from imdb_rnn.backends.table import TABLE

ROOT = Path(__file__).parents[1]
# Participant -> title.
TITLES = {"oracle": "oracle"} | {name: backend.title for name, backend in TABLE.items()}


def python_of(backend: str) -> Path:
    """The interpreter of a backend's environment.

    Raises:
        FileNotFoundError: the environment has not been made.
    """
    environment = TABLE[backend].environment
    scripts, name = ("Scripts", "python.exe") if sys.platform == "win32" else ("bin", "python")
    path = ROOT / ".tox" / environment / scripts / name
    if not path.exists():
        msg = f"No environment for {backend}. Expected: {path.relative_to(ROOT)}. Run first: tox -e {environment}"
        raise FileNotFoundError(msg)
    return path


def run_under(backend: str, *arguments: str | Path) -> None:
    """Run a Python program in a backend's environment, its standard output with ours, its errors only if it fails.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    variables = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "2"}
    completed = subprocess.run([python_of(backend), *arguments], stderr=subprocess.PIPE, text=True, env=variables)
    if completed.returncode:
        sys.stderr.write(completed.stderr)
    completed.check_returncode()
