"""Training: the tutorial's recipe, the same on every backend, with nothing lost when it is interrupted."""

import json
import math
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from imdb_rnn import (
    BundleError,
    Classifier,
    Corpus,
    DataError,
    ModelError,
    Recipe,
    RecipeError,
    Training,
    train,
)
from imdb_rnn.corpora.corpus import LabelledTexts, encode_texts
from imdb_rnn.inference.bundle import (
    CONFIG_FILE,
    HISTORY_FILE,
    MANIFEST_FILE,
    MODEL_FILE,
    PLOT_FILE,
    STATE_FILE,
    read_bundle,
    read_manifest,
)
from imdb_rnn.model.architecture import LOSS, OPTIMIZER, build_model, compile_model, initial_weights
from imdb_rnn.text.batches import Arrays, targets
from imdb_rnn.text.windows import MIN_WINDOWS, last_windows
from imdb_rnn.training.averaging import average_weights
from imdb_rnn.training.calibration import fit_temperature
from imdb_rnn.training.loop import train_epochs
from imdb_rnn.training.splits import split_reviews


def test_the_tutorials_recipe_is_the_tutorials() -> None:
    recipe = Recipe.tutorial()
    assert (recipe.num_words, recipe.max_len, recipe.epochs, recipe.batch_size) == (10_000, 100, 100, 64)
    assert (recipe.patience, recipe.seed, recipe.encoder) == (3, 42, "embedding")
    assert (recipe.windows, recipe.averaged_epochs) == (False, 1)
    assert (recipe.teacher_share, recipe.recurrent_initializer) == (0, "orthogonal")
    assert (OPTIMIZER, LOSS) == ("adam", "binary_crossentropy")


def test_training_learns() -> None:
    random = np.random.default_rng(0)
    labels = np.arange(2_000, dtype=np.int8) % 2
    words = random.choice(["the", "film", "story", "and", "cast"], (2_000, 8))
    words[np.arange(2_000), random.integers(0, 8, 2_000)] = np.where(labels, "good", "bad")
    texts = LabelledTexts([" ".join(row) for row in words], labels)
    training = train(encode_texts("easy", "", texts, texts, None), None, Recipe.tutorial(epochs=20), progress=False)
    assert training.manifest.test_accuracy > 0.95
    assert training.classifier.predict_review("the good film").label == "positive"
    assert training.classifier.predict_review("the bad film").label == "negative"


def test_a_saved_folder_holds_what_the_readme_says(trained: tuple[Path, Training]) -> None:
    folder, training = trained
    names = {file.name for file in folder.iterdir()}
    assert names == {MODEL_FILE, CONFIG_FILE, MANIFEST_FILE, HISTORY_FILE, PLOT_FILE}
    assert json.loads((folder / HISTORY_FILE).read_text(encoding="utf-8")) == training.history
    assert read_manifest(folder) == training.manifest
    assert set(json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8"))) - set(training.manifest.to_json()) == {
        *("format", "files", "sha256")
    }
    assert (folder / PLOT_FILE).read_bytes().startswith(b"\x89PNG")


def test_the_manifest_says_what_was_done(trained: tuple[Path, Training], backend: str) -> None:
    manifest = trained[1].manifest.to_json()
    assert manifest["complete"] is True
    assert manifest["backend"] == backend
    assert set(manifest["versions"]) == {"imdb_rnn", "python", "keras", "numpy", backend}
    assert manifest["data"] == {"source": "synthetic", "fingerprint": "small"}
    assert manifest["parameters"] == {"embedding": 160_048, "simple_rnn": 200, "dense": 9}
    assert manifest["recipe"]["seed"] == 42
    assert set(manifest["seconds"]) == {"import", "data", "examples", "build", "training", "evaluation"}
    assert 0 < manifest["test_accuracy"] <= 1
    assert math.isfinite(manifest["test_loss"])


