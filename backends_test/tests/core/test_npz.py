"""Files of Keras's format: read whole, and without running what is in them."""

import io
import json
import pickle
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backends_test.tests.npz_files import content, save
from imdb_rnn import Corpus, DataError, Vocabulary, load_reviews
from imdb_rnn.corpora.pickled_lists import read_lists

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


@pytest.mark.parametrize("absent", [1, 3])
def test_ranks_of_which_one_never_occurs_are_ranks(many: Path, tmp_path: Path, absent: int) -> None:
    with np.load(many, allow_pickle=True) as file:  # made above
        arrays = dict(file)
    for name in ("x_train", "x_test"):
        for row in arrays[name]:
            row[:] = [rank + (rank == absent) for rank in row]
    expected = sorted((1, *(rank + 3 for rank in row)) for row in arrays["x_train"])
    corpus = load_reviews(f"npz:{save(tmp_path / 'absent.npz', arrays)}")
    assert sorted(tuple(corpus.train[i]) for i in range(len(corpus.train))) == expected


@pytest.mark.parametrize(
    "rows", [[[1, 2], [1, 4], [1, 5, 2], [1]], [[4, 5], [2], [5, 5], [4]], [[1, 4, 2]] * 4], ids=str
)
def test_a_few_words_are_ranks_even_if_they_could_be_ids(write_npz: Callable[..., Path], rows: list[list[int]]) -> None:
    array = np.empty(4, object)
    array[:] = rows
    expected = sorted(([1, *(rank + 3 for rank in row)], label) for row, label in zip(rows, [1, 1, 0, 0], strict=True))
    path = write_npz(x_train=array, x_test=np.array([[1, 4], [1, 5]]))
    assert content(load_reviews(f"npz:{path}"), "train") == expected


def test_a_few_short_reviews_that_all_begin_with_one_are_ids(write_npz: Callable[..., Path]) -> None:
    arrays = [np.empty(4, object), np.empty(4, object)]
    for array in arrays:
        array[:] = [[1, 4, 2], [1, 5], [1, 8, 4], [1, 7]]
    labels = np.array([1, 1, 0, 0])
    path = write_npz(x_train=arrays[0], y_train=labels, x_test=arrays[1], y_test=labels)
    assert content(load_reviews(f"npz:{path}"), "train") == [([1, 4, 2], 1), ([1, 5], 1), ([1, 7], 0), ([1, 8, 4], 0)]


@pytest.mark.parametrize("kind", [np.uint8, np.int32])
def test_zeros_that_pad_ranks_are_no_words(write_npz: Callable[..., Path], kind: type) -> None:
    before = np.array([[0, 2, 3], [0, 0, 1], [4, 4, 5], [0, 3, 3]], kind)
    behind = np.asfortranarray(np.array([[4, 0], [3, 5]], kind))
    corpus = load_reviews(f"npz:{write_npz(x_train=before, x_test=behind)}")
    assert content(corpus, "train") == [([1, 4], 1), ([1, 5, 6], 1), ([1, 6, 6], 0), ([1, 7, 7, 8], 0)]
    assert content(corpus, "test") == [([1, 6, 8], 1), ([1, 7], 0)]


@pytest.mark.parametrize(
    ("table", "received"),
    [
        ([[1, 2], [0, 0], [1, 1], [2, 2]], "a row of zeros"),
        ([[1, 0, 2], [1, 2, 3], [1, 2, 3], [1, 2, 3]], "zeros that are not padding"),
        ([[0, 1, 0], [1, 2, 3], [1, 2, 3], [1, 2, 3]], "zeros that are not padding"),
        ([[0, 1, 2], [1, 2, 0], [1, 2, 3], [1, 2, 3]], "zeros that are not padding"),
    ],
    ids=str,
)
def test_zeros_elsewhere_are_refused(write_npz: Callable[..., Path], table: list[list[int]], received: str) -> None:
    with pytest.raises(DataError, match=rf"Received: x_train\.npy: {received}"):
        load_reviews(f"npz:{write_npz(x_train=np.array(table))}")


def pickled(rows: list[Any], protocol: int, pickler: type = pickle.Pickler) -> bytes:
    """The bytes of a .npy file of an array of objects, by a protocol and a pickler of choice."""
    array = np.empty(len(rows), object)
    for place, row in enumerate(rows):
        array[place] = row
    target = io.BytesIO()
    np.lib.format.write_array_header_1_0(target, {"descr": "|O", "fortran_order": False, "shape": array.shape})
    pickler(target, protocol).dump(array)
    return target.getvalue()


def replace_member(path: Path, name: str, content: bytes) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, old in members.items():
            archive.writestr(member, content if member == name else old)


