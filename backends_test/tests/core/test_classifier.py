"""A saved classifier reads texts without a backend."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from imdb_rnn import Classifier, ReviewError, Training
from imdb_rnn.inference.classifier import MAX_REVIEW_WORDS
from imdb_rnn.samples import SAMPLES


@pytest.fixture(scope="module")
def classifier(trained: tuple[Path, Training]) -> Classifier:
    return Classifier.load(trained[0])


def test_a_text_gets_a_score_and_a_label(classifier: Classifier) -> None:
    prediction = classifier.predict_review("A wonderful film, I loved it.")
    assert prediction.text == "A wonderful film, I loved it."
    assert 0 <= prediction.score <= 1
    assert prediction.label == ("positive" if prediction.score > 0.5 else "negative")


def test_reading_texts_loads_no_backend(trained: tuple[Path, Training]) -> None:
    program = f"import imdb_rnn; imdb_rnn.Classifier.load({str(trained[0])!r}).predict_review('A good film.')"
    program += "; import sys; print(*sys.modules)"
    command = [sys.executable, "-c", program]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert not {"keras", "jax", "torch", "tensorflow", "sklearn"} & set(loaded)
    assert "imdb_rnn.model.numpy_forward" in loaded


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


def test_no_reviews_give_no_predictions(classifier: Classifier) -> None:
    assert classifier.predict_reviews([]) == []


@pytest.mark.parametrize(
    "text",
    ["good film 😀", "good\x00\x1b[31m film", "A GOOD FILM!!!", "good " * MAX_REVIEW_WORDS, "good film xyzzyx"],
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
        ("😀😀", "Received: no word: '😀😀'"),
        ("xyzzyx qwrtp", "Received: 2 unknown words: 'xyzzyx qwrtp'"),
        ("touché !", "Received: 1 unknown word: 'touché !'"),
        ("\x00\x01", "Received: no word"),
        ("good " * 1_000_000, r"Expected: a text of at most 100,000 words, .* Received: 1,000,000 words"),
        (None, r"Expected: a text \(str\)\. Received: None, a missing value"),
        (b"good", r"Received: bytes"),
    ],
    ids=[
        "empty",
        "blank",
        "punctuation",
        "emoji",
        "unknown",
        "accent",
        "control characters",
        "a million words",
        "None",
        "bytes",
    ],
)
def test_what_cannot_be_read_as_a_review_is_refused(classifier: Classifier, text: object, message: str) -> None:
    with pytest.raises(ReviewError, match=message):
        classifier.predict_review(text)  # type: ignore[arg-type]


def test_why_a_text_cannot_be_read_is_told_without_an_error(classifier: Classifier) -> None:
    assert classifier.unreadable_reason("good") == ""
    assert classifier.unreadable_reason("👍") == "no word"
    assert classifier.unreadable_reason("xyzzyx") == "1 unknown word"
    assert classifier.unreadable_reason("good " * (MAX_REVIEW_WORDS + 1)) == "100,001 words"


def test_texts_of_which_hardly_a_word_is_known_are_scored_with_a_warning(
    classifier: Classifier, caplog: pytest.LogCaptureFixture
) -> None:
    classifier.predict_reviews(["Ein sehr guter film", "good film"])
    assert not caplog.records
    classifier.predict_reviews(["film " + "xyzzyx " * 12])
    assert "The model knows 1 of 13 words" in caplog.text


def test_in_a_batch_the_bad_review_is_numbered(classifier: Classifier) -> None:
    with pytest.raises(ReviewError, match="Bad review 2 of 3"):
        classifier.predict_reviews(["good", "", "bad"])


def test_a_single_text_is_not_taken_for_a_list(classifier: Classifier) -> None:
    with pytest.raises(ReviewError, match=r"Expected: a list of texts\. Received: one text"):
        classifier.predict_reviews("good film")
