"""Runs every configuration in fresh processes, in rounds of random order, so that drift of the machine affects all.

First each configuration is compared with the oracle; if it computes another model, it is not timed. Each process writes
one file (see store.py). Jobs whose file exists are skipped, so an interrupted run continues where it stopped.
"""

import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from backends_test.environments import python_of
from backends_test.pages import write_json
from benchmarks import end_to_end, store
from benchmarks.baselines.c import NO_COMPILER, compiler
from benchmarks.configurations import Configuration
from benchmarks.devices import Device, cache_of, environment_of, is_cached, one_core, started
from benchmarks.errors import BenchmarkError
from benchmarks.inputs import IMDB
from benchmarks.plan import Job, Plan, jobs_of
from benchmarks.preparation import prepare
from benchmarks.roofline import measure_machine
from benchmarks.store import Measurement
from benchmarks.worker import Results, Task
from imdb_rnn.corpora import imdb
from imdb_rnn.processes import available_cores
from imdb_rnn.processor import processor

NO_IMDB = "whole runs need a local copy of the IMDB reviews: set IMDB_RNN_DATA to its folder"


def run(
    folder: Path,
    plan: Plan,
    configurations: list[Configuration],
    device: Device,
    interpreters: Mapping[str, Path] = MappingProxyType({}),
) -> int:
    """Run the jobs that have not been measured yet.

    Args:
        folder: where the run is stored.
        plan: how much is measured.
        configurations: what is measured.
        device: where it is measured.
        interpreters: backend -> Python of an environment that has it; by default those of tox.

    Returns:
        The number of jobs that were run; 0 if everything had been measured before.

    Raises:
        BenchmarkError: the folder holds a run of another plan, machine or device, or a configuration fails.
    """
    (folder / "raw").mkdir(parents=True, exist_ok=True)
    note = begin(folder, plan, device)
    with_data = (folder / "inputs" / IMDB / imdb.REVIEWS).exists()
    if plan.whole_runs and not with_data:
        print(f"Left out: {NO_IMDB}", file=sys.stderr)
    by_name = {one.name: one for one in configurations}
    checks = [Job(0, "check", name) for name in by_name]
    jobs = list(jobs_of(plan, configurations, with_data))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    # Drawn at most once a second, because drawing competes with what is measured.
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), refresh_per_second=1) as progress:
        bar = progress.add_task("benchmarks", total=len(checks) + len(jobs))

        def run_job(position: int, job: Job) -> bool:
            progress.update(bar, description=f"round {job.round}, {job.kind}, {job.configuration}")
            measured = measure_missing(position, job, by_name[job.configuration], plan, device, folder, interpreters)
            progress.advance(bar)
            return measured

        # Checks are not timed, so they may share the cores, and a few of them a GPU.
        with ThreadPoolExecutor(available_cores() if device.kind == "cpu" else 4) as pool:
            count = sum(pool.map(run_job, range(len(checks)), checks))
        for position, job in enumerate(jobs, start=len(checks)):
            count += run_job(position, job)
    note_left_out(folder, note, plan, with_data)
    return count


def measure_missing(
    position: int,
    job: Job,
    configuration: Configuration,
    plan: Plan,
    device: Device,
    folder: Path,
    interpreters: Mapping[str, Path],
) -> bool:
    """Measure and store a job, unless it has been measured before or may not be timed.

    Returns:
        Whether it was measured.
    """
    if store.path_of(folder, *job).is_file() or (job.kind != "check" and not may_be_timed(folder, configuration)):
        return False
    python = interpreters.get(configuration.backend) or python_of(configuration.backend)
    if job.kind == "check" and is_cached(configuration):
        fill_cache(configuration, plan, device, folder / "inputs", python)
    values, metadata = measure(job, configuration, plan, device, folder / "inputs", python)
    store.write(folder, Measurement(*job, values, metadata | {"position": position}))
    return True


