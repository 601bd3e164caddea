"""Scores many files, the parts of a corpus: each as a whole, by one worker, into a folder with an output for each part.

Workers share nothing but files. A worker writes a part to a folder of its own, OUT/_parts/NAME.RANDOM/. When the part
is complete, its record OUT/_parts/NAME.json is written, and then the part is moved to OUT/NAME. So a part is done if it
has both, and an output without a record was not written here. Two workers may be given the same part, because one is
believed to be dead and still writes: then the same rows are moved to the same name twice, and nothing is mixed.
"""

import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from dataclasses import dataclass
from glob import escape, glob
from pathlib import Path
from typing import Any, Literal, get_args

from imdb_rnn import strict_json
from imdb_rnn.errors import ReviewError
from imdb_rnn.files import atomic_write, move, read_file
from imdb_rnn.inference.classifier import Classifier, Words
from imdb_rnn.scoring.results import format_of
from imdb_rnn.scoring.score import NOTHING, Scored, origin_of, score_file

Engine = Literal["local", "ray"]
# Readers of folders, such as Spark and pyarrow, skip names that begin with an underscore.
RECORDS = "_parts"
_MAX_RECORD_BYTES = 1 << 16
# As `tempfile.mkdtemp` names the folder of an attempt, and `atomic_write` a record that it writes.
_ATTEMPT, _HALF_RECORD = re.compile(r"(.+)\.\w{8}"), re.compile(r"\.(.+)-\w{8}\.json")


# Is called at the start and after each part, with the number of parts that are done, that of all, and the rows so far.
PartsProgressCallback = Callable[[int, int, Scored], None]


@dataclass(frozen=True)
class PartScorer:
    """Scores parts, in any process that can read them and can write the folder.

    Attributes:
        classifier: the model.
        out: the folder for the outputs, an absolute path.
        text_column: see `score_file`.
        encoding: see `score_file`.
        strict: see `score_file`.
    """

    classifier: Classifier
    out: Path
    text_column: str | None = None
    encoding: str | None = None
    strict: bool = False

    def score(self, part: Path, workers: int = 1) -> Scored:
        """Score a part, unless it is done.

        Args:
            part: the file.
            workers: the number of processes.

        Returns:
            The numbers of rows of the part, also if it was done before.

        Raises:
            ModelError: see `Classifier.predict_reviews`.
            ReviewError: the part cannot be read or written, or its output is of another input, model or options.
        """
        origin = origin_of(self.classifier, part, self.text_column, self.encoding)
        if found := self._found(part, origin):
            return found
        output = output_of(part, self.out)
        try:
            attempt = Path(tempfile.mkdtemp(prefix=f"{output.name}.", dir=self.out / RECORDS))
            try:
                scored = score_file(
                    self.classifier,
                    part,
                    attempt / output.name,
                    text_column=self.text_column,
                    encoding=self.encoding,
                    strict=self.strict,
                    workers=workers,
                )
                with atomic_write(self._record_of(part)) as path:
                    path.write_text(json.dumps({"origin": origin, **scored._asdict()}), encoding="utf-8")
                move(attempt / output.name, output)
            finally:
                shutil.rmtree(attempt, ignore_errors=True)
        except (OSError, ReviewError) as error:
            # Another worker may have done this part, and the run may be complete: then the attempt has been removed.
            if found := self._found(part, origin):
                return found
            if isinstance(error, ReviewError):
                raise
            msg = f"Cannot write {output}. Expected: a folder that can be written. Received: {error}. Files that are "
            raise ReviewError(f"{msg}done are kept. To resume, run the same command with --resume.") from error
        return scored

    def _record_of(self, part: Path) -> Path:
        return self.out / RECORDS / f"{output_of(part, self.out).name}.json"

    def _found(self, part: Path, origin: dict[str, Any]) -> Scored | None:
        """Return the rows of a part that is done; None if it is to be done.

        Raises:
            ReviewError: there is an output of something else.
        """
        output, record = output_of(part, self.out), self._record_of(part)
        exists = output.exists()  # before the record is looked for, because the record comes first
        remove = f"Remove {output} and {record}, to have it scored again"
        try:
            known = strict_json.parse(read_file(record, _MAX_RECORD_BYTES))
            scored = Scored(known["rows"], known["unscored"], Words(*known["words"]))
            different = [name for name in origin if known["origin"].get(name) != origin[name]]
        except FileNotFoundError:
            if exists:
                msg = f"Cannot write {output}. Expected: a new file. Received: one that this command has not written. "
                raise ReviewError(f"{msg}Remove it, or name another folder by --out.") from None
            return None
        except (AttributeError, KeyError, OSError, TypeError, ValueError) as error:
            msg = f"Cannot resume {output}. Expected: the record {record}. Received: {error}. {remove}."
            raise ReviewError(msg) from error
        if different:
            msg = (
                f"Cannot resume {output}. Expected: the same input, model and options as before. Received: another "
                f"{' and '.join(different)}. Give the same, or name another folder by --out."
            )
            raise ReviewError(msg)
        if exists and self.strict and scored.unscored:
            msg = f"Cannot resume {output}. Expected: a score for each row, as --strict demands. Received: "
            raise ReviewError(f"{msg}{scored.unscored:,} rows without one. {remove}.")
        return scored if exists else None


