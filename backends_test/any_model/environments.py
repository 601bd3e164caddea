"""Which interpreter runs a backend: finds one, or makes an environment for it in the user's cache."""

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple

import platformdirs

from backends_test.any_model import installed
from backends_test.environments import ROOT, python_of
from imdb_rnn.backends.table import TABLE
from imdb_rnn.home import expanded

# Written when everything is installed. An environment without it is not complete.
MARKER = "complete.json"
# On Linux, PyTorch of the usual index needs some gigabytes of CUDA.
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
# How long an interpreter may take to answer. It imports nothing, but a cold disk is slow.
ANSWER_SECONDS = 60
# The command that makes environments, for advice.
SETUP = "backends-test setup"

Origin = Literal["named", "here", "tox", "setup"]


class Environment(NamedTuple):
    """An interpreter that can run a backend.

    Attributes:
        backend: the value of `KERAS_BACKEND`.
        python: the interpreter.
        origin: where it was found: "named", "here", "tox" or "setup".
        keras: the version of Keras; "" if it cannot be told.
        package: the version of the backend; "" if it cannot be told.
    """

    backend: str
    python: Path
    origin: Origin
    keras: str
    package: str


class Missing(NamedTuple):
    """A backend that no interpreter can run.

    Attributes:
        backend: the value of `KERAS_BACKEND`.
        message: what is missing, and the command that installs it, in one line.
    """

    backend: str
    message: str


class SetupError(Exception):
    """An environment cannot be made; the message is one line."""


def cache_folder() -> Path | None:
    """Return the folder of the environments that `setup` makes: `BACKENDS_TEST_CACHE`, else one in the user's cache.

    Returns:
        The folder; None for a user without a home.
    """
    try:
        given = os.environ.get("BACKENDS_TEST_CACHE")
        return expanded(given or platformdirs.user_cache_dir("backends-test", appauthor=False))
    except RuntimeError:  # raised by platformdirs for a user without a home
        return None


def keras_here() -> str | None:
    """Return the version of Keras in the running environment, or None. Keras is not imported."""
    return installed.version("keras")


def find(backends: Sequence[str], named: Mapping[str, Path] | None = None) -> dict[str, Environment | Missing]:
    """Find an interpreter for each backend.

    They are looked for in this order: the interpreter that the user names; the running one; in a checkout of this
    project, those of its tox environments; the environments that `setup` has made, first the one with the Keras of the
    running environment.

    Args:
        backends: values of `KERAS_BACKEND`.
        named: the user's own interpreters. One that does not work is not replaced by another.

    Returns:
        What was found for each backend, in the order of `backends`.

    Raises:
        ValueError: a backend is not known, or an interpreter is named for one that is not asked for.
    """
    named = named or {}
    for name in (*backends, *named):
        if name not in TABLE:
            msg = f"Bad backend. Expected: one of {', '.join(TABLE)}. Received: {name!r}."
            raise ValueError(msg)
    if unused := [name for name in named if name not in backends]:
        msg = f"Bad --python. Expected: an interpreter for one of {', '.join(backends)}. Received: one for {unused[0]}."
        raise ValueError(msg)
    return {name: _check_named(name, named[name]) if name in named else _look_for(name) for name in backends}


def other_keras(found: Mapping[str, Environment | Missing]) -> str | None:
    """Return a warning if the interpreters have different versions of Keras, else None.

    Args:
        found: what `find` returns.
    """
    versions = {name: one.keras for name, one in found.items() if isinstance(one, Environment) and one.keras}
    if len(set(versions.values())) < 2:
        return None
    listed = ", ".join(f"{version} for {TABLE[name].title}" for name, version in versions.items())
    return f"Differences may come from Keras itself, because its versions differ: {listed}."


