"""The command line: `imdb-rnn train`, `evaluate`, `predict`, …

Results go to standard output, progress and notices to standard error. The exit status is 0 when all went well, 1 for an
error that is named in one line, 2 for a command that was not understood, 130 when interrupted.
"""

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import typer
from typer.core import TyperGroup

from imdb_rnn.errors import BundleError, ImdbRnnError, ReviewError
from imdb_rnn.printable import printable
from imdb_rnn.text import text_files

if TYPE_CHECKING:
    from imdb_rnn.inference.classifier import Classifier

FACES = {"positive": "😀", "negative": "💥"}
WORDS = {
    "en": {
        "positive": "positive",
        "negative": "negative",
        "expected": "expected",
        "right": "as expected",
        "unread": "no score",
    },
    "ko": {"positive": "긍정", "negative": "부정", "expected": "예상", "right": "예상과 일치", "unread": "점수 없음"},
}
SHOWN_CHARACTERS = 30
PNG = b"\x89PNG"


@contextmanager
def _errors_in_one_line() -> Iterator[None]:
    """Turn the errors that this library raises on purpose into one line and an exit status."""
    try:
        yield
        if sys.stdout is not None:
            sys.stdout.flush()  # while an error can still be told
    except ImdbRnnError as error:
        typer.echo(f"imdb-rnn: {printable(str(error))}", err=True)
        raise typer.Exit(1) from error
    except OSError as error:  # a full disk behind standard output, …
        typer.echo(f"imdb-rnn: Cannot go on. Expected: files and streams that work. Received: {error}", err=True)
        _drop_what_cannot_be_written()
        raise typer.Exit(1) from error
    except KeyboardInterrupt as error:
        typer.echo("imdb-rnn: interrupted", err=True)
        raise typer.Exit(130) from error


def _drop_what_cannot_be_written() -> None:
    """Python writes what is left of the output when it exits, and would fail once more."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Commands(TyperGroup):
    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        with _errors_in_one_line():  # options such as --version and --help do their work here
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        with _errors_in_one_line():
            return super().invoke(ctx)


app = typer.Typer(
    cls=_Commands,
    help="Train, evaluate and use a small film-review classifier on the backend that KERAS_BACKEND names: jax, torch "
    "or tensorflow.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Data = Annotated[
    str, typer.Option("--data", metavar="SOURCE", help="auto, imdb, tfds, folder:PATH, npz:PATH or synthetic.")
]
Directory = Annotated[Path, typer.Argument(metavar="DIR", help="A folder saved by `imdb-rnn train`.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Name = Annotated[Literal["robust", "tutorial"], typer.Option("--recipe", help="How to train; see docs/recipes.md.")]
Epochs = Annotated[
    int | None,
    typer.Option("--epochs", help="The most epochs; else as in the recipe. Stops earlier when nothing improves."),
]
Seed = Annotated[int, typer.Option("--seed", help="Of the initial weights and the order of the reviews.")]
BatchSize = Annotated[int, typer.Option("--batch-size", help="Reviews a step.")]
NumWords = Annotated[int, typer.Option("--num-words", help="How many ids the model knows.")]


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without 😀 shows "?" instead of failing
    logging.basicConfig(format="imdb-rnn: %(message)s", level=logging.WARNING)
    logging.getLogger("imdb_rnn").setLevel(logging.INFO)
    # matplotlib warns at length of a home that cannot be written, and then does without.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    # TensorFlow's start-up notes are not for the user of a command line; its errors still show.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # The name that completion and usage go by, however the program was started.
    app(prog_name="imdb-rnn")


def _show_version(ctx: typer.Context, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:  # that is, not while a line is being completed
        from imdb_rnn import __version__

        typer.echo(f"imdb-rnn {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Take the options that stand before a command."""