def fill_cache(configuration: Configuration, plan: Plan, device: Device, inputs: Path, python: Path) -> None:
    """Run once what will be timed with a cache that was filled before."""
    measure(Job(0, "steady", configuration.name), configuration, plan, device, inputs, python)
    if plan.whole_runs and (inputs / IMDB / imdb.REVIEWS).exists():
        measure(Job(0, "whole", configuration.name), configuration, plan, device, inputs, python)


def may_be_timed(folder: Path, configuration: Configuration) -> bool:
    """Whether a configuration agrees with the oracle, or need not."""
    if not configuration.same_model:
        return True
    (check,) = store.read(folder, f"0-check-{configuration.name}")
    return bool(check.metadata["difference"] <= check.metadata["tolerance"])


def begin(folder: Path, plan: Plan, device: Device) -> dict[str, Any]:
    """Prepare a run and write its note, run.json; or read the note of a run that continues.

    Raises:
        BenchmarkError: the folder holds a run of another plan, machine or device.
    """
    path = folder / "run.json"
    # A digest, because runs are published.
    node = hashlib.sha256(platform.node().encode()).hexdigest()[:12]
    same = {"plan": asdict(plan), "node": node, "device": asdict(device)}
    if path.is_file():
        note: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        received = {key: note.get(key) for key in same}
        if received != same:
            msg = f"Cannot continue {folder}. Expected: the same plan, machine and device. Received: {received}."
            raise BenchmarkError(msg)
        return note
    (folder / "inputs").mkdir(exist_ok=True)
    with one_core("cpu"):
        machine = asdict(measure_machine())
    note = same | {
        "processor": processor(),
        "cores": available_cores(),
        "host_memory": float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")),
        "system": platform.system(),
        "date": datetime.now(UTC).date().isoformat(),
        "data": prepare(folder / "inputs"),
        "machine": machine,
        "left_out": {},
    }
    write_json(path, note)
    return note


def note_left_out(folder: Path, note: dict[str, Any], plan: Plan, with_data: bool) -> None:
    """Note what this machine cannot measure, and why."""
    reasons = {}
    if note["device"]["kind"] == "cpu" and compiler() is None:
        reasons["c"] = NO_COMPILER
    if plan.whole_runs and not with_data:
        reasons["whole runs"] = NO_IMDB
    if note.get("left_out") != reasons:
        write_json(folder / "run.json", note | {"left_out": reasons})


def available(configuration: Configuration) -> bool:
    """Whether this machine has what a configuration needs."""
    return configuration.framework != "c" or compiler() is not None


def measure(job: Job, configuration: Configuration, plan: Plan, device: Device, inputs: Path, python: Path) -> Results:
    """Measure a job in a fresh process.

    Returns:
        Quantity -> values, and metadata.

    Raises:
        BenchmarkError: the process fails.
    """
    if job.kind == "whole":
        try:
            return end_to_end.measure_whole(
                configuration, device.kind, inputs.absolute(), job.round, plan.epochs, python
            )
        except end_to_end.WholeRunError as error:
            raise BenchmarkError(str(error)) from error
    batches_only = plan.scaling == "batches"
    task = Task(
        job.kind, job.configuration, device.kind, str(inputs.absolute()), plan.batches, plan.calls, batches_only
    )
    environment = environment_of(device.kind, configuration) | {
        "KERAS_BACKEND": configuration.backend,
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
    # -P: the installed library is measured, not the one in the current folder.
    command = [str(python), "-P", "-m", "benchmarks.worker", json.dumps(asdict(task))]
    # A check is not timed and needs no core of its own.
    cores = "all" if job.kind == "check" else configuration.cores
    with (
        cache_of(configuration, inputs) as cache,
        started(command, environment | cache, device.kind, cores, errors=subprocess.PIPE) as process,
    ):
        output, errors = process.communicate()
    if process.returncode:
        reason = (errors.strip().splitlines() or ["it was killed"])[-1]
        msg = f"{job.configuration} failed ({job.kind}): {reason}"
        raise BenchmarkError(msg)
    results = json.loads(output.splitlines()[-1])
    return results["values"], results["metadata"]
