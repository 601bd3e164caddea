"""The Python interface: finds interpreters, compares a model on all of them, and times it."""

import inspect
import shutil
import sysconfig
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from backends_test.any_model import environments, speed
from backends_test.any_model.arrays import Array
from backends_test.any_model.environments import Environment
from backends_test.any_model.errors import SourceError
from backends_test.any_model.model_file import check_file
from backends_test.any_model.processes import pack
from backends_test.any_model.run import BACKENDS, Comparison, ComparisonError, Options, Session, compare_in
from backends_test.any_model.source import ModelSource

Inputs = str | Path | Array | Mapping[str, Array]


def compare(
    build_model: str | Callable[[], Any],
    *,
    inputs: Inputs | None = None,
    optimizer: str = "",
    loss: str = "",
    steps: int = 5,
    backends: Sequence[str] | None = None,
    python: Mapping[str, str | Path] | None = None,
    device: str = "cpu",
    trust: bool = False,
    time_limit: float = 600,
    speed: bool = False,
) -> Comparison:
    """Compare a Keras model on several backends, each in a process of its own.

    Args:
        build_model: a function of a module or a file that returns a new model, "module:function", "file.py:function",
            or a `.keras` file.
        inputs: an array, or arrays by the names of the inputs; or a `.npy` or `.npz` file, "module:function" or
            "file.py:function". None to draw them.
        optimizer: the name of an optimizer; "" for the model's own, or else Adam.
        loss: the name of a loss; "" for the model's own, or else the mean squared error.
        steps: the number of optimizer steps.
        backends: values of `KERAS_BACKEND`; None for "jax", "torch" and "tensorflow".
        python: backend -> its interpreter; the others are found.
        device: "cpu" or "gpu".
        trust: whether code in a `.keras` file may run.
        time_limit: how many seconds a backend may take for a task.
        speed: whether the backends are timed as well, one after the other.

    Returns:
        The comparison; `agree` says whether the backends agree.

    Raises:
        ComparisonError: fewer than two backends are installed, or none can build the model.
        SourceError: the model is not one that another process can build.
        ValueError: a backend is not known.
    """
    folder = Path(tempfile.mkdtemp(prefix="backends-test-"))
    try:
        options = Options(
            model=source_of(build_model),
            inputs=written(inputs, folder),
            optimizer=optimizer,
            loss=loss,
            steps=steps,
            trust=trust,
            device=device,
            seconds=time_limit,
        )
        check_source(options)
        found, notes = participants(backends or BACKENDS, {name: Path(path) for name, path in (python or {}).items()})
        return compare_and_time(found, options, folder, timed=speed, notes=notes)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def source_of(build_model: str | Callable[[], Any]) -> str:
    """Return how other processes name a function: "module:function" or "file.py:function".

    Args:
        build_model: a function of a module or a file; a text is returned as it is.

    Raises:
        SourceError: it is a lambda, a method, a function in a function, or in no file.
    """
    if isinstance(build_model, str):
        return build_model
    reason = _unimportable(build_model)
    if reason:
        msg = (
            f"Bad model. Expected: a function of a module. Received: {reason}. Other processes have to import it: "
            "define it with `def` in a file, outside of functions and classes."
        )
        raise SourceError(msg)
    function = inspect.unwrap(build_model)
    path, module = Path(inspect.getsourcefile(function) or "").resolve(), build_model.__module__
    # A module of a package may import its neighbours by relative names, so it is imported as part of the package.
    roots = (Path.cwd(), Path(sysconfig.get_path("purelib")), Path(sysconfig.get_path("platlib")))
    inside = Path(*module.split("."))
    for root in roots:
        if path in ((root / inside).with_suffix(".py").resolve(), (root / inside / "__init__.py").resolve()):
            return f"{module}:{build_model.__name__}"
    return f"{path}:{build_model.__name__}"


