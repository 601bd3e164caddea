"""Trains a classifier on a source of reviews, and saves it to a folder."""

import platform
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from imdb_rnn import __version__, seeds
from imdb_rnn.backends import keras_session, load_backend, load_keras, training_backend_name
from imdb_rnn.backends.workers import Workers, check_distribution, start_workers
from imdb_rnn.corpora import Corpus, load_reviews
from imdb_rnn.errors import BundleError, DataError, RecipeError
from imdb_rnn.inference import bundle
from imdb_rnn.inference.classifier import SCORING_BATCH, Classifier
from imdb_rnn.inference.manifest import Manifest
from imdb_rnn.model.architecture import (
    LOSS,
    OPTIMIZER,
    build_model,
    compile_model,
    initial_weights,
    parameters,
    soft_label_accuracy,
)
from imdb_rnn.printable import encodable
from imdb_rnn.processor import processor
from imdb_rnn.text.batches import PART, Arrays, ExamplesInMemory, PartsOfReviews, TrainingData, targets
from imdb_rnn.text.permutation import permuted
from imdb_rnn.text.reviews import EncodedReviews, Reviews, in_memory
from imdb_rnn.text.tokens import Vocabulary
from imdb_rnn.text.windows import DrawnWindows
from imdb_rnn.threads import one_blas_thread
from imdb_rnn.training.calibration import fit_temperature
from imdb_rnn.training.checkpoint import Checkpoint
from imdb_rnn.training.loop import train_epochs
from imdb_rnn.training.progress import progress_callbacks, waiting
from imdb_rnn.training.recipe import Recipe
from imdb_rnn.training.splits import split_reviews
from imdb_rnn.training.state import check_same_training, training_of
from imdb_rnn.training.teacher import FittedRegressions, fit_regressions
from imdb_rnn.validation import whole_number

if TYPE_CHECKING:
    import keras

# With fewer reviews, too few are left for validation.
MIN_REVIEWS = 10


@dataclass(frozen=True)
class Training:
    """The result of a training.

    Attributes:
        classifier: the classifier with the best weights.
        history: loss, accuracy, val_loss and val_accuracy -> one value per epoch.
        manifest: the settings, the data and the results of the training; the content of `manifest.json`.
    """

    classifier: Classifier
    history: dict[str, list[float]]
    manifest: Manifest


_ReviewsT = TypeVar("_ReviewsT", bound=Reviews, covariant=True)


class WeightedReviews(NamedTuple, Generic[_ReviewsT]):
    """Reviews with labels and weights.

    Attributes:
        reviews: n reviews.
        weights: the weight of each review, at least 0, shape (n,); None is 1 for each.
    """

    reviews: _ReviewsT
    weights: npt.NDArray[np.float64] | None = None


class Source(NamedTuple):
    """The origin of reviews.

    Attributes:
        name: as in `imdb_rnn.load_reviews`.
        fingerprint: SHA-256 of the reviews.
    """

    name: str
    fingerprint: str


def train(
    data: str | Corpus = "auto",
    out: Path | str | None = None,
    recipe: Recipe | None = None,
    *,
    resume: bool = False,
    callbacks: Sequence["keras.callbacks.Callback"] = (),
    progress: bool = True,
    workers: int = 1,
) -> Training:
    """Train a classifier, keep the weights with the lowest validation loss, and evaluate it on the test reviews.

    Global settings of Keras, such as the float type, do not affect the result and are not changed.

    Args:
        data: a source of reviews (see `imdb_rnn.load_reviews`), or a loaded corpus.
        out: a new or empty folder to save to; None saves nothing. The folder is written after each epoch that improves
            the validation loss, so that it can be loaded after an interrupted training.
        recipe: the settings of the training; None is `Recipe()`.
        resume: whether `out` may be the folder of the same training, interrupted or complete. An interrupted training
            goes on after its last complete epoch, with the result of a training that was never interrupted. If there is
            none, it begins.
        callbacks: Keras callbacks. Their batch methods are called once for every
            `imdb_rnn.training.loop.STEPS_PER_EXECUTION` steps. Their own state is not saved.
        progress: whether to show progress on standard error.
        workers: the number of workers on this machine that share each batch: processes on PyTorch, devices on JAX. The
            result is that of one worker, up to rounding.

    Raises:
        BackendError: see `imdb_rnn.backends.training_backend_name`; or a worker does not start or has ended.
        BundleError: `out` cannot be written, is not empty, or, with `resume`, was written by another training.
        DataError: the reviews cannot be read, or there are too few.
        MissingPackageError: the source needs a package that is not installed.
        ModelError: the loss is not finite.
        RecipeError: a setting is out of range.
    """
    recipe = recipe or Recipe()
    training_backend_name()
    if out is not None and recipe.encoder != "embedding":
        msg = f"Bad `out`. Expected: None, because a model with the encoder {recipe.encoder!r} cannot be saved. "
        raise RecipeError(f"{msg}Received: {out}.")
    if out is None and resume:
        msg = "Bad `resume`. Expected: a folder in `out` to resume a training from. Received: None."
        raise RecipeError(msg)
    folder, workers = None if out is None else Path(out), whole_number("workers", workers)
    if workers > recipe.batch_size:
        msg = f"Bad `workers`. Expected: at most the batch size, {recipe.batch_size}. Received: {workers}."
        raise RecipeError(msg)
    exclusive = nullcontext() if folder is None else bundle.exclusive_directory(folder, resume=resume)
    with exclusive, start_workers(workers) as started:
        clock = Clock()
        with clock.phase("import"):
            load_keras()
        with clock.phase("data"):
            corpus = data if isinstance(data, Corpus) else load_reviews(data)
            if len(corpus.train) < MIN_REVIEWS:
                msg = f"Bad reviews. Expected: at least {MIN_REVIEWS} for training. Received: {len(corpus.train)}."
                raise DataError(msg)
            training, validation = split_reviews(corpus.train)
        return fit(
            WeightedReviews(training),
            WeightedReviews(validation),
            corpus.vocabulary,
            recipe,
            Source(encodable(corpus.source), corpus.fingerprint),
            test=corpus.test,
            folder=folder,
            resume=resume,
            callbacks=callbacks,
            progress=progress,
            clock=clock,
            workers=started,
        )


