"""Files of Keras's format: read whole, and without running what is in them."""

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imdb_rnn import Corpus, DataError, Vocabulary, load_reviews

WORDS = ["the", "film", "good", "bad", "not"]
TRAIN = [[1, 2, 3], [3], [4, 4], [5, 3, 2, 1]]
TEST = [[4], [3]]


@pytest.fixture
def write_npz(tmp_path: Path) -> Callable[..., Path]:
    """Write reviews.npz and its word index; a keyword replaces an array, None leaves it out."""

    def write(**replaced: Any) -> Path:
        arrays: dict[str, Any] = {
            "x_train": np.array(TRAIN, dtype=object),
            "y_train": np.array([1, 1, 0, 0]),
            "x_test": np.array([*TEST, None], dtype=object)[:2],
            "y_test": np.array([0, 1]),
        }
        arrays |= replaced
        np.savez(tmp_path / "reviews.npz", **{name: array for name, array in arrays.items() if array is not None})
        Vocabulary(WORDS).save(tmp_path / "reviews_word_index.json")
        return tmp_path / "reviews.npz"

    return write


def content(corpus: Corpus, split: str) -> list[tuple[list[int], int]]:
    part = getattr(corpus, split)
    return sorted((part[i].tolist(), int(part.labels[i])) for i in range(len(part)))


def test_a_file_gives_its_reviews_as_keras_would_encode_them(write_npz: Callable[..., Path]) -> None:
    corpus = load_reviews(f"npz:{write_npz()}")
    assert corpus.vocabulary.words == tuple(WORDS)
    assert content(corpus, "train") == [([1, 4, 5, 6], 1), ([1, 6], 1), ([1, 7, 7], 0), ([1, 8, 6, 5, 4], 0)]
    assert content(corpus, "test") == [([1, 6], 1), ([1, 7], 0)]


def test_arrays_of_arrays_and_padded_tables_are_read_too(write_npz: Callable[..., Path]) -> None:
    rows = np.empty(4, dtype=object)
    rows[:] = [np.array(row) for row in TRAIN]
    table = np.array([[4], [3]], np.uint16)
    corpus = load_reviews(f"npz:{write_npz(x_train=rows, x_test=table)}")
    assert content(corpus, "train")[1] == ([1, 6], 1)
    assert content(corpus, "test") == [([1, 6], 1), ([1, 7], 0)]


def test_reading_changes_no_file(write_npz: Callable[..., Path]) -> None:
    path = write_npz()
    before = {file: file.read_bytes() for file in path.parent.iterdir()}
    load_reviews(f"npz:{path}")
    assert {file: file.read_bytes() for file in path.parent.iterdir()} == before


class Harmful:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def test_a_pickle_that_wants_to_run_code_is_refused_and_not_run(write_npz: Callable[..., Path], tmp_path: Path) -> None:
    harmful = np.array([Harmful(tmp_path / "harm"), [1], [1], [1]], dtype=object)
    path = write_npz(x_train=harmful)
    with pytest.raises(
        DataError, match=r"a pickle that wants to run pathlib\.Path\.touch|wants to run .*; it was not run"
    ):
        load_reviews(f"npz:{path}")
    assert not (tmp_path / "harm").exists()


def test_the_harmful_pickle_above_would_do_harm(write_npz: Callable[..., Path], tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Harmful(tmp_path / "harm")))
    assert (tmp_path / "harm").exists()


