"""Compares two runs: has anything become slower, by more than noise?

The fastest value of each process is compared, not the median: other load on the machine only ever adds time, and two
runs made at different times do not share it as the rounds of one run do.
"""

import json
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchmarkError
from benchmarks.store import MeasurementKind
from benchmarks.summary import noise_floor, per_round, read_runs, unpaired_ratio

# Smaller differences are not reported, whatever the noise floor.
MIN_DIFFERENCE = 0.05
# Quantity and kind of measurement -> title. Less is better for all.
COMPARED: dict[tuple[str, MeasurementKind], str] = {
    ("epoch", "steady"): "epoch",
    ("first step", "steady"): "first step",
    ("one review", "steady"): "one review",
    ("4096 reviews", "steady"): "4,096 reviews",
    ("memory host", "steady"): "memory",
    ("memory allocator", "steady"): "GPU memory",
    ("whole", "whole"): "whole run",
    ("shell", "whole"): "from the shell",
}
SAME = ("plan", "device", "processor", "data")


def compare(old: Path, new: Path) -> list[dict[str, Any]]:
    """Compare what both runs have measured.

    Args:
        old: the folder of one run.
        new: the folder of another run.

    Returns:
        For each configuration and quantity its `name`, `quantity`, `ratio` of new to old, `low` and `high` (the
        interval of the ratio), and `verdict`: "worse", "better" or "no detectable difference". Worse means that the
        whole interval is above the noise floor: the larger one of the two runs for this quantity, and at least 5 %.

    Raises:
        BenchmarkError: the runs differ in plan, device, processor or reviews, or have no configuration in common.
    """
    check_comparable(old, new)
    before, after = read_runs(old), read_runs(new)
    rows = []
    for (quantity, kind), title in COMPARED.items():
        floor = max(MIN_DIFFERENCE, *(noise_floor(runs, quantity, min) or 0.0 for runs in (before, after)))
        for name in before:
            values = [per_round(runs, name, quantity, kind, min) for runs in (after, before)]
            if all(values):
                ratio = unpaired_ratio(*values)
                rows.append({"name": name, "quantity": title, **ratio, "verdict": verdict(ratio, floor)})
    if not rows:
        msg = f"Nothing to compare. Expected: two runs of the same configurations. Received: {old} and {new}."
        raise BenchmarkError(msg)
    return rows


def verdict(ratio: dict[str, float], floor: float) -> str:
    """Judge the ratio of new to old by its interval."""
    if ratio["low"] > 1 + floor:
        return "worse"
    return "better" if ratio["high"] < 1 / (1 + floor) else "no detectable difference"


def check_comparable(old: Path, new: Path) -> None:
    """Raise `BenchmarkError` unless both runs measured the same things on the same kind of machine."""
    notes = []
    for folder in (old, new):
        path = folder / "run.json"
        if not path.is_file():
            msg = f"Cannot compare. Expected: a folder that `run` has written. Received: {folder}, without run.json."
            raise BenchmarkError(msg)
        notes.append(json.loads(path.read_text(encoding="utf-8")))
    for name in SAME:
        before, after = (note.get(name) for note in notes)
        if before != after:
            msg = f"Cannot compare. Expected: the same {name} in both runs. Received: {before} and {after}."
            raise BenchmarkError(msg)
