"""An interrupted training is resumed, and gives what a training gives that was never interrupted."""

import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backends_test.reliability.moments import content
from backends_test.tests.backend.killed_training import corpus, recipe
from backends_test.tests.backend.processes import COMMAND_LINE
from imdb_rnn import BundleError, Classifier, Recipe, RecipeError, Training, train
from imdb_rnn.inference.bundle import (
    CONFIG_FILE,
    HISTORY_FILE,
    LOCK_FILE,
    MANIFEST_FILE,
    MODEL_FILE,
    STATE_FILE,
    exclusive_directory,
)

PROGRAM = "backends_test.tests.backend.killed_training"
RECIPES = ("tutorial", "robust")
# A training on a disk that fails before its third epoch, or before its first file. What it leaves is copied, because
# the disk is gone with the process.
FAILING_DISK = """
import resource, shutil, subprocess, sys
from pathlib import Path
import keras
from backends_test.tests.backend.killed_training import corpus, recipe
from imdb_rnn import BundleError, train

kind, moment, disk, kept = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4])
if kind != "limit":
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", disk], check=True)

def fail(epoch, logs=None):
    if epoch != moment:
        return
    if kind == "limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
    elif kind == "read-only":
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    else:
        with (disk / "filler").open("wb", buffering=0) as filler:
            try:
                while filler.write(bytes(4096)):
                    pass
            except OSError:
                pass

fail(-1)
try:
    fails = keras.callbacks.LambdaCallback(on_epoch_begin=fail)
    train(corpus(), disk / "model", recipe("tutorial"), callbacks=[fails], progress=False)
except BundleError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
if (disk / "model").exists():
    shutil.copytree(disk / "model", kept)
"""
# The error of each kind of disk, in the words of the operating system.
DISKS = {"limit": "File too large", "full": "No space left on device", "read-only": "Read-only file system"}


def killed(folder: Path, name: str, moment: int) -> subprocess.CompletedProcess[str]:
    """Run a training that is killed at a moment; see `killed_training`."""
    command = [sys.executable, "-m", PROGRAM, str(folder), name, str(moment)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def resumed(folder: Path, name: str) -> Training:
    return train(corpus(), folder, recipe(name), resume=True, progress=False)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[dict[str, Any], int]]:
    """Recipe -> what a training saves that is not interrupted, and how many moments it has."""
    found = {}
    for name in RECIPES:
        folder = tmp_path_factory.mktemp("whole") / name
        ran = killed(folder, name, 0)
        assert ran.returncode == 0, ran.stderr
        found[name] = content(folder), int(ran.stdout.split()[-1])
    return found


@pytest.mark.parametrize(("name", "share"), [("tutorial", 0.3), ("robust", 0.5), ("robust", 0.97)])
def test_a_training_that_is_killed_is_resumed_to_the_same_model(
    name: str, share: float, whole: dict[str, tuple[dict[str, Any], int]], tmp_path: Path
) -> None:
    expected, moments = whole[name]
    assert killed(tmp_path / "model", name, round(share * moments)).returncode == -signal.SIGKILL
    training = resumed(tmp_path / "model", name)
    assert content(tmp_path / "model") == expected
    assert training.history == expected["history"]
    assert STATE_FILE not in expected["files"]


