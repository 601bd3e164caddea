"""Hostile reviews: .npz files, word indexes, folders of texts, record files of TFDS.

Each maker writes into an empty folder and returns the command line that meets what it wrote. `MAKERS` lists them all.
"""

import json
import os
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from backends_test.tests.hostile.archives import (
    MEGABYTE,
    Member,
    archive,
    deflated,
    deflated_zeros,
    lying,
    npy,
    npy_with_header,
    stored,
    zip_of,
)
from backends_test.tests.hostile.attacks import Attack, Maker, device, pipe, sparse, unix_socket

MAKERS: list[Maker] = []


def maker(function: Maker) -> Maker:
    MAKERS.append(function)
    return function


# --- What is not hostile ---------------------------------------------------------------------------------------------

WORDS = {"the": 1, "film": 2, "good": 3, "bad": 4, "not": 5}
ROWS = [[1, 2, 3], [3], [4, 4], [5, 3, 2, 1]]
LABELS = npy("'<i8'", "(4,)", struct.pack("<4q", 1, 1, 0, 0))


def lists(rows: list[Any]) -> bytes:
    """What NumPy writes for an array of lists."""
    array = np.empty(len(rows), object)
    for place, row in enumerate(rows):
        array[place] = row
    return npy("'|O'", f"({len(rows)},)", pickle.dumps(array, protocol=4))


def members(**replaced: bytes) -> dict[str, bytes]:
    return {"x_train": lists(ROWS), "y_train": LABELS, "x_test": lists(ROWS), "y_test": LABELS, **replaced}


def attack_npz(folder: Path, content: bytes) -> Attack:
    """Beside a good word index."""
    (folder / "reviews.npz").write_bytes(content)
    return at_npz(folder)


def at_npz(folder: Path) -> Attack:
    (folder / "reviews_word_index.json").write_text(json.dumps(WORDS))
    return Attack(["data", f"npz:{folder / 'reviews.npz'}"])


def attack_array(folder: Path, **replaced: bytes) -> Attack:
    """One array of the four is hostile."""
    return attack_npz(folder, zip_of({f"{name}.npy": content for name, content in members(**replaced).items()}))


def attack_pickle(folder: Path, program: bytes) -> Attack:
    return attack_array(folder, x_train=npy("'|O'", "(4,)", program))


def attack_member(folder: Path, member: Member, *more: Member, **options: Any) -> Attack:
    """The first member, x_train, is hostile, as an archive's member rather than by its content."""
    rest = [stored(f"{name}.npy", content) for name, content in members().items() if name != "x_train"]
    return attack_npz(folder, archive(member, *rest, *more, **options))


def attack_words(folder: Path, content: bytes) -> Attack:
    attack = attack_array(folder)
    (folder / "reviews_word_index.json").write_bytes(content)
    return attack


def texts(folder: Path) -> Path:
    """A good folder of reviews."""
    for place in ("train/pos", "train/neg", "test/pos", "test/neg"):
        (folder / "mine" / place).mkdir(parents=True)
        (folder / "mine" / place / "0.txt").write_text(f"a film of {place}")
    return folder / "mine" / "train" / "pos"


def at_texts(folder: Path) -> Attack:
    return Attack(["data", f"folder:{folder / 'mine'}"])


# --- Pickles ---------------------------------------------------------------------------------------------------------

# An array of lists by protocol 4, up to its list and after it.
HEAD, _, TAIL = lists([[7], [], [], []])[128:].partition(b"]\x94(]\x94K\x07a]\x94]\x94]\x94e")
HEAD = HEAD[:2] + HEAD[11:]  # without the frame that holds it


class Harmful:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (str(self.path),))


@maker
def pickle_that_makes_a_folder(folder: Path) -> Attack:
    return attack_array(folder, x_train=lists([Harmful(folder / "harm"), [1], [1], [1]]))


@maker
def pickle_of_harm_alone(folder: Path) -> Attack:
    return attack_pickle(folder, pickle.dumps(Harmful(folder / "harm")))


@maker
def pickle_that_calls_eval(folder: Path) -> Attack:
    call = b"cbuiltins\neval\nX" + struct.pack("<L", len(text := b"__import__('os').mkdir('harm')")) + text + b"\x85R"
    return attack_pickle(folder, HEAD + b"](" + call + b"]]]e" + TAIL)


