"""The one door to all sources."""

import logging
from pathlib import Path

import numpy as np
import pytest

from imdb_rnn import DataError, Vocabulary, load_reviews
from imdb_rnn.corpora import SOURCES, imdb


@pytest.mark.parametrize(
    "source", ["", "IMDB", "imdb:", "imdb:x", "folder", "folder:", "npz:", "csv:a.csv", "synthetic "]
)
def test_an_unknown_source_is_an_error_that_lists_the_known_ones(source: str) -> None:
    with pytest.raises(DataError) as raised:
        load_reviews(source)
    assert str(raised.value) == f"Bad source of reviews. Expected: one of {', '.join(SOURCES)}. Received: {source!r}."


@pytest.mark.parametrize(
    ("source", "received"),
    [
        (None, 'NoneType. For your own files, pass "folder:PATH" or "npz:PATH".'),
        (5, 'int. For your own files, pass "folder:PATH" or "npz:PATH".'),
        (b"imdb", 'bytes. For your own files, pass "folder:PATH" or "npz:PATH".'),
        (np.zeros((100, 100)), 'ndarray. For your own files, pass "folder:PATH" or "npz:PATH".'),
        (Path("my/reviews"), f'{type(Path()).__name__}. Pass "folder:{Path("my/reviews")}".'),
        (Path("mine.npz"), f'{type(Path()).__name__}. Pass "npz:mine.npz".'),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_text_is_an_error_of_one_line_that_says_what_to_write(source: object, received: str) -> None:
    with pytest.raises(DataError) as raised:
        load_reviews(source)  # type: ignore[arg-type]
    expected = f"a text, one of {', '.join(SOURCES)}"
    assert str(raised.value) == f"Bad source of reviews. Expected: {expected}. Received: {received}"


def test_a_text_that_is_long_is_shortened() -> None:
    with pytest.raises(DataError) as raised:
        load_reviews("A good film.\n" * 1000)
    assert len(str(raised.value)) < 400


def test_auto_takes_real_reviews_where_they_are(imdb_data: Path) -> None:
    assert load_reviews("auto").source == "imdb"


def test_auto_without_data_and_network_takes_synthetic_reviews_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("IMDB_RNN_DATA", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(imdb, "ORIGIN", "http://127.0.0.1:1/")
    with caplog.at_level(logging.WARNING):
        corpus = load_reviews("auto")
    assert corpus.source == "synthetic"
    assert "SYNTHETIC" in caplog.text
    assert "not IMDB results" in caplog.text


@pytest.mark.parametrize("given", ["none", "~no-such-user/data"])
def test_auto_does_not_pass_over_a_given_folder_that_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMDB_RNN_DATA", given)
    for source in ("imdb", "auto", "tfds"):
        with pytest.raises(DataError) as raised:
            load_reviews(source)
        expected = f"Bad IMDB_RNN_DATA. Expected: an existing folder. Received: {given!r}. Correct or unset it."
        assert str(raised.value) == expected


def test_auto_does_not_pass_over_a_local_copy_that_is_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / imdb.REVIEWS).write_bytes(b"damaged")
    Vocabulary(["good"]).save(tmp_path / imdb.WORD_INDEX)
    monkeypatch.setenv("IMDB_RNN_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"Cannot read .*imdb\.npz"):
        load_reviews("auto")
