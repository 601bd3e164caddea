"""Where a model comes from: a `.keras` file, or a function in a module or in a Python file.

A `.keras` file that would run code when it is loaded is refused, unless the user trusts it.

It runs in the interpreters of the backends, where Keras, NumPy and a backend are installed and nothing else has to be;
so it imports no other module of this project.
"""

import functools
import importlib
import importlib.abc
import importlib.util
import inspect
import json
import re
import site
import sys
import sysconfig
import traceback
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, NamedTuple

import numpy as np

FORMS = "a .keras file, package.module:function, or file.py:function"
# The configuration of the largest models of keras.applications has about a million bytes.
MAX_CONFIG_BYTES = 50_000_000
WEIGHTS = ("model.weights.h5", "model.weights.npz")
# How Keras on PyTorch writes the optimizers that it replaces by its own.
TORCH_OPTIMIZERS = "keras.src.backend.torch.optimizers."

# Values that are no objects of Keras. `__lambda__` and `__typespec__` are missing on purpose.
_CONTAINERS = frozenset({"__bytes__", "__ellipsis__", "__keras_tensor__", "__numpy__", "__slice__", "__tensor__"})
_PLAIN_KERAS = frozenset({"DTypePolicy", "FloatDTypePolicy", "Functional", "InputSpec", "Model", "Sequential"})
_MODULES = frozenset(
    {
        "keras._legacy.layers",
        "keras.activations",
        "keras.constraints",
        "keras.dtype_policies",
        "keras.initializers",
        "keras.layers",
        "keras.losses",
        "keras.metrics",
        "keras.models",
        "keras.ops",
        "keras.optimizers",
        "keras.optimizers.schedules",
        "keras.quantizers",
        "keras.random",
        "keras.regularizers",
    }
)
# Keras writes the private module of a class without a public name: operations, functional models, parts of
# keras.applications.
_PRIVATE = re.compile(
    r"keras\.src\.(activations|applications|constraints|dtype_policies|initializers|layers|losses|metrics|models|ops|"
    r"optimizers|quantizers|random|regularizers|backend\.torch\.optimizers)(\.\w+)*"
)
_HUB = re.compile(r"keras_hub(\.\w+)*")
_FUNCTIONS = frozenset({"builtins", "keras.activations", "keras.initializers", "keras.losses", "keras.metrics"})
# Functions of these modules that look other objects up.
_LOOKUPS = frozenset({"deserialize", "get", "serialize"})
# They call functions that the file names, read other files, or unpickle.
_RUNNING = frozenset({"FlaxLayer", "JaxLayer", "Lambda", "TFSMLayer", "TorchModuleWrapper"})
_CLASS = re.compile(r"[A-Z]\w*")
_FUNCTION = re.compile(r"[a-z]\w*")
# The only function that KerasHub registers for its models.
_HUB_FUNCTION = "keras_hub>gelu_approximate"


class SourceError(Exception):
    """A model cannot be had from where it should come from; the message is one line."""


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
        check_file(path, trust)
        notes: list[str] = []
        return Loaded(lambda: _load_file(path, trust, notes), notes)
    function = _function(source)
    return Loaded(lambda: _call(source, function))


def load_saved(path: Path) -> tuple[Any, str | None]:
    """Load a `.keras` file that this tool has written, perhaps on another backend.

    It knows the classes and functions in the user's modules that `load` has imported.

    Args:
        path: the file.

    Returns:
        The model, and what differs from what was saved; None if nothing does.

    Raises:
        SourceError: the file does not load.
    """
    notes: list[str] = []
    model = _load_file(path, trust=True, notes=notes)
    return model, " ".join(notes) or None


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


class SavedObject(NamedTuple):
    """An object of Keras in a configuration.

    Attributes:
        config: the dictionary that describes it.
        owner: the name of the layer or model that holds it, or of itself; "" if none has a name.
    """

    config: dict[str, Any]
    owner: str

    @property
    def class_name(self) -> str:
        """The name of its class."""
        return str(self.config["class_name"])

    @property
    def module(self) -> str:
        """The module of its class; "" if none is given."""
        return str(self.config.get("module") or "")

    @property
    def settings(self) -> dict[str, Any]:
        """Its own configuration; empty if it has none."""
        settings = self.config.get("config")
        return settings if isinstance(settings, dict) else {}


