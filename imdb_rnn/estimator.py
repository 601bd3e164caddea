"""The classifier as a scikit-learn estimator, for anybody's texts of two classes."""

import hashlib
import json
import re
import reprlib
import warnings
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

from imdb_rnn.errors import BundleError, ImdbRnnError, RecipeError, ReviewError
from imdb_rnn.inference import bundle
from imdb_rnn.inference.classifier import Classifier, unknown_words
from imdb_rnn.model.numpy_forward import sigmoid
from imdb_rnn.text.normalization import lacks_spaces
from imdb_rnn.text.reviews import EncodedReviews
from imdb_rnn.text.texts import as_texts
from imdb_rnn.text.tokens import Vocabulary
from imdb_rnn.training.class_weights import (
    check_class_weight,
    class_weight_of,
    record_of_class_weight,
    weights_of_classes,
)
from imdb_rnn.training.fit import Source, Weighted, fit
from imdb_rnn.training.recipe import Recipe
from imdb_rnn.validation import plain_number

ESTIMATOR_FILE = bundle.ESTIMATOR_FILE
NO_SPACES = (
    "These texts have no spaces between words, so that each sentence counts as a word. Separate the words first, for "
    "example by jieba (Chinese), fugashi (Japanese) or PyThaiNLP (Thai)."
)


class ReviewClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Tells texts of two classes apart, by the model and the training of this library.

    It follows scikit-learn's conventions: it can be cloned, searched over, cross-validated and put at the end of a
    pipeline of texts. The vocabulary is learned from the texts, and so is when to stop, on a part of them that is set
    aside. A fitted estimator predicts in NumPy, without a backend.

    Save it with `save` and `ReviewClassifier.load`. It can be pickled as well, as arrays and words; but as with any
    pickle, do not open one that a stranger gave you.

    Args:
        recipe: how to train, "robust" or "tutorial"; see `imdb_rnn.Recipe`. What is None below is as in the recipe.
            Numbers may be Python's or NumPy's.
        num_words: ids are below this number; rarer words are unknown.
        max_len: ids that the model takes at once.
        epochs: the most epochs.
        batch_size: texts a step.
        patience: stop after so many epochs without a lower validation loss.
        validation_fraction: the share of the texts that are set aside, above 0 and below 1.
        seed: of the weights, the order of the texts, their windows, and which are set aside.
        class_weight: how much the texts of each class count, those that are set aside among them; it is multiplied
            with `sample_weight`. None: each counts once. {label: weight}: finite weights of at least 0; a label that
            is missing has the weight 1. "balanced": both classes count the same in all, each text
            `n_samples / (2 * np.bincount(y))`, where the sums of `sample_weight` stand for the counts if it is given.
            As in `sklearn.linear_model.LogisticRegression`.

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
        class_weight: dict[Any, float] | str | None = None,
    ) -> None:
        self.recipe = recipe
        self.num_words = num_words
        self.max_len = max_len
        self.epochs = epochs
        self.batch_size = batch_size
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.seed = seed
        self.class_weight = class_weight

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
            BackendError: see `imdb_rnn.backends.training_backend_name`.
            RecipeError: a setting is out of range.
        """
        self._check_params()
        given, recipe = texts_of(texts), self._recipe()
        labels = column_or_1d(y, warn=True)
        assert_all_finite(labels, input_name="y")
        check_consistent_length(given, labels)
        check_classification_targets(labels)
        weights = _check_sample_weight(sample_weight, given, dtype=np.float64, ensure_non_negative=True)
        if lacks_spaces(given):
            warnings.warn(NO_SPACES, UserWarning, stacklevel=2)
        self.classes_, targets = np.unique(labels, return_inverse=True)
        if len(self.classes_) != 2:
            kind = type_of_target(labels)
            msg = (
                f"Bad `y`. Only binary classification is supported. Expected: two classes. "
                f"Received: {len(self.classes_)} class{'es' * (len(self.classes_) != 1)} ({kind})."
            )
            raise ValueError(msg)
        weights = self._with_class_weight(weights, targets)
        counted = np.flatnonzero(weights)
        learn, validate = train_test_split(
            counted, test_size=self._share_to_set_aside(), stratify=targets[counted], random_state=recipe.seed
        )
        learned = [given[i] for i in learn]
        # Words that occur once show what to make of unknown ones, unless there are no others.
        vocabulary = Vocabulary.from_texts(learned, least=2)
        if not len(vocabulary):
            vocabulary = Vocabulary.from_texts(learned)
        if not len(vocabulary):
            msg = "Bad `texts`. Expected: texts with words in them. Received: none with any."
            raise ReviewError(msg)
        known = vocabulary.truncate(recipe.num_words)
        digest = hashlib.sha256("\0".join(given).encode("utf-8", "surrogatepass")).hexdigest()
        weighted = bool((weights != 1).any())
        training = fit(
            Weighted(encode(known, learned, targets[learn]), weights[learn] if weighted else None),
            Weighted(
                encode(known, [given[i] for i in validate], targets[validate]), weights[validate] if weighted else None
            ),
            vocabulary,
            recipe,
            Source("texts", digest),
        )
        self._keep(training.classifier)
        self.history_ = training.history
        self.n_iter_ = training.manifest.epochs
        return self

    def decision_function(self, texts: Iterable[str]) -> npt.NDArray[np.float64]:
        """The logit of each text: float64, shape (n,), above 0 for `classes_[1]`; words need not be known."""
        return self._logits(texts)

    def predict_proba(self, texts: Iterable[str]) -> npt.NDArray[np.float64]:
        """The probability of each class: float64, shape (n, 2), in the order of `classes_`."""
        logits = self._logits(texts)
        return sigmoid(np.stack([-logits, logits], axis=1))

    def predict(self, texts: Iterable[str]) -> npt.NDArray[Any]:
        """The likelier class of each text, shape (n,)."""
        logits = self._logits(texts)  # which checks that there are classes
        found: npt.NDArray[Any] = self.classes_[(logits > 0).astype(int)]
        return found

    def _logits(self, texts: Iterable[str]) -> npt.NDArray[np.float64]:
        """See `decision_function`; to be called by a public method, so that a warning names the user's line."""
        check_is_fitted(self)
        given = texts_of(texts)
        reviews = encode(self.vocabulary_, given)
        if problem := unknown_words(reviews):
            warnings.warn(problem, UserWarning, stacklevel=3)
        return self.classifier_.logits(reviews)

    def save(self, directory: Path | str) -> None:
        """Write a folder that `load` reads: a plain Keras model, its words and settings as JSON, no pickle.

        Args:
            directory: a new or empty folder, or one that this estimator was loaded from or saved to.

        Raises:
            BackendError: see `imdb_rnn.backends.backend_name`.
            BundleError: it cannot be written or holds something else, or JSON cannot hold the labels.
            ModelError: see `imdb_rnn.Classifier.save`.
            RecipeError: a parameter is out of range.
        """
        check_is_fitted(self)
        self._check_params()  # or `load` would refuse the folder
        folder = Path(directory)
        with bundle.disk_errors_as_bundle_errors(folder):
            beside = {
                bundle.HISTORY_FILE: bundle.json_bytes(self.history_),
                ESTIMATOR_FILE: bundle.json_bytes({"params": self._params(), **record_of_labels(self.classes_)}),
            }
        self.classifier_._save(folder, beside)

    @classmethod
    def load(cls, directory: Path | str) -> Self:
        """Load a folder that `save` wrote; runs nothing that is in it.

        Raises:
            BundleError: a file is missing, damaged, or does not fit the others.
        """
        folder = Path(directory)
        classifier = Classifier.load(folder)
        content = bundle.read_part(folder, ESTIMATOR_FILE)
        try:
            params = {**content["params"]}
            if "class_weight" in params:  # which earlier versions did not have
                params["class_weight"] = class_weight_of(params["class_weight"])
            estimator = cls(**params)
            estimator._check_params()
            estimator.classes_ = labels_of(content)
        except ImdbRnnError as error:  # which says what it expected
            msg = f"Cannot read {folder / ESTIMATOR_FILE}. {error!s:.300}"
            raise BundleError(msg) from error
        except (KeyError, OverflowError, TypeError, ValueError) as error:
            msg = f"Cannot read {folder / ESTIMATOR_FILE}. Expected: what `save` writes. Received: {error!r:.300}"
            raise BundleError(msg) from error
        estimator._keep(classifier)
        estimator.history_ = bundle.read_part(folder, bundle.HISTORY_FILE)
        estimator.n_iter_ = classifier.manifest.epochs
        return estimator

    def _recipe(self) -> Recipe:
        names = {field.name for field in fields(Recipe)} & set(self.get_params())
        return Recipe.named(
            self.recipe, **{name: value for name in names if (value := getattr(self, name)) is not None}
        )

    def _share_to_set_aside(self) -> float:
        """Return `validation_fraction` as Python's own float, or raise `RecipeError`."""
        given = self.validation_fraction
        fraction = plain_number(given)
        if not isinstance(fraction, float) or not 0 < fraction < 1:
            msg = f"Bad `validation_fraction`. Expected: a number above 0 and below 1. Received: {given!r}."
            raise RecipeError(msg)
        return fraction

    def _check_params(self) -> None:
        """Raise `RecipeError` unless the parameters are in range."""
        self._recipe()
        self._share_to_set_aside()
        check_class_weight(self.class_weight)

    def _params(self) -> dict[str, Any]:
        """The parameters as JSON values."""
        return {
            name: record_of_class_weight(value) if name == "class_weight" else plain_number(value)
            for name, value in self.get_params().items()
        }

    def _with_class_weight(
        self, weights: npt.NDArray[np.float64], targets: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        """Multiply the weights of texts with those of their classes.

        Args:
            weights: shape (n,), at least 0.
            targets: the position in `classes_` of each text's label, shape (n,).

        Raises:
            RecipeError: the products are not finite or all 0, or see `weights_of_classes`.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            of_classes = weights_of_classes(self.class_weight, self.classes_, np.bincount(targets, weights))
            product: npt.NDArray[np.float64] = weights * of_classes[targets]
            total = product.sum()
        if not 0 < total < np.inf:
            msg = (
                f"Bad `class_weight` or `sample_weight`. Expected: products that are finite, and not all 0. "
                f"Received: some with the sum {total}."
            )
            raise RecipeError(msg)
        return product

    def _keep(self, classifier: Classifier) -> None:
        self.classifier_, self.vocabulary_ = classifier, classifier.vocabulary


def texts_of(given: Any) -> list[str]:
    """Texts as a list, at least one.

    Raises:
        ReviewError: see `imdb_rnn.text.texts.as_texts`, or there is none.
    """
    texts = as_texts(given)
    if not texts:
        msg = "Bad `texts`. Expected: at least one. Received: 0 samples."
        raise ReviewError(msg)
    return texts


def encode(vocabulary: Vocabulary, texts: list[str], targets: npt.ArrayLike | None = None) -> EncodedReviews:
    """Texts in the ids of a vocabulary."""
    return EncodedReviews.from_sequences(map(vocabulary.encode_typed, texts), targets)


def record_of_labels(labels: npt.NDArray[Any]) -> dict[str, Any]:
    """Convert labels to JSON values.

    Args:
        labels: two different ones.

    Raises:
        ValueError: they are of a kind that JSON does not bring back as it was.
    """
    record = {"classes": labels.tolist(), "dtype": str(labels.dtype)}
    try:
        again = labels_of(json.loads(json.dumps(record)))
        same = again.dtype == labels.dtype and again.tolist() == labels.tolist()
        same &= [type(label) for label in again.tolist()] == [type(label) for label in labels.tolist()]
    except (KeyError, OverflowError, TypeError, ValueError):
        same = False
    if not same:
        msg = f"labels of {labels.dtype}, such as {labels.tolist()[0]!r}, which JSON cannot hold: use texts or numbers"
        raise ValueError(msg)
    return record


def labels_of(record: dict[str, Any]) -> npt.NDArray[Any]:
    """The labels of `record_of_labels`.

    Raises:
        KeyError, TypeError, ValueError: it holds no two different labels in ascending order.
    """
    classes, kind = record["classes"], record["dtype"]
    proper = isinstance(classes, list) and len(classes) == 2 and isinstance(kind, str)
    if not proper or not all(isinstance(label, (str, int, float)) for label in classes):
        msg = f"the labels {reprlib.repr(classes)} of type {reprlib.repr(kind)}"
        raise ValueError(msg)
    # A type can include a length, which decides the size of the array.
    if not re.fullmatch(r"object|bool|u?int\d{1,2}|float\d{1,2}|[<>|=]?U\d{1,5}", kind):
        msg = f"labels of type {reprlib.repr(kind)}"
        raise ValueError(msg)
    labels = np.array(classes, kind)
    if labels.tolist() != classes or not labels[0] < labels[1]:
        msg = f"the labels {reprlib.repr(classes)}, not two of type {kind} in ascending order"
        raise ValueError(msg)
    return labels
