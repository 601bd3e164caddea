"""Two runs side by side: is anything slower than before, by more than noise?

May import: the standard library, benchmarks.
"""

from pathlib import Path
from typing import Any

from benchmarks.summary import noise_floor, per_round, read_runs, unpaired_ratio

# Less than this is not called a slow-down, whatever the control says.
LEAST = 0.05


def compare(old: Path, new: Path) -> list[dict[str, Any]]:
    """Compare what both runs have.

    Returns:
        For each configuration its `name`, `ratio` of new to old, `low` and `high` of its interval, and `verdict`:
        "slower", "faster" or "no detectable difference". Slower means that the whole interval lies beyond the noise
        floor, that of the noisier run.
    """
    runs = [read_runs(folder) for folder in (old, new)]
    floor = max(LEAST, *(noise_floor(one) or 0.0 for one in runs))
    rows = []
    for name in runs[0]:
        if name in runs[1]:
            found = unpaired_ratio(per_round(runs[1][name]), per_round(runs[0][name]))
            slower, faster = found["low"] > 1 + floor, found["high"] < 1 / (1 + floor)
            verdict = "slower" if slower else "faster" if faster else "no detectable difference"
            rows.append({"name": name, **found, "verdict": verdict})
    return rows