@app.command()
def train(
    data: Data = "auto",
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="A new folder to save to.")] = Path("imdb-model"),
    recipe: Name = "robust",
    epochs: Epochs = None,
    seed: Seed = 42,
    batch_size: BatchSize = 64,
    as_json: Json = False,
) -> None:
    """Train a model, keep the best epoch, evaluate it and save it."""
    from imdb_rnn.inference.bundle import MANIFEST_FILE
    from imdb_rnn.training import fit
    from imdb_rnn.training.recipe import Recipe

    settings = {} if epochs is None else {"epochs": epochs}
    settings |= {"seed": seed, "batch_size": batch_size}
    try:
        manifest = fit.train(data, out, Recipe.named(recipe, **settings)).manifest
    except KeyboardInterrupt:
        saved = (out / MANIFEST_FILE).is_file()
        typer.echo(f"The best model so far is in {out}." if saved else "Nothing was saved yet.", err=True)
        raise
    if as_json:
        _print_json({**manifest.to_json(), "out": str(out)})
        return
    print(f"data           {printable(manifest.source)}")
    print(f"backend        {manifest.backend} on {manifest.device}")
    print(f"best epoch     {manifest.best_epoch} of {manifest.epochs}")
    print(f"validation     loss {manifest.val_loss:.4f}, accuracy {manifest.val_accuracy:.4f}")
    print(f"test           loss {manifest.test_loss:.4f}, accuracy {manifest.test_accuracy:.4f}")
    print(f"saved in       {printable(str(out))}")
    for file in sorted(out.iterdir()):
        print(f"               {file.name}")


@app.command()
def evaluate(
    directory: Directory,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="SOURCE",
            help="As for train; without it, what DIR was trained on, unless that is a path.",
        ),
    ] = None,
    split: Annotated[Literal["val", "test"], typer.Option("--split", help="Which reviews.")] = "test",
    as_json: Json = False,
) -> None:
    """Compare a saved model's scores with known labels."""
    from imdb_rnn.training import evaluation

    found = evaluation.evaluate(directory, data, split=split)
    if as_json:
        data_used = {"source": found.source, "fingerprint": found.fingerprint}
        _print_json({"split": split, "loss": found.loss, "accuracy": found.accuracy, "data": data_used})
    else:
        print(f"{printable(found.source)}, {split}: loss {found.loss:.4f}, accuracy {found.accuracy:.4f}")


@app.command()
def predict(
    directory: Directory,
    texts: Annotated[list[str] | None, typer.Argument(metavar="[TEXT]…", help="Reviews, one an argument.")] = None,
    file: Annotated[Path | None, typer.Option("--file", metavar="FILE", help="Reviews, one a line.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at a line that cannot be read.")] = False,
    samples: Annotated[bool, typer.Option("--samples", help="Ten reviews of ours, with what is expected.")] = False,
    lang: Annotated[Literal["en", "ko"], typer.Option("--lang", help="Language of the answer.")] = "en",
    as_json: Json = False,
) -> None:
    """Say how positive reviews are. Without TEXT, reviews are read from standard input, one a line.

    Every line has its row. One that cannot be read has no score, but a reason.
    """
    from imdb_rnn.inference.classifier import Classifier
    from imdb_rnn.samples import SAMPLES

    if sum((bool(texts), file is not None, samples)) > 1:
        msg = "Bad reviews. Expected: TEXT, --file or --samples. Received: more than one of them."
        raise ReviewError(msg)
    expected: list[str] = []
    if samples:
        texts, expected = [text for text, _ in SAMPLES], [label for _, label in SAMPLES]
    classifier = Classifier.load(directory)
    if texts:
        rows = [_Row(*prediction) for prediction in classifier.predict_reviews(texts)]
    else:
        rows = _score_lines(classifier, _read_lines(file), _name_of(file), strict)
    if as_json:
        records: list[dict[str, Any]] = [row._asdict() for row in rows]
        for record, label in zip(records, expected, strict=False):
            record["expected"] = label
        _print_json(records)
        return
    for number, row in enumerate(rows):
        line = _in_words(row, lang)
        if expected:
            mark = "" if row.label == expected[number] else "  ✗"
            line += f"  ({WORDS[lang]['expected']}: {WORDS[lang][expected[number]]}){mark}"
        print(line)
    if expected:
        right = sum(row.label == label for row, label in zip(rows, expected, strict=True))
        print(f"{right}/{len(expected)} {WORDS[lang]['right']}")