@keras_session()
@one_blas_thread()
def fit(
    training: WeightedReviews[Reviews],
    validation: WeightedReviews[EncodedReviews],
    vocabulary: Vocabulary,
    recipe: Recipe,
    source: Source,
    *,
    test: Reviews | None = None,
    folder: Path | None = None,
    resume: bool = False,
    callbacks: Sequence["keras.callbacks.Callback"] = (),
    progress: bool = False,
    clock: "Clock | None" = None,
    workers: Workers | None = None,
) -> Training:
    """Train a classifier on reviews that are already split.

    Args:
        training: the reviews to train on.
        validation: the reviews for early stopping and calibration.
        vocabulary: all words of the reviews. Words with ids from `recipe.num_words` on are unknown to the model.
        recipe: the settings of the training.
        source: the origin of the reviews, for the manifest.
        test: the reviews to evaluate the result on; None evaluates nothing.
        folder: the folder to save to, from `bundle.exclusive_directory`; None saves nothing.
        resume: see `train`.
        callbacks: see `train`.
        progress: whether to show progress on standard error.
        clock: a clock that has already measured other phases.
        workers: the workers that share each batch; None is this process alone.

    Raises:
        BackendError: see `imdb_rnn.backends.training_backend_name`; or a worker has ended.
        BundleError: the folder cannot be written, or another training has written it.
        ModelError: the loss is not finite.
    """
    training_backend_name()
    check_distribution()
    clock = clock or Clock()
    known = vocabulary.truncate(recipe.num_words)
    with clock.phase("build"):
        model = build_model(recipe.num_words, recipe.max_len, encoder=recipe.encoder)
        model.set_weights(initial_weights(model, recipe.seed, recipe.recurrent_initializer))
        compile_model(model, metrics=[soft_label_accuracy()])
    manifest = _first_manifest(model, known, recipe, source, 1 if workers is None else workers.count)
    if folder is not None and resume and (finished := _finished(folder, manifest)) is not None:
        return finished
    with clock.phase("examples"), waiting(progress, "preparing the reviews"):
        data = _training_data(training, recipe)
        validation_arrays = Arrays(recipe.preprocessing.last_rows(validation.reviews), targets(validation.reviews))
    checkpoint = Checkpoint(folder, manifest, vocabulary, recipe, resume=resume)
    with clock.phase("training"), progress_callbacks(progress) as shown:
        train_epochs(
            model,
            data,
            batch_size=recipe.batch_size,
            seed=recipe.seed,
            epochs=recipe.epochs,
            first_epoch=checkpoint.first_epoch,
            validation=validation_arrays,
            validation_weights=validation.weights,
            validation_batch_size=SCORING_BATCH,
            callbacks=[*checkpoint.callbacks(), *shown, *callbacks],
            workers=workers,
        )
    # Keras cannot load a model that is saved with the metric for soft labels.
    compile_model(model, model.optimizer)
    results: dict[str, float] = {}
    if recipe.windows:
        with clock.phase("calibration"):
            results |= _calibrate(model, known, recipe, validation)
    if test is not None:
        with clock.phase("evaluation"):
            evaluated = Classifier(known, recipe.preprocessing, Manifest(), model=model).evaluate(test)
        results |= {"test_loss": evaluated.loss, "test_accuracy": evaluated.accuracy}
    checkpoint.finish(model if recipe.windows else None, **results, seconds=clock.seconds)
    classifier = Classifier(known, recipe.preprocessing, checkpoint.manifest, model=model, words=vocabulary.words)
    return Training(classifier, checkpoint.history, checkpoint.manifest)


