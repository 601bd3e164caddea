"""A trained model that reads texts, as it read them in training."""

import copy
import json
import logging
import pickle
import shutil
import zipfile
from itertools import islice
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from backends_test.comparison.stages import LADDER
from backends_test.data import split_corpus, training_batches
from imdb_rnn import BundleError, Classifier, Corpus, ModelError, Training, explain
from imdb_rnn.corpora.synthetic import make_texts
from imdb_rnn.inference.bundle import CONFIG_FILE, HISTORY_FILE, MANIFEST_FILE, MODEL_FILE, read_part
from imdb_rnn.text.batches import pad


def test_texts_are_encoded_as_in_training(classifier: Classifier, small_corpus: Corpus) -> None:
    _, test = make_texts(2_000, 500)
    scores = [prediction.score for prediction in classifier.predict_reviews(test.texts)]
    expected = classifier.probabilities(split_corpus(small_corpus, 10_000, 100).test.x)
    (forward,) = (stage for stage in LADDER if stage.name == "forward")
    np.testing.assert_allclose(scores, expected, rtol=0, atol=forward.bounds["float32"].tolerance)


def test_what_is_read_follows_a_model_that_is_trained_on(trained: tuple[Path, Training], small_corpus: Corpus) -> None:
    classifier = Classifier.load(trained[0])
    before = classifier.predict_review("A good film.").score
    splits = split_corpus(small_corpus, classifier.num_words, classifier.max_len)
    classifier.model.fit(splits.train.x[:64], splits.train.y[:64], batch_size=64, verbose=0)
    assert classifier.predict_review("A good film.").score != before


def test_a_loaded_model_goes_on_training_as_if_it_had_never_been_saved(
    trained: tuple[Path, Training], small_corpus: Corpus, tmp_path: Path
) -> None:
    """The optimizer's state comes with the weights: twenty more steps at once, and twenty of a model that is saved and
    loaded again after every five of them."""
    train = split_corpus(small_corpus, 10_000, 100).train
    batches = list(islice(training_batches(train, 64, seed=7), 20))
    once = Classifier.load(trained[0]).model
    for batch in batches:
        once.train_on_batch(*batch)
    folder = tmp_path / "model"
    shutil.copytree(trained[0], folder)
    for start in range(0, 20, 5):
        classifier = Classifier.load(folder)
        again = classifier.model
        for batch in batches[start : start + 5]:
            again.train_on_batch(*batch)
        classifier.save(folder)
    assert int(again.optimizer.iterations) == int(once.optimizer.iterations)
    assert int(once.optimizer.iterations) == trained[1].manifest.best_epoch * 25 + 20
    for ours, theirs in zip(again.get_weights(), once.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_evaluating_is_keras_loss_and_accuracy(classifier: Classifier, small_corpus: Corpus) -> None:
    test = split_corpus(small_corpus, 10_000, 100).test
    scores = classifier.probabilities(test.x).astype(np.float64)[:, None]
    result = classifier.evaluate(small_corpus.test)
    loss = -np.mean(test.y * np.log(scores) + (1 - test.y) * np.log(1 - scores))
    assert result.loss == pytest.approx(loss, abs=1e-5)
    assert result.accuracy == pytest.approx(np.mean((scores > 0.5) == test.y), abs=1e-6)


def test_ids_can_be_scored_directly(classifier: Classifier, small_corpus: Corpus) -> None:
    ids = pad(small_corpus.test, 10_000, 100)
    scores = classifier.probabilities(ids[:7])
    assert (scores.shape, scores.dtype) == ((7,), np.float32)


# --- Saving ---

REVIEW = "A good film, and not a bad one."


@keras.saving.register_keras_serializable("tests")
class HalfAdam(keras.optimizers.Adam):
    """A user's own optimizer."""


OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    "amsgrad": lambda: keras.optimizers.Adam(amsgrad=True),
    "schedule": lambda: keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.01, 10, 0.9)),
    "sgd": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
    "rmsprop": keras.optimizers.RMSprop,
    "adamw": keras.optimizers.AdamW,
    "lion": keras.optimizers.Lion,
    "adagrad": keras.optimizers.Adagrad,
    "adadelta": keras.optimizers.Adadelta,
    "adamax": keras.optimizers.Adamax,
    "nadam": keras.optimizers.Nadam,
    "loss scale": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1)),
    "own": HalfAdam,
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_file_names_no_optimizer_that_only_one_backend_knows(
    trained: tuple[Path, Training], tmp_path: Path, name: str
) -> None:
    classifier = Classifier.load(trained[0])
    classifier.model.compile(OPTIMIZERS[name](), "binary_crossentropy")
    classifier.save(tmp_path / "model")
    with zipfile.ZipFile(tmp_path / "model" / MODEL_FILE) as archive:
        compiled = json.loads(archive.read("config.json"))["compile_config"]
    assert "keras.src" not in json.dumps(compiled["optimizer"])
    assert compiled["jit_compile"] == "auto"
    plain = keras.models.load_model(tmp_path / "model" / MODEL_FILE)
    assert plain.optimizer.name == classifier.model.optimizer.name


