"""A trained model that reads texts.

May import: numpy, the standard library, imdb_rnn.batches, imdb_rnn.bundle, imdb_rnn.corpora.reviews, imdb_rnn.errors,
imdb_rnn.forward, imdb_rnn.model, imdb_rnn.tokens.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from imdb_rnn.batches import Arrays, pad
from imdb_rnn.bundle import Bundle, read_bundle
from imdb_rnn.corpora.reviews import EncodedReviews
from imdb_rnn.errors import ReviewError
from imdb_rnn.forward import scores_of
from imdb_rnn.model import build_model, compile_model
from imdb_rnn.tokens import OOV, START, Vocabulary

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
        max_len: ids a review.
        manifest: what is known of the training.
        model: takes int32 ids, shape (batch, max_len), and gives scores, shape (batch, 1); None if it is `saved`.
        saved: what the model is made of, once somebody asks for it.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        num_words: int,
        max_len: int,
        manifest: dict[str, Any],
        *,
        model: "keras.Model | None" = None,
        saved: Bundle | None = None,
    ) -> None:
        self.vocabulary = vocabulary
        self.num_words = num_words
        self.max_len = max_len
        self.manifest = manifest
        self._model, self._saved = model, saved
        # None once the model has been handed out: it may then be trained on.
        self._kept: list[npt.NDArray[np.float32]] | None = None
        if saved is not None:
            self._kept = saved.weights
        elif model is not None:
            self._kept = model.get_weights()

    @classmethod
    def load(cls, directory: Path | str) -> Self:
        """Load a folder saved by `train`, whichever backend trained it. Loads no backend.

        Raises:
            BundleError: a file is missing, damaged, or does not fit the others.
        """
        saved = read_bundle(Path(directory))
        return cls(saved.vocabulary, saved.num_words, saved.max_len, saved.manifest, saved=saved)

    @property
    def model(self) -> "keras.Model":
        """The Keras model, on whichever backend runs, compiled and with its optimizer's state.

        `model.fit` goes on from the epoch that was saved.

        Raises:
            BackendError: see `imdb_rnn.engine.backend_name`.
        """
        model = self._built()
        self._kept = None
        return model

    def predict_review(self, text: str) -> Prediction:
        """Score one review.

        Raises:
            ReviewError: see `predict_reviews`.
        """
        return self.predict_reviews([text])[0]

    def predict_reviews(self, texts: Sequence[str]) -> list[Prediction]:
        """Score reviews, a thousand at a time, in NumPy: the same on every backend, and without one.

        Args:
            texts: reviews in English; the model reads the last `max_len` words of each.

        Returns:
            A prediction for each review, in order.

        Raises:
            ReviewError: a text is no string, has no word that the model knows, or has over 100,000 words.
        """
        if isinstance(texts, str):
            msg = "Bad reviews. Expected: a list of texts. Received: one text. Use predict_review for a single one."
            raise ReviewError(msg)
        ids, weights = self._encode(texts), self._weights()
        parts = [ids[start : start + SCORING_BATCH] for start in range(0, len(ids), SCORING_BATCH)]
        scores = [score for part in parts for score in scores_of(weights, part)]
        return [
            Prediction(text, float(score), "positive" if score > 0.5 else "negative")
            for text, score in zip(texts, scores, strict=True)
        ]

    def score(self, ids: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
        """Score encoded reviews by the backend.

        Args:
            ids: int32, shape (n, max_len), below `num_words`; n may be 0.

        Returns:
            float32, shape (n,), 0 to 1.
        """
        if not len(ids):
            return np.empty(0, np.float32)
        scores: npt.NDArray[np.float32] = self._built().predict(ids, batch_size=SCORING_BATCH, verbose=0)
        return scores[:, 0]

    def evaluate(self, arrays: Arrays) -> Evaluation:
        """Score reviews whose labels are known and compare, by Keras's loss and accuracy."""
        loss, accuracy = self._built().evaluate(arrays.x, arrays.y, batch_size=SCORING_BATCH, verbose=0)
        return Evaluation(float(loss), float(accuracy))

    def _built(self) -> "keras.Model":
        """The model, made of what was saved if it is not there yet."""
        if self._model is None:
            assert self._saved is not None  # noqa: S101 (one of the two is given)
            model = build_model(self.num_words, self.max_len)
            model.set_weights(self._saved.weights)
            compile_model(model)
            model.optimizer.load_own_variables({str(i): array for i, array in enumerate(self._saved.optimizer)})
            self._model = model
        return self._model

    def _weights(self) -> list[npt.NDArray[np.float32]]:
        """As they are now."""
        return self._kept if self._kept is not None else self._built().get_weights()

    def _encode(self, texts: Sequence[str]) -> npt.NDArray[np.int32]:
        """Encode as in training. Returns int32 ids, shape (len(texts), max_len)."""
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
        return pad(EncodedReviews.from_sequences(sequences, np.zeros(len(sequences))), self.num_words, self.max_len)
