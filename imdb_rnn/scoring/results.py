"""Writes tables with scores: CSV, TSV, JSON lines or Parquet, and resumes an interrupted run.

A table is written to FILE.part, and renamed when it is complete. FILE.progress records how many rows of the input and
bytes of FILE.part are on the disk. Anything after them is truncated and scored again when the run is resumed.
"""

import csv
import gzip
import io
import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock, Timeout

from imdb_rnn import strict_json
from imdb_rnn.errors import ReviewError
from imdb_rnn.files import atomic_write, move, read_file
from imdb_rnn.scoring.tables import SUFFIXES, Block, Table, require_pyarrow
from imdb_rnn.scoring.workers import Result, ScoredBlock

RESULTS = ("score", "label", "reason")
# Added to the name of a result if the input has such a column.
PREFIX = "predicted_"
_SECONDS_BETWEEN_CHECKPOINTS = 1.0
_MAX_CHECKPOINT_BYTES = 1 << 16
_COMPRESSION_LEVEL = 6


def result_names(columns: Sequence[str]) -> dict[str, str]:
    """Return the column of each result: its own name, or with a prefix if the input has such a column."""
    names = {}
    for result in RESULTS:
        names[result] = result
        while names[result] in columns:
            names[result] = PREFIX + names[result]
    return names


def format_of(out: Path) -> tuple[str, bool]:
    """Return the format of a file to write, and whether it is compressed, by its name.

    Raises:
        ReviewError: the name has another suffix.
    """
    suffixes = [suffix.lower() for suffix in out.suffixes]
    compressed = suffixes[-1:] == [".gz"]
    suffix = (suffixes[:-1] if compressed else suffixes)[-1:]
    format_ = SUFFIXES.get(suffix[0]) if suffix else None
    if format_ is None or (compressed and format_ == "parquet"):
        known = ", ".join(SUFFIXES)
        msg = f"Cannot write {out}. Expected: a name that ends with {known}; all but Parquet can be followed by .gz."
        raise ReviewError(f"{msg} Received: {out.name!r}.")
    return format_, compressed


@dataclass(frozen=True)
class Checkpoint:
    """What FILE.progress records.

    Attributes:
        rows: the number of rows of the input in FILE.part.
        unscored: how many of them have no score.
        bytes: the length of FILE.part with these rows.
        columns: the columns of the input in FILE.part.
        run: what must be the same to resume, such as a digest of the input.
    """

    rows: int
    unscored: int
    bytes: int
    columns: list[str]
    run: dict[str, Any]