@app.command("explain")
def explain_review(
    directory: Directory,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="One review.")],
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE.html", help="A page to write as well.")] = None,
    as_json: Json = False,
) -> None:
    """Show what each word contributes to a review's score, and the score as the review goes on."""
    from rich.console import Console

    from imdb_rnn.inference import explanation
    from imdb_rnn.inference.classifier import Classifier

    found = explanation.explain(Classifier.load(directory), text)
    if html is not None:
        try:
            explanation.write_page(found, html)
        except (OSError, ValueError) as error:
            msg = f"Cannot write the page {html}. Expected: a place to write to. Received: {error}"
            raise BundleError(msg) from error
    if as_json:
        _print_json(explanation.record_of(found))
        return
    print(_in_words(_Row(*found.prediction), "en"))
    console = Console(highlight=False)
    console.print(explanation.for_terminal(found, console.width))


@app.command()
def summary(
    encoder: Annotated[
        Literal["embedding", "one_hot"], typer.Option("--encoder", help="How words come in.")
    ] = "embedding",
    num_words: NumWords = 10_000,
    as_json: Json = False,
) -> None:
    """Show the model's layers and their parameters."""
    from imdb_rnn.model.architecture import build_model, parameters

    model = build_model(num_words, encoder=encoder)
    if as_json:
        _print_json(parameters(model))
    else:
        model.summary()


@app.command()
def plot(
    directory: Directory,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE.png", help="The picture to write.")],
    as_json: Json = False,
) -> None:
    """Draw loss and accuracy over the epochs of a saved training."""
    from imdb_rnn.inference import bundle
    from imdb_rnn.training.plots import plot_history

    history, manifest = bundle.read_part(directory, bundle.HISTORY_FILE), bundle.read_manifest(directory)
    try:
        if output.exists() and not output.read_bytes().startswith(PNG):
            msg = f"{output} is there already, and is no picture"
            raise FileExistsError(msg)
        plot_history(history, manifest, output)
    except (OSError, KeyError, TypeError, ValueError) as error:
        msg = (
            f"Cannot draw {directory} to {output}. Expected: its history, and a place to write. "
            f"Received: {error!r:.300}"
        )
        raise BundleError(msg) from error
    if as_json:
        _print_json({"picture": str(output)})


@app.command("data")
def describe(
    source: Annotated[str, typer.Argument(metavar="[SOURCE]", help="As for train --data.")] = "auto",
    as_json: Json = False,
) -> None:
    """Show what a source of reviews holds."""
    from imdb_rnn.corpora import load_reviews

    corpus = load_reviews(source)
    first = corpus.vocabulary.decode(corpus.train[0])
    found: dict[str, Any] = {
        "source": corpus.source,
        "fingerprint": corpus.fingerprint,
        "words": len(corpus.vocabulary),
    }
    for name, part in (("train", corpus.train), ("test", corpus.test)):
        lengths = part.lengths - 1  # without the id that starts a review
        found[name] = {
            "reviews": len(part),
            "positive": int(part.required_labels().sum()),
            "mean_words": round(float(lengths.mean()), 1),
            "longest": int(lengths.max()),
        }
    found["first_review"] = {"label": "positive" if corpus.train.required_labels()[0] else "negative", "text": first}
    if as_json:
        _print_json(found)
        return
    print(f"source       {printable(corpus.source)}")
    print(f"fingerprint  {corpus.fingerprint}\nwords        {len(corpus.vocabulary):,}")
    for name in ("train", "test"):
        part_found = found[name]
        print(
            f"{name:<13}{part_found['reviews']:,} reviews, {part_found['positive']:,} positive, "
            f"{part_found['mean_words']} words on average, {part_found['longest']:,} in the longest"
        )
    print(f"first        ({found['first_review']['label']}) {printable(first)[:200]}")