@maker
def pickle_that_makes_an_array_over_foreign_memory(folder: Path) -> Attack:
    buffer = b"C\xf0" + b"A" * 240
    call = b"cnumpy\nndarray\n(K\x1e\x85\x8c\x01O" + buffer + b"tR"
    return attack_pickle(folder, b"\x80\x04" + call + b".")


@maker
def pickle_with_such_an_array_as_a_review(folder: Path) -> Attack:
    call = b"cnumpy\nndarray\n(K\x1e\x85\x8c\x01OC\xf0" + b"A" * 240 + b"tR"
    return attack_pickle(folder, HEAD + b"](" + call + b"]]]e" + TAIL)


@maker
def pickle_that_gives_an_array_of_objects_bytes_for_pointers(folder: Path) -> Attack:
    program = pickle.dumps(np.array([[1], [2], [3], [4, 5]], object), protocol=2)
    place = program.rindex(b"]")
    return attack_pickle(folder, program[:place] + b"C\x20" + b"A" * 32 + b"tb.")


@maker
def pickle_that_repeats_one_long_list(folder: Path) -> Attack:
    row = b"]r\xe8\x03\x00\x00" + 1000 * (b"(" + b"K\1" * 1000 + b"e")
    count = 50_000
    program = HEAD + b"](" + row + b"e" + b"j\xe8\x03\x00\x00a" * (count - 1) + TAIL
    labels = npy("'|i1'", f"({count},)", b"\1\0" * (count // 2))
    return attack_array(folder, x_train=npy("'|O'", f"({count},)", program), y_train=labels)


@maker
def pickle_of_lists_within_lists(folder: Path) -> Attack:
    return attack_pickle(folder, HEAD + b"](" + b"]" * 2_000 + b"a" * 1_999 + b"]]]e" + TAIL)


@maker
def pickle_of_lists_that_double(folder: Path) -> Attack:
    doubling = b"".join(b"](h%ch%cer%c\0\0\0" % (number - 1, number - 1, number) for number in range(100, 140))
    return attack_pickle(folder, HEAD + b"](]r\x63\0\0\0" + doubling + b"]]]e" + TAIL)


@maker
def pickle_of_a_number_of_megabytes(folder: Path) -> Attack:
    number = b"\x8b" + struct.pack("<l", 8 * MEGABYTE) + b"\xff" * (8 * MEGABYTE - 1) + b"\1"
    return attack_pickle(folder, HEAD + b"](](" + number + b"e]]]e" + TAIL)


@maker
def pickle_of_a_number_in_digits(folder: Path) -> Attack:
    return attack_pickle(folder, HEAD + b"](](I" + b"9" * (2 * MEGABYTE) + b"\ne]]]e" + TAIL)


@maker
def pickle_whose_frame_lies(folder: Path) -> Attack:
    frame = b"\x95" + struct.pack("<Q", 1 << 62)
    return attack_pickle(folder, HEAD[:2] + frame + HEAD[2:] + b"](]]]]e" + TAIL)


@maker
def pickle_whose_bytes_lie(folder: Path) -> Attack:
    return attack_pickle(folder, HEAD + b"](B\xff\xff\xff\xff]]]]e" + TAIL)


@maker
def pickle_that_remembers_the_beginning_of_a_list(folder: Path) -> Attack:
    return attack_pickle(folder, HEAD + b"](\x94]]]]e" + TAIL)


@maker
def pickle_that_remembers_at_the_end_of_memory(folder: Path) -> Attack:
    return attack_pickle(folder, HEAD + b"](]r\xff\xff\xff\xff]]]e" + TAIL[:-1] + b"0.")


@maker
def pickle_that_remembers_millions_of_times(folder: Path) -> Attack:
    return attack_pickle(folder, HEAD + b"](]" + b"\x94" * 20_000_000)


@maker
def pickle_of_endless_marks(folder: Path) -> Attack:
    return attack_pickle(folder, HEAD + b"]" + b"(" * 20_000_000)


@maker
def pickle_of_one_number_without_end(folder: Path) -> Attack:
    return attack_pickle(folder, HEAD + b"](](" + b"K\1" * 15_000_000)


@maker
def pickle_that_goes_on_after_its_end(folder: Path) -> Attack:
    return attack_pickle(folder, HEAD + b"](]]]]e" + TAIL + b"cos\nsystem\n.")


@maker
def pickle_in_the_labels(folder: Path) -> Attack:
    return attack_array(folder, y_train=lists([1, 1, 0, 0]))


@maker
def pickle_of_a_million_good_words_and_a_bad_one(folder: Path) -> Attack:
    long = [[1, 300] * 1000] * 500
    words = json.dumps({f"w{rank}": rank for rank in range(1, 400)})
    labels = npy("'|i1'", "(500,)", b"\1\0" * 250)
    attack = attack_array(folder, x_train=lists([*map(list, long[1:]), [401]]), y_train=labels)
    (folder / "reviews_word_index.json").write_text(words)
    return attack


# --- Headers of arrays -----------------------------------------------------------------------------------------------


@maker
def header_of_billions_of_rows(folder: Path) -> Attack:
    return attack_array(folder, y_train=npy("'<i8'", "(4000000000,)", bytes(32)))


@maker
def header_of_a_table_of_billions(folder: Path) -> Attack:
    return attack_array(folder, x_train=npy("'<i4'", "(4, 9999999999)", bytes(64)))


@maker
def header_of_no_rows_but_billions_of_columns(folder: Path) -> Attack:
    none = npy("'<i8'", "(0,)")
    return attack_array(folder, x_train=npy("'<i4'", "(0, 9999999999)"), y_train=none)


@maker
def header_of_nested_brackets(folder: Path) -> Attack:
    return attack_array(folder, x_train=npy_with_header("(" * 9_000))


@maker
def header_of_megabytes(folder: Path) -> Attack:
    return attack_array(folder, x_train=npy_with_header("{'descr': '" + "<" * (20 * MEGABYTE)))


@maker
def header_of_huge_strings(folder: Path) -> Attack:
    return attack_array(folder, y_train=npy("'|V999999999'", "(4,)", bytes(32)))


@maker
def header_of_fields(folder: Path) -> Attack:
    return attack_array(folder, y_train=npy("[('a', '<i8'), ('b', '|O')]", "(4,)", bytes(64)))


@maker
def header_of_a_length_that_begins_with_zero(folder: Path) -> Attack:
    return attack_array(folder, y_train=npy("'<i8'", "(04,)", struct.pack("<4q", 1, 1, 0, 0)))


@maker
def header_of_a_shape_that_is_a_number(folder: Path) -> Attack:
    return attack_array(folder, y_train=npy("'<i8'", "(4)", struct.pack("<4q", 1, 1, 0, 0)))


@maker
def header_that_calls(folder: Path) -> Attack:
    return attack_array(folder, y_train=npy("__import__('os').mkdir('harm')", "(4,)", bytes(32)))


@maker
def table_of_zeros_that_unpacks_to_thirty_megabytes(folder: Path) -> Attack:
    table = npy("'<i4'", "(4, 1875000)", bytes(30_000_000))
    return attack_member(folder, deflated("x_train.npy", table))


# --- Archives --------------------------------------------------------------------------------------------------------


@maker
def member_that_unpacks_to_gigabytes_and_says_a_thousand_bytes(folder: Path) -> Attack:
    return attack_member(folder, deflated_zeros("x_train.npy", 2048, 1000))


@maker
def member_that_says_gigabytes(folder: Path) -> Attack:
    return attack_member(folder, deflated_zeros("x_train.npy", 2048, 1 << 31))


@maker
def member_that_says_thirty_megabytes_and_has_a_few_bytes(folder: Path) -> Attack:
    return attack_member(folder, lying(deflated("x_train.npy", lists(ROWS)), size=30_000_000))


@maker
def member_whose_data_is_cut_off(folder: Path) -> Attack:
    whole = deflated("x_train.npy", lists(ROWS))
    return attack_member(folder, lying(whole, data=whole.data[:-5]))


@maker
def member_with_another_checksum(folder: Path) -> Attack:
    return attack_member(folder, lying(stored("x_train.npy", lists(ROWS)), crc=1))


@maker
def member_of_lzma(folder: Path) -> Attack:
    contents = {f"{name}.npy": content for name, content in members().items()}
    return attack_npz(folder, zip_of(contents, zipfile.ZIP_LZMA))


@maker
def member_that_is_encrypted(folder: Path) -> Attack:
    return attack_member(folder, lying(stored("x_train.npy", lists(ROWS)), flags=1))


@maker
def members_of_one_name(folder: Path) -> Attack:
    good = stored("x_train.npy", lists(ROWS))
    return attack_member(folder, good, good)


@maker
def members_in_one_place(folder: Path) -> Attack:
    return attack_member(folder, stored("x_train.npy", lists(ROWS)), offsets={2: 0})


@maker
def member_behind_the_end(folder: Path) -> Attack:
    return attack_member(folder, stored("x_train.npy", lists(ROWS)), offsets={0: 0xFFFFFFF0})


@maker
def hundreds_of_thousands_of_members(folder: Path) -> Attack:
    return attack_npz(folder, archive(*(stored(f"{number}", b"") for number in range(300_000))))


@maker
def members_with_extra_fields_without_end(folder: Path) -> Attack:
    extra = struct.pack("<HH", 0xCAFE, 0) * 16_000
    return attack_npz(folder, archive(*(lying(stored(f"{number}", b""), extra=extra) for number in range(200))))


@maker
def sizes_of_64_bits_that_lie(folder: Path) -> Attack:
    extra = struct.pack("<HHQQ", 1, 16, 1 << 40, 1 << 40)
    member = lying(stored("x_train.npy", lists(ROWS)), extra=extra, size=0xFFFFFFFF)
    return attack_member(folder, member)


@maker
def a_second_list_of_64_bits(folder: Path) -> Attack:
    end = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1 << 40, 1 << 40, 1 << 40, 0)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, 0, 1)
    return attack_member(folder, stored("x_train.npy", lists(ROWS)), tail=end + locator)


