"""Scores a file of reviews: from a text file or a table to a table with scores."""

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple, Self

from imdb_rnn.errors import ReviewError
from imdb_rnn.inference.classifier import Classifier, Words, digest_of
from imdb_rnn.processes import available_cores
from imdb_rnn.scoring.results import open_writer, part_of, progress_of
from imdb_rnn.scoring.tables import TEXT_COLUMN, Block, Table, open_table
from imdb_rnn.scoring.workers import ScoredBlock, score_blocks

_DIGESTED_BYTES = 1 << 20


class Scored(NamedTuple):
    """What was scored.

    Attributes:
        rows: all rows.
        unscored: rows without a score.
        words: the words of the reviews that this call has scored; not those of an interrupted run that it resumes.
    """

    rows: int
    unscored: int
    words: Words

    @classmethod
    def of(cls, scored: ScoredBlock) -> Self:
        """Count the rows of a block."""
        return cls(len(scored.results), sum(result.score is None for result in scored.results), scored.words)

    def plus(self, other: "Scored") -> "Scored":
        """Add other rows."""
        words = Words(self.words.all + other.words.all, self.words.known + other.words.known)
        return Scored(self.rows + other.rows, self.unscored + other.unscored, words)


NOTHING = Scored(0, 0, Words(0, 0))
# Is called after each block with the table and what has been scored so far.
ProgressCallback = Callable[[Table, Scored], None]


def score_file(
    classifier: Classifier,
    file: Path,
    out: Path,
    *,
    text_column: str | None = None,
    encoding: str | None = None,
    strict: bool = False,
    workers: int | None = None,
    resume: bool = False,
    progress: ProgressCallback = lambda table, scored: None,
) -> Scored:
    """Score a file of reviews, and write it with the columns `score`, `label` and `reason`.

    The output has a row for each row of the input, in order, with its columns. If the input has a column of such a
    name, that of the output begins with "predicted_". A row that cannot be scored has a reason.

    Args:
        classifier: the model.
        file: a text file with one review per line, CSV, TSV, JSON lines or Parquet. All but Parquet may be compressed
            by gzip.
        out: a new file, whose name says its format: .csv, .tsv, .jsonl or .parquet. All but the last may be followed
            by .gz.
        text_column: the column that has the reviews, by default "text".
        encoding: the encoding of the file, by default UTF-8.
        strict: whether to raise an error at a row that cannot be scored.
        workers: the number of processes, by default that of the cores. The scores are the same for any number.
        resume: whether to resume an interrupted run with the same arguments.
        progress: is called after each block of rows.

    Returns:
        The numbers of rows.

    Raises:
        ModelError: see `Classifier.predict_reviews`.
        ReviewError: the file cannot be read or written, or see `strict`.
    """
    with ExitStack() as stack:
        run = origin_of(classifier, file, text_column, encoding)
        table = stack.enter_context(open_table(file, text_column, encoding))
        writer = stack.enter_context(open_writer(out, table, run, resume))
        total = Scored(writer.checkpoint.rows, writer.checkpoint.unscored, Words(0, 0))
        if strict and total.unscored:
            msg = f"Cannot resume {out}. Expected: a score for each row, as --strict demands. Received: "
            remove = f"remove {part_of(out).name} and {progress_of(out).name}"
            raise ReviewError(f"{msg}{total.unscored:,} rows without one. Leave out --strict, or {remove}.")
        blocks = _skip(table.blocks, total.rows, file)
        for scored in score_blocks(classifier, blocks, workers or available_cores()):
            if strict:
                check(scored, total.rows, table, str(file))
            writer.write(scored)
            total = total.plus(Scored.of(scored))
            progress(table, total)
    return total


def origin_of(
    classifier: Classifier, file: Path, text_column: str | None = None, encoding: str | None = None
) -> dict[str, Any]:
    """Return what the scores of a file depend on, as JSON can hold it: digests of the input and the model, and options.

    Raises:
        ReviewError: the file cannot be read.
    """
    return {
        "input": file_identity(file),
        "model": _identity_of(classifier),
        "options": [text_column or TEXT_COLUMN, encoding],
    }


def check(scored: ScoredBlock, rows_before: int, table: Table, name: str) -> None:
    """Raise `ReviewError` at the first row of a block that has no score."""
    for number, result in enumerate(scored.results):
        if result.score is None:
            row = "line" if table.format == "text" else "row"
            text = scored.block.texts[number]
            msg = (
                f"Cannot read {row} {rows_before + number + 1:,} of {name}. Expected: a review. Received: "
                f"{result.reason}: {text[:40]!r}. Without --strict, its row has no score."
            )
            raise ReviewError(msg)


def _skip(blocks: Iterator[Block], rows: int, file: Path) -> Iterator[Block]:
    """Skip the blocks that have been scored before."""
    for block in blocks:
        if rows <= 0:
            yield block
        rows -= len(block.texts)
        if rows < 0 and rows + len(block.texts) > 0:
            msg = f"Cannot resume with {file}. Expected: the rows of before. Received: others. Begin again."
            raise ReviewError(msg)


def _identity_of(classifier: Classifier) -> str:
    """Return a text that is the same for classifiers that give the same scores."""
    return f"{digest_of(classifier.weights())} {classifier.vocabulary.fingerprint} {classifier.preprocessing}"


def file_identity(file: Path) -> str:
    """Return a digest of the size, the modification time and both ends of a file, in constant time.

    That of a pipe is empty, because it cannot be read twice.

    Raises:
        ReviewError: the file cannot be read.
    """
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            return ""
        with file.open("rb") as opened:
            status = os.fstat(opened.fileno())
            size = status.st_size
            digest = hashlib.sha256(f"{size} {status.st_mtime_ns} ".encode())
            for start in (0, max(size - _DIGESTED_BYTES, 0)):
                opened.seek(start)
                digest.update(opened.read(_DIGESTED_BYTES))
    except OSError as error:
        msg = f"Cannot read {file}. Expected: reviews, one per line, or a table. Received: {error}"
        raise ReviewError(msg) from error
    return digest.hexdigest()
