"""Keeps what a process measured, as a pyperf file: FOLDER/raw/ROUND-MEASUREMENT-NAME.json, a benchmark a quantity."""

from pathlib import Path
from typing import Any, NamedTuple

import pyperf

from imdb_rnn.files import atomic_write

OF_ONE = ("name", "unit")  # metadata of a single quantity, not of the process


class Process(NamedTuple):
    """What one process measured.

    Attributes:
        round: 0 are the checks.
        measurement: "check", "steady", "whole" or "growth".
        name: of the configuration.
        values: quantity -> figures, in seconds; those of memory in bytes.
        metadata: what else is known: text and numbers by name.
    """

    round: int
    measurement: str
    name: str
    values: dict[str, list[float]]
    metadata: dict[str, Any]


def path_of(folder: Path, round_: int, measurement: str, name: str) -> Path:
    """Where the figures of a process are kept."""
    return folder / "raw" / f"{round_}-{measurement}-{name}.json"


def write(folder: Path, process: Process) -> None:
    """Keep what a process measured: the whole file or none."""
    round_, measurement, name, values, metadata = process
    shared = metadata | {"configuration": name, "round": round_, "measurement": measurement}
    benchmarks = [
        pyperf.Benchmark(
            [
                pyperf.Run(
                    [float(figure) for figure in figures],
                    metadata=shared
                    | {
                        "name": f"{name}: {quantity}",
                        "unit": "byte" if quantity.startswith("memory") else "second",
                    },
                    collect_metadata=False,  # it names paths of this machine
                )
            ]
        )
        for quantity, figures in values.items()
    ]
    with atomic_write(path_of(folder, round_, measurement, name)) as path:
        pyperf.BenchmarkSuite(benchmarks).dump(str(path), replace=True)


def read(folder: Path, stem: str = "*") -> list[Process]:
    """Read what every process measured, or those whose file has a certain stem."""
    return [_read(path) for path in sorted((folder / "raw").glob(f"{stem}.json"))]


def _read(path: Path) -> Process:
    benchmarks = list(pyperf.BenchmarkSuite.load(str(path)))
    metadata = dict(benchmarks[0].get_metadata())
    values = {one.get_name().partition(": ")[2]: list(one.get_values()) for one in benchmarks}
    name, round_, measurement, *_ = (metadata.pop(key) for key in ("configuration", "round", "measurement", *OF_ONE))
    return Process(int(round_), measurement, name, values, metadata)
