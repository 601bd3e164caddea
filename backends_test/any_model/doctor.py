"""What can make a model differ between backends, or stop it on one, found without running the model.

The configuration of a `.keras` file is read without Keras, and the source of a function without importing it.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any, Literal, NamedTuple

from backends_test.any_model import source_code
from backends_test.any_model.errors import SourceError
from backends_test.any_model.findings_table import PAGE, TABLE, Facts, Use
from backends_test.any_model.model_file import SavedObject, objects, read_config, refusal
from backends_test.any_model.operations_table import LIMITS, MISSING
from backends_test.any_model.source import ModelSource
from imdb_rnn.backends.table import TABLE as BACKENDS

Level = Literal["error", "warning", "finding"]


class Diagnosis(NamedTuple):
    """Something in a model that may make backends differ.

    Attributes:
        level: "error" if the model does not run or load on the backends, "warning" if it may compute something else
            there, "finding" if Keras itself is known to disagree.
        subject: the layer, the optimizer or the line of the source.
        message: what happens, in one sentence.
        link: where more is said; "" if nowhere.
        backends: the backends that it concerns.
    """

    level: Level
    subject: str
    message: str
    link: str
    backends: tuple[str, ...]

    def __str__(self) -> str:
        titles = ", ".join(BACKENDS[name].title for name in self.backends)
        return f"{self.level}: {self.subject}: {self.message} [{titles}]{f' {self.link}' if self.link else ''}"


def examine(source: ModelSource | str, backends: Sequence[str]) -> list[Diagnosis]:
    """Diagnose a model where it is, without loading or importing it.

    Args:
        source: where the model comes from.
        backends: the backends that it is to run on.

    Returns:
        What `diagnose` returns for the configuration of a file, or for the source of the module of a function.

    Raises:
        SourceError: the file or the module cannot be read, or has no such function.
    """
    source = ModelSource.parse(source) if isinstance(source, str) else source
    if source.kind == "file":
        return diagnose(read_config(Path(source.place)), None, backends)
    path = Path(source.place) if source.in_python_file else _path_of(source.place)
    try:
        text = path.read_bytes().decode("utf-8")
        defined = source_code.defined_names(text)
    except (OSError, UnicodeDecodeError) as error:
        msg = f"Cannot read {path}. Expected: a Python file in UTF-8. Received: {error}."
        raise SourceError(msg) from error
    except (SyntaxError, ValueError, RecursionError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        msg = f"Cannot read {path}{line}. Expected: Python source. Received: {' '.join(str(error).split())}."
        raise SourceError(msg) from error
    name = source.function.partition(".")[0]
    if name not in defined:
        msg = f"Bad model {source.text!r}. Expected: a function {name!r} in {path}. Received: a file without it."
        raise SourceError(msg)
    return diagnose(None, text, backends)


def exit_code(diagnoses: Sequence[Diagnosis]) -> int:
    """Return 1 if there is a diagnosis, else 0."""
    return int(bool(diagnoses))


def diagnose(config: Mapping[str, Any] | None, source_text: str | None, backends: Sequence[str]) -> list[Diagnosis]:
    """Diagnose a model from its configuration, from its source, or from both.

    Args:
        config: the configuration as in the `config.json` of a `.keras` file; None if there is none.
        source_text: Python source; None if there is none.
        backends: the backends that the model is to run on.

    Returns:
        Errors first, then warnings, then findings; those of other backends are left out.

    Raises:
        SyntaxError: `source_text` is no Python.
    """
    found: list[Diagnosis] = []
    facts = Facts()
    if source_text is not None:
        facts = source_code.facts_of(source_text)
        found += [Diagnosis("warning", *remark) for remark in source_code.remarks(source_text)]
    if config is not None:
        saved = facts_of(config)
        # The configuration knows more of the layers than the source.
        facts = facts._replace(uses=saved.uses, dtypes=saved.dtypes, compiled=saved.compiled)
        found += _formats(config)
    found += [*_limits(facts), *_operations(facts), *_precisions(facts), *_findings(facts)]
    order = ("error", "warning", "finding")
    concerned = (_for(diagnosis, backends) for diagnosis in found)
    kept = dict.fromkeys(diagnosis for diagnosis in concerned if diagnosis.backends)
    return sorted(kept, key=lambda diagnosis: order.index(diagnosis.level))


def facts_of(config: Mapping[str, Any]) -> Facts:
    """Return what the configuration of a model says.

    Args:
        config: the configuration as in the `config.json` of a `.keras` file.
    """
    uses, dtypes = [], []
    for found in objects(config):
        subject = f"{found.owner} ({found.class_name})" if found.owner else found.class_name
        kind = _kind_of(found)
        settings = {name: _plain(value) for name, value in found.settings.items()}
        name = str(found.config.get("config")) if found.class_name == "function" else found.class_name
        uses.append(Use(kind, name, subject, settings, found.module))
        if kind == "layers" and isinstance(policy := settings.get("dtype"), str):
            dtypes.append((subject, policy))
    compiled = config.get("compile_config")
    compiled = compiled if isinstance(compiled, dict) else {}
    uses += [Use("losses", name, f"loss {name}", {}) for name in _texts(compiled.get("loss"))]
    return Facts(tuple(uses), {}, (), tuple(dtypes), compiled)


def _kind_of(found: SavedObject) -> str:
    if ".optimizers" in found.module:
        return "optimizers"
    parts = found.module.removeprefix("keras.src.").removeprefix("keras.").split(".")
    return "layers" if parts[0].startswith("keras_hub") else parts[0]


def _plain(value: Any) -> Any:
    """Return the name of an object of Keras, and any other value as it is."""
    if isinstance(value, dict) and "class_name" in value:
        inner = value.get("config")
        if isinstance(inner, str):
            return inner
        if "DTypePolicy" in str(value["class_name"]) and isinstance(inner, dict):
            return inner.get("name")
        return value["class_name"]
    return value


def _texts(part: Any) -> Iterator[str]:
    """Yield the names of losses or metrics, which may be nested."""
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict) and "class_name" not in part:
        for value in part.values():
            yield from _texts(value)
    elif isinstance(part, dict) and part["class_name"] == "function":
        yield str(part.get("config"))
    elif isinstance(part, list):
        for value in part:
            yield from _texts(value)


def _formats(config: Mapping[str, Any]) -> Iterator[Diagnosis]:
    """Yield what keeps a file from loading elsewhere."""
    everywhere = tuple(BACKENDS)
    for found in objects(config):
        # The layer says the same of its lambda.
        if found.class_name != "__lambda__" and (reason := refusal(found)):
            message = f"holds {reason}, so that the file loads only with --trust, and only where that code is"
            yield Diagnosis("error", found.owner or found.class_name, message, "", everywhere)


def _limits(facts: Facts) -> Iterator[Diagnosis]:
    for limit in LIMITS:
        for use in facts.used(limit.names, "layers"):
            if not limit.setting:
                yield Diagnosis("error", use.subject, f"{use.name} {limit.message}", "", limit.backends)
            elif _among(use.settings.get(limit.setting), limit.values):
                setting = f"{limit.setting}={use.settings[limit.setting]!r}"
                yield Diagnosis("error", use.subject, f"{use.name} with {setting} {limit.message}", "", limit.backends)


def _among(value: Any, values: Sequence[object]) -> bool:
    # Not `in`: 1 is no True.
    return any(type(value) is type(one) and value == one for one in values)


def _operations(facts: Facts) -> Iterator[Diagnosis]:
    for name, backends in MISSING.items():
        for use in facts.uses:
            # In a file, keras.ops.svd is the class SVD, and matrix_rank is MatrixRank.
            saved = use.module.startswith("keras.src.ops.") and use.name.lower() == name.replace("_", "")
            if saved or (use.kind, use.name) == ("ops", name):
                yield Diagnosis("error", use.subject, f"keras.ops.{name} is not implemented", "", backends)


def _precisions(facts: Facts) -> Iterator[Diagnosis]:
    for subject, dtype in facts.dtypes:
        if dtype.startswith("mixed_") or dtype in ("float16", "bfloat16"):
            message = (
                f"{dtype} rounds after operations that each backend combines in its own way; expect larger differences"
            )
            yield Diagnosis("warning", subject, message, "", tuple(BACKENDS))


def _findings(facts: Facts) -> Iterator[Diagnosis]:
    for slug, concern in TABLE.items():
        for subject in dict.fromkeys(concern.subjects(facts)):
            yield Diagnosis("finding", subject, concern.message, f"{PAGE}#{slug}", concern.backends)


def _for(diagnosis: Diagnosis, backends: Sequence[str]) -> Diagnosis:
    """Return a diagnosis for some backends only."""
    return diagnosis._replace(backends=tuple(name for name in backends if name in diagnosis.backends))


def _path_of(module: str) -> Path:
    """Return the file of a module, which is not imported, and neither are the packages that hold it.

    Raises:
        SourceError: there is no such module, or it is not written in Python.
    """
    folders: Sequence[str] = [str(Path.cwd()), *sys.path]
    spec: ModuleSpec | None = None
    for part in module.split("."):
        spec = PathFinder.find_spec(part, folders)
        if spec is None:
            msg = (
                f"Cannot read {module}. Expected: a module that is installed, or in the current folder. Received: no "
                f"{part!r} there. A file can be named as well: file.py:function."
            )
            raise SourceError(msg)
        folders = spec.submodule_search_locations or []
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        msg = f"Cannot read {module}. Expected: a module of Python source. Received: {spec and spec.origin}."
        raise SourceError(msg)
    return Path(spec.origin)