def _finished(folder: Path, manifest: Manifest) -> Training | None:
    """Return the result of a complete training in a folder; None if there is none.

    Raises:
        BundleError: it is the result of another training, or of one that cannot be resumed.
    """
    if not (folder / bundle.MANIFEST_FILE).is_file() or (folder / bundle.STATE_FILE).exists():
        return None
    written = bundle.read_manifest(folder)
    check_same_training(folder, training_of(manifest), training_of(written))
    if not written.complete:
        msg = (
            f"Cannot resume the training in {folder}. Expected: its state in {bundle.STATE_FILE}. Received: none. "
            "Choose another folder to train again."
        )
        raise BundleError(msg)
    return Training(Classifier.load(folder), bundle.read_part(folder, bundle.HISTORY_FILE), written)


def _training_data(training: WeightedReviews[Reviews], recipe: Recipe) -> TrainingData:
    """Return the examples to train on: all in memory, or in parts if there are many reviews."""
    reviews, weights = training
    fitted = _fitted_teacher(training, recipe)

    def examples_of(part: EncodedReviews, positions: npt.NDArray[np.int64]) -> ExamplesInMemory:
        chosen = None if weights is None else weights[positions]
        data = recipe.preprocessing.training_data(part, chosen, recipe.short_windows, recipe.end_windows)
        if fitted is not None and isinstance(data, DrawnWindows):
            return fitted.soft_labels(data, positions, recipe.teacher_share)
        return data

    # Reviews with weights are in memory anyway, and are drawn from all at once.
    if weights is None and len(reviews) > PART:
        return PartsOfReviews(reviews, examples_of)
    return examples_of(in_memory(reviews), np.arange(len(reviews)))


def _fitted_teacher(training: WeightedReviews[Reviews], recipe: Recipe) -> FittedRegressions | None:
    """Fit the teacher to at most `recipe.teacher_reviews` of the reviews; None if the recipe has none."""
    if not recipe.windows or not recipe.teacher_share:
        return None
    reviews, weights = training
    count = min(recipe.teacher_reviews, len(reviews))
    sample = np.sort(permuted(np.arange(count), len(reviews), seeds.of_sample(recipe.seed)))
    windows = DrawnWindows(
        reviews.take(sample),
        recipe.num_words,
        recipe.max_len,
        recipe.short_windows,
        recipe.end_windows,
        None if weights is None else weights[sample],
    )
    return fit_regressions(windows, sample, recipe.seed)


def _calibrate(
    model: "keras.Model", vocabulary: Vocabulary, recipe: Recipe, validation: WeightedReviews[EncodedReviews]
) -> dict[str, float]:
    """Divide the weights of the last layer by the temperature that fits the validation reviews with all their windows.

    Returns:
        `temperature`, and `val_loss` and `val_accuracy` of the validation reviews with all their windows.
    """
    classifier = Classifier(vocabulary, recipe.preprocessing, Manifest(), model=model)
    labels = validation.reviews.required_labels()
    temperature = fit_temperature(classifier.logits(validation.reviews), labels, validation.weights)
    output = model.layers[-1]
    output.set_weights([array / np.float32(temperature) for array in output.get_weights()])
    evaluated = classifier.evaluate(validation.reviews)  # with the calibrated weights
    return {"temperature": temperature, "val_loss": evaluated.loss, "val_accuracy": evaluated.accuracy}


def _first_manifest(
    model: "keras.Model", vocabulary: Vocabulary, recipe: Recipe, source: Source, workers: int
) -> Manifest:
    """Return the manifest of a training before its first epoch."""
    name, backend = training_backend_name(), load_backend()
    versions = {"python": platform.python_version(), name: backend.version()}
    return Manifest(
        complete=False,
        backend=name,
        device=backend.device(),
        processor=processor(),
        workers=workers if workers > 1 else None,
        versions=versions | {"imdb_rnn": __version__, "keras": version("keras"), "numpy": version("numpy")},
        source=source.name,
        fingerprint=source.fingerprint,
        vocabulary=vocabulary.fingerprint,
        recipe=asdict(recipe) | {"optimizer": OPTIMIZER, "loss": LOSS},
        parameters=parameters(model),
    )


class Clock:
    """Measures the wall-clock seconds of each phase."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Measure the seconds of a block."""
        start = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - start, 3)
