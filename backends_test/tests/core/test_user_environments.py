"""Interpreters are found in order, and environments are made whole or not at all. The packages are stand-ins."""

import base64
import hashlib
import importlib.util
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from backends_test.any_model import environments
from backends_test.any_model.environments import MARKER, Environment, Missing, SetupError, find, other_keras, setup

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("keras") is not None,
    reason="Keras is installed here, so the present environment is found first; it is not in tox -e core",
)


def write_wheel(folder: Path, name: str, version: str, package: str | None = None) -> None:
    """Write a wheel with one empty package."""
    package = package or name
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    members = {
        f"{package}/__init__.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b'=').decode()},{len(text)}\n"
        for path, text in members.items()
    )
    with zipfile.ZipFile(folder / f"{name.replace('-', '_')}-{version}-py3-none-any.whl", "w") as archive:
        for path, text in members.items():
            archive.writestr(path, text)
        archive.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")


def python_in(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache, and a package index with stand-ins; the checkout has no environments."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for name, version, package in (
        ("keras", "3.99.1", None),
        ("keras", "3.98.0", None),
        ("numpy", "9.0", None),
        ("jax", "9.1", None),
        ("openvino", "9.2", None),
    ):
        write_wheel(wheels, name, version, package)
    for settings in ("PIP", "UV"):
        monkeypatch.setenv(f"{settings}_NO_INDEX", "1")
        monkeypatch.setenv(f"{settings}_FIND_LINKS", str(wheels))
    monkeypatch.setenv("BACKENDS_TEST_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(environments, "ROOT", tmp_path)
    return tmp_path / "cache"


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """An environment without pip, and with stand-ins for Keras 3.99.1 and JAX."""
    folder = tmp_path / "made"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    packages = next(folder.glob("lib/python*/site-packages"), folder / "Lib" / "site-packages")
    for name, version in (("keras", "3.99.1"), ("jax", "9.1")):
        (packages / name).mkdir()
        (packages / name / "__init__.py").touch()
        (packages / f"{name}-{version}.dist-info").mkdir()
        (packages / f"{name}-{version}.dist-info" / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8"
        )
    return folder


def test_an_interpreter_that_is_named_is_used_and_tells_its_versions(cache: Path, made: Path) -> None:
    found = find(["jax"], {"jax": python_in(made)})
    assert found == {"jax": Environment("jax", python_in(made), "named", "3.99.1", "9.1")}


def test_a_named_interpreter_that_lacks_the_backend_is_told_with_the_command(cache: Path, made: Path) -> None:
    python = python_in(made)
    found = find(["openvino"], {"openvino": python})
    assert found["openvino"] == Missing(
        "openvino", f"OpenVINO: {python} has no openvino. Run: {python} -m pip install openvino"
    )


def test_a_folder_that_is_no_package_is_not_taken_for_one(cache: Path, made: Path) -> None:
    packages = next(made.glob("lib/python*/site-packages"), made / "Lib" / "site-packages")
    (packages / "torch").mkdir()
    assert "has no torch." in str(find(["torch"], {"torch": python_in(made)})["torch"])


@pytest.mark.parametrize(
    ("name", "received"),
    [("nowhere/python", "no such file"), ("", "a folder"), ("broken", "does not work")],
    ids=["missing", "folder", "no interpreter"],
)
def test_a_named_interpreter_that_is_none_is_told_and_not_replaced(
    cache: Path, tmp_path: Path, name: str, received: str
) -> None:
    (tmp_path / "broken").write_text("no program", encoding="utf-8")
    found = find(["jax"], {"jax": tmp_path / name})["jax"]
    assert isinstance(found, Missing)
    assert received in found.message
    assert "--python" in found.message
    assert "\n" not in found.message


def test_a_backend_without_an_interpreter_is_told_with_the_command(cache: Path) -> None:
    found = find(["jax"])["jax"]
    assert isinstance(found, Missing)
    assert (
        found.message
        == f"JAX: no interpreter with Keras and jax ({sys.executable} has no Keras). Run: backends-test setup"
    )


def test_an_unknown_backend_and_an_interpreter_for_another_are_refused(cache: Path) -> None:
    with pytest.raises(ValueError, match=r"Expected: one of jax, torch, tensorflow, .* Received: 'theano'"):
        find(["theano"])
    with pytest.raises(ValueError, match=r"Expected: an interpreter for one of jax\. Received: one for torch"):
        find(["jax"], {"torch": Path(sys.executable)})


def test_the_environments_of_tox_are_found_in_a_checkout(
    cache: Path, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tox.ini").touch()
    monkeypatch.setattr(environments, "python_of", lambda backend: python_in(made))
    assert find(["jax"])["jax"] == Environment("jax", python_in(made), "tox", "3.99.1", "9.1")


def test_the_running_environment_comes_before_those_of_tox(
    cache: Path, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tox.ini").touch()
    monkeypatch.setattr(environments, "python_of", lambda backend: python_in(made))
    packages = next(made.glob("lib/python*/site-packages"), made / "Lib" / "site-packages")
    monkeypatch.setattr(sys, "path", [str(packages), *sys.path])
    assert find(["jax"])["jax"] == Environment("jax", Path(sys.executable), "here", "3.99.1", "9.1")


def test_different_versions_of_keras_are_told() -> None:
    python = Path("python")
    one = Environment("jax", python, "tox", "3.15.1", "1")
    other = Environment("torch", python, "tox", "3.14.0", "1")
    assert other_keras({"jax": one, "torch": Missing("torch", "")}) is None
    assert other_keras({"jax": one, "torch": other}) == (
        "Differences may come from Keras itself, because its versions differ: 3.15.1 for JAX, 3.14.0 for PyTorch."
    )


@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_an_environment_is_made_kept_and_made_again(cache: Path, tool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    uv = shutil.which("uv")
    if tool == "uv" and not uv:
        pytest.skip("uv is not on PATH")
    if tool == "pip":
        monkeypatch.setattr(environments.shutil, "which", lambda name: None)
    lines: list[str] = []
    made = setup(["jax"], None, lines.append)["jax"]
    # The latest version, because this environment has no Keras.
    folder = cache / "jax-keras-3.99.1"
    assert made == Environment("jax", python_in(folder), "setup", "3.99.1", "9.1")
    assert lines == [f"JAX: installing keras==3.99.1, numpy, jax in {folder} ..."]
    assert find(["jax"])["jax"] == made

    (folder / "kept").touch()
    assert setup(["jax"], "3.99.1", lines.append)["jax"] == made
    assert lines[1:] == [f"JAX: {folder} is complete."]
    assert (folder / "kept").exists()
    if tool == "uv":
        setup(["jax"], "3.99.1", renew=True)
        assert not (folder / "kept").exists()


def test_an_environment_that_was_not_finished_is_not_found_and_is_made_again(cache: Path, made: Path) -> None:
    folder = cache / "jax-keras-3.99.1"
    cache.mkdir()
    shutil.move(made, folder)
    assert isinstance(find(["jax"])["jax"], Missing)
    (folder / MARKER).write_text('{"requirements": ["keras==3.99.1", "numpy", "jax"]}', encoding="utf-8")
    assert find(["jax"])["jax"] == Environment("jax", python_in(folder), "setup", "3.99.1", "9.1")


def test_a_setup_that_fails_says_why_and_leaves_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail_to_install(command: list[object], text: str = "") -> str:
        if "install" in command:
            return run([sys.executable, "-m", "pip", "install", "--dry-run", "keras==4.0"])
        (cache / "jax-keras-4.0").mkdir(parents=True)
        return ""

    run = environments._run
    monkeypatch.setattr(environments, "_run", fail_to_install)
    with pytest.raises(SetupError) as failed:
        setup(["jax"], "4.0")
    assert str(failed.value).startswith(
        f"Cannot make the environment of JAX in {cache / 'jax-keras-4.0'}: `{sys.executable}"
    )
    assert str(failed.value).endswith("ERROR: No matching distribution found for keras==4.0")
    assert list(cache.iterdir()) == []


def test_an_interpreter_that_cannot_make_environments_is_told(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments.shutil, "which", lambda name: None)
    monkeypatch.setattr(sys, "executable", str(cache / "no_python"))
    with pytest.raises(SetupError, match=r"Cannot make the environment of JAX in .*: .*no_python does not start: "):
        setup(["jax"], "3.99.1")
    assert list(cache.iterdir()) == []


def test_a_setup_that_is_interrupted_leaves_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(command: object, text: str = "") -> str:
        (cache / "jax-keras-3.99.1").mkdir(parents=True)
        raise KeyboardInterrupt

    monkeypatch.setattr(environments, "_run", interrupt)
    with pytest.raises(KeyboardInterrupt):
        setup(["jax"], "3.99.1")
    assert list(cache.iterdir()) == []


def test_a_user_without_a_home_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "cache_folder", lambda: None)
    with pytest.raises(SetupError, match="Name a folder in BACKENDS_TEST_CACHE"):
        setup(["jax"], "3.99.1")
