"""Times whole runs, end to end: from a cold process to a saved model, with the time at which each accuracy is reached.

A run reads the files of the IMDB reviews, trains for a few epochs, validates after each, keeps the best one, evaluates
it on the test reviews and saves it. Its output is read line by line, with the time of each line. Only what a user gets
is measured with a cache that was filled before (see devices.py). Afterwards the saved model predicts one review,
started from the shell.
"""

import importlib
import json
import re
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.configurations import CONFIGURATIONS, Configuration, Cores, DeviceKind
from benchmarks.devices import cache_of, environment_of, started
from benchmarks.inputs import IMDB

REVIEW = "a moving story with great acting and a clever ending"
ACCURACY = re.compile(r"\bval_accuracy:? ([\d.]+)")
PHASE = re.compile(r"-- (\w+)$")


class WholeRunError(Exception):
    """A whole run fails."""


@dataclass
class Output:
    """The output of a process, with seconds since it was started.

    Attributes:
        seconds: until the process ended.
        points: (seconds, validation accuracy) of each epoch.
        phases: name -> seconds.
    """

    seconds: float = 0.0
    points: list[tuple[float, float]] = field(default_factory=list)
    phases: dict[str, float] = field(default_factory=dict)


def measure_whole(
    configuration: Configuration, kind: DeviceKind, inputs: Path, seed: int, epochs: int, python: Path
) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Time a whole run, and then a prediction from the shell.

    Args:
        configuration: a configuration with whole runs.
        kind: the kind of device.
        inputs: the folder of benchmarks.inputs.
        seed: the seed of weights and shuffling.
        epochs: number of epochs.
        python: the Python of the configuration's environment.

    Returns:
        Seconds: "whole", "shell" (not for loops), "phase NAME", "epoch N" (from the start to its end); and the
        validation accuracies, "accuracy_N".

    Raises:
        WholeRunError: a process fails.
    """
    with tempfile.TemporaryDirectory(prefix="imdb_rnn-") as temporary, cache_of(configuration, inputs) as cache:
        folder = Path(temporary) / "model"
        environment = environment_of(kind, configuration) | {
            **cache,
            "KERAS_BACKEND": configuration.backend,
            "IMDB_RNN_DATA": str(inputs / IMDB),
            "PYTHONUNBUFFERED": "1",
            "TF_CPP_MIN_LOG_LEVEL": "2",
        }
        train, predict = commands(configuration, folder, seed, epochs, python)
        output = watch(train, environment, kind, configuration.cores)
        manifest = folder / "manifest.json"
        if manifest.is_file():  # the library measures its phases itself
            output.phases = json.loads(manifest.read_text(encoding="utf-8"))["seconds"]
        values = {"whole": [output.seconds]}
        if predict:
            values["shell"] = [watch(predict, environment, kind, configuration.cores).seconds]
    if len(output.points) != epochs:
        msg = f"{configuration.name} failed. Expected: {epochs} validation accuracies. Received: {len(output.points)}."
        raise WholeRunError(msg)
    values |= {f"phase {name}": [max(seconds, 1e-6)] for name, seconds in output.phases.items()}
    values |= {f"epoch {i}": [seconds] for i, (seconds, _) in enumerate(output.points, start=1)}
    return values, {f"accuracy_{i}": accuracy for i, (_, accuracy) in enumerate(output.points, start=1)}


def commands(
    configuration: Configuration, folder: Path, seed: int, epochs: int, python: Path
) -> tuple[list[str], list[str]]:
    """Return the command that trains, and the one that predicts a review with the saved model (empty for loops)."""
    numbers = [str(seed), str(epochs)]
    if configuration.whole_run == "script":
        script = [str(python), str(Path(__file__).with_name("tutorial.py"))]
        return [*script, "train", str(folder), *numbers], [*script, "predict", str(folder), REVIEW]
    if configuration.whole_run == "command":
        command = str(python.with_name("imdb-rnn"))
        options = f"--recipe tutorial --data imdb --seed {seed} --epochs {epochs} --out".split()
        return [command, "train", *options, str(folder)], [command, "predict", str(folder), REVIEW]
    # -P: the installed library is measured, not the one in the current folder.
    return [str(python), "-P", "-m", "benchmarks.end_to_end", configuration.name, str(folder), *numbers], []


def watch(command: list[str], environment: dict[str, str], kind: DeviceKind, cores: Cores = "one") -> Output:
    """Run a process to its end, and read its output line by line.

    Raises:
        WholeRunError: the process fails.
    """
    output, lines, phase_began = Output(), [], 0.0
    began = time.perf_counter()
    with started(command, environment, kind, cores) as process:
        assert process.stdout  # noqa: S101 (it is a pipe)
        for line in process.stdout:
            now = time.perf_counter() - began
            lines.append(line)
            if accuracy := ACCURACY.search(line):
                output.points.append((now, float(accuracy[1])))
            if phase := PHASE.match(line):
                output.phases[phase[1]] = now - phase_began
                phase_began = now
    output.seconds = time.perf_counter() - began
    if process.returncode:
        msg = f"{' '.join(command[:3])} failed:\n{''.join(lines[-20:])}"
        raise WholeRunError(msg)
    return output


def train_in_a_loop() -> None:
    """Train a baseline as a user would: read, split, train each epoch, keep the best. A program of its own."""
    from backends_test.comparison.inputs import draw_initial
    from backends_test.data import split_corpus
    from imdb_rnn import load_reviews

    name, folder, seed, epochs = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    (configuration,) = (one for one in CONFIGURATIONS if one.name == name)
    module, _, trainer_name = configuration.trainer.partition(":")
    make = getattr(importlib.import_module(module), trainer_name)
    print("-- import")
    splits = split_corpus(load_reviews("imdb"), 10_000, 100)
    print("-- data")
    trainer = make(draw_initial(seed))
    print("-- build")
    folder.mkdir(parents=True)
    best = 0.0
    for epoch in range(epochs):
        trainer.train_epoch(splits.train, seed, epoch)
        right = (trainer.predict(splits.validation.x) > 0.5) == (splits.validation.y[:, 0] == 1)
        print(f"epoch {epoch + 1}  val_accuracy {right.mean():.4f}")
        if right.mean() > best:
            best, weights = right.mean(), trainer.weights()
            np.savez(folder / "weights.npz", *weights)
    print("-- training")
    right = (make(weights).predict(splits.test.x) > 0.5) == (splits.test.y[:, 0] == 1)
    print(f"test accuracy {right.mean():.4f}")
    print("-- evaluation")


if __name__ == "__main__":
    train_in_a_loop()
