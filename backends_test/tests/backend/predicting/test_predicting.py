"""Backends that only predict, NumPy and OpenVINO, load a saved model as the others do, and refuse to train."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from backends_test import oracle
from backends_test.comparison import reference
from backends_test.comparison.inputs import Inputs, load_corpus, make_inputs
from backends_test.comparison.stages import LADDER, Artefact, Stage, differences, read_artefact, tolerance
from backends_test.oracle import Weights
from imdb_rnn import BackendError, Classifier, Recipe, train
from imdb_rnn.backends import TABLE, TRAINING_BACKENDS, is_installed, load_backend
from imdb_rnn.inference.manifest import Manifest
from imdb_rnn.text.preprocessing import LastIds
from imdb_rnn.text.tokens import Vocabulary

COMPUTED = [
    stage for stage in LADDER if stage.name in ("parameters", "initial weights", "batches", "forward", "evaluate")
]


@pytest.fixture(scope="session")
def inputs() -> Inputs:
    return make_inputs(load_corpus())


@pytest.fixture(scope="session")
def expected(inputs: Inputs) -> dict[str, reference.Tensors]:
    return reference.compute(inputs)


@pytest.fixture(scope="session")
def artefact(artefacts: Path) -> Artefact:
    """The results of this backend, from a fresh process, which are kept for the comparison of all pairs."""
    command = [sys.executable, "-P", "-m", "backends_test.comparison.artefact", artefacts, "float32", "fast"]
    completed = subprocess.run(command, capture_output=True, text=True)
    assert completed.returncode == 0, completed.stderr[-3000:]
    return read_artefact(artefacts, "float32")


@pytest.fixture
def saved(inputs: Inputs, tmp_path: Path) -> Path:
    """A folder as `train` leaves it, with the weights of the ladder."""
    Classifier(Vocabulary(["good", "film", "bad"]), LastIds(10_000, 100), Manifest(), weights=inputs.start).save(
        tmp_path / "saved"
    )
    return tmp_path / "saved"


@pytest.mark.parametrize("stage", COMPUTED, ids=lambda stage: stage.name.replace(" ", "-"))
def test_each_stage_is_that_of_the_oracle(
    artefact: Artefact, expected: dict[str, reference.Tensors], stage: Stage, backend: str
) -> None:
    apart = differences(artefact.stages[stage.name], expected[stage.name])
    print(f"{stage.name}: {max(apart.values()):.2e}")
    assert max(apart.values()) <= tolerance(stage, "float32", backend)


def test_only_what_needs_no_training_was_computed(artefact: Artefact) -> None:
    assert set(artefact.stages) == {stage.name for stage in COMPUTED}


def test_a_saved_folder_is_loaded_and_predicts(saved: Path, inputs: Inputs, backend: str) -> None:
    (forward,) = (stage for stage in LADDER if stage.name == "forward")
    classifier = Classifier.load(saved)
    scores = oracle.forward(Weights.of(inputs.start), inputs.reviews.x).scores[:, 0]
    assert np.abs(classifier.probabilities(inputs.reviews.x) - scores).max() <= tolerance(forward, "float32", backend)
    assert 0 < classifier.predict_review("A good film").score < 1


def test_training_is_refused_before_anything_is_read_or_written(backend: str, tmp_path: Path) -> None:
    expected = f"Expected: one of jax, torch, tensorflow, to train. Received: '{backend}', which only predicts"
    with pytest.raises(BackendError, match=expected):
        train("folder:nowhere", tmp_path / "model", Recipe(epochs=1))
    assert not any(tmp_path.iterdir())


def test_the_command_line_refuses_to_train_in_one_line(tmp_path: Path) -> None:
    command = [Path(sys.executable).with_name("imdb-rnn"), "train", "--out", tmp_path / "model"]
    completed = subprocess.run(command, capture_output=True, text=True)
    assert completed.returncode == 1
    assert completed.stdout == ""
    assert len(completed.stderr.splitlines()) == 1
    assert "which only predicts" in completed.stderr


def test_this_environment_holds_no_other_backend_but_what_keras_needs(backend: str) -> None:
    assert os.environ["KERAS_BACKEND"] == keras.backend.backend() == backend
    needed = {backend, TABLE[backend].package}
    assert {name for name in (*TRAINING_BACKENDS, "openvino") if is_installed(name)} == needed - {"numpy"}
    assert not any(name.startswith("tensorflow.") for name in sys.modules)
    assert load_backend().device() == "cpu"
