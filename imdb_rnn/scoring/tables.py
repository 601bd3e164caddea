"""Reads reviews from text files and tables in blocks, in constant memory.

A text file has one review per line. A table is CSV, TSV, JSON lines or Parquet, and one of its columns has the reviews.
All but Parquet may be compressed by gzip. The format is that of the file's name and content.

A row that cannot be read has a reason, and does not affect the other rows. The blocks of a file are always the same, so
an interrupted run can be resumed at the start of a block.
"""

import codecs
import csv
import gzip
import io
import json
import os
import re
import stat
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal, NamedTuple

from imdb_rnn.errors import MissingPackageError, ReviewError
from imdb_rnn.text import text_files
from imdb_rnn.text.texts import described

TEXT_COLUMN = "text"
# The first block is small, so that the first scores are there at once.
FIRST_BLOCK, BLOCK = 64, 1000
# A longer field or line is a mistake: a quotation mark is missing, or it is no text.
MAX_CHARACTERS = 1 << 24
_SAMPLE_BYTES, _PIPE_BYTES, _PARQUET_BUFFER = 1 << 18, 1 << 12, 1 << 20
# A block with this many characters ends before it has all its rows.
_BLOCK_CHARACTERS = 1 << 22
# What undecodable bytes become; text cannot be encoded with it.
_SURROGATE = re.compile("[\ud800-\udfff]")
_GZIP, _PARQUET = b"\x1f\x8b", b"PAR1"
_DELIMITERS = {"csv": ",;\t", "tsv": "\t"}

Format = Literal["text", "csv", "tsv", "jsonl", "parquet"]
SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}


class Row(NamedTuple):
    """A row of a table.

    Attributes:
        text: the review; "" if the row cannot be read.
        problem: why it cannot be read; "" if it can.
        values: the value of each column.
    """

    text: str
    problem: str
    values: dict[str, Any]


@dataclass(frozen=True)
class Block:
    """Some consecutive rows.

    Attributes:
        texts: the review of each row.
        problems: why each row cannot be read; "" if it can.
        values: the columns of each row, by name; empty if the table is Parquet.
        batch: the columns as a `pyarrow.RecordBatch`, if the table is Parquet.
    """

    texts: list[str]
    problems: list[str]
    values: list[dict[str, Any]]
    batch: Any = None

    def column(self, name: str) -> list[Any]:
        """Return the values of a column; None for a row of JSON that does not have it."""
        if self.batch is None:
            return [row.get(name) for row in self.values]
        return _values_of(self.batch.column(name))

    def records(self) -> list[dict[str, Any]]:
        """Return the columns of each row, by name."""
        if self.batch is None:
            return self.values
        names = self.batch.schema.names
        columns = [map(_without_surrogates, _values_of(column)) for column in self.batch.columns]
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


@dataclass(frozen=True)
class Table:
    """An open file of reviews.

    Attributes:
        format: its format.
        columns: the names of its columns; in JSON lines, those of the first row.
        blocks: its rows, to be read once.
        size: its size in bytes, or in rows if it is Parquet; None if it is a pipe.
        position: returns how much of `size` has been read.
        schema: the `pyarrow.Schema` of a Parquet file.
    """

    format: Format
    columns: list[str]
    blocks: Iterator[Block]
    size: int | None
    position: Callable[[], int]
    schema: Any = None


@contextmanager
def open_table(
    file: Path | None, text_column: str | None = None, encoding: str | None = None, name: str = ""
) -> Iterator[Table]:
    """Open a file of reviews.

    Args:
        file: the file; None is standard input.
        text_column: the column of a table that has the reviews, by default "text". A file that is read as text
            otherwise must then be a table.
        encoding: the encoding of text, CSV, TSV and JSON lines; None is UTF-8, or UTF-16 with a byte order mark.
        name: the name for messages; by default that of the file.

    Yields:
        The table.

    Raises:
        ReviewError: the file cannot be read, its format is not known, or it has no such column.
    """
    name = name or ("standard input" if file is None else str(file))
    with ExitStack() as stack:
        with _errors_as_review_errors(name):
            # Unbuffered, because a pipe may have more to say only after it was answered.
            raw = _standard_input() if file is None else stack.enter_context(file.open("rb", buffering=0))
            table = _table(raw, file, text_column, encoding, name, stack)
        yield replace(table, blocks=_with_errors(table.blocks, name))


