"""The classifier as a scikit-learn estimator for texts of two classes."""

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
from imdb_rnn.inference.classifier import Classifier, Words, unknown_words
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
from imdb_rnn.training.fit import Source, WeightedReviews, fit
from imdb_rnn.training.recipe import Recipe
from imdb_rnn.validation import plain_number

ESTIMATOR_FILE = bundle.ESTIMATOR_FILE
NO_SPACES = (
    "These texts have no spaces between words, so each sentence counts as one word. Separate the words first, for "
    "example with jieba (Chinese), fugashi (Japanese) or PyThaiNLP (Thai)."
)


class ReviewClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """A binary text classifier with the model and the training of this library.

    The estimator follows scikit-learn's conventions: it can be cloned, cross-validated, used in a parameter search, and
    used as the last step of a pipeline that outputs texts. `fit` learns the vocabulary from the texts, and sets a part
    of them aside for early stopping. A fitted estimator predicts in NumPy, without a backend.

    Save and load it with `save` and `ReviewClassifier.load`. It can also be pickled; do not unpickle files from
    untrusted sources.

    Args:
        recipe: "robust" or "tutorial"; see `imdb_rnn.Recipe`. Parameters that are None have the value of the recipe.
            Numbers can be Python or NumPy numbers.
        num_words: ids are below this number; rarer words are unknown.
        max_len: ids per row of the model's input.
        epochs: the maximum number of epochs.
        batch_size: texts per step.
        patience: the number of epochs without a lower validation loss after which training stops.
        validation_fraction: the share of the texts that is set aside for validation, above 0 and below 1.
        seed: the seed of the weights, the shuffling, the windows and the validation split.
        class_weight: the weights of the classes, in training and validation. They are multiplied with `sample_weight`.
            None: all weights are 1. {label: weight}: finite weights of at least 0; missing labels have the weight 1.
            "balanced": each text has the weight `n_samples / (2 * np.bincount(y))`; with `sample_weight`, sums of
            weights replace the counts. As in `sklearn.linear_model.LogisticRegression`.

    Attributes:
        classes_: the two labels, sorted, shape (2,).
        vocabulary_: the learned `Vocabulary`.
        history_: loss, accuracy, val_loss and val_accuracy -> one value per epoch.
        n_iter_: the number of trained epochs.
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
        """Train on labelled texts.

        Args:
            texts: n texts.
            y: the labels, shape (n,): strings or integers with two distinct values.
            sample_weight: the weight of each text, shape (n,), at least 0; None is 1 for each. Texts are drawn in
                proportion to their weights.

        Raises:
            ValueError: an argument has the wrong form, or the texts are too few or have no words.
            BackendError: see `imdb_rnn.backends.training_backend_name`.
            RecipeError: a setting is out of range.
        """
        self._check_params()
        given, recipe = texts_of(texts), self._recipe()
        self.classes_, targets = classes_of(y, given)
        weights = _check_sample_weight(sample_weight, given, dtype=np.float64, ensure_non_negative=True)
        if lacks_spaces(given):
            warnings.warn(NO_SPACES, UserWarning, stacklevel=2)
        weights = self._with_class_weight(weights, targets)
        counted = np.flatnonzero(weights)
        learn, validate = train_test_split(
            counted, test_size=self._share_to_set_aside(), stratify=targets[counted], random_state=recipe.seed
        )
        vocabulary = learn_vocabulary([given[i] for i in learn])
        known = vocabulary.truncate(recipe.num_words)
        weighted = bool((weights != 1).any())

        def part(positions: npt.NDArray[np.int64]) -> WeightedReviews[EncodedReviews]:
            reviews = encode(known, [given[i] for i in positions], targets[positions])
            return WeightedReviews(reviews, weights[positions] if weighted else None)

        digest = hashlib.sha256("\0".join(given).encode("utf-8", "surrogatepass")).hexdigest()
        training = fit(part(learn), part(validate), vocabulary, recipe, Source("texts", digest))
        self._keep(training.classifier)
        self.history_ = training.history
        self.n_iter_ = training.manifest.epochs
        return self

    def decision_function(self, texts: Iterable[str]) -> npt.NDArray[np.float64]:
        """Return the logit of each text: float64, shape (n,), above 0 for `classes_[1]`. Unknown words are allowed."""
        return self._logits(texts)

    def predict_proba(self, texts: Iterable[str]) -> npt.NDArray[np.float64]:
        """Return the probability of each class: float64, shape (n, 2), in the order of `classes_`."""
        logits = self._logits(texts)
        return sigmoid(np.stack([-logits, logits], axis=1))

    def predict(self, texts: Iterable[str]) -> npt.NDArray[Any]:
        """Return the predicted label of each text, shape (n,)."""
        logits = self._logits(texts)  # before `classes_`, because it checks that the estimator is fitted
        labels: npt.NDArray[Any] = self.classes_[(logits > 0).astype(int)]
        return labels

    def _logits(self, texts: Iterable[str]) -> npt.NDArray[np.float64]:
        """Return the logits. Call it only from a public method, so that a warning shows the caller's line."""
        check_is_fitted(self)
        given = texts_of(texts)
        reviews = encode(self.vocabulary_, given)
        if problem := unknown_words(Words.of(reviews)):
            warnings.warn(problem, UserWarning, stacklevel=3)
        return self.classifier_.logits(reviews)

    def save(self, directory: Path | str) -> None:
        """Save a folder for `load`: a plain Keras model, and words and settings as JSON, without a pickle.

        Args:
            directory: a new or empty folder, or one that this estimator was loaded from or saved to.

        Raises:
            BackendError: see `imdb_rnn.backends.backend_name`.
            BundleError: the folder cannot be written or contains something else, or JSON cannot hold the labels.
            ModelError: see `imdb_rnn.Classifier.save`.
            RecipeError: a parameter is out of range.
        """
        check_is_fitted(self)
        self._check_params()  # `load` rejects bad parameters
        folder = Path(directory)
        with bundle.disk_errors_as_bundle_errors(folder):
            other_files = {
                bundle.HISTORY_FILE: bundle.json_bytes(self.history_),
                ESTIMATOR_FILE: bundle.json_bytes({"params": self._params(), **record_of_labels(self.classes_)}),
            }
        self.classifier_._save(folder, other_files)

    @classmethod
    def load(cls, directory: Path | str) -> Self:
        """Load a folder saved by `save`. No code from the folder is run.

        Raises:
            BundleError: a file is missing, damaged, or does not match the others.
        """
        folder = Path(directory)
        classifier = Classifier.load(folder)
        content = bundle.read_part(folder, ESTIMATOR_FILE)
        try:
            params = {**content["params"]}
            if "class_weight" in params:  # earlier versions did not have it
                params["class_weight"] = class_weight_of(params["class_weight"])
            estimator = cls(**params)
            estimator._check_params()
            estimator.classes_ = labels_of(content)
        except ImdbRnnError as error:  # its message already has the expected value
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
        """Return `validation_fraction` as a Python float, or raise `RecipeError`."""
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
        """Return the parameters as JSON values."""
        return {
            name: record_of_class_weight(value) if name == "class_weight" else plain_number(value)
            for name, value in self.get_params().items()
        }

    def _with_class_weight(
        self, weights: npt.NDArray[np.float64], targets: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        """Multiply the weights of texts with the weights of their classes.

        Args:
            weights: the weight of each text, shape (n,), at least 0.
            targets: the index in `classes_` of each label, shape (n,).

        Raises:
            RecipeError: the products are not finite, or all are 0, or see `weights_of_classes`.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            of_classes = weights_of_classes(self.class_weight, self.classes_, np.bincount(targets, weights))
            product: npt.NDArray[np.float64] = weights * of_classes[targets]
            total = product.sum()
        if not 0 < total < np.inf:
            msg = (
                f"Bad `class_weight` or `sample_weight`. Expected: products that are finite and not all 0. "
                f"Received: products with the sum {total}."
            )
            raise RecipeError(msg)
        return product

    def _keep(self, classifier: Classifier) -> None:
        self.classifier_, self.vocabulary_ = classifier, classifier.vocabulary


def texts_of(given: Any) -> list[str]:
    """Return texts as a list of at least one string.

    Raises:
        ReviewError: there are no texts, or see `imdb_rnn.text.texts.as_texts`.
    """
    texts = as_texts(given)
    if not texts:
        msg = "Bad `texts`. Expected: at least one text. Received: 0 samples."
        raise ReviewError(msg)
    return texts


def classes_of(y: npt.ArrayLike, texts: list[str]) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """Return the two sorted labels, and the index of each text's label among them, shape (n,).

    Raises:
        ValueError: `y` has the wrong form, another length than `texts`, or another number of classes.
    """
    labels = column_or_1d(y, warn=True)
    assert_all_finite(labels, input_name="y")
    check_consistent_length(texts, labels)
    check_classification_targets(labels)
    classes, targets = np.unique(labels, return_inverse=True)
    if len(classes) != 2:
        msg = (
            f"Bad `y`. Only binary classification is supported. Expected: two classes. "
            f"Received: {len(classes)} class{'es' * (len(classes) != 1)} ({type_of_target(labels)})."
        )
        raise ValueError(msg)
    return classes, targets


def learn_vocabulary(texts: list[str]) -> Vocabulary:
    """Rank the words of texts.

    Raises:
        ReviewError: the texts have no words.
    """
    # Words that occur only once become unknown, so that the model learns from unknown words.
    vocabulary = Vocabulary.from_texts(texts, least=2)
    if not len(vocabulary):
        vocabulary = Vocabulary.from_texts(texts)
    if not len(vocabulary):
        msg = "Bad `texts`. Expected: texts with words. Received: texts without any word."
        raise ReviewError(msg)
    return vocabulary


def encode(vocabulary: Vocabulary, texts: list[str], targets: npt.ArrayLike | None = None) -> EncodedReviews:
    """Encode texts with a vocabulary."""
    return EncodedReviews.from_sequences(map(vocabulary.encode_typed, texts), targets)


def record_of_labels(labels: npt.NDArray[Any]) -> dict[str, Any]:
    """Convert labels to JSON values.

    Args:
        labels: two distinct labels, shape (2,).

    Raises:
        ValueError: JSON cannot represent the labels exactly.
    """
    record = {"classes": labels.tolist(), "dtype": str(labels.dtype)}
    try:
        loaded = labels_of(json.loads(json.dumps(record)))
        same = loaded.dtype == labels.dtype and loaded.tolist() == labels.tolist()
        same &= [type(label) for label in loaded.tolist()] == [type(label) for label in labels.tolist()]
    except (KeyError, OverflowError, TypeError, ValueError):
        same = False
    if not same:
        msg = f"labels of {labels.dtype}, such as {labels.tolist()[0]!r}, which JSON cannot hold: use texts or numbers"
        raise ValueError(msg)
    return record


def labels_of(record: dict[str, Any]) -> npt.NDArray[Any]:
    """Convert the result of `record_of_labels` back.

    Raises:
        KeyError, TypeError, ValueError: `record` does not have two distinct labels in ascending order.
    """
    classes, kind = record["classes"], record["dtype"]
    proper = isinstance(classes, list) and len(classes) == 2 and isinstance(kind, str)
    if not proper or not all(isinstance(label, (str, int, float)) for label in classes):
        msg = f"the labels {reprlib.repr(classes)} of type {reprlib.repr(kind)}"
        raise ValueError(msg)
    # A dtype can include a length, which determines the size of the array.
    if not re.fullmatch(r"object|bool|u?int\d{1,2}|float\d{1,2}|[<>|=]?U\d{1,5}", kind):
        msg = f"labels of type {reprlib.repr(kind)}"
        raise ValueError(msg)
    labels = np.array(classes, kind)
    if labels.tolist() != classes or not labels[0] < labels[1]:
        msg = f"the labels {reprlib.repr(classes)}, not two of type {kind} in ascending order"
        raise ValueError(msg)
    return labels
