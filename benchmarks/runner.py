"""Runs every configuration in fresh processes, in rounds, each in another order, so that drift of the machine hits all.

First each configuration is checked against the oracle; what is another model is not timed. Each process leaves one file
(see store.py). What is there is not measured again: an interrupted run goes on where it stopped.
"""

import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from backends_test.environments import python_of
from benchmarks import end_to_end, store
from benchmarks.baselines.c import NO_COMPILER, compiler
from benchmarks.configurations import Configuration
from benchmarks.devices import Device, environment_of, one_core, processor, started
from benchmarks.inputs import IMDB
from benchmarks.preparation import prepare
from benchmarks.roofline import measure_machine
from benchmarks.worker import Task
from imdb_rnn.corpora import imdb
from imdb_rnn.files import atomic_write

# An epoch of the 20,000 reviews to learn from, 64 a step.
EPOCH_BATCHES = 313
SEED = 20
NO_IMDB = "whole runs read the IMDB reviews, and there is no copy of them here: set IMDB_RNN_DATA to a folder of it"


class BenchmarkError(Exception):
    """A configuration cannot be run, or the folder holds another run."""


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Attributes:
        quick: the smaller plan: its figures are rougher, and every page says so.
        rounds: how often each configuration gets a process of its own.
        batches: of an epoch: all 313, or as many as are then scaled to it.
        calls: predictions of a single review, in each process.
        whole_runs: from a cold process to a saved model, each with another seed; 0 leaves them out.
        epochs: of a whole run.
        growth: whether larger batches, lengths, units and corpora are timed.
    """

    quick: bool
    rounds: int
    batches: int
    calls: int
    whole_runs: int
    epochs: int
    growth: bool


FULL = Plan(quick=False, rounds=7, batches=EPOCH_BATCHES, calls=150, whole_runs=5, epochs=3, growth=True)
QUICK = Plan(quick=True, rounds=3, batches=32, calls=50, whole_runs=0, epochs=0, growth=False)


class Todo(NamedTuple):
    """A process to run: the round, what it measures, and the configuration's name."""

    round: int
    measurement: str
    name: str


def run(folder: Path, plan: Plan, chosen: list[Configuration], device: Device) -> int:
    """Measure what is not measured yet.

    Args:
        folder: where to.
        plan: how much.
        chosen: the configurations.
        device: where.

    Returns:
        How many processes that took; 0 if everything had been measured before.

    Raises:
        BenchmarkError: the folder holds a run of another plan, machine or device, or a configuration fails.
    """
    (folder / "raw").mkdir(parents=True, exist_ok=True)
    note = begin(folder, plan, device)
    with_data = (folder / "inputs" / IMDB / imdb.REVIEWS).exists()
    if plan.whole_runs and not with_data:
        print(f"Left out: {NO_IMDB}", file=sys.stderr)
    names = {one.name: one for one in chosen}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    # Drawn once a second at most: drawing is work beside what is measured.
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), refresh_per_second=1) as progress:
        checks = [Todo(0, "check", name) for name in names]
        rounds = list(order_of(plan, chosen, with_data))
        bar = progress.add_task("benchmarks", total=len(checks) + len(rounds))

        def run_once(position: int, todo: Todo) -> bool:
            """Measure what has not been measured, and say whether it had not."""
            progress.update(bar, description=f"round {todo.round}, {todo.measurement}, {todo.name}")
            configuration, missing = names[todo.name], not store.path_of(folder, *todo).is_file()
            missing = missing and (todo.round == 0 or may_be_timed(folder, configuration))
            if missing:
                values, metadata = measure(todo, configuration, plan, device, folder / "inputs")
                store.write(folder, store.Process(*todo, values, metadata | {"position": position}))
            progress.advance(bar)
            return missing

        # Checks are not timed, so they may share the machine; not a GPU, whose memory they would fill.
        with ThreadPoolExecutor(os.cpu_count() if device.kind == "cpu" else 1) as pool:
            done = sum(pool.map(run_once, range(len(checks)), checks))
        for position, todo in enumerate(rounds, start=len(checks)):
            done += run_once(position, todo)
    note_left_out(folder, note, plan, with_data)
    return done


def may_be_timed(folder: Path, configuration: Configuration) -> bool:
    """Whether a configuration has been found to be this model, or is timed although it is another."""
    if not configuration.same_model:
        return True
    (found,) = (one for one in store.read(folder, f"0-check-{configuration.name}"))
    return bool(found.metadata["difference"] <= found.metadata["tolerance"])


