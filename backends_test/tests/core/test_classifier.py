"""A saved classifier reads texts without a backend."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from backends_test import oracle
from backends_test.tests.saved_folder import Saved
from imdb_rnn import BundleError, Classifier, DataError, Manifest, ModelError, ReviewError, Training, Vocabulary
from imdb_rnn.inference.bundle import read_bundle
from imdb_rnn.inference.classifier import MAX_REVIEW_WORDS, Words, unknown_words
from imdb_rnn.samples import SAMPLES
from imdb_rnn.text.preprocessing import make_preprocessing
from imdb_rnn.text.reviews import EncodedReviews


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


def test_what_cannot_be_read_is_skipped_with_its_reason(classifier: Classifier) -> None:
    texts = ["good", "👍", "xyzzyx", "good " * (MAX_REVIEW_WORDS + 1), None, 7, b"good", float("nan"), "bad"]
    rows = classifier.predict_reviews((text for text in texts), on_error="skip")
    reasons = [None, "no word", "1 unknown word", "100,001 words", *["no text, but "] * 4, None]
    for text, row, reason in zip(texts, rows, reasons, strict=True):
        assert row.text is text
        assert (row.reason or "").startswith(reason or "")
        assert (row.reason is None) == (reason is None) == (row.score is not None) == (row.label is not None)
    assert [rows[0], rows[-1]] == classifier.predict_reviews(["good", "bad"])
    assert classifier.predict_reviews([], on_error="skip") == []


def test_an_unknown_way_with_errors_is_refused(classifier: Classifier) -> None:
    with pytest.raises(ReviewError, match=r"Bad `on_error`\. Expected: 'raise' or 'skip'\. Received: 'ignore'\."):
        classifier.predict_reviews(["good"], on_error="ignore")  # type: ignore[call-overload]


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


WORDS = Vocabulary(["good", "bad", "film"])


def made(seed: int | None, windows: bool = False, one_hot: bool = False) -> Classifier:
    """A classifier of three words and rows of four ids, with weights drawn from a seed; None: all are 0."""
    random = np.random.default_rng(seed)
    shapes = [(7, 8)] if one_hot else [(10, 16), (16, 8)]
    draw = [random.normal(0.1, 0.3, shape).astype(np.float32) for shape in (*shapes, (8, 8), (8,), (8, 1), (1,))]
    weights = draw if seed is not None else [np.zeros_like(array) for array in draw]
    return Classifier(WORDS, make_preprocessing(7, 4, windows), Manifest(), weights=weights)


# --- What it is made of ---


def test_a_loaded_classifier_has_what_was_saved(robust: Saved) -> None:
    classifier, saved = Classifier.load(str(robust[0])), read_bundle(robust[0])
    assert classifier.manifest == saved.manifest == robust[1].manifest
    assert classifier.vocabulary == saved.vocabulary == Vocabulary(saved.words[: saved.preprocessing.num_words - 4])
    assert classifier.preprocessing == saved.preprocessing
    assert classifier.num_words == saved.preprocessing.num_words
    assert classifier.max_len == saved.preprocessing.max_len
    for found, expected in zip(classifier.weights(), saved.weights, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_classifier_holds_what_it_was_made_of() -> None:
    preprocessing, manifest, weights = make_preprocessing(7, 4, True), Manifest(source="mine"), made(0).weights()
    classifier = Classifier(WORDS, preprocessing, manifest, weights=weights)
    assert (classifier.vocabulary, classifier.preprocessing, classifier.manifest) == (WORDS, preprocessing, manifest)
    assert (classifier.num_words, classifier.max_len) == (7, 4)
    assert [array.tobytes() for array in classifier.weights()] == [array.tobytes() for array in weights]


def test_a_pickle_holds_all_but_the_model(robust: Saved) -> None:
    classifier = Classifier.load(robust[0])
    again = pickle.loads(pickle.dumps(classifier))
    assert (again.vocabulary, again.preprocessing, again.manifest) == (
        classifier.vocabulary,
        classifier.preprocessing,
        classifier.manifest,
    )
    assert again.predict_review("A good film.") == classifier.predict_review("A good film.")
    assert set(vars(again)) == set(vars(classifier))


def test_a_model_without_an_embedding_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(BundleError) as raised:
        made(0, one_hot=True).save(tmp_path / "model")
    assert str(raised.value) == (
        f"Cannot save to {tmp_path / 'model'}. Expected: a model with an embedding. Received: one without."
    )
    assert not (tmp_path / "model").exists()


# --- What it computes ---


def logits_by_the_formulas(classifier: Classifier, rows: list[list[int]]) -> np.ndarray:
    weights = oracle.Weights.of(classifier.weights())
    return oracle.forward(weights, np.array(rows)).logits[:, 0]


def test_a_review_is_padded_or_cut_in_front() -> None:
    small = made(0)
    found = small.logits(EncodedReviews.from_sequences([[1, 4], [1, 4, 5, 6, 2], [1]]))
    expected = logits_by_the_formulas(small, [[0, 0, 1, 4], [4, 5, 6, 2], [0, 0, 0, 1]])
    np.testing.assert_allclose(found, expected, atol=2e-6)
    assert found.dtype == np.float64


def test_a_review_in_windows_has_the_mean_of_their_logits() -> None:
    small = made(0, windows=True)
    found = small.logits(EncodedReviews.from_sequences([[1, 4, 5, 6, 2], [1, 4]]))
    windows = logits_by_the_formulas(small, [[1, 4, 5, 6], [1, 5, 6, 2], [0, 0, 1, 4]])
    np.testing.assert_allclose(found, [windows[:2].mean(), windows[2]], atol=2e-6)


def test_a_model_without_an_embedding_predicts() -> None:
    small = made(0, one_hot=True)
    kernel, *rest = small.weights()
    expected = oracle.forward(oracle.Weights.of([np.eye(7), kernel, *rest]), np.array([[0, 0, 1, 4]])).scores[0, 0]
    assert small.predict_review("good").score == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("count", [1, 64, 65, 1_000, 1_001, 2_001])
def test_each_of_many_reviews_has_its_own_logit(count: int) -> None:
    small = made(0)
    sequences = [[1, *(4 + (number // 3**place) % 3 for place in range(3))] for number in range(27)]
    expected = small.logits(EncodedReviews.from_sequences(sequences))
    order = np.arange(count) * 5 % 27
    found = small.logits(EncodedReviews.from_sequences([sequences[number] for number in order]))
    np.testing.assert_allclose(found, expected[order], atol=1e-6)
    assert len(set(expected.round(4))) == 27


def test_a_score_of_exactly_a_half_is_not_positive() -> None:
    assert made(None).predict_review("good") == ("good", 0.5, "negative")


def test_positive_and_negative_are_told_apart() -> None:
    positive, negative = made(None), made(None)
    positive.weights()[-1][:] = 0.01
    negative.weights()[-1][:] = -0.01
    assert positive.predict_review("good").label == "positive"
    assert negative.predict_review("good").label == "negative"


def test_weights_that_are_too_large_give_no_prediction() -> None:
    large = made(0)
    large.weights()[-1][:] = np.inf
    with pytest.raises(ModelError, match=r"Expected: finite scores\. .* Train the model again\."):
        large.predict_review("good")


def test_no_rows_have_no_scores_and_need_no_backend() -> None:
    scores = made(0).probabilities(np.empty((0, 4), np.int32))
    assert (scores.shape, scores.dtype) == ((0,), np.float32)
    assert made(0).logits(EncodedReviews.from_sequences([])).shape == (0,)


def test_reviews_without_labels_are_not_evaluated() -> None:
    with pytest.raises(DataError, match=r"^Bad `reviews`\. Expected: reviews with labels\."):
        made(0).evaluate(EncodedReviews.from_sequences([[1, 4]]))


# --- What it says of texts that it cannot read ---


def test_a_single_review_that_cannot_be_read_has_no_number() -> None:
    with pytest.raises(ReviewError) as raised:
        made(0).predict_review("xyzzyx " * 20)
    assert str(raised.value) == (
        "Bad review. Expected: a text of at most 100,000 words, with at least one that the model knows. "
        "Received: 20 unknown words: 'xyzzyx xyzzyx xyzzyx xyzzyx xyzzyx xyzzy'."
    )


def test_one_of_several_reviews_is_named_by_its_number_and_text() -> None:
    with pytest.raises(ReviewError) as raised:
        made(0).predict_reviews(["good", "bad", "xyzzyx"])
    assert str(raised.value) == (
        "Bad review 3 of 3. Expected: a text of at most 100,000 words, with at least one that the model knows. "
        "Received: 1 unknown word: 'xyzzyx'."
    )


def test_the_second_of_two_reviews_has_a_number() -> None:
    with pytest.raises(ReviewError, match=r"^Bad review 2 of 2\. "):
        made(0).predict_reviews(["good", "xyzzyx"])


def test_a_warning_comes_if_less_than_a_tenth_of_the_words_is_known(caplog: pytest.LogCaptureFixture) -> None:
    small = made(0)
    small.predict_reviews(["good" + " xyzzyx" * 8])
    assert not caplog.records
    small.predict_reviews(["good" + " xyzzyx" * 10])
    assert caplog.messages == [
        "The model knows 1 of 11 words, so its predictions mean little. Is this the language and the kind of text that "
        "it was trained on?"
    ]
    assert caplog.records[0].levelname == "WARNING"


def test_known_words_are_counted_over_all_reviews() -> None:
    def warning(*sequences: list[int]) -> str:
        return unknown_words(Words.of(EncodedReviews.from_sequences(sequences)))

    assert warning() == ""
    assert warning([1, 4, *[2] * 10], [1, *[2] * 1_100]).startswith("The model knows 1 of 1,111 words, so")
    assert warning([1, *[4] * 1_100, *[2] * 20_000]).startswith("The model knows 1,100 of 21,100 words, so")
    assert warning([1, *[4] * 10, *[2] * 95]).startswith("The model knows 10 of 105")
    assert warning([1, *[4] * 10, *[2] * 90]) == "", "exactly a tenth"
    assert warning([1, 4], [1, *[2] * 8]) == ""
