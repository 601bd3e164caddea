"""The tables of the recurrent layers in docs/benchmarks.md, from the results of `benchmarks.layers`."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from backends_test.environments import ROOT, TITLES
from backends_test.markdown import markdown_table, replace_table
from backends_test.pages import write_text
from benchmarks.summary import ratio
from benchmarks.tables import NOT_TIMED, ratio_text, seconds

RESULTS = ROOT / "benchmarks" / "results" / "layers"
PAGE = ROOT / "docs" / "benchmarks.md"
# Kind of device -> its tables on that page.
TABLES = {"cpu": "layers", "gpu": "layers-gpu"}
BACKENDS = ("jax", "torch", "tensorflow")
# Backend -> the ways whose seconds are shown.
SHOWN = {
    "jax": ("stock", "accelerated"),
    "torch": ("stock", "accelerated"),
    "tensorflow": ("stock", "stock, XLA", "accelerated", "accelerated, XLA"),
}
# Backend -> heading -> what is timed, a way, and the way that it is compared with.
RATIOS = {
    "jax": {
        "ratio to stock": ("step", "accelerated", "stock"),
        "ratio to `lax.scan`": ("step", "accelerated", "native"),
    },
    "torch": {
        "ratio to stock": ("step", "accelerated", "stock"),
        "ratio to `torch.nn`": ("step", "accelerated", "native"),
        "layer alone, ratio to `torch.nn`": ("alone", "accelerated", "native"),
    },
    "tensorflow": {
        "ratio to stock": ("step", "accelerated", "stock"),
        "with XLA, ratio to stock without": ("step", "accelerated, XLA", "stock"),
        "with XLA, ratio to stock with XLA": ("step", "accelerated, XLA", "stock, XLA"),
    },
}


def read_results(folder: Path) -> list[dict[str, Any]]:
    """Read the results of all backends that have been run."""
    paths = [folder / f"{backend}.json" for backend in BACKENDS]
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.is_file()]


def seconds_cell(row: dict[str, Any], way: str) -> str:
    """Return the median seconds of a step."""
    times = row["step"].get(way)
    return seconds(float(np.median(times))) if times else NOT_TIMED


def ratio_cell(row: dict[str, Any], what: str, way: str, other: str) -> str:
    """Return the ratio of two ways, round by round, with its interval."""
    one, compared = (dict(enumerate(row[what].get(name, ()))) for name in (way, other))
    return ratio_text(ratio(one, compared))


def backend_table(results: dict[str, Any]) -> str:
    """Return the table of one backend, with a sentence on how it was measured."""
    backend, plan, device = results["backend"], results["plan"], results["device"]
    where = f"one of {results['cores']} cores of {results['processor']}"
    if device["kind"] == "gpu":
        where = f"a GPU ({device['name']}), with {where}"
    versions = ", ".join(one for one in results["versions"].split(", ") if not one.startswith(("python", "numpy")))
    sentence = (
        f"{TITLES[backend]} on {where}: {plan['rounds']} rounds in random order, batches of {plan['batch']}, "
        f"{plan['length']} time steps; {versions}, {results['date']}."
    )
    ratios = RATIOS[backend]
    rows = [
        [
            f"`{row['layer']}`",
            str(row["size"]),
            row["path"],
            *(seconds_cell(row, way) for way in SHOWN[backend]),
            *(ratio_cell(row, *compared) for compared in ratios.values()),
        ]
        for row in results["rows"]
    ]
    return f"{sentence}\n\n{markdown_table(['layer', 'units', 'path', *SHOWN[backend], *ratios], rows)}"


def page_tables(folder: Path) -> str:
    """Return what docs/benchmarks.md shows: one table for each backend."""
    return "\n\n".join(map(backend_table, read_results(folder)))


def publish(folder: Path) -> None:
    """Copy results to where they are committed, by device, and renew their tables in docs/benchmarks.md."""
    results = read_results(folder)
    (device,) = {(one["device"]["kind"], one["device"]["name"]) for one in results}
    kind, name = device
    target = RESULTS / ("cpu" if kind == "cpu" else f"gpu-{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')}")
    target.mkdir(parents=True, exist_ok=True)
    for one in results:
        path = folder / f"{one['backend']}.json"
        if path.resolve() != (target / path.name).resolve():
            shutil.copy(path, target)
    write_text(PAGE, replace_table(PAGE.read_text(encoding="utf-8"), TABLES[kind], page_tables(target)))