def _check_named(backend: str, python: Path) -> Environment | Missing:
    title, package = TABLE[backend].title, TABLE[backend].package
    if not python.is_file():
        # A relative path without a folder may be a command.
        command = shutil.which(str(python))
        if command is None:
            what = "a folder" if python.is_dir() else "no such file"
            msg = (
                f"{title}: expected an interpreter, --python {backend}=/path/to/bin/python. Received {python}: {what}."
            )
            return Missing(backend, msg)
        python = Path(command)
    # Not resolved: a link to an interpreter, in a virtual environment, is another interpreter than its target.
    python = python.absolute()
    versions = _ask(python, package)
    if isinstance(versions, str):
        return Missing(backend, f"{title}: {python} does not work: {versions}. Name another one with --python.")
    if lacking := [name for name in ("keras", package) if versions[name] is None]:
        install = " ".join(_requirement(name) for name in lacking)
        return Missing(
            backend, f"{title}: {python} has no {' and no '.join(lacking)}. Run: {python} -m pip install {install}"
        )
    return Environment(backend, python, "named", versions["keras"] or "", versions[package] or "")


def _look_for(backend: str) -> Environment | Missing:
    title, package = TABLE[backend].title, TABLE[backend].package
    keras, version = keras_here(), installed.version(package)
    if keras is not None and version is not None:
        return Environment(backend, Path(sys.executable), "here", keras, version)
    candidates: list[tuple[Origin, Path]] = []
    # Only a checkout has a tox.ini, and not each of its environments exists.
    with suppress(FileNotFoundError):
        candidates += [("tox", python_of(backend))] if (ROOT / "tox.ini").is_file() else []
    candidates += [("setup", _python_in(folder)) for folder in _made(backend, keras)]
    for origin, python in candidates:
        versions = _ask(python, package)
        if not isinstance(versions, str) and None not in versions.values():
            return Environment(backend, python, origin, versions["keras"] or "", versions[package] or "")
    lacks = "Keras" if keras is None else package
    msg = f"{title}: no interpreter with Keras and {package} ({sys.executable} has no {lacks}). Run: {SETUP}"
    return Missing(backend, msg)


def _ask(python: Path, package: str) -> dict[str, str | None] | str:
    """Return the versions of Keras and a package in an interpreter, or why it does not answer."""
    try:
        completed = subprocess.run(
            [python, installed.__file__, "keras", package],
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=ANSWER_SECONDS,
            stdin=subprocess.DEVNULL,
        )
        answer = json.loads(completed.stdout) if completed.returncode == 0 else None
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        return " ".join(str(error).split())[:200]
    if not isinstance(answer, dict):
        return _last_line(completed.stderr) or f"it ends with {completed.returncode}"
    return answer


def _made(backend: str, keras: str | None) -> list[Path]:
    """Return the complete environments of a backend, best first."""
    folder = cache_folder()
    markers = folder.glob(f"{backend}-keras-*/{MARKER}") if folder else ()
    newest = sorted(markers, key=lambda marker: marker.stat().st_mtime, reverse=True)
    return sorted((marker.parent for marker in newest), key=lambda folder: folder.name != f"{backend}-keras-{keras}")


def _python_in(environment: Path) -> Path:
    return environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def _requirement(package: str) -> str:
    """Return what to install to have a package."""
    # TensorFlow without CUDA; there is such a build for this platform only.
    if package == "tensorflow" and sys.platform == "linux" and platform.machine() in ("x86_64", "AMD64"):
        return "tensorflow-cpu"
    return package


def setup(
    backends: Sequence[str],
    keras_version: str | None = None,
    progress: Callable[[str], None] = lambda line: None,
    *,
    renew: bool = False,
    also: Sequence[str] = (),
    torch: Literal["cpu", "default"] = "cpu",
) -> dict[str, Environment]:
    """Make an environment for each backend in the user's cache, with uv if there is one, else with venv and pip.

    A complete environment is kept. What an interrupted setup has left is removed.

    Args:
        backends: values of `KERAS_BACKEND`.
        keras_version: the version of Keras; None for that of the running environment, or the latest if it has none.
        progress: is called with a line for each environment.
        renew: whether to make complete environments again.
        also: other requirements, such as packages that the model imports, or `torch==2.13.0`.
        torch: whether Linux gets PyTorch's build for CPUs, from PyTorch's own index, or that of the usual index.

    Returns:
        The environments.

    Raises:
        SetupError: an environment cannot be made. Those before it are complete.
    """
    cache = cache_folder()
    if cache is None:
        msg = "Cannot make environments. Expected: a home folder. Received: none. Name a folder in BACKENDS_TEST_CACHE."
        raise SetupError(msg)
    uv = shutil.which("uv")
    keras = keras_version or keras_here() or _latest_keras(uv)
    return {name: _set_up(name, cache, keras, uv, progress, renew, also, torch) for name in backends}


