"""The command line: `backends-test compare`, `doctor`, `shrink`, `setup`.

Results go to standard output, progress and notices to standard error. The exit status is 0 if the backends agree, 1 if
they disagree, 2 if they could not be compared or the command line is wrong, and 130 for an interruption.
"""

import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from backends_test.any_model.environments import SetupError
from backends_test.any_model.errors import SourceError
from backends_test.any_model.run import ALL_STAGES, BACKENDS, Comparison, ComparisonError, Options
from imdb_rnn.printable import examples, printable
from imdb_rnn.terminal import discard_unwritable_output

# What a stage is held against must be run as well.
BASES = {"eager": ("one step",), "saved": ("one step", "compiled")}
# How long the parts of a comparison take, relative to one another.
WEIGHTS = {"prepare": 1.0, "observe": 6.0, "exchange": 1.0, "time": 1.0}


class UsageError(Exception):
    """The command line is wrong; the message is one line."""


@contextmanager
def _errors_in_one_line() -> Iterator[None]:
    """Report errors in one line each, with an exit status."""
    try:
        yield
        if sys.stdout is not None:
            sys.stdout.flush()  # here, where an error can still be reported
    except (ComparisonError, SetupError, SourceError, UsageError) as error:
        for line in str(error).splitlines():
            typer.echo(f"backends-test: {printable(line)}", err=True)
        raise typer.Exit(2) from error
    except BrokenPipeError as error:  # the reader of the output, such as `head`, has read enough
        discard_unwritable_output()
        raise typer.Exit(141) from error
    except OSError as error:  # for example, standard output is on a full disk
        typer.echo(f"backends-test: I/O error: {printable(str(error))}", err=True)
        discard_unwritable_output()
        raise typer.Exit(2) from error
    except KeyboardInterrupt as error:
        typer.echo("backends-test: interrupted", err=True)
        raise typer.Exit(130) from error


class _Commands(TyperGroup):
    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        with _errors_in_one_line():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        with _errors_in_one_line():
            return super().invoke(ctx)


