"""The one door to all sources, and the cache behind it."""

import logging
from pathlib import Path

import numpy as np
import pytest

from imdb_rnn import Corpus, DataError, Vocabulary, load_reviews
from imdb_rnn.corpora import SOURCES, cache, imdb
from imdb_rnn.corpora.reviews import EncodedReviews


@pytest.mark.parametrize(
    "source", ["", "IMDB", "imdb:", "imdb:x", "folder", "folder:", "npz:", "csv:a.csv", "embedded "]
)
def test_an_unknown_source_is_an_error_that_lists_the_known_ones(source: str) -> None:
    with pytest.raises(DataError) as raised:
        load_reviews(source)
    assert str(raised.value) == f"Bad source of reviews. Expected: one of {', '.join(SOURCES)}. Received: {source!r}."


def test_auto_takes_real_reviews_where_they_are(imdb_data: Path) -> None:
    assert load_reviews("auto").source == "imdb"


def test_auto_without_data_and_network_takes_embedded_reviews_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("IMDB_RNN_DATA", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(imdb, "ORIGIN", "http://127.0.0.1:1/")
    with caplog.at_level(logging.WARNING):
        corpus = load_reviews("auto")
    assert corpus.source == "embedded"
    assert "EMBEDDED" in caplog.text
    assert "not IMDB figures" in caplog.text


def test_auto_does_not_pass_over_a_local_copy_that_is_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / imdb.REVIEWS).write_bytes(b"damaged")
    Vocabulary(["good"]).save(tmp_path / imdb.WORD_INDEX)
    monkeypatch.setenv("IMDB_RNN_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"Cannot read .*imdb\.npz"):
        load_reviews("auto")


CORPUS = Corpus(
    "test",
    "f" * 64,
    Vocabulary(["good", "most\x85and", "naïve"]),
    EncodedReviews.from_sequences([[1, 4], [1, 5, 6]], [1, 0]),
    EncodedReviews.from_sequences([[1]], [0]),
)


@pytest.fixture
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IMDB_RNN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def assert_same(first: Corpus, second: Corpus) -> None:
    assert (first.source, first.fingerprint, first.vocabulary) == (second.source, second.fingerprint, second.vocabulary)
    for split in ("train", "test"):
        for name in ("ids", "offsets", "labels"):
            one, other = (getattr(getattr(corpus, split), name) for corpus in (first, second))
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)


def unexpected() -> Corpus:
    pytest.fail("the cached corpus should have been used")


def test_a_corpus_comes_out_of_the_cache_as_it_went_in(cache_folder: Path) -> None:
    cache.cached("test", "key", None, lambda: CORPUS)
    assert_same(cache.cached("test", "key", None, unexpected), CORPUS)


def test_another_content_or_vocabulary_is_another_entry(cache_folder: Path) -> None:
    made = []
    for key, vocabulary in [("a", None), ("b", None), ("a", Vocabulary(["x"])), ("a", Vocabulary(["y"])), ("a", None)]:
        cache.cached("test", key, vocabulary, lambda key=key: made.append(key) or CORPUS)
    assert made == ["a", "b", "a", "a"]
    assert len(list(cache_folder.iterdir())) == 4


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 half", None])
def test_a_damaged_entry_is_made_again(cache_folder: Path, damage: bytes | None) -> None:
    cache.cached("test", "key", None, lambda: CORPUS)
    (entry,) = cache_folder.iterdir()
    entry.write_bytes(entry.read_bytes()[:-200] if damage is None else damage)
    assert_same(cache.cached("test", "key", None, lambda: CORPUS), CORPUS)
    assert_same(cache.cached("test", "key", None, unexpected), CORPUS)


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"in the way")
    monkeypatch.setenv("IMDB_RNN_CACHE", str(tmp_path / "file" / "cache"))
    assert cache.cached("test", "key", None, lambda: CORPUS) is CORPUS


def test_the_cache_holds_no_pickle(cache_folder: Path) -> None:
    cache.cached("test", "key", None, lambda: CORPUS)
    (entry,) = cache_folder.iterdir()
    with np.load(entry, allow_pickle=False) as arrays:
        assert {arrays[name].dtype.kind for name in arrays.files} == {"i", "u"}
