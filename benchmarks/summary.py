"""Summarizes the raw measurements: medians over processes, and ratios with intervals, within a run or between two."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import stdtrit

from benchmarks import store
from benchmarks.configurations import Configuration, configurations_on
from benchmarks.plan import EPOCH_BATCHES
from benchmarks.roofline import Machine, least_seconds, least_terms, work
from benchmarks.store import Measurement, MeasurementKind
from benchmarks.trainer import BATCH_SIZE

SCHEMA = 5
RESAMPLES = 5_000
LEVEL = 0.95
# Two runs are compared in dozens of rows; at 95 %, some would differ by chance.
LEVEL_BETWEEN_RUNS = 0.99
# Two names of the same configuration.
CONTROL = ("jax-library", "jax-library-again")
GOAL = 0.80  # validation accuracy
SCALED = ("batch", "length", "units", "reviews")

# Round -> measurement.
Rounds = Mapping[int, Measurement]
# Configuration -> kind of measurement -> rounds.
Runs = Mapping[str, Mapping[str, Rounds]]


def read_runs(folder: Path) -> Runs:
    """Read the raw measurements."""
    runs: dict[str, dict[str, dict[int, Measurement]]] = {}
    for one in store.read(folder):
        runs.setdefault(one.configuration, {}).setdefault(one.kind, {})[one.round] = one
    return runs


def per_round(
    runs: Runs,
    name: str,
    quantity: str,
    kind: MeasurementKind = "steady",
    statistic: Callable[[list[float]], Any] = np.median,
) -> dict[int, float]:
    """Reduce the values of a quantity to one value per process.

    Returns:
        Round -> value; empty if the quantity was not measured.
    """
    rounds = runs.get(name, {}).get(kind, {})
    return {
        number: float(statistic(one.values[quantity]))
        for number, one in sorted(rounds.items())
        if quantity in one.values
    }


def ratio(one: dict[int, float], other: dict[int, float]) -> dict[str, float] | None:
    """Compute the ratio of two configurations of a run, round by round.

    Args:
        one: round -> value.
        other: round -> value.

    Returns:
        `ratio` (the median), `low` and `high` (its bootstrap interval); None if they have no round in common.
    """
    logs = np.array([np.log(one[number] / other[number]) for number in one if number in other])
    if not len(logs):
        return None
    medians = np.median(np.random.default_rng(0).choice(logs, (RESAMPLES, len(logs))), axis=1)
    low, high = np.exp(np.quantile(medians, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]))
    return {"ratio": float(np.exp(np.median(logs))), "low": float(low), "high": float(high)}


def unpaired_ratio(one: dict[int, float], other: dict[int, float]) -> dict[str, float]:
    """Compute the ratio of a configuration in two runs, whose rounds are independent; see `ratio`.

    Source: Welch's t interval of the means of the logarithms. The bootstrap of three rounds would never leave the range
    from the smallest to the largest, which holds the true value only three times in four.
    """
    logs = [np.log(list(values.values())) for values in (one, other)]
    middle = float(logs[0].mean() - logs[1].mean())
    if min(map(len, logs)) < 2:
        return {"ratio": float(np.exp(middle)), "low": 0.0, "high": float("inf")}
    parts = np.array([values.var(ddof=1) / len(values) for values in logs])
    freedom = np.array([len(values) - 1 for values in logs])
    error = float(parts.sum() ** 0.5)
    # Without any variance, the number of degrees of freedom does not matter.
    degrees = parts.sum() ** 2 / (parts**2 / freedom).sum() if error else 1.0
    margin = float(stdtrit(degrees, (1 + LEVEL_BETWEEN_RUNS) / 2)) * error
    return {
        "ratio": float(np.exp(middle)),
        "low": float(np.exp(middle - margin)),
        "high": float(np.exp(middle + margin)),
    }


def noise_floor(
    runs: Runs, quantity: str = "epoch", statistic: Callable[[list[float]], Any] = np.median
) -> float | None:
    """Return how far the ratio of a configuration to itself may be from 1; None if the control was not run."""
    control = ratio(*(per_round(runs, name, quantity, statistic=statistic) for name in CONTROL))
    return None if control is None else max(control["high"], 1 / control["low"]) - 1


def summarize(folder: Path) -> dict[str, Any]:
    """Summarize a run for its report.

    Args:
        folder: the folder of the run.

    Returns:
        The content of run.json, and `schema`, `limit` (seconds per epoch, its terms, the work of a step), `control`,
        `noise_floor`, and `rows`, one per configuration. Times are in seconds, memory in bytes.
    """
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    runs = read_runs(folder)
    limit = _limit(Machine(**run["machine"]), run["device"]["kind"])
    control = ratio(*(per_round(runs, name, "epoch") for name in CONTROL))
    configurations = [one for one in configurations_on(run["device"]["kind"]) if "check" in runs.get(one.name, {})]
    loops = _fastest_loops(configurations, runs)
    scale = EPOCH_BATCHES / run["plan"]["batches"]
    rows = []
    for one in configurations:
        row = _description(one, runs)
        if row["rounds"]:
            row |= _steady_state(one, runs, scale, limit["epoch"])
            row |= _ratios(one, runs, loops.get(one.framework))
            row |= _whole_runs(runs[one.name].get("whole", {}))
            row["scaling"] = _scaling(runs[one.name].get("scaling", {}))
        rows.append(row)
    # Fewer rounds than planned are those of a run that was stopped.
    if stopped := min((row["rounds"] for row in rows if row["rounds"]), default=0):
        missing = run["plan"]["rounds"] - stopped
        run["left_out"] |= {f"{missing} of {run['plan']['rounds']} rounds": "the run was stopped"} if missing else {}
        run["plan"]["rounds"] = stopped
    return {
        "schema": SCHEMA,
        **run,
        "limit": limit,
        "control": control and {"pair": list(CONTROL), **control},
        "noise_floor": noise_floor(runs),
        "rows": rows,
    }


def _limit(machine: Machine, kind: str) -> dict[str, Any]:
    """The limit of one core; that of a GPU is not measured."""
    step = work()
    numbers = {"flops": step.flops, "bytes": step.bytes, "chain": step.chain}
    if kind == "gpu":
        return {"epoch": 0.0, "terms": {}, "work": numbers}
    terms = {name: EPOCH_BATCHES * seconds for name, seconds in least_terms(step, machine).items()}
    return {"epoch": EPOCH_BATCHES * least_seconds(step, machine), "terms": terms, "work": numbers}


def _fastest_loops(configurations: Iterable[Configuration], runs: Runs) -> dict[str, str]:
    """The fastest hand-written loop of each framework that has an environment of its own."""
    fastest: dict[str, tuple[float, str]] = {}
    for one in configurations:
        epochs = per_round(runs, one.name, "epoch")
        if one.kind == "baseline" and one.framework == one.backend and one.precision == "float32" and epochs:
            candidate = (float(np.median(list(epochs.values()))), one.name)
            fastest[one.framework] = min(candidate, fastest.get(one.framework, candidate))
    return {framework: name for framework, (_, name) in fastest.items()}


def _description(configuration: Configuration, runs: Runs) -> dict[str, Any]:
    """What a configuration is, and the result of its check."""
    check = runs[configuration.name]["check"][0].metadata
    steady = runs[configuration.name].get("steady", {})
    return {
        "name": configuration.name,
        "framework": configuration.framework,
        "backend": configuration.backend,
        "kind": configuration.kind,
        "description": configuration.description,
        "cores": configuration.cores,
        "same_model": bool(check["difference"] <= check["tolerance"]),
        "expected_same_model": configuration.same_model,
        "difference": check["difference"],
        "tolerance": check["tolerance"],
        "path": _path(steady),
        "rounds": len(steady),
    }


def _path(steady: Rounds) -> dict[str, str]:
    """The execution path, which is the same in every round, because the worker fails otherwise."""
    metadata = next(iter(steady.values())).metadata if steady else {}
    return {key.removeprefix("path_"): str(value) for key, value in metadata.items() if key.startswith("path_")}


def _steady_state(configuration: Configuration, runs: Runs, scale: float, limit: float) -> dict[str, Any]:
    """Times before, during and after training, memory, and the drift of the epochs."""
    name, steady = configuration.name, runs[configuration.name]["steady"]
    epochs = per_round(runs, name, "epoch")
    steps, latency = _pooled(steady, "step"), _pooled(steady, "one review")
    middle = float(np.median(steps))
    drift = [
        {
            "position": one.metadata["position"],
            "round": one.round,
            "seconds": scale * float(np.median(one.values["epoch"])),
        }
        for one in steady.values()
    ]
    return {
        **{
            key: _spread(per_round(runs, name, key.replace("_", " ")))
            for key in ("import", "data", "build", "first_step")
        },
        "epoch": _spread(epochs, scale),
        "epoch_with_pipeline": _spread(per_round(runs, name, "epoch with pipeline"), scale),
        "step": _quartiles(steps) | {"p95": float(np.quantile(steps, 0.95))},
        "reviews_per_second": BATCH_SIZE / middle,
        "flops_per_second": work().flops / middle,
        "bytes_per_second": work().bytes / middle,
        "to_limit": scale * float(np.median(list(epochs.values()))) / limit if limit else None,
        "memory": {
            kind: max(per_round(runs, name, f"memory {kind}").values(), default=None)
            for kind in ("host", "allocator", "driver")
        },
        "latency": {
            "p50": float(np.quantile(latency, 0.5)),
            "p99": float(np.quantile(latency, 0.99)),
            "calls": len(latency),
        },
        "throughput": _throughput(runs, name),
        "drift": sorted(drift, key=lambda point: point["position"]),
    }


def _ratios(configuration: Configuration, runs: Runs, loop: str | None) -> dict[str, Any]:
    """Ratios of epochs: to the tutorial in the same conditions, to the fastest hand-written loop, to being alone."""
    epochs = per_round(runs, configuration.name, "epoch")
    pinned, busy = configuration.cores == "one", configuration.cores == "busy"
    conditions = {"one": "", "all": "-all-cores", "busy": "-busy"}[configuration.cores]
    others = {
        "to_tutorial": f"{configuration.framework}-tutorial{conditions}",
        "to_loop": loop if pinned else None,
        "to_alone": configuration.name.replace("-busy", "-all-cores") if busy else None,
    }
    return {
        key: ratio(epochs, per_round(runs, other, "epoch")) if other and other != configuration.name else None
        for key, other in others.items()
    }


def _throughput(runs: Runs, name: str) -> list[dict[str, float]]:
    """Predicted reviews per second, by reviews per call."""
    first = next(iter(runs[name]["steady"].values()))
    counts = sorted(int(key.split()[0]) for key in first.values if key.endswith(" reviews"))
    points = []
    for count in counts:
        seconds = float(np.median(list(per_round(runs, name, f"{count} reviews").values())))
        points.append({"batch": count, "reviews_per_second": count / seconds})
    return points


def _whole_runs(rounds: Rounds) -> dict[str, Any]:
    """The seconds of whole runs, the time at which they reached the goal, and accuracy over time."""
    if not rounds:
        return {"whole": None, "to_080": None, "curves": None}
    runs = [rounds[number] for number in sorted(rounds)]
    phases = [key for key in runs[0].values if key.startswith("phase ")]
    curves = [_curve(run) for run in runs]
    reached = [next((p["seconds"] for p in curve if p["accuracy"] >= GOAL), None) for curve in curves]
    seconds = {i: second for i, second in enumerate(reached) if second is not None}
    shell = {i: run.values["shell"][0] for i, run in enumerate(runs) if "shell" in run.values}
    return {
        "whole": {
            "runs": len(runs),
            "seconds": _spread({i: run.values["whole"][0] for i, run in enumerate(runs)}),
            "phases": {
                key.removeprefix("phase "): float(np.median([run.values[key][0] for run in runs])) for key in phases
            },
            "shell": _spread(shell) if shell else None,
        },
        "to_080": {"reached": len(seconds), "runs": len(runs), "seconds": _spread(seconds) if seconds else None},
        "curves": curves,
    }


def _curve(run: Measurement) -> list[dict[str, float]]:
    """Validation accuracy after each epoch, and the seconds since the start of the run."""
    count = sum(key.startswith("accuracy_") for key in run.metadata)
    return [
        {"seconds": run.values[f"epoch {i}"][0], "accuracy": float(run.metadata[f"accuracy_{i}"])}
        for i in range(1, count + 1)
    ]


def _scaling(rounds: Rounds) -> dict[str, list[dict[str, float]]] | None:
    """Points by what grows: seconds of a step, or of an epoch if the number of reviews grows."""
    if not rounds:
        return None
    (measurement,) = rounds.values()
    points: dict[str, list[dict[str, float]]] = {name: [] for name in SCALED}
    for quantity, (seconds,) in measurement.values.items():
        name, _, value = quantity.partition(" ")
        if name in points:
            reviews = int(value) if name in ("batch", "reviews") else BATCH_SIZE
            points[name].append({"value": int(value), "seconds": seconds, "reviews_per_second": reviews / seconds})
    return points


def _pooled(rounds: Rounds, quantity: str) -> np.ndarray:
    return np.concatenate([one.values[quantity] for one in rounds.values()])


def _spread(values: dict[int, float], scale: float = 1.0) -> dict[str, float]:
    return _quartiles(scale * np.array(list(values.values())))


def _quartiles(values: np.ndarray) -> dict[str, float]:
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return {"median": float(middle), "low": float(low), "high": float(high)}
