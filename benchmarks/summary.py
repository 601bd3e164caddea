"""From the raw runs to figures: medians over processes, ratios with intervals, within a run or between two."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import stdtrit

from benchmarks import store
from benchmarks.configurations import Configuration, configurations_on
from benchmarks.roofline import Machine, least_seconds, least_terms, work
from benchmarks.runner import EPOCH_BATCHES
from benchmarks.store import Process
from benchmarks.trainer import BATCH_SIZE

SCHEMA = 3
RESAMPLES = 5_000
LEVEL = 0.95
# Two runs are compared in dozens of rows, of which some would be beyond 95 % by chance.
LEVEL_BETWEEN_RUNS = 0.99
# The pair that is the same configuration twice.
CONTROL = ("jax-library", "jax-library-again")
GOAL = 0.80  # validation accuracy
GROWING = ("batch", "length", "units", "reviews")

# Configuration -> measurement -> round -> process.
Runs = Mapping[str, Mapping[str, Mapping[int, Process]]]


def read_runs(folder: Path) -> Runs:
    """Read the raw runs."""
    found: dict[str, dict[str, dict[int, Process]]] = {}
    for one in store.read(folder):
        found.setdefault(one.name, {}).setdefault(one.measurement, {})[one.round] = one
    return found


def per_round(
    runs: Runs, name: str, quantity: str, measurement: str = "steady", figure: Callable[[list[float]], Any] = np.median
) -> dict[int, float]:
    """One figure a process, by default the median of what it measured: round -> value; empty where it measured none."""
    processes = runs.get(name, {}).get(measurement, {})
    return {
        number: float(figure(process.values[quantity]))
        for number, process in sorted(processes.items())
        if quantity in process.values
    }


def ratio(one: dict[int, float], other: dict[int, float]) -> dict[str, float] | None:
    """The ratio of two configurations, round by round: the median, and a bootstrap interval of it.

    Args:
        one: round -> value.
        other: the same.

    Returns:
        `ratio`, `low` and `high`; None where they share no round.
    """
    logs = np.array([np.log(one[number] / other[number]) for number in one if number in other])
    return _with_interval(float(np.median(logs)), _resampled_medians(logs)) if len(logs) else None


def unpaired_ratio(one: dict[int, float], other: dict[int, float]) -> dict[str, float]:
    """The ratio of one configuration in two runs, whose rounds have nothing to do with each other; see `ratio`.

    Source: Welch's t interval of the means of the logarithms. Of three rounds a bootstrap would draw nothing beyond the
    least and the largest, between which the true value lies only three times in four.
    """
    logs = [np.log(list(side.values())) for side in (one, other)]
    middle = float(logs[0].mean() - logs[1].mean())
    if min(map(len, logs)) < 2:
        return {"ratio": float(np.exp(middle)), "low": 0.0, "high": float("inf")}
    parts = np.array([side.var(ddof=1) / len(side) for side in logs])
    freedom = np.array([len(side) - 1 for side in logs])
    error = float(parts.sum() ** 0.5)
    # Where nothing differs at all, any number of degrees of freedom will do.
    degrees = parts.sum() ** 2 / (parts**2 / freedom).sum() if error else 1.0
    margin = float(stdtrit(degrees, (1 + LEVEL_BETWEEN_RUNS) / 2)) * error
    return {
        "ratio": float(np.exp(middle)),
        "low": float(np.exp(middle - margin)),
        "high": float(np.exp(middle + margin)),
    }


def _resampled_medians(logs: np.ndarray) -> np.ndarray:
    return np.asarray(np.median(np.random.default_rng(0).choice(logs, (RESAMPLES, len(logs))), axis=1))


def _with_interval(middle: float, drawn: np.ndarray) -> dict[str, float]:
    low, high = np.exp(np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]))
    return {"ratio": float(np.exp(middle)), "low": float(low), "high": float(high)}


def noise_floor(runs: Runs, quantity: str = "epoch", figure: Callable[[list[float]], Any] = np.median) -> float | None:
    """How far from 1 the ratio of a configuration to itself may be, by the control; None if it was not run."""
    control = ratio(*(per_round(runs, name, quantity, figure=figure) for name in CONTROL))
    return None if control is None else max(control["high"], 1 / control["low"]) - 1


def is_same_model(runs: Runs, name: str) -> bool:
    """Whether a configuration was found to compute what the oracle does."""
    found = runs[name]["check"][0].metadata
    return bool(found["difference"] <= found["tolerance"])


def summarize(folder: Path) -> dict[str, Any]:
    """Everything that the report shows.

    Returns:
        What run.json says, and `schema`, `limit` (seconds an epoch, its terms, the work of a step), `control`,
        `noise_floor`, and `rows`: one for each configuration that was run. Times are in seconds, memory in bytes.
    """
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    runs = read_runs(folder)
    limit = _limit(Machine(**run["machine"]), run["device"]["kind"])
    control = ratio(*(per_round(runs, name, "epoch") for name in CONTROL))
    chosen = [one for one in configurations_on(run["device"]["kind"]) if "check" in runs.get(one.name, {})]
    return {
        "schema": SCHEMA,
        **run,
        "limit": limit,
        "control": control and {"pair": list(CONTROL), **control},
        "noise_floor": noise_floor(runs),
        "rows": [_row(one, runs, run["plan"], limit["epoch"], _quickest_by_hand(chosen, runs)) for one in chosen],
    }


def _limit(machine: Machine, kind: str) -> dict[str, Any]:
    """The limit of one core; a GPU's is not measured."""
    step = work()
    numbers = {"flops": step.flops, "bytes": step.bytes, "chain": step.chain}
    if kind == "gpu":
        return {"epoch": 0.0, "terms": {}, "work": numbers}
    terms = {name: EPOCH_BATCHES * seconds for name, seconds in least_terms(step, machine).items()}
    return {"epoch": EPOCH_BATCHES * least_seconds(step, machine), "terms": terms, "work": numbers}


