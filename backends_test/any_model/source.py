"""Where a model comes from: a `.keras` file, or a function in a module or in a Python file.

It names, imports and calls the user's function; `model_file` reads the file. It also reads the user's inputs.

It runs in the interpreters of the backends, where Keras, NumPy and a backend are installed and nothing else has to be;
so it imports only modules of this project that need no more than that.
"""

import functools
import importlib
import importlib.abc
import importlib.util
import inspect
import re
import site
import sys
import sysconfig
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np

from backends_test.any_model import model_file
from backends_test.any_model.errors import SourceError, one_line

FORMS = "a .keras file, package.module:function, or file.py:function"


@dataclass(frozen=True)
class ModelSource:
    """Where a model comes from.

    Attributes:
        text: as the user named it.
        kind: "file", or "function".
        place: the file, or the name of the module.
        function: the name of the function; "" for a `.keras` file.
    """

    text: str
    kind: Literal["file", "function"]
    place: str
    function: str = ""

    @classmethod
    def parse(cls, text: str) -> "ModelSource":
        """Read what the user named. Nothing is opened or imported.

        Args:
            text: a `.keras` file, `package.module:function`, or `file.py:function`.

        Raises:
            SourceError: it has another form.
        """
        place, colon, function = text.rpartition(":")
        is_name = bool(function) and all(part.isidentifier() for part in function.split("."))
        if colon and is_name and (place.endswith(".py") or all(part.isidentifier() for part in place.split("."))):
            return cls(text, "function", place, function)
        if not text or text.endswith((".py", ".py:")):
            advice = f" Name a function in it: {text.rstrip(':')}:build." if text else ""
            msg = f"Bad model. Expected: {FORMS}. Received: {text!r}.{advice}"
            raise SourceError(msg)
        return cls(text, "file", text)

    @property
    def in_python_file(self) -> bool:
        """Whether the function is in a Python file, and not in a module."""
        return self.kind == "function" and self.place.endswith(".py")


@dataclass(frozen=True)
class Loaded:
    """Builds the model; call it without arguments, as often as needed.

    Attributes:
        build: returns a new model.
        notes: what differs from what the user named, one sentence each. A `.keras` file adds them when it is loaded.
    """

    build: Callable[[], Any]
    notes: list[str] = field(default_factory=list)

    def __call__(self) -> Any:
        """Return a new model."""
        return self.build()


def load(source: ModelSource | str, trust: bool = False) -> Loaded:
    """Return what builds the model. A function is imported now and called later.

    Args:
        source: where the model comes from.
        trust: whether a `.keras` file may run code. A function always runs.

    Returns:
        What returns a new `keras.Model` when it is called. It then raises a SourceError if that fails.

    Raises:
        SourceError: the file is not a `.keras` file, or is refused; or the function cannot be imported.
    """
    source = ModelSource.parse(source) if isinstance(source, str) else source
    if source.kind == "file":
        path = Path(source.place)
        model_file.check_file(path, trust)
        notes: list[str] = []
        return Loaded(lambda: model_file.load_file(path, trust, notes), notes)
    function = _function(source)
    return Loaded(lambda: _call(source, function))


def load_inputs(text: str) -> tuple[Any, Any]:
    """Return the user's inputs and targets.

    Args:
        text: a `.npy` file with the only input; an `.npz` file with an array `x`, or with an array per name of an
            input, and with the targets as an array `y` if there are any; or a function that returns the inputs, or a
            tuple (inputs, targets), named as in `load`.

    Returns:
        The inputs in the structure of the model's inputs, and the targets; None without targets.

    Raises:
        SourceError: the file cannot be read, or the function fails.
    """
    if text.endswith((".npy", ".npz")):
        return _read_inputs(Path(text))
    source = ModelSource.parse(text)
    if source.kind != "function":
        msg = f"Bad inputs. Expected: a .npy or .npz file, module:function or file.py:function. Received: {text!r}."
        raise SourceError(msg)
    returned = _called(source, _function(source))
    inputs, targets = returned if isinstance(returned, tuple) and len(returned) == 2 else (returned, None)
    return inputs, targets


def _read_inputs(path: Path) -> tuple[Any, Any]:
    try:
        if path.suffix == ".npy":
            return np.load(path, allow_pickle=False), None
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except Exception as error:  # NumPy and zipfile raise errors of many types
        msg = f"Cannot read {path}. Expected: arrays that np.save or np.savez wrote. Received: {one_line(error)}."
        raise SourceError(msg) from error
    targets = arrays.pop("y", None)
    return (arrays["x"] if list(arrays) == ["x"] else arrays), targets


class _Beside(importlib.abc.MetaPathFinder):
    """Finds modules in the folder of the user's file, as `python file.py` would.

    It comes after all other finders, so that a file there cannot take the place of an installed package.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where a module that is in no package is in the folder."""
        return None if path is not None else PathFinder.find_spec(fullname, [self.folder], target)


def _function(source: ModelSource) -> Callable[[], Any]:
    """Import the function of a source.

    Raises:
        SourceError: the import fails, or finds no function that can be called without arguments.
    """
    module = _import(source.place, source.in_python_file)
    found: Any = module
    for part in source.function.split("."):
        if not hasattr(found, part):
            names = [name for name, value in vars(module).items() if inspect.isfunction(value) and name[0] != "_"]
            msg = (
                f"Bad model {source.text!r}. Expected: a function {source.function!r} in {source.place}. Received: a "
                f"module with {'the functions ' + ', '.join(names) if names else 'no functions'}."
            )
            raise SourceError(msg)
        found = getattr(found, part)
    if not callable(found) or _is_model(found):
        msg = (
            f"Bad model {source.text!r}. Expected: a function that returns a new model. Received: {_kind(found)}. Put "
            "what builds it into a function."
        )
        raise SourceError(msg)
    try:
        inspect.signature(found).bind()
    except TypeError as error:
        msg = f"Bad model {source.text!r}. Expected: a function without required arguments. Received: one with {error}."
        raise SourceError(msg) from None
    except ValueError:
        pass  # a callable without a signature
    return found  # type: ignore[no-any-return]


