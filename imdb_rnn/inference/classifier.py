"""The classifier: a trained model with its vocabulary."""

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self, overload

import numpy as np
import numpy.typing as npt

from imdb_rnn import hub
from imdb_rnn.backends import keras_session, load_keras
from imdb_rnn.backends.keras_settings import EPSILON
from imdb_rnn.errors import BundleError, ModelError, ReviewError
from imdb_rnn.inference import bundle, keras_file
from imdb_rnn.inference.manifest import Manifest
from imdb_rnn.model.architecture import Encoder, build_model, compile_model
from imdb_rnn.model.numpy_forward import binary_crossentropy, check_logits, logits_of, sigmoid
from imdb_rnn.printable import printable
from imdb_rnn.text.preprocessing import Preprocessing
from imdb_rnn.text.reviews import EncodedReviews, Reviews
from imdb_rnn.text.texts import as_list, as_texts, described
from imdb_rnn.text.tokens import OOV, Vocabulary
from imdb_rnn.text.windows import combine
from imdb_rnn.threads import one_blas_thread

if TYPE_CHECKING:
    import keras

    from imdb_rnn.exporting.export import Exported
    from imdb_rnn.exporting.formats import FormatName

_log = logging.getLogger(__name__)

# A longer text is a mistake, usually a whole file passed as one review.
MAX_REVIEW_WORDS = 100_000
# Rows per step of a prediction: enough to use any backend well, with a few megabytes of memory.
SCORING_BATCH = 1000
# Reviews whose windows are in memory at the same time during an evaluation.
EVALUATED_AT_ONCE = 25_000
# BLAS uses one thread for so few reviews anyway, and setting the number of threads takes longer than the products.
FEW_REVIEWS = 64
AT_WORK = (
    "Cannot read the values of the model. Expected: a model that is not in use. Received: one that another thread "
    "trains or evaluates, or whose training was interrupted. Wait for the end, or load the model again."
)


class Prediction(NamedTuple):
    """The prediction for a review.

    Attributes:
        text: the review.
        score: the probability that the review is positive, 0 to 1.
        label: "positive" if the score is above 0.5, else "negative".
    """

    text: str
    score: float
    label: str

    @property
    def reason(self) -> None:
        """None: there is a score. An `Unscored` has a reason."""
        return None


class Unscored(NamedTuple):
    """A review that cannot be scored; see `Classifier.predict_reviews`.

    Attributes:
        text: what was given.
        reason: why it has no score.
    """

    text: Any
    reason: str

    @property
    def score(self) -> None:
        """None: there is no score."""
        return None

    @property
    def label(self) -> None:
        """None: there is no label."""
        return None


class Words(NamedTuple):
    """The number of words of some reviews.

    Attributes:
        all: all words.
        known: those that the model knows.
    """

    all: int
    known: int

    @classmethod
    def of(cls, reviews: EncodedReviews) -> Self:
        """Count the words of encoded reviews."""
        return cls(len(reviews.ids) - len(reviews), int((reviews.ids > OOV).sum()))


class Evaluation(NamedTuple):
    """The evaluation of scores against labels.

    Attributes:
        loss: mean binary cross-entropy, in nats.
        accuracy: the share of correct predictions, 0 to 1.
    """

    loss: float
    accuracy: float