def require_pyarrow(action: str) -> None:
    """Raise `MissingPackageError` if pyarrow is not installed.

    Args:
        action: what needs it, such as "read reviews.parquet".
    """
    try:
        from pyarrow import parquet  # noqa: F401
    except ModuleNotFoundError as error:
        msg = f"Cannot {action}. Expected: pyarrow, for Parquet. Received: {error}. "
        raise MissingPackageError(f'{msg}Run: pip install "imdb_rnn[parquet]"') from error


def _standard_input() -> Any:
    return io.BytesIO() if sys.stdin is None else getattr(sys.stdin.buffer, "raw", sys.stdin.buffer)


@contextmanager
def _errors_as_review_errors(name: str, rows: int = 0) -> Iterator[None]:
    try:
        yield
    except ReviewError:
        raise
    except (OSError, EOFError, ValueError, zlib.error) as error:
        after = f" after row {rows:,}" if rows else ""
        msg = f"Cannot read {name}{after}. Expected: reviews, one per line, or a table. Received: {error}"
        raise ReviewError(msg) from error


def _with_errors(blocks: Iterator[Block], name: str) -> Iterator[Block]:
    """Yield blocks, and raise `ReviewError` if one cannot be read."""
    rows = 0
    while True:
        with _errors_as_review_errors(name, rows):
            block = next(blocks, None)
        if block is None:
            return
        yield block
        rows += len(block.texts)


def _table(
    raw: Any, file: Path | None, text_column: str | None, encoding: str | None, name: str, stack: ExitStack
) -> Table:
    is_file = file is not None and stat.S_ISREG(os.fstat(raw.fileno()).st_mode)
    size = os.fstat(raw.fileno()).st_size if is_file else None
    suffixes = [suffix.lower() for suffix in (file.suffixes if file else [])]
    buffered = _peekable(raw, stack)
    compressed = buffered.peek(4)[:2] == _GZIP
    if compressed:
        suffixes = suffixes[:-1] if suffixes[-1:] == [".gz"] else suffixes
        buffered = _peekable(gzip.GzipFile(fileobj=buffered), stack)
    sample = buffered.peek(_SAMPLE_BYTES)[:_SAMPLE_BYTES]
    suffix = suffixes[-1] if suffixes else ""
    if sample.startswith(_PARQUET) or suffix == ".parquet":
        if compressed or file is None or not is_file:
            msg = "Parquet that is piped or compressed once more. Give the Parquet file itself"
            raise ValueError(msg)
        return _parquet(file, text_column or TEXT_COLUMN, name, stack)
    if advice := text_files.unsupported(sample, suffix):
        raise ValueError(advice)
    used = _encoding_of(sample, encoding)
    known = SUFFIXES.get(suffix)
    shown = sample.decode(used, "replace")
    # A pipe gives what it has at the moment.
    truncated = len(sample) >= (_SAMPLE_BYTES if is_file else _PIPE_BYTES)
    guessed = None if known else text_files.table_in(shown, truncated)
    format_ = known or guessed or ("csv" if text_column else "text")
    # A text whose lines end with "\r" has no "\n".
    newline = "" if format_ in _DELIMITERS else "\r" if "\r" in shown and "\n" not in shown else "\n"
    # Undecodable bytes of one row do not affect the others. They become surrogates, which no valid text contains.
    errors = "replace" if used.startswith(("utf-16", "utf-32")) else "surrogateescape"
    lines = io.TextIOWrapper(buffered, encoding=used, errors=errors, newline=newline)
    stack.callback(lines.detach)
    if format_ == "text":
        columns, rows = [TEXT_COLUMN], _text_rows(lines, newline, used)
    elif format_ == "jsonl":
        columns, rows = _json_rows(lines, newline, text_column or TEXT_COLUMN, used, name)
    else:
        columns, rows = _csv_rows(lines, _DELIMITERS[format_], text_column or TEXT_COLUMN, used, name)
    return Table(format_, columns, _blocks_of(rows), size, raw.tell if is_file else lambda: 0)


def _peekable(raw: Any, stack: ExitStack) -> io.BufferedReader:
    """Return a reader that does not close the file, which is left to the caller."""
    reader = io.BufferedReader(raw, _SAMPLE_BYTES)
    stack.callback(reader.detach)
    return reader


def _encoding_of(sample: bytes, given: str | None) -> str:
    """Return the encoding to use, which skips a byte order mark.

    Raises:
        ReviewError: there is no such encoding.
    """
    marks = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
    marked = next((encoding for mark, encoding in marks.items() if sample.startswith(mark)), None)
    if given is None:
        return marked or "utf-8"
    try:
        canonical = codecs.lookup(given).name
        "".encode(canonical)
    except LookupError as error:
        msg = f"Bad `encoding`. Expected: an encoding that Python knows, such as utf-8 or cp1252. Received: {given!r}."
        raise ReviewError(msg) from error
    return marked if marked and (marked.startswith(canonical) or canonical.startswith(marked)) else canonical


