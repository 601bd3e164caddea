"""Streams of labelled reviews, in blocks, from tables or from the generator of synthetic reviews.

A stream always has the same blocks, so an interrupted encoding can be resumed after the last block that was written. A
block is a function that makes the reviews, so that it can be sent to another process.
"""

import glob
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from imdb_rnn.corpora import synthetic
from imdb_rnn.errors import DataError, ReviewError
from imdb_rnn.printable import encodable
from imdb_rnn.scoring.score import file_identity
from imdb_rnn.scoring.tables import TEXT_COLUMN, Table, open_table
from imdb_rnn.text.normalization import has_words
from imdb_rnn.text.permutation import mixed

STREAMS = ("files", "synthetic")
LABEL_COLUMN = "label"
LABELS = {
    **dict.fromkeys(("1", "1.0", "pos", "positive", "true"), 1),
    **dict.fromkeys(("0", "0.0", "neg", "negative", "false"), 0),
}
# Without test files, one row in this many is for the evaluation.
TEST_EVERY = 10
SYNTHETIC_BLOCK = 2_000
# A number of synthetic reviews has fewer digits than this.
_MAX_DIGITS = 15
# The label is looked for in this many blocks of JSON lines.
_CHECKED_BLOCKS = 100
# A review must have a word within this many characters.
_SEARCHED_CHARACTERS = 10_000


class Labelled(NamedTuple):
    """Reviews of a block that have a word and a label.

    Attributes:
        texts: n reviews.
        labels: 1 is positive, 0 is negative: int8, shape (n,).
        is_test: whether each is for the evaluation: bool, shape (n,).
        skipped: why each of the other rows was left out.
    """

    texts: list[str]
    labels: npt.NDArray[np.int8]
    is_test: npt.NDArray[np.bool_]
    skipped: list[str]


Block = Callable[[], Labelled]


@dataclass(frozen=True)
class Stream:
    """Reviews to encode.

    Attributes:
        source: the name of the source.
        identity: changes when the reviews change.
        blocks: the reviews, to be read once.
        share_read: returns the share of the source that has been read, 0 to 1.
    """

    source: str
    identity: str
    blocks: Iterator[Block]
    share_read: Callable[[], float]


def open_stream(
    source: str,
    test: str | None = None,
    *,
    text_column: str | None = None,
    label_column: str | None = None,
    encoding: str | None = None,
) -> Stream:
    """Open a source of any number of reviews.

    Args:
        source: "files:PATTERN", tables of reviews with labels (see `imdb_rnn.scoring.tables`), or "synthetic:COUNT",
            generated reviews.
        test: a pattern of tables for the evaluation; None takes one row in `TEST_EVERY` for it.
        text_column: the column of the reviews, by default "text".
        label_column: the column of the labels, by default "label": 0 or 1, "neg" or "pos", "negative" or "positive",
            or false or true.
        encoding: the encoding of the tables, by default UTF-8.

    Raises:
        DataError: the source is unknown, no file matches a pattern, a file matches both, or a table lacks a column.
        MissingPackageError: pyarrow, which reads Parquet, is not installed.
    """
    kind, _, rest = source.partition(":")
    if kind == "synthetic" and rest.isdecimal() and len(rest) < _MAX_DIGITS and int(rest) > 0:
        return _synthetic(source, int(rest))
    if kind != "files" or not rest:
        msg = f"Bad source of reviews. Expected: files:PATTERN or synthetic:COUNT. Received: {source!r:.200}."
        raise DataError(msg)
    train_files, test_files = matching(rest), [] if test is None else matching(test)
    if both := {file.resolve() for file in train_files} & {file.resolve() for file in test_files}:
        msg = f"Cannot evaluate with {min(both)}. Expected: files that are not for training. Received: one that is."
        raise DataError(msg)
    columns = text_column or TEXT_COLUMN, label_column or LABEL_COLUMN
    sizes = [_check_table(file, *columns, encoding) for file in (*train_files, *test_files)]
    files = [[file_identity(file) for file in part] for part in (train_files, test_files)]
    read = _Read()
    blocks = _blocks(train_files, test_files, sizes, *columns, encoding, read)
    return Stream(source, f"{files} {columns} {encoding}", blocks, lambda: read.share)