class Classifier:
    """A trained model with its vocabulary.

    Predictions are computed in NumPy, without a backend. The attribute `model` is the Keras model, for further training
    or inspection. The methods are thread-safe. Keras models are not: while one thread trains `model`, the methods raise
    a `ModelError` in other threads.

    Args:
        vocabulary: the words that the model knows.
        preprocessing: the conversion of reviews to the model's input.
        manifest: the description of the training.
        model: maps int32 ids, shape (batch, max_len), to scores, shape (batch, 1). None builds the model at the first
            access, from the arguments below.
        weights: the weights of the model, in the order of `build_model().weights`.
        optimizer: the state of Adam, as in `imdb_rnn.inference.bundle.Bundle`; None is a new Adam.
        trainable: for each layer, whether training changes its weights.
        words: all words of the corpus, the most frequent first, to be saved; None is the words of `vocabulary`.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        preprocessing: Preprocessing,
        manifest: Manifest,
        *,
        model: "keras.Model | None" = None,
        weights: list[npt.NDArray[np.float32]] | None = None,
        optimizer: list[npt.NDArray[Any]] | None = None,
        trainable: Sequence[bool] = (True, True, True),
        words: Sequence[str] | None = None,
    ) -> None:
        self.vocabulary = vocabulary
        self.preprocessing = preprocessing
        self.manifest = manifest
        self._words = vocabulary.words if words is None else tuple(words)
        if model is not None:
            weights, optimizer, trainable = _values_of(model, model.weights), *_state_of_training(model)
        arrays = list(weights or [])
        self._model, self._optimizer, self._trainable = model, optimizer, tuple(trainable)
        # None after an access to `model`, because the caller may train it.
        self._weights: list[npt.NDArray[np.float32]] | None = arrays
        self._shapes, self._digest = [array.shape for array in arrays], digest_of(arrays)
        # A second model for predictions, after an access to `model`.
        self._scorer: keras.Model | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for a pickle or a copy: arrays, words and settings, but no Keras model."""
        state = vars(self) | {"_model": None, "_scorer": None}
        if self._weights is None:
            with keras_session():
                state["_weights"] = self.weights()
                state["_optimizer"], state["_trainable"] = _state_of_training(self._built())
        return state

    @classmethod
    def load(cls, directory: Path | str, *, strict: bool = False) -> Self:
        """Load a folder saved by `train` or `save` on any backend, or a model on the Hugging Face hub.

        No backend is imported, and nothing is run that is in the folder or on the hub.

        A folder saved by the tutorial's own program can also be loaded; its `manifest` is empty. If the training was
        interrupted, the model is that of the best epoch so far: its scores are not calibrated, and later epochs may be
        better. A warning is logged.

        Args:
            directory: the folder; or "hf://OWNER/MODEL" or "hf://OWNER/MODEL@REVISION", of which the files are fetched
                into the cache of `huggingface_hub`.
            strict: whether to raise an error if the training was interrupted, instead of the warning.

        Raises:
            BundleError: a file is missing, damaged, or does not match the others, or see `strict`; or the model cannot
                be fetched from the hub.
            MissingPackageError: the name is one of the hub, and `huggingface_hub` is not installed.
        """
        name = hub.name_in(directory)
        folder = Path(directory)
        if name is not None:
            directory = f"{hub.PREFIX}{name}"
            folder = hub.download(name, (bundle.MODEL_FILE, bundle.CONFIG_FILE), also=(bundle.MANIFEST_FILE,))
        saved = bundle.read_bundle(folder)
        if saved.manifest.complete is False:
            received = f"was interrupted after epoch {saved.manifest.epochs}"
            resume = "Resume it with `imdb-rnn train --resume`."
            if strict:
                msg = f"Cannot load {directory}. Expected: a complete training. Received: one that {received}. {resume}"
                raise BundleError(msg)
            place = printable(str(directory))
            _log.warning("The training in %s %s: its scores are preliminary. %s", place, received, resume)
        return cls(
            saved.vocabulary,
            saved.preprocessing,
            saved.manifest,
            weights=saved.weights,
            optimizer=saved.optimizer,
            trainable=saved.trainable,
            words=saved.words,
        )

    def save(self, directory: Path | str) -> None:
        """Save a folder for `load`: a plain Keras model with its optimizer, and words and settings as JSON.

        After `model.fit`, the folder has the new weights, and `val_loss` and other results of the earlier training are
        left out of its manifest. If the optimizer is not Adam with the settings of this library, its state is not
        loaded: the loaded classifier predicts the same, but continues training with a new Adam.

        Args:
            directory: a new or empty folder, or one that this classifier was loaded from or saved to.

        Raises:
            BackendError: see `imdb_rnn.backends.backend_name`.
            BundleError: the folder cannot be written, or contains something else.
            ModelError: the layers of the model have been changed, or another thread trains it.
        """
        self._save(Path(directory), {})

    def _save(self, directory: Path, other_files: Mapping[str, bytes]) -> None:
        """Save a folder as `save` does, with additional files."""
        if self._encoder != "embedding":
            msg = f"Cannot save to {directory}. Expected: a model with an embedding. Received: one without."
            raise BundleError(msg)
        with keras_session():
            weights, model = self.weights(), self._built()
            try:
                content = keras_file.model_bytes(model, self.num_words, self.max_len)
            except (RuntimeError, TypeError) as error:
                if _is_at_work(model, model.variables):
                    raise ModelError(AT_WORK) from error
                raise
        words = bundle.config_bytes(self._words, self.preprocessing)
        bundle.save(
            directory,
            self.current_manifest(weights),
            {bundle.CONFIG_FILE: words, bundle.MODEL_FILE: content, **other_files},
        )

    def export(self, out: Path | str, to: "FormatName", *, reviews: EncodedReviews | None = None) -> "Exported":
        """Export the model to a format of another runtime, or to a page for a browser.

        See `imdb_rnn.exporting.export.export`, which this calls: the file is run by its own runtime, and kept only if
        its scores are those of the model.

        Args:
            out: a new or empty folder; for "html" the file to write.
            to: "onnx", "openvino", "saved_model" (TensorFlow), "torch" (`torch.export`), "litert" or "html".
            reviews: the reviews to compare the scores of; None is 1,000 drawn ones.

        Raises:
            ExportError: the file cannot be written, or does not give the scores of the model.
            MissingPackageError: no backend is installed that can write the format, or nothing that can run it.
            ModelError: see `weights`.
        """
        from imdb_rnn.exporting.export import export

        return export(self, out, to, reviews=reviews)

    def current_manifest(self, weights: list[npt.NDArray[np.float32]]) -> Manifest:
        """Return the manifest for the current weights: without the results of the training if they have changed.

        Args:
            weights: the current weights; see `weights`.
        """
        settings = {name: getattr(self.preprocessing, name) for name in ("num_words", "max_len", "windows")}
        manifest = replace(
            self.manifest, vocabulary=self.vocabulary.fingerprint, recipe={**self.manifest.recipe, **settings}
        )
        if digest_of(weights) == self._digest:
            return manifest
        return replace(manifest.without_results(), trained_further=True)

    @property
    def num_words(self) -> int:
        """The ids of the model are below this number."""
        return self.preprocessing.num_words

    @property
    def max_len(self) -> int:
        """The number of ids per row of the model's input."""
        return self.preprocessing.max_len

    @property
    def model(self) -> "keras.Model":
        """The Keras model on the running backend, compiled and with the state of its optimizer.

        `model.fit` continues from the saved epoch. Afterwards the other methods use the new weights, and `save` saves
        them.

        Raises:
            BackendError: see `imdb_rnn.backends.backend_name`.
        """
        with keras_session():
            model = self._built()
            if self._weights is not None and self._optimizer is None:
                _log.warning("Training continues with a new Adam optimizer: the saved model has no usable Adam state.")
            self._weights = None
        return model

    def predict_review(self, text: str) -> Prediction:
        """Predict the score of a review.

        Raises:
            ModelError: see `predict_reviews`.
            ReviewError: see `predict_reviews`.
        """
        return self.predict_reviews([text])[0]

    @overload
    def predict_reviews(self, texts: Iterable[str], *, on_error: Literal["raise"] = "raise") -> list[Prediction]: ...

    @overload
    def predict_reviews(self, texts: Iterable[Any], *, on_error: Literal["skip"]) -> list[Prediction | Unscored]: ...

    def predict_reviews(
        self, texts: Iterable[Any], *, on_error: Literal["raise", "skip"] = "raise"
    ) -> Sequence[Prediction | Unscored]:
        """Predict the scores of reviews in NumPy, without a backend.

        Args:
            texts: reviews in English: a list, an array, a column of a data frame, or a generator.
            on_error: what to do with a review that is not a string, has no word that the model knows, or has more than
                100,000 words: "raise" an error, or "skip" it, so that its place in the result has a reason and no
                score, and the other reviews are scored as usual.

        Returns:
            One prediction per review, in order.

        Raises:
            ModelError: the scores are not finite, because the weights are too large; or see `weights`.
            ReviewError: a review cannot be scored, and `on_error` is "raise"; or `texts` is not a list of texts.
        """
        if on_error not in ("raise", "skip"):
            msg = f"Bad `on_error`. Expected: 'raise' or 'skip'. Received: {on_error!r}."
            raise ReviewError(msg)
        given = as_texts(texts) if on_error == "raise" else as_list(texts)
        predictions, words = self.predict_or_skip(given)
        if on_error == "raise":
            for number, prediction in enumerate(predictions, start=1):
                if isinstance(prediction, Unscored):
                    which = f"review {number} of {len(given)}" if len(given) > 1 else "review"
                    msg = (
                        f"Bad {which}. Expected: a text of at most {MAX_REVIEW_WORDS:,} words, with at least one that "
                        f"the model knows. Received: {prediction.reason}: {prediction.text[:40]!r}."
                    )
                    raise ReviewError(msg)
        if problem := unknown_words(words):
            _log.warning("%s", problem)
        return predictions

    def predict_or_skip(self, texts: Sequence[Any]) -> tuple[list[Prediction | Unscored], Words]:
        """Predict like `predict_reviews(texts, on_error="skip")`, but count unknown words instead of warning of them.

        Returns:
            The predictions, and the words of the reviews that were scored.
        """
        predictions: list[Any] = []
        sequences = []
        for text in texts:
            ids = self.vocabulary.encode_typed(text) if isinstance(text, str) else []
            reason = self._unreadable_reason(ids) if isinstance(text, str) else f"no text, but {described(text)}"
            predictions.append(Unscored(text, reason) if reason else text)
            if not reason:
                sequences.append(ids)
        reviews = EncodedReviews.from_sequences(sequences)
        scores = iter(sigmoid(self.logits(reviews)).tolist())
        for position, text in enumerate(predictions):
            if not isinstance(text, Unscored):
                score = next(scores)
                predictions[position] = Prediction(text, score, "positive" if score > 0.5 else "negative")
        return predictions, Words.of(reviews)

    def logits(self, reviews: EncodedReviews) -> npt.NDArray[np.float64]:
        """Compute the logits of encoded reviews in NumPy.

        Args:
            reviews: n reviews in the ids of this vocabulary.

        Returns:
            Logits, float64, shape (n,): above 0 is positive.

        Raises:
            ModelError: the logits are not finite, or see `weights`.
        """
        weights, parts = self.weights(), []
        with one_blas_thread() if len(reviews) > FEW_REVIEWS else nullcontext():
            for start in range(0, len(reviews), SCORING_BATCH):
                x, review = self.preprocessing.rows(
                    reviews.take(np.arange(start, min(start + SCORING_BATCH, len(reviews))))
                )
                parts.append(combine(logits_of(weights, x), review))
        return np.concatenate(parts) if parts else np.empty(0)

    def probabilities(self, ids: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
        """Compute scores with the backend.

        Args:
            ids: rows of the model's input, int32, shape (n, max_len), below `num_words`; n may be 0.

        Returns:
            Scores, float32, shape (n,), 0 to 1.

        Raises:
            BackendError: see `imdb_rnn.backends.backend_name`.
            ModelError: the scores are not finite, or see `weights`.
        """
        if not len(ids):
            return np.empty(0, np.float32)
        with keras_session():
            model = self._model_to_score()
            scores: npt.NDArray[np.float32] = model.predict(ids, batch_size=SCORING_BATCH, verbose=0)[:, 0]
            check_logits(scores, model.get_weights())
        return scores

    def evaluate(self, reviews: Reviews) -> Evaluation:
        """Compute the loss and accuracy of reviews with the backend.

        Args:
            reviews: reviews with labels, in the ids of this vocabulary, in memory or on disk.

        Raises:
            BackendError: see `imdb_rnn.backends.backend_name`.
            DataError: the reviews have no labels.
            ModelError: see `probabilities`.

        Source: `keras.losses.BinaryCrossentropy`, `keras.metrics.BinaryAccuracy`.
        """
        logits, labels = [], []
        for start in range(0, max(len(reviews), 1), EVALUATED_AT_ONCE):
            part = reviews.take(np.arange(start, min(start + EVALUATED_AT_ONCE, len(reviews))))
            labels.append(part.required_labels())
            x, review = self.preprocessing.rows(part)
            scores = np.clip(self.probabilities(x).astype(np.float64), EPSILON, 1 - EPSILON)
            logits.append(combine(np.log(scores) - np.log1p(-scores), review))
        right = (np.concatenate(logits) > 0) == (np.concatenate(labels) == 1)
        return Evaluation(binary_crossentropy(np.concatenate(logits), np.concatenate(labels)), float(right.mean()))

    def weights(self) -> list[npt.NDArray[np.float32]]:
        """Return the current weights, in the order of `build_model().weights`.

        Raises:
            ModelError: the layers of `model` have been changed, or another thread trains it.
        """
        weights = self._weights
        if weights is not None:
            return weights
        with keras_session():
            return self._weights_of_model()

    def _weights_of_model(self) -> list[npt.NDArray[np.float32]]:
        """Return the weights of `model`, which the caller may have changed in any way."""
        model = self._built()
        weights = _values_of(model, model.weights)
        reason = keras_file.unsupported_layers_reason(model.get_config()["layers"], self._encoder)
        if not reason and [array.shape for array in weights] != self._shapes:
            reason = f"{len(weights)} weights of the shapes {', '.join(str(array.shape) for array in weights)}"
        if reason:
            msg = (
                f"Cannot predict with the model. Expected: its original layers, {self._encoder}, SimpleRNN and Dense. "
                f"Received: {reason}."
            )
            raise ModelError(msg)
        return weights

    @property
    def _encoder(self) -> Encoder:
        """The kind of the first layer; a one-hot encoding has no weights."""
        return "embedding" if len(self._shapes) == len(keras_file.shapes_of(self.num_words)) else "one_hot"

    def _built(self) -> "keras.Model":
        """Return the model, which the first call builds. Call it only in a `keras_session`."""
        if self._model is None:
            model = self._new_model()
            model.set_weights(self._weights)
            for layer, trainable in zip(model.layers, self._trainable, strict=True):
                layer.trainable = trainable
            # Keras can export only a model that has been called.
            model(load_keras().Input((self.max_len,), dtype="int32"))
            compile_model(model)
            if self._optimizer is not None:
                model.optimizer.build(model.trainable_variables)
                model.optimizer.load_own_variables({str(i): array for i, array in enumerate(self._optimizer)})
            self._model = model
        return self._model

    def _model_to_score(self) -> "keras.Model":
        """Return a private model with the current weights.

        Another thread may start to train the model that `model` returned, and on JAX both threads would fail.
        """
        if self._weights is not None:
            return self._built()
        if self._scorer is None:
            self._scorer = self._new_model()
            compile_model(self._scorer)
        self._scorer.set_weights(self.weights())
        return self._scorer

    def _new_model(self) -> "keras.Model":
        return build_model(self.num_words, self.max_len, encoder=self._encoder)

    def _unreadable_reason(self, ids: Sequence[int]) -> str:
        words = len(ids) - 1
        if words > MAX_REVIEW_WORDS:
            return f"{words:,} words"
        if any(i > OOV for i in ids):
            return ""
        return f"{words} unknown word{'s' * (words > 1)}" if words else "no word"


def unknown_words(words: Words) -> str:
    """Return a warning if less than a tenth of the words are known; "" otherwise, or if there are none."""
    if words.known * 10 >= words.all:
        return ""
    return (
        f"The model knows {words.known:,} of {words.all:,} words, so its predictions mean little. Is this the language "
        f"and the kind of text that it was trained on?"
    )


def _is_at_work(model: "keras.Model", variables: Sequence[Any]) -> bool:
    """Return whether a thread trains or evaluates a model on JAX, which empties the model's variables meanwhile."""
    # Keras has no public function for this, and reading an empty variable returns a new initial value.
    synced = getattr(model, "_jax_state_synced", True)
    return not synced or any(getattr(variable, "_value", variable) is None for variable in variables)


def _values_of(model: "keras.Model", variables: Sequence[Any]) -> list[npt.NDArray[Any]]:
    """Copy the values of a model's variables. Call it only in a `keras_session`.

    The arrays are C-contiguous, because NumPy rounds differently with transposed arrays.

    Raises:
        ModelError: another thread trains or evaluates the model.
    """
    busy = _is_at_work(model, variables)
    if not busy:
        try:
            # If two copies differ, another thread is writing.
            values, again = ([np.array(variable.numpy(), order="C") for variable in variables] for _ in range(2))
        except (RuntimeError, TypeError, ValueError):  # JAX has donated the memory
            busy = True
        else:
            same = all(one.tobytes() == other.tobytes() for one, other in zip(values, again, strict=True))
            busy = not same or _is_at_work(model, variables)
    if busy:
        raise ModelError(AT_WORK)
    return values


def _state_of_training(model: "keras.Model") -> tuple[list[npt.NDArray[Any]] | None, tuple[bool, ...]]:
    """Return the state of a model's Adam, or None for another optimizer, and which of its layers are trainable."""
    with keras_session() as keras:
        optimizer, layers = model.optimizer, tuple(layer.trainable for layer in model.layers)
        plain = keras_file.is_plain_adam(keras.saving.serialize_keras_object(optimizer))
        if not plain or len(optimizer.variables) != 2 + 2 * len(model.trainable_variables):
            return None, layers
        return _values_of(model, optimizer.variables), layers


def digest_of(arrays: Sequence[npt.NDArray[Any]]) -> str:
    """Return the SHA-256 of the values of arrays."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(array.tobytes())
    return digest.hexdigest()