def score_parts(
    classifier: Classifier,
    pattern: str,
    out: Path,
    *,
    engine: Engine = "local",
    text_column: str | None = None,
    encoding: str | None = None,
    strict: bool = False,
    workers: int | None = None,
    resume: bool = False,
    progress: PartsProgressCallback = lambda done, parts, scored: None,
) -> Scored:
    """Score all files that match a pattern, each as `score_file` does, into a folder.

    The folder has an output for each file, with the same name; that of a text file ends with .csv. Outputs appear when
    they are complete. The scores are those of `score_file`, to the last bit, whatever scores them.

    Args:
        classifier: the model.
        pattern: a path in which `*`, `?` and `[…]` stand for characters, such as "reviews/part-*.parquet".
        out: a new or empty folder; for `resume`, that of the interrupted run.
        engine: "local" for processes of this machine. "ray" for Ray Data: on the cluster that the environment variable
            RAY_ADDRESS names, and otherwise on this machine. All machines must find the files and the folder at the
            same paths.
        text_column: see `score_file`.
        encoding: see `score_file`.
        strict: see `score_file`.
        workers: the number of processes, by default that of the cores; for Ray, as many as the cluster has room for.
        resume: whether to resume an interrupted run with the same arguments. Files that are done are not scored
            again, and a file that was being scored is scored from its beginning.
        progress: is called at the start and after each file.

    Returns:
        The numbers of rows of all files, also of those that were done before.

    Raises:
        MissingPackageError: `engine` is "ray", and Ray is not installed.
        ModelError: see `Classifier.predict_reviews`.
        ReviewError: a file cannot be read or written, or see `strict`; no file matches the pattern, or two would have
            the same output; the folder has something else; or a worker was killed too often.
    """
    if engine not in get_args(Engine):
        msg = f"Bad `engine`. Expected: one of {', '.join(get_args(Engine))}. Received: {engine!r}."
        raise ReviewError(msg)
    out = _absolute(out)
    parts = find_parts(pattern, out)
    scorer = PartScorer(classifier, out, text_column, encoding, strict)
    results = _results_of(engine, scorer, parts, workers)
    _begin(out, resume)
    done, total = 0, NOTHING
    progress(done, len(parts), total)
    with closing(results):
        for done, scored in enumerate(results, start=1):
            total = total.plus(scored)
            progress(done, len(parts), total)
    missing = [output for part in parts if not (output := output_of(part, out)).is_file()]
    if missing or done != len(parts):
        msg = (
            f"Cannot complete {out}. Expected: an output for each of {len(parts):,} files. Received: {done:,} results, "
            f"and no {missing[0].name if missing else 'more'}. Name a folder that all workers share, or --resume."
        )
        raise ReviewError(msg)
    _tidy(parts, out)
    return total


def is_pattern(file: Path) -> bool:
    """Return whether a path is a pattern: it has `*`, `?` or `[`, and there is no file of that name."""
    return any(character in str(file) for character in "*?[") and not file.exists()


