"""Measures one configuration in a fresh process, in the environment of its backend; prints what it found as JSON.

    python -m benchmarks.worker TASK

TASK is a `Task` as JSON.
"""

import importlib
import json
import platform
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from benchmarks import correctness, scaling, steady_state
from benchmarks.configurations import Configuration, Kind, configurations_on
from benchmarks.devices import allocator_peak, driver_memory, expected_device, host_peak
from benchmarks.inputs import read_check, read_training
from benchmarks.trainer import Trainer


@dataclass(frozen=True)
class Task:
    """What a process does.

    Attributes:
        measurement: "check" whether it is this model, "steady" or "growth".
        name: of the configuration.
        kind: of the device.
        inputs: the folder of benchmarks.inputs.
        batches: of the epoch that is timed.
        calls: predictions of a single review.
    """

    measurement: Literal["check", "steady", "growth"]
    name: str
    kind: Kind
    inputs: str
    batches: int
    calls: int


class FallbackError(Exception):
    """Another path ran than the one that is to be measured."""


def perform(task: Task) -> dict[str, Any]:
    """Do what a task says.

    Returns:
        `values`: quantity -> figures, seconds or bytes, all above 0; `metadata`: the path, and what else is known.

    Raises:
        FallbackError: see `check_path`.
    """
    (configuration,) = (one for one in configurations_on(task.kind) if one.name == task.name)
    module, _, maker = configuration.make.partition(":")
    seconds_of_import, make = steady_state.timed(lambda: getattr(importlib.import_module(module), maker))
    measure = {"check": check, "steady": measure_steadily, "growth": measure_growth}[task.measurement]
    values, metadata = measure(configuration, make, task)
    return {"values": {"import": [seconds_of_import]} | values, "metadata": metadata}


def check(configuration: Configuration, make: Callable[..., Trainer], task: Task) -> tuple[dict[str, Any], Any]:
    """Compare with the oracle."""
    difference = correctness.difference(make, read_check(Path(task.inputs)))
    return {}, {"difference": difference, "tolerance": correctness.tolerance()}


def measure_steadily(
    configuration: Configuration, make: Callable[..., Trainer], task: Task
) -> tuple[dict[str, Any], Any]:
    """Time start, training and prediction."""
    values: dict[str, Any] = {}
    seconds, training = steady_state.timed(lambda: read_training(Path(task.inputs)))
    values["data"] = [seconds]
    seconds, trainer = steady_state.timed(lambda: make(training.initial))
    values["build"] = [seconds]
    path = check_path(configuration, task.kind, trainer)
    values |= steady_state.measure_training(trainer, steady_state.first_reviews(training, task.batches))
    memory: dict[str, int | None] = {"memory host": host_peak()}
    if task.kind == "gpu":
        memory |= {"memory allocator": allocator_peak(configuration.framework), "memory driver": driver_memory()}
    values |= {name: [float(size)] for name, size in memory.items() if size}
    values |= steady_state.measure_prediction(trainer, training.predicted, task.calls)
    return values, {f"path_{name}": value for name, value in (path | {"versions": versions()}).items()}


def measure_growth(
    configuration: Configuration, make: Callable[..., Trainer], task: Task
) -> tuple[dict[str, Any], Any]:
    """Time ever larger work."""

    def made(weights: Any, length: int) -> Trainer:
        # Only Keras wants to know the length before it sees a review.
        return make(weights, length) if configuration.kind == "variant" else make(weights)

    training = read_training(Path(task.inputs))
    return {n: [s] for n, s in scaling.measure_growth(made, training, configuration.any_units)}, {}


def check_path(configuration: Configuration, kind: Kind, trainer: Trainer) -> dict[str, str]:
    """The path that runs, if it is the one that is to be measured.

    Raises:
        FallbackError: it is not.
    """
    path = trainer.path()
    expected = {**configuration.path, "device": expected_device(kind, configuration.framework)}
    for name, value in expected.items():
        if path.get(name) != value:
            msg = f"{configuration.name} fell back. Expected: {name} {value}. Received: {path.get(name)}."
            raise FallbackError(msg)
    return path


def versions() -> str:
    """What is installed here of what a figure may depend on."""
    found = []
    for name in ("python", "keras", "numpy", "jax", "torch", "tensorflow", "tensorflow-cpu"):
        with suppress(PackageNotFoundError):
            found.append(f"{name} {platform.python_version() if name == 'python' else version(name)}")
    return ", ".join(found)


def main() -> None:
    """Do what the command line says."""
    print(json.dumps(perform(Task(**json.loads(sys.argv[1])))))


if __name__ == "__main__":
    main()
