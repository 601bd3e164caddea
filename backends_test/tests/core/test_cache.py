"""The cache of encoded reviews: it gives back what was put in, or nothing."""

import json
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imdb_rnn import Corpus, Vocabulary
from imdb_rnn.corpora import cache
from imdb_rnn.text.reviews import EncodedReviews, check_reviews

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


def test_what_comes_out_of_the_cache_can_be_changed_as_what_was_made(cache_folder: Path) -> None:
    cache.cached("test", "key", None, lambda: CORPUS)
    read = cache.cached("test", "key", None, unexpected)
    assert all(getattr(read.train, name).flags.writeable for name in ("ids", "offsets", "labels"))


def change_entry(entry: Path, change: Callable[[dict[str, Any]], object]) -> None:
    with np.load(entry) as file:
        arrays = dict(file)
    change(arrays)
    np.savez(entry, **arrays)


def with_a_right_checksum(arrays: dict[str, Any]) -> None:
    arrays["checksum"] = cache._checksum(f"{cache.FORMAT} key own", arrays)


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "labels turned round": lambda arrays: arrays.update(train_labels=1 - arrays["train_labels"]),
    "other labels": lambda arrays: arrays.update(train_labels=arrays["train_labels"] + np.int8(2)),
    "ids above the vocabulary": lambda arrays: np.put(arrays["train_ids"], 1, 7),
    "ids of two billion": lambda arrays: np.put(arrays["train_ids"], 1, 2**31 - 1),
    "ids below zero": lambda arrays: np.put(arrays["train_ids"], 1, -1),
    "ids of another type": lambda arrays: arrays.update(train_ids=arrays["train_ids"].astype(np.int64)),
    "a review without its start": lambda arrays: np.put(arrays["train_ids"], 0, 4),
    "offsets behind the end": lambda arrays: np.put(arrays["train_offsets"], 2, 9),
    "offsets that go back": lambda arrays: np.put(arrays["train_offsets"], 1, 5),
    "the first review left out": lambda arrays: arrays.update(
        train_offsets=arrays["train_offsets"][1:], train_labels=arrays["train_labels"][1:]
    ),
    "more labels": lambda arrays: arrays.update(train_labels=np.ones(3, np.int8)),
    "a table of ids": lambda arrays: arrays.update(test_ids=arrays["test_ids"].reshape(1, -1)),
    "other words": lambda arrays: arrays.update(words=np.frombuffer(b"good\ngood\nbad", np.uint8)),
    "no fingerprint": lambda arrays: arrays.update(fingerprint=np.frombuffer(b"f" * 63, np.uint8)),
}


@pytest.mark.parametrize(
    ("change", "checksum"),
    [
        pytest.param(change, checksum, id=f"{name}, the {checksum} checksum")
        for name, change in CHANGES.items()
        for checksum in ("old", "right")
        # Whoever can write a cache can put other reviews into it.
        if (name, checksum) != ("labels turned round", "right")
    ],
)
def test_an_entry_with_other_arrays_is_made_again(
    cache_folder: Path, caplog: pytest.LogCaptureFixture, change: Callable[[dict[str, Any]], object], checksum: str
) -> None:
    cache.cached("test", "key", None, lambda: CORPUS)
    (entry,) = cache_folder.iterdir()
    change_entry(entry, change)
    if checksum == "right":
        change_entry(entry, with_a_right_checksum)
    with caplog.at_level(logging.INFO):
        assert_same(cache.cached("test", "key", None, lambda: CORPUS), CORPUS)
    assert "replacing the cached corpus" in caplog.text
    assert_same(cache.cached("test", "key", None, unexpected), CORPUS)


def test_an_entry_under_the_name_of_another_is_not_taken(cache_folder: Path) -> None:
    other = Corpus("test", "e" * 64, CORPUS.vocabulary, CORPUS.train, CORPUS.test)
    cache.cached("test", "other", None, lambda: other)
    (entry,) = cache_folder.iterdir()
    cache.cached("test", "key", None, lambda: CORPUS)
    (own,) = (file for file in cache_folder.iterdir() if file != entry)
    entry.replace(own)
    assert_same(cache.cached("test", "key", None, lambda: CORPUS), CORPUS)


def test_a_user_without_a_home_has_no_cache_and_needs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IMDB_RNN_CACHE", "HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)

    def no_such_user(number: int) -> None:
        raise KeyError(number)

    monkeypatch.setattr("pwd.getpwuid", no_such_user)
    assert cache.cached("test", "key", None, lambda: CORPUS) is CORPUS


def test_a_corpus_above_the_limit_is_not_kept(cache_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MAX_ENTRY_BYTES", 100_000)
    assert cache.cached("test", "key", None, lambda: CORPUS) is CORPUS
    assert list(cache_folder.iterdir()) == []


def test_processes_that_fill_the_cache_at_once_all_read_the_same(cache_folder: Path, tmp_path: Path) -> None:
    for place in ("train/pos", "train/neg", "test/pos", "test/neg"):
        (tmp_path / "mine" / place).mkdir(parents=True)
        (tmp_path / "mine" / place / "0.txt").write_text(f"a film of {place}", encoding="utf-8")
    program = "import json, sys, imdb_rnn; c = imdb_rnn.load_reviews(sys.argv[1]); print(c.train.ids.tolist())"
    command = [sys.executable, "-c", program, f"folder:{tmp_path / 'mine'}"]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(4)]
    outputs = {process.communicate(timeout=60)[0] for process in started}
    assert [process.returncode for process in started] == [0, 0, 0, 0]
    assert len(outputs) == 1
    assert json.loads(outputs.pop())[0] == 1
    assert len(list(cache_folder.iterdir())) == 1


def test_reviews_as_they_should_be_pass_the_check() -> None:
    check_reviews(CORPUS.train, 3)
    check_reviews(EncodedReviews.from_sequences([], []), 0)
