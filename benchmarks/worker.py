"""Measures one configuration in a fresh process, in the environment of its backend, and prints the results as JSON.

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
from benchmarks.configurations import Configuration, DeviceKind, configurations_on
from benchmarks.devices import allocator_peak, driver_memory, expected_device, host_peak
from benchmarks.errors import BenchmarkError
from benchmarks.inputs import read_check, read_training
from benchmarks.trainer import Trainer

# quantity -> values, and metadata.
Results = tuple[dict[str, list[float]], dict[str, Any]]


@dataclass(frozen=True)
class Task:
    """The work of one process.

    Attributes:
        kind: "check" whether the configuration computes this model, "steady" state, or "scaling".
        configuration: the name of the configuration.
        device: the kind of device.
        inputs: the folder of benchmarks.inputs.
        batches: batches of the timed epoch.
        calls: predictions of a single review.
        batches_only: whether only the batch grows in "scaling".
    """

    kind: Literal["check", "steady", "scaling"]
    configuration: str
    device: DeviceKind
    inputs: str
    batches: int
    calls: int
    batches_only: bool = False


class FallbackError(BenchmarkError):
    """A configuration runs another path than the one to be measured."""


def perform(task: Task) -> dict[str, Any]:
    """Perform a task.

    Returns:
        `values`: quantity -> values, seconds or bytes, all above 0; `metadata`: the path, and other information.

    Raises:
        FallbackError: see `check_path`.
    """
    (configuration,) = (one for one in configurations_on(task.device) if one.name == task.configuration)
    module, _, name = configuration.trainer.partition(":")
    seconds_of_import, make = steady_state.timed(lambda: getattr(importlib.import_module(module), name))
    measure = {"check": check, "steady": measure_steady_state, "scaling": measure_scaling}[task.kind]
    values, metadata = measure(configuration, make, task)
    return {"values": {"import": [seconds_of_import]} | values, "metadata": metadata}


def check(configuration: Configuration, make: Callable[..., Trainer], task: Task) -> Results:
    """Compare with the oracle."""
    difference = correctness.difference(make, read_check(Path(task.inputs)))
    return {}, {"difference": difference, "tolerance": correctness.tolerance()}


def measure_steady_state(configuration: Configuration, make: Callable[..., Trainer], task: Task) -> Results:
    """Time the start, training and prediction."""
    values: dict[str, list[float]] = {}
    seconds, training = steady_state.timed(lambda: read_training(Path(task.inputs)))
    values["data"] = [seconds]
    seconds, trainer = steady_state.timed(lambda: make(training.initial))
    values["build"] = [seconds]
    path = check_path(configuration, task.device, trainer)
    values |= steady_state.measure_training(trainer, steady_state.first_reviews(training, task.batches))
    memory: dict[str, int | None] = {"memory host": host_peak()}
    if task.device == "gpu":
        memory |= {"memory allocator": allocator_peak(configuration.framework), "memory driver": driver_memory()}
    values |= {name: [float(size)] for name, size in memory.items() if size}
    values |= steady_state.measure_prediction(trainer, training.predicted, task.calls)
    return values, {f"path_{name}": value for name, value in (path | {"versions": versions()}).items()}


def measure_scaling(configuration: Configuration, make: Callable[..., Trainer], task: Task) -> Results:
    """Time larger and larger work."""

    def make_for(weights: Any, length: int) -> Trainer:
        # Only Keras needs the length in advance.
        return make(weights, length) if configuration.kind == "variant" else make(weights)

    batches = scaling.GPU_BATCHES if task.device == "gpu" else scaling.BATCHES
    training = read_training(Path(task.inputs))
    points = scaling.measure_scaling(make_for, training, configuration.any_units, batches, task.batches_only)
    return {point: [seconds] for point, seconds in points}, {}


def check_path(configuration: Configuration, device: DeviceKind, trainer: Trainer) -> dict[str, str]:
    """Return the path that runs, if it is the one to be measured.

    Raises:
        FallbackError: it is another one.
    """
    path = trainer.path()
    expected = {**configuration.path, "device": expected_device(device, configuration.framework)}
    for name, value in expected.items():
        if path.get(name) != value:
            msg = f"{configuration.name} fell back. Expected: {name} {value}. Received: {path.get(name)}."
            raise FallbackError(msg)
    return path


def versions() -> str:
    """Return the installed versions of the packages that may influence a result."""
    installed = [f"python {platform.python_version()}"]
    for name in ("keras", "numpy", "jax", "torch", "tensorflow", "tensorflow-cpu"):
        with suppress(PackageNotFoundError):
            installed.append(f"{name} {version(name)}")
    return ", ".join(installed)


def main() -> None:
    """Run the command line."""
    print(json.dumps(perform(Task(**json.loads(sys.argv[1])))))


if __name__ == "__main__":
    main()
