"""Training: from a source of reviews to a classifier, and to the folder that keeps it.

May import: numpy, the standard library, imdb_rnn.averaging, imdb_rnn.batches, imdb_rnn.bundle, imdb_rnn.calibration,
imdb_rnn.classifier, imdb_rnn.corpora, imdb_rnn.engine (which loads Keras), imdb_rnn.epochs, imdb_rnn.errors,
imdb_rnn.keras_file, imdb_rnn.model, imdb_rnn.plots, imdb_rnn.progress, imdb_rnn.recipe, imdb_rnn.teacher,
imdb_rnn.threads, imdb_rnn.tokens, imdb_rnn.windows.
"""

import math
import platform
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from imdb_rnn import __version__, bundle, keras_file
from imdb_rnn.averaging import average_weights
from imdb_rnn.batches import Arrays, Examples, WeightedArrays, pad, split_reviews, targets
from imdb_rnn.calibration import temperature_of
from imdb_rnn.classifier import SCORING_BATCH, Classifier
from imdb_rnn.corpora import Corpus, load_reviews
from imdb_rnn.corpora.reviews import EncodedReviews
from imdb_rnn.engine import keras_session, load_engine, load_keras, training_backend_name
from imdb_rnn.epochs import train_epochs
from imdb_rnn.errors import DataError, ModelError, RecipeError
from imdb_rnn.model import (
    LOSS,
    OPTIMIZER,
    accuracy_of_shares,
    build_model,
    compile_model,
    initial_weights,
    parameters,
)
from imdb_rnn.plots import plot_history
from imdb_rnn.progress import progress_callbacks, waiting
from imdb_rnn.recipe import Recipe
from imdb_rnn.teacher import taught
from imdb_rnn.threads import one_blas_thread
from imdb_rnn.tokens import Vocabulary
from imdb_rnn.windows import DrawnWindows, last_windows

if TYPE_CHECKING:
    import keras

