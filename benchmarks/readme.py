"""The table of results in both READMEs, one row per backend, from committed results.

    python -P -m benchmarks.readme    rewrites the table in README.md and in README.ko.md

Sources: benchmarks/results/recipes.json (`tox -e recipes`), backends_test/results/parity.json (`tox -e parity`) and
benchmarks/results/cpu/report.json (`make bench`).
"""

import json
from pathlib import Path

from backends_test.environments import ROOT
from backends_test.markdown import markdown_table, replace_table
from benchmarks import recipes
from imdb_rnn.backends.table import TABLE, BackendEntry

PARITY = ROOT / "backends_test" / "results" / "parity.json"
SPEED = ROOT / "benchmarks" / "results" / "cpu" / "report.json"
# README -> the titles of the columns.
PAGES = {
    ROOT / "README.md": (
        "backend",
        "accuracy, `robust`",
        "accuracy, `tutorial`",
        "difference",
        "epoch",
        "epoch, Keras as in the tutorial",
    ),
    ROOT / "README.ko.md": (
        "백엔드",
        "정확도, `robust`",
        "정확도, `tutorial`",
        "차이",
        "에포크",
        "에포크, 튜토리얼의 Keras",
    ),
}
NO_TRAINING = "—"


def accuracy(backend: str, recipe: str) -> str:
    """Return the mean accuracy on the test reviews, with its 95 % interval, in percent."""
    runs = json.loads(recipes.RESULTS.read_text(encoding="utf-8"))
    chosen = [run for run in runs if (run["kind"], run["name"], run["backend"]) == ("test", recipe, backend)]
    return recipes.interval([run["accuracy"]["whole"] for run in chosen])


def difference(backend: str) -> str:
    """Return the largest difference from the oracle in float32, over the stages that a backend runs."""
    rows = json.loads(PARITY.read_text(encoding="utf-8"))["rows"]
    stages = [row["pairs"].get(f"oracle - {backend}") for row in rows if row["dtype"] == "float32"]
    return f"{max(stage['difference'] for stage in stages if stage):.1e}"


def epochs(backend: str) -> list[str]:
    """Return the median seconds of an epoch with this library, and with Keras as in the tutorial: what a user gets."""
    rows = {row["name"]: row for row in json.loads(SPEED.read_text(encoding="utf-8"))["rows"]}
    return [
        f"{rows[name]['epoch']['median']:.2f} s" for name in (f"{backend}-all-cores", f"{backend}-tutorial-all-cores")
    ]


def row(backend: BackendEntry) -> list[str]:
    """Return the cells of one backend."""
    name = backend.name
    if not backend.trains:
        return [backend.title, NO_TRAINING, NO_TRAINING, difference(name), NO_TRAINING, NO_TRAINING]
    accuracies = [accuracy(name, recipe) for recipe in ("robust", "tutorial")]
    return [backend.title, *accuracies, difference(name), *epochs(name)]


def table(page: Path) -> str:
    """Return the table of a README."""
    return markdown_table(PAGES[page], map(row, TABLE.values()))


def main() -> None:
    """Rewrite both READMEs."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        page.write_text(replace_table(text, "results", table(page)), encoding="utf-8")


if __name__ == "__main__":
    main()