@maker
def archive_that_is_cut_off(folder: Path) -> Attack:
    whole = zip_of({f"{name}.npy": content for name, content in members().items()})
    return attack_npz(folder, whole[:-30])


# --- What is no file -------------------------------------------------------------------------------------------------


@maker
def reviews_of_five_gigabytes(folder: Path) -> Attack:
    sparse(folder / "reviews.npz")
    return at_npz(folder)


@maker
def reviews_just_below_the_limit(folder: Path) -> Attack:
    sparse(folder / "reviews.npz", 63_900_000)
    return at_npz(folder)


@maker
def reviews_that_are_a_device(folder: Path) -> Attack:
    device(folder / "reviews.npz")
    return at_npz(folder)


@maker
def reviews_that_are_a_pipe(folder: Path) -> Attack:
    pipe(folder / "reviews.npz")
    return at_npz(folder)


@maker
def reviews_that_are_a_file_of_the_kernel(folder: Path) -> Attack:
    (folder / "reviews.npz").symlink_to("/proc/self/pagemap")
    return at_npz(folder)


# --- Word indexes ----------------------------------------------------------------------------------------------------


@maker
def words_within_brackets(folder: Path) -> Attack:
    return attack_words(folder, b"[" * 9_000)


@maker
def words_in_lists_without_end(folder: Path) -> Attack:
    return attack_words(folder, b"[" + b"[]," * 1_300_000 + b"[]]")


