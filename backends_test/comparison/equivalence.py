"""Tests whether trained models are equally good on each backend: many seeds, and two one-sided tests of the accuracy.

Training is chaotic, so the same seed ends with other weights on each backend. What can be equal is the quality of the
models. A seed stands for the same initial weights and the same batches on each backend, so samples are paired by seed.

    python -m backends_test.comparison.equivalence train FOLDER BACKEND    trains the seeds that FOLDER lacks
    python -m backends_test.comparison.equivalence report FOLDER           tests, and renews the committed results

`tox -e parity-long` runs it on the IMDB reviews, in about an hour. The committed results are
backends_test/results/parity-long.json and docs/parity-long.png; `tox -e parity -- --publish` renews the table in
docs/agreement.md.
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
from backends_test.markdown import markdown_table
from backends_test.pages import save_png, write_json
from imdb_rnn.backends import TRAINING_BACKENDS

SEEDS = range(20)
# Two backends count as equal if their mean accuracies differ by less than the margin, at this level of the tests.
MARGIN = 0.01
LEVEL = 0.05
# Validation accuracy above which a training has learned something.
LEARNED = 0.7
# The test that decides; the others are reported as well.
PRIMARY = "paired by seed"
RESULTS = ROOT / "backends_test" / "results" / "parity-long.json"
PICTURE = ROOT / "docs" / "parity-long.png"
COMMAND = "IMDB_RNN_DATA=… tox -e parity-long"


class Equivalence(NamedTuple):
    """Two one-sided tests of the mean accuracies on two backends.

    Attributes:
        difference: the first mean minus the second.
        low: the lower end of the confidence interval of the difference, at level 1 - 2 * LEVEL.
        high: its upper end.
        p_value: the larger p-value of the two tests; below LEVEL the means differ by less than the margin.
    """

    difference: float
    low: float
    high: float
    p_value: float


def equivalence(one: np.ndarray, other: np.ndarray, *, paired: bool = True, margin: float = MARGIN) -> Equivalence:
    """Test whether two means differ by less than a margin.

    Args:
        one: accuracy on the first backend, one value per seed, shape (seeds,).
        other: accuracy on the second backend, with the same seeds.
        paired: whether to compare seed by seed; otherwise the samples are taken as independent.
        margin: the largest difference of means that counts as equality.

    Source: Schuirmann 1987, two one-sided tests; with Welch's t for independent samples.
    """
    test = stats.ttest_rel if paired else partial(stats.ttest_ind, equal_var=False)
    not_below = test(one + margin, other, alternative="greater")
    not_above = test(one - margin, other, alternative="less")
    interval = test(one, other).confidence_interval(1 - 2 * LEVEL)
    p_value = max(not_below.pvalue, not_above.pvalue)
    return Equivalence(float(one.mean() - other.mean()), float(interval.low), float(interval.high), float(p_value))


def train(folder: Path, backend: str) -> None:
    """Train every seed under one backend; results of an interrupted run are kept."""
    run_under(backend, "-m", "backends_test.comparison.seeds", folder / backend, *map(str, SEEDS))


def read_runs(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Read the manifests of all seeds: backend -> manifests.

    Raises:
        FileNotFoundError: a seed is missing.
        ValueError: the seeds differ in versions, data or recipe.
    """
    runs = {
        backend: [json.loads((folder / backend / f"{seed}.json").read_text(encoding="utf-8")) for seed in SEEDS]
        for backend in TRAINING_BACKENDS
    }
    expected = runs["jax"][0]
    for backend, manifests in runs.items():
        for manifest in manifests:
            if (
                manifest["versions"] != manifests[0]["versions"]
                or manifest["data"] != expected["data"]
                or manifest["recipe"] | {"seed": None} != expected["recipe"] | {"seed": None}
            ):
                seed = manifest["recipe"]["seed"]
                msg = f"Bad seed {seed} of {backend}. Expected: the same versions, data and recipe. Received: others."
                raise ValueError(msg)
    return runs