def matching(pattern: str) -> list[Path]:
    """Return the files that match a pattern, sorted by name; the name of a file matches it.

    Raises:
        DataError: there is none.
    """
    path = Path(pattern).expanduser()
    found = [path] if path.is_file() else [Path(name) for name in sorted(glob.glob(str(path)))]  # noqa: PTH207 (the pattern may be absolute)
    files = [file for file in found if file.is_file()]
    if not files:
        hint = " To match the character [ itself, write [[]." if "[" in pattern else ""
        msg = f"Cannot read {pattern}. Expected: files that match. Received: none.{hint}"
        raise DataError(msg)
    return files


@dataclass
class _Read:
    share: float = 0.0


def _synthetic(source: str, count: int) -> Stream:
    read = _Read()

    def blocks() -> Iterator[Block]:
        for number, start in enumerate(range(0, count, SYNTHETIC_BLOCK)):
            yield partial(_generated, number, start, min(SYNTHETIC_BLOCK, count - start))
            read.share = min(start + SYNTHETIC_BLOCK, count) / count

    return Stream(source, source, blocks(), lambda: read.share)


def _generated(seed: int, start: int, count: int) -> Labelled:
    texts, labels = synthetic.make_reviews(count, seed)
    # They are in no order, so every tenth one will do.
    return Labelled(texts, labels, np.arange(start, start + count) % TEST_EVERY == TEST_EVERY - 1, [])


def set_aside(start: int, count: int) -> npt.NDArray[np.bool_]:
    """Choose one in every `TEST_EVERY` rows, pseudo-randomly, because the rows may alternate between the classes."""
    group, position = np.divmod(np.arange(start, start + count, dtype=np.uint64), np.uint64(TEST_EVERY))
    chosen: npt.NDArray[np.bool_] = position == mixed(group) % np.uint64(TEST_EVERY)
    return chosen


def _blocks(
    train: Sequence[Path],
    test: Sequence[Path],
    sizes: Sequence[int],
    text_column: str,
    label_column: str,
    encoding: str | None,
    read: _Read,
) -> Iterator[Block]:
    rows = 0
    for number, file in enumerate((*train, *test)):
        rows_of_file = 0
        with _open(file, text_column, encoding) as table:
            for block in table.blocks:
                labels, count = block.column(label_column), len(block.texts)
                is_test = np.full(count, number >= len(train)) if test else set_aside(rows, count)
                yield partial(
                    _of_table, block.texts, block.problems, labels, is_test, encodable(str(file)), rows_of_file
                )
                rows, rows_of_file = rows + count, rows_of_file + count
                share = table.position() / table.size if table.size else 1.0
                read.share = (sum(sizes[:number]) + share * sizes[number]) / max(sum(sizes), 1)


def _check_table(file: Path, text_column: str, label_column: str, encoding: str | None) -> int:
    """Check that a file is a table with both columns, before hours of other files are encoded.

    Returns:
        Its size in bytes.

    Raises:
        DataError: it is not.
    """
    with _open(file, text_column, encoding) as table:
        names, empty = dict.fromkeys(table.columns), True
        for block in islice(table.blocks, _CHECKED_BLOCKS):
            empty = False
            names |= dict.fromkeys(name for row in block.values for name in row)
            # A row of JSON need not have all names.
            if label_column in names or table.format != "jsonl":
                break
        if not empty and label_column not in names:
            listed = ", ".join(names)
            msg = (
                f"Cannot read the labels of {file}. Expected: a column {label_column!r}. Received: {listed:.200}. Name "
                "it by --label-column."
            )
            raise DataError(msg)
        return file.stat().st_size


@contextmanager
def _open(file: Path, text_column: str, encoding: str | None) -> Iterator[Table]:
    """Open a table.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with open_table(file, text_column, encoding) as table:
            yield table
    except ReviewError as error:
        raise DataError(str(error)) from error
    except OSError as error:
        msg = f"Cannot read {file}. Expected: a table of reviews. Received: {error}"
        raise DataError(msg) from error


def _of_table(
    texts: list[str],
    problems: list[str],
    labels: list[Any],
    is_test: npt.NDArray[np.bool_],
    file: str,
    rows_before: int,
) -> Labelled:
    kept, kept_labels, skipped = [], [], []
    for row, (text, problem, label) in enumerate(zip(texts, problems, labels, strict=True)):
        number = LABELS.get(str(label).strip().lower())
        if not problem and number is None:
            problem = f"no label of two classes, but {label!r:.40}"
        if not problem and not has_words(text[:_SEARCHED_CHARACTERS]):
            problem = "no words"
        if problem:
            skipped.append(f"{file}, row {rows_before + row + 1}: {problem}")
        else:
            kept.append(row)
            kept_labels.append(number)
    return Labelled([texts[row] for row in kept], np.array(kept_labels, np.int8), is_test[kept], skipped)