@maker
def words_without_end(folder: Path) -> Attack:
    return attack_words(folder, json.dumps({f"{number:x}": 1 for number in range(250_000)}).encode())


@maker
def words_of_more_than_are_read(folder: Path) -> Attack:
    return attack_words(folder, json.dumps({f"{number:x}": 1 for number in range(320_000)}).encode())


@maker
def one_word_of_two_ranks(folder: Path) -> Attack:
    return attack_words(folder, b'{"the": 6, "the": 1, "film": 2, "good": 3, "bad": 4, "not": 5}')


@maker
def ranks_that_are_no_numbers(folder: Path) -> Attack:
    return attack_words(folder, b'{"the": NaN, "film": Infinity, "good": true, "bad": 2, "not": 3}')


@maker
def ranks_of_a_million_digits(folder: Path) -> Attack:
    return attack_words(folder, b'{"the": ' + b"9" * 1_000_000 + b"}")


@maker
def words_that_are_half_a_character(folder: Path) -> Attack:
    return attack_words(folder, rb'{"the": 1, "film": 2, "\ud800": 3, "bad": 4, "not": 5}')


@maker
def words_that_are_no_text(folder: Path) -> Attack:
    return attack_words(folder, b'{"\xff\xfe": 1}')


@maker
def words_of_five_gigabytes(folder: Path) -> Attack:
    attack = attack_words(folder, b"{")
    sparse(folder / "reviews_word_index.json")
    return attack


