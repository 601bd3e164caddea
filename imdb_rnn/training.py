"""Training: from a source of reviews to a classifier, and to the folder that keeps it.

May import: numpy, the standard library, imdb_rnn.batches, imdb_rnn.bundle, imdb_rnn.classifier, imdb_rnn.corpora,
imdb_rnn.engine (which loads Keras), imdb_rnn.epochs, imdb_rnn.errors, imdb_rnn.model, imdb_rnn.plots,
imdb_rnn.progress, imdb_rnn.tokens.
"""

import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imdb_rnn import bundle
from imdb_rnn.batches import split_corpus
from imdb_rnn.classifier import SCORING_BATCH, Classifier
from imdb_rnn.corpora import Corpus, load_reviews
from imdb_rnn.engine import load_engine, load_keras, training_backend_name
from imdb_rnn.epochs import train_epochs
from imdb_rnn.errors import DataError, RecipeError
from imdb_rnn.model import (
    LOSS,
    OPTIMIZER,
    Encoder,
    build_model,
    check_encoder,
    check_whole_number,
    compile_model,
    initial_weights,
    parameters,
)
from imdb_rnn.plots import plot_history
from imdb_rnn.progress import progress_callbacks
from imdb_rnn.tokens import Vocabulary

if TYPE_CHECKING:
    import keras

# Too few leave nothing to validate on.
FEWEST_REVIEWS = 10


@dataclass(frozen=True)
class Recipe:
    """How a model is made: the tutorial's way unless said otherwise.

    Attributes:
        num_words: ids are below this number; rarer words become unknown.
        max_len: ids a review, its last ones.
        encoder: see `build_model`.
        epochs: the most epochs to train.
        batch_size: reviews a step.
        patience: stop after so many epochs without a lower validation loss.
        seed: of the initial weights and of the order of the reviews.
    """

    num_words: int = 10_000
    max_len: int = 100
    encoder: Encoder = "embedding"
    epochs: int = 100
    batch_size: int = 64
    patience: int = 3
    seed: int = 42

    def __post_init__(self) -> None:
        for name in ("num_words", "max_len", "epochs", "batch_size", "patience", "seed"):
            check_whole_number(name, getattr(self, name))
        check_encoder(self.encoder)


@dataclass(frozen=True)
class Training:
    """What a training gives.

    Attributes:
        classifier: the best model, ready to read reviews.
        history: loss, accuracy, val_loss and val_accuracy, a list each with one value an epoch.
        manifest: what was trained, on what, with what result; what `manifest.json` holds.
    """

    classifier: Classifier
    history: dict[str, list[float]]
    manifest: dict[str, Any]


