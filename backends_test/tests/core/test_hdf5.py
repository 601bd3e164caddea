"""HDF5 files are read as h5py reads them, and whatever else a file holds is an error and no endless loop."""

import io
import struct
from collections.abc import Callable

import h5py
import numpy as np
import pytest

from imdb_rnn.inference.hdf5 import Hdf5File

OTHER_FORMAT = "an HDF5 file in another format than Keras writes"
DAMAGED = "a damaged HDF5 file"


def made(make: Callable[[h5py.File], object], **options: object) -> bytes:
    content = io.BytesIO()
    with h5py.File(content, "w", **options) as file:
        make(file)
    return content.getvalue()


def with_array(array: np.ndarray, name: str = "layers/dense/vars/0") -> bytes:
    return made(lambda file: file.create_dataset(name, data=array))


def refused(read: Callable[[], object]) -> str:
    with pytest.raises(ValueError) as raised:
        read()
    return str(raised.value)


# --- What Keras writes ---


@pytest.mark.parametrize("dtype", ["float32", "int32", "int64"])
@pytest.mark.parametrize("shape", [(), (1,), (5,), (2, 3), (2, 1, 3)], ids=str)
def test_an_array_comes_back(dtype: str, shape: tuple[int, ...]) -> None:
    array = (np.arange(np.prod(shape, dtype=int)) * 3 - 4).reshape(shape).astype(dtype)
    found = Hdf5File(with_array(array)).array("layers/dense/vars/0", shape, ("float32", "int32", "int64"))
    assert (found.dtype, found.shape) == (np.dtype(dtype), shape)
    np.testing.assert_array_equal(found, array)
    found[...] = 0  # a copy


@pytest.mark.parametrize("count", [0, 1, 8, 9, 200])
def test_all_members_of_a_group_are_found(count: int) -> None:
    """More than eight lie in several nodes of a tree, of several levels."""
    names = [f"member {i}" for i in range(count)]

    def make(file: h5py.File) -> None:
        group = file.create_group("group")
        for number, name in enumerate(names):
            group.create_dataset(name, data=np.float32(number))

    file = Hdf5File(made(make))
    assert sorted(file.members("group")) == sorted(names)
    for number in range(0, count, 40):  # a file can be asked only so much
        assert file.array(f"group/member {number}", (), ("float32",)) == number


def test_an_array_with_many_attributes_is_read_beyond_the_first_block_of_its_header() -> None:
    def make(file: h5py.File) -> None:
        array = file.create_dataset("a", data=np.arange(3, dtype=np.float32))
        for number in range(30):
            array.attrs[f"attribute {number}"] = "x" * 100
        group = file.create_group("group")
        for number in range(30):
            group.attrs[f"attribute {number}"] = "x" * 100
        group["b"] = np.float32(7)

    file = Hdf5File(made(make))
    assert file.array("a", (3,), ("float32",)).tolist() == [0, 1, 2]
    assert file.array("group/b", (), ("float32",)) == 7


def test_a_shape_in_the_second_version_of_its_message_is_read() -> None:
    """It has four bytes less before the lengths than the first version, which h5py writes."""
    content = with_array(np.arange(6, dtype=np.float32).reshape(2, 3), "a")
    first = struct.pack("<BBB5x4Q", 1, 2, 1, 2, 3, 2, 3)
    assert content.count(first) == 1
    second = struct.pack("<BBBB4Q4x", 2, 2, 1, 1, 2, 3, 2, 3)
    found = Hdf5File(content.replace(first, second)).array("a", (2, 3), ("float32",))
    assert found.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_name_of_255_bytes_is_read_and_a_longer_one_is_refused() -> None:
    for length in (1, 7, 8, 255):
        content = made(lambda file, name="x" * length: file.create_group(f"group/{name}"))
        assert list(Hdf5File(content).members("group")) == ["x" * length]
    file = Hdf5File(made(lambda file: file.create_group(f"group/{'x' * 256}")))
    assert refused(lambda: file.members("group")) == DAMAGED


# --- What is no array, or another one ---


def test_what_is_missing_is_named() -> None:
    file = Hdf5File(with_array(np.zeros(3, np.float32)))
    for name in ("layers/dense/vars/1", "layers/lstm/vars/0", "optimizer", "layers/dense/vars/0/more"):
        assert refused(lambda name=name: file.array(name, (3,), ("float32",))) == f"no {name}"
        assert refused(lambda name=name: file.members(name)) == f"no {name}"


def test_a_group_is_no_array_and_an_array_no_group() -> None:
    file = Hdf5File(with_array(np.zeros(3, np.float32)))
    assert refused(lambda: file.array("layers/dense", (3,), ("float32",))) == "layers/dense is not a plain array"
    assert refused(lambda: file.members("layers/dense/vars/0")) == "layers/dense/vars/0 is not a group"


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(3, np.float32), "a of shape (3,) and type float32, not (2, 1) and float32 or int64"),
        (np.zeros((2, 1, 1), np.float32), "a of shape (2, 1, 1) and type float32, not (2, 1) and float32 or int64"),
        (np.zeros((1, 2), np.float32), "a of shape (1, 2) and type float32, not (2, 1) and float32 or int64"),
        (np.zeros((2, 1), np.int32), "a of shape (2, 1) and type int32, not (2, 1) and float32 or int64"),
        (np.zeros((2, 1), np.float64), "a of shape (2, 1) and type unknown, not (2, 1) and float32 or int64"),
        (np.zeros((2, 1), ">f4"), "a of shape (2, 1) and type unknown, not (2, 1) and float32 or int64"),
        (np.zeros((2, 1), np.uint32), "a of shape (2, 1) and type unknown, not (2, 1) and float32 or int64"),
        (np.zeros((2, 1), "S4"), "a of shape (2, 1) and type unknown, not (2, 1) and float32 or int64"),
    ],
    ids=str,
)
def test_an_array_of_another_shape_or_type_is_named_with_what_was_expected(array: np.ndarray, message: str) -> None:
    file = Hdf5File(with_array(array, "a"))
    assert refused(lambda: file.array("a", (2, 1), ("float32", "int64"))) == message


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_value_that_is_not_finite_is_refused(bad: float) -> None:
    file = Hdf5File(with_array(np.array([0, bad, 1], np.float32), "a"))
    assert refused(lambda: file.array("a", (3,), ("float32",))) == "a with values that are not finite"


