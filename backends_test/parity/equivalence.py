"""Whether backends are equal where training ends: many seeds each, and two one-sided tests of the test accuracy.

May import: numpy, scipy, matplotlib, the standard library, the modules beside it.

A run of a recurrent network is chaotic, so that one seed ends elsewhere on each backend. What can be equal is the
distribution. Run by `tox -e parity-long`, which needs the real IMDB reviews, takes about an hour, and leaves what is
committed: results/parity-long.json and docs/parity-long.png.

    python -m parity.equivalence train FOLDER BACKEND    one JSON file a seed; seeds that are there are kept
    python -m parity.equivalence report FOLDER           the tests, results/parity-long.json, docs/parity-long.png
"""

import json
import sys
import time
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from parity.environments import ENVIRONMENTS, NAMES, ROOT, run_under

SEEDS = range(20)
# The difference of mean accuracy below which two backends count as equal, and the level of the tests.
MARGIN = 0.01
LEVEL = 0.05
RESULTS = ROOT / "backends_test" / "results" / "parity-long.json"
PICTURE = ROOT / "docs" / "parity-long.png"
COMMAND = "IMDB_RNN_DATA=… tox -e parity-long"

TRAIN = """
import json, sys
from pathlib import Path
from imdb_rnn import Recipe, load_reviews, train
from imdb_rnn.files import replacing
folder = Path(sys.argv[1])
corpus = load_reviews("imdb")
for seed in map(int, sys.argv[2:]):
    path = folder / f"{seed}.json"
    if not path.exists():
        manifest = train(corpus, recipe=Recipe(seed=seed), progress=False).manifest
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(manifest))
        print(manifest["backend"], seed, manifest["test_accuracy"], flush=True)
"""


class Equivalence(NamedTuple):
    """Two one-sided tests of the means of two samples.

    Attributes:
        difference: of the means, the first minus the second.
        low: of the confidence interval of the difference at level 1 - 2 * LEVEL.
        high: likewise.
        p_value: the larger of both tests; below LEVEL the means differ by less than MARGIN.
    """

    difference: float
    low: float
    high: float
    p_value: float


def equivalence(one: np.ndarray, other: np.ndarray, margin: float = MARGIN) -> Equivalence:
    """Test whether two means differ by less than a margin.

    Source: Schuirmann 1987, two one-sided tests, with Welch's t for unequal variances.
    """
    not_below = stats.ttest_ind(one + margin, other, equal_var=False, alternative="greater")
    not_above = stats.ttest_ind(one - margin, other, equal_var=False, alternative="less")
    interval = stats.ttest_ind(one, other, equal_var=False).confidence_interval(1 - 2 * LEVEL)
    p_value = max(not_below.pvalue, not_above.pvalue)
    return Equivalence(float(one.mean() - other.mean()), float(interval.low), float(interval.high), float(p_value))


def train(folder: Path, backend: str) -> None:
    """Train every seed under one backend; what an interrupted run has left is kept."""
    into = folder / backend
    into.mkdir(parents=True, exist_ok=True)
    run_under(backend, "-c", TRAIN, into, *map(str, SEEDS))


def collect(folder: Path) -> dict[str, Any]:
    """Read what every seed has given, and test every pair.

    Raises:
        FileNotFoundError: a seed of a backend is missing.
    """
    runs = {
        backend: [json.loads((folder / backend / f"{seed}.json").read_text()) for seed in SEEDS]
        for backend in ENVIRONMENTS
    }
    accuracies = {backend: [run["test_accuracy"] for run in found] for backend, found in runs.items()}
    pairs = {
        f"{one} - {other}": equivalence(np.array(accuracies[one]), np.array(accuracies[other]))._asdict()
        for one, other in combinations(ENVIRONMENTS, 2)
    }
    return {
        "command": COMMAND,
        "date": datetime.now(UTC).date().isoformat(),
        "versions": {backend: found[0]["versions"] for backend, found in runs.items()},
        "data": runs["jax"][0]["data"],
        "recipe": runs["jax"][0]["recipe"],
        "seeds": list(SEEDS),
        "margin": MARGIN,
        "level": LEVEL,
        "test_accuracy": accuracies,
        "best_epoch": {backend: [run["best_epoch"] for run in found] for backend, found in runs.items()},
        "pairs": pairs,
    }


def plot(results: dict[str, Any], path: Path) -> None:
    """Draw the accuracy of every seed and its distribution, and the confidence interval of every difference."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    spread, differences = figure.subplots(1, 2)
    accuracies = results["test_accuracy"]
    random = np.random.default_rng(0)
    spread.boxplot(list(accuracies.values()), widths=0.5, showfliers=False)
    for position, values in enumerate(accuracies.values(), 1):
        spread.plot(position + random.uniform(-0.15, 0.15, len(values)), values, "o", alpha=0.6)
    spread.set_xticks(range(1, len(accuracies) + 1), [NAMES[backend] for backend in accuracies])
    spread.set_ylabel("test accuracy")
    spread.set_title(f"{len(results['seeds'])} seeds on each backend")
    for position, (pair, found) in enumerate(results["pairs"].items()):
        label = " − ".join(NAMES[backend] for backend in pair.split(" - "))
        differences.plot([100 * found["low"], 100 * found["high"]], [position, position], "-", color="tab:blue", lw=3)
        differences.plot(100 * found["difference"], position, "o", color="tab:blue")
        differences.text(0, position + 0.18, label, ha="center")
    for side in (-1, 1):
        differences.axvline(side * 100 * results["margin"], color="tab:red", linestyle="--")
    differences.set_yticks([])
    differences.set_ylim(-0.5, len(results["pairs"]) - 0.3)
    differences.set_xlabel("difference of the mean test accuracy, percentage points")
    differences.set_title("90 % intervals within ±1 point (dashed): equal")
    figure.savefig(path, dpi=120, metadata={"Software": None})


def table(results: dict[str, Any]) -> str:
    """The results as a Markdown table."""
    rows = ["| pair | difference of mean test accuracy | 90 % interval | p |", "| --- | --- | --- | --- |"]
    for pair, found in results["pairs"].items():
        names = " − ".join(NAMES[backend] for backend in pair.split(" - "))
        low, difference, high = (f"{100 * found[name]:+.2f}" for name in ("low", "difference", "high"))
        rows.append(f"| {names} | {difference} points | {low} to {high} | {found['p_value']:.1g} |")
    return "\n".join(rows)


def main() -> int:
    """Train or report."""
    command, folder, *backend = sys.argv[1:]
    if command == "train":
        started = time.time()
        train(Path(folder), *backend)
        print(f"{backend[0]}: {time.time() - started:.0f} s")
        return 0
    results = collect(Path(folder))
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    plot(results, PICTURE)
    print(table(results))
    unequal = [pair for pair, found in results["pairs"].items() if found["p_value"] >= LEVEL]
    for pair in unequal:
        print(f"{pair}: not shown to be equal within {100 * MARGIN:g} point")
    return 1 if unequal else 0


if __name__ == "__main__":
    sys.exit(main())