def train(
    data: str | Corpus = "auto",
    out: Path | str | None = None,
    recipe: Recipe | None = None,
    *,
    progress: bool = True,
) -> Training:
    """Train a classifier, keep the epoch with the lowest validation loss, and evaluate that on the test reviews.

    Args:
        data: a source of reviews (see `imdb_rnn.load_reviews`), or reviews already loaded.
        out: a new or empty folder to save to; None saves nothing. It is written after every epoch that is the best
            so far, so that an interrupted training leaves a folder that can be loaded.
        recipe: how to train; None is the tutorial's way.
        progress: show on standard error how it goes.

    Raises:
        BackendError: see `imdb_rnn.engine.training_backend_name`.
        BundleError: `out` cannot be written or holds something already.
        DataError: the reviews cannot be had, or are too few.
        RecipeError: a setting is out of range.
    """
    recipe = recipe or Recipe()
    backend = training_backend_name()
    if out is not None and recipe.encoder != "embedding":
        msg = f"Bad `out`. Expected: None for the encoder {recipe.encoder!r}, which is only compared. Received: {out}."
        raise RecipeError(msg)
    folder = None if out is None else Path(out)
    with nullcontext() if folder is None else bundle.claimed(folder):
        clock = _Clock()
        with clock.phase("import"):
            load_keras()
            engine = load_engine()
        with clock.phase("data"):
            corpus = data if isinstance(data, Corpus) else load_reviews(data)
            if len(corpus.train) < FEWEST_REVIEWS:
                msg = f"Bad reviews. Expected: at least {FEWEST_REVIEWS} to train on. Received: {len(corpus.train)}."
                raise DataError(msg)
            splits = split_corpus(corpus, recipe.num_words, recipe.max_len)
        with clock.phase("build"):
            model = build_model(recipe.num_words, recipe.max_len, encoder=recipe.encoder)
            model.set_weights(initial_weights(model, recipe.seed))
            compile_model(model)
        vocabulary = corpus.vocabulary.truncate(recipe.num_words)
        manifest = {
            "complete": False,
            "backend": backend,
            "device": engine.device(),
            "versions": _versions() | {backend: engine.version()},
            "data": {"source": corpus.source, "fingerprint": corpus.fingerprint},
            "vocabulary": vocabulary.fingerprint,
            "recipe": asdict(recipe) | {"optimizer": OPTIMIZER, "loss": LOSS},
            "seed": recipe.seed,
            "parameters": parameters(model),
        }
        keeper = _BestKeeper(folder, manifest, vocabulary, recipe)
        with clock.phase("training"), progress_callbacks(progress) as shown:
            train_epochs(
                model,
                splits.train,
                batch_size=recipe.batch_size,
                seed=recipe.seed,
                epochs=recipe.epochs,
                validation=splits.validation,
                validation_batch_size=SCORING_BATCH,
                callbacks=[*keeper.callbacks(), *shown],
            )
        classifier = Classifier(vocabulary, recipe.num_words, recipe.max_len, manifest, model=model)
        with clock.phase("evaluation"):
            test = classifier.evaluate(splits.test)
        manifest |= {"test_loss": test.loss, "test_accuracy": test.accuracy, "seconds": clock.seconds, "complete": True}
        keeper.finish()
        return Training(classifier, keeper.history, manifest)


def _versions() -> dict[str, str]:
    """What a figure may depend on, the backend aside."""
    return {"python": platform.python_version()} | {name: version(name) for name in ("imdb_rnn", "keras", "numpy")}


class _BestKeeper:
    """Stops when the validation loss no longer falls, and writes each best model so far to the folder.

    Keras's EarlyStopping decides which epoch is the best. Keras's ModelCheckpoint is not used for writing: it writes
    in place, and a file that only the running backend can open (see `bundle.write_model`).
    """

    def __init__(self, folder: Path | None, manifest: dict[str, Any], vocabulary: Vocabulary, recipe: Recipe) -> None:
        self.folder = folder
        self.manifest = manifest
        self.vocabulary = vocabulary
        self.recipe = recipe
        self.history: dict[str, list[float]] = {}

    def callbacks(self) -> list["keras.callbacks.Callback"]:
        """The Keras callbacks that do it, in the order in which they must run."""
        callbacks = load_keras().callbacks
        self.early_stopping = callbacks.EarlyStopping(patience=self.recipe.patience, restore_best_weights=True)
        return [self.early_stopping, callbacks.LambdaCallback(on_epoch_end=self.on_epoch_end)]

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Note an epoch, and write the folder if it is the best so far."""
        for name, value in logs.items():
            self.history.setdefault(name, []).append(float(value))
        self.manifest["epochs"] = epoch + 1
        best = self.early_stopping.best_epoch == epoch
        if best:
            self.manifest |= {
                "best_epoch": epoch + 1,
                "val_loss": float(logs["val_loss"]),
                "val_accuracy": float(logs["val_accuracy"]),
            }
        if self.folder is not None:
            with bundle.saving(self.folder):
                if best:
                    bundle.write_config(self.folder, self.vocabulary, self.recipe.num_words, self.recipe.max_len)
                    bundle.write_model(self.folder, self.early_stopping.model)
                bundle.write_json(self.folder / bundle.HISTORY_FILE, self.history)
                bundle.write_json(self.folder / bundle.MANIFEST_FILE, self.manifest)

    def finish(self) -> None:
        """Write what is known only at the end."""
        if self.folder is not None:
            with bundle.saving(self.folder):
                # First what cannot be made again.
                bundle.write_json(self.folder / bundle.MANIFEST_FILE, self.manifest)
                plot_history(self.history, self.manifest, self.folder / bundle.PLOT_FILE)


class _Clock:
    """Wall-clock seconds by phase."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - start, 3)