LONG = [[1 + place % 5 for place in range(length)] for length in (999, 1000, 1001, 2000, 2001, 30_000)]
ROWS: dict[str, list[Any]] = {
    "short lists": TRAIN,
    "lists of all lengths": [[], [1], [1, 2], *LONG],
    "no words at all": [[], [], [], []],
    "more reviews than one batch of the pickle": [[1 + place % 5] for place in range(2_001)],
    "a review that is there twice": [TRAIN[0], TRAIN[1], TRAIN[0], TRAIN[3], TRAIN[3]],
    "arrays": [np.array(row, kind) for row, kind in zip(TRAIN, ("<i8", "<i4", ">i8", "u1"), strict=True)],
    "arrays without words and long ones": [np.array(row, np.int64) for row in ([], [5], *LONG)],
    "lists and arrays": [[1, 2], np.array([3, 4]), [], np.array([], np.int32), [5]],
    "parts of arrays": [np.arange(1, 6)[::2], np.arange(1, 6)[1:3], np.array([1]), np.array([2])],
}


# The protocols of numpy.save, past and present, and the module that it names. It has never used protocol 5, which has
# another way for arrays.
PROTOCOLS = [(2, "numpy.core"), (3, "numpy.core"), (2, "numpy._core"), (3, "numpy._core"), (4, ""), (5, "")]
PICKLES = [
    pytest.param(rows, protocol, module, id=f"{name}, protocol {protocol}, {module}")
    for name, rows in ROWS.items()
    for protocol, module in PROTOCOLS
    if protocol < 5 or all(isinstance(row, list) for row in rows)
]


@pytest.mark.parametrize(("rows", "protocol", "module"), PICKLES)
def test_every_pickle_that_numpy_writes_or_has_written_is_read(
    write_npz: Callable[..., Path], rows: list[Any], protocol: int, module: str
) -> None:
    path = write_npz(y_train=np.arange(len(rows)) % 2)
    content_of_x = pickled(rows, protocol)
    for name in (b"numpy.core", b"numpy._core") if module else ():
        content_of_x = content_of_x.replace(b"c%b.multiarray\n" % name, b"c%b.multiarray\n" % module.encode())
    replace_member(path, "x_train.npy", content_of_x)
    expected = sorted(([1, *(int(rank) + 3 for rank in row)], place % 2) for place, row in enumerate(rows))
    assert content(load_reviews(f"npz:{path}"), "train") == expected


def test_a_pickle_of_the_pickler_in_python_is_read_too(write_npz: Callable[..., Path]) -> None:
    path = write_npz()
    replace_member(path, "x_train.npy", pickled(TRAIN, 4, pickle._Pickler))
    assert content(load_reviews(f"npz:{path}"), "train")[0] == ([1, 4, 5, 6], 1)


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_numpys_format_is_read(write_npz: Callable[..., Path], version: tuple[int, int]) -> None:
    path = write_npz()
    target = io.BytesIO()
    np.lib.format.write_array(target, np.asfortranarray([[4, 1], [3, 2]], ">i2"), version)
    replace_member(path, "x_test.npy", target.getvalue())
    assert content(load_reviews(f"npz:{path}"), "test") == [([1, 6, 5], 1), ([1, 7, 4], 0)]


def mutations(whole: bytes, count: int) -> Iterator[bytes]:
    """A file with bytes changed, left out and repeated, the same ones each time."""
    random = np.random.RandomState(1)
    for _ in range(count):
        changed = bytearray(whole)
        for _ in range(random.randint(1, 4)):
            place, length = random.randint(128, len(changed)), random.randint(1, 9)
            kind = random.randint(3)
            if kind == 0:
                changed[place] = random.choice(list(b"KMJ]\x94qrhj(aeNR.cC\x95\x80tb)\x85\x86\x87\x88U\x8cX\x93"))
            elif kind == 1:
                del changed[place : place + length]
            else:
                changed[place:place] = changed[place - length : place]
        yield bytes(changed)


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_changed_pickle_is_read_or_refused_and_nothing_else(protocol: int) -> None:
    whole = pickled([[1, 2, 300, 70_000], [5], np.array([7, 8]), [], [9, 10, 11]], protocol)
    refused = 0
    for changed in mutations(whole, 3_000):
        try:
            found = read_lists(changed, 128, 5)
        except ValueError:
            refused += 1
        else:
            assert (len(found.lengths), found.lengths.sum()) == (5, len(found.numbers))
            assert found.lengths.min() >= 0
    assert refused > 2_000
    assert read_lists(whole, 128, 5).lengths.tolist() == [4, 1, 2, 0, 3]


@pytest.mark.parametrize("count", [0, 4, 6])
def test_a_pickle_of_more_or_fewer_reviews_than_its_header_says_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match="not a list of whole numbers"):
        read_lists(pickled([[1], [2], [3], [4], [5]], 4), 128, count)


HEAD, TAIL = pickled([[7]], 3)[128:].split(b"]q\x0eK\x07aa")


