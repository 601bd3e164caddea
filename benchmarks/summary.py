"""From the raw runs to figures: medians over processes, ratios paired by round, intervals by bootstrap.

May import: pyperf, numpy, the standard library, benchmarks.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyperf

from benchmarks.configurations import CONFIGURATIONS
from benchmarks.limit import Machine, least_seconds, least_terms, work
from benchmarks.rounds import EPOCH_BATCHES

SCHEMA = 1
RESAMPLES = 5_000
LEVEL = 0.95
# The pair that is the same configuration twice.
CONTROL = ("jax-library", "jax-library-again")


def read_runs(folder: Path) -> dict[str, dict[int, dict[str, Any]]]:
    """Read the raw runs: configuration -> round -> quantity -> values, with "metadata" beside them."""
    found: dict[str, dict[int, dict[str, Any]]] = {}
    for path in sorted((folder / "raw").glob("*.json")):
        benchmarks = list(pyperf.BenchmarkSuite.load(str(path)))
        metadata = benchmarks[0].get_metadata()
        run = {one.get_name().partition(": ")[2]: list(one.get_values()) for one in benchmarks}
        found.setdefault(metadata["configuration"], {})[int(metadata["round"])] = run | {"metadata": metadata}
    return found


def per_round(runs: dict[int, dict[str, Any]], quantity: str = "epoch") -> dict[int, float]:
    """One figure a process, the median of what it measured: round -> value."""
    return {number: float(np.median(run[quantity])) for number, run in sorted(runs.items())}


def ratio(one: dict[int, float], other: dict[int, float]) -> dict[str, float]:
    """The ratio of two configurations, round by round: the median, and a bootstrap interval of it.

    Args:
        one: round -> value.
        other: the same rounds.

    Returns:
        `ratio`, `low` and `high`.
    """
    ratios = np.array([one[number] / other[number] for number in one if number in other])
    return _interval(np.log(ratios))


def unpaired_ratio(one: dict[int, float], other: dict[int, float]) -> dict[str, float]:
    """The ratio of one configuration in two runs, whose rounds have nothing to do with each other."""
    random = np.random.default_rng(0)
    sides = [np.log(list(side.values())) for side in (one, other)]
    drawn = [np.median(random.choice(side, (RESAMPLES, len(side))), axis=1) for side in sides]
    low, high = np.quantile(drawn[0] - drawn[1], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    middle = np.median(sides[0]) - np.median(sides[1])
    return {"ratio": float(np.exp(middle)), "low": float(np.exp(low)), "high": float(np.exp(high))}


def _interval(logs: np.ndarray) -> dict[str, float]:
    random = np.random.default_rng(0)
    drawn = np.median(random.choice(logs, (RESAMPLES, len(logs))), axis=1)
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return {"ratio": float(np.exp(np.median(logs))), "low": float(np.exp(low)), "high": float(np.exp(high))}


def noise_floor(found: dict[str, dict[int, dict[str, Any]]]) -> float | None:
    """How far from 1 the ratio of a configuration to itself may be, by the control; None if it was not run."""
    if any(name not in found for name in CONTROL):
        return None
    control = ratio(*(per_round(found[name]) for name in CONTROL))
    return max(control["high"], 1 / control["low"]) - 1


def summarize(folder: Path) -> dict[str, Any]:
    """Everything that the report shows.

    Returns:
        `schema`, `plan`, `node`, `machine`, `limit` (seconds an epoch, and its terms), `noise_floor`, `rows`: one for
        each configuration that was run.
    """
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    found = read_runs(folder)
    machine = Machine(**run["machine"])
    whole = EPOCH_BATCHES / run["plan"]["batches"]
    limit = EPOCH_BATCHES * least_seconds(work(), machine)
    rows = []
    for configuration in CONFIGURATIONS:
        if configuration.name not in found:
            continue
        runs = found[configuration.name]
        metadata = next(iter(runs.values()))["metadata"]
        same = max(run["metadata"]["difference"] for run in runs.values()) <= metadata["tolerance"]
        row: dict[str, Any] = {
            "name": configuration.name,
            "backend": configuration.backend,
            "kind": configuration.kind,
            "what": configuration.what,
            "same_model": same,
            "path": {name.removeprefix("path_"): str(metadata[name]) for name in metadata if name.startswith("path_")},
            "rounds": len(runs),
        }
        if same or not configuration.same_model:
            epochs = per_round(runs)
            tutorial = found.get(f"{configuration.backend}-tutorial")
            of_backend = configuration.name.startswith(configuration.backend)  # not what only runs in its environment
            latency = np.concatenate([one["latency"] for one in runs.values()])
            row |= {
                "epoch": _spread([whole * value for value in epochs.values()]),
                "first_step": _spread(list(per_round(runs, "first step").values())),
                "import": _spread(list(per_round(runs, "import").values())),
                "to_tutorial": ratio(epochs, per_round(tutorial)) if tutorial and of_backend else None,
                "to_limit": float(whole * np.median(list(epochs.values())) / limit) if limit else None,
                "latency_p50": float(np.quantile(latency, 0.5)),
                "latency_p99": float(np.quantile(latency, 0.99)),
                "throughput": float(np.median([one["throughput"][0] for one in runs.values()])),
                "memory": max(one["memory"][0] for one in runs.values()),
            }
        rows.append(row)
    return {
        "schema": SCHEMA,
        **run,
        "limit": {"epoch": limit, "terms": {k: EPOCH_BATCHES * v for k, v in least_terms(work(), machine).items()}},
        "noise_floor": noise_floor(found),
        "rows": rows,
    }


def _spread(values: list[float]) -> dict[str, float]:
    """The median of processes, and the quartiles."""
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return {"median": float(middle), "low": float(low), "high": float(high)}