def begin(folder: Path, plan: Plan, device: Device) -> dict[str, Any]:
    """Prepare a run and note what it is of, or check that a run that goes on is of the same.

    Raises:
        BenchmarkError: it is not.
    """
    path = folder / "run.json"
    # Not the name itself: a run may be published.
    node = hashlib.sha256(platform.node().encode()).hexdigest()[:12]
    same = {"plan": asdict(plan), "node": node, "device": asdict(device)}
    if path.is_file():
        noted: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        received = {key: noted.get(key) for key in same}
        if received != same:
            msg = f"Cannot go on with {folder}. Expected: the same plan, machine and device. Received: {received}."
            raise BenchmarkError(msg)
        return noted
    (folder / "inputs").mkdir(exist_ok=True)
    with one_core("cpu"):
        machine = asdict(measure_machine())
    note = same | {
        "processor": processor(),
        "cores": os.cpu_count(),
        "host_memory": float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")),
        "system": platform.system(),
        "date": datetime.now(UTC).date().isoformat(),
        "data": prepare(folder / "inputs"),
        "machine": machine,
        "left_out": {},
    }
    write_note(path, note)
    return note


def note_left_out(folder: Path, note: dict[str, Any], plan: Plan, with_data: bool) -> None:
    """Note what this machine could not measure, and why."""
    reasons = {}
    if device_is_cpu(note) and compiler() is None:
        reasons["c"] = NO_COMPILER
    if plan.whole_runs and not with_data:
        reasons["whole runs"] = NO_IMDB
    if note.get("left_out") != reasons:
        write_note(folder / "run.json", note | {"left_out": reasons})


def device_is_cpu(note: dict[str, Any]) -> bool:
    """Whether a run is of a CPU."""
    return bool(note["device"]["kind"] == "cpu")


def write_note(path: Path, note: dict[str, Any]) -> None:
    """Write what a run is of."""
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(note, indent=1) + "\n", encoding="utf-8")


def order_of(plan: Plan, chosen: list[Configuration], with_data: bool) -> Iterator[Todo]:
    """Every process of every round, in an order that is drawn anew for each.

    Whole runs fill the first rounds, one seed each; each configuration's growth is timed in one of them.
    """
    random = np.random.default_rng(SEED)
    for number in range(1, plan.rounds + 1):
        todo = [Todo(number, "steady", one.name) for one in chosen]
        if with_data and number <= plan.whole_runs:
            todo += [Todo(number, "whole", one.name) for one in chosen if one.way]
        if plan.growth:
            growing = [one.name for one in chosen if one.grows]
            todo += [Todo(number, "growth", name) for i, name in enumerate(growing) if i % plan.rounds == number - 1]
        yield from (todo[i] for i in random.permutation(len(todo)))


def available(configuration: Configuration) -> bool:
    """Whether what a configuration needs is there."""
    return configuration.framework != "c" or compiler() is not None


def measure(
    todo: Todo, configuration: Configuration, plan: Plan, device: Device, inputs: Path
) -> tuple[dict[str, list[float]], dict[str, Any]]:
    """Measure in a fresh process.

    Returns:
        Quantity -> figures, and what else is known.

    Raises:
        BenchmarkError: it fails.
    """
    if todo.measurement == "whole":
        try:
            return end_to_end.measure_whole(configuration, device.kind, inputs.absolute(), todo.round, plan.epochs)
        except end_to_end.WholeRunError as error:
            raise BenchmarkError(str(error)) from error
    task = Task(todo.measurement, todo.name, device.kind, str(inputs.absolute()), plan.batches, plan.calls)
    environment = environment_of(device.kind, configuration) | {
        "KERAS_BACKEND": configuration.backend,
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
    # -P: the installed library is measured, not the one in the current folder.
    command = [str(python_of(configuration.backend)), "-P", "-m", "benchmarks.worker", json.dumps(asdict(task))]
    # What is not timed needs no core to itself.
    cores = "all" if todo.measurement == "check" else configuration.cores
    with started(command, environment, device.kind, cores, errors=subprocess.PIPE) as process:
        output, errors = process.communicate()
    if process.returncode:
        msg = f"{todo.name} failed ({todo.measurement}): {(errors.strip().splitlines() or ['it was killed'])[-1]}"
        raise BenchmarkError(msg)
    found = json.loads(output.splitlines()[-1])
    return found["values"], found["metadata"]