def test_a_training_that_has_not_begun_or_is_complete_can_be_resumed(tmp_path: Path) -> None:
    first = resumed(tmp_path / "model", "tutorial")
    before = {file.name: file.read_bytes() for file in (tmp_path / "model").iterdir()}
    again = resumed(tmp_path / "model", "tutorial")
    assert (again.history, again.manifest) == (first.history, first.manifest)
    assert again.classifier.predict_review("A good film.") == first.classifier.predict_review("A good film.")
    assert {file.name: file.read_bytes() for file in (tmp_path / "model").iterdir()} == before


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training that is interrupted when its third epoch begins."""
    import keras

    def interrupt(epoch: int, logs: object) -> None:
        if epoch == 2:
            raise KeyboardInterrupt

    folder = tmp_path_factory.mktemp("interrupted") / "model"
    stop = keras.callbacks.LambdaCallback(on_epoch_begin=interrupt)
    with pytest.raises(KeyboardInterrupt):
        train(corpus(), folder, recipe("robust"), callbacks=[stop], progress=False)
    return folder


def copy_of(folder: Path, place: Path) -> Path:
    place.mkdir()
    for file in folder.iterdir():
        (place / file.name).write_bytes(file.read_bytes())
    return place


def test_the_state_takes_at_most_three_times_the_size_of_the_model(interrupted: Path) -> None:
    assert (interrupted / STATE_FILE).stat().st_size <= 3 * (interrupted / MODEL_FILE).stat().st_size


def test_an_interrupted_training_says_so_when_it_is_used(interrupted: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert 0 < Classifier.load(interrupted).predict_review("A good film.").score < 1
    assert "was interrupted after epoch 2" in caplog.text
    with pytest.raises(BundleError, match=r"Expected: a complete training\. Received: one that was interrupted"):
        Classifier.load(interrupted, strict=True)


def test_without_resume_an_interrupted_training_is_not_overwritten(interrupted: Path) -> None:
    before = {file.name: file.read_bytes() for file in interrupted.iterdir()}
    with pytest.raises(BundleError, match="Resume it with `--resume`, or choose another one; nothing"):
        train(corpus(), interrupted, recipe("robust"), progress=False)
    assert {file.name: file.read_bytes() for file in interrupted.iterdir()} == before


def test_another_training_does_not_go_on_from_the_state(interrupted: Path, tmp_path: Path) -> None:
    folder = copy_of(interrupted, tmp_path / "model")
    with pytest.raises(BundleError, match="Received: a training with epochs 5, seed 42"):
        train(corpus(), folder, Recipe(epochs=6, patience=2, seed=7), resume=True, progress=False)
    with pytest.raises(BundleError, match="Received: a training with data "):
        train(replace(corpus(), fingerprint="0" * 64), folder, recipe("robust"), resume=True, progress=False)


def test_a_folder_of_something_else_is_not_resumed(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(BundleError, match="one that is not empty"):
        train(corpus(), tmp_path, recipe("robust"), resume=True, progress=False)
    with pytest.raises(RecipeError, match="a folder in `out` to resume a training from"):
        train(corpus(), None, recipe("robust"), resume=True, progress=False)


@pytest.mark.parametrize(
    ("arrays", "facts"),
    [
        ({"weights.1": np.zeros((2, 2), np.float32)}, {}),
        ({"best.1": np.zeros((2, 2), np.float32)}, {}),
        ({"recent.0.1": np.zeros((2, 2), np.float32)}, {}),
        ({"optimizer.2": np.zeros((2, 2), np.float32)}, {}),
        ({}, {"best_epoch": 7}),
        ({}, {"best_epoch": -1}),
        ({}, {"best_loss": None}),
        ({}, {"epochs": 0}),
        ({}, {"history": {"val_loss": [0.5]}}),
        ({}, {"history": {}}),
    ],
    ids=str,
)
def test_a_state_that_contradicts_itself_or_the_model_is_refused(
    interrupted: Path, tmp_path: Path, arrays: dict[str, Any], facts: dict[str, Any]
) -> None:
    folder = copy_of(interrupted, tmp_path / "model")
    with np.load(folder / STATE_FILE) as file:
        content_ = {name: file[name] for name in file.files}
    changed_facts = json.loads(content_["facts"].tobytes()) | facts
    content_ |= {**arrays, "facts": np.frombuffer(json.dumps(changed_facts).encode(), np.uint8)}
    changed = io.BytesIO()
    np.savez(changed, **content_)
    (folder / STATE_FILE).write_bytes(changed.getvalue())
    with pytest.raises(BundleError, match="Expected: a history, and the weights and the optimizer of its model"):
        resumed(folder, "robust")


@pytest.fixture
def on_a_failing_disk(tmp_path: Path) -> Callable[[str, int], tuple[str, Path]]:
    """Train on a disk that fails before an epoch; return the error, and a copy of the folder that is left."""

    def run(kind: str, moment: int) -> tuple[str, Path]:
        own_mounts = [] if kind == "limit" else ["unshare", "--user", "--map-root-user", "--mount"]
        if own_mounts and subprocess.run([*own_mounts, "mount", "-t", "tmpfs", "tmpfs", tmp_path]).returncode:
            pytest.skip("this system does not let a process have a disk of its own")
        (tmp_path / "disk").mkdir()
        command = [
            *own_mounts,
            sys.executable,
            "-c",
            FAILING_DISK,
            kind,
            str(moment),
            tmp_path / "disk",
            tmp_path / "left",
        ]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout, tmp_path / "left"

    return run


@pytest.mark.skipif(sys.platform != "linux", reason="other systems mount and limit in other ways")
@pytest.mark.parametrize("kind", ["limit", "full"])
def test_when_the_disk_fails_the_last_epoch_is_intact_and_the_training_can_be_resumed(
    kind: str,
    on_a_failing_disk: Callable[[str, int], tuple[str, Path]],
    whole: dict[str, tuple[dict[str, Any], int]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    said, left = on_a_failing_disk(kind, 2)
    assert said.startswith("Cannot save to ")
    assert "Expected: a folder that can be written. Received: [Errno " in said
    assert f"] {DISKS[kind]}" in said
    assert said.count("\n") == 1
    assert {file.name for file in left.iterdir()} == {
        CONFIG_FILE,
        HISTORY_FILE,
        MANIFEST_FILE,
        MODEL_FILE,
        STATE_FILE,
    }
    assert 0 < Classifier.load(left).predict_review("A good film.").score < 1
    assert "was interrupted after epoch" in caplog.text
    resumed(left, "tutorial")
    assert content(left) == whole["tutorial"][0]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems mount and limit in other ways")
@pytest.mark.parametrize("kind", ["limit", "read-only"])
def test_on_a_disk_that_cannot_be_written_a_training_leaves_nothing(
    kind: str, on_a_failing_disk: Callable[[str, int], tuple[str, Path]]
) -> None:
    said, left = on_a_failing_disk(kind, -1)
    assert said.startswith("Cannot save to ")
    assert f"] {DISKS[kind]}" in said
    assert not left.exists()


def test_a_running_training_keeps_others_out_and_a_dead_one_does_not(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    command = [sys.executable, "-c", COMMAND_LINE, "train", "--data", "synthetic", "--out", str(folder)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        while not (folder / MANIFEST_FILE).exists():
            assert process.poll() is None
            time.sleep(0.02)
        with pytest.raises(BundleError, match="one that a training writes to"):
            train("synthetic", folder, Recipe(), resume=True, progress=False)
        process.terminate()
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    # SIGTERM ends a training as Ctrl-C does.
    assert process.returncode == 143
    assert f"The best model so far is in {folder}. To resume, run the same command with --resume." in errors
    (folder / LOCK_FILE).touch()
    with exclusive_directory(folder, resume=True):
        assert (folder / STATE_FILE).exists()
