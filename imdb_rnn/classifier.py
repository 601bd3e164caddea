"""A trained model that reads texts.

May import: numpy, the standard library, imdb_rnn.batches, imdb_rnn.bundle, imdb_rnn.corpora.reviews, imdb_rnn.errors,
imdb_rnn.forward, imdb_rnn.model, imdb_rnn.oracle, imdb_rnn.tokens, imdb_rnn.windows.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from imdb_rnn.batches import pad
from imdb_rnn.bundle import read_bundle
from imdb_rnn.corpora.reviews import EncodedReviews
from imdb_rnn.errors import ReviewError
from imdb_rnn.forward import logits_of
from imdb_rnn.model import build_model, compile_model
from imdb_rnn.oracle import EPSILON, binary_crossentropy, sigmoid
from imdb_rnn.tokens import OOV, START, Vocabulary
from imdb_rnn.windows import Windows, combine, windows_of

if TYPE_CHECKING:
    import keras

# Longer than any review, shorter than a book: such a text is a mistake, most often a whole file given as one review.
LONGEST_REVIEW = 100_000
# Reviews a step when many are scored: enough to keep any backend busy, a few megabytes of memory.
SCORING_BATCH = 1000


class Prediction(NamedTuple):
    """What the model thinks of a review.

    Attributes:
        text: the review.
        score: how positive it is, 0 to 1.
        label: "positive" if the score is above one half, else "negative".
    """

    text: str
    score: float
    label: str


class Evaluation(NamedTuple):
    """How well scores fit labels.

    Attributes:
        loss: mean binary cross-entropy, in nats.
        accuracy: the share of labels that are right, 0 to 1.
    """

    loss: float
    accuracy: float


class Classifier:
    """A model with the vocabulary that it was trained with.

    It reads texts in NumPy, without a backend; `model` is there for whoever wants to go on training or to look inside.

    Args:
        vocabulary: the words behind the ids.
        num_words: ids are below this number.
        max_len: ids that the model takes.
        windows: whether a longer review is read as a whole, in windows, or only its end.
        manifest: what is known of the training.
        model: takes int32 ids, shape (batch, max_len), and gives scores, shape (batch, 1); None to build it when
            somebody asks for it, of the two that follow.
        weights: of the model, in the order of `build_model().weights`.
        optimizer: the state of its Adam, as in `imdb_rnn.bundle.Bundle`; None begins anew.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        num_words: int,
        max_len: int,
        windows: bool,
        manifest: dict[str, Any],
        *,
        model: "keras.Model | None" = None,
        weights: list[npt.NDArray[np.float32]] | None = None,
        optimizer: list[npt.NDArray[Any]] | None = None,
    ) -> None:
        self.vocabulary = vocabulary
        self.num_words = num_words
        self.max_len = max_len
        self.windows = windows
        self.manifest = manifest
        self._model, self._optimizer = model, optimizer
        # None once the model has been handed out: it may then be trained on.
        self._weights = weights if model is None else model.get_weights()

    def __getstate__(self) -> dict[str, Any]:
        """What a pickle or a copy holds: arrays, words and settings, but no Keras model."""
        return vars(self) | {"_model": None, "_weights": self.weights()}

    @classmethod
    def load(cls, directory: Path | str) -> Self:
        """Load a folder saved by `train`, whichever backend trained it. Loads no backend.

        Raises:
            BundleError: a file is missing, damaged, or does not fit the others.
        """
        saved = read_bundle(Path(directory))
        return cls(
            saved.vocabulary,
            saved.num_words,
            saved.max_len,
            saved.windows,
            saved.manifest,
            weights=saved.weights,
            optimizer=saved.optimizer,
        )

    @property
    def reading(self) -> tuple[int, int, bool]:
        """How reviews become what the model takes: `num_words`, `max_len` and `windows`."""
        return self.num_words, self.max_len, self.windows

    @property
    def model(self) -> "keras.Model":
        """The Keras model, on whichever backend runs, compiled and with its optimizer's state.

        `model.fit` goes on from the epoch that was saved.

        Raises:
            BackendError: see `imdb_rnn.engine.backend_name`.
        """
        model = self._built()
        self._weights = None
        return model

    def predict_review(self, text: str) -> Prediction:
        """Score one review.

        Raises:
            ReviewError: see `predict_reviews`.
        """
        return self.predict_reviews([text])[0]

    def predict_reviews(self, texts: Sequence[str]) -> list[Prediction]:
        """Score reviews in NumPy: the same on every backend, and without one.

        Args:
            texts: reviews in English.

        Returns:
            A prediction for each review, in order.

        Raises:
            ReviewError: a text is no string, has no word that the model knows, or has over 100,000 words.
        """
        if isinstance(texts, str):
            msg = "Bad reviews. Expected: a list of texts. Received: one text. Use predict_review for a single one."
            raise ReviewError(msg)
        scores = sigmoid(self.logits(self._encode(texts)))
        return [
            Prediction(text, float(score), "positive" if score > 0.5 else "negative")
            for text, score in zip(texts, scores, strict=True)
        ]

    def logits(self, reviews: EncodedReviews) -> npt.NDArray[np.float64]:
        """Read encoded reviews in NumPy.

        Args:
            reviews: n reviews in the ids of this vocabulary.

        Returns:
            float64, shape (n,): above 0 is positive.
        """
        weights, parts = self.weights(), []
        for start in range(0, len(reviews), SCORING_BATCH):
            x, review = self.read(reviews.take(np.arange(start, min(start + SCORING_BATCH, len(reviews)))))
            parts.append(combine(logits_of(weights, x), review))
        return np.concatenate(parts) if parts else np.empty(0)

    def read(self, reviews: EncodedReviews) -> Windows:
        """What the model takes of reviews: all windows of each, or its last ids."""
        if self.windows:
            return windows_of(reviews, self.num_words, self.max_len)
        return Windows(pad(reviews, self.num_words, self.max_len), np.arange(len(reviews)))

    def score(self, ids: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
        """Score what the model takes by the backend.

        Args:
            ids: int32, shape (n, max_len), below `num_words`; n may be 0.

        Returns:
            float32, shape (n,), 0 to 1.
        """
        if not len(ids):
            return np.empty(0, np.float32)
        scores: npt.NDArray[np.float32] = self._built().predict(ids, batch_size=SCORING_BATCH, verbose=0)
        return scores[:, 0]

    def evaluate(self, reviews: EncodedReviews) -> Evaluation:
        """Score reviews by the backend, and compare with their labels.

        Source: `keras.losses.BinaryCrossentropy`, `keras.metrics.BinaryAccuracy`.
        """
        x, review = self.read(reviews)
        scores = np.clip(self.score(x).astype(np.float64), EPSILON, 1 - EPSILON)
        logits = combine(np.log(scores) - np.log1p(-scores), review)
        right = (logits > 0) == (reviews.labels == 1)
        return Evaluation(binary_crossentropy(logits[:, None], reviews.labels[:, None]), float(right.mean()))

    def weights(self) -> list[npt.NDArray[np.float32]]:
        """The weights as they are now, in the order of `build_model().weights`."""
        return self._weights if self._weights is not None else self._built().get_weights()

    def _built(self) -> "keras.Model":
        """The model, built if it is not there yet."""
        if self._model is None:
            model = build_model(self.num_words, self.max_len)
            model.set_weights(self._weights)
            compile_model(model)
            if self._optimizer is not None:
                model.optimizer.load_own_variables({str(i): array for i, array in enumerate(self._optimizer)})
            self._model = model
        return self._model

    def _encode(self, texts: Sequence[str]) -> EncodedReviews:
        """Encode as in training, and refuse what is no review."""
        sequences = []
        for number, text in enumerate(texts, start=1):
            which = f"review {number} of {len(texts)}" if len(texts) > 1 else "review"
            if not isinstance(text, str):
                msg = f"Bad {which}. Expected: a text (str). Received: {type(text).__name__}."
                raise ReviewError(msg)
            ids = self.vocabulary.encode(text)
            words = len(ids) - 1
            if words > LONGEST_REVIEW:
                msg = (
                    f"Bad {which}. Expected: at most {LONGEST_REVIEW:,} words. Received: {words:,}. "
                    f"If this is a file of many reviews, give each its own line."
                )
                raise ReviewError(msg)
            if not any(i not in (START, OOV) for i in ids):
                received = f"{words} unknown" if words else "no word"
                msg = (
                    f"Bad {which}. Expected: a text with at least one of the {len(self.vocabulary):,} words that the "
                    f"model knows. Received: {received}: {text[:40]!r}."
                )
                raise ReviewError(msg)
            sequences.append(ids)
        return EncodedReviews.from_sequences(sequences, np.zeros(len(sequences)))
