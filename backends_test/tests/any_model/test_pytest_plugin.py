"""The plugin of pytest: tests that compare a model on all backends, run by a pytest of their own."""

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest

from backends_test.any_model.environments import Environment, Missing, find
from backends_test.any_model.run import BACKENDS, Comparison
from backends_test.any_model.verdicts import Row
from backends_test.pytest_plugin import Processes, explain, source_of
from imdb_rnn.model.architecture import build_model

MODELS = """\
import keras


def agrees():
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])


class Odd(keras.layers.Layer):
    def call(self, x):
        return x + 0.5 if keras.config.backend() == "torch" else x


def differs():
    return keras.Sequential([keras.Input((3,)), Odd(name="odd")])
"""
TESTS = """\
import models
import pytest


def test_same(assert_backends_agree):
    assert_backends_agree(models.agrees, stages=("forward",))


def test_other(assert_backends_agree):
    with pytest.raises(AssertionError, match=r"(?s)output of odd at the stage 'forward' differs.+disagrees"):
        assert_backends_agree(models.differs, stages=("forward",))


def test_text(assert_backends_agree):
    assert_backends_agree("models:agrees", stages=("weights",))
"""
RunPytest = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def two_backends() -> None:
    missing = [one.message for one in find(BACKENDS).values() if isinstance(one, Missing)]
    if len(missing) > len(BACKENDS) - 2:
        pytest.skip(f"fewer than two backends here. {' '.join(missing)}")


@pytest.fixture
def run_pytest(tmp_path: Path) -> RunPytest:
    """Run pytest in a folder with models and no tests."""
    (tmp_path / "models.py").write_text(MODELS, encoding="utf-8")
    is_installed = any(one.value == "backends_test.pytest_plugin" for one in entry_points(group="pytest11"))
    plugin = [] if is_installed else ["-p", "backends_test.pytest_plugin"]

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pytest", *plugin, "-p", "no:cacheprovider", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)

    return run


@pytest.mark.usefixtures("two_backends")
def test_a_test_asserts_that_a_model_agrees(run_pytest: RunPytest, tmp_path: Path) -> None:
    (tmp_path / "test_models.py").write_text(TESTS, encoding="utf-8")
    done = run_pytest()
    assert "3 passed" in done.stdout, done.stdout
    assert done.returncode == 0


@pytest.mark.usefixtures("two_backends")
def test_models_are_tested_without_a_test_file(run_pytest: RunPytest) -> None:
    done = run_pytest("--keras-model=models:agrees", "--keras-model=models.py:differs", "-rA")
    assert "PASSED keras-models::models:agrees" in done.stdout, done.stdout
    assert "FAILED keras-models::models.py:differs" in done.stdout
    assert "output of odd at the stage 'forward' differs" in done.stdout
    assert "Traceback" not in done.stdout
    assert done.returncode == 1


def test_without_two_backends_the_test_is_skipped_with_what_to_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = {
        "jax": Environment("jax", Path(sys.executable), "here", "3", "1"),
        "torch": Missing("torch", "PyTorch: none. Run: backends-test setup"),
    }
    monkeypatch.setattr("backends_test.pytest_plugin.find", lambda _: found)
    with pytest.raises(pytest.skip.Exception, match=r"needs two backends.+Run: backends-test setup"):
        Processes(lambda: tmp_path).compare("models:agrees")


def test_a_function_is_named_by_its_module_or_its_file() -> None:
    assert source_of(build_model).endswith(("imdb_rnn.model.architecture:build_model", "architecture.py:build_model"))
    assert source_of(two_functions) == f"{Path(__file__).absolute()}:two_functions"


def two_functions() -> list[Callable[[], object]]:
    def inner() -> None: ...

    return [inner, lambda: None]


@pytest.mark.parametrize("function", two_functions())
def test_a_function_without_a_name_in_its_module_is_refused(function: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="Expected: a function of a module"):
        source_of(function)


def test_an_assertion_names_the_first_disagreement_and_shows_the_worst() -> None:
    rows = [
        Row("forward", "a", "output", ("jax", "torch"), 1e-7, 1e-7, "rounding"),
        Row("forward", "b", "output", ("jax", "torch"), 0.5, 1e-7, "disagrees", "torch"),
        *(Row("loss", "", f"loss {i}", ("jax", "torch"), 10.0 + i, 1e-7, "disagrees") for i in range(6)),
        Row("steps", "", "", ("jax", "jax"), None, None, "fails", "jax", "ValueError: no"),
        Row("rows", "c", "output", ("jax", "jax"), np.inf, 0.0, "disagrees"),
    ]
    lines = explain(Comparison(rows, {}, ["a note"])).splitlines()
    first = (
        "The backends do not agree: output of b at the stage 'forward' differs between jax and torch by 0.5, where "
        "rounding explains 1e-07. torch is off."
    )
    assert lines[0] == first
    assert lines[1] == "The worst of 9 differences:"
    assert lines[2] == "  steps, jax, fails, ValueError: no"
    assert lines[3] == "  rows, c, output, jax, disagrees, inf (rounding 0)"
    assert lines[4] == "  loss, loss 5, jax - torch, disagrees, 15 (rounding 1e-07)"
    assert lines[7] == "a note"
