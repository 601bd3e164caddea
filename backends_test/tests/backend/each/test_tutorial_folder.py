"""The tutorial's own code and this library read each other's folders: the same words, and the same scores."""

import io
import json
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from backends_test.data import split_corpus
from imdb_rnn import BundleError, Classifier, Corpus, Training
from imdb_rnn.cli import main
from imdb_rnn.inference.bundle import CONFIG_FILE, MANIFEST_FILE, MODEL_FILE
from imdb_rnn.inference.manifest import Manifest
from imdb_rnn.samples import SAMPLES
from imdb_rnn.text.preprocessing import LastIds


class Tutorial:
    """Steps 7 and 8 of the tutorial: load a folder, and predict a review.

    Args:
        folder: with `best-embedding-model.keras` and `best-embedding-config.json`.
    """

    def __init__(self, folder: Path) -> None:
        self.model = keras.models.load_model(folder / "best-embedding-model.keras")
        with (folder / "best-embedding-config.json").open(encoding="utf-8") as file:
            config = json.load(file)
        self.max_len, self.num_words = config["max_len"], config["num_words"]
        self.word_index = config["word_index"]

    def ids_of(self, review: str) -> list[int]:
        ids = [1]
        for word in review.lower().split():
            index = self.word_index.get(word, -3) + 3
            ids.append(2 if index >= self.num_words else index)
        return ids

    def predict_review(self, review: str) -> float:
        padded = keras.utils.pad_sequences([self.ids_of(review)], maxlen=self.max_len)
        score = float(self.model.predict(padded, verbose=0)[0, 0])
        positive = score > 0.5
        face, verdict = ("😀", "긍정적 리뷰입니다") if positive else ("💥", "부정적 리뷰입니다")
        print(f"{review[:30]}: {face} {verdict} {100 * (score if positive else 1 - score):.2f}%")
        return score


def known_words(classifier: Classifier, count: int) -> str:
    """A sentence of words that the model knows, spelled as the tutorial's function splits them."""
    random = np.random.default_rng(count)
    return " ".join(random.choice(classifier.vocabulary.words, count))


@pytest.fixture(params=["trained", "robust"])
def ours(request: pytest.FixtureRequest) -> tuple[Path, Training]:
    """A folder of each recipe."""
    found: tuple[Path, Training] = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize("count", [1, 7, 60, 99])
def test_the_tutorials_function_reads_our_folders_as_we_do(ours: tuple[Path, Training], count: int) -> None:
    tutorial, classifier = Tutorial(ours[0]), Classifier.load(ours[0])
    review = known_words(classifier, count)
    assert tutorial.ids_of(review) == classifier.vocabulary.encode(review)
    assert 2 not in tutorial.ids_of(review)
    assert tutorial.predict_review(review) == pytest.approx(classifier.predict_review(review).score, abs=1e-6)


def test_of_a_longer_review_both_read_the_end_by_the_tutorials_recipe(trained: tuple[Path, Training]) -> None:
    tutorial, classifier = Tutorial(trained[0]), Classifier.load(trained[0])
    review = known_words(classifier, 300)
    assert tutorial.predict_review(review) == pytest.approx(classifier.predict_review(review).score, abs=1e-6)


def test_words_beyond_those_of_the_model_are_known_to_be_words(
    ours: tuple[Path, Training], small_corpus: Corpus, tmp_path: Path
) -> None:
    """The index is whole: a rare word has a rank of 10,000 and more, which is id 2; one that no review has is id 0."""
    few = Classifier(
        small_corpus.vocabulary.truncate(500),
        LastIds(500, 100),
        Manifest(),
        weights=[np.zeros((503, 16), np.float32), *ours[1].classifier.weights()[1:]],
        words=small_corpus.vocabulary.words,
    )
    few.save(tmp_path / "few")
    tutorial = Tutorial(tmp_path / "few")
    words = small_corpus.vocabulary.words
    assert tutorial.word_index == {word: rank for rank, word in enumerate(words, start=1)}
    assert tutorial.ids_of(f"{words[0]} {words[495]} {words[496]} {words[-1]} xyzzyx") == [1, 4, 499, 2, 2, 0]
    assert Classifier.load(tmp_path / "few").vocabulary.encode(f"{words[0]} {words[495]} {words[496]}") == [
        1,
        4,
        499,
        2,
    ]