class Writer:
    """Writes one table. Use `open_writer`.

    Attributes:
        checkpoint: what is on the disk.
        rows: how many rows have been written.
    """

    def __init__(self, out: Path, table: Table, checkpoint: Checkpoint, part: BinaryIO) -> None:
        self.checkpoint = checkpoint
        self._format, self._compressed = format_of(out)
        self._out, self._table, self._part = out, table, part
        self.rows, self._unscored, self._bytes = checkpoint.rows, checkpoint.unscored, checkpoint.bytes
        self._saved_at = time.monotonic()
        self._columns: list[str] = checkpoint.columns

    def write(self, scored: ScoredBlock) -> None:
        """Append a block."""
        if not self.rows:
            self._columns = columns_of(self._table, scored.block)
        names = result_names(self._columns)
        content = self._encode(scored, names, with_header=not self.rows)
        self._append(content)
        self.rows += len(scored.results)
        self._unscored += sum(result.score is None for result in scored.results)
        if time.monotonic() - self._saved_at > _SECONDS_BETWEEN_CHECKPOINTS:
            self.save_checkpoint()

    def save_checkpoint(self) -> None:
        """Bring what was written to the disk, and record it."""
        self._part.flush()
        os.fsync(self._part.fileno())
        self.checkpoint = Checkpoint(self.rows, self._unscored, self._bytes, self._columns, self.checkpoint.run)
        with atomic_write(progress_of(self._out)) as path:
            path.write_text(json.dumps(asdict(self.checkpoint)), encoding="utf-8")
        self._saved_at = time.monotonic()

    def end(self) -> None:
        """Complete FILE.part: a table without rows has a header, except in JSON lines."""
        if not self.rows and self._format != "jsonl":
            self._columns = self._table.columns
            if self._format != "parquet":
                self._append(self._lines([[*self._columns, *result_names(self._columns).values()]]))
        self._part.flush()

    def publish(self) -> None:
        """Make FILE of FILE.part, which is complete and closed."""
        part = part_of(self._out)
        if self._format == "parquet":
            self._write_parquet(part)
            part.unlink()
        else:
            move(part, self._out)
        progress_of(self._out).unlink()

    def _append(self, content: bytes) -> None:
        if self._compressed:
            content = gzip.compress(content, _COMPRESSION_LEVEL, mtime=0)
        self._part.write(content)
        self._bytes += len(content)

    def _encode(self, scored: ScoredBlock, names: dict[str, str], with_header: bool) -> bytes:
        if self._format == "parquet":
            return self._arrow(scored, names)
        records = scored.block.records()
        if self._format == "jsonl":
            rows = json_rows(records, scored.results, names, ensure_ascii=False)
            return "".join(f"{row}\n" for row in rows).encode("utf-8", "replace")
        lines = [[*self._columns, *names.values()]] if with_header else []
        for record, result in zip(records, scored.results, strict=True):
            _check_names(record, self._columns, self._out)
            lines.append([*(_cell(record.get(column)) for column in self._columns), *map(_cell, result)])
        return self._lines(lines)

    def _lines(self, rows: list[list[str]]) -> bytes:
        text = io.StringIO(newline="")
        writers = [
            csv.writer(text, delimiter="\t" if self._format == "tsv" else ",", lineterminator="\n", quoting=quoting)
            for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL)
        ]
        for row in rows:  # the module does not see that "\r" must be quoted
            writers[any(cell and "\r" in cell for cell in row)].writerow(row)
        return text.getvalue().encode("utf-8", "replace")

    def _arrow(self, scored: ScoredBlock, names: dict[str, str]) -> bytes:
        """Return a stream of Arrow, because nothing can be appended to a Parquet file."""
        import pyarrow

        batch = scored.block.batch
        if batch is None:
            for record in scored.block.values:
                _check_names(record, self._columns, self._out)
            columns = [[_cell(record.get(name)) for record in scored.block.values] for name in self._columns]
            fields = [pyarrow.field(name, pyarrow.string()) for name in self._columns]
            arrays = [pyarrow.array(column, pyarrow.string()) for column in columns]
        else:
            fields, arrays = list(batch.schema), list(batch.columns)
        types = (pyarrow.float64(), pyarrow.string(), pyarrow.string())
        for name, type_, values in zip(names.values(), types, zip(*scored.results, strict=True), strict=True):
            fields.append(pyarrow.field(name, type_))
            arrays.append(pyarrow.array(values, type_))
        schema, sink = pyarrow.schema(fields), io.BytesIO()
        with pyarrow.ipc.new_stream(sink, schema) as stream:
            stream.write_batch(pyarrow.RecordBatch.from_arrays(arrays, schema=schema))
        return sink.getvalue()

    def _write_parquet(self, part: Path) -> None:
        import pyarrow
        from pyarrow import parquet

        names = result_names(self._columns).values()
        fields = self._table.schema or [pyarrow.field(name, pyarrow.string()) for name in self._columns]
        types = (pyarrow.float64(), pyarrow.string(), pyarrow.string())
        schema = pyarrow.schema([*fields, *map(pyarrow.field, names, types)])
        with (
            atomic_write(self._out) as path,
            part.open("rb") as file,
            pyarrow.OSFile(os.fsencode(path), "wb") as output,
            parquet.ParquetWriter(output, schema) as writer,
        ):
            rows: list[Any] = []
            while file.peek(1):
                with pyarrow.ipc.open_stream(file) as stream:
                    rows += list(stream)
                if len(rows) >= 100:  # larger row groups are read faster
                    writer.write_table(pyarrow.Table.from_batches(rows, schema))
                    rows = []
            if rows:
                writer.write_table(pyarrow.Table.from_batches(rows, schema))