# Too few leave nothing to validate on.
FEWEST_REVIEWS = 10


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
        recipe: how to train; None is `Recipe()`, the recipe "robust".
        progress: show on standard error how it goes.

    Global settings of Keras (float type, dtype policy, epsilon) do not change the result, and are not changed.

    Raises:
        BackendError: see `imdb_rnn.engine.training_backend_name`.
        BundleError: `out` cannot be written or holds something already.
        DataError: the reviews cannot be had, or are too few.
        ModelError: the loss is not finite.
        RecipeError: a setting is out of range.
    """
    recipe = recipe or Recipe()
    training_backend_name()
    if out is not None and recipe.encoder != "embedding":
        msg = f"Bad `out`. Expected: None for the encoder {recipe.encoder!r}, which is only compared. Received: {out}."
        raise RecipeError(msg)
    folder = None if out is None else Path(out)
    with nullcontext() if folder is None else bundle.claimed(folder):
        clock = Clock()
        with clock.phase("import"):
            load_keras()
        with clock.phase("data"):
            corpus = data if isinstance(data, Corpus) else load_reviews(data)
            if len(corpus.train) < FEWEST_REVIEWS:
                msg = f"Bad reviews. Expected: at least {FEWEST_REVIEWS} to train on. Received: {len(corpus.train)}."
                raise DataError(msg)
            learn, validation = split_reviews(corpus.train)
        return fit(
            learn,
            validation,
            corpus.vocabulary,
            recipe,
            # The name of a folder can have bytes that are not UTF-8, which JSON cannot hold.
            {"source": corpus.source.encode("utf-8", "backslashreplace").decode(), "fingerprint": corpus.fingerprint},
            test=corpus.test,
            folder=folder,
            progress=progress,
            clock=clock,
        )


@keras_session()
@one_blas_thread()
def fit(
    learn: EncodedReviews,
    validation: EncodedReviews,
    vocabulary: Vocabulary,
    recipe: Recipe,
    data: dict[str, str],
    *,
    weights: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None = None,
    test: EncodedReviews | None = None,
    folder: Path | None = None,
    progress: bool = False,
    clock: "Clock | None" = None,
) -> Training:
    """Train a classifier on reviews that are split already.

    Args:
        learn: reviews to learn from.
        validation: reviews to stop and calibrate by.
        vocabulary: the words behind their ids, and all others of the corpus. Ids from `recipe.num_words` on are
            unknown words.
        recipe: how to train.
        data: what the manifest says of the reviews, `source` and `fingerprint`.
        weights: how much each review of `learn` and of `validation` counts, at least 0; None counts each once.
        test: reviews to evaluate the result on; None evaluates nothing.
        folder: where to save, claimed already; None saves nothing.
        progress: show on standard error how it goes.
        clock: goes on counting; None begins anew.

    Raises:
        BackendError: see `imdb_rnn.engine.training_backend_name`.
        BundleError: the folder cannot be written.
        ModelError: the loss is not finite.
    """
    training_backend_name()
    clock = clock or Clock()
    learn_weights, validation_weights = weights or (None, None)
    known = vocabulary.truncate(recipe.num_words)
    with clock.phase("examples"), waiting(progress, "preparing the reviews"):
        examples, validated = _examples_of(learn, recipe, learn_weights), _validated(validation, recipe)
    with clock.phase("build"):
        model = build_model(recipe.num_words, recipe.max_len, encoder=recipe.encoder)
        model.set_weights(initial_weights(model, recipe.seed, recipe.recurrent_initializer))
        compile_model(model, metrics=[accuracy_of_shares()] if recipe.windows else ["accuracy"])
    manifest = _begun_manifest(model, known, recipe, data)
    keeper = _BestKeeper(folder, manifest, vocabulary, recipe)
    averaging = [average_weights(recipe.averaged_epochs)] if recipe.averaged_epochs > 1 else []
    with clock.phase("training"), progress_callbacks(progress) as shown:
        train_epochs(
            model,
            examples,
            batch_size=recipe.batch_size,
            seed=recipe.seed,
            epochs=recipe.epochs,
            validation=validated,
            validation_weights=validation_weights,
            validation_batch_size=SCORING_BATCH,
            callbacks=[*averaging, *keeper.callbacks(), *shown],
        )
    if recipe.windows:
        # The metric for soft labels is not Keras's, so a user could not load a model that is saved with it.
        compile_model(model, model.optimizer)
        with clock.phase("calibration"):
            manifest |= _calibrate(model, known, recipe, validation, validation_weights)
    reading = recipe.num_words, recipe.max_len, recipe.windows
    classifier = Classifier(known, *reading, manifest, model=model, words=vocabulary.words)
    if test is not None:
        with clock.phase("evaluation"):
            found = classifier.evaluate(test)
        manifest |= {"test_loss": found.loss, "test_accuracy": found.accuracy}
    manifest |= {"seconds": clock.seconds, "complete": True}
    keeper.finish(model)
    return Training(classifier, keeper.history, manifest)


def _examples_of(reviews: EncodedReviews, recipe: Recipe, weights: npt.NDArray[np.float64] | None) -> Examples:
    """What a recipe learns from."""
    if recipe.windows:
        shares = recipe.short_windows, recipe.end_windows
        windows = DrawnWindows(reviews, recipe.num_words, recipe.max_len, *shares, weights)
        return taught(windows, recipe.teacher_share, recipe.seed) if recipe.teacher_share else windows
    arrays = Arrays(pad(reviews, recipe.num_words, recipe.max_len), targets(reviews))
    return arrays if weights is None else WeightedArrays(arrays, weights)


def _validated(reviews: EncodedReviews, recipe: Recipe) -> Arrays:
    """What is validated after each epoch: the end of each review."""
    cut = last_windows if recipe.windows else pad
    return Arrays(cut(reviews, recipe.num_words, recipe.max_len), targets(reviews))


def _calibrate(
    model: "keras.Model",
    vocabulary: Vocabulary,
    recipe: Recipe,
    validation: EncodedReviews,
    weights: npt.NDArray[np.float64] | None,
) -> dict[str, float]:
    """Divide the last layer's weights by the temperature that fits the validation reviews, read as a whole.

    Returns:
        For the manifest: `temperature`, and `val_loss` and `val_accuracy` of the reviews read so.
    """
    classifier = Classifier(vocabulary, recipe.num_words, recipe.max_len, recipe.windows, {}, model=model)
    temperature = temperature_of(classifier.logits(validation), validation.labels, weights)
    output = model.layers[-1]
    output.set_weights([array / np.float32(temperature) for array in output.get_weights()])
    found = classifier.evaluate(validation)  # by the model, as it is now
    return {"temperature": temperature, "val_loss": found.loss, "val_accuracy": found.accuracy}


def _begun_manifest(
    model: "keras.Model", vocabulary: Vocabulary, recipe: Recipe, data: dict[str, str]
) -> dict[str, Any]:
    """Describe a training before its first epoch."""
    backend, engine = training_backend_name(), load_engine()
    versions = {"python": platform.python_version(), backend: engine.version()}
    return {
        "complete": False,
        "backend": backend,
        "device": engine.device(),
        "versions": versions | {"imdb_rnn": __version__, "keras": version("keras"), "numpy": version("numpy")},
        "data": data,
        "vocabulary": vocabulary.fingerprint,
        "recipe": asdict(recipe) | {"optimizer": OPTIMIZER, "loss": LOSS},
        "seed": recipe.seed,
        "parameters": parameters(model),
    }


class _BestKeeper:
    """Stops when the validation loss no longer falls, and writes each best model so far to the folder.

    Keras's EarlyStopping decides which epoch is the best. Keras's ModelCheckpoint is not used for writing: it writes
    in place, and a file that only the running backend can open (see `keras_file.model_bytes`).
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
        if not all(math.isfinite(value) for value in logs.values()):
            found = ", ".join(f"{name} {value}" for name, value in logs.items())
            msg = f"Cannot go on training after epoch {epoch + 1}. Expected: finite losses. Received: {found}."
            raise ModelError(msg)
        best = self.early_stopping.best_epoch == epoch
        if best:
            self.manifest |= {
                "best_epoch": epoch + 1,
                "val_loss": float(logs["val_loss"]),
                "val_accuracy": float(logs["val_accuracy"]),
            }
        if self.folder is not None:
            # The metric for soft labels is replaced by Keras's own in the file.
            compiled = {"metrics": ["accuracy"]} if self.recipe.windows else {}
            with bundle.saving(self.folder):
                files = {bundle.HISTORY_FILE: bundle.json_bytes(self.history)}
                if best:
                    files |= self._settings_once() | self._model_of(self.early_stopping.model, compiled)
                bundle.write(self.folder, self.manifest, files)

    def finish(self, model: "keras.Model") -> None:
        """Write what is known only at the end."""
        if self.folder is not None:
            with bundle.saving(self.folder):
                # With windows, the model has been calibrated since it was written.
                bundle.write(self.folder, self.manifest, self._model_of(model) if self.recipe.windows else {})
                # Last, because the picture can be drawn again.
                with tempfile.TemporaryDirectory() as scratch:
                    picture = Path(scratch) / bundle.PLOT_FILE
                    plot_history(self.history, self.manifest, picture)
                    bundle.write(self.folder, self.manifest, {bundle.PLOT_FILE: picture.read_bytes()})

    def _settings_once(self) -> dict[str, bytes]:
        """Return the settings for the first write; they do not change afterwards."""
        if self.folder is None or (self.folder / bundle.CONFIG_FILE).exists():
            return {}
        recipe = self.recipe
        words = bundle.config_bytes(self.vocabulary.words, recipe.num_words, recipe.max_len, recipe.windows)
        return {bundle.CONFIG_FILE: words}

    def _model_of(self, model: "keras.Model", compiled: dict[str, Any] | None = None) -> dict[str, bytes]:
        return {bundle.MODEL_FILE: keras_file.model_bytes(model, self.recipe.num_words, self.recipe.max_len, compiled)}


class Clock:
    """Wall-clock seconds by phase."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count the seconds of a block under its name."""
        start = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - start, 3)
