"""The command line `backends-test`: what it refuses, and what it does without Keras."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from backends_test.any_model.run import ALL_STAGES
from backends_test.cli import main, stages_of
from backends_test.tests.command_line import Ran

MODEL = """
import keras


def build():
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
"""
Run = Callable[..., Ran]


@pytest.fixture
def run_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `backends-test` in this process, in a folder with model.py, and with an empty cache."""
    (tmp_path / "model.py").write_text(MODEL, encoding="utf-8")
    (tmp_path / "text.keras").write_text("no archive", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BACKENDS_TEST_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "120")

    def run(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["backends-test", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        assert isinstance(left.value.code, int)
        return Ran(left.value.code, *capsys.readouterr())

    return run


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("compare", "model.py"), "Name a function in it: model.py:build."),
        (("compare", "missing.py:build"), "Cannot read missing.py. Expected: a Python file. Received: no such file."),
        (("compare", "missing.keras"), "missing.keras"),
        (("compare", "text.keras"), "text.keras"),
        (("compare", "model.py:build", "--inputs", "missing.npz"), "Cannot read missing.npz."),
        (("compare", "model.py:build", "--inputs", "text.keras"), "Bad inputs."),
        (("compare", "model.py:build", "--backends", "jax,mxnet"), "Received: 'mxnet'."),
        (("compare", "model.py:build", "--backends", ","), "Bad --backends."),
        (("compare", "model.py:build", "--stages", "forward,backward"), "Received: 'backward'."),
        (("compare", "model.py:build", "--python", "/usr/bin/python"), "Bad --python. Expected: BACKEND=PATH"),
        (("compare", "model.py:build", "--python", "mxnet=/usr/bin/python"), "Bad --python."),
        (("compare", "model.py:build", "--python", "jax=a", "--python", "jax=b"), "Received: two for jax."),
        (("compare", "model.py:build", "--backends", "jax,torch", "--python", "tensorflow=a"), "Received: one for"),
        (("compare", "model.py:build", "--html", "no/folder/report.html"), "Bad --html."),
        (("doctor", "model.py:other"), "Expected: a function 'other' in model.py."),
        (("doctor", "missing.py:build"), "Cannot read missing.py."),
        (("doctor", "model.py:build", "--backends", "numpy"), "Bad --backends."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_input_is_refused_in_one_line(run_here: Run, arguments: tuple[str, ...], message: str) -> None:
    status, output, said = run_here(*arguments)
    assert (status, output) == (2, "")
    assert said.startswith("backends-test: ")
    assert said.count("\n") == 1, said
    assert message in said


@pytest.mark.parametrize(
    "arguments",
    [("compare",), ("compare", "model.py:build", "--steps", "0"), ("compare", "model.py:build", "--device", "tpu")],
    ids=" ".join,
)
def test_a_wrong_command_line_is_status_2(run_here: Run, arguments: tuple[str, ...]) -> None:
    status, output, said = run_here(*arguments)
    assert (status, output) == (2, "")
    assert "Usage: backends-test compare" in said


def test_fewer_than_two_backends_are_no_comparison(run_here: Run) -> None:
    named = ("--python", "jax=/no/such/python", "--python", f"torch={Path.cwd()}")
    status, output, said = run_here("compare", "model.py:build", "--backends", "jax,torch", *named)
    assert (status, output) == (2, "")
    lines = said.splitlines()
    assert len(lines) == 3
    assert "JAX: expected an interpreter" in lines[0]
    assert "PyTorch: expected an interpreter" in lines[1]
    assert lines[2].endswith("Expected: at least two backends. Received: none.")


def test_a_file_with_code_is_refused_before_a_backend_is_looked_for(run_here: Run, tmp_path: Path) -> None:
    layer = {"module": "keras.layers", "class_name": "Lambda", "config": {"name": "code"}, "registered_name": None}
    config = {"module": "keras", "class_name": "Sequential", "config": {"name": "model", "layers": [layer]}}
    with zipfile.ZipFile(tmp_path / "code.keras", "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("metadata.json", "{}")
        archive.writestr("model.weights.h5", "")
    status, output, said = run_here("compare", "code.keras", "--python", "jax=/no/such/python")
    assert (status, output) == (2, "")
    assert "add --trust" in said


def test_the_doctor_says_what_it_knows(run_here: Run, tmp_path: Path) -> None:
    assert run_here("doctor", "model.py:build")[:2] == (
        0,
        "Nothing is known that would make the backends differ.\n",
    )
    assert json.loads(run_here("doctor", "model.py:build", "--json").output) == []
    (tmp_path / "other.py").write_text("import torch\n\ntorch.zeros(1)\n" + MODEL, encoding="utf-8")
    status, output, said = run_here("doctor", "other.py:build", "--json")
    assert (status, said) == (1, "")
    assert {"level", "subject", "message", "link", "backends"} == set(json.loads(output)[0])


def test_stages_come_in_their_order_with_those_that_they_are_held_against() -> None:
    assert stages_of("") == ALL_STAGES
    assert stages_of(" steps, forward") == ("forward", "steps")
    assert stages_of("eager") == ("one step", "eager")


def test_help_needs_neither_keras_nor_a_backend() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "backends_test.cli", "compare", "--help"]
    completed = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert completed.returncode == 0
    assert "--time-limit" in completed.stdout
    imported = {line.rsplit("|", 1)[-1].strip() for line in completed.stderr.splitlines()}
    assert "typer" in imported
    assert imported.isdisjoint({"keras", "jax", "torch", "tensorflow", "matplotlib"})


def test_a_reader_that_has_read_enough_ends_the_command_quietly() -> None:
    command = [sys.executable, "-c", "from backends_test.cli import main; main()", "setup", "--help"]
    reader, writer = os.pipe()
    os.close(reader)
    completed = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (completed.returncode, completed.stderr) == (141, "")
