"""Files with what `keras.datasets.imdb.load_data` returns are read as the file that it was made from."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from backends_test.tests.npz_files import content, save
from imdb_rnn import Corpus, DataError, Vocabulary, load_reviews
from imdb_rnn.text.reviews import EncodedReviews
from imdb_rnn.text.tokens import OOV, START

LoadData = Callable[..., dict[str, Any]]


@pytest.fixture
def load_data(monkeypatch: pytest.MonkeyPatch) -> LoadData:
    """Keras's own `load_data` for a file that lies here, its result as the arrays of another such file."""
    function = keras.datasets.imdb.load_data
    assert "get_file" in function.__globals__
    monkeypatch.setitem(function.__globals__, "get_file", lambda fname, **_: fname)  # instead of a download

    def load(path: Path, **options: Any) -> dict[str, Any]:
        (x_train, y_train), (x_test, y_test) = function(path=str(path), **options)
        return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}

    return load


def assert_equal(one: Corpus, other: Corpus) -> None:
    """The same reviews, in the same order."""
    for name in ("train", "test"):
        for array in ("ids", "offsets", "labels"):
            found, expected = (getattr(getattr(corpus, name), array) for corpus in (one, other))
            assert found.dtype == expected.dtype
            assert np.array_equal(found, expected), (name, array)


def with_rare_words(corpus: Corpus, num_words: int) -> Corpus:
    """The same with `OOV` for every id from `num_words` on."""
    train, test = (
        EncodedReviews(np.where(part.ids < num_words, part.ids, OOV), part.offsets, part.labels)
        for part in (corpus.train, corpus.test)
    )
    return Corpus(corpus.source, corpus.fingerprint, corpus.vocabulary, train, test)


def last_ids(corpus: Corpus, count: int) -> Corpus:
    """The same with the last ids of each review, and `START` before them."""
    train, test = (
        EncodedReviews.from_sequences(
            [[START, *part[i][-count:][part[i][-count:] != START]] for i in range(len(part))], part.labels
        )
        for part in (corpus.train, corpus.test)
    )
    return Corpus(corpus.source, corpus.fingerprint, corpus.vocabulary, train, test)


def test_what_keras_returns_is_read_as_the_file_that_it_was_made_from(
    many: Path, load_data: LoadData, tmp_path: Path
) -> None:
    original = load_reviews(f"npz:{many}")
    assert (original.train.ids == 53).sum() == 1
    shifted = save(tmp_path / "shifted.npz", load_data(many))
    assert_equal(load_reviews(f"npz:{shifted}"), original)
    shifted = save(tmp_path / "rare.npz", load_data(many, num_words=20))
    assert_equal(load_reviews(f"npz:{shifted}"), with_rare_words(original, 20))
    assert (load_reviews(f"npz:{shifted}").train.ids == OOV).sum() > 100


def test_a_word_that_keras_left_out_is_restored_only_where_it_is_known(
    many: Path, load_data: LoadData, tmp_path: Path
) -> None:
    larger = save(tmp_path / "larger.npz", load_data(many))
    Vocabulary([f"w{rank}" for rank in range(1, 61)]).save(tmp_path / "larger_word_index.json")
    assert (load_reviews(f"npz:{larger}").train.ids == OOV).sum() == 1
    with np.load(many, allow_pickle=True) as file:  # made above
        arrays = dict(file)
    arrays["x_train"][8][3] = 50
    twice = save(tmp_path / "twice.npz", load_data(save(tmp_path / "ranks.npz", arrays)))
    assert (load_reviews(f"npz:{twice}").train.ids == OOV).sum() == 2


@pytest.mark.parametrize(("padding", "truncating"), [("pre", "pre"), ("post", "post"), ("post", "pre")])
@pytest.mark.parametrize("maxlen", [None, 20])
def test_what_keras_returns_and_pads_is_read_without_the_padding(
    many: Path, load_data: LoadData, tmp_path: Path, padding: str, truncating: str, maxlen: int | None
) -> None:
    arrays = load_data(many, num_words=20)
    expected = with_rare_words(load_reviews(f"npz:{many}"), 20)
    if maxlen and truncating == "pre":
        expected = last_ids(expected, maxlen)
    elif maxlen:
        parts = (arrays[f"x_{name}"] for name in ("train", "test"))
        train, test = (
            EncodedReviews.from_sequences([row[:maxlen] for row in rows], part.labels)
            for rows, part in zip(parts, (expected.train, expected.test), strict=True)
        )
        expected = Corpus(expected.source, expected.fingerprint, expected.vocabulary, train, test)
    for name in ("x_train", "x_test"):
        arrays[name] = keras.utils.pad_sequences(arrays[name], maxlen, padding=padding, truncating=truncating)
    assert_equal(load_reviews(f"npz:{save(tmp_path / 'padded.npz', arrays)}"), expected)