app = typer.Typer(
    cls=_Commands,
    help="Does a Keras model compute the same numbers on JAX, PyTorch and TensorFlow? Where not, and how fast is each?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A .keras file, or a function that returns a new model: file.py:function or package.module:function.",
    ),
]
Inputs = Annotated[
    str,
    typer.Option(
        "--inputs",
        metavar="FILE",
        help="Inputs: a .npy or .npz file, file.py:function or module:function (default: they are drawn).",
    ),
]
Optimizer = Annotated[
    str, typer.Option("--optimizer", metavar="NAME", help="Optimizer (default: the model's own, or else adam).")
]
Loss = Annotated[str, typer.Option("--loss", metavar="NAME", help="Loss (default: the model's own, or else mse).")]
Steps = Annotated[int, typer.Option("--steps", min=1, help="Steps of the optimizer.")]
Backends = Annotated[str, typer.Option("--backends", metavar="LIST", help="Backends, separated by commas.")]
Python = Annotated[
    list[str] | None,
    typer.Option(
        "--python",
        metavar="BACKEND=PATH",
        help="Interpreter of a backend (default: it is found). Repeat the option for more backends.",
    ),
]
Device = Annotated[Literal["cpu", "gpu"], typer.Option("--device", help="Where the model runs.")]
Trust = Annotated[bool, typer.Option("--trust", help="Run code that a .keras file holds. Only for files you trust.")]
TimeLimit = Annotated[
    float, typer.Option("--time-limit", metavar="SECONDS", min=1, help="How long a backend may take for a task.")
]
Stages = Annotated[str, typer.Option("--stages", metavar="LIST", help="Stages, separated by commas (default: all).")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
ALL_BACKENDS = ",".join(BACKENDS)


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal shows "?" for what it does not have
    # The name for completion and usage, also for `python -m`.
    app(prog_name="backends-test")


@app.command(
    epilog=examples(
        "backends-test compare model.py:build --html report.html",
        "backends-test compare model.keras --inputs inputs.npy --backends jax,torch",
    )
)
def compare(
    model: Model,
    inputs: Inputs = "",
    optimizer: Optimizer = "",
    loss: Loss = "",
    steps: Steps = 5,
    backends: Backends = ALL_BACKENDS,
    python: Python = None,
    device: Device = "cpu",
    trust: Trust = False,
    time_limit: TimeLimit = 600,
    stages: Stages = "",
    speed: Annotated[bool, typer.Option("--speed/--no-speed", help="Also time each backend.")] = False,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write a report as an HTML page.")] = None,
    keep: Annotated[
        Path | None, typer.Option("--keep", metavar="FOLDER", help="Keep logs and arrays in this folder.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare a model on several backends, stage by stage.

    The exit status is 0 if the backends agree, 1 if they disagree, and 2 if they could not be compared.
    """
    from backends_test.any_model import api, report
    from backends_test.any_model.working import working_folder

    options = Options(
        model, inputs, optimizer, loss, steps, stages_of(stages), trust=trust, device=device, seconds=time_limit
    )
    _check_folder("--html", html)
    found, notes = _participants(options, backends, python)
    try:
        with working_folder(options, found, keep) as folder, _progress(list(found), options, speed) as tell:
            comparison = api.compare_and_time(found, options, folder, timed=speed, notes=notes, tell=tell)
    except KeyboardInterrupt:
        typer.echo("The same command goes on from what has been computed.", err=True)
        raise
    if html is not None:
        report.write_html(comparison, html, _title(options))
    if as_json:
        _print_json(comparison.to_json())
    else:
        typer.echo(_printable_lines(report.as_text(comparison)))
    if not report.compared(comparison):
        msg = "Nothing was compared. Expected: a stage that applies to this model. Received: none."
        raise ComparisonError(msg)
    raise typer.Exit(_status(comparison))


@app.command(epilog=examples("backends-test doctor model.py:build"))
def doctor(model: Model, backends: Backends = ALL_BACKENDS, as_json: Json = False) -> None:
    """Say what may differ between backends, without running the model.

    The exit status is 0 if nothing is found, 1 if something is, and 2 if the model cannot be read.
    """
    from backends_test.any_model.doctor import examine, exit_code

    diagnoses = examine(model, backends_of(backends))
    if as_json:
        _print_json([one._asdict() for one in diagnoses])
    else:
        for one in diagnoses:
            typer.echo(printable(str(one)))
        if not diagnoses:
            typer.echo("Nothing is known that would make the backends differ.")
    raise typer.Exit(exit_code(diagnoses))


@app.command(epilog=examples("backends-test shrink model.py:build --program smallest.py"))
def shrink(
    model: Model,
    inputs: Inputs = "",
    optimizer: Optimizer = "",
    loss: Loss = "",
    steps: Steps = 5,
    backends: Backends = ALL_BACKENDS,
    python: Python = None,
    device: Device = "cpu",
    trust: Trust = False,
    time_limit: TimeLimit = 600,
    stages: Stages = "",
    search_time: Annotated[
        float, typer.Option("--search-time", metavar="SECONDS", min=1, help="How long to look for a smaller program.")
    ] = 300,
    program: Annotated[
        Path | None, typer.Option("--program", metavar="FILE", help="Write the program to a file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make the first disagreement small: a program of a few lines that shows it, and the text of an issue.

    The exit status is 0 if the backends agree, 1 if a disagreement was made small, and 2 if that was not possible.
    """
    from backends_test.any_model import shrink as search

    options = Options(
        model, inputs, optimizer, loss, steps, stages_of(stages), trust=trust, device=device, seconds=time_limit
    )
    _check_folder("--program", program)
    found, _ = _participants(options, backends, python)
    interpreters = {name: one.python for name, one in found.items()}
    try:
        with _status_line() as tell:
            shrunk = search.shrink(interpreters, options, tell, search_time)
    except search.ShrinkError as error:
        raise ComparisonError(str(error)) from error
    if shrunk is None:
        _print_json({"agree": True}) if as_json else typer.echo("The backends agree: there is nothing to make small.")
        return
    if program is not None:
        program.write_text(shrunk.program, encoding="utf-8")
    if as_json:
        _print_json({"agree": False, **shrunk._asdict(), "row": shrunk.row._asdict(), "issue": shrunk.issue})
    else:
        typer.echo(_printable_lines(shrunk.issue))
    raise typer.Exit(1)


@app.command(epilog=examples("backends-test setup --backends jax,torch"))
def setup(
    backends: Backends = ALL_BACKENDS,
    keras: Annotated[
        str | None, typer.Option("--keras", metavar="VERSION", help="Version of Keras (default: the installed one).")
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="REQUIREMENT", help="Another package, for example one that the model imports."),
    ] = None,
    torch: Annotated[
        Literal["cpu", "default"],
        typer.Option("--torch", help="Build of PyTorch on Linux: for CPUs, or the default of the package index."),
    ] = "cpu",
    renew: Annotated[bool, typer.Option("--renew", help="Make complete environments again.")] = False,
) -> None:
    """Make an environment for each backend that has none, in the user's cache."""
    from backends_test.any_model import environments

    found = environments.setup(
        backends_of(backends),
        keras,
        lambda line: typer.echo(f"backends-test: {printable(line)}", err=True),
        renew=renew,
        also=also or (),
        torch=torch,
    )
    for one in found.values():
        typer.echo(f"{one.backend}  {printable(str(one.python))}  keras {one.keras}  {one.backend} {one.package}")


def stages_of(text: str) -> tuple[str, ...]:
    """Return the stages that `--stages` names, with those that they are held against, in the order of the stages.

    Raises:
        UsageError: a stage is not known.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in ALL_STAGES:
            msg = f"Bad --stages. Expected: some of {', '.join(ALL_STAGES)}. Received: {name!r}."
            raise UsageError(msg)
    wanted = {*names, *(base for name in names for base in BASES.get(name, ()))}
    return tuple(stage for stage in ALL_STAGES if stage in wanted) if names else ALL_STAGES


def backends_of(text: str) -> list[str]:
    """Return the backends that `--backends` names.

    Raises:
        UsageError: a backend is not known, or cannot train.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = next((name for name in names if name not in BACKENDS), None)
    if unknown is not None or not names:
        msg = f"Bad --backends. Expected: some of {', '.join(BACKENDS)}. Received: {unknown if names else text!r}."
        raise UsageError(msg)
    return list(dict.fromkeys(names))


def interpreters_of(texts: list[str]) -> dict[str, Path]:
    """Return the interpreters that `--python` names.

    Raises:
        UsageError: one has another form, or two are of the same backend.
    """
    named: dict[str, Path] = {}
    for text in texts:
        backend, equals, path = text.partition("=")
        if not equals or not path or backend not in BACKENDS:
            msg = f"Bad --python. Expected: BACKEND=PATH with one of {', '.join(BACKENDS)}. Received: {text!r}."
            raise UsageError(msg)
        if backend in named:
            msg = f"Bad --python. Expected: one interpreter per backend. Received: two for {backend}."
            raise UsageError(msg)
        named[backend] = Path(path)
    return named


def _check_folder(option: str, path: Path | None) -> None:
    if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
        msg = f"Bad {option}. Expected: a file in a folder that exists. Received: {path}."
        raise UsageError(msg)


def _participants(options: Options, backends: str, python: list[str] | None) -> tuple[Mapping[str, Any], list[str]]:
    """Check the model, find the interpreters, and tell what a user should know about them."""
    from backends_test.any_model import api

    api.check_source(options)
    named = interpreters_of(python or [])
    try:
        found, notes = api.participants(backends_of(backends), named)
    except ValueError as error:
        raise UsageError(str(error)) from error
    for note in notes:
        typer.echo(f"backends-test: {printable(note)}", err=True)
    return found, notes


@contextmanager
def _progress(backends: list[str], options: Options, timed: bool) -> Iterator[Callable[[str], None]]:
    """Show a bar with the time left on standard error, if it is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    from backends_test.any_model.speed import ROUNDS

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    parts = {"prepare": 1, "observe": len(backends), "exchange": len(backends) if "saved" in options.stages else 0}
    parts["time"] = ROUNDS * len(backends) if timed else 0
    total = sum(WEIGHTS[part] * count for part, count in parts.items())
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TextColumn("left:"))
    # Drawn rarely while backends are timed, because drawing competes with them.
    rate = 1 if timed else 5
    running: dict[str, None] = {}
    with Progress(
        *columns, TimeRemainingColumn(), console=console, refresh_per_second=rate, transient=True
    ) as progress:
        bar = progress.add_task("starting", total=total)

        def tell(event: str) -> None:
            done, what = event.startswith("done "), event.removeprefix("done ")
            if done:
                running.pop(what, None)
                progress.advance(bar, WEIGHTS[what.split()[0]])
            else:
                running[what] = None
            progress.update(bar, description=", ".join(running) or "comparing")

        yield tell


@contextmanager
def _status_line() -> Iterator[Callable[[str], None]]:
    """Show what happens, in a line on standard error, if it is a terminal."""
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status("starting") as status:
        yield lambda event: status.update(Text(printable(event)))


def _title(options: Options) -> str:
    parts = [f"{name} {value}" for name, value in (("optimizer", options.optimizer), ("loss", options.loss)) if value]
    return ", ".join([options.model, *parts])


def _status(comparison: Comparison) -> int:
    return 0 if comparison.agree else 1


def _printable_lines(text: str) -> str:
    return "\n".join(printable(line) for line in text.splitlines())


def _print_json(content: Any) -> None:
    typer.echo(json.dumps(finite(content), ensure_ascii=False, indent=1))


def finite(content: Any) -> Any:
    """Return content without infinite numbers, which JSON does not have: null takes their place."""
    if isinstance(content, dict):
        return {key: finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


if __name__ == "__main__":
    main()