def test_an_array_whose_type_is_stored_elsewhere_is_refused() -> None:
    def make(file: h5py.File) -> None:
        file["type"] = np.dtype(np.float32)
        file.create_dataset("a", (3,), file["type"])

    assert refused(lambda: Hdf5File(made(make)).array("a", (3,), ("float32",))) == "a is not a plain array"


@pytest.mark.parametrize("options", [{"chunks": (1,)}, {"compression": "gzip"}, {"maxshape": (None,)}], ids=str)
def test_an_array_in_several_pieces_is_refused(options: dict[str, object]) -> None:
    content = made(lambda file: file.create_dataset("a", data=np.zeros(3, np.float32), **options))
    assert refused(lambda: Hdf5File(content).array("a", (3,), ("float32",))).startswith("a is not a plain array")


def test_a_link_is_no_member() -> None:
    def make(file: h5py.File) -> None:
        file["group/real"] = np.zeros(3, np.float32)
        file["group/soft"] = h5py.SoftLink("/group/real")
        file["group/hard"] = file["group/real"]

    file = Hdf5File(made(make))
    assert sorted(file.members("group")) == ["hard", "real"]
    assert file.members("group")["hard"] == file.members("group")["real"]


# --- Other formats, and damage ---


@pytest.mark.parametrize(
    "content",
    [
        made(lambda file: file.create_group("a"), libver="latest"),
        made(lambda file: file.create_group("a"), userblock_size=512),
        b"PK\x03\x04" + bytes(100),
        bytes(100),
    ],
    ids=["later version", "user block", "zip", "zeros"],
)
def test_another_format_is_refused(content: bytes) -> None:
    assert refused(lambda: Hdf5File(content)) == OTHER_FORMAT


@pytest.mark.parametrize(("place", "value"), [(8, 1), (13, 4), (14, 4), (24, 8)], ids=str)
def test_each_entry_of_the_first_block_is_checked(place: int, value: int) -> None:
    """The version, the sizes of offsets and of lengths, the position that offsets are counted from."""
    content = bytearray(with_array(np.zeros(3, np.float32)))
    content[place] = value
    assert refused(lambda: Hdf5File(bytes(content))) == OTHER_FORMAT


def test_a_header_of_another_version_is_refused() -> None:
    content = bytearray(with_array(np.zeros(3, np.float32), "group/a"))
    content[Hdf5File(bytes(content)).members("group")["a"]] = 2
    assert refused(lambda: Hdf5File(bytes(content)).array("group/a", (3,), ("float32",))) == OTHER_FORMAT


@pytest.mark.parametrize("length", [0, 8, 40, 71])
def test_a_file_without_its_first_block_is_damaged(length: int) -> None:
    assert refused(lambda: Hdf5File(with_array(np.zeros(3, np.float32))[:length])) == DAMAGED


def test_a_file_cut_short_anywhere_is_an_error_or_reads_the_same() -> None:
    array = np.arange(4, dtype=np.float32)
    content = with_array(array)
    for length in range(72, len(content), 8):
        try:
            found = Hdf5File(content[:length]).array("layers/dense/vars/0", (4,), ("float32",))
        except ValueError as error:
            message = str(error)
            assert message in (DAMAGED, "layers/dense/vars/0 is not a plain array of 16 bytes")
        else:
            np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("mark", [b"HEAP", b"TREE", b"SNOD"])
def test_a_group_without_one_of_its_marks_is_damaged(mark: bytes) -> None:
    content = with_array(np.zeros(3, np.float32), "a").replace(mark, b"XXXX")
    assert refused(lambda: Hdf5File(content).array("a", (3,), ("float32",))) == DAMAGED


def test_a_tree_that_leads_back_to_itself_is_damaged() -> None:
    content = with_array(np.zeros(3, np.float32), "a")
    tree = content.index(b"TREE")
    looped = content[: tree + 32] + struct.pack("<Q", tree) + content[tree + 40 :]
    assert refused(lambda: Hdf5File(looped).array("a", (3,), ("float32",))) == DAMAGED


def test_an_array_that_ends_beyond_the_file_is_refused() -> None:
    """The array lies at the end of the file, which its last byte is cut from."""
    content = with_array(np.arange(1000, dtype=np.float32), "a")
    with h5py.File(io.BytesIO(content)) as file:
        end = file["a"].id.get_offset() + 4000
    whole = Hdf5File(content[:end]).array("a", (1000,), ("float32",))
    assert whole[-1] == 999
    short = Hdf5File(content[: end - 1])
    assert refused(lambda: short.array("a", (1000,), ("float32",))) == "a is not a plain array of 4000 bytes"
