"""Which backend is fastest for a model? Times it in fresh processes, one at a time, in rounds of random order.

Drift of the machine affects all backends of a round alike, so ratios are taken round by round. Each process runs as the
program of a user who sets nothing; see `timing` for what it does.
"""

import json
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from backends_test.any_model.processes import last_line

ROUNDS = 3
RESAMPLES = 2_000
LEVEL = 0.95
# What makes a user's program use another number of threads than the backend chooses.
THREADS = (
    "MKL_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "TF_NUM_INTRAOP_THREADS",
)


def measure(
    interpreters: Mapping[str, Path],
    program: Path,
    task: Mapping[str, Any],
    *,
    device: str = "cpu",
    rounds: int = ROUNDS,
    seconds: float = 600,
    tell: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Time a model on each backend. What an interrupted run has timed is not timed again.

    Args:
        interpreters: backend -> its Python.
        program: the file that `processes.pack` has written.
        task: the fields of `participant.Task` but `do`; its folder holds what the backends are given.
        device: "cpu" or "gpu".
        rounds: how often each backend is timed.
        seconds: how long a process may take.
        tell: is told what happens, in a few words.

    Returns:
        What `summarize` returns, with `device`, `cores` and `rounds`.
    """
    failed: dict[str, str] = {}
    timed: dict[str, list[dict[str, Any]]] = {name: [] for name in interpreters}
    for number in range(rounds):
        for name in np.random.default_rng(number).permutation(list(interpreters)):
            backend = str(name)
            tell(f"time {backend}")
            path = Path(task["folder"]) / backend / f"time-{number}.json"
            if backend not in failed and not path.exists():
                command = [str(interpreters[backend]), str(program)]
                error = run(command, task, environment(backend, device), path, seconds)
                if error:
                    failed[backend] = error
            if path.exists():
                timed[backend].append(json.loads(path.read_text(encoding="utf-8")))
            tell(f"done time {backend}")
    complete = {name: found for name, found in timed.items() if name not in failed and found}
    return {"device": device, "cores": os.cpu_count(), "rounds": rounds} | summarize(complete, failed)


def run(
    command: Sequence[str], task: Mapping[str, Any], variables: Mapping[str, str], path: Path, seconds: float
) -> str:
    """Time a model in a new process.

    Args:
        command: the interpreter and the program.
        task: see `measure`.
        variables: the environment variables of the process.
        path: the file to write.
        seconds: how long it may take.

    Returns:
        Why it failed; "" if it did not.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    log = path.with_suffix(".log")
    try:
        with log.open("wb") as errors:
            completed = subprocess.run(
                command,
                input=json.dumps({**task, "do": "time"}) + "\n",
                stdout=subprocess.PIPE,
                stderr=errors,
                env=dict(variables),
                text=True,
                encoding="utf-8",
                timeout=seconds,
            )
    except subprocess.TimeoutExpired:
        return f"no answer within {seconds:.0f} seconds, the process was ended; give it more with --time-limit"
    lines = completed.stdout.splitlines()
    if not lines:
        return f"the process ended with {completed.returncode}: {last_line(log)}"
    answer = json.loads(lines[-1])
    if answer["ok"]:
        path.with_name("timed.json").replace(path)
    return "" if answer["ok"] else str(answer["error"])


def environment(backend: str, device: str) -> dict[str, str]:
    """Return the environment variables of a user who sets nothing but the backend."""
    own = {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    if device == "cpu":
        own |= {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
    return {name: value for name, value in os.environ.items() if name not in THREADS} | own


def summarize(timed: Mapping[str, Sequence[Mapping[str, Any]]], failed: Mapping[str, str]) -> dict[str, Any]:
    """Summarize what was timed.

    Args:
        timed: backend -> what `timing.measure` returned in each round.
        failed: backend -> why it could not be timed.

    Returns:
        `batch`: rows per step; `rows`: for each `quantity` its `unit`, the `fastest` backend (or the smallest) and, by
        backend, `values`, `median`, and the `ratio` to the fastest with its interval, `low` to `high`; `failed`; and
        `left_out`: backend -> what was not timed.
    """
    everything = {backend: [_values(one) for one in found] for backend, found in timed.items()}
    names = dict.fromkeys(name for found in everything.values() for name in found[0])
    rows = []
    for name in names:
        values = {
            backend: [one[name] for one in found]
            for backend, found in everything.items()
            if all(name in one for one in found)
        }
        if values:
            rows.append(_row(name, values))
    return {
        "batch": next((found[0]["batch"] for found in timed.values()), 0),
        "rows": rows,
        "failed": dict(failed),
        "left_out": {backend: found[0]["left_out"] for backend, found in timed.items() if found[0]["left_out"]},
    }


def _values(one: Mapping[str, Any]) -> dict[str, float]:
    memory = {"peak memory": float(one["memory"])} if one["memory"] else {}
    return {**one["seconds"], **memory}


def _row(name: str, values: Mapping[str, list[float]]) -> dict[str, Any]:
    medians = {backend: float(np.median(found)) for backend, found in values.items()}
    fastest = min(medians, key=lambda backend: medians[backend])
    backends = {
        backend: {"values": found, "median": medians[backend], **ratio(found, values[fastest])}
        for backend, found in values.items()
    }
    return {
        "quantity": name,
        "unit": "byte" if name == "peak memory" else "second",
        "fastest": fastest,
        "backends": backends,
    }


def ratio(one: Sequence[float], other: Sequence[float]) -> dict[str, float]:
    """Return the ratio of two backends, round by round.

    Args:
        one: a value per round, above 0.
        other: a value per round, above 0.

    Returns:
        `ratio` (the median), `low` and `high` (its bootstrap interval).
    """
    count = min(len(one), len(other))
    logs = np.log(one[:count]) - np.log(other[:count])
    medians = np.median(np.random.default_rng(0).choice(logs, (RESAMPLES, count)), axis=1)
    low, high = np.exp(np.quantile(medians, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]))
    return {"ratio": float(np.exp(np.median(logs))), "low": float(low), "high": float(high)}