def _quickest_by_hand(chosen: Iterable[Configuration], runs: Runs) -> dict[str, str]:
    """Framework -> its quickest hand-written loop."""
    quickest: dict[str, tuple[float, str]] = {}
    for one in chosen:
        epochs = per_round(runs, one.name, "epoch")
        if one.kind == "peer" and one.framework == one.backend and one.precision == "float32" and epochs:
            found = (float(np.median(list(epochs.values()))), one.name)
            quickest[one.framework] = min(found, quickest.get(one.framework, found))
    return {framework: name for framework, (_, name) in quickest.items()}


def _row(
    configuration: Configuration, runs: Runs, plan: dict[str, Any], limit: float, by_hand: dict[str, str]
) -> dict[str, Any]:
    name, framework = configuration.name, configuration.framework
    checked = runs[name]["check"][0].metadata
    same = is_same_model(runs, name)
    steady = runs[name].get("steady", {})
    row: dict[str, Any] = {
        "name": name,
        "framework": framework,
        "backend": configuration.backend,
        "kind": configuration.kind,
        "what": configuration.what,
        "cores": configuration.cores,
        "same_model": same,
        "expected_same_model": configuration.same_model,
        "difference": checked["difference"],
        "tolerance": checked["tolerance"],
        "path": _path(steady),
        "rounds": len(steady),
    }
    if not steady:
        return row
    scale = EPOCH_BATCHES / plan["batches"]
    epochs = per_round(runs, name, "epoch")
    step = _pooled(steady, "step")
    latency = _pooled(steady, "one review")
    middle = float(np.median(step))
    work_of_a_step = work()
    tutorial, quickest = f"{framework}-tutorial", by_hand.get(framework)
    return row | {
        **{
            key: _spread(per_round(runs, name, key.replace("_", " ")))
            for key in ("import", "data", "build", "first_step")
        },
        "epoch": _spread(epochs, scale),
        "epoch_with_pipeline": _spread(per_round(runs, name, "epoch with pipeline"), scale),
        "step": _quantiles(step) | {"p95": float(np.quantile(step, 0.95))},
        "reviews_per_second": BATCH_SIZE / middle,
        "flops_per_second": work_of_a_step.flops / middle,
        "bytes_per_second": work_of_a_step.bytes / middle,
        "to_tutorial": ratio(epochs, per_round(runs, tutorial, "epoch")) if name != tutorial else None,
        "to_native": ratio(epochs, per_round(runs, quickest, "epoch")) if quickest and name != quickest else None,
        "to_limit": scale * float(np.median(list(epochs.values()))) / limit if limit else None,
        "memory": {kind: _largest(per_round(runs, name, f"memory {kind}")) for kind in ("host", "allocator", "driver")},
        "latency": {
            "p50": float(np.quantile(latency, 0.5)),
            "p99": float(np.quantile(latency, 0.99)),
            "calls": len(latency),
        },
        "throughput": _throughput(runs, name),
        **_whole(runs[name].get("whole", {})),
        "drift": _drift(steady, scale),
        "growth": _growth(runs[name].get("growth", {})),
    }


