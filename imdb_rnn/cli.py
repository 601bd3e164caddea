"""The command line: `imdb-rnn train`, `evaluate`, `predict`, …

Results go to standard output, progress and notices to standard error. The exit status is 0 for success, 1 for an error
that is reported in one line, 2 for a wrong command line, 130 for an interruption (Ctrl-C), 141 if the reader of the
output ends, and 143 for SIGTERM.
"""

import json
import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import typer
from typer.core import TyperGroup

from imdb_rnn.errors import BundleError, ImdbRnnError, MissingPackageError, ReviewError
from imdb_rnn.printable import examples, printable
from imdb_rnn.terminal import discard_unwritable_output

if TYPE_CHECKING:
    from imdb_rnn.inference.classifier import Classifier, Prediction
    from imdb_rnn.scoring.score import Scored

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
    """Report the errors of this library, and I/O errors, in one line with an exit status."""
    try:
        yield
        if sys.stdout is not None:
            sys.stdout.flush()  # here, where an error can still be reported
    except ImdbRnnError as error:
        typer.echo(f"imdb-rnn: {printable(str(error))}", err=True)
        raise typer.Exit(1) from error
    except ModuleNotFoundError as error:
        typer.echo(f"imdb-rnn: {printable(str(MissingPackageError.of(error)))}", err=True)
        raise typer.Exit(1) from error
    except BrokenPipeError as error:  # the reader of the output, such as `head`, has read enough
        discard_unwritable_output()
        raise typer.Exit(141) from error
    except OSError as error:  # for example, standard output is on a full disk
        typer.echo(f"imdb-rnn: I/O error: {error}", err=True)
        discard_unwritable_output()
        raise typer.Exit(1) from error
    except _Terminated as error:
        typer.echo("imdb-rnn: terminated", err=True)
        raise typer.Exit(143) from error
    except KeyboardInterrupt as error:
        typer.echo("imdb-rnn: interrupted", err=True)
        raise typer.Exit(130) from error


class _Terminated(KeyboardInterrupt):
    """The process was asked to end by SIGTERM, and ends as it does after Ctrl-C."""


def _on_sigterm(number: int, frame: object) -> None:
    raise _Terminated


class _Commands(TyperGroup):
    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        with _errors_in_one_line():  # options such as --version and --help run here
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        with _errors_in_one_line():
            return super().invoke(ctx)