def find_parts(pattern: str, out: Path) -> list[Path]:
    """Return the files that match a pattern, in order, as absolute paths.

    Args:
        pattern: see `score_parts`.
        out: the folder for their outputs.

    Raises:
        ReviewError: no file matches, something else matches, an output would match, or two files would have the same
            output.
    """
    # The current folder is no pattern, whatever its name.
    whole = os.path.normpath(os.path.join(escape(os.getcwd()), os.path.expanduser(pattern)))  # noqa: PTH109, PTH111, PTH118
    # The folders may be a pattern, too. That of the outputs may match it.
    parts = [Path(path) for path in sorted(glob(whole)) if Path(path) != out]  # noqa: PTH207
    if not parts:
        msg = f"Cannot read {pattern}. Expected: a pattern that matches files. Received: one that matches none."
        raise ReviewError(msg)
    if other := next((part for part in parts if not part.is_file()), None):
        msg = f"Cannot read {pattern}. Expected: a pattern that matches files. Received: "
        if other.is_dir():
            raise ReviewError(f"{msg}the folder {other}. For the files in it, add /*.")
        raise ReviewError(f"{msg}{other}, which is a pipe, a device, or a link to nothing.")
    outputs: dict[Path, Path] = {}
    for part in parts:
        output = output_of(part, out)
        format_of(output)
        if output.match(whole):
            msg = f"Cannot write {out}. Expected: a folder whose files do not match {pattern}. Received: one whose "
            raise ReviewError(f"{msg}file {output.name} would. Name another one by --out.")
        if output in outputs:
            msg = f"Cannot write {output}. Expected: one file of that name. Received: {outputs[output]} and {part}."
            raise ReviewError(f"{msg} Rename one, or score them into two folders.")
        outputs[output] = part
    return parts


def _absolute(path: Path | str) -> Path:
    """Return the absolute path. Links are kept, because they may lead elsewhere on another machine."""
    return Path(os.path.abspath(path))  # noqa: PTH100


def output_of(part: Path, out: Path) -> Path:
    """Return the output of a part: a text file becomes a table."""
    try:
        format_of(part)
    except ReviewError:
        return out / f"{part.name}.csv"
    return out / part.name


def _results_of(
    engine: Engine, scorer: PartScorer, parts: list[Path], workers: int | None
) -> Generator[Scored, None, None]:
    """Return the results of parts as they are done. Workers start with the first one, and end when this is closed."""
    if engine == "ray":
        from imdb_rnn.scoring import on_ray

        return on_ray.score(scorer, parts, workers)
    from imdb_rnn.scoring import on_processes

    return on_processes.score(scorer, parts, workers)


def _begin(out: Path, resume: bool) -> None:
    """Make the folder.

    Raises:
        ReviewError: it cannot be made, has something else, or has parts and is not to be resumed.
    """
    names = {path.name for path in out.iterdir()} if out.is_dir() else set()
    # A run that ended before its first file was begun has left nothing to resume.
    if names and not (names == {RECORDS} and not any((out / RECORDS).iterdir())):
        msg = f"Cannot write {out}. Expected: a new or empty folder. Received: "
        if RECORDS not in names:
            raise ReviewError(f"{msg}one with other files. Name another one.")
        if not resume:
            resume_it = "To resume, run the same command with --resume. Otherwise, name another folder."
            raise ReviewError(f"{msg}one with scored files. {resume_it}")
    try:
        out.mkdir(exist_ok=True)
        (out / RECORDS).mkdir(exist_ok=True)
    except OSError as error:
        msg = f"Cannot write {out}. Expected: a folder that can be made. Received: {error}. Name another one."
        raise ReviewError(msg) from error


def _tidy(parts: list[Path], out: Path) -> None:
    """Remove what killed workers have left of these parts."""
    names = {output_of(part, out).name for part in parts}
    for path in (out / RECORDS).iterdir():
        attempt, record = _ATTEMPT.fullmatch(path.name), _HALF_RECORD.fullmatch(path.name)
        if attempt and attempt[1] in names and path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif record and record[1] in names and path.is_file():
            with suppress(OSError):
                path.unlink()