def _path(steady: Mapping[int, Process]) -> dict[str, str]:
    """Which path ran; the same in every round, or the worker would have failed."""
    metadata = next(iter(steady.values())).metadata if steady else {}
    return {key.removeprefix("path_"): str(value) for key, value in metadata.items() if key.startswith("path_")}


def _throughput(runs: Runs, name: str) -> list[dict[str, float]]:
    """Reviews a second by how many are predicted in one call."""
    first = next(iter(runs[name]["steady"].values()))
    counts = sorted(int(key.split()[0]) for key in first.values if key.endswith(" reviews"))
    seconds = {count: per_round(runs, name, f"{count} reviews") for count in counts}
    return [
        {"batch": count, "reviews_per_second": count / float(np.median(list(found.values())))}
        for count, found in seconds.items()
    ]


def _whole(processes: Mapping[int, Process]) -> dict[str, Any]:
    """Whole runs: their seconds, when they reached the goal, and accuracy over time."""
    if not processes:
        return {"whole": None, "to_080": None, "curves": None}
    runs = [processes[number].values for number in sorted(processes)]
    phases = [key for key in runs[0] if key.startswith("phase ")]
    curves = [_curve(processes[number]) for number in sorted(processes)]
    reached = [next((p["seconds"] for p in curve if p["accuracy"] >= GOAL), None) for curve in curves]
    seconds = {i: found for i, found in enumerate(reached) if found is not None}
    shell = {i: run["shell"][0] for i, run in enumerate(runs) if "shell" in run}
    return {
        "whole": {
            "runs": len(runs),
            "seconds": _spread({i: run["whole"][0] for i, run in enumerate(runs)}),
            "phases": {key.removeprefix("phase "): float(np.median([run[key][0] for run in runs])) for key in phases},
            "shell": _spread(shell) if shell else None,
        },
        "to_080": {"reached": len(seconds), "runs": len(runs), "seconds": _spread(seconds) if seconds else None},
        "curves": curves,
    }


def _curve(process: Process) -> list[dict[str, float]]:
    """Validation accuracy after each epoch, by the clock of the whole run."""
    count = sum(key.startswith("accuracy_") for key in process.metadata)
    return [
        {"seconds": process.values[f"epoch {i}"][0], "accuracy": float(process.metadata[f"accuracy_{i}"])}
        for i in range(1, count + 1)
    ]


def _drift(steady: Mapping[int, Process], scale: float) -> list[dict[str, float]]:
    """Each process's epoch, by its place in the order of the run."""
    found = [
        {
            "position": one.metadata["position"],
            "round": one.round,
            "seconds": scale * float(np.median(one.values["epoch"])),
        }
        for one in steady.values()
    ]
    return sorted(found, key=lambda point: point["position"])


def _growth(processes: Mapping[int, Process]) -> dict[str, list[dict[str, float]]] | None:
    """What grows -> points: seconds of a step, or of an epoch where the corpus grows."""
    if not processes:
        return None
    (process,) = processes.values()
    found: dict[str, list[dict[str, float]]] = {name: [] for name in GROWING}
    for quantity, (seconds,) in process.values.items():
        name, _, value = quantity.partition(" ")
        if name in found:
            reviews = int(value) if name in ("batch", "reviews") else BATCH_SIZE
            point = {"value": int(value), "seconds": seconds, "reviews_per_second": reviews / seconds}
            found[name].append(point)
    return found


def _pooled(processes: Mapping[int, Process], quantity: str) -> np.ndarray:
    return np.concatenate([process.values[quantity] for process in processes.values()])


def _spread(values: dict[int, float], scale: float = 1.0) -> dict[str, float]:
    """The median of processes, and the quartiles."""
    return _quantiles(scale * np.array(list(values.values())))


def _quantiles(values: np.ndarray) -> dict[str, float]:
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return {"median": float(middle), "low": float(low), "high": float(high)}


def _largest(values: dict[int, float]) -> float | None:
    return max(values.values(), default=None)