def collect(folder: Path) -> dict[str, Any]:
    """Read the results of every seed, and test every pair.

    Raises:
        FileNotFoundError: see `read_runs`.
        ValueError: see `read_runs`.
    """
    runs = read_runs(folder)
    accuracies = {backend: [run["test_accuracy"] for run in manifests] for backend, manifests in runs.items()}
    # Chosen by validation accuracy: some seeds stop after the first epochs, near chance.
    learned = [
        i for i in range(len(SEEDS)) if all(runs[backend][i]["val_accuracy"] > LEARNED for backend in TRAINING_BACKENDS)
    ]
    every = list(range(len(SEEDS)))
    tests = (
        (PRIMARY, every, True),
        ("paired by seed, those that learned", learned, True),
        ("as independent samples", every, False),
        ("as independent samples, those that learned", learned, False),
    )
    pairs: dict[str, dict[str, Any]] = {}
    for one, other in combinations(TRAINING_BACKENDS, 2):
        first, second = np.array(accuracies[one]), np.array(accuracies[other])
        pairs[f"{one} - {other}"] = {
            name: equivalence(first[chosen], second[chosen], paired=paired)._asdict() for name, chosen, paired in tests
        }
    return {
        "command": COMMAND,
        "date": datetime.now(UTC).date().isoformat(),
        "versions": {backend: manifests[0]["versions"] for backend, manifests in runs.items()},
        "data": runs["jax"][0]["data"],
        "recipe": runs["jax"][0]["recipe"],
        "seeds": list(SEEDS),
        "learned": [SEEDS[i] for i in learned],
        "margin": MARGIN,
        "level": LEVEL,
        "test_accuracy": accuracies,
        "best_epoch": {backend: [run["best_epoch"] for run in manifests] for backend, manifests in runs.items()},
        "pairs": pairs,
    }


def plot(results: dict[str, Any], path: Path) -> None:
    """Draw the accuracy of every seed on each backend, and the confidence interval of every difference."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    accuracy, differences = figure.subplots(1, 2, width_ratios=(3, 2))
    accuracies = results["test_accuracy"]
    learned = [results["seeds"].index(seed) for seed in results["learned"]]
    among = [values[i] for i in learned for values in accuracies.values()]
    low, high = min(among), max(among)
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
        test = tests[PRIMARY]
        differences.plot([100 * test["low"], 100 * test["high"]], [position, position], "-", color="black", lw=2)
        differences.plot(100 * test["difference"], position, "o", color="black")
        differences.text(0, position + 0.15, title_of(pair), ha="center")
    for side in (-1, 1):
        differences.axvline(side * 100 * results["margin"], color="tab:red", linestyle="--")
    differences.set_yticks([])
    differences.set_ylim(-0.4, len(results["pairs"]) - 0.4)
    differences.set_xlabel("percentage points")
    differences.set_title("difference of the means, 90 % interval;\nwithin the dashed lines: equal")
    save_png(figure, path)


def title_of(pair: str) -> str:
    """Format the difference of a pair, with the titles of the backends and a minus sign."""
    return " − ".join(TITLES[backend] for backend in pair.split(" - "))


def table(results: dict[str, Any]) -> str:
    """Format the results as a Markdown table."""
    rows = []
    for pair, tests in results["pairs"].items():
        test = tests[PRIMARY]
        low, difference, high = (f"{100 * test[name]:+.2f}" for name in ("low", "difference", "high"))
        rows.append([title_of(pair), f"{difference} points", f"{low} to {high}", f"{test['p_value']:.0e}"])
    return markdown_table(["pair", "difference of the mean test accuracy", "90 % interval", "p"], rows)


def main() -> int:
    """Run the command line."""
    command, folder, *backend = sys.argv[1:]
    if command == "train":
        started = time.time()
        train(Path(folder), *backend)
        print(f"{backend[0]}: {time.time() - started:.0f} s")
        return 0
    results = collect(Path(folder))
    write_json(RESULTS, results)
    plot(results, PICTURE)
    print(table(results))
    unequal = [pair for pair, tests in results["pairs"].items() if tests[PRIMARY]["p_value"] >= LEVEL]
    for pair in unequal:
        print(f"{pair}: not shown to be equal within a margin of {100 * MARGIN:g} percentage point")
    return 1 if unequal else 0


if __name__ == "__main__":
    sys.exit(main())