@functools.cache
def _import(place: str, is_file: bool) -> ModuleType:
    path = Path(place).absolute()
    if is_file and not path.is_file():
        msg = f"Cannot read {place}. Expected: a Python file. Received: no such file."
        raise SourceError(msg)
    _find_beside(path.parent if is_file else Path.cwd())
    try:
        module = _import_file(path) if is_file else importlib.import_module(place)
    except ModuleNotFoundError as error:
        parents = {".".join(place.split(".")[:count]) for count in range(1, place.count(".") + 2)}
        if is_file or error.name not in parents:
            raise _told(error, f"Cannot import {place}", path.parent) from error
        msg = (
            f"Cannot import {place}. Expected: a module that is installed, or in the current folder. Received: "
            f"no module named {error.name!r} in {sys.prefix}. A file can be named as well: file.py:function."
        )
        raise SourceError(msg) from error
    except (Exception, SystemExit) as error:
        raise _told(error, f"Cannot import {place}", path.parent if is_file else Path.cwd()) from error
    model_file.make_known(module)
    return module


def _find_beside(folder: Path) -> None:
    if not any(isinstance(finder, _Beside) and finder.folder == str(folder) for finder in sys.meta_path):
        sys.meta_path.append(_Beside(folder))


def _import_file(path: Path) -> ModuleType:
    # A file may have the name of a package, as jax.py has; it must not be found in its place.
    name = path.stem if path.stem not in sys.modules and importlib.util.find_spec(path.stem) is None else ""
    spec = importlib.util.spec_from_file_location(name or f"{path.stem}_of_the_user", path)
    if spec is None or spec.loader is None:
        msg = f"Cannot import {path}. Expected: a Python file."
        raise SourceError(msg)
    module = importlib.util.module_from_spec(spec)
    # Data classes and pickles look their module up while it is executed.
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[spec.name]
        raise
    return module


def _called(source: ModelSource, function: Callable[[], Any]) -> Any:
    try:
        return function()
    except (Exception, SystemExit) as error:
        code = getattr(function, "__code__", None)
        folder = Path(code.co_filename).absolute().parent if code else Path.cwd()
        raise _told(error, f"{source.text} fails", folder) from error


def _call(source: ModelSource, function: Callable[[], Any]) -> Any:
    model = _called(source, function)
    if not _is_model(model):
        advice = " Does it return the model?" if model is None else ""
        msg = (
            f"Bad model {source.text!r}. Expected: a function that returns a keras.Model. "
            f"Received: {_kind(model)}.{advice}"
        )
        raise SourceError(msg)
    return model


def _is_model(value: Any) -> bool:
    import keras

    return isinstance(value, keras.Model)


def _kind(value: Any) -> str:
    if value is None:
        return "None"
    kind = type(value)
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    return f"an object of {name}"


def _told(error: BaseException, what: str, folder: Path) -> SourceError:
    """Return an error that says in one line where the user's code raised an exception.

    Args:
        error: the exception.
        what: what failed.
        folder: where the user's code is.
    """
    if isinstance(error, SyntaxError) and error.filename:
        place = f"{error.filename}, line {error.lineno}"
    else:
        frames = traceback.extract_tb(error.__traceback__)
        users = [frame for frame in frames if _is_users(frame.filename)]
        # The code is installed, too.
        users = users or [frame for frame in frames if folder in Path(frame.filename).absolute().parents]
        place = f"{users[-1].filename}, line {users[-1].lineno}" if users else ""
    msg = f"{what}{f' in {place}' if place else ''}: {one_line(error)}"
    return SourceError(msg)


def _is_users(filename: str) -> bool:
    """Return whether a file is neither installed, nor part of Python, nor this module."""
    if filename.startswith("<") or filename == __file__:
        return False
    installed = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    parents = {str(parent) for parent in Path(filename).absolute().parents}
    return parents.isdisjoint({*installed, site.getusersitepackages()})


def same_model(one: Any, other: Any) -> str | None:
    """Compare two models built by the same function: the classes of their layers, and their weights.

    Names are not compared, because Keras numbers them on.

    Args:
        one: a model.
        other: another model.

    Returns:
        The first difference, or None.
    """
    classes = [[type(layer).__name__ for layer in _layers(model)] for model in (one, other)]
    if difference := _first_difference("layer", *classes):
        return difference
    weights = [
        [f"{re.sub(r'_[0-9]+$', '', weight.name)} {tuple(weight.shape)} {weight.dtype}" for weight in model.weights]
        for model in (one, other)
    ]
    return _first_difference("weight", *weights)


def _layers(model: Any) -> list[Any]:
    found = []
    for layer in model.layers:
        found.append(layer)
        if hasattr(layer, "layers"):
            found += _layers(layer)
    return found


def _first_difference(what: str, one: Sequence[str], other: Sequence[str]) -> str | None:
    for number, (a, b) in enumerate(zip(one, other, strict=False), start=1):
        if a != b:
            return f"{what} {number} is {a} in one and {b} in the other"
    return None if len(one) == len(other) else f"{len(one)} {what}s in one and {len(other)} in the other"
