"""What exports are held against, and what is said where nothing can be exported: no backend is installed here."""

from pathlib import Path

import numpy as np
import pytest

from backends_test.comparison.exports import oracle_scores, with_windows
from backends_test.tests.command_line import Ran, Run
from imdb_rnn import Classifier, ExportError, ModelError
from imdb_rnn.exporting.formats import FORMATS
from imdb_rnn.exporting.reference import LONGEST, REVIEWS, drawn_reviews, reference_of
from imdb_rnn.text.tokens import OOV, START

FOLDERS = Path(__file__).parents[1] / "data"


def assert_refused(ran: Ran, *parts: str) -> None:
    """The command has failed with one line, in which these parts occur."""
    assert (ran.status, ran.output) == (1, "")
    assert ran.said.count("\n") == 1, ran.said
    assert all(part in ran.said for part in parts), ran.said


def test_a_file_is_checked_with_reviews_of_all_lengths_and_every_word() -> None:
    reviews = drawn_reviews(10_000)
    words = reviews.lengths - 1
    assert (len(reviews), words.min(), words.max()) == (REVIEWS, 1, LONGEST)
    assert np.median(words) == pytest.approx(50, rel=0.1)
    assert set(range(OOV, 10_000)) <= set(reviews.ids.tolist())
    assert reviews.ids.max() == 9_999
    assert (reviews.ids == START).sum() == REVIEWS
    assert (reviews.ids[reviews.offsets[:-1]] == START).all()
    np.testing.assert_array_equal(reviews.ids, drawn_reviews(10_000).ids)


@pytest.mark.parametrize("num_words", [5, 6, 1_000, 250_000])
def test_a_vocabulary_of_any_size_can_be_checked(num_words: int) -> None:
    reviews = drawn_reviews(num_words)
    assert (len(reviews), reviews.offsets[-1]) == (REVIEWS, len(reviews.ids))
    assert reviews.ids.max() < num_words
    assert (reviews.ids[reviews.offsets[:-1]] == START).all()


@pytest.mark.parametrize("name", ["robust", "tutorial"])
def test_the_reference_is_the_oracle_in_float64(name: str) -> None:
    classifier = Classifier.load(FOLDERS / name)
    reference = reference_of(classifier)
    assert reference.scores.dtype == np.float64
    np.testing.assert_allclose(reference.scores, oracle_scores(classifier, reference.x), rtol=0, atol=1e-13)
    assert reference.reviews == REVIEWS
    assert (len(reference.x) > REVIEWS) == (name == "robust")
    assert len(reference_of(with_windows(classifier)).x) > REVIEWS


@pytest.mark.parametrize(
    ("reviews", "received"),
    [([], "a list"), (["A good film."], "a list"), (drawn_reviews(10).take(np.array([], int)), "none")],
)
def test_other_reviews_than_encoded_ones_are_refused(reviews: object, received: str) -> None:
    message = rf"Bad `reviews`\. Expected: `EncodedReviews`, .*\. Received: {received}\."
    with pytest.raises(ExportError, match=message):
        reference_of(Classifier.load(FOLDERS / "tutorial"), reviews)


def test_a_model_without_an_embedding_is_refused() -> None:
    classifier = Classifier.load(FOLDERS / "tutorial")
    one_hot = Classifier(
        classifier.vocabulary, classifier.preprocessing, classifier.manifest, weights=classifier.weights()[1:]
    )
    with pytest.raises(ModelError, match=r"Expected: a model with an embedding\. Received: one without\."):
        reference_of(one_hot)


@pytest.mark.parametrize("to", FORMATS)
def test_without_a_backend_the_command_says_what_to_install(run_here: Run, tmp_path: Path, to: str) -> None:
    completed = run_here("export", FOLDERS / "robust", tmp_path / "out", "--to", to)
    assert_refused(completed, f"Cannot export to {to}. Expected: ", "Received: an environment without ", "pip install ")
    assert not list(tmp_path.iterdir())


def test_an_unknown_format_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"Bad `to`\. Expected: one of onnx, .*html\. Received: 'pdf'\."):
        Classifier.load(FOLDERS / "robust").export(tmp_path / "out", "pdf")


def test_the_page_is_written_and_written_again_but_replaces_nothing_else(run_here: Run, tmp_path: Path) -> None:
    page = tmp_path / "new" / "page.html"
    for _ in range(2):
        assert run_here("export", FOLDERS / "robust", page, "--to", "html").status == 0
    assert page.read_text(encoding="utf-8").lower().startswith("<!doctype html>")
    other = tmp_path / "notes.html"
    other.write_text("mine", encoding="utf-8")
    completed = run_here("export", FOLDERS / "robust", other, "--to", "html")
    assert_refused(completed, f"Cannot export to {other}. Expected: a file that can be written.", "not an HTML page")
    assert other.read_text(encoding="utf-8") == "mine"
    assert_refused(run_here("export", FOLDERS / "robust", tmp_path, "--to", "html"), "Cannot export to ")
