"""Puts the records of all backends into a committed file, and into the tables of two pages."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backends_test.markdown import markdown_table, replace_table
from backends_test.reliability.callbacks import KINDS, NONE
from backends_test.reliability.moments import PHASES
from imdb_rnn.backends.table import TABLE, TRAINING_BACKENDS

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "backends_test" / "results" / "reliability.json"
PAGES = (ROOT / "docs" / "reliability.md", ROOT / "docs" / "callbacks.md")
NOT_RUN = "not run"
PARTS = ("moments", "load", "callbacks")


def merged(out: Path) -> dict[str, Any]:
    """Return the records in a folder; a backend that has not been tried has none.

    Args:
        out: the folder that the other parts wrote to.

    Returns:
        Part -> backend -> record.
    """
    return {
        part: {
            backend: json.loads(file.read_text(encoding="utf-8"))
            for backend in TRAINING_BACKENDS
            if (file := out / f"{part}-{backend}.json").exists()
        }
        for part in PARTS
    }


def with_tables(page: str, results: Mapping[str, Any]) -> str:
    """Return a page with its tables replaced.

    Args:
        page: the text of one of `PAGES`.
        results: part -> backend -> record.
    """
    tables = {
        "moments": moments_table(results["moments"]),
        "threads": threads_table(results["load"]),
        "memory": memory_table(results["load"]),
        "callbacks": callbacks_table(results["callbacks"]),
    }
    for name, table in tables.items():
        if f"<!-- {name} -->" in page:
            page = replace_table(page, name, table)
    return page


def moments_table(records: Mapping[str, Any]) -> str:
    """Return a table of the killed trainings: one row per backend."""
    rows = []
    for backend in TRAINING_BACKENDS:
        if backend not in records:
            rows.append([_title(backend), NOT_RUN])
            continue
        moments = records[backend]["moments"]
        phases = Counter(moment["phase"] for moment in moments)
        equal = sum(moment["equal"] for moment in moments)
        again = sum(moment.get("again") is not None for moment in moments)
        rows.append(
            [_title(backend), str(len(moments)), *(str(phases[phase]) for phase in PHASES), str(again), str(equal)]
        )
    return markdown_table(["backend", "killed", *PHASES, "killed a second time", "equal result"], rows)


def threads_table(records: Mapping[str, Any]) -> str:
    """Return a table of the classifiers in many threads: one row per backend."""
    names = ("rounds", "threads", "different")
    rows = [
        [_title(backend), *(str(records[backend]["threads"][name]) for name in names)]
        if backend in records
        else [_title(backend), NOT_RUN]
        for backend in TRAINING_BACKENDS
    ]
    return markdown_table(["backend", "classifiers", "threads each", "threads with other bits"], rows)


def memory_table(records: Mapping[str, Any]) -> str:
    """Return a table of the memory of long work: one row per backend and kind of work."""
    rows = []
    for backend in TRAINING_BACKENDS:
        for name in ("predictions", "trainings"):
            record = records.get(backend, {}).get(name)
            if record is None:
                rows.append([_title(backend), name, NOT_RUN])
                continue
            megabytes = record["megabytes"]
            places = (0, 1, len(megabytes) // 2, -1)
            done = f"{record['count']:,} {name}"
            rows.append([_title(backend), done, *(f"{megabytes[place]:.0f}" for place in places)])
    return markdown_table(["backend", "work", "MB before", "after a tenth", "after half", "after all"], rows)


def callbacks_table(records: Mapping[str, Any]) -> str:
    """Return a table of the time that callbacks take: one row per backend and kind of callbacks."""
    rows = []
    for backend in TRAINING_BACKENDS:
        if backend not in records:
            rows.append([_title(backend), NOT_RUN])
            continue
        record = records[backend]
        shortest = {kind: min(record["seconds"][kind]) for kind in KINDS if kind in record["seconds"]}
        rows += [
            [_title(backend), kind, f"{seconds / record['epochs']:.2f}", f"{seconds / shortest[NONE]:.2f}"]
            for kind, seconds in shortest.items()
        ]
    return markdown_table(["backend", "callbacks", "seconds per epoch", "ratio"], rows)


def run(out: Path) -> None:
    """Write the committed file and the pages.

    Args:
        out: the folder that the other parts wrote to.
    """
    results = merged(out)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    for page in PAGES:
        page.write_text(with_tables(page.read_text(encoding="utf-8"), results), encoding="utf-8")


def _title(backend: str) -> str:
    return TABLE[backend].title
