"""Encodes synthetic reviews into shards and trains on them for one epoch, from 10,000 to 10,000,000 reviews.

    python -P -m benchmarks.large_corpora FOLDER [COUNT]...

It needs the environment of a backend, an idle machine and 12 GB of disk in FOLDER, and takes about half an hour. It
renews benchmarks/results/large-corpora.json, and the table and the picture of docs/large-corpora.md.
"""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from backends_test.environments import ROOT, TITLES
from backends_test.markdown import markdown_table, replace_table
from backends_test.pages import write_json, write_text
from benchmarks.scoring import memory_of
from imdb_rnn.backends import training_backend_name
from imdb_rnn.processes import available_cores
from imdb_rnn.processor import processor

RESULTS = ROOT / "benchmarks" / "results" / "large-corpora.json"
PAGE = ROOT / "docs" / "large-corpora.md"
PICTURE = ROOT / "docs" / "large-corpora.png"
COUNTS = (10_000, 100_000, 1_000_000, 10_000_000)
_SAMPLE_SECONDS = 0.2


def run(*arguments: str) -> dict[str, Any]:
    """Run `imdb-rnn`, and return its result with its seconds and the peak memory of all its processes."""
    began, peak = time.perf_counter(), 0
    command = [sys.executable, "-P", "-m", "imdb_rnn", *arguments, "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            peak = max(peak, memory_of(process.pid))
            time.sleep(_SAMPLE_SECONDS)
        output = process.stdout.read() if process.stdout else b""
    if process.returncode:
        msg = f"imdb-rnn {' '.join(arguments)} ended with status {process.returncode}"
        raise RuntimeError(msg)
    return {**json.loads(output), "wall_seconds": round(time.perf_counter() - began, 1), "peak_bytes": peak}


def measure(count: int, folder: Path) -> dict[str, Any]:
    """Encode and train on a number of reviews."""
    shards, model = folder / f"shards-{count}", folder / f"model-{count}"
    for path in (shards, model):
        shutil.rmtree(path, ignore_errors=True)
    encoded = run("encode", f"synthetic:{count}", str(shards))
    disk = sum(file.stat().st_size for file in shards.iterdir())
    trained = run("train", "--data", f"shards:{shards}", "--epochs", "1", "--out", str(model))
    shutil.rmtree(shards)
    return {
        "reviews": count,
        "encode_seconds": encoded["wall_seconds"],
        "encode_peak_bytes": encoded["peak_bytes"],
        "disk_bytes": disk,
        "train_seconds": trained["wall_seconds"],
        "train_phases": trained["seconds"],
        "train_peak_bytes": trained["peak_bytes"],
        "test_accuracy": trained["test_accuracy"],
    }


def table(results: dict[str, Any]) -> str:
    """Format the results for docs/large-corpora.md."""
    rows = [
        [
            f"{row['reviews']:,}",
            f"{row['encode_seconds']:,.0f} s",
            f"{row['encode_peak_bytes'] / 1e6:,.0f} MB",
            f"{row['disk_bytes'] / 1e6:,.0f} MB",
            f"{row['train_phases']['training']:,.0f} s",
            f"{row['train_seconds']:,.0f} s",
            f"{row['train_peak_bytes'] / 1e6:,.0f} MB",
        ]
        for row in results["rows"]
    ]
    columns = ["reviews", "encode", "peak memory, encode", "disk", "one epoch", "train, total", "peak memory, train"]
    where = f"{TITLES[results['backend']]} on {results['cores']} cores of {results['processor']}"
    return f"With {where}:\n\n{markdown_table(columns, rows)}"


def draw(results: dict[str, Any]) -> None:
    """Draw seconds and peak memory over the number of reviews."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    rows = results["rows"]
    counts = [row["reviews"] for row in rows]
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for name, label in (("encode", "encode"), ("train", "train, one epoch")):
        left.loglog(counts, [row[f"{name}_seconds"] for row in rows], "o-", label=label)
        right.semilogx(counts, [row[f"{name}_peak_bytes"] / 1e6 for row in rows], "o-", label=label)
    right.semilogx(counts, [row["disk_bytes"] / 1e6 for row in rows], "--", color="gray", label="files on the disk")
    right.set_ylim(0, 2 * max(row["train_peak_bytes"] for row in rows) / 1e6)
    for axes, title in ((left, "seconds"), (right, "peak memory, MB")):
        axes.set(xlabel="reviews", title=title)
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(PICTURE, dpi=100, metadata={"Software": None})


def earlier_rows(machine: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of the committed results, if they were measured with the same backend on the same machine."""
    if not RESULTS.is_file():
        return []
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    return list(results["rows"]) if machine.items() <= results.items() else []


def main() -> None:
    """Measure, and renew the results and the page."""
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    folder, counts = Path(sys.argv[1]), [int(count) for count in sys.argv[2:]] or COUNTS
    folder.mkdir(parents=True, exist_ok=True)
    machine = {"backend": training_backend_name(), "cores": available_cores(), "processor": processor()}
    rows = {row["reviews"]: row for row in earlier_rows(machine)}
    for count in counts:
        rows[count] = measure(count, folder)
        results = machine | {"rows": [rows[number] for number in sorted(rows)]}
        write_json(RESULTS, results)
        write_text(PAGE, replace_table(PAGE.read_text(encoding="utf-8"), "large-corpora", table(results)))
        draw(results)
        sys.stderr.write(f"{rows[count]}\n")


if __name__ == "__main__":
    main()