def _unimportable(build_model: Callable[[], Any]) -> str:
    """Return what a model is if it is not a function of a module; "" if it is one."""
    name = getattr(build_model, "__qualname__", type(build_model).__qualname__)
    if inspect.isclass(build_model):
        return f"the class {name}"
    if inspect.ismethod(build_model):
        return f"the method {name}"
    if not inspect.isfunction(build_model):
        return f"an object of {name}"
    if build_model.__name__ == "<lambda>":
        return f"the lambda {name}"
    if "<locals>" in name:
        return f"the inner function {name}"
    if "." in name:
        return f"the method {name}"
    file = inspect.getsourcefile(inspect.unwrap(build_model))
    return "" if file and Path(file).is_file() else f"the function {name}, which is in no file"


def written(inputs: Inputs | None, folder: Path) -> str:
    """Write inputs that are arrays to a file, and return what `Options` calls them."""
    if inputs is None:
        return ""
    if isinstance(inputs, str | Path):
        return str(inputs)
    path = folder / "inputs.npz"
    arrays = dict(inputs) if isinstance(inputs, Mapping) else {"x": np.asarray(inputs)}
    np.savez(path, **arrays)  # type: ignore[arg-type]  # its other argument, a bool, has another name
    return str(path)


def check_source(options: Options) -> None:
    """Check what can be checked of a model and its inputs before a process starts.

    Raises:
        SourceError: a file does not exist, or is refused.
    """
    source = ModelSource.parse(options.model)
    if source.kind == "file":
        check_file(Path(source.place), options.trust)
    elif source.in_python_file and not Path(source.place).is_file():
        msg = f"Cannot read {source.place}. Expected: a Python file. Received: no such file."
        raise SourceError(msg)
    if options.inputs.endswith((".npy", ".npz")):
        if not Path(options.inputs).is_file():
            msg = f"Cannot read {options.inputs}. Expected: a file of arrays. Received: no such file."
            raise SourceError(msg)
    elif options.inputs and ModelSource.parse(options.inputs).kind != "function":
        msg = (
            "Bad inputs. Expected: a .npy or .npz file, module:function or file.py:function. "
            f"Received: {options.inputs!r}."
        )
        raise SourceError(msg)


def participants(backends: Sequence[str], named: Mapping[str, Path]) -> tuple[dict[str, Environment], list[str]]:
    """Find the interpreters of a comparison.

    Args:
        backends: values of `KERAS_BACKEND`.
        named: backend -> the user's own interpreter.

    Returns:
        backend -> its environment, at least two; and notes: which backends are missing, and whether versions differ.

    Raises:
        ComparisonError: fewer than two are found.
        ValueError: a backend is not known.
    """
    found = environments.find(list(dict.fromkeys(backends)), named)
    there = {name: one for name, one in found.items() if isinstance(one, Environment)}
    notes = [one.message for one in found.values() if not isinstance(one, Environment)]
    if len(there) < 2:
        have = ", ".join(there) or "none"
        msg = f"Cannot compare. Expected: at least two backends. Received: {have}."
        raise ComparisonError("\n".join([*notes, msg]))
    warning = environments.other_keras(found)
    return there, [*notes, *([warning] if warning else [])]


def compare_and_time(
    found: Mapping[str, Environment],
    options: Options,
    folder: Path,
    *,
    timed: bool,
    notes: Sequence[str] = (),
    tell: Callable[[str], None] = lambda _: None,
) -> Comparison:
    """Compare a model, and then time it, one process at a time.

    Args:
        found: backend -> its environment.
        options: what is compared.
        folder: where logs and results are written. What it has from an interrupted comparison is not done again.
        timed: whether the model is timed.
        notes: notes to put before those of the comparison.
        tell: is told what happens, in a few words.

    Raises:
        ComparisonError: see `compare_in`.
    """
    interpreters = {name: one.python for name, one in found.items()}
    with Session(interpreters, folder, options.device) as session:
        comparison = compare_in(session, options, folder / "results", tell)
    comparison = comparison._replace(notes=[*notes, *comparison.notes])
    if not timed:
        return comparison
    task = {"folder": str(folder / "results"), "model": options.model, "trust": options.trust}
    task |= {"optimizer": options.optimizer, "loss": options.loss}
    program = folder / "participant.pyz"
    pack(program)
    able = {name: python for name, python in interpreters.items() if name in comparison.versions}
    return comparison._replace(
        speed=speed.measure(able, program, task, device=options.device, seconds=options.seconds, tell=tell)
    )