def test_ten_reviews_are_printed_as_in_the_tutorial(ours: tuple[Path, Training]) -> None:
    tutorial = Tutorial(ours[0])
    with redirect_stdout(io.StringIO()) as shown:
        scores = [tutorial.predict_review(text) for text, _ in SAMPLES]
    lines = shown.getvalue().splitlines()
    assert len(lines) == len(SAMPLES) == 10
    assert [("😀" in line, "긍정적" in line) for line in lines] == [(score > 0.5, score > 0.5) for score in scores]


@pytest.fixture(scope="module")
def by_tutorial(small_corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """Steps 1 to 6 of the tutorial, with plain Keras and few reviews; the folder, and the model that they end with."""
    folder = tmp_path_factory.mktemp("tutorial")
    num_words, max_len = 10_000, 100
    splits = split_corpus(small_corpus, num_words, max_len)
    model = keras.Sequential(
        [
            keras.Input(shape=(max_len,)),
            keras.layers.Embedding(num_words + 3, 16),
            keras.layers.SimpleRNN(8),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    model.fit(
        splits.train.x[:200],
        splits.train.y[:200],
        epochs=2,
        batch_size=64,
        validation_data=(splits.validation.x[:100], splits.validation.y[:100]),
        callbacks=[
            keras.callbacks.ModelCheckpoint(folder / "best-embedding-model.keras", save_best_only=True),
            keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True),
        ],
        verbose=0,
    )
    ranks = {word: rank for rank, word in enumerate(small_corpus.vocabulary.words, start=1)}
    # As imdb.get_word_index gives it, in no order.
    word_index = dict(sorted(ranks.items()))
    config = {"max_len": max_len, "num_words": num_words, "word_index": word_index}
    with (folder / "best-embedding-config.json").open("w", encoding="utf-8") as file:
        json.dump(config, file, ensure_ascii=False, indent=4)
    return folder, model


def test_a_folder_of_the_tutorial_gives_the_same_scores_here(
    by_tutorial: tuple[Path, Any], small_corpus: Corpus
) -> None:
    folder, _ = by_tutorial
    classifier, tutorial = Classifier.load(folder), Tutorial(folder)
    assert classifier.preprocessing == LastIds(10_000, 100)
    assert classifier.manifest == Manifest()
    for count in (1, 7, 99, 300):
        review = known_words(classifier, count)
        assert classifier.predict_review(review).score == pytest.approx(tutorial.predict_review(review), abs=1e-6)
    test = split_corpus(small_corpus, 10_000, 100).test
    scores = tutorial.model.predict(test.x, verbose=0)[:, 0]
    np.testing.assert_allclose(classifier.probabilities(test.x), scores, rtol=0, atol=1e-6)


def test_a_folder_of_the_tutorial_can_be_trained_on_and_saved_as_one_of_ours(
    by_tutorial: tuple[Path, Any], small_corpus: Corpus, tmp_path: Path
) -> None:
    classifier = Classifier.load(by_tutorial[0])
    assert int(classifier.model.optimizer.iterations) in (4, 8)  # after its first or its second epoch
    batch = split_corpus(small_corpus, 10_000, 100).train
    classifier.model.fit(batch.x[:64], batch.y[:64], batch_size=64, verbose=0)
    classifier.save(tmp_path / "model")
    loaded = Classifier.load(tmp_path / "model")
    review = known_words(classifier, 9)
    assert loaded.predict_review(review).score == classifier.predict_review(review).score
    assert Tutorial(tmp_path / "model").word_index == Tutorial(by_tutorial[0]).word_index
    before = {file.name: file.read_bytes() for file in by_tutorial[0].iterdir()}
    with pytest.raises(BundleError, match="one that is not empty"):
        classifier.save(by_tutorial[0])
    assert {file.name: file.read_bytes() for file in by_tutorial[0].iterdir()} == before


def test_a_folder_of_the_tutorial_is_evaluated_on_reviews_that_are_named(
    by_tutorial: tuple[Path, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["imdb-rnn", "evaluate", str(by_tutorial[0])])
    with pytest.raises(SystemExit) as left:
        main()
    said = capsys.readouterr().err
    assert left.value.code == 1
    assert said.count("\n") == 1
    assert "Bad `data`. Expected: a source of reviews" in said


def test_only_a_folder_of_the_tutorial_needs_no_manifest(trained: tuple[Path, Training], tmp_path: Path) -> None:
    for name in (MODEL_FILE, CONFIG_FILE):
        (tmp_path / name).write_bytes((trained[0] / name).read_bytes())
    with pytest.raises(BundleError, match=rf"Cannot read .*{MANIFEST_FILE}\. .*No such file"):
        Classifier.load(tmp_path)
