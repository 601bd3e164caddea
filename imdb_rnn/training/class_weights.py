"""Class weights as in scikit-learn, and their conversion to JSON."""

import reprlib
import sys
from typing import Any

import numpy as np
import numpy.typing as npt

from imdb_rnn.errors import RecipeError
from imdb_rnn.validation import plain_number


def check_class_weight(class_weight: object) -> None:
    """Raise `RecipeError` unless `class_weight` is None, "balanced", or a dict of weights."""
    if isinstance(class_weight, dict):
        weights = [plain_number(weight) for weight in class_weight.values()]
        proper = all(type(weight) in (int, float) and 0 <= weight <= sys.float_info.max for weight in weights)
    else:
        proper = class_weight is None or (isinstance(class_weight, str) and class_weight == "balanced")
    if not proper:
        msg = (
            f'Bad `class_weight`. Expected: None, "balanced" or {{label: weight}} with finite weights of at least 0. '
            f"Received: {class_weight!r}."
        )
        raise RecipeError(msg)


def weights_of_classes(
    class_weight: dict[Any, float] | str | None, classes: npt.NDArray[Any], totals: npt.NDArray[Any]
) -> npt.NDArray[np.float64]:
    """Return the weight of each class.

    Args:
        class_weight: see `ReviewClassifier`.
        classes: the labels of the classes, shape (2,).
        totals: the sum of the sample weights of each class, float64, shape (2,).

    Returns:
        float64, shape (2,).

    Raises:
        RecipeError: a dict has other labels, or `class_weight` is "balanced" and the weights of a class sum to 0.

    Source: `sklearn.utils.class_weight.compute_class_weight`, which treats labels such as "1" as numbers, and supports
        sample weights only since scikit-learn 1.7.
    """
    if isinstance(class_weight, str):
        if not totals.all():
            msg = (
                f"Bad `sample_weight`. Expected: a text of each class with a weight above 0, to balance the classes. "
                f"Received: none of the class {classes[totals == 0].tolist()[0]!r}."
            )
            raise RecipeError(msg)
        balanced: npt.NDArray[np.float64] = totals.sum() / (2 * totals)
        return balanced
    labels, given = classes.tolist(), class_weight or {}
    missing = [label for label in labels if label not in given]
    if missing and len(missing) + len(given) != len(labels):
        msg = f"Bad `class_weight`. Expected: weights of the labels {labels!r}. Received: weights of {list(given)!r}."
        raise RecipeError(msg)
    return np.array([float(given.get(label, 1)) for label in labels])


def record_of_class_weight(class_weight: Any) -> Any:
    """Convert `class_weight` to JSON values; a dict becomes pairs, because keys in JSON are strings.

    Raises:
        ValueError: JSON cannot represent a label.
    """
    if not isinstance(class_weight, dict):
        return class_weight
    labels = [label.item() if isinstance(label, np.generic) else label for label in class_weight]
    for label in labels:
        if not isinstance(label, (str, int, float)):
            msg = f"class weights of labels such as {label!r}, which JSON cannot hold: use texts or numbers"
            raise ValueError(msg)
    return [[label, plain_number(weight)] for label, weight in zip(labels, class_weight.values(), strict=True)]


def class_weight_of(record: Any) -> Any:
    """Convert the result of `record_of_class_weight` back; the weights are not checked.

    Raises:
        ValueError: `record` is neither None, a string, nor pairs of distinct labels and weights.
    """
    if record is None or isinstance(record, str):
        return record
    proper = isinstance(record, list) and all(
        isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], (str, int, float)) for pair in record
    )
    if not proper or len(dict(record)) != len(record):
        msg = f"the class weights {reprlib.repr(record)}"
        raise ValueError(msg)
    return dict(record)
