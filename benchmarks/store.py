"""Stores the measurements of each process as a pyperf file with one benchmark per quantity.

The files are FOLDER/raw/ROUND-KIND-CONFIGURATION.json.
"""

from pathlib import Path
from typing import Any, Literal, NamedTuple

import pyperf  # type: ignore[import-untyped]

from imdb_rnn.files import atomic_write

# "check" whether a configuration computes this model, "steady" state, "whole" run, or "scaling".
MeasurementKind = Literal["check", "steady", "whole", "scaling"]
PER_QUANTITY = ("name", "unit")  # metadata that pyperf keeps for one quantity


class Measurement(NamedTuple):
    """The measurements of one process.

    Attributes:
        round: counted from 1; 0 for checks.
        kind: the kind of measurement.
        configuration: the name of the configuration.
        values: quantity -> values, in seconds, or in bytes for memory.
        metadata: name -> text or number.
    """

    round: int
    kind: MeasurementKind
    configuration: str
    values: dict[str, list[float]]
    metadata: dict[str, Any]


def path_of(folder: Path, round_: int, kind: str, configuration: str) -> Path:
    """Return the file of a measurement."""
    return folder / "raw" / f"{round_}-{kind}-{configuration}.json"


def write(folder: Path, measurement: Measurement) -> None:
    """Write a measurement, whole or not at all."""
    round_, kind, configuration, values, metadata = measurement
    shared = metadata | {"configuration": configuration, "round": round_, "measurement": kind}
    benchmarks = []
    for quantity, numbers in values.items():
        unit = "byte" if quantity.startswith("memory") else "second"
        run = pyperf.Run(
            [float(number) for number in numbers],
            metadata=shared | {"name": f"{configuration}: {quantity}", "unit": unit},
            collect_metadata=False,  # it would name paths of this machine
        )
        benchmarks.append(pyperf.Benchmark([run]))
    with atomic_write(path_of(folder, round_, kind, configuration)) as path:
        pyperf.BenchmarkSuite(benchmarks).dump(str(path), replace=True)


def read(folder: Path, stem: str = "*") -> list[Measurement]:
    """Read all measurements, or those whose file name matches a pattern."""
    return [_read(path) for path in sorted((folder / "raw").glob(f"{stem}.json"))]


def _read(path: Path) -> Measurement:
    benchmarks = list(pyperf.BenchmarkSuite.load(str(path)))
    metadata = dict(benchmarks[0].get_metadata())
    values = {one.get_name().partition(": ")[2]: list(one.get_values()) for one in benchmarks}
    configuration, round_, kind = (metadata.pop(key) for key in ("configuration", "round", "measurement"))
    for key in PER_QUANTITY:
        del metadata[key]
    return Measurement(int(round_), kind, configuration, values, metadata)
