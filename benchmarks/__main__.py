"""Time training on each backend, in hand-written loops, and the limit of this machine; compare two such runs.

May import: typer, the standard library, benchmarks.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.compare import compare
from benchmarks.configurations import CONFIGURATIONS
from benchmarks.report import markdown_table, publish, write_report
from benchmarks.rounds import FULL, QUICK, BenchmarkError, available, run

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
    quick: Annotated[bool, typer.Option("--quick", help="Rough figures in less than ten minutes.")] = False,
    backend: Annotated[list[str] | None, typer.Option(help="Only this backend; may be repeated.")] = None,
    only: Annotated[list[str] | None, typer.Option(help="Only this configuration; may be repeated.")] = None,
) -> None:
    """Measure, write the report, and print its table."""
    check_names(backend, {one.backend for one in CONFIGURATIONS})
    check_names(only, {one.name for one in CONFIGURATIONS})
    chosen = [
        one for one in CONFIGURATIONS if (not backend or one.backend in backend) and (not only or one.name in only)
    ]
    for configuration in chosen:
        if not available(configuration):
            print(f"{configuration.name} is left out: there is no C compiler here", file=sys.stderr)
    if not run(out, QUICK if quick else FULL, [one for one in chosen if available(one)]):
        print(f"Nothing was left to measure in {out}; another --out begins anew", file=sys.stderr)
    report_command(out)


@app.command("report")
def report_command(out: Folder = DEFAULT) -> None:
    """Make the report anew from the raw runs, and print its table."""
    print(markdown_table(write_report(out)))
    print(f"\nThe whole report: {out / 'report.html'}")


@app.command("publish")
def publish_command(out: Folder = DEFAULT) -> None:
    """Renew what is committed: benchmarks/results/cpu, docs/benchmarks.png and the table in the README."""
    write_report(out)
    publish(out)


@app.command("compare")
def compare_command(old: Path, new: Path) -> None:
    """Compare two runs; exit with 1 if anything has become slower beyond the noise."""
    rows = compare(old, new)
    for row in rows:
        print(f"{row['name']:20} {row['ratio']:5.2f} ({row['low']:.2f} to {row['high']:.2f})  {row['verdict']}")
    raise typer.Exit(int(any(row["verdict"] == "slower" for row in rows)))


if __name__ == "__main__":
    try:
        app()
    except (BenchmarkError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        sys.exit(1)
