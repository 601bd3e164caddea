"""The Python interface of `backends-test`, without Keras: models, inputs, the working folder, and the clock."""

import functools
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backends_test
from backends_test.any_model import timing
from backends_test.any_model.api import source_of, written
from backends_test.any_model.environments import Environment
from backends_test.any_model.errors import SourceError
from backends_test.any_model.run import Options
from backends_test.any_model.working import digest, working_folder


def build() -> None:
    """Stand for a function that builds a model."""


class Owner:
    def build(self) -> None:
        """Stand for a method that builds a model."""


FOUND = {"jax": Environment("jax", Path("python"), "here", "3.15.1", "0.10")}


def test_public_names() -> None:
    assert backends_test.__all__ == ["Comparison", "ComparisonError", "SourceError", "compare"]
    assert all(hasattr(backends_test, name) for name in backends_test.__all__)
    with pytest.raises(AttributeError, match="no attribute 'other'"):
        _ = backends_test.other


def test_a_function_is_named_by_its_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert source_of(build) == f"{Path(__file__).resolve()}:build"
    assert source_of("module:build") == "module:build"


def test_a_function_of_the_current_folder_is_named_by_its_module(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "models_of_a_user").mkdir()
    (tmp_path / "models_of_a_user" / "small.py").write_text("def build():\n    pass\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    import models_of_a_user.small  # type: ignore[import-not-found]

    assert source_of(models_of_a_user.small.build) == "models_of_a_user.small:build"


@pytest.mark.parametrize(
    ("model", "received"),
    [
        (lambda: None, "the lambda"),
        (Owner().build, "the method Owner.build"),
        (Owner.build, "the method Owner.build"),
        (Owner, "the class Owner"),
        (functools.partial(build), "an object of partial"),
        (Owner(), "an object of Owner"),
    ],
    ids=["lambda", "method", "function of a class", "class", "partial", "object"],
)
def test_what_other_processes_cannot_import_is_refused_in_one_line(model: Any, received: str) -> None:
    with pytest.raises(SourceError, match=r"^Bad model\. Expected: a function of a module\. Received: .*") as error:
        source_of(model)
    assert f"Received: {received}" in str(error.value)
    assert "\n" not in str(error.value)


def test_an_inner_function_is_refused() -> None:
    def inner() -> None:
        """Stand for a closure."""

    with pytest.raises(SourceError, match="Received: the inner function test_an_inner_function_is_refused"):
        source_of(inner)


def test_arrays_are_written(tmp_path: Path) -> None:
    assert written(None, tmp_path) == ""
    assert written(tmp_path / "x.npy", tmp_path) == str(tmp_path / "x.npy")
    with np.load(written(np.ones((2, 3)), tmp_path)) as archive:
        assert archive["x"].shape == (2, 3)
    with np.load(written({"a": np.ones(2), "b": np.zeros(3)}, tmp_path)) as archive:
        assert sorted(archive.files) == ["a", "b"]


def test_the_digest_changes_with_what_the_result_depends_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = tmp_path / "model.py"
    model.write_text("one", encoding="utf-8")
    options = Options("model.py:build")
    first = digest(options, FOUND)
    assert digest(options._replace(seconds=5), FOUND) == first
    assert digest(options._replace(steps=6), FOUND) != first
    assert digest(options, {"jax": FOUND["jax"]._replace(keras="3.16")}) != first
    (tmp_path / "layers.py").write_text("beside", encoding="utf-8")
    second = digest(options, FOUND)
    assert second != first
    model.write_text("two", encoding="utf-8")
    assert digest(options, FOUND) != second


@pytest.mark.parametrize(("raised", "stays"), [(KeyboardInterrupt, True), (ValueError, False), (None, False)])
def test_the_working_folder_stays_only_after_an_interruption(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raised: type[BaseException] | None, stays: bool
) -> None:
    monkeypatch.setenv("BACKENDS_TEST_CACHE", str(tmp_path))

    def work() -> None:
        with working_folder(Options("model.py:build"), FOUND) as folder:
            (folder / "file").touch()
            if raised is not None:
                raise raised

    if raised is None:
        work()
    else:
        with pytest.raises(raised):
            work()
    assert bool(list(tmp_path.rglob("file"))) is stays


def test_the_same_comparison_at_the_same_time_has_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKENDS_TEST_CACHE", str(tmp_path))
    options = Options("model.py:build")
    with working_folder(options, FOUND) as one:
        with working_folder(options, FOUND) as other:
            assert other != one
        assert not other.exists()
        assert one.is_dir()


def test_what_old_comparisons_have_left_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKENDS_TEST_CACHE", str(tmp_path))
    old, new = tmp_path / "comparisons" / "old", tmp_path / "comparisons" / "new"
    for folder in (old, new):
        folder.mkdir(parents=True)
    os.utime(old, (0, 0))
    with working_folder(Options("model.py:build"), FOUND):
        assert not old.exists()
        assert new.exists()


def test_a_folder_to_keep_is_kept(tmp_path: Path) -> None:
    with working_folder(Options("model.py:build"), FOUND, tmp_path / "kept") as folder:
        (folder / "file").touch()
    assert len(list((tmp_path / "kept").rglob("file"))) == 1


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("BACKENDS_TEST_CACHE", str(tmp_path / "file"))
    with working_folder(Options("model.py:build"), FOUND) as folder:
        assert folder.is_dir()
    assert not folder.exists()


@pytest.mark.parametrize("step", [1e-4, 1e-2, 5.0])
def test_the_time_of_a_step_is_that_without_what_each_epoch_needs(step: float) -> None:
    epochs: list[int] = []

    def fit(steps: int) -> float:
        epochs.append(steps)
        return 0.05 + steps * step

    assert timing.seconds_per_step(fit, timing.LONG) == pytest.approx(step)
    assert max(epochs) <= timing.LONG
    # No more than three epochs of the shortest kind, and one, for a slow model.
    assert sum(epochs) * step < 100