@app.command()
def encoders(
    data: Data = "auto",
    epochs: Annotated[
        int, typer.Option("--epochs", help="The most epochs; stops earlier when nothing improves.")
    ] = 100,
    seed: Seed = 42,
    num_words: NumWords = 500,
    as_json: Json = False,
) -> None:
    """Train the tutorial's way with one-hot vectors and with an embedding, and show both side by side.

    500 words are what the tutorial's first model uses; its one-hot vectors grow with the number of words.
    """
    from imdb_rnn.corpora import load_reviews
    from imdb_rnn.model.architecture import ENCODERS
    from imdb_rnn.training.fit import train as train_classifier
    from imdb_rnn.training.recipe import Recipe

    corpus = load_reviews(data)
    rows = []
    for encoder in ENCODERS:
        typer.echo(f"imdb-rnn: training with the encoder {encoder}", err=True)
        recipe = Recipe.tutorial(encoder=encoder, epochs=epochs, seed=seed, num_words=num_words)
        trained = train_classifier(corpus, None, recipe)
        width = trained.classifier.model.layers[0].output.shape[-1]
        rows.append(
            {
                "encoder": encoder,
                "parameters": sum(trained.manifest.parameters.values()),
                "bytes_a_sample": recipe.max_len * width * 4,
                "test_accuracy": trained.manifest.test_accuracy,
                "training_seconds": trained.manifest.seconds["training"],
            }
        )
    if as_json:
        _print_json(rows)
        return
    print(f"{'encoder':<12}{'parameters':>12}{'bytes a sample':>18}{'test accuracy':>16}{'training':>12}")
    for row in rows:
        print(
            f"{row['encoder']:<12}{row['parameters']:>12,}{row['bytes_a_sample']:>18,}{row['test_accuracy']:>16.4f}"
            f"{row['training_seconds']:>10.1f} s"
        )


class _Row(NamedTuple):
    """What `predict` says of a text: a score and a label, or the reason why there are none."""

    text: str
    score: float | None
    label: str | None
    reason: str | None = None


def _name_of(file: Path | None) -> str:
    return "standard input" if file is None else str(file)


def _read_lines(file: Path | None) -> list[str]:
    """The lines of a file, or of standard input."""
    if file is None and sys.stdin is not None and sys.stdin.isatty():
        typer.echo("Type reviews, one a line; end with Ctrl-D.", err=True)
    try:
        piped = sys.stdin.buffer.read() if file is None and sys.stdin is not None else b""
        content = piped if file is None else file.read_bytes()
        lines = text_files.read_reviews(content, "" if file is None else file.suffix)
    except (OSError, ValueError) as error:
        msg = f"Cannot read {_name_of(file)}. Expected: reviews in UTF-8, one a line. Received: {error}"
        raise ReviewError(msg) from error
    if not lines:
        msg = f"Cannot read {_name_of(file)}. Expected: reviews, one a line. Received: none."
        raise ReviewError(msg)
    return lines


def _score_lines(classifier: "Classifier", lines: list[str], name: str, strict: bool) -> list[_Row]:
    """A row for each line.

    Raises:
        ReviewError: a line cannot be read, if that is not allowed.
    """
    reasons = [classifier.unreadable_reason(line) for line in lines]
    unread = [number for number, reason in enumerate(reasons) if reason]
    if unread and strict:
        msg = (
            f"Cannot read line {unread[0] + 1:,} of {name}. Expected: a review. Received: {reasons[unread[0]]}: "
            f"{lines[unread[0]][:40]!r}. Without --strict, it has a row without a score."
        )
        raise ReviewError(msg)
    readable = [line for line, reason in zip(lines, reasons, strict=True) if not reason]
    predictions = iter(classifier.predict_reviews(readable))
    if unread:
        typer.echo(f"imdb-rnn: {len(unread):,} of {len(lines):,} lines could not be read and have no score.", err=True)
    return [
        _Row(line, None, None, reason) if reason else _Row(*next(predictions))
        for line, reason in zip(lines, reasons, strict=True)
    ]


def _in_words(row: _Row, lang: str) -> str:
    """A line in the tutorial's form: the first 30 characters, a face, and how sure the model is."""
    text = printable(row.text)
    shown = text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"
    if row.score is None or row.label is None:
        verdict = f"{WORDS[lang]['unread']}: {row.reason}"
    else:
        sure = row.score if row.label == "positive" else 1 - row.score
        verdict = f"{FACES[row.label]} {WORDS[lang][row.label]} {sure:.1%}"
    return f"{shown:<{SHOWN_CHARACTERS + 1}}  {verdict}"


def _print_json(content: Any) -> None:
    print(json.dumps(content, allow_nan=False))  # in ASCII, so that no terminal or pipe loses a letter