@contextmanager
def open_writer(out: Path, table: Table, run: dict[str, Any], resume: bool) -> Iterator[Writer]:
    """Write a table with scores.

    Args:
        out: the file.
        table: the input.
        run: what must be the same to resume, as JSON can hold it.
        resume: whether to resume an interrupted run.

    Yields:
        The writer, whose `checkpoint` says how many rows to skip. If the block ends without an error, the table is
        complete.

    Raises:
        ReviewError: the file exists, another process writes it, or it cannot be resumed.
    """
    if format_of(out)[0] == "parquet":
        require_pyarrow(f"write {out}")
    if not out.parent.is_dir():
        msg = f"Cannot write {out}. Expected: a file in a folder that exists. Received: no folder {out.parent}."
        raise ReviewError(msg)
    part = part_of(out)
    lock = FileLock(f"{out}.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        msg = f"Cannot write {out}. Expected: a file that nothing else writes. Received: one that is being written."
        raise ReviewError(msg) from error
    try:
        checkpoint = _begin(out, run, resume)
        with part.open("ab") as file:
            file.truncate(checkpoint.bytes)
            writer = Writer(out, table, checkpoint, file)
            try:
                if not checkpoint.rows:
                    writer.save_checkpoint()
                yield writer
                writer.end()
            except BaseException:
                with suppress(OSError):  # the disk may be full: then the last checkpoint holds
                    if writer.rows > writer.checkpoint.rows:
                        writer.save_checkpoint()
                if not writer.checkpoint.rows:  # nothing is worth keeping
                    with suppress(OSError):
                        file.close()  # Windows neither removes nor renames an open file
                    part.unlink()
                    progress_of(out).unlink(missing_ok=True)
                raise
        writer.publish()
    finally:
        Path(f"{out}.lock").unlink(missing_ok=True)
        lock.release()


def part_of(out: Path) -> Path:
    """Return the file that is written until the table is complete."""
    return out.with_name(f"{out.name}.part")


def progress_of(out: Path) -> Path:
    """Return the file that records how far it is."""
    return out.with_name(f"{out.name}.progress")


def _begin(out: Path, run: dict[str, Any], resume: bool) -> Checkpoint:
    """Return where to begin.

    Raises:
        ReviewError: the file exists, or cannot be resumed.
    """
    part, progress = part_of(out), progress_of(out)
    if progress.is_file() and out.exists() and not part.exists():  # it was complete, and killed just before the end
        progress.unlink()
    existing = [file for file in (part, progress, out) if file.exists()]
    if not existing:
        return Checkpoint(0, 0, 0, [], run)
    if not {part, progress} <= set(existing):
        msg = f"Cannot write {out}. Expected: a new file. Received: {existing[0].name} exists. "
        raise ReviewError(f"{msg}Remove it, or name another one.")
    remove = f"remove {part.name} and {progress.name}"
    if not resume:
        msg = f"Cannot write {out}. Expected: a new file. Received: one that was interrupted. "
        raise ReviewError(f"{msg}To resume, run the same command with --resume. To begin again, {remove}.")
    if not run["input"]:
        msg = f"Cannot resume {out}. Expected: an input that is a file. Received: a pipe. Give a file."
        raise ReviewError(msg)
    try:
        checkpoint = Checkpoint(**strict_json.parse(read_file(progress, _MAX_CHECKPOINT_BYTES)))
        complete = part.stat().st_size >= checkpoint.bytes
    except (OSError, TypeError, ValueError) as error:
        msg = f"Cannot resume {out}. Expected: the checkpoint of an interrupted run. Received: {error}. "
        raise ReviewError(f"{msg}To begin again, {remove}.") from error
    different = [name for name in run if checkpoint.run.get(name) != run[name]]
    if not (different or complete):
        different = ["written part"]
    if different:
        msg = f"Cannot resume {out}. Expected: the same input, model and options. Received: another "
        raise ReviewError(f"{msg}{' and '.join(different)}. Give the same, or {remove}.")
    return checkpoint


def columns_of(table: Table, first: Block) -> list[str]:
    """Return the columns of the input: in JSON lines, those of all rows of the first block."""
    if table.format != "jsonl":
        return table.columns
    return list(dict.fromkeys(name for record in first.values for name in record))


def json_rows(
    records: list[dict[str, Any]], results: list[Result], names: dict[str, str], *, ensure_ascii: bool
) -> list[str]:
    """Return rows with their results as JSON objects, in which NaN and infinities are null.

    Args:
        records: the columns of each row, by name.
        results: the result for each row.
        names: the column of each result, from `result_names`.
        ensure_ascii: whether to escape characters that are not ASCII.

    Raises:
        ReviewError: a row has a column of such a name, which none of the first rows has.
    """
    rows = []
    for record, result in zip(records, results, strict=True):
        if taken := [name for name in names.values() if name in record]:
            msg = f"Cannot add scores. Expected: rows without {taken[0]}, as the first ones. Received: one with it."
            raise ReviewError(f"{msg} Rename it in the input.")
        rows.append(_json_text(record | dict(zip(names.values(), result, strict=True)), ensure_ascii))
    return rows


def _json_text(row: dict[str, Any], ensure_ascii: bool) -> str:
    try:
        return json.dumps(row, ensure_ascii=ensure_ascii, default=str, allow_nan=False)
    except ValueError:  # NaN or an infinity, also in a list: JSON has neither, but Python reads and writes them
        cleaned = json.loads(json.dumps(row, default=str), parse_constant=lambda name: None)
        return json.dumps(cleaned, ensure_ascii=ensure_ascii)


def _check_names(record: dict[str, Any], columns: Sequence[str], out: Path) -> None:
    """Raise `ReviewError` if a row has something that the table has no column for."""
    if new := [name for name in record if name not in columns]:
        msg = (
            f"Cannot write {out}. Expected: rows with the columns of the first rows, {', '.join(columns)}. Received: "
            f"one that also has {', '.join(new)}. JSON lines can hold it: name a file that ends with .jsonl."
        )
        raise ReviewError(msg)


def _cell(value: Any) -> Any:
    """Return a value as the text of a cell; None stays an empty one."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, bool | list | dict) else str(value)
