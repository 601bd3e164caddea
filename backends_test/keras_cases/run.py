"""Compares all cases on all backends, and writes what is found. Interrupted, it goes on where it stopped.

    python -P -m backends_test.keras_cases.run OUT [GROUP ...]

It runs in an environment with Keras, to list the cases; each backend runs in its tox environment.
"""

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from backends_test.any_model.run import BACKENDS, Comparison, ComparisonError, Options, Session, compare_in
from backends_test.environments import python_of
from backends_test.keras_cases import GROUPS, Case, cases
from backends_test.keras_cases.sources import number_of

MODULE = "backends_test.keras_cases.sources"
# The stages that say something about the subject of a group; those of a whole model are "models".
LAYER = ("build", "weights", "forward", "training", "states", "gradients")
STEPS = ("weights", "one step", "steps")
STAGES = {
    "layers": LAYER,
    "activations": LAYER,
    "losses": ("weights", "loss", "gradients"),
    "metrics": ("weights", "loss"),
    "optimizers": STEPS,
    "applications": ("build", "weights", "forward", "training", "states"),
    "hub": LAYER,
    "models": (*LAYER, "layer alone", "loss", "one step", "steps", "compiled", "rows", "saved"),
}
# The memory of a process grows with the models that it has compiled.
CASES_PER_PROCESS = 60
SECONDS = 240
# Rows that are kept of each case.
KEPT = ("disagrees", "fails", "unstable", "not run")


def summary(case: Case, comparison: Comparison) -> dict[str, Any]:
    """Return what is kept of a comparison: its verdicts, the rows that are not rounding, and how close it was."""
    ratios = [
        row.difference / row.noise
        for row in comparison.rows
        if row.verdict == "rounding" and row.noise and row.difference is not None
    ]
    counts: dict[str, int] = {}
    for row in comparison.rows:
        counts[row.verdict] = counts.get(row.verdict, 0) + 1
    return {
        "name": case.name,
        "group": case.group,
        "subject": case.subject,
        "agree": comparison.agree,
        "first_disagreement": comparison.first_disagreement,
        "verdicts": counts,
        "largest rounding": max(ratios, default=0.0),
        "rows": [list(row) for row in comparison.rows if row.verdict in KEPT][:60],
        "notes": comparison.notes,
        "versions": comparison.versions,
    }


def run(folder: Path, groups: list[str]) -> None:
    """Compare the cases of these groups that have no result yet."""
    results = folder / "cases"
    results.mkdir(parents=True, exist_ok=True)
    interpreters = {backend: python_of(backend) for backend in BACKENDS}
    missing = [
        case
        for case in breadth_first(cases())
        if case.group in groups and not (results / f"{slug(case)}.json").exists()
    ]
    session: Session | None = None
    for done, case in enumerate(track(missing, "cases", console=Console(stderr=True))):
        if session is None or done % CASES_PER_PROCESS == 0:
            if session is not None:
                session.close()
            session = Session(interpreters, folder / "processes", extra=("keras_cases",))
        path, number = results / f"{slug(case)}.json", number_of(case)
        options = Options(
            f"{MODULE}:case_{number}",
            inputs=f"{MODULE}:data_{number}" if case.inputs or case.targets else "",
            stages=STAGES[case.group],
            seconds=SECONDS,
        )
        work = folder / "work" / str(number)
        start = time.perf_counter()
        try:
            found = summary(case, compare_in(session, options, work))
        except ComparisonError as error:
            found = {"name": case.name, "group": case.group, "subject": case.subject, "error": str(error)}
        found["seconds"] = round(time.perf_counter() - start, 1)
        path.write_text(json.dumps(found, indent=1), encoding="utf-8")
        shutil.rmtree(work, ignore_errors=True)
    if session is not None:
        session.close()


def breadth_first(all_cases: list[Case]) -> list[Case]:
    """Return the cases in another order: the first of every subject, then the second of every subject, and so on.

    A run that is stopped has then seen something of everything.
    """
    seen: dict[tuple[str, str], int] = {}
    order = []
    for number, case in enumerate(all_cases):
        key = (case.group, case.subject)
        seen[key] = seen.get(key, 0) + 1
        order.append((seen[key], number, case))
    return [case for _, _, case in sorted(order, key=lambda entry: entry[:2])]


def slug(case: Case) -> str:
    """Return a file name for a case."""
    name = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in f"{case.group}-{case.name}")
    return name[:150]


if __name__ == "__main__":
    run(Path(sys.argv[1]), sys.argv[2:] or list(GROUPS))