def read_config(path: Path) -> dict[str, Any]:
    """Return the configuration of a `.keras` file.

    Args:
        path: the file.

    Raises:
        SourceError: it is no `.keras` file.
    """
    _check_kind(path)
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            _check_members(path, names)
            size = archive.getinfo("config.json").file_size
            if size > MAX_CONFIG_BYTES:
                msg = (
                    f"{path} is no model file. Expected: a config.json of at most {MAX_CONFIG_BYTES:,} bytes. "
                    f"Received: {size:,} bytes."
                )
                raise SourceError(msg)
            with archive.open("config.json") as member:
                # A damaged file can hold more than it declares.
                config = json.loads(member.read(MAX_CONFIG_BYTES + 1))
    except SourceError:
        raise
    except Exception as error:
        # zipfile raises errors of many types for a damaged file, and json a RecursionError for deep nesting.
        msg = f"{path} is damaged. Expected: a .keras file. Received: {one_line(error)}. Save the model again."
        raise SourceError(msg) from error
    if not isinstance(config, dict) or "class_name" not in config:
        msg = f"{path} is no model file. Expected: a model in config.json. Received: {_short(config)}."
        raise SourceError(msg)
    return config


def _check_kind(path: Path) -> None:
    """Raise SourceError, with advice, for what other software writes."""
    reason, advice = "", "Save a model with model.save('model.keras')."
    if path.is_dir():
        saved_model = (path / "saved_model.pb").is_file()
        reason = "a folder with a SavedModel, which holds no layers" if saved_model else "a folder"
    elif not path.is_file():
        reason, advice = (
            "no such file",
            "Check the path, or name a function as package.module:function or file.py:function.",
        )
    else:
        try:
            with path.open("rb") as file:
                head = file.read(8)
        except OSError as error:
            reason, advice = f"a file that cannot be read ({one_line(error)})", "Check its permissions."
        else:
            if not head:
                reason = "an empty file"
            elif head.startswith(b"\x89HDF"):
                reason = "an HDF5 file"
                weights_only = path.name.endswith(".weights.h5")
                advice = (
                    "It holds weights only: build the model, load them, and save it with model.save('model.keras')."
                    if weights_only
                    else f"Convert it: keras.models.load_model('{path.name}').save('{path.stem}.keras')."
                )
            elif not zipfile.is_zipfile(path):
                reason = "a file that is no zip archive"
            elif path.suffix != ".keras":
                reason, advice = f"a file that ends in {path.suffix!r}", "Rename it if it is one."
    if reason:
        msg = f"Cannot read {path}. Expected: a .keras file. Received: {reason}. {advice}"
        raise SourceError(msg)


def _check_members(path: Path, names: list[str]) -> None:
    missing = "config.json" if "config.json" not in names else "" if set(WEIGHTS) & set(names) else WEIGHTS[0]
    if missing:
        msg = f"{path} is no model file. Expected: a zip archive with {missing}. Received: {_short(sorted(names))}."
        raise SourceError(msg)
    for name in names:
        parts = re.split(r"[/\\]", name)
        if ".." in parts or not parts[0] or ":" in parts[0]:
            msg = (
                f"{path} is refused. Expected: members inside the archive. Received: {_short(name)}, a path outside it."
            )
            raise SourceError(msg)
    if len(names) != len(set(names)):
        msg = f"{path} is refused. Expected: each member once. Received: a name twice. Save the model again."
        raise SourceError(msg)


def objects(config: Any) -> Iterator[SavedObject]:
    """Yield every object in a configuration, outer ones first, in their order.

    Args:
        config: the configuration of a model, from JSON.
    """
    # Not recursive: the configuration may be nested deeper than Python's stack.
    waiting: list[tuple[Any, str]] = [(config, "")]
    while waiting:
        part, owner = waiting.pop()
        if isinstance(part, dict):
            if "class_name" in part:
                settings = part.get("config")
                named = settings.get("name") if isinstance(settings, dict) else None
                # An initializer or a policy has a name as well; a layer is what can be found in `model.summary()`.
                if isinstance(named, str) and "DTypePolicy" not in str(part["class_name"]):
                    owner = named
                yield SavedObject(part, owner)
            waiting += [(value, owner) for value in reversed(part.values())]
        elif isinstance(part, list):
            waiting += [(value, owner) for value in reversed(part)]


