"""Kills trainings at random moments, resumes each, and compares the result with that of an uninterrupted training."""

import hashlib
import json
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from backends_test.reliability.training import ENDS, RECIPE
from imdb_rnn.backends import backend_name, load_backend
from imdb_rnn.inference.bundle import (
    CONFIG_FILE,
    HISTORY_FILE,
    LOCK_FILE,
    MANIFEST_FILE,
    MODEL_FILE,
    STATE_FILE,
    read_bundle,
    read_part,
)

SEED = 20_261_126
# One moment in so many is followed by another one in the training that goes on.
TWICE = 5
PROGRAM = [sys.executable, "-m", "backends_test.reliability.training"]

# What a training was doing when it was killed, as its folder shows.
BEFORE = "before its first file"
EPOCH = "in an epoch"
WRITING = "while it wrote a file"
ENDING = "after its last epoch"
AFTER = "after its last file"
PHASES = (BEFORE, EPOCH, WRITING, ENDING, AFTER)


def measure(folder: Path, count: int, target: Path) -> None:
    """Kill and resume trainings on the current backend, and write a record of each at once.

    Args:
        folder: a folder for the models, which is emptied.
        count: the number of moments in the file when all is done.
        target: a JSON file. Moments that it already holds are not tried again.

    Raises:
        RuntimeError: a training fails, or the file comes from another uninterrupted training.
    """
    # The first training also fills the cache of what JAX compiles, and is the second one to be equal to.
    _uninterrupted(folder / "first")
    seconds = _uninterrupted(folder / "whole")
    whole = content(folder / "whole")
    if content(folder / "first") != whole:
        msg = "Cannot compare. Expected: two uninterrupted trainings with one result. Received: two results."
        raise RuntimeError(msg)
    record = _first_record(whole, seconds)
    if target.exists():
        kept = json.loads(target.read_text(encoding="utf-8"))
        if kept["result"] != record["result"]:
            msg = f"Cannot go on with {target}. Expected: moments of the same training. Received: another result."
            raise RuntimeError(msg)
        record = kept
    for number in range(len(record["moments"]), count):
        record["moments"].append(_try_moment(folder / "killed", number, seconds, whole))
        target.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        moment = record["moments"][-1]
        print(f"{number + 1} of {count}: {moment['phase']}, equal: {moment['equal']}", file=sys.stderr, flush=True)


def content(folder: Path) -> dict[str, Any]:
    """Return what a training has saved, but for when and how long.

    Args:
        folder: the folder of a complete training.

    Returns:
        The bytes of the weights and of the optimizer, the bytes of the settings, the history, the manifest without
        its seconds, and the names of the files.
    """
    bundle = read_bundle(folder)
    with zipfile.ZipFile(folder / MODEL_FILE) as archive:
        stored = archive.read("model.weights.h5")
    return {
        "weights": [array.tobytes() for array in bundle.weights],
        "model": stored,
        "settings": (folder / CONFIG_FILE).read_bytes(),
        "history": read_part(folder, HISTORY_FILE),
        "manifest": {name: value for name, value in bundle.manifest.to_json().items() if name != "seconds"},
        "files": sorted(file.name for file in folder.iterdir()),
    }


def phase_of(folder: Path) -> str:
    """Return what a killed training was doing: one of `PHASES`."""
    names = {file.name for file in folder.iterdir()} - {LOCK_FILE} if folder.exists() else set()
    if STATE_FILE not in names:
        return AFTER if MANIFEST_FILE in names else BEFORE
    manifest = json.loads((folder / MANIFEST_FILE).read_bytes()) if MANIFEST_FILE in names else {}
    # Temporary names begin with a dot, and a manifest describes two states while files are replaced.
    if "previous" in manifest or any(name.startswith(".") for name in names):
        return WRITING
    with np.load(folder / STATE_FILE) as state:
        facts = json.loads(state["facts"].tobytes())
    return ENDING if facts["stopped"] or facts["epochs"] == RECIPE.epochs else EPOCH


def _first_record(whole: Mapping[str, Any], length: float) -> dict[str, Any]:
    manifest = whole["manifest"]
    backend = backend_name()
    digest = hashlib.sha256(whole["model"] + json.dumps([whole["history"], manifest], sort_keys=True).encode())
    return {
        "backend": backend,
        "device": load_backend().device(),
        "versions": {
            "python": platform.python_version(),
            "keras": version("keras"),
            backend: load_backend().version(),
        },
        "result": digest.hexdigest(),
        "epochs": manifest["epochs"],
        "best_epoch": manifest["best_epoch"],
        "seconds": round(length, 2),
        "moments": [],
    }


def _try_moment(folder: Path, number: int, length: float, whole: Mapping[str, Any]) -> dict[str, Any]:
    """Kill a training once or twice, let it go on to its end, and compare."""
    begin = time.monotonic()
    random = np.random.default_rng([SEED, number])
    shutil.rmtree(folder, ignore_errors=True)
    while (seconds := _killed_after(folder, float(random.uniform(0, length)))) is None:
        # It had ended before.
        shutil.rmtree(folder)
    moment = {"number": number + 1, "seconds": seconds, "phase": phase_of(folder)}
    if number % TWICE == 0:
        # None: what was left of the training took less time.
        moment["again"] = _killed_after(folder, float(random.uniform(0, length - seconds)))
    _run_to_end(folder)
    different = [name for name, value in content(folder).items() if value != whole[name]]
    return moment | {"equal": not different, "different": different, "took": round(time.monotonic() - begin, 1)}


def _killed_after(folder: Path, seconds: float) -> float | None:
    """Start a training and kill it some seconds after it has begun; None if it has ended before."""
    process = _begun(folder)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    output, errors = process.communicate(timeout=60)
    if ENDS in output:
        return None
    _check(process, -signal.SIGKILL, errors)
    return round(seconds, 3)


def _run_to_end(folder: Path) -> float:
    """Start a training, wait for its end, and return how many seconds it took."""
    process = _begun(folder)
    begin = time.monotonic()
    output = "" if process.stdout is None else process.stdout.readline()
    seconds = time.monotonic() - begin
    errors = process.communicate(timeout=600)[1]
    _check(process, 0, f"{output}{errors}")
    return seconds


def _uninterrupted(folder: Path) -> float:
    shutil.rmtree(folder, ignore_errors=True)
    return _run_to_end(folder)


def _begun(folder: Path) -> subprocess.Popen[str]:
    """Start a training, and return when it begins."""
    process = subprocess.Popen([*PROGRAM, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if process.stdout is None or not process.stdout.readline():
        _check(process, None, process.communicate(timeout=60)[1])
    return process


def _check(process: subprocess.Popen[str], status: int | None, said: str) -> None:
    if process.returncode != status:
        msg = f"A training failed with status {process.returncode}: {said}"
        raise RuntimeError(msg)


def run(out: Path, count: int) -> None:
    """Measure the moments of the current backend, in a folder that is removed.

    Args:
        out: the folder of the record.
        count: the number of moments.
    """
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), count, out / f"moments-{backend_name()}.json")