@pytest.mark.parametrize(
    ("options", "received"),
    [
        ({"index_from": 0}, "each of its 120 reviews begins with 1"),
        ({"index_from": 2}, "each of its 120 reviews begins with 1"),
        ({"index_from": 4}, "each of its 120 reviews begins with 1"),
        ({"oov_char": 1, "num_words": 20}, "each of its 120 reviews begins with 1"),
        ({"oov_char": 0, "num_words": 20}, "each of its 120 reviews begins with 1"),
        ({"oov_char": 3, "num_words": 20}, "each of its 120 reviews begins with 1"),
        ({"start_char": None}, r"neither 1 nor 3 is among 2,\d{3} words"),
        ({"start_char": 2}, r"neither 1 nor 3 is among 2,\d{3} words"),
        ({"skip_top": 10}, r"neither 1 nor 3 is among 2,\d{3} words"),
    ],
    ids=str,
)
def test_what_keras_returns_with_other_options_is_refused(
    many: Path, load_data: LoadData, tmp_path: Path, options: dict[str, Any], received: str
) -> None:
    path = save(tmp_path / "other.npz", load_data(many, **options))
    with pytest.raises(
        DataError,
        match=rf"Received: x_train, which is neither ranks nor what load_data\(\) returns by default: {received}\. "
        r"Save what keras\.datasets\.imdb\.load_data\(\) returns with no other option than num_words, maxlen and seed",
    ):
        load_reviews(f"npz:{path}")


def test_ids_without_their_beginnings_are_refused(many: Path, load_data: LoadData, tmp_path: Path) -> None:
    one_is_missing, all_are_missing = load_data(many), load_data(many)
    shortest = min(range(120), key=lambda place: len(one_is_missing["x_train"][place]))
    one_is_missing["x_train"][shortest] = one_is_missing["x_train"][shortest][1:]
    for name in ("train", "test"):
        long = [place for place, row in enumerate(all_are_missing[f"x_{name}"]) if len(row) > 20]
        all_are_missing[f"x_{name}"] = np.array([all_are_missing[f"x_{name}"][place][-20:] for place in long])
        all_are_missing[f"y_{name}"] = all_are_missing[f"y_{name}"][long]
    for arrays in (one_is_missing, all_are_missing):
        with pytest.raises(DataError, match=r"Received: x_train, which is neither .* neither 1 nor 3 is among"):
            load_reviews(f"npz:{save(tmp_path / 'cut.npz', arrays)}")


def test_ranks_that_keras_has_only_shuffled_are_ranks(many: Path, load_data: LoadData, tmp_path: Path) -> None:
    path = save(tmp_path / "ranks.npz", load_data(many, start_char=None, index_from=0, num_words=1000))
    corpus, original = load_reviews(f"npz:{path}"), load_reviews(f"npz:{many}")
    assert content(corpus, "train") == content(original, "train")
    assert content(corpus, "test") == content(original, "test")


def test_ids_and_ranks_are_not_mixed(many: Path, load_data: LoadData, tmp_path: Path) -> None:
    with np.load(many, allow_pickle=True) as ranks:  # made above
        mixed = {**load_data(many), "x_test": ranks["x_test"], "y_test": ranks["y_test"]}
    with pytest.raises(DataError, match=r"Received: x_train, which is neither ranks nor .* begins with 1"):
        load_reviews(f"npz:{save(tmp_path / 'mixed.npz', mixed)}")


def test_ids_beyond_the_word_index_are_refused(many: Path, load_data: LoadData, tmp_path: Path) -> None:
    path = save(tmp_path / "shifted.npz", load_data(many, num_words=51))
    Vocabulary([f"w{rank}" for rank in range(1, 41)]).save(tmp_path / "shifted_word_index.json")
    with pytest.raises(DataError, match=r"Received: ids from 1 to 50, where the word index has 1 to 43"):
        load_reviews(f"npz:{path}")


def test_real_ids_of_keras_are_read_as_the_real_file(
    imdb: Corpus, imdb_data: Path, load_data: LoadData, tmp_path: Path
) -> None:
    np.savez(tmp_path / "ids.npz", **load_data(imdb_data / "imdb.npz", num_words=10_000))
    shutil.copy(imdb_data / "imdb_word_index.json", tmp_path / "ids_word_index.json")
    assert_equal(load_reviews(f"npz:{tmp_path / 'ids.npz'}"), with_rare_words(imdb, 10_000))