def refusal(found: SavedObject) -> str:
    """Return why an object may run code or reach outside the file when it is loaded; "" if it cannot.

    Keras's safe mode is a list of what is forbidden; this is a list of what is allowed.

    Args:
        found: the object.
    """
    module, name, inner = found.module, found.class_name, found.config.get("config")
    registered = found.config.get("registered_name")
    if name in _CONTAINERS:
        return ""
    if name == "__lambda__":
        return "a Python lambda"
    if name == "function":
        return _function_refusal(module, inner, registered)
    if name in _RUNNING:
        return f"a {name} layer, which calls code that is not Keras's"
    hub = bool(_HUB.fullmatch(module))
    if not (hub or module in _MODULES or _PRIVATE.fullmatch(module) or (module == "keras" and name in _PLAIN_KERAS)):
        return f"{module}.{name}, which is no class of a Keras model" if module else f"{name}, a class without a module"
    if not _CLASS.fullmatch(name) or "_test" in module:
        # Keras returns a function if a class of the file has the name of one.
        return f"{module}.{name}, which is no class of a Keras model"
    if registered not in (None, name) and not (hub and registered == f"keras_hub>{name}"):
        return f"the registered object {_short(registered)}"
    if hub and ("Tokenizer" in name or "Preprocessor" in name):
        return f"{name}, which reads other files"
    if isinstance(found.settings.get("vocabulary"), str):
        return f"{name}, whose vocabulary is another file"
    return ""


def _function_refusal(module: str, name: Any, registered: Any) -> str:
    names = {name, registered} - {"function", None, _HUB_FUNCTION}
    allowed = module in _FUNCTIONS and isinstance(name, str)
    if allowed and all(isinstance(one, str) and _FUNCTION.fullmatch(one) and one not in _LOOKUPS for one in names):
        return ""
    return f"the function {module}.{_short(name)}" if module else f"the function {_short(name)}"


def check_file(path: Path, trust: bool) -> None:
    """Check that a file is a `.keras` file, and that loading it runs no code but Keras's.

    The HDF5 file of weights inside is not read: Keras itself refuses links in it that lead to other files.

    Args:
        path: the file.
        trust: whether the file may run code.

    Raises:
        SourceError: it is no `.keras` file, or it may run code and is not trusted.
    """
    config = read_config(path)
    if trust:
        return
    for found in objects(config):
        try:
            reason = refusal(found)
        except TypeError as error:  # an unhashable value in the place of a name
            reason = f"a configuration of another form ({one_line(error)})"
        if reason:
            where = f" (in {_short(found.owner)})" if found.owner else ""
            msg = (
                f"{path} is refused. Expected: objects of Keras only. Received: {reason}{where}. "
                "If you trust whoever made the file, add --trust, which runs it."
            )
            raise SourceError(msg)


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


# The modules of the user, in the order of their import.
_imported: dict[str, ModuleType] = {}


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
    _imported[place] = module
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


def _load_file(path: Path, trust: bool, notes: list[str]) -> Any:
    """Load a `.keras` file, compiled if that is possible, and add to `notes` what differs from the file."""
    import keras

    notes.clear()
    config = read_config(path)
    known = {name: value for module in _imported.values() for name, value in vars(module).items() if _is_own(value)}
    if keras.config.backend() != "torch":
        known |= _public_optimizers(config, notes)
    compiled = config.get("compile_config") or {}
    jit_compile = compiled.get("jit_compile") if isinstance(compiled, dict) else None
    if isinstance(jit_compile, bool):
        notes.append(f"The file sets jit_compile={jit_compile}, as the backend that saved it chose.")
    try:
        return keras.saving.load_model(path, custom_objects=known, compile=True, safe_mode=not trust)
    except Exception as error:
        if not compiled:
            raise _unloadable(path, error) from error
        notes.append(
            f"The model is not compiled, because its optimizer, loss or metrics do not load: {one_line(error)}"
        )
    try:
        return keras.saving.load_model(path, custom_objects=known, compile=False, safe_mode=not trust)
    except Exception as error:
        raise _unloadable(path, error) from error


def _public_optimizers(config: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    """Return the public classes of the optimizers that a file names by a class that needs PyTorch."""
    import keras

    names = {found.class_name for found in objects(config) if found.module.startswith(TORCH_OPTIMIZERS)}
    public = {name: getattr(keras.optimizers, name) for name in sorted(names) if hasattr(keras.optimizers, name)}
    notes += [
        f"The file names {name} by a class that needs PyTorch; keras.optimizers.{name} takes its place."
        for name in public
    ]
    return public


def _is_own(value: Any) -> bool:
    """Return whether a value is a class or a function that Keras does not bring."""
    package = str(getattr(value, "__module__", "")).partition(".")[0]
    return (inspect.isclass(value) or inspect.isfunction(value)) and package not in ("builtins", "keras")


def _unloadable(path: Path, error: BaseException) -> SourceError:
    msg = f"Cannot load {path}. Expected: a model that Keras can load here. Received: {one_line(error)}"
    return SourceError(msg)


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


def one_line(error: BaseException) -> str:
    """Return the type and the message of an exception, in one line that is not too long."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}{'…' if len(text) > 300 else ''}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
