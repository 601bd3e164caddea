"""OpenVINO, which cannot train, writes a saved model in its own format; NumPy writes none."""

from pathlib import Path

import numpy as np
import pytest

from backends_test.comparison.exports import ExportRow, chosen_reviews, leave, oracle_scores, with_windows
from backends_test.comparison.inputs import Inputs, load_corpus, make_inputs
from imdb_rnn import Classifier, MissingPackageError
from imdb_rnn.backends import backend_name
from imdb_rnn.exporting import reference
from imdb_rnn.inference.manifest import Manifest
from imdb_rnn.text.preprocessing import LastIds

BACKEND = backend_name()


@pytest.fixture
def inputs() -> Inputs:
    return make_inputs(load_corpus())


@pytest.fixture
def classifier(inputs: Inputs) -> Classifier:
    vocabulary = load_corpus().vocabulary.truncate(10_000)
    return with_windows(Classifier(vocabulary, LastIds(10_000, 100), Manifest(), weights=inputs.start))


@pytest.mark.skipif(BACKEND != "openvino", reason="Keras exports nothing from NumPy")
def test_a_file_of_openvino_gives_the_scores_of_the_model(
    classifier: Classifier, artefacts: Path, tmp_path: Path
) -> None:
    corpus = load_corpus()
    reviews = chosen_reviews(corpus)
    expected = reference.reference_of(classifier, reviews)
    np.testing.assert_allclose(expected.scores, oracle_scores(classifier, expected.x), rtol=0, atol=1e-13)
    assert np.std(expected.scores) > 0.05
    exported = classifier.export(tmp_path / "out", "openvino", reviews=reviews)
    assert exported.difference is not None
    assert exported.difference <= reference.BOUND
    assert {file.name for file in (tmp_path / "out").iterdir()} == {
        "example.py",
        "model.bin",
        "model.xml",
        "settings.json",
    }
    leave(artefacts, ExportRow.of(exported, corpus.source))


@pytest.mark.skipif(BACKEND == "openvino", reason="OpenVINO writes its own format")
@pytest.mark.parametrize("to", ["openvino", "onnx"])
def test_where_nothing_writes_a_format_the_error_says_what_to_install(
    classifier: Classifier, tmp_path: Path, to: str
) -> None:
    with pytest.raises(MissingPackageError, match=rf"Cannot export to {to}\. .*Run: pip install "):
        classifier.export(tmp_path / "out", to)
    assert not list(tmp_path.iterdir())
