"""Two runs side by side: is anything worse than before, by more than noise?

Of each process its quickest figure is compared, not the median: what else the machine does only ever adds time, and
two runs, made at different times, do not share it as the rounds of one run do.
"""

import json
from pathlib import Path
from typing import Any

from benchmarks.runner import BenchmarkError
from benchmarks.summary import noise_floor, per_round, read_runs, unpaired_ratio

# Less than this is not called a difference, whatever the controls say.
LEAST = 0.05
# What is compared: quantity and measurement of the raw runs -> what it is called. Less is better in all.
COMPARED = {
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
    """Compare what both runs have.

    Returns:
        For each configuration and quantity its `name`, `quantity`, `ratio` of new to old, `low` and `high` of its
        interval, and `verdict`: "worse", "better" or "no detectable difference". Worse means that the whole interval
        lies beyond the noise floor: the larger of the two runs' own for that quantity, and never below 5 %.

    Raises:
        BenchmarkError: the runs are of different plans, devices, processors or reviews, or share no configuration.
    """
    check_comparable(old, new)
    before, after = read_runs(old), read_runs(new)
    rows = []
    for (quantity, measurement), called in COMPARED.items():
        floor = max(LEAST, *(noise_floor(one, quantity, min) or 0.0 for one in (before, after)))
        for name in before:
            sides = [per_round(one, name, quantity, measurement, min) for one in (after, before)]
            if all(sides):
                found = unpaired_ratio(*sides)
                worse, better = found["low"] > 1 + floor, found["high"] < 1 / (1 + floor)
                verdict = "worse" if worse else "better" if better else "no detectable difference"
                rows.append({"name": name, "quantity": called, **found, "verdict": verdict})
    if not rows:
        msg = f"Nothing to compare. Expected: two runs of the same configurations. Received: {old} and {new}."
        raise BenchmarkError(msg)
    return rows


def check_comparable(old: Path, new: Path) -> None:
    """Raise `BenchmarkError` unless two runs measured the same things in the same place."""
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