@pytest.mark.parametrize(
    "program",
    [
        b"",
        b"\x80\x03.",
        b"\x80\x03N.",
        b"\x80\x03]]K\x07aa.",
        HEAD + b"h\x05a" + TAIL,  # the array within itself
        HEAD + b"h\x0da" + TAIL,  # the list within itself
        HEAD + b"h\x00h\x01K\x00\x85C\x01b\x87Ra" + TAIL,  # an array that is never completed
        HEAD + b"]]aa" + TAIL,
        HEAD + b"](K\x01Net" + TAIL,
        HEAD + b"]K\x07aa" + TAIL + b".",
        HEAD + b"]K\x07aa" + b"\x80\x03" + TAIL,
        HEAD + b"]" + b"q\x20" * 500 + b"a" + TAIL,
    ],
)
def test_a_pickle_of_another_shape_is_refused(program: bytes) -> None:
    with pytest.raises(ValueError, match=r"not a list of whole numbers|more than \d+ opcodes"):
        read_lists(program, 0, 1)


def test_the_pickle_made_by_hand_above_can_be_read() -> None:
    assert read_lists(HEAD + b"]K\x07aa" + TAIL, 0, 1).numbers.tolist() == [7]


@pytest.mark.parametrize("length", [-1, 1, 1 << 62])
def test_a_pickle_whose_frame_has_another_length_is_refused(length: int) -> None:
    whole = bytearray(pickled([[1], [2]], 4))
    assert whole[130] == 0x95
    actual = int.from_bytes(whole[131:139], "little")
    whole[131:139] = (actual + length).to_bytes(8, "little")
    with pytest.raises(ValueError, match="not a list of whole numbers"):
        read_lists(bytes(whole), 128, 2)


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
        ({"y_train": np.array([1, 1, 0, 2])}, "labels other than 0 and 1"),
        ({"y_train": np.array([1.0, 1.0, 0.0, 0.5])}, r"y_train\.npy: an array of type <f8, not of whole numbers"),
        ({"y_train": np.array([1, 1, 1, 1])}, "Received: 4 positive, 0 negative"),
        ({"x_train": np.array([[1, 2], [0], [1], [1, 1, 1]], dtype=object)}, "word ranks from 0 to 2"),
        (
            {"x_train": np.array([[1, 2], [6], [1], [1, 1, 1]], dtype=object)},
            "from 1 to 6, where the word index has 1 to 5",
        ),
        ({"x_train": np.array([[1, 2], [-3], [1], [1, 1, 1]], dtype=object)}, "word ranks from -3 to 2"),
        ({"x_train": np.array([["a", "b"], [1], [1], [1]], dtype=object)}, "not a list of whole numbers"),
        ({"x_train": np.array([[0.5, 2], [1], [1], [1, 2]], dtype=object)}, "not a list of whole numbers"),
        ({"x_train": np.array([None, [1], [1], [1]], dtype=object)}, "not a list of whole numbers"),
        (
            {"x_train": np.array([[1.5], [2.5], [1.0], [2.0]])},
            r"x_train\.npy: an array of type <f8, not of whole numbers",
        ),
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
    with pytest.raises(DataError, match=r"Expected: a file .*reviews_word_index\.json\. Received: no such file"):
        load_reviews(f"npz:{path}")


def test_a_word_index_of_another_shape_is_refused(write_npz: Callable[..., Path]) -> None:
    path = write_npz()
    (path.parent / "reviews_word_index.json").write_text(json.dumps({"a": [1]}), encoding="utf-8")
    with pytest.raises(DataError, match="Cannot read the word index"):
        load_reviews(f"npz:{path}")


def test_a_word_index_with_one_word_twice_is_refused(write_npz: Callable[..., Path]) -> None:
    path = write_npz()
    ranks = '{"the": 6, "the": 1, "film": 2, "good": 3, "bad": 4, "not": 5}'
    (path.parent / "reviews_word_index.json").write_text(ranks, encoding="utf-8")
    with pytest.raises(DataError, match=r"Cannot read the word index .*Received: an object that has a key twice"):
        load_reviews(f"npz:{path}")


def test_real_reviews_come_in_the_order_of_keras(imdb: Corpus) -> None:
    """The first lengths and labels are those that `keras.datasets.imdb.load_data()` is known to give."""
    assert imdb.train.lengths[:10].tolist() == [218, 189, 141, 550, 147, 43, 123, 562, 233, 130]
    assert imdb.test.lengths[:10].tolist() == [68, 260, 603, 181, 108, 132, 761, 180, 134, 370]
    assert imdb.train.labels[:10].tolist() == [1, 0, 0, 1, 0, 0, 1, 0, 1, 0]
    assert imdb.test.labels[:10].tolist() == [0, 1, 1, 0, 1, 1, 1, 0, 0, 1]
    assert (len(imdb.train), len(imdb.test), len(imdb.vocabulary)) == (25_000, 25_000, 88_584)
    assert imdb.vocabulary.decode(imdb.train[0][:7]) == "this film was just brilliant casting"