@maker
def words_that_are_a_device(folder: Path) -> Attack:
    attack = attack_array(folder)
    device(folder / "reviews_word_index.json")
    return attack


@maker
def words_that_are_a_pipe(folder: Path) -> Attack:
    attack = attack_array(folder)
    pipe(folder / "reviews_word_index.json")
    return attack


# --- Folders of texts ------------------------------------------------------------------------------------------------


@maker
def text_that_is_a_pipe(folder: Path) -> Attack:
    pipe(texts(folder) / "1.txt")
    return at_texts(folder)


@maker
def text_that_is_a_device(folder: Path) -> Attack:
    device(texts(folder) / "1.txt")
    return at_texts(folder)


@maker
def text_that_is_a_socket(folder: Path) -> Attack:
    unix_socket(texts(folder) / "1.txt")
    return at_texts(folder)


@maker
def text_that_is_a_folder(folder: Path) -> Attack:
    (texts(folder) / "1.txt").mkdir()
    return at_texts(folder)


@maker
def text_that_is_a_link_to_itself(folder: Path) -> Attack:
    (texts(folder) / "1.txt").symlink_to("1.txt")
    return at_texts(folder)


@maker
def class_that_is_a_link_to_itself(folder: Path) -> Attack:
    place = texts(folder)
    (place / "0.txt").unlink()
    place.rmdir()
    place.symlink_to("pos")
    return at_texts(folder)


@maker
def text_of_five_gigabytes(folder: Path) -> Attack:
    sparse(texts(folder) / "1.txt")
    return at_texts(folder)


@maker
def texts_of_a_gigabyte_together(folder: Path) -> Attack:
    place = texts(folder)
    for number in range(1, 1_000):
        sparse(place / f"{number}.txt", 1_000_000)
    return at_texts(folder)


@maker
def text_whose_name_is_no_text(folder: Path) -> Attack:
    Path(os.fsdecode(os.fsencode(texts(folder)) + b"/\xff\xfe.txt")).write_bytes(b"\xff")
    return at_texts(folder)


@maker
def text_whose_name_steers_the_terminal(folder: Path) -> Attack:
    (texts(folder) / "\x1b[2J\x1b]0;owned\x07\n\r.txt").write_bytes(b"\xff")
    return at_texts(folder)


# --- Records of TFDS -------------------------------------------------------------------------------------------------


def records(folder: Path) -> tuple[Path, Attack]:
    place = folder / "data" / "tfds" / "imdb_reviews" / "plain_text" / "1.0.0"
    place.mkdir(parents=True)
    (place / "imdb_reviews-train.array_record-00000-of-00001").write_bytes(b"no record")
    return place, Attack(["data", "tfds"], {"IMDB_RNN_DATA": str(folder / "data")})


@maker
def records_that_are_a_pipe(folder: Path) -> Attack:
    place, attack = records(folder)
    pipe(place / "imdb_reviews-test.array_record-00000-of-00001")
    return attack


@maker
def records_that_are_a_device(folder: Path) -> Attack:
    place, attack = records(folder)
    device(place / "imdb_reviews-test.array_record-00000-of-00001")
    return attack


@maker
def records_of_five_gigabytes(folder: Path) -> Attack:
    place, attack = records(folder)
    sparse(place / "imdb_reviews-test.array_record-00000-of-00001")
    return attack


@maker
def records_described_by_a_pipe(folder: Path) -> Attack:
    place, attack = records(folder)
    pipe(place / "dataset_info.json")
    return attack
