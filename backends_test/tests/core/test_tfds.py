"""TensorFlow Datasets' copy: the same reviews, without TensorFlow."""

import sys
from collections import Counter
from pathlib import Path

import pytest

from imdb_rnn import Corpus, DataError, Vocabulary, load_reviews
from imdb_rnn.corpora import tfds


@pytest.fixture(scope="module")
def tfds_corpus(imdb_data: Path) -> Corpus:
    if not (imdb_data / "tfds" / tfds.PREPARED).is_dir():
        pytest.skip("no prepared copy of TFDS's imdb_reviews in IMDB_RNN_DATA")
    return load_reviews("tfds")


@pytest.mark.parametrize("split", ["train", "test"])
def test_raw_texts_encode_to_the_very_ids_of_keras(tfds_corpus: Corpus, imdb: Corpus, split: str) -> None:
    """All 50,000 reviews, labels included, as multisets: the two sources have them in different orders."""
    ours, theirs = (
        Counter((part[i].tobytes(), int(part.labels[i])) for i in range(len(part)))
        for part in (getattr(tfds_corpus, split), getattr(imdb, split))
    )
    assert ours.total() == theirs.total() == 25_000
    assert ours == theirs


def test_reading_needs_no_tensorflow(tfds_corpus: Corpus, imdb_data: Path) -> None:
    assert len(tfds.read_texts(imdb_data / "tfds", "train").texts) == 25_000
    assert "tensorflow" not in sys.modules


def test_with_a_models_vocabulary_unknown_words_become_oov(tfds_corpus: Corpus, imdb: Corpus) -> None:
    served = load_reviews("tfds", imdb.vocabulary.truncate(1000))
    assert served.train.ids.max() < 1000
    assert len(served.test.ids) > len(tfds_corpus.test.ids)  # words that the full index does not know were skipped


def test_without_a_prepared_copy_the_error_says_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMDB_RNN_DATA", str(tmp_path))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "own"))
    with pytest.raises(DataError, match=r"no such files\. Prepare it once, where tensorflow is installed: python -c"):
        load_reviews("tfds")


def test_a_home_that_there_is_not_is_not_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFDS_DATA_DIR", "~no-such-user/data")
    monkeypatch.delenv("IMDB_RNN_DATA", raising=False)
    with pytest.raises(DataError, match=r"in a folder TFDS_DATA_DIR\. Received: no such files\. Prepare it once"):
        load_reviews("tfds")
    monkeypatch.setenv("IMDB_RNN_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"in \S*/tfds\. Received: no such files\. Prepare it once"):
        load_reviews("tfds")


def test_a_damaged_copy_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "tfds" / tfds.PREPARED
    folder.mkdir(parents=True)
    (folder / "imdb_reviews-train.array_record-00000-of-00001").write_bytes(b"no record")
    Vocabulary(["good"]).save(tmp_path / "imdb_word_index.json")
    monkeypatch.setenv("IMDB_RNN_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"Cannot read tfds in .*Expected: a complete copy of imdb_reviews"):
        load_reviews("tfds")


def test_without_the_package_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)  # as if it were not installed
    with pytest.raises(DataError, match=r'pip install "imdb_rnn\[tfds\]"'):
        tfds.read_texts(tmp_path, "train")
