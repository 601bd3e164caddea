"""Time training on each backend, in hand-written loops, and the limit of this machine; compare two such runs."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.baselines.c import NO_COMPILER
from benchmarks.compare import compare
from benchmarks.configurations import Kind, configurations_on
from benchmarks.devices import NO_GPU, Device, find_gpu, processor
from benchmarks.report import publish, write_report
from benchmarks.runner import FULL, QUICK, BenchmarkError, available, run
from benchmarks.tables import terminal_table
from imdb_rnn.errors import ImdbRnnError

app = typer.Typer(help=(__doc__ or "").partition("\n")[0], add_completion=False, no_args_is_help=True)
Folder = Annotated[Path, typer.Option("--out", help="Where the run is, or goes to; one that is there goes on.")]
DEFAULT = Path(".benchmarks")


def check_names(given: list[str] | None, known: set[str]) -> None:
    """Refuse names that there are not."""
    for name in given or ():
        if name not in known:
            msg = f"{name!r} is not one of {', '.join(sorted(known))}"
            raise typer.BadParameter(msg)


@app.command("run")
def run_command(
    out: Folder = DEFAULT,
    quick: Annotated[bool, typer.Option("--quick", help="Rough figures in about ten minutes.")] = False,
    whole_runs: Annotated[
        int | None, typer.Option(min=0, max=QUICK.rounds, help="Whole runs a configuration; a quick run has none.")
    ] = None,
    kind: Annotated[Kind, typer.Option("--device", help="What to measure.")] = "cpu",
    backend: Annotated[list[str] | None, typer.Option(help="Only this backend; may be repeated.")] = None,
    only: Annotated[list[str] | None, typer.Option(help="Only this configuration; may be repeated.")] = None,
) -> None:
    """Measure, write the report, and print its table. A run that was interrupted goes on."""
    known = configurations_on(kind)
    check_names(backend, {one.backend for one in known})
    check_names(only, {one.name for one in known})
    device = Device("cpu", processor()) if kind == "cpu" else find_gpu()
    if device is None:
        raise BenchmarkError(NO_GPU)
    chosen = [one for one in known if (not backend or one.framework in backend) and (not only or one.name in only)]
    for configuration in chosen:
        if not available(configuration):
            print(f"{configuration.name} is left out: {NO_COMPILER}", file=sys.stderr)
    plan = QUICK if quick else FULL
    if whole_runs is not None:
        plan = replace(plan, whole_runs=whole_runs, epochs=FULL.epochs if whole_runs else 0)
    if not run(out, plan, [one for one in chosen if available(one)], device):
        print(f"Nothing was left to measure in {out}; another --out begins anew", file=sys.stderr)
    report_command(out)


@app.command("report")
def report_command(out: Folder = DEFAULT) -> None:
    """Make the report anew from the raw runs, and print its table."""
    print(terminal_table(write_report(out)))
    print(f"\nThe whole report: {out / 'report.html'}")


@app.command("publish")
def publish_command(out: Folder = DEFAULT) -> None:
    """Renew what is committed: benchmarks/results/, docs/benchmarks.png and the table in the README."""
    write_report(out)
    publish(out)


@app.command("compare")
def compare_command(old: Path, new: Path) -> None:
    """Compare two runs; exit with 1 if anything has become worse beyond the noise."""
    rows = compare(old, new)
    for row in rows:
        interval = f"{row['ratio']:5.2f} ({row['low']:.2f} to {row['high']:.2f})"
        print(f"{row['name']:22} {row['quantity']:14} {interval:22} {row['verdict']}")
    raise typer.Exit(int(any(row["verdict"] == "worse" for row in rows)))


def main() -> None:
    """Run the command line; what a user can mend is said in one line."""
    try:
        app()
    except (BenchmarkError, FileNotFoundError, ImdbRnnError) as error:
        print(error, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