def _set_up(
    backend: str,
    cache: Path,
    keras: str,
    uv: str | None,
    progress: Callable[[str], None],
    renew: bool,
    also: Sequence[str],
    torch: str,
) -> Environment:
    title, package = TABLE[backend].title, TABLE[backend].package
    folder = cache / f"{backend}-keras-{keras}"
    marker, python = folder / MARKER, _python_in(folder)
    requirements = [f"keras=={keras}", "numpy", _requirement(package), *also]
    cpu_index = package == "torch" and torch == "cpu" and sys.platform == "linux"
    if not renew and _holds(marker, requirements):
        versions = _ask(python, package)
        # An upgrade of the system may have removed the interpreter that it was made from.
        if not isinstance(versions, str) and None not in versions.values():
            progress(f"{title}: {folder} is complete.")
            return Environment(backend, python, "setup", versions["keras"] or "", versions[package] or "")
    progress(f"{title}: installing {', '.join(requirements)} in {folder} ...")
    try:
        # Before anything else, so that an environment that is half removed does not look complete.
        marker.unlink(missing_ok=True)
        if folder.exists():
            shutil.rmtree(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        _run(
            [uv, "venv", "--quiet", "--python", sys.executable, folder]
            if uv
            else [sys.executable, "-m", "venv", folder]
        )
        install = [uv, "pip", "install", "--quiet", "--python", python] if uv else _pip(python)
        if cpu_index:
            install += ["--torch-backend", "cpu"] if uv else ["--extra-index-url", TORCH_CPU_INDEX]
        _run([*install, *requirements])
        versions = _ask(python, package)
        if isinstance(versions, str) or None in versions.values():
            msg = f"the new environment does not have Keras and {package}: {versions}"
            raise SetupError(msg)
        marker.write_text(json.dumps({"requirements": requirements}), encoding="utf-8")
    except (OSError, SetupError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        advice = f". If {TORCH_CPU_INDEX} cannot be reached, run: {SETUP} --torch default" if cpu_index else ""
        msg = f"Cannot make the environment of {title} in {folder}: {error}{advice}"
        raise SetupError(msg) from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return Environment(backend, python, "setup", versions["keras"] or "", versions[package] or "")


def _holds(marker: Path, requirements: Sequence[str]) -> bool:
    """Return whether an environment is complete and was made with at least these requirements."""
    try:
        made = json.loads(marker.read_text(encoding="utf-8"))
        return set(requirements) <= set(made["requirements"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _pip(python: Path | str) -> list[str | Path | None]:
    return [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]


def _latest_keras(uv: str | None) -> str:
    """Return the latest version of Keras on the package index.

    Raises:
        SetupError: the package index cannot be asked.
    """
    try:
        if uv:
            options = ["--quiet", "--no-deps", "--no-header", "--no-annotate"]
            return _run([uv, "pip", "compile", *options, "-"], "keras\n").strip().removeprefix("keras==")
        options = ["--dry-run", "--no-deps", "--ignore-installed", "--report", "-"]
        report = json.loads(_run([*_pip(sys.executable), *options, "keras"]))
        return str(report["install"][0]["metadata"]["version"])
    except (SetupError, ValueError, LookupError) as error:
        msg = f"Cannot tell the latest version of Keras: {error}. Name a version: {SETUP} --keras VERSION"
        raise SetupError(msg) from error


def _run(command: Sequence[str | Path | None], text: str = "") -> str:
    """Run a command and return its standard output.

    Raises:
        SetupError: it fails.
    """
    words = [str(word) for word in command]
    try:
        completed = subprocess.run(words, input=text, capture_output=True, text=True, encoding="utf-8")
    except OSError as error:
        msg = f"{words[0]} does not start: {error}"
        raise SetupError(msg) from error
    if completed.returncode:
        msg = f"`{' '.join(words)}` fails: {_reason(completed.stderr or completed.stdout)}"
        raise SetupError(msg)
    return completed.stdout


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""


def _reason(text: str) -> str:
    """Return what pip or uv says from its first error on, in one line."""
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    start = next((place for place, line in enumerate(lines) if line.lower().startswith("error")), -1)
    return " ".join(lines[start:])[:500]