def _blocks_of(rows: Iterable[Row]) -> Iterator[Block]:
    block, size, characters = Block([], [], []), FIRST_BLOCK, 0
    for row in rows:
        block.texts.append(row.text)
        block.problems.append(row.problem)
        block.values.append(row.values)
        characters += len(row.text)
        if len(block.texts) == size or characters >= _BLOCK_CHARACTERS:
            yield block
            block, size, characters = Block([], [], []), BLOCK, 0
    if block.texts:
        yield block


def _lines_of(lines: io.TextIOWrapper, newline: str) -> Iterator[tuple[str, str]]:
    """Yield each line without its end, and a problem if it is too long; then only its beginning."""
    while line := lines.readline(MAX_CHARACTERS):
        problem = ""
        if len(line) == MAX_CHARACTERS and not line.endswith(newline):
            line, problem = line[:100], f"more than {MAX_CHARACTERS:,} characters without a line end"
            while (rest := lines.readline(MAX_CHARACTERS)) and not rest.endswith(newline):
                pass
        yield line.removesuffix(newline).removesuffix("\r"), problem


def _text_rows(lines: io.TextIOWrapper, newline: str, encoding: str) -> Iterator[Row]:
    for line, problem in _lines_of(lines, newline):
        yield _row(line, problem, {TEXT_COLUMN: line}, encoding)


def _csv_rows(
    lines: io.TextIOWrapper, delimiters: str, text_column: str, encoding: str, name: str
) -> tuple[list[str], Iterator[Row]]:
    csv.field_size_limit(MAX_CHARACTERS)
    first = _header_lines(lines)
    # The delimiter is the one with which the column is found, or else the one that occurs most often.
    headers = {delimiter: next(csv.reader(first, delimiter=delimiter), []) for delimiter in delimiters}
    delimiter = max(headers, key=lambda one: (text_column in headers[one], len(headers[one])))
    columns = headers[delimiter]
    _check_columns(columns, text_column, name)
    position = columns.index(text_column)

    def rows() -> Iterator[Row]:
        reader = csv.reader(lines, delimiter=delimiter)
        try:
            for cells in reader:
                if not cells:  # a blank line
                    continue
                problem = ""
                if len(cells) != len(columns):
                    problem = f"{len(cells)} fields, where the header has {len(columns)}"
                    last = delimiter.join(cells[len(columns) - 1 :])  # too many: nothing is lost
                    cells = [*cells[: len(columns) - 1], last, *[""] * (len(columns) - len(cells))]
                yield _row(cells[position], problem, dict(zip(columns, cells, strict=False)), encoding)
        except csv.Error as error:
            at = reader.line_num + len(first)
            msg = (
                f"Cannot read {name} at line {at:,}. Expected: fields of at most {MAX_CHARACTERS:,} characters. "
                f"Received: {error}. Is a quotation mark missing in an earlier line?"
            )
            raise ReviewError(msg) from error

    return columns, rows()


def _header_lines(lines: io.TextIOWrapper) -> list[str]:
    """Read the lines of the header: more than one if a name contains a line end."""
    first: list[str] = []
    while line := lines.readline(MAX_CHARACTERS):
        first.append(line)
        if "".join(first).strip() and "".join(first).count('"') % 2 == 0:
            break
    return first


def _json_rows(
    lines: io.TextIOWrapper, newline: str, text_column: str, encoding: str, name: str
) -> tuple[list[str], Iterator[Row]]:
    def rows() -> Iterator[Row]:
        for line, problem in _lines_of(lines, newline):
            if problem:
                yield Row("", f"not JSON: {problem}", {text_column: line})
            elif line.strip():
                yield _json_row(line, text_column, encoding)

    iterator = rows()
    first = list(islice(iterator, 1))
    columns = list(first[0].values) if first else [text_column]
    if first and not first[0].problem.startswith("not JSON"):
        _check_columns(columns, text_column, name)
    return columns, chain(first, iterator)


