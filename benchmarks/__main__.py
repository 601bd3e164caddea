"""Times training on each backend and in hand-written loops, measures the limit of this machine, and compares runs."""

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, get_args

import typer

from benchmarks.baselines.c import NO_COMPILER
from benchmarks.compare import compare
from benchmarks.configurations import Backend, DeviceKind, configurations_on
from benchmarks.devices import NO_GPU, Device, find_gpu
from benchmarks.errors import BenchmarkError, run_app
from benchmarks.plan import FAST, FAST_GPU, FULL
from benchmarks.report import publish, write_report
from benchmarks.runner import available, run
from benchmarks.tables import terminal_tables
from imdb_rnn.processor import processor

app = typer.Typer(help=__doc__, add_completion=False, no_args_is_help=True)
Folder = Annotated[Path, typer.Option("--out", help="Folder of the run; an interrupted run continues.")]
DEFAULT = Path(".benchmarks")


def check_names(given: list[str] | None, known: set[str]) -> None:
    """Reject unknown names."""
    for name in given or ():
        if name not in known:
            msg = f"{name!r} is not one of {', '.join(sorted(known))}"
            raise typer.BadParameter(msg)


def parse_interpreters(given: list[str]) -> dict[str, Path]:
    """Read texts of the form BACKEND=PYTHON."""
    interpreters = {}
    for text in given:
        backend, _, python = text.partition("=")
        if backend not in get_args(Backend) or shutil.which(python) is None:
            msg = f"Expected: BACKEND=PYTHON, with one of {', '.join(get_args(Backend))}. Received: {text!r}."
            raise typer.BadParameter(msg)
        interpreters[backend] = Path(str(shutil.which(python))).absolute()
    return interpreters


@app.command("run")
def run_command(
    out: Folder = DEFAULT,
    fast: Annotated[bool, typer.Option("--fast", help="Rough results in about ten minutes.")] = False,
    whole_runs: Annotated[
        int | None,
        typer.Option(min=0, max=FAST.rounds, help="Whole runs per configuration; by default none with --fast."),
    ] = None,
    kind: Annotated[DeviceKind, typer.Option("--device", help="Device to measure.")] = "cpu",
    backend: Annotated[list[str] | None, typer.Option(help="Only this backend; can be repeated.")] = None,
    only: Annotated[list[str] | None, typer.Option(help="Only this configuration; can be repeated.")] = None,
    python: Annotated[
        list[str] | None,
        typer.Option(help="BACKEND=PYTHON, an environment to measure in place of tox's; the others are left out."),
    ] = None,
    rounds: Annotated[int | None, typer.Option(min=1, help="Processes per configuration.")] = None,
) -> None:
    """Measure, write the report, and print its table. An interrupted run continues."""
    interpreters = parse_interpreters(python or [])
    configurations = [one for one in configurations_on(kind) if not interpreters or one.backend in interpreters]
    check_names(backend, {one.backend for one in configurations})
    check_names(only, {one.name for one in configurations})
    device = Device("cpu", processor()) if kind == "cpu" else find_gpu()
    if device is None:
        raise BenchmarkError(NO_GPU)
    chosen = [
        one for one in configurations if (not backend or one.framework in backend) and (not only or one.name in only)
    ]
    plan = FULL
    if fast:
        chosen = [one for one in chosen if one.fast or one.name in (only or ())]
        plan = FAST if kind == "cpu" else FAST_GPU
    for configuration in chosen:
        if not available(configuration):
            print(f"{configuration.name} is left out: {NO_COMPILER}", file=sys.stderr)
    if rounds is not None:
        plan = replace(plan, rounds=rounds)
    if whole_runs is not None:
        plan = replace(plan, whole_runs=whole_runs, epochs=FULL.epochs if whole_runs else 0)
    if not run(out, plan, [one for one in chosen if available(one)], device, interpreters):
        print(f"Everything in {out} was measured before. Use another --out for a new run.", file=sys.stderr)
    report_command(out)


@app.command("report")
def report_command(out: Folder = DEFAULT) -> None:
    """Make the report again from the raw measurements, and print its table."""
    print(terminal_tables(write_report(out)))
    print(f"\nThe whole report: {out / 'report.html'}")


@app.command("publish")
def publish_command(out: Folder = DEFAULT) -> None:
    """Renew what is committed: benchmarks/results/, docs/benchmarks.png and the table in docs/benchmarks.md."""
    write_report(out)
    publish(out)


@app.command("compare")
def compare_command(old: Path, new: Path) -> None:
    """Compare two runs; exit with status 1 if anything is worse, beyond the noise."""
    rows = compare(old, new)
    for row in rows:
        interval = f"{row['ratio']:5.2f} ({row['low']:.2f} to {row['high']:.2f})"
        print(f"{row['name']:22} {row['quantity']:14} {interval:22} {row['verdict']}")
    raise typer.Exit(int(any(row["verdict"] == "worse" for row in rows)))


if __name__ == "__main__":
    run_app(app)
