"""A trained model that reads texts, as it read them in training."""

import shutil
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from imdb_rnn import Classifier, Corpus, ReviewError, Training
from imdb_rnn.batches import pad, split_corpus, training_batches
from imdb_rnn.bundle import write_model
from imdb_rnn.classifier import LONGEST_REVIEW
from imdb_rnn.corpora.embedded import make_texts
from imdb_rnn.samples import SAMPLES
from parity.stages import LADDER


@pytest.fixture(scope="module")
def classifier(trained: tuple[Path, Training]) -> Classifier:
    return Classifier.load(trained[0])


def test_a_text_gets_a_score_and_a_label(classifier: Classifier) -> None:
    prediction = classifier.predict_review("A wonderful film, I loved it.")
    assert prediction.text == "A wonderful film, I loved it."
    assert 0 <= prediction.score <= 1
    assert prediction.label == ("positive" if prediction.score > 0.5 else "negative")


def test_texts_are_encoded_as_in_training(classifier: Classifier, small_corpus: Corpus) -> None:
    _, test = make_texts(2_000, 500)
    scores = [prediction.score for prediction in classifier.predict_reviews(test.texts)]
    expected = classifier.score(split_corpus(small_corpus, 10_000, 100).test.x)
    (forward,) = (stage for stage in LADDER if stage.name == "forward")
    np.testing.assert_allclose(scores, expected, rtol=0, atol=forward.bounds["float32"].tolerance)


def test_what_is_read_follows_a_model_that_is_trained_on(trained: tuple[Path, Training], small_corpus: Corpus) -> None:
    classifier = Classifier.load(trained[0])
    before = classifier.predict_review("A good film.").score
    splits = split_corpus(small_corpus, classifier.num_words, classifier.max_len)
    classifier.model.fit(splits.train.x[:64], splits.train.y[:64], batch_size=64, verbose=0)
    assert classifier.predict_review("A good film.").score != before


def test_reading_texts_loads_no_backend(trained: tuple[Path, Training]) -> None:
    program = f"import imdb_rnn; imdb_rnn.Classifier.load({str(trained[0])!r}).predict_review('A good film.')"
    program += "; import sys; print(*sys.modules)"
    command = [sys.executable, "-c", program]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert not {"keras", "jax", "torch", "tensorflow", "sklearn"} & set(loaded)
    assert "imdb_rnn.forward" in loaded


def test_a_batch_gives_what_single_reviews_give(classifier: Classifier) -> None:
    texts = [text for text, _ in SAMPLES]
    batch = classifier.predict_reviews(texts)
    assert [prediction.text for prediction in batch] == texts
    single = [classifier.predict_review(text).score for text in texts]
    np.testing.assert_allclose([prediction.score for prediction in batch], single, atol=1e-6)


def test_the_end_of_a_long_review_is_what_is_read(classifier: Classifier) -> None:
    end = "good " * 100
    scores = [prediction.score for prediction in classifier.predict_reviews([f"bad {end}", f"awful film {end}", end])]
    assert scores[0] == scores[1] == scores[2]


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
        again = Classifier.load(folder).model
        for batch in batches[start : start + 5]:
            again.train_on_batch(*batch)
        write_model(folder, again)
    assert int(again.optimizer.iterations) == int(once.optimizer.iterations)
    assert int(once.optimizer.iterations) == trained[1].manifest["best_epoch"] * 25 + 20
    for ours, theirs in zip(again.get_weights(), once.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_no_reviews_give_no_predictions(classifier: Classifier) -> None:
    assert classifier.predict_reviews([]) == []


@pytest.mark.parametrize(
    "text",
    ["good film 😀", "good\x00\x1b[31m film", "A GOOD FILM!!!", "good " * LONGEST_REVIEW, "good film xyzzyx"],
    ids=["emoji", "control characters", "shouting", "as long as allowed", "an unknown word"],
)
def test_odd_texts_with_a_known_word_are_read(classifier: Classifier, text: str) -> None:
    assert 0 <= classifier.predict_review(text).score <= 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"Received: no word: ''\."),
        (" \n\t ", "Received: no word"),
        ("!?...", "Received: no word"),
        ("😀😀", "Received: 1 unknown: '😀😀'"),
        ("xyzzyx qwrtp", "Received: 2 unknown: 'xyzzyx qwrtp'"),
        ("\x00\x01", "Received: 1 unknown"),
        ("good " * 1_000_000, r"Expected: at most 100,000 words\. Received: 1,000,000\."),
        (None, r"Expected: a text \(str\)\. Received: NoneType"),
        (b"good", r"Received: bytes"),
    ],
    ids=["empty", "blank", "punctuation", "emoji", "unknown", "control characters", "a million words", "None", "bytes"],
)
def test_what_cannot_be_read_as_a_review_is_refused(classifier: Classifier, text: object, message: str) -> None:
    with pytest.raises(ReviewError, match=message):
        classifier.predict_review(text)  # type: ignore[arg-type]


def test_in_a_batch_the_bad_review_is_numbered(classifier: Classifier) -> None:
    with pytest.raises(ReviewError, match="Bad review 2 of 3"):
        classifier.predict_reviews(["good", "", "bad"])


def test_a_single_text_is_not_taken_for_a_list(classifier: Classifier) -> None:
    with pytest.raises(ReviewError, match="Use predict_review for a single one"):
        classifier.predict_reviews("good film")


def test_evaluating_is_keras_loss_and_accuracy(classifier: Classifier, small_corpus: Corpus) -> None:
    test = split_corpus(small_corpus, 10_000, 100).test
    scores = classifier.score(test.x).astype(np.float64)[:, None]
    result = classifier.evaluate(small_corpus.test)
    loss = -np.mean(test.y * np.log(scores) + (1 - test.y) * np.log(1 - scores))
    assert result.loss == pytest.approx(loss, abs=1e-5)
    assert result.accuracy == pytest.approx(np.mean((scores > 0.5) == test.y), abs=1e-6)


def test_ids_can_be_scored_directly(classifier: Classifier, small_corpus: Corpus) -> None:
    ids = pad(small_corpus.test, 10_000, 100)
    scores = classifier.score(ids[:7])
    assert (scores.shape, scores.dtype) == ((7,), np.float32)