@pytest.mark.parametrize("name", ["adam", "schedule", "sgd", "own"])
def test_a_classifier_is_saved_after_fit_with_any_optimizer(
    trained: tuple[Path, Training], small_corpus: Corpus, tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    classifier = Classifier.load(trained[0])
    batch = split_corpus(small_corpus, 10_000, 100).train
    model = classifier.model
    model.compile(OPTIMIZERS[name](), "binary_crossentropy", metrics=["accuracy", keras.metrics.AUC(name="auc")])
    model.fit(batch.x[:64], batch.y[:64], batch_size=32, verbose=0)
    classifier.save(tmp_path / "model")
    with zipfile.ZipFile(tmp_path / "model" / MODEL_FILE) as archive:
        compiled = json.loads(archive.read("config.json"))["compile_config"]
    assert "AUC" in json.dumps(compiled["metrics"])
    plain = keras.models.load_model(tmp_path / "model" / MODEL_FILE)
    expected = classifier.probabilities(batch.x[:9])[:, None]
    np.testing.assert_allclose(plain.predict(batch.x[:9], verbose=0), expected, rtol=0, atol=1e-6)
    loaded = Classifier.load(tmp_path / "model")
    assert loaded.predict_review(REVIEW).score == classifier.predict_review(REVIEW).score
    assert loaded.predict_review(REVIEW).score != Classifier.load(trained[0]).predict_review(REVIEW).score
    # Training continues with the saved state of Adam, or starts with a new one and logs that.
    steps = int(loaded.model.optimizer.iterations)
    assert steps == (2 if name == "adam" else 0)
    assert ("Training continues with a new Adam optimizer" in caplog.text) is (name != "adam")
    loaded.model.fit(batch.x[:64], batch.y[:64], batch_size=32, verbose=0)


@pytest.mark.parametrize("frozen", [(0,), (1, 2), (0, 1, 2)])
def test_frozen_layers_stay_frozen_and_the_optimizer_goes_on(
    trained: tuple[Path, Training], small_corpus: Corpus, tmp_path: Path, frozen: tuple[int, ...]
) -> None:
    classifier = Classifier.load(trained[0])
    batch = split_corpus(small_corpus, 10_000, 100).train
    for layer in frozen:
        classifier.model.layers[layer].trainable = False
    classifier.model.compile("adam", "binary_crossentropy")
    if len(frozen) < 3:
        classifier.model.fit(batch.x[:64], batch.y[:64], batch_size=32, verbose=0)
    for copied in (classifier, copy.deepcopy(classifier), pickle.loads(pickle.dumps(classifier))):
        copied.save(tmp_path / "model")
        loaded = Classifier.load(tmp_path / "model")
        assert [layer.trainable for layer in loaded.model.layers] == [i not in frozen for i in range(3)]
        assert int(loaded.model.optimizer.iterations) == (2 if len(frozen) < 3 else 0)
        assert loaded.predict_review(REVIEW).score == classifier.predict_review(REVIEW).score
        shutil.rmtree(tmp_path / "model")


def test_what_was_not_trained_on_keeps_its_figures_and_what_was_has_none(
    trained: tuple[Path, Training], small_corpus: Corpus, tmp_path: Path
) -> None:
    classifier = Classifier.load(trained[0])
    assert int(classifier.model.optimizer.iterations) > 0
    classifier.save(tmp_path / "same")
    assert Classifier.load(tmp_path / "same").manifest == trained[1].manifest
    batch = split_corpus(small_corpus, 10_000, 100).train
    classifier.model.fit(batch.x[:64], batch.y[:64], verbose=0)
    for copied in (classifier, pickle.loads(pickle.dumps(classifier))):
        copied.save(tmp_path / "further")
        manifest = Classifier.load(tmp_path / "further").manifest.to_json()
        assert set(trained[1].manifest.to_json()) - set(manifest) == {
            "val_loss",
            "val_accuracy",
            "test_loss",
            "test_accuracy",
        }
        assert manifest["trained_further"] is True
        assert manifest["data"] == trained[1].manifest.to_json()["data"]
        shutil.rmtree(tmp_path / "further")


def test_it_can_be_saved_where_it_was_loaded_from_and_nowhere_else_that_is_filled(
    trained: tuple[Path, Training], robust: tuple[Path, Training], tmp_path: Path
) -> None:
    own = shutil.copytree(trained[0], tmp_path / "own")
    classifier = Classifier.load(own)
    classifier.model.layers[2].set_weights([array + 1 for array in classifier.model.layers[2].get_weights()])
    history = (own / HISTORY_FILE).read_bytes()
    classifier.save(own)
    assert Classifier.load(own).predict_review(REVIEW).score == classifier.predict_review(REVIEW).score
    assert (own / HISTORY_FILE).read_bytes() == history
    assert read_part(own, HISTORY_FILE) == trained[1].history
    other = shutil.copytree(robust[0], tmp_path / "other")
    thesis = shutil.copytree(trained[0], tmp_path / "thesis")
    (thesis / "thesis.txt").write_text("mine", encoding="utf-8")
    for folder, message in ((other, f"another {CONFIG_FILE}"), (thesis, "one that is not empty")):
        before = {file.name: file.read_bytes() for file in folder.iterdir()}
        with pytest.raises(
            BundleError, match=rf"Received: .*{message}\. Choose another one; nothing in it was changed"
        ):
            classifier.save(folder)
        assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_whole_vocabulary_and_reading_are_saved_again(robust: tuple[Path, Training], tmp_path: Path) -> None:
    Classifier.load(robust[0]).save(tmp_path / "again")
    assert (tmp_path / "again" / CONFIG_FILE).read_bytes() == (robust[0] / CONFIG_FILE).read_bytes()
    manifest = json.loads((tmp_path / "again" / MANIFEST_FILE).read_text(encoding="utf-8"))
    assert set(manifest["files"]) == {CONFIG_FILE, MODEL_FILE}


def enable_lora(model: keras.Model) -> None:
    model.layers[0].enable_lora(4)


def use_relu(model: keras.Model) -> None:
    model.layers[1].cell.activation = keras.activations.relu


def add_a_layer(model: keras.Model) -> None:
    model.add(keras.layers.Dense(1, name="another"))


@pytest.mark.parametrize("change", [enable_lora, use_relu, add_a_layer], ids=lambda change: change.__name__)
def test_a_model_of_other_layers_is_not_read_as_if_it_were_the_same(
    trained: tuple[Path, Training], small_corpus: Corpus, tmp_path: Path, change: Any
) -> None:
    classifier = Classifier.load(trained[0])
    change(classifier.model)
    uses = [
        lambda: classifier.predict_review(REVIEW),
        lambda: classifier.evaluate(small_corpus.test),
        lambda: classifier.save(tmp_path / "model"),
        lambda: pickle.dumps(classifier),
        lambda: explain(classifier, REVIEW),
    ]
    for use in uses:
        with pytest.raises(ModelError, match=r"Expected: its original layers, .*\. Received: "):
            use()
    assert not (tmp_path / "model").exists()


# --- Weights whose scores are no numbers ---


@pytest.mark.parametrize("place", ["everywhere", "first layers", "last layer"])
def test_weights_that_overflow_are_an_error_for_every_use(
    trained: tuple[Path, Training], small_corpus: Corpus, tmp_path: Path, place: str
) -> None:
    """Infinite terms of both signs make a sum that is no number; infinite logits have the score 1."""
    random = np.random.default_rng(0)
    weights = Classifier.load(trained[0]).weights()
    chosen = {"everywhere": range(6), "first layers": range(4), "last layer": range(4, 6)}[place]
    for i in chosen:
        weights[i] = np.float32(3e38) * random.choice([-1, 1], weights[i].shape).astype(np.float32)
    huge = Classifier.load(trained[0])
    huge.model.set_weights(weights)
    huge.save(tmp_path / "model")
    for classifier in (huge, Classifier.load(tmp_path / "model")):
        for use in (
            lambda it: it.predict_review(REVIEW),
            lambda it: it.predict_reviews([REVIEW]),
            lambda it: explain(it, REVIEW),
            lambda it: it.evaluate(small_corpus.test),
            lambda it: it.probabilities(np.ones((3, 100), np.int32)),
        ):
            with pytest.raises(ModelError, match=r"Expected: finite scores\. Received: "):
                use(classifier)


def test_what_is_only_logged_is_not_logged_for_a_model_that_goes_on(
    trained: tuple[Path, Training], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert int(Classifier.load(trained[0]).model.optimizer.iterations) > 0
    assert "new Adam" not in caplog.text


@pytest.fixture(scope="module")
def classifier(trained: tuple[Path, Training]) -> Classifier:
    return Classifier.load(trained[0])
