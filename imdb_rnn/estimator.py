"""The classifier as a scikit-learn estimator, for anybody's texts of two classes.

May import: numpy, scikit-learn, the standard library, imdb_rnn.bundle, imdb_rnn.classifier, imdb_rnn.corpora.reviews,
imdb_rnn.errors, imdb_rnn.oracle, imdb_rnn.recipe, imdb_rnn.tokens, imdb_rnn.training.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import train_test_split
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_sample_weight, check_consistent_length, check_is_fitted, column_or_1d

from imdb_rnn import bundle
from imdb_rnn.classifier import Classifier
from imdb_rnn.corpora.reviews import EncodedReviews
from imdb_rnn.errors import BundleError, ReviewError
from imdb_rnn.oracle import sigmoid
from imdb_rnn.recipe import Recipe
from imdb_rnn.tokens import Vocabulary
from imdb_rnn.training import fit

ESTIMATOR_FILE = "estimator.json"


class ReviewClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Tells texts of two classes apart, by the model and the training of this library.

    It follows scikit-learn's conventions: it can be cloned, searched over, cross-validated and put at the end of a
    pipeline of texts. The vocabulary is learned from the texts, and so is when to stop, on a part of them that is set
    aside. A fitted estimator predicts in NumPy, without a backend.

    Save it with `save` and `ReviewClassifier.load`. It can be pickled as well, as arrays and words; but as with any
    pickle, do not open one that a stranger gave you.

    Args:
        recipe: how to train, "robust" or "tutorial"; see `imdb_rnn.Recipe`. What is None below is as in the recipe.
        num_words: ids are below this number; rarer words are unknown.
        max_len: ids that the model takes at once.
        epochs: the most epochs.
        batch_size: texts a step.
        patience: stop after so many epochs without a lower validation loss.
        validation_fraction: the share of the texts that are set aside, above 0 and below 1.
        seed: of the weights, the order of the texts, their windows, and which are set aside.

    Attributes:
        classes_: the two labels, sorted, shape (2,).
        vocabulary_: the `Vocabulary` that was learned.
        history_: loss, accuracy, val_loss and val_accuracy, one value an epoch.
        n_iter_: the epochs trained.
    """

    def __init__(
        self,
        recipe: str = "robust",
        *,
        num_words: int | None = None,
        max_len: int | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        patience: int | None = None,
        validation_fraction: float = 0.2,
        seed: int = 42,
    ) -> None:
        self.recipe = recipe
        self.num_words = num_words
        self.max_len = max_len
        self.epochs = epochs
        self.batch_size = batch_size
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.seed = seed

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        return tags

    def fit(self, texts: Iterable[str], y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Learn from labelled texts.

        Args:
            texts: n texts.
            y: shape (n,), the labels: two different ones, texts or whole numbers.
            sample_weight: shape (n,): how often a text counts, not negative; None counts each once. A text is drawn
                the more often in an epoch the more it weighs.

        Raises:
            ValueError: an argument is none of these, or the texts are too few, or without words.
            BackendError: see `imdb_rnn.engine.training_backend_name`.
            RecipeError: a setting is out of range.
        """
        given, recipe = as_texts(texts), self._recipe()
        labels = column_or_1d(y, warn=True)
        assert_all_finite(labels, input_name="y")
        check_consistent_length(given, labels)
        check_classification_targets(labels)
        weights = _check_sample_weight(sample_weight, given, dtype=np.float64, ensure_non_negative=True)
        self.classes_, targets = np.unique(labels, return_inverse=True)
        if len(self.classes_) != 2:
            kind = type_of_target(labels)
            msg = (
                f"Bad `y`. Only binary classification is supported. Expected: two classes. "
                f"Received: {len(self.classes_)} class{'es' * (len(self.classes_) != 1)} ({kind})."
            )
            raise ValueError(msg)
        counted = np.flatnonzero(weights)
        learn, validate = train_test_split(
            counted, test_size=self.validation_fraction, stratify=targets[counted], random_state=self.seed
        )
        learned = [given[i] for i in learn]
        # Words that occur once show what to make of unknown ones, unless there are no others.
        vocabulary = Vocabulary.from_texts(learned, least=2).truncate(recipe.num_words)
        if not len(vocabulary):
            vocabulary = Vocabulary.from_texts(learned).truncate(recipe.num_words)
        if not len(vocabulary):
            msg = "Bad `texts`. Expected: texts with words in them. Received: none with any."
            raise ReviewError(msg)
        digest = hashlib.sha256("\0".join(given).encode("utf-8", "surrogatepass")).hexdigest()
        training = fit(
            encode(vocabulary, learned, targets[learn]),
            encode(vocabulary, [given[i] for i in validate], targets[validate]),
            vocabulary,
            recipe,
            {"source": "texts", "fingerprint": digest},
            weights=None if sample_weight is None else (weights[learn], weights[validate]),
        )
        self._keep(training.classifier)
        self.history_ = training.history
        self.n_iter_ = training.manifest["epochs"]
        return self

    def decision_function(self, texts: Iterable[str]) -> npt.NDArray[np.float64]:
        """The logit of each text: float64, shape (n,), above 0 for `classes_[1]`; words need not be known."""
        check_is_fitted(self)
        given = as_texts(texts)
        return self.classifier_.logits(encode(self.vocabulary_, given, np.zeros(len(given))))

    def predict_proba(self, texts: Iterable[str]) -> npt.NDArray[np.float64]:
        """The probability of each class: float64, shape (n, 2), in the order of `classes_`."""
        logits = self.decision_function(texts)
        return sigmoid(np.stack([-logits, logits], axis=1))

    def predict(self, texts: Iterable[str]) -> npt.NDArray[Any]:
        """The likelier class of each text, shape (n,)."""
        logits = self.decision_function(texts)  # which checks that there are classes
        found: npt.NDArray[Any] = self.classes_[(logits > 0).astype(int)]
        return found

    def save(self, directory: Path | str) -> None:
        """Write a new or empty folder: a plain Keras model, its words and settings as JSON, no pickle.

        Raises:
            BundleError: it cannot be written, or holds something already.
        """
        check_is_fitted(self)
        folder = Path(directory)
        with bundle.claimed(folder), bundle.saving(folder):
            bundle.write_config(folder, self.vocabulary_, *self.classifier_.reading)
            bundle.write_model(folder, self.classifier_.model)
            bundle.write_json(folder / bundle.HISTORY_FILE, self.history_)
            content = {
                "params": self.get_params(),
                "classes": self.classes_.tolist(),
                "dtype": str(self.classes_.dtype),
            }
            bundle.write_json(folder / ESTIMATOR_FILE, content)
            bundle.write_json(folder / bundle.MANIFEST_FILE, self.classifier_.manifest)

    @classmethod
    def load(cls, directory: Path | str) -> Self:
        """Load a folder that `save` wrote; runs nothing that is in it.

        Raises:
            BundleError: a file is missing, damaged, or does not fit the others.
        """
        folder = Path(directory)
        classifier = Classifier.load(folder)
        content = bundle.read_json(folder / ESTIMATOR_FILE)
        try:
            estimator = cls(**content["params"])
            estimator.classes_ = np.array(content["classes"], content["dtype"])
            if estimator.classes_.shape != (2,):
                msg = f"{len(estimator.classes_)} classes"
                raise ValueError(msg)
        except (KeyError, TypeError, ValueError) as error:
            msg = f"Cannot read {folder / ESTIMATOR_FILE}. Expected: what `save` writes. Received: {error!r}"
            raise BundleError(msg) from error
        estimator._keep(classifier)
        estimator.history_ = bundle.read_json(folder / bundle.HISTORY_FILE)
        estimator.n_iter_ = classifier.manifest.get("epochs")
        return estimator

    def _recipe(self) -> Recipe:
        names = {field.name for field in fields(Recipe)} & set(self.get_params())
        return Recipe.named(
            self.recipe, **{name: value for name in names if (value := getattr(self, name)) is not None}
        )

    def _keep(self, classifier: Classifier) -> None:
        self.classifier_, self.vocabulary_ = classifier, classifier.vocabulary


def as_texts(texts: Any) -> list[str]:
    """Texts as a list.

    Raises:
        ReviewError: they are something else, which it names.
    """
    if isinstance(texts, str) or not isinstance(texts, Iterable):
        received = "one text" if isinstance(texts, str) else type(texts).__name__
        msg = f"Bad `texts`. Expected: a list of texts. Received: {received}."
        raise ReviewError(msg)
    found = list(texts)
    for number, text in enumerate(found, start=1):
        if not isinstance(text, str):
            msg = f"Bad text {number} of {len(found)}. Expected: str. Received: {type(text).__name__}."
            raise ReviewError(msg)
    if not found:
        msg = "Bad `texts`. Expected: at least one. Received: 0 samples."
        raise ReviewError(msg)
    return found


def encode(vocabulary: Vocabulary, texts: list[str], targets: npt.ArrayLike) -> EncodedReviews:
    """Texts in the ids of a vocabulary."""
    return EncodedReviews.from_sequences(map(vocabulary.encode, texts), targets)
