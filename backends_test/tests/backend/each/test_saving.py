"""What a training saves is a plain Keras model, and holds what was trained."""

import json
import zipfile

import keras
import numpy as np
import pytest

from backends_test.data import split_corpus
from backends_test.tests.saved_folder import Saved
from imdb_rnn import Corpus
from imdb_rnn.inference.bundle import (
    MODEL_FILE,
    read_bundle,
)


def test_the_loading_code_of_the_tutorial_runs_unchanged(trained: Saved, small_corpus: Corpus) -> None:
    folder, training = trained
    model = keras.models.load_model(folder / "best-embedding-model.keras")
    # Scores of the loaded model are those of the trained one, and it is compiled.
    test = split_corpus(small_corpus, 10_000, 100).test
    np.testing.assert_allclose(
        model.predict(test.x, verbose=0)[:, 0], training.classifier.probabilities(test.x), atol=1e-6
    )
    assert model.evaluate(test.x, test.y, verbose=0)[1] == pytest.approx(training.manifest.test_accuracy, abs=1e-6)


def test_the_model_file_names_no_backend(trained: Saved) -> None:
    with zipfile.ZipFile(trained[0] / MODEL_FILE) as archive:
        config = archive.read("config.json").decode()
    assert "keras.src" not in config
    assert all(name not in config for name in ("torch", "tensorflow", "jax"))
    compile_config = json.loads(config)["compile_config"]
    assert compile_config["jit_compile"] == "auto"
    assert compile_config["optimizer"]["module"] == "keras.optimizers"
    assert compile_config["optimizer"]["class_name"].lower() == "adam"


def test_the_optimizers_state_is_saved_so_that_training_can_go_on(trained: Saved, small_corpus: Corpus) -> None:
    model = keras.models.load_model(trained[0] / MODEL_FILE)
    steps = trained[1].manifest.best_epoch * 25  # 1,600 reviews, 64 a step
    assert int(model.optimizer.iterations) == steps
    splits = split_corpus(small_corpus, 10_000, 100)
    model.fit(splits.train.x[:64], splits.train.y[:64], batch_size=64, verbose=0)
    assert int(model.optimizer.iterations) == steps + 1


def test_loading_gives_the_very_weights_that_were_trained(trained: Saved) -> None:
    folder, training = trained
    for ours, theirs in zip(read_bundle(folder).weights, training.classifier.model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
