"""Exports a classifier: writes it in a format, runs the file with its own runtime, and keeps it if the scores agree."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import imdb_rnn
from imdb_rnn.backends import TABLE
from imdb_rnn.errors import ExportError
from imdb_rnn.exporting import reference
from imdb_rnn.exporting.formats import FORMAT_NAMES, FORMATS, FormatName, reader_of, writer_of
from imdb_rnn.exporting.page import page_of
from imdb_rnn.files import write_html
from imdb_rnn.inference.bundle import json_bytes
from imdb_rnn.inference.classifier import Classifier
from imdb_rnn.text.reviews import EncodedReviews
from imdb_rnn.text.tokens import OOV, PADDING, START

SETTINGS_FILE = "settings.json"
EXAMPLE_FILE = "example.py"


class Exported(NamedTuple):
    """An exported classifier.

    Attributes:
        format: the format.
        path: the folder, or the HTML page.
        writer: the backend that wrote the model, and its version; None for a page.
        runtime: what the file was run with, and its version; None for a page, which only a browser runs.
        reviews: the number of reviews whose scores were compared.
        rows: the number of rows of the model's input that these reviews have.
        difference: the largest difference of a score from the reference in NumPy and float64; None for a page.
    """

    format: FormatName
    path: Path
    writer: str | None
    runtime: str | None
    reviews: int
    rows: int
    difference: float | None


def export(
    classifier: Classifier, out: Path | str, to: FormatName, *, reviews: EncodedReviews | None = None
) -> Exported:
    """Export a classifier to a format of another runtime, or to a page for a browser.

    Keras writes the plain model, in a process of its own and on a backend that can write the format; the backend that
    this process runs on is preferred. The file is then run by its own runtime. If a score differs from the reference in
    NumPy and float64 by more than 1.7e-5, the file is deleted and an error is raised.

    Args:
        classifier: the classifier.
        out: a new or empty folder for the model, its settings (`settings.json`) and a program that uses them
            (`example.py`); for "html" the file to write.
        to: "onnx", "openvino", "saved_model" (TensorFlow), "torch" (`torch.export`), "litert" or "html".
        reviews: the reviews to compare the scores of; None is 1,000 drawn ones of 1 to 2,500 words, with every word of
            the vocabulary.

    Raises:
        ExportError: the file cannot be written, or does not give the scores of the model.
        MissingPackageError: no backend is installed that can write the format, or nothing that can run it.
        ModelError: the scores of the model are not finite, or the model has no embedding.
    """
    if to not in FORMAT_NAMES:
        msg = f"Bad `to`. Expected: one of {', '.join(FORMAT_NAMES)}. Received: {to!r}."
        raise ExportError(msg)
    out = Path(out)
    if to == "html":
        _write_page(classifier, out)
        return Exported(to, out, None, None, 0, 0, None)
    backend = writer_of(to)
    expected = reference.reference_of(classifier, reviews)
    with _new_folder(out) as folder, tempfile.TemporaryDirectory() as scratch:
        path = folder / FORMATS[to].file
        versions = _write(classifier, to, backend, path, Path(scratch))
        scores, runtime = _run(to, path, expected.x, Path(scratch))
        difference = float(np.abs(scores - expected.scores).max())
        writer = f"{TABLE[backend].title} {versions[backend]}"
        if not difference <= reference.BOUND:  # also if it is not a number
            msg = (
                f"Cannot export to {to}. Expected: scores that differ from the model's by at most {reference.BOUND:g}. "
                f"Received: {difference:.2g}, from a file written by {writer} and run by {runtime}. It was deleted."
            )
            raise ExportError(msg)
        exported = Exported(to, out, writer, runtime, expected.reviews, len(expected.x), difference)
        (folder / SETTINGS_FILE).write_bytes(json_bytes(_settings(classifier, exported, versions)))
        (folder / EXAMPLE_FILE).write_text(_example(classifier, to), encoding="utf-8")
    return exported


def _write(classifier: Classifier, to: str, backend: str, path: Path, scratch: Path) -> dict[str, str]:
    """Write the model, and return the versions of what wrote it."""
    arrays: dict[str, Any] = {f"weight{i}": array for i, array in enumerate(classifier.weights())}
    np.savez(scratch / "model.npz", num_words=classifier.num_words, max_len=classifier.max_len, **arrays)
    arguments = (to, scratch / "model.npz", path)
    versions: dict[str, str] = _in_process("write", arguments, scratch / "result.json", {"KERAS_BACKEND": backend})
    return versions


def _run(to: str, path: Path, rows: Any, scratch: Path) -> tuple[Any, str]:
    """Run the file, and return the scores of rows and the name of the runtime."""
    np.save(scratch / "rows.npy", rows)
    arguments = (to, path, scratch / "rows.npy", scratch / "scores.npy")
    runtime: str = _in_process("run", arguments, scratch / "result.json", {})
    return np.load(scratch / "scores.npy", allow_pickle=False), runtime


def _in_process(module: str, arguments: tuple[Any, ...], result: Path, environment: dict[str, str]) -> Any:
    """Run a module of this package in another process, and return the result that it leaves.

    Raises:
        ExportError: the process fails.
    """
    # Not `-m`, which would look for packages in the current folder first.
    place = str(Path(imdb_rnn.__file__).parent.parent)
    code = f"import sys; sys.path.append({place!r}); from imdb_rnn.exporting.{module} import main; main()"
    completed = subprocess.run(
        [sys.executable, "-P", "-c", code, *map(str, arguments), str(result)],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if completed.returncode != 0 or not result.is_file():
        verb = "written" if module == "write" else "run"
        lines = [line for line in completed.stderr.splitlines() if line.strip()]
        received = lines[-1] if lines else f"the exit status {completed.returncode}"
        msg = f"Cannot export to {arguments[0]}. Expected: a file that can be {verb}. Received: {received:.500}"
        raise ExportError(msg)
    content = json.loads(result.read_text(encoding="utf-8"))
    result.unlink()
    return content


@contextmanager
def _new_folder(out: Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes `out` at the end of the block, and is removed if the block fails.

    Raises:
        ExportError: `out` exists and is not an empty folder, or cannot be written.
    """
    try:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            msg = f"Cannot export to {out}. Expected: a new or an empty folder. Received: one that is not empty."
            raise ExportError(msg)
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    except (OSError, ValueError) as error:
        msg = f"Cannot export to {out}. Expected: a folder that can be written. Received: {error}"
        raise ExportError(msg) from error
    try:
        yield temporary
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o777 & ~mask)  # the usual permissions, because mkdtemp allows only the owner to read
        if out.exists():
            out.rmdir()
        temporary.rename(out)
    except OSError as error:
        msg = f"Cannot export to {out}. Expected: a folder that can be written. Received: {error}"
        raise ExportError(msg) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _settings(classifier: Classifier, exported: Exported, versions: dict[str, str]) -> dict[str, Any]:
    """Return what a program needs to use the model, and what is known of it."""
    manifest = classifier.current_manifest(classifier.weights())
    trained = {
        "source": manifest.source,
        "backend": manifest.backend,
        "test_accuracy": manifest.test_accuracy,
        "test_loss": manifest.test_loss,
    }
    return {
        "format": exported.format,
        "input": f"int32, (reviews, {classifier.max_len}): ids of words, padded in front",
        "output": "float32, (reviews, 1): the probability that a row is positive",
        "max_len": classifier.max_len,
        "num_words": classifier.num_words,
        "windows": classifier.preprocessing.windows,
        # The last layer has been divided by it already.
        "temperature": manifest.temperature,
        "padding": PADDING,
        "start": START,
        "unknown": OOV,
        "trained": {name: value for name, value in trained.items() if value is not None},
        "written_by": versions,
        "checked": {
            "runtime": exported.runtime,
            "reviews": exported.reviews,
            "rows": exported.rows,
            "largest_difference": exported.difference,
            "bound": reference.BOUND,
        },
        "ids": {word: i for word, i in classifier.vocabulary.word_index.items() if i < classifier.num_words},
    }


def _example(classifier: Classifier, to: str) -> str:
    """Return a program that scores a text with the exported file."""
    from jinja2 import Environment

    template = files("imdb_rnn.exporting").joinpath("example.py.jinja").read_text(encoding="utf-8")
    environment = Environment(trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)  # noqa: S701 (Python)
    form = FORMATS[to]
    return str(
        environment.from_string(template).render(
            name=to, file=form.file, package=reader_of(to), windows=classifier.preprocessing.windows
        )
    )


def _write_page(classifier: Classifier, path: Path) -> None:
    """Write the page; see `write_html`."""
    page = page_of(classifier)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_html(path, page)
    except (OSError, ValueError) as error:
        msg = f"Cannot export to {path}. Expected: a file that can be written. Received: {error}"
        raise ExportError(msg) from error