def _json_row(line: str, text_column: str, encoding: str) -> Row:
    try:
        values = json.loads(line)
        if not isinstance(values, dict):
            return Row("", f"not JSON with names and values, but {type(values).__name__}", {text_column: values})
    except (ValueError, RecursionError) as error:
        return Row("", f"not JSON: {str(error)[:100]}", {text_column: _SURROGATE.sub("\ufffd", line.strip())})
    if text_column not in values:
        return Row("", f"no {text_column}", values)
    return _row(values[text_column], "", values, encoding)


def _parquet(file: Path, text_column: str, name: str, stack: ExitStack) -> Table:
    require_pyarrow(f"read {name}")
    import pyarrow
    from pyarrow import parquet

    # As bytes, because pyarrow encodes text in UTF-8, whatever the encoding of the file system is.
    source = stack.enter_context(pyarrow.OSFile(os.fsencode(file)))
    # By default all row groups are read at the beginning, and kept.
    opened = parquet.ParquetFile(source, pre_buffer=False, buffer_size=_PARQUET_BUFFER)
    columns = list(opened.schema_arrow.names)
    _check_columns(columns, text_column, name)
    count = [0]

    def blocks() -> Iterator[Block]:
        for batch in opened.iter_batches(BLOCK):
            parts = [batch] if count[0] else [batch.slice(0, FIRST_BLOCK), batch.slice(FIRST_BLOCK)]
            for part in chain.from_iterable(map(_small_batches, parts)):
                count[0] += part.num_rows
                yield _block_of(part, text_column)

    return Table("parquet", columns, blocks(), opened.metadata.num_rows, lambda: count[0], opened.schema_arrow)


def _small_batches(batch: Any) -> Iterator[Any]:
    """Divide a batch of rows until it is small, or has one row."""
    if batch.num_rows > 1 and batch.nbytes > _BLOCK_CHARACTERS:
        half = batch.num_rows // 2
        yield from _small_batches(batch.slice(0, half))
        yield from _small_batches(batch.slice(half))
    elif batch.num_rows:
        yield batch


def _block_of(batch: Any, text_column: str) -> Block:
    rows = []
    for text in _values_of(batch.column(text_column)):
        damaged = isinstance(text, str) and _is_undecodable(text, "utf-8")
        rows.append(_row(text, "bytes that are not UTF-8" if damaged else "", {}, "utf-8"))
    return Block([row.text for row in rows], [row.problem for row in rows], [], batch)


def _values_of(column: Any) -> list[Any]:
    """Return the values of a `pyarrow.Array`. Undecodable bytes of text become surrogates."""
    import pyarrow

    if pyarrow.types.is_timestamp(column.type) and column.type.unit == "ns":  # which Python does not have
        column = column.cast(pyarrow.string())
    try:
        values: list[Any] = column.to_pylist()
    except UnicodeDecodeError:
        values = [_value_of(scalar) for scalar in column]
    return values


def _value_of(scalar: Any) -> Any:
    import pyarrow

    try:
        return scalar.as_py()
    except UnicodeDecodeError:
        if not isinstance(scalar, pyarrow.BinaryScalar):  # text within a list, for example
            raise
        return scalar.as_buffer().to_pybytes().decode(errors="surrogateescape")


def _row(text: Any, problem: str, values: dict[str, Any], encoding: str) -> Row:
    """Return a row, with the reason why its text cannot be read."""
    if not isinstance(text, str):
        return Row("", problem or f"no text, but {described(text)}", values)
    if not problem and _is_undecodable(text, encoding):
        problem = f"bytes that are not {encoding.removesuffix('-sig').upper()}; see --encoding"
    for name, value in values.items():
        values[name] = _without_surrogates(value)
    return Row("" if problem else text, problem, values)


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str) and not value.isascii():
        return _SURROGATE.sub("\ufffd", value)
    return value


def _is_undecodable(text: str, encoding: str) -> bool:
    if text.isascii():
        return False
    return bool(_SURROGATE.search(text)) or ("\ufffd" in text and encoding.startswith(("utf-16", "utf-32")))


def _check_columns(columns: list[str], text_column: str, name: str) -> None:
    """Raise `ReviewError` unless a table has the column of reviews, and each name once."""
    listed = ", ".join(repr(column) for column in columns[:50])
    if text_column not in columns:
        msg = (
            f"Cannot read {name}. Expected: a table with the column {text_column!r}. Received: one with the columns "
            f"{listed or '(none)'}. Name the column of reviews by --text-column."
        )
        raise ReviewError(msg)
    if len(set(columns)) < len(columns):
        twice = next(column for column in columns if columns.count(column) > 1)
        msg = f"Cannot read {name}. Expected: a name for each column. Received: {twice!r} twice, in {listed}."
        raise ReviewError(msg)
