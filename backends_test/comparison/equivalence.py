"""Whether backends are equal where training ends: many seeds each, and two one-sided tests of the test accuracy.

A training is chaotic, so that one seed ends elsewhere on each backend. What can be equal is how good the models are. A
seed means the same initial weights and the same batches everywhere, and therefore samples are paired by seed.

Run by `tox -e parity-long`, which needs the real IMDB reviews, takes about an hour, and leaves what is committed:
results/parity-long.json and docs/parity-long.png.

    python -m backends_test.comparison.equivalence train FOLDER BACKEND    one JSON file a seed; seeds that are there are kept
    python -m backends_test.comparison.equivalence report FOLDER           the tests, results/parity-long.json, docs/parity-long.png
"""

import json
import sys
import time
from datetime import UTC, datetime
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from backends_test.environments import ROOT, TITLES, run_under
from imdb_rnn.backends import TRAINING_BACKENDS

SEEDS = range(20)
# The difference of mean accuracy below which two backends count as equal, and the level of the tests.
MARGIN = 0.01
# Validation accuracy below which a training has learned nothing.
LEARNED = 0.7
LEVEL = 0.05
# The test that decides; the others are reported beside it.
PRIMARY = "paired by seed"
RESULTS = ROOT / "backends_test" / "results" / "parity-long.json"
PICTURE = ROOT / "docs" / "parity-long.png"
COMMAND = "IMDB_RNN_DATA=… tox -e parity-long"

TRAIN = """
import json, sys
from pathlib import Path
from imdb_rnn import Recipe, load_reviews, train
from imdb_rnn.files import atomic_write
folder = Path(sys.argv[1])
corpus = load_reviews("imdb")
for seed in map(int, sys.argv[2:]):
    path = folder / f"{seed}.json"
    if not path.exists():
        manifest = train(corpus, recipe=Recipe.tutorial(seed=seed), progress=False).manifest
        with atomic_write(path) as temporary:
            temporary.write_text(json.dumps(manifest.to_json()))
        print(manifest.backend, seed, manifest.test_accuracy, flush=True)
"""


class Equivalence(NamedTuple):
    """Two one-sided tests of the mean accuracy on two backends.

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


def equivalence(one: np.ndarray, other: np.ndarray, *, paired: bool = True, margin: float = MARGIN) -> Equivalence:
    """Test whether two means differ by less than a margin.

    Args:
        one: accuracy on the first backend, a value a seed, shape (seeds,).
        other: on the second, the same seeds.
        paired: compare seed by seed; else as independent samples, which ignores that seeds are shared.
        margin: the difference of means that counts as none.

    Source: Schuirmann 1987, two one-sided tests; with Welch's t for independent samples.
    """
    test = stats.ttest_rel if paired else partial(stats.ttest_ind, equal_var=False)
    not_below = test(one + margin, other, alternative="greater")
    not_above = test(one - margin, other, alternative="less")
    interval = test(one, other).confidence_interval(1 - 2 * LEVEL)
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
        ValueError: seeds are not of one run: other versions, other data, another recipe.
    """
    runs = {
        backend: [json.loads((folder / backend / f"{seed}.json").read_text()) for seed in SEEDS]
        for backend in TRAINING_BACKENDS
    }
    for backend, found in runs.items():
        for run in found:
            same = [run["versions"] == found[0]["versions"], run["data"] == runs["jax"][0]["data"]]
            recipes = [{**one["recipe"], "seed": None} for one in (run, runs["jax"][0])]
            if not all(same) or recipes[0] != recipes[1]:
                msg = f"Seed {run['seed']} of {backend} is of another run. Expected: one set of versions, data, recipe."
                raise ValueError(msg)
    accuracies = {backend: [run["test_accuracy"] for run in found] for backend, found in runs.items()}
    # Chosen on validation reviews: some seeds stop at the first epoch and stay near chance.
    learned = [
        i for i in range(len(SEEDS)) if all(runs[backend][i]["val_accuracy"] > LEARNED for backend in TRAINING_BACKENDS)
    ]
    every = list(range(len(SEEDS)))
    pairs = {
        f"{one} - {other}": {
            name: equivalence(
                np.array(accuracies[one])[chosen], np.array(accuracies[other])[chosen], paired=paired
            )._asdict()
            for name, chosen, paired in (
                ("paired by seed", every, True),
                ("paired by seed, those that learned", learned, True),
                ("as independent samples", every, False),
                ("as independent samples, those that learned", learned, False),
            )
        }
        for one, other in combinations(TRAINING_BACKENDS, 2)
    }
    return {
        "command": COMMAND,
        "date": datetime.now(UTC).date().isoformat(),
        "versions": {backend: found[0]["versions"] for backend, found in runs.items()},
        "data": runs["jax"][0]["data"],
        "recipe": runs["jax"][0]["recipe"],
        "seeds": list(SEEDS),
        "learned": [SEEDS[i] for i in learned],
        "margin": MARGIN,
        "level": LEVEL,
        "test_accuracy": accuracies,
        "best_epoch": {backend: [run["best_epoch"] for run in found] for backend, found in runs.items()},
        "pairs": pairs,
    }


