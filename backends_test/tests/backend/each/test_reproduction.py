"""A training can be repeated from its manifest, to the last bit; what has changed is named."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import imdb_rnn
from backends_test.tests.command_line import Run
from imdb_rnn import BundleError, Classifier, Recipe
from imdb_rnn.inference.bundle import MODEL_FILE, read_manifest, write


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, reviews_folder: Path) -> Path:
    folder = tmp_path_factory.mktemp("original") / "model"
    settings = {"num_words": 50, "max_len": 20, "epochs": 2, "averaged_epochs": 1}
    imdb_rnn.train(f"folder:{reviews_folder}", folder, Recipe(**settings), progress=False)  # type: ignore[arg-type]
    return folder


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "model"))


def test_a_repeated_training_is_the_same_to_the_last_bit(
    run_process: Run, original: Path, reviews_folder: Path, tmp_path: Path
) -> None:
    source = f"folder:{reviews_folder}"
    completed = run_process("reproduce", original, "--data", source, "--out", "again", "--json")
    assert completed.status == 0, completed.said
    record = json.loads(completed.output)
    assert record == {"verdict": "identical", "changed": {}, "results": {}, "weights": 0}
    assert (tmp_path / "again" / MODEL_FILE).read_bytes()
    assert read_manifest(tmp_path / "again").val_loss == read_manifest(original).val_loss


def test_what_has_changed_is_named(copy: Path, reviews_folder: Path) -> None:
    manifest = read_manifest(copy)
    versions = {**manifest.versions, "keras": "3.0"}
    write(copy, replace(manifest, processor="an abacus", versions=versions), {})
    result = imdb_rnn.reproduce(copy, f"folder:{reviews_folder}", progress=False)
    assert (result.verdict, result.succeeded) == ("identical", True)
    assert {name: before for name, (before, _) in result.changed.items()} == {"keras": "3.0", "processor": "an abacus"}


def test_another_result_is_a_failure_if_nothing_has_changed(run_here: Run, copy: Path, reviews_folder: Path) -> None:
    classifier = Classifier.load(copy)
    weights = classifier.model.get_weights()
    weights[-1] = weights[-1] + 1e-6
    classifier.model.set_weights(weights)
    classifier.save(copy)
    manifest = read_manifest(copy)
    write(copy, replace(manifest, trained_further=None, test_accuracy=1.0), {})
    status, output, said = run_here("reproduce", copy, "--data", f"folder:{reviews_folder}")
    assert status == 1
    assert "result         equal up to rounding" in output
    assert "although nothing that is recorded has changed." in said


def test_what_cannot_be_repeated_is_told(copy: Path, reviews_folder: Path) -> None:
    source = f"folder:{reviews_folder}"
    manifest = read_manifest(copy)
    with pytest.raises(BundleError, match="Expected: a source of reviews, because the model was not trained on one of"):
        imdb_rnn.reproduce(copy, progress=False)
    with pytest.raises(BundleError, match=r"Expected: the reviews of its training, .* Name their source by --data\."):
        imdb_rnn.reproduce(copy, "synthetic", progress=False)
    for changed, received in (
        (replace(manifest, trained_further=True), "a model that was trained further"),
        (replace(manifest, recipe={**manifest.recipe, "momentum": 1}), "a recipe with momentum, from another version"),
        (replace(manifest, recipe={**manifest.recipe, "epochs": -1}), "Bad `epochs`"),
        (replace(manifest, complete=False), "was interrupted after epoch 2"),
    ):
        write(copy, changed, {})
        with pytest.raises(BundleError, match=received):
            imdb_rnn.reproduce(copy, source, progress=False)
