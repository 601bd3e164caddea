"""The one door to all sources."""

import logging
from pathlib import Path

import pytest

from imdb_rnn import DataError, Vocabulary, load_reviews
from imdb_rnn.corpora import SOURCES, imdb


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


def test_an_error_of_a_source_is_told_once(tmp_path: Path) -> None:
    with pytest.raises(DataError) as raised:
        load_reviews(f"folder:{tmp_path}")
    assert str(raised.value).count("Expected: ") == 1