def plot(results: dict[str, Any], path: Path) -> None:
    """Draw the accuracy of every seed on each backend, and the confidence interval of every difference."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    accuracy, differences = figure.subplots(1, 2, width_ratios=(3, 2))
    accuracies = results["test_accuracy"]
    learned = [results["seeds"].index(seed) for seed in results["learned"]]
    low, high = (limit([values[i] for i in learned for values in accuracies.values()]) for limit in (min, max))
    for (backend, values), shift in zip(accuracies.items(), (-0.2, 0, 0.2), strict=True):
        shown = np.clip(values, low - 0.006, None)
        places = np.array(results["seeds"]) + shift
        (drawn,) = accuracy.plot(places[learned], shown[learned], "o", markersize=5, label=TITLES[backend])
        colour = drawn.get_color()
        accuracy.plot(np.delete(places, learned), np.delete(shown, learned), "v", color=colour, markersize=5)
    for seed in set(results["seeds"]) - set(results["learned"]):
        chance = accuracies["jax"][results["seeds"].index(seed)]
        accuracy.annotate(
            f"{chance:.2f}", (seed, low - 0.006), (0, -13), textcoords="offset points", ha="center", fontsize=8
        )
    accuracy.set_ylim(low - 0.011, high + 0.007)
    accuracy.set_xticks(results["seeds"])
    accuracy.set_xlabel("seed: the same initial weights and batches on each backend")
    accuracy.set_ylabel("test accuracy")
    accuracy.set_title(f"{len(results['learned'])} of {len(results['seeds'])} seeds learn; the others on no backend")
    accuracy.legend(fontsize=9, ncols=3, loc="upper center")
    for position, (pair, tests) in enumerate(results["pairs"].items()):
        found = tests[PRIMARY]
        label = " − ".join(TITLES[backend] for backend in pair.split(" - "))
        differences.plot([100 * found["low"], 100 * found["high"]], [position, position], "-", color="black", lw=2)
        differences.plot(100 * found["difference"], position, "o", color="black")
        differences.text(0, position + 0.15, label, ha="center")
    for side in (-1, 1):
        differences.axvline(side * 100 * results["margin"], color="tab:red", linestyle="--")
    differences.set_yticks([])
    differences.set_ylim(-0.4, len(results["pairs"]) - 0.4)
    differences.set_xlabel("percentage points")
    differences.set_title("difference of the means, 90 % interval;\nwithin the dashed lines: equal")
    figure.savefig(path, dpi=120, metadata={"Software": None})


def table(results: dict[str, Any]) -> str:
    """The results as a Markdown table."""
    rows = [
        "| pair | difference of the mean test accuracy | 90 % interval | p |",
        "| --- | --- | --- | --- |",
    ]
    for pair, tests in results["pairs"].items():
        found = tests[PRIMARY]
        names = " − ".join(TITLES[backend] for backend in pair.split(" - "))
        low, difference, high = (f"{100 * found[name]:+.2f}" for name in ("low", "difference", "high"))
        rows.append(f"| {names} | {difference} points | {low} to {high} | {found['p_value']:.0e} |")
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
    unequal = [pair for pair, tests in results["pairs"].items() if tests[PRIMARY]["p_value"] >= LEVEL]
    for pair in unequal:
        print(f"{pair}: not shown to be equal within {100 * MARGIN:g} point")
    return 1 if unequal else 0


if __name__ == "__main__":
    sys.exit(main())
