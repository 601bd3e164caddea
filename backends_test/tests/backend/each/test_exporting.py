"""A classifier is exported to every format that this backend can write, and each file gives the scores of the model."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from backends_test.comparison.exports import ExportRow, chosen_reviews, leave, oracle_scores, with_windows
from backends_test.comparison.inputs import load_corpus
from imdb_rnn import Classifier, ExportError, MissingPackageError, Training
from imdb_rnn.backends import TABLE, backend_name
from imdb_rnn.exporting import reference
from imdb_rnn.exporting.formats import FORMATS, writer_of

BACKEND = backend_name()
WRITTEN = [name for name, form in FORMATS.items() if BACKEND in form.writers]
REFUSED = [name for name in FORMATS if name not in WRITTEN]
LONG = "A wonderful film with a great cast, and although the plot is thin I enjoyed every minute of it. " * 9


def score_of_example(folder: Path, text: str) -> float:
    """Run the example program of an exported folder, which does not import this library."""
    program = folder / "example.py"
    assert "imdb_rnn" not in program.read_text(encoding="utf-8")
    ran = subprocess.run([sys.executable, "-P", program, text], capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr[-2000:]
    return float(ran.stdout)


@pytest.mark.skipif(not WRITTEN, reason="Keras exports from JAX by TensorFlow, which is not installed here")
@pytest.mark.parametrize("to", WRITTEN or ["nothing"])
def test_an_exported_file_and_its_example_give_the_scores_of_the_model(
    exchanged: Training, artefacts: Path, tmp_path: Path, to: str
) -> None:
    corpus = load_corpus()
    classifier, reviews = with_windows(exchanged.classifier), chosen_reviews(corpus)
    expected = reference.reference_of(classifier, reviews)
    np.testing.assert_allclose(expected.scores, oracle_scores(classifier, expected.x), rtol=0, atol=1e-13)
    assert np.std(expected.scores) > 0.05  # or one constant would do
    exported = classifier.export(tmp_path / "out", to, reviews=reviews)
    assert exported.difference is not None
    assert exported.difference <= reference.BOUND
    assert exported.reviews == len(reviews)
    assert str(exported.writer).startswith(TABLE[BACKEND].title)
    leave(artefacts, ExportRow.of(exported, corpus.source))
    # Three windows, and words of which the model knows all.
    assert len(classifier.preprocessing.rows(reviews.take(np.array([len(reviews) - 1]))).x) > 2
    assert score_of_example(tmp_path / "out", LONG) == pytest.approx(classifier.predict_review(LONG).score, abs=2e-4)


@pytest.mark.skipif(not WRITTEN, reason="Keras exports from JAX by TensorFlow, which is not installed here")
def test_a_model_that_reads_last_words_only_is_exported_with_an_example_that_does_so(
    trained: tuple[Path, Training], tmp_path: Path
) -> None:
    classifier = Classifier.load(trained[0])
    assert not classifier.preprocessing.windows
    exported = classifier.export(tmp_path / "out", WRITTEN[0])
    assert (exported.reviews, exported.rows) == (1000, 1000)
    for text in (LONG, "Not good."):
        score = classifier.predict_review(text).score
        assert score_of_example(tmp_path / "out", text) == pytest.approx(score, abs=2e-4)
    settings = json.loads((tmp_path / "out" / "settings.json").read_text(encoding="utf-8"))
    assert settings["ids"]["the"] == 4
    assert max(settings["ids"].values()) < settings["num_words"]
    assert settings["checked"]["largest_difference"] == exported.difference


@pytest.mark.skipif(not WRITTEN, reason="Keras exports from JAX by TensorFlow, which is not installed here")
def test_a_file_beyond_its_bound_is_deleted(
    trained: tuple[Path, Training], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference, "BOUND", 1e-12)  # closer than float32 can be
    with pytest.raises(ExportError, match=r"Expected: scores that differ .* by at most 1e-12\. Received: .*deleted"):
        Classifier.load(trained[0]).export(tmp_path / "out", WRITTEN[0])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("to", REFUSED)
def test_a_format_that_no_installed_backend_writes_is_refused_with_what_to_install(to: str) -> None:
    with pytest.raises(MissingPackageError, match=rf"Cannot export to {to}\. Expected: .*Run: pip install "):
        writer_of(to)
