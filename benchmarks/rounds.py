"""Runs every configuration in fresh processes, in rounds, each in another order, so that drift of the machine hits all.

May import: pyperf, rich, numpy, the standard library, benchmarks; parity (backends_test/) for the environments.

Each process leaves one pyperf file, FOLDER/raw/ROUND-NAME.json. What is there is not measured again: an interrupted run
goes on where it stopped.
"""

import hashlib
import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyperf
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from benchmarks.configurations import Configuration
from benchmarks.limit import measure_machine
from benchmarks.peers.c import compiler
from imdb_rnn.files import replacing
from parity.environments import ROOT, python_of

# An epoch of the 20,000 reviews to learn from, 64 a step.
EPOCH_BATCHES = 313
SEED = 20


class BenchmarkError(Exception):
    """A configuration cannot be run, or the folder holds another run."""


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Attributes:
        quick: the smaller plan: its figures are rougher, and every page says so.
        rounds: how often each configuration gets a process of its own.
        batches: that are timed as one.
        epochs: how often they are, in each process.
        calls: single predictions, in each process.
    """

    quick: bool
    rounds: int
    batches: int
    epochs: int
    calls: int


FULL = Plan(quick=False, rounds=7, batches=EPOCH_BATCHES, epochs=3, calls=1_000)
QUICK = Plan(quick=True, rounds=3, batches=79, epochs=2, calls=100)


def run(folder: Path, plan: Plan, chosen: list[Configuration]) -> int:
    """Measure what is not measured yet.

    Args:
        folder: where to.
        plan: how much.
        chosen: the configurations.

    Returns:
        How many processes that took; 0 if everything had been measured before.

    Raises:
        BenchmarkError: the folder holds a run of another plan or machine, or a configuration fails.
    """
    raw = folder / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    begin(folder, plan)
    todo = [(number, name) for number, name in order_of(plan, chosen) if not (raw / f"{number}-{name}.json").is_file()]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as progress:
        task = progress.add_task("benchmarks", total=len(todo))
        for number, name in todo:
            progress.update(task, description=f"round {number}, {name}")
            (configuration,) = (one for one in chosen if one.name == name)
            found = measure(configuration, plan)
            with replacing(raw / f"{number}-{name}.json") as path:
                as_suite(configuration, number, found).dump(str(path), replace=True)
            progress.advance(task)
    return len(todo)


def begin(folder: Path, plan: Plan) -> None:
    """Note the plan and the machine, or check that a run that goes on is of the same.

    Raises:
        BenchmarkError: it is not.
    """
    path = folder / "run.json"
    # Not the name itself: a run may be published.
    node = hashlib.sha256(platform.node().encode()).hexdigest()[:12]
    if path.is_file():
        noted = json.loads(path.read_text(encoding="utf-8"))
        if (noted["plan"], noted["node"]) != (asdict(plan), node):
            msg = f"Cannot go on with {folder}. Expected: the same plan and machine. Received: {noted['plan']}."
            raise BenchmarkError(msg)
        return
    note = {
        "plan": asdict(plan),
        "node": node,
        "processor": processor(),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": asdict(measure_machine()),
    }
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(note, indent=1) + "\n", encoding="utf-8")


def processor() -> str:
    """What the system calls the processor."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor())


def order_of(plan: Plan, chosen: list[Configuration]) -> list[tuple[int, str]]:
    """Every round, and in it every configuration, in an order that is drawn anew for each."""
    random = np.random.default_rng(SEED)
    names = [one.name for one in chosen]
    return [(number, names[i]) for number in range(1, plan.rounds + 1) for i in random.permutation(len(names))]


def available(configuration: Configuration) -> bool:
    """Whether what a configuration needs is there."""
    return configuration.needs != "compiler" or compiler() is not None


def measure(configuration: Configuration, plan: Plan) -> dict[str, Any]:
    """Run the worker in a fresh process.

    Raises:
        BenchmarkError: it fails.
    """
    # Appended: the installed library stays the one that is measured.
    program = f"import sys; sys.path += {[str(ROOT), str(ROOT / 'backends_test')]}; "
    program += "from benchmarks.worker import main; main()"
    variables = {
        "KERAS_BACKEND": configuration.backend,
        "OMP_NUM_THREADS": "1",
        "TF_NUM_INTRAOP_THREADS": "1",
        "TF_NUM_INTEROP_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
    counts = map(str, (plan.batches, plan.epochs, plan.calls))
    command = [python_of(configuration.backend), "-c", program, configuration.name, *counts]
    completed = subprocess.run(command, capture_output=True, text=True, env=os.environ | variables, cwd=ROOT.anchor)
    if completed.returncode:
        msg = f"{configuration.name} failed: {completed.stderr.strip().splitlines()[-1]}"
        raise BenchmarkError(msg)
    found: dict[str, Any] = json.loads(completed.stdout.splitlines()[-1])
    return found


def as_suite(configuration: Configuration, number: int, found: dict[str, Any]) -> pyperf.BenchmarkSuite:
    """What a process found, as pyperf keeps it: a benchmark for each quantity."""
    values = {
        "epoch": found["epochs"],
        "first step": [found["first_step"]],
        "import": [found["import"]],
        "build": [found["build"]],
        "latency": found["latency"],
        "throughput": [found["throughput"]],
        "memory": [found["memory"]],
    }
    units = {"throughput": "integer", "memory": "byte"}
    metadata = {
        "configuration": configuration.name,
        "round": number,
        "difference": found["difference"],
        "tolerance": found["tolerance"],
        **{f"path_{name}": value for name, value in found["path"].items()},
    }
    benchmarks = [
        pyperf.Benchmark(
            [
                pyperf.Run(
                    [float(value) for value in measured],
                    metadata=metadata | {"name": f"{configuration.name}: {name}", "unit": units.get(name, "second")},
                    collect_metadata=False,  # it names paths of this machine
                )
            ]
        )
        for name, measured in values.items()
    ]
    return pyperf.BenchmarkSuite(benchmarks)