def test_the_best_epoch_is_kept_and_training_stops_after_patience(small_corpus: Corpus, tmp_path: Path) -> None:
    """With a patience of 1 it stops at the first epoch that is no better, and the epoch before it is what is kept."""
    training = train(small_corpus, tmp_path / "model", Recipe.tutorial(epochs=40, patience=1), progress=False)
    losses = training.history["val_loss"]
    best = int(np.argmin(losses))
    assert training.manifest.best_epoch == best + 1
    assert len(losses) == training.manifest.epochs == best + 2
    assert training.manifest.val_loss == losses[best]
    kept = Classifier.load(tmp_path / "model").model.get_weights()
    for ours, theirs in zip(kept, training.classifier.model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_what_is_saved_of_the_robust_recipe_is_what_was_evaluated(
    robust: tuple[Path, Training], small_corpus: Corpus
) -> None:
    folder, training = robust
    manifest = training.manifest.to_json()
    loaded = Classifier.load(folder)
    assert loaded.preprocessing.windows
    assert set(manifest["seconds"]) == {"import", "data", "examples", "build", "training", "calibration", "evaluation"}
    test, validation = loaded.evaluate(small_corpus.test), loaded.evaluate(split_reviews(small_corpus.train)[1])
    assert test.loss == pytest.approx(manifest["test_loss"], abs=1e-6)
    assert validation.loss == pytest.approx(manifest["val_loss"], abs=1e-6)
    assert validation.accuracy == manifest["val_accuracy"]
    # It has been calibrated: no other temperature fits the validation reviews better.
    logits = loaded.logits(split_reviews(small_corpus.train)[1])
    assert fit_temperature(logits, split_reviews(small_corpus.train)[1].labels) == pytest.approx(1, abs=0.01)
    assert manifest["temperature"] != 1
    # The accuracy of training is that of shares; a stranger's Keras knows only its own, and reads the file.
    assert all(0.4 < value < 1 for value in training.history["accuracy"])
    plain = keras.models.load_model(folder / MODEL_FILE)
    ends = last_windows(small_corpus.test, 10_000, 100)
    found = plain.evaluate(ends, targets(small_corpus.test), verbose=0, return_dict=True)
    scores = loaded.model.predict(ends, verbose=0)
    assert found["accuracy"] == pytest.approx(np.mean((scores > 0.5) == targets(small_corpus.test)), abs=1e-6)


def test_a_trained_model_can_be_saved_by_keras_itself_and_trained_on(
    robust: tuple[Path, Training], small_corpus: Corpus, tmp_path: Path
) -> None:
    model = robust[1].classifier.model
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    ends, labels = last_windows(small_corpus.test, 10_000, 100), targets(small_corpus.test)
    np.testing.assert_allclose(loaded.predict(ends, verbose=0), model.predict(ends, verbose=0), atol=1e-6)
    steps = int(loaded.optimizer.iterations)
    assert steps == int(model.optimizer.iterations) == 2 * -(-MIN_WINDOWS // 64)
    history = loaded.fit(ends, labels, batch_size=100, verbose=0).history
    assert set(history) == {"loss", "accuracy"}


def test_the_model_is_the_mean_of_the_last_epochs_weights(small_corpus: Corpus) -> None:
    """Training itself goes on without the mean, so it passes the same weights as one that does not average."""
    learn, validation = split_reviews(small_corpus.train.take(np.arange(600)))
    seen: dict[int, list[list[np.ndarray]]] = {1: [], 2: []}
    for count, kept in seen.items():
        model = build_model()
        model.set_weights(initial_weights(model, 1))
        compile_model(model)
        keep = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda *_, kept=kept, model=model: kept.append(model.get_weights())
        )
        train_epochs(
            model,
            Arrays(last_windows(learn, 10_000, 100), targets(learn)),
            batch_size=64,
            seed=1,
            epochs=3,
            validation=Arrays(last_windows(validation, 10_000, 100), targets(validation)),
            callbacks=[average_weights(2), keep] if count == 2 else [keep],
        )
    for epoch, averaged in enumerate(seen[2]):
        passed = seen[1][max(epoch - 1, 0) : epoch + 1]
        for ours, theirs in zip(averaged, map(list, zip(*passed, strict=True)), strict=True):
            np.testing.assert_allclose(ours, np.mean(theirs, axis=0), rtol=0, atol=1e-7)


def test_a_seed_gives_the_same_model_again_and_another_seed_another(small_corpus: Corpus) -> None:
    weights = [
        train(small_corpus, None, Recipe.tutorial(epochs=1, seed=seed), progress=False).classifier.model.get_weights()
        for seed in (1, 1, 2)
    ]
    for first, again, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(first, again)
        assert (first != other).any()


def test_the_first_steps_are_the_same_on_every_backend(small_corpus: Corpus) -> None:
    """Ten steps of Adam from the same weights over the same batches, and the losses are the same.

    The bound is four times the rounding of float32 seen between JAX, PyTorch and TensorFlow on a CPU, 6e-8. With
    TensorFlow's own treatment of repeated tokens (see backends/tensorflow.py) the validation loss would be 1e-3 off.
    """
    few = Corpus("few", "", small_corpus.vocabulary, small_corpus.train.take(np.arange(800)), small_corpus.test)
    history = train(few, None, Recipe.tutorial(epochs=1), progress=False).history
    assert history["loss"] == [pytest.approx(0.69680336, abs=2.4e-7)]
    assert history["val_loss"] == [pytest.approx(0.70243043, abs=2.4e-7)]


def test_an_interrupted_training_leaves_the_best_model_so_far(
    small_corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from imdb_rnn.inference import keras_file

    model_bytes = keras_file.model_bytes
    epochs: list[int] = []

    def interrupt_the_second(*arguments: Any) -> bytes:
        epochs.append(len(epochs) + 1)
        if len(epochs) == 2:
            raise KeyboardInterrupt
        return model_bytes(*arguments)

    monkeypatch.setattr(keras_file, "model_bytes", interrupt_the_second)
    with pytest.raises(KeyboardInterrupt):
        train(small_corpus, tmp_path / "model", Recipe.tutorial(epochs=20, patience=20), progress=False)
    classifier = Classifier.load(tmp_path / "model")
    assert classifier.manifest.complete is False
    assert classifier.manifest.best_epoch == 1
    assert 0 < classifier.predict_review("A good film.").score < 1
    assert {file.name for file in (tmp_path / "model").iterdir()} == {
        MODEL_FILE,
        CONFIG_FILE,
        MANIFEST_FILE,
        HISTORY_FILE,
        STATE_FILE,
    }


def test_a_disk_that_fails_is_an_error_that_names_the_folder(
    small_corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from imdb_rnn.inference import bundle

    def fail(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bundle, "atomic_write", fail)
    with pytest.raises(BundleError, match=r"Cannot save to .*model\. .* Received: .*No space left on device"):
        train(small_corpus, tmp_path / "model", Recipe.tutorial(epochs=1), progress=False)


def test_a_training_that_fails_before_its_first_epoch_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Bad source"):
        train("nowhere", tmp_path / "model", progress=False)
    assert not (tmp_path / "model").exists()


def test_reviews_without_words_are_refused() -> None:
    texts = LabelledTexts(["?!", "..."] * 10, np.tile(np.array([0, 1], np.int8), 10))
    with pytest.raises(DataError, match=r"Expected: words in its reviews\. Received: none\."):
        encode_texts("silent", "", texts, texts, None)


def test_a_source_may_be_named_in_any_letters(small_corpus: Corpus, tmp_path: Path) -> None:
    few = small_corpus.train.take(np.arange(50))
    corpus = Corpus("folder:영화 $x^$", "", small_corpus.vocabulary, few, few)
    train(corpus, tmp_path / "model", Recipe.tutorial(epochs=1), progress=False)
    assert (tmp_path / "model" / PLOT_FILE).is_file()


def test_too_few_reviews_are_refused(small_corpus: Corpus) -> None:
    few = Corpus("few", "", small_corpus.vocabulary, small_corpus.train.take(np.arange(9)), small_corpus.test)
    with pytest.raises(DataError, match=r"Expected: at least 10 for training\. Received: 9\."):
        train(few, None, progress=False)


@pytest.mark.parametrize(
    "setting",
    [
        {"epochs": 0},
        {"batch_size": -1},
        {"patience": 1.5},
        {"epochs": True},
        {"epochs": np.True_},
        {"epochs": np.float64(3)},
        {"num_words": math.nan},
        {"seed": np.int64(-1)},
        {"short_windows": math.nan},
        {"end_windows": np.float32("inf")},
        {"teacher_share": np.True_},
        {"teacher_share": np.float32(1.1)},
        {"windows": 1},
        {"windows": "no"},
        {"encoder": "lstm"},
    ],
)
def test_a_recipe_that_cannot_be_is_refused(setting: dict[str, object]) -> None:
    with pytest.raises(RecipeError, match=rf"Bad `{next(iter(setting))}`\. Expected: "):
        Recipe(**setting)  # type: ignore[arg-type]


@pytest.mark.parametrize("whole", [np.int64, np.int32, np.uint8, np.array], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("share", [np.float64, np.float16, np.longdouble, np.array], ids=lambda kind: kind.__name__)
def test_a_recipe_of_numpys_numbers_is_that_of_pythons(
    whole: Callable[[int], Any], share: Callable[[float], Any]
) -> None:
    wholes = ("num_words", "max_len", "averaged_epochs", "epochs", "batch_size", "patience", "seed")
    shares = ("short_windows", "end_windows", "teacher_share")
    given = Recipe(
        **{name: whole(7) for name in wholes}, **{name: share(0.25) for name in shares}, windows=np.bool_(False)
    )
    plain = Recipe(**dict.fromkeys(wholes, 7), **dict.fromkeys(shares, 0.25), windows=False)
    assert given == plain
    assert json.dumps(asdict(given)) == json.dumps(asdict(plain))


def test_whole_numbers_are_shares_too() -> None:
    assert json.dumps(asdict(Recipe(teacher_share=0))) == json.dumps(asdict(Recipe(teacher_share=0.0)))


def test_a_model_that_is_only_compared_is_not_saved(small_corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="Bad `out`"):
        train(small_corpus, tmp_path / "model", Recipe.tutorial(encoder="one_hot"), progress=False)


def test_the_one_hot_model_learns_the_same_task(small_corpus: Corpus) -> None:
    training = train(small_corpus, None, Recipe.tutorial(encoder="one_hot", num_words=100, epochs=3), progress=False)
    assert training.manifest.parameters == {"simple_rnn": 100 * 8 + 64 + 8, "dense": 9}
    assert training.history["loss"][-1] < training.history["loss"][0]


def test_three_epochs_learn_a_whole_corpus_to_at_least_080(exchanged: Training) -> None:
    """Real IMDB where it is, else the synthetic reviews."""
    assert exchanged.manifest.test_accuracy >= 0.80


def test_where_real_reviews_are_it_was_they_that_were_learned(imdb: Corpus, exchanged: Training) -> None:
    assert (exchanged.manifest.source, exchanged.manifest.fingerprint) == ("imdb", imdb.fingerprint)


def test_more_words_or_ids_than_can_be_read_again_are_refused() -> None:
    assert Recipe(num_words=150_000, max_len=10_000)
    for setting in ({"num_words": 150_001}, {"max_len": 10_001}):
        with pytest.raises(RecipeError, match=r"Expected: at most 1[05]0?,000\. Received: 1[05]0?,001\."):
            Recipe(**setting)


def test_a_loss_that_is_no_number_ends_the_training_and_the_best_model_stays(
    small_corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate = keras.Sequential.evaluate
    epochs: list[int] = []

    def diverge(*arguments: Any, **settings: Any) -> Any:
        epochs.append(len(epochs) + 1)
        return evaluate(*arguments, **settings) | ({"loss": math.nan} if len(epochs) == 2 else {})

    monkeypatch.setattr(keras.Sequential, "evaluate", diverge)
    with pytest.raises(ModelError, match=r"after epoch 2\. Expected: finite losses\. Received: .*val_loss nan"):
        train(small_corpus, tmp_path / "model", Recipe.tutorial(epochs=5), progress=False)
    assert Classifier.load(tmp_path / "model").manifest.best_epoch == 1


def test_a_source_whose_name_is_no_text_can_be_recorded(small_corpus: Corpus, tmp_path: Path) -> None:
    few = small_corpus.train.take(np.arange(50))
    corpus = Corpus("folder:/caf\udce9", "", small_corpus.vocabulary, few, few)
    train(corpus, tmp_path / "model", Recipe.tutorial(epochs=1), progress=False)
    assert Classifier.load(tmp_path / "model").manifest.source == "folder:/caf\\udce9"


# --- A program's global settings of Keras ---


def content_of(folder: Path) -> dict[str, Any]:
    """What a training has saved, but for times and the numbers that Keras gives to the objects of a process."""
    found = read_bundle(folder)
    assert found.optimizer is not None
    with zipfile.ZipFile(folder / MODEL_FILE) as archive:
        layers = re.sub(rb'"(name|shared_object_id)": [^,}]*', b"", archive.read("config.json"))
    return {
        "files": {name: (folder / name).read_bytes() for name in (CONFIG_FILE, HISTORY_FILE, PLOT_FILE)},
        "layers": layers,
        "arrays": [array.tobytes() for array in (*found.weights, *found.optimizer)],
        "manifest": {name: value for name, value in found.manifest.to_json().items() if name != "seconds"},
    }


@pytest.fixture(scope="module")
def few(small_corpus: Corpus) -> Corpus:
    return Corpus("few", "", small_corpus.vocabulary, small_corpus.train.take(np.arange(300)), small_corpus.test)


@pytest.fixture
def settings_of_keras() -> Iterator[None]:
    """Put Keras's global settings back as they were."""
    config = keras.config
    before = config.dtype_policy(), config.floatx(), config.epsilon(), config.image_data_format()
    yield
    config.set_floatx(before[1])
    config.set_epsilon(before[2])
    config.set_image_data_format(before[3])
    config.set_dtype_policy(before[0])


@pytest.fixture(scope="module")
def plain(request: pytest.FixtureRequest, few: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training under Keras's own settings."""
    folder = tmp_path_factory.mktemp("plain") / "model"
    train(few, folder, request.param, progress=False)
    return folder


@pytest.mark.parametrize(
    ("plain", "policy"),
    [
        *((Recipe.tutorial(epochs=1), policy) for policy in ("mixed_float16", "bfloat16", "float64")),
        (Recipe(epochs=2, num_words=500), "float16"),
    ],
    indirect=["plain"],
    ids=["tutorial-mixed_float16", "tutorial-bfloat16", "tutorial-float64", "robust-float16"],
)
@pytest.mark.usefixtures("settings_of_keras")
def test_a_programs_settings_of_keras_change_nothing_in_a_training_and_stay(
    few: Corpus, plain: Path, tmp_path: Path, policy: str
) -> None:
    before = Classifier.load(plain)
    recipe = Recipe(
        **{name: value for name, value in before.manifest.recipe.items() if name not in ("optimizer", "loss")}
    )
    config = keras.config
    config.set_dtype_policy(policy)
    config.set_floatx(policy.removeprefix("mixed_"))
    config.set_epsilon(1e-3)
    config.set_image_data_format("channels_first")

    def settings() -> tuple[Any, ...]:
        return config.dtype_policy().name, config.floatx(), config.epsilon(), config.image_data_format()

    given = settings()
    training = train(few, tmp_path / "set", recipe, progress=False)
    assert settings() == given
    assert content_of(tmp_path / "set") == content_of(plain)
    with pytest.raises(BundleError):
        train(few, tmp_path / "set", recipe, progress=False)
    assert settings() == given
    # A classifier reads, scores and is saved under them as well.
    loaded = Classifier.load(tmp_path / "set")
    found = loaded.evaluate(few.test)
    assert (found.loss, found.accuracy) == tuple(
        getattr(training.manifest, name) for name in ("test_loss", "test_accuracy")
    )
    loaded.save(tmp_path / "again")
    for ours, theirs in zip(Classifier.load(tmp_path / "again").weights(), before.weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert settings() == given


def test_a_users_keras_json_changes_nothing_in_a_training(tmp_path: Path) -> None:
    """In processes of their own, because Keras reads the file when it is imported."""
    program = """
import sys
import numpy as np
from imdb_rnn import Recipe, train
from imdb_rnn.corpora.synthetic import make_texts
from imdb_rnn.corpora.corpus import encode_texts
parts = make_texts(300, 100)
train(encode_texts("synthetic", "few", *parts, None), sys.argv[1], Recipe.tutorial(epochs=1), progress=False)
import keras
print(keras.config.floatx(), keras.config.epsilon(), keras.config.dtype_policy().name)
"""
    said = {}
    for floatx in ("float32", "float16"):
        home = tmp_path / f"home-{floatx}"
        home.mkdir()
        settings = {"floatx": floatx, "epsilon": 0.01, "image_data_format": "channels_first"}
        (home / "keras.json").write_text(json.dumps(settings), encoding="utf-8")
        command = [sys.executable, "-c", program, str(tmp_path / floatx)]
        environment = os.environ | {"KERAS_HOME": str(home)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        said[floatx] = done.stdout.split()
    assert said == {floatx: [floatx, "0.01", floatx] for floatx in said}
    assert content_of(tmp_path / "float16") == content_of(tmp_path / "float32")
