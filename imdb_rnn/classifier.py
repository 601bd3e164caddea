"""A trained model that reads texts.

May import: numpy, the standard library, imdb_rnn.batches, imdb_rnn.bundle, imdb_rnn.corpora.reviews, imdb_rnn.errors,
imdb_rnn.model, imdb_rnn.tokens.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from imdb_rnn.batches import Arrays, pad
from imdb_rnn.bundle import read_bundle
from imdb_rnn.corpora.reviews import EncodedReviews
from imdb_rnn.errors import ReviewError
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

    Args:
        model: takes int32 ids, shape (batch, max_len), and gives scores, shape (batch, 1).
        vocabulary: the words behind the ids.
        num_words: ids are below this number.
        max_len: ids a review.
        manifest: what is known of the training.
    """

    def __init__(
        self, model: "keras.Model", vocabulary: Vocabulary, num_words: int, max_len: int, manifest: dict[str, Any]
    ) -> None:
        self.model = model
        self.vocabulary = vocabulary
        self.num_words = num_words
        self.max_len = max_len
        self.manifest = manifest

    @classmethod
    def load(cls, directory: Path | str) -> Self:
        """Load a folder saved by `train`, on whichever backend runs, whichever backend trained it.

        The optimizer's state is loaded too: `model.fit` goes on from the epoch that was saved.

        Raises:
            BundleError: a file is missing, damaged, or does not fit the others.
            BackendError: see `imdb_rnn.engine.backend_name`.
        """
        bundle = read_bundle(Path(directory))
        model = build_model(bundle.num_words, bundle.max_len)
        model.set_weights(bundle.weights)
        compile_model(model)
        model.optimizer.load_own_variables({str(i): array for i, array in enumerate(bundle.optimizer)})
        return cls(model, bundle.vocabulary, bundle.num_words, bundle.max_len, bundle.manifest)

    def predict_review(self, text: str) -> Prediction:
        """Score one review.

        Raises:
            ReviewError: see `predict_reviews`.
        """
        return self.predict_reviews([text])[0]

    def predict_reviews(self, texts: Sequence[str]) -> list[Prediction]:
        """Score reviews, a thousand at a time.

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
        scores = self.score(self._encode(texts))
        return [
            Prediction(text, float(score), "positive" if score > 0.5 else "negative")
            for text, score in zip(texts, scores, strict=True)
        ]

    def score(self, ids: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
        """Score encoded reviews.

        Args:
            ids: int32, shape (n, max_len), below `num_words`; n may be 0.

        Returns:
            float32, shape (n,), 0 to 1.
        """
        if not len(ids):
            return np.empty(0, np.float32)
        scores: npt.NDArray[np.float32] = self.model.predict(ids, batch_size=SCORING_BATCH, verbose=0)
        return scores[:, 0]

    def evaluate(self, arrays: Arrays) -> Evaluation:
        """Score reviews whose labels are known and compare, by Keras's loss and accuracy."""
        loss, accuracy = self.model.evaluate(arrays.x, arrays.y, batch_size=SCORING_BATCH, verbose=0)
        return Evaluation(float(loss), float(accuracy))

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
