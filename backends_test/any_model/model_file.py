"""Reads, checks and loads a `.keras` file.

A `.keras` file that would run code when it is loaded is refused, unless the user trusts it.

It runs in the interpreters of the backends, where Keras, NumPy and a backend are installed and nothing else has to be;
so it imports only modules of this project that need no more than that.
"""

import inspect
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from backends_test.any_model.errors import SourceError, one_line

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

# The modules whose classes and functions a file may name, in the order in which they became known.
_known: list[ModuleType] = []


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


def make_known(module: ModuleType) -> None:
    """Let the files that are loaded from now on name the classes and functions of a module.

    Args:
        module: a module of the user.
    """
    _known.append(module)


def load_file(path: Path, trust: bool, notes: list[str]) -> Any:
    """Load a `.keras` file, compiled if that is possible.

    Args:
        path: the file.
        trust: whether the file may run code.
        notes: is emptied, and then given what differs from the file, one sentence each.

    Returns:
        The model.

    Raises:
        SourceError: the file is no `.keras` file, or does not load.
    """
    import keras

    notes.clear()
    config = read_config(path)
    known = {name: value for module in _known for name, value in vars(module).items() if _is_own(value)}
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


def load_saved(path: Path) -> tuple[Any, str | None]:
    """Load a `.keras` file that this tool has written, perhaps on another backend.

    It may name what `make_known` has been given.

    Args:
        path: the file.

    Returns:
        The model, and what differs from what was saved; None if nothing does.

    Raises:
        SourceError: the file does not load.
    """
    notes: list[str] = []
    model = load_file(path, trust=True, notes=notes)
    return model, " ".join(notes) or None


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


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