app = typer.Typer(
    cls=_Commands,
    help="Train, evaluate and use a small film-review classifier. KERAS_BACKEND selects the backend: jax, torch or "
    "tensorflow.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Data = Annotated[
    str,
    typer.Option(
        "--data",
        metavar="SOURCE",
        help="Source of reviews: auto, imdb, tfds, folder:PATH, npz:PATH, shards:PATH or synthetic.",
    ),
]
TrainedData = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="SOURCE",
        help="Source of reviews, as for train (default: that of the training, unless it is a path).",
    ),
]
Directory = Annotated[Path, typer.Argument(metavar="DIR", help="Folder saved by `imdb-rnn train`.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Name = Annotated[Literal["robust", "tutorial"], typer.Option("--recipe", help="Training recipe; see docs/recipes.md.")]
Epochs = Annotated[
    int | None,
    typer.Option("--epochs", help="Maximum number of epochs (default: that of the recipe). Training may stop earlier."),
]
Seed = Annotated[int, typer.Option("--seed", help="Seed for weights and shuffling.")]
BatchSize = Annotated[int, typer.Option("--batch-size", help="Reviews per step.")]
TextColumn = Annotated[
    str | None, typer.Option("--text-column", metavar="NAME", help="Column of the reviews in a table (default: text).")
]
Encoding = Annotated[
    str | None, typer.Option("--encoding", help="Encoding of the file, such as cp1252 (default: UTF-8).")
]
NumWords = Annotated[int, typer.Option("--num-words", help="Size of the vocabulary.")]


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without 😀 shows "?" instead
    signal.signal(signal.SIGTERM, _on_sigterm)
    logging.basicConfig(format="imdb-rnn: %(message)s", level=logging.WARNING)
    logging.getLogger("imdb_rnn").setLevel(logging.INFO)
    # matplotlib prints long warnings if the home folder is not writable, but works without it.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    # Hides TensorFlow's notes at its start, but not its errors.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # The name for completion and usage, also for `python -m`.
    app(prog_name="imdb-rnn")


def _show_version(ctx: typer.Context, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:  # not during shell completion
        from imdb_rnn import __version__

        typer.echo(f"imdb-rnn {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Define the options before a command."""


@app.command(
    epilog=examples(
        "imdb-rnn train --out my-model",
        "imdb-rnn train --out my-model --resume",
        "imdb-rnn train --out tutorial --recipe tutorial --data imdb",
    )
)
def train(
    data: Data = "auto",
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="New folder to save to.")] = Path("imdb-model"),
    recipe: Name = "robust",
    epochs: Epochs = None,
    seed: Seed = 42,
    batch_size: BatchSize = 64,
    resume: Annotated[
        bool, typer.Option("--resume", help="Resume a training that was interrupted in this folder.")
    ] = False,
    workers: Annotated[
        int,
        typer.Option(
            "--workers", min=1, help="Workers that share each batch; see docs/training-on-several-devices.md."
        ),
    ] = 1,
    as_json: Json = False,
) -> None:
    """Train a model, evaluate its best epoch and save it."""
    from imdb_rnn.backends.workers import launched_process
    from imdb_rnn.inference.bundle import MANIFEST_FILE
    from imdb_rnn.training import fit
    from imdb_rnn.training.recipe import Recipe
    from imdb_rnn.training.worker import run_worker

    settings = {} if epochs is None else {"epochs": epochs}
    settings |= {"seed": seed, "batch_size": batch_size}
    chosen, launched = Recipe.named(recipe, **settings), launched_process()
    if launched is not None and launched.rank:
        run_worker(launched, chosen)
        return
    try:
        manifest = fit.train(data, out, chosen, resume=resume, workers=workers).manifest
    except KeyboardInterrupt:
        saved = "Nothing was saved yet."
        if (out / MANIFEST_FILE).is_file():
            saved = f"The best model so far is in {out}. To resume, run the same command with --resume."
        typer.echo(printable(saved), err=True)
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


@app.command(epilog=examples("imdb-rnn evaluate my-model"))
def evaluate(
    directory: Directory,
    data: TrainedData = None,
    split: Annotated[Literal["val", "test"], typer.Option("--split", help="Validation or test reviews.")] = "test",
    strict: Annotated[bool, typer.Option("--strict", help="Fail if the training was interrupted.")] = False,
    as_json: Json = False,
) -> None:
    """Compute the loss and accuracy of a saved model."""
    from imdb_rnn.inference.classifier import Classifier
    from imdb_rnn.training import evaluation

    result = evaluation.evaluate(Classifier.load(directory, strict=strict), data, split=split)
    if as_json:
        data_used = {"source": result.source, "fingerprint": result.fingerprint}
        _print_json({"split": split, "loss": result.loss, "accuracy": result.accuracy, "data": data_used})
    else:
        print(f"{printable(result.source)}, {split}: loss {result.loss:.4f}, accuracy {result.accuracy:.4f}")


@app.command(epilog=examples("imdb-rnn reproduce my-model --out again"))
def reproduce(
    directory: Directory,
    data: TrainedData = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="New folder for the repeated training.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Train again as a saved folder says, and compare with it.

    The exit status is 0 if the result is the same to the last bit; also if it is equally good, where the backend, a
    version or the processor is another one.
    """
    from imdb_rnn.training import reproduction

    result = reproduction.reproduce(directory, data, out=out)
    if as_json:
        _print_json(asdict(result))
    else:
        for name, (before, now) in result.changed.items():
            print(f"{'changed':<15}{name}: {printable(str(before))}, now {printable(str(now))}")
        for name, (before, now) in result.results.items():
            print(f"{'differs':<15}{name}: {printable(str(before))}, now {printable(str(now))}")
        print(f"{'weights':<15}largest difference {result.weights:.2g}")
        print(f"{'result':<15}{result.verdict}")
    if not result.succeeded:
        msg = f"Cannot reproduce {directory}. Expected: the same result. Received: a model that is {result.verdict}"
        raise BundleError(f"{msg}{'' if result.changed else ', although nothing that is recorded has changed'}.")


@app.command(
    epilog=examples(
        'imdb-rnn predict my-model "A wonderful film, I loved it."',
        "imdb-rnn predict my-model --file reviews.csv --out scored.csv",
        'imdb-rnn predict my-model --file "part-*.parquet" --engine ray --out scored',
    )
)
def predict(
    ctx: typer.Context,
    directory: Directory,
    texts: Annotated[list[str] | None, typer.Argument(metavar="[TEXT]…", help="Reviews, one per argument.")] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            metavar="FILE",
            help="Text file with one review per line, or CSV, TSV, JSON lines or Parquet; can be compressed by gzip. "
            'With --out, also a pattern in quotation marks, such as "part-*.csv".',
        ),
    ] = None,
    text_column: TextColumn = None,
    encoding: Encoding = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="New file for the rows and their scores: .csv, .tsv, .jsonl (also with .gz) or .parquet. "
            "For a pattern, a new folder.",
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Resume an interrupted run.")] = False,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Processes that score a file (default: one per core).")
    ] = None,
    engine: Annotated[
        Literal["local", "ray"],
        typer.Option(
            "--engine", help="Where the files of a pattern are scored: on this machine, or on a cluster with Ray Data."
        ),
    ] = "local",
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Fail at a row that cannot be scored, or if the training was interrupted."),
    ] = False,
    samples: Annotated[
        bool, typer.Option("--samples", help="Score ten sample reviews and show the expected labels.")
    ] = False,
    lang: Annotated[Literal["en", "ko"], typer.Option("--lang", help="Language of the output.")] = "en",
    as_json: Json = False,
) -> None:
    """Score reviews. Without TEXT and --file, reviews are read from standard input, one per line.

    The output has one row per line of text or row of a table. A row that cannot be scored has a reason instead of a
    score.
    """
    from imdb_rnn.inference.classifier import Classifier
    from imdb_rnn.samples import SAMPLES
    from imdb_rnn.scoring.parts import is_pattern

    if sum((bool(texts), file is not None, samples)) > 1:
        advice = " If --file is a pattern, put it in quotation marks." if texts and file is not None else ""
        ctx.fail(f"Only one of TEXT, --file and --samples can be given.{advice}")
    if file is None and out is not None:
        ctx.fail("--out needs --file.")
    if resume and out is None:
        ctx.fail("--resume needs --out.")
    has_pattern = file is not None and is_pattern(file)
    if has_pattern and out is None:
        ctx.fail("--file with a pattern needs --out, a folder.")
    if engine != "local" and not has_pattern:
        ctx.fail(f'--engine {engine} needs --file with a pattern, such as "part-*.csv".')
    classifier = Classifier.load(directory, strict=strict)
    if samples:
        _print_samples(classifier.predict_reviews([text for text, _ in SAMPLES]), lang, as_json)
    elif texts:
        rows = [_Row(*prediction) for prediction in classifier.predict_reviews(texts)]
        if as_json:
            _print_json([row._asdict() for row in rows])
            return
        for row in rows:
            print(_in_words(row, lang))
    elif file is not None and out is not None:
        options = {
            "text_column": text_column,
            "encoding": encoding,
            "strict": strict,
            "workers": workers,
            "resume": resume,
        }
        if has_pattern:
            _score_to_folder(classifier, file, out, as_json, engine=engine, **options)
        else:
            _score_to_file(classifier, file, out, as_json, **options)
    else:
        _score_to_output(classifier, file, text_column, encoding, strict, workers, lang, as_json)


@app.command(
    "explain", epilog=examples('imdb-rnn explain my-model "Lovely pictures, but a terrible script." --html why.html')
)
def explain_review(
    directory: Directory,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="Review to explain.")],
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE.html", help="Also write the explanation as an HTML page.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show each word's contribution to the score of a review."""
    from rich.console import Console

    from imdb_rnn.inference import explanation
    from imdb_rnn.inference.classifier import Classifier

    result = explanation.explain(Classifier.load(directory), text)
    if html is not None:
        try:
            explanation.write_page(result, html)
        except (OSError, ValueError) as error:
            msg = f"Cannot write the page {html}. Expected: a file that can be written. Received: {error}"
            raise BundleError(msg) from error
    if as_json:
        _print_json(explanation.record_of(result))
        return
    print(_in_words(_Row(*result.prediction), "en"))
    console = Console(highlight=False)
    console.print(explanation.for_terminal(result, console.width))


@app.command(
    "export",
    epilog=examples("imdb-rnn export my-model my-model-onnx --to onnx", "imdb-rnn export my-model page.html --to html"),
)
def export_model(
    directory: Directory,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="New folder to write; for html, a file.")],
    to: Annotated[
        Literal["onnx", "openvino", "saved_model", "torch", "litert", "html"],
        typer.Option("--to", help="Format; saved_model is TensorFlow's, torch is a file of torch.export."),
    ],
    as_json: Json = False,
) -> None:
    """Export a model to another runtime, or to a web page.

    Keras writes the file on an installed backend that can. It is run by its own runtime, which has to be installed, and
    kept only if its scores are those of the model. A page needs neither.
    """
    from imdb_rnn.exporting.formats import FORMATS
    from imdb_rnn.exporting.reference import BOUND
    from imdb_rnn.inference.classifier import Classifier

    exported = Classifier.load(directory).export(out, to)
    if as_json:
        _print_json({**exported._asdict(), "path": str(exported.path)})
        return
    if exported.format != "html":
        print(f"written        {FORMATS[exported.format].title}, by Keras on {exported.writer}")
        print(f"checked        {exported.reviews:,} reviews ({exported.rows:,} rows) with {exported.runtime}")
        print(f"               largest difference of a score {exported.difference:.1e}, at most {BOUND:g} is allowed")
    print(f"saved in       {printable(str(out))}")
    for file in sorted(out.iterdir()) if out.is_dir() else ():
        print(f"               {file.name}")


@app.command(
    epilog=examples(
        "imdb-rnn push my-model OWNER/film-reviews",
        "imdb-rnn push my-model OWNER/film-reviews --private",
    )
)
def push(
    directory: Directory,
    name: Annotated[str, typer.Argument(metavar="OWNER/MODEL", help="Name on the Hugging Face hub.")],
    private: Annotated[bool, typer.Option("--private", help="Create a model that only its owner can see.")] = False,
    interrupted: Annotated[
        bool, typer.Option("--interrupted", help="Also upload a model whose training was interrupted.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Upload a saved model to the Hugging Face hub, with a model card.

    `Classifier.load("hf://OWNER/MODEL")` loads it again. The card tells of the training and of what the model gets
    wrong. It needs `huggingface_hub`, and a token: log in with `hf auth login`, or set HF_TOKEN.
    """
    from imdb_rnn import hub
    from imdb_rnn.exporting.agreement import agreement_of
    from imdb_rnn.inference import bundle
    from imdb_rnn.inference.classifier import Classifier
    from imdb_rnn.inference.model_card import model_card

    name = hub.name_in(name) or name
    hub.check_token(name)
    classifier = Classifier.load(directory, strict=not interrupted)
    if (directory / bundle.MANIFEST_FILE).exists():
        # What is not needed to load the classifier is checked here.
        for part in (bundle.HISTORY_FILE, bundle.ESTIMATOR_FILE):
            if (directory / part).exists():
                bundle.read_part(directory, part)
    card = model_card(classifier, name, agreement_of(classifier))
    address = hub.upload(directory, sorted(bundle.FILES), name, card, private=private)
    if as_json:
        _print_json({"name": f"{hub.PREFIX}{name}", "commit": address})
    else:
        print(f"uploaded       {hub.PREFIX}{name}")
        print(f"commit         {printable(address)}")


@app.command(epilog=examples("imdb-rnn summary"))
def summary(
    encoder: Annotated[
        Literal["embedding", "one_hot"], typer.Option("--encoder", help="Kind of the first layer.")
    ] = "embedding",
    num_words: NumWords = 10_000,
    as_json: Json = False,
) -> None:
    """Show the layers of the model and their numbers of parameters."""
    from imdb_rnn.model.architecture import build_model, parameters

    model = build_model(num_words, encoder=encoder)
    if as_json:
        _print_json(parameters(model))
    else:
        model.summary()


@app.command(epilog=examples("imdb-rnn plot my-model -o curve.png"))
def plot(
    directory: Directory,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE.png", help="PNG file to write.")],
    as_json: Json = False,
) -> None:
    """Plot loss and accuracy over the epochs of a saved training."""
    from imdb_rnn.inference import bundle
    from imdb_rnn.training.plots import plot_history

    history, manifest = bundle.read_part(directory, bundle.HISTORY_FILE), bundle.read_manifest(directory)
    try:
        if output.exists() and not output.read_bytes().startswith(PNG):
            msg = f"{output} already exists and is not a PNG picture"
            raise FileExistsError(msg)
        plot_history(history, manifest, output)
    except (OSError, KeyError, TypeError, ValueError) as error:
        msg = (
            f"Cannot draw {directory} to {output}. Expected: a history, and a file that can be written. "
            f"Received: {error!r:.300}"
        )
        raise BundleError(msg) from error
    if as_json:
        _print_json({"picture": str(output)})


@app.command("data", epilog=examples("imdb-rnn data synthetic"))
def describe(
    source: Annotated[str, typer.Argument(metavar="[SOURCE]", help="Source of reviews, as for train.")] = "auto",
    as_json: Json = False,
) -> None:
    """Describe a source of reviews."""
    from imdb_rnn.corpora import load_reviews

    corpus = load_reviews(source)
    first = corpus.vocabulary.decode(corpus.train[0])
    description: dict[str, Any] = {
        "source": corpus.source,
        "fingerprint": corpus.fingerprint,
        "words": len(corpus.vocabulary),
    }
    for name, part in (("train", corpus.train), ("test", corpus.test)):
        lengths = part.lengths - 1  # without the id that starts a review
        description[name] = {
            "reviews": len(part),
            "positive": int(part.required_labels().sum()),
            "mean_words": round(float(lengths.mean()), 1),
            "longest": int(lengths.max()),
        }
    description["first_review"] = {
        "label": "positive" if corpus.train.required_labels()[0] else "negative",
        "text": first,
    }
    if as_json:
        _print_json(description)
        return
    print(f"source       {printable(corpus.source)}")
    print(f"fingerprint  {corpus.fingerprint}\nwords        {len(corpus.vocabulary):,}")
    for name in ("train", "test"):
        split = description[name]
        print(
            f"{name:<13}{split['reviews']:,} reviews, {split['positive']:,} positive, "
            f"{split['mean_words']} words on average, {split['longest']:,} in the longest"
        )
    print(f"first        ({description['first_review']['label']}) {printable(first)[:200]}")


@app.command(
    epilog=examples(
        'imdb-rnn encode "files:reviews-*.parquet" encoded',
        "imdb-rnn encode synthetic:100000 encoded",
    )
)
def encode(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="files:PATTERN for tables with labels, synthetic:COUNT, or a source as for train.",
        ),
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="New folder for the encoded reviews.")],
    test: Annotated[
        str | None,
        typer.Option("--test", metavar="PATTERN", help="Files for the evaluation (default: one row in ten)."),
    ] = None,
    text_column: TextColumn = None,
    label_column: Annotated[
        str | None,
        typer.Option(
            "--label-column",
            metavar="NAME",
            help="Column of the labels, such as 0 or 1, or neg or pos (default: label).",
        ),
    ] = None,
    encoding: Encoding = None,
    vocabulary: Annotated[
        Path | None,
        typer.Option(
            "--vocabulary",
            metavar="FILE",
            help="Word index in JSON, word -> rank (default: the words of the training reviews, by frequency).",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Resume an encoding that was interrupted in this folder.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Processes that encode (default: one per core).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Encode reviews that do not fit in memory into files, for `train --data shards:OUT`."""
    from imdb_rnn.encoding.encode import encode as encode_source
    from imdb_rnn.encoding.progress import bar
    from imdb_rnn.text.tokens import Vocabulary

    try:
        with bar() as progress:
            encoded = encode_source(
                source,
                out,
                test=test,
                text_column=text_column,
                label_column=label_column,
                encoding=encoding,
                vocabulary=None if vocabulary is None else Vocabulary.load(vocabulary),
                workers=workers,
                resume=resume,
                progress=progress,
            )
    except KeyboardInterrupt:
        if out.exists():  # what cannot be resumed has been removed
            typer.echo("To resume, run the same command with --resume.", err=True)
        raise
    for row in encoded.first_skipped:
        typer.echo(f"imdb-rnn: left out {printable(row)}", err=True)
    if encoded.skipped > len(encoded.first_skipped):
        typer.echo(f"imdb-rnn: left out {encoded.skipped:,} rows in all", err=True)
    if as_json:
        _print_json({**encoded._asdict(), "out": str(out)})
        return
    print(f"train     {encoded.train:,} reviews")
    print(f"test      {encoded.test:,} reviews")
    print(f"words     {encoded.words:,}")
    print(f"saved in  {printable(str(out))}, for --data {printable(f'shards:{out}')}")


@app.command(epilog=examples("imdb-rnn encoders --data synthetic --epochs 5"))
def encoders(
    data: Data = "auto",
    epochs: Annotated[int, typer.Option("--epochs", help="Maximum number of epochs. Training may stop earlier.")] = 100,
    seed: Seed = 42,
    num_words: NumWords = 500,
    as_json: Json = False,
) -> None:
    """Compare the tutorial's one-hot and embedding models.

    Both are trained. The default of 500 words is that of the tutorial's first model, whose one-hot vectors grow with
    the vocabulary.
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
                "bytes_per_sample": recipe.max_len * width * 4,
                "test_accuracy": trained.manifest.test_accuracy,
                "training_seconds": trained.manifest.seconds["training"],
            }
        )
    if as_json:
        _print_json(rows)
        return
    print(f"{'encoder':<12}{'parameters':>12}{'bytes per sample':>18}{'test accuracy':>16}{'training':>12}")
    for row in rows:
        print(
            f"{row['encoder']:<12}{row['parameters']:>12,}{row['bytes_per_sample']:>18,}{row['test_accuracy']:>16.4f}"
            f"{row['training_seconds']:>10.1f} s"
        )


class _Row(NamedTuple):
    """A row of the output of `predict`: a score and a label, or the reason why there are none."""

    text: str
    score: float | None
    label: str | None
    reason: str | None = None


def _print_samples(predictions: list["Prediction"], lang: str, as_json: bool) -> None:
    """Print the sample reviews with their scores and the expected labels."""
    from imdb_rnn.samples import SAMPLES

    rows, expected = [_Row(*prediction) for prediction in predictions], [label for _, label in SAMPLES]
    if as_json:
        _print_json([{**row._asdict(), "expected": label} for row, label in zip(rows, expected, strict=True)])
        return
    words = WORDS[lang]
    for row, label in zip(rows, expected, strict=True):
        mark = "" if row.label == label else "  ✗"
        print(f"{_in_words(row, lang)}  ({words['expected']}: {words[label]}){mark}")
    correct = sum(row.label == label for row, label in zip(rows, expected, strict=True))
    print(f"{correct}/{len(expected)} {words['right']}")


def _score_to_file(classifier: "Classifier", file: Path, out: Path, as_json: bool, **options: Any) -> None:
    """Score a file, write a table, and report the number of rows."""
    from imdb_rnn.scoring.progress import bar
    from imdb_rnn.scoring.results import progress_of
    from imdb_rnn.scoring.score import score_file

    try:
        with bar() as progress:
            scored = score_file(classifier, file, out, progress=progress, **options)
    except BaseException:
        if progress_of(out).is_file():
            kept = f"What was scored is kept in {out}.part."
            typer.echo(printable(f"{kept} To resume, run the same command with --resume."), err=True)
        raise
    _report_saved(scored, out, as_json)


def _score_to_folder(classifier: "Classifier", pattern: Path, out: Path, as_json: bool, **options: Any) -> None:
    """Score the files of a pattern, write a folder, and report the number of rows."""
    from imdb_rnn.scoring.parts import score_parts
    from imdb_rnn.scoring.progress import parts_bar

    kept = ""
    try:
        with parts_bar() as show:

            def progress(done: int, parts: int, scored: "Scored") -> None:
                nonlocal kept
                kept = f"Scored so far, in {out}: {done:,} of {parts:,} files." if done else ""
                show(done, parts, scored)

            scored = score_parts(classifier, str(pattern), out, progress=progress, **options)
    except BaseException:
        if kept:
            typer.echo(printable(f"{kept} To resume, run the same command with --resume."), err=True)
        raise
    _report_saved(scored, out, as_json)


def _report_saved(scored: "Scored", out: Path, as_json: bool) -> None:
    """Report what was scored, and where it is."""
    _report(scored, "rows")
    if as_json:
        _print_json({"rows": scored.rows, "unscored": scored.unscored, "out": str(out)})
    else:
        print(f"{scored.rows:,} rows, saved in {printable(str(out))}")


def _score_to_output(
    classifier: "Classifier",
    file: Path | None,
    text_column: str | None,
    encoding: str | None,
    strict: bool,
    workers: int | None,
    lang: str,
    as_json: bool,
) -> None:
    """Score a file or standard input, and print each block of rows as soon as it is scored."""
    from imdb_rnn.processes import available_cores
    from imdb_rnn.scoring.results import columns_of, json_rows, result_names
    from imdb_rnn.scoring.score import NOTHING, Scored, check
    from imdb_rnn.scoring.tables import TEXT_COLUMN, open_table
    from imdb_rnn.scoring.workers import score_blocks

    if file is None and sys.stdin is not None and sys.stdin.isatty():
        typer.echo("Type reviews, one per line. End with Ctrl-D.", err=True)
    name = "standard input" if file is None else str(file)
    total = NOTHING
    with open_table(file, text_column, encoding, name) as table:
        names: dict[str, str] = {}
        for scored in score_blocks(classifier, table.blocks, workers or available_cores()):
            if strict:
                check(scored, total.rows, table, name)
            if as_json:
                names = names or result_names(columns_of(table, scored.block))
                rows = json_rows(scored.block.records(), scored.results, names, ensure_ascii=True)
                print(", " if total.rows else "[", ", ".join(rows), sep="", end="")
            else:
                column = text_column or TEXT_COLUMN
                for record, result in zip(scored.block.records(), scored.results, strict=True):
                    print(_in_words(_Row(str(record.get(column, "")), *result), lang))
            sys.stdout.flush()
            total = total.plus(Scored.of(scored))
    if not total.rows and table.format == "text":
        msg = f"Cannot read {name}. Expected: reviews, one per line. Received: none."
        raise ReviewError(msg)
    if as_json:
        print("]" if total.rows else "[]")
    _report(total, "lines" if table.format == "text" else "rows")


def _report(scored: "Scored", rows: str) -> None:
    """Report rows without a score, and a text that the model hardly knows, on standard error."""
    from imdb_rnn.inference.classifier import unknown_words

    if scored.unscored:
        typer.echo(
            f"imdb-rnn: {scored.unscored:,} of {scored.rows:,} {rows} could not be read and have no score.", err=True
        )
    if problem := unknown_words(scored.words):
        typer.echo(f"imdb-rnn: {problem}", err=True)


def _in_words(row: _Row, lang: str) -> str:
    """Format a row like the tutorial: the first 30 characters, an emoji, and the probability of the label."""
    text = printable(row.text)
    shown = text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"
    if row.score is None or row.label is None:
        verdict = f"{WORDS[lang]['unread']}: {row.reason}"
    else:
        probability = row.score if row.label == "positive" else 1 - row.score
        verdict = f"{FACES[row.label]} {WORDS[lang][row.label]} {probability:.1%}"
    return f"{shown:<{SHOWN_CHARACTERS + 1}}  {verdict}"


def _print_json(content: Any) -> None:
    print(json.dumps(content, allow_nan=False))  # ASCII, which every terminal and pipe can represent