@pytest.mark.parametrize(
    ("replaced", "received"),
    [
        ({"x_test": None}, r"no x_test\.npy among x_train\.npy"),
        ({"y_train": np.array([1, 1, 0])}, r"x of shape \(4,\) with y of shape \(3,\)"),
        ({"y_train": np.array([1, 1, 0, 2])}, "not all of them 0 or 1"),
        ({"y_train": np.array([1.0, 1.0, 0.0, 0.5])}, "labels of type float64"),
        ({"y_train": np.array([1, 1, 1, 1])}, "Received: 4 positive, 0 negative"),
        ({"x_train": np.array([[1, 2], [0], [1], [1, 1, 1]], dtype=object)}, "word ranks from 0 to 2"),
        (
            {"x_train": np.array([[1, 2], [6], [1], [1, 1, 1]], dtype=object)},
            "from 1 to 6, where the word index has 1 to 5",
        ),
        ({"x_train": np.array([[1, 2], [-3], [1], [1, 1, 1]], dtype=object)}, "word ranks from -3 to 2"),
        ({"x_train": np.array([["a", "b"], [1], [1], [1]], dtype=object)}, "not a list of whole numbers"),
        ({"x_train": np.array([[0.5, 2], [1], [1], [1, 2]], dtype=object)}, "not a list of whole numbers"),
        ({"x_train": np.array([None, [1], [1], [1]], dtype=object)}, "NoneType"),
        ({"x_train": np.array([[1.5], [2.5], [1.0], [2.0]])}, "not a list of whole numbers"),
        ({"x_train": np.array(5)}, r"x of shape \(\)"),
    ],
)
def test_a_file_of_other_content_is_refused(
    write_npz: Callable[..., Path], replaced: dict[str, Any], received: str
) -> None:
    with pytest.raises(DataError, match=received):
        load_reviews(f"npz:{write_npz(**replaced)}")


@pytest.mark.parametrize("damage", ["truncated", "empty", "text", "compressed and damaged", "no array"])
def test_a_damaged_file_is_refused_and_kept(write_npz: Callable[..., Path], damage: str) -> None:
    path = write_npz()
    whole = path.read_bytes()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as target:
        target.writestr("x_train.npy", b"not an array")
    with np.load(path, allow_pickle=True) as arrays:
        compressed = io.BytesIO()
        np.savez_compressed(compressed, **arrays)
    path.write_bytes(
        {
            "truncated": whole[: len(whole) // 2],
            "empty": b"",
            "text": b"this is no archive",
            "compressed and damaged": compressed.getvalue()[:80] + bytes(40) + compressed.getvalue()[120:],
            "no array": archive.getvalue(),
        }[damage]
    )
    after = path.read_bytes()
    with pytest.raises(DataError, match=r"Cannot read .*reviews\.npz\. Expected: a \.npz of Keras's format"):
        load_reviews(f"npz:{path}")
    assert path.read_bytes() == after


def test_the_word_index_must_lie_beside_the_file(write_npz: Callable[..., Path]) -> None:
    path = write_npz()
    (path.parent / "reviews_word_index.json").unlink()
    with pytest.raises(DataError, match=r"Expected: a file .*reviews_word_index\.json\. Received: none there"):
        load_reviews(f"npz:{path}")


def test_a_word_index_of_another_shape_is_refused(write_npz: Callable[..., Path]) -> None:
    path = write_npz()
    (path.parent / "reviews_word_index.json").write_text(json.dumps({"a": [1]}), encoding="utf-8")
    with pytest.raises(DataError, match="Cannot read the word index"):
        load_reviews(f"npz:{path}")


def test_real_reviews_come_in_the_order_of_keras(imdb: Corpus) -> None:
    """The first lengths and labels are those that `keras.datasets.imdb.load_data()` is known to give."""
    assert imdb.train.lengths[:10].tolist() == [218, 189, 141, 550, 147, 43, 123, 562, 233, 130]
    assert imdb.test.lengths[:10].tolist() == [68, 260, 603, 181, 108, 132, 761, 180, 134, 370]
    assert imdb.train.labels[:10].tolist() == [1, 0, 0, 1, 0, 0, 1, 0, 1, 0]
    assert imdb.test.labels[:10].tolist() == [0, 1, 1, 0, 1, 1, 1, 0, 0, 1]
    assert (len(imdb.train), len(imdb.test), len(imdb.vocabulary)) == (25_000, 25_000, 88_584)
    assert imdb.vocabulary.decode(imdb.train[0][:7]) == "this film was just brilliant casting"
