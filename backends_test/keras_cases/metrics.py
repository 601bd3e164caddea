"""Cases of every metric, in a compiled model."""

import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from backends_test.keras_cases import data
from backends_test.keras_cases.case import Case, described
from backends_test.keras_cases.heads import TARGETS, compiled, dense_model

_LOGITS = {"from_logits": True}
_CURVE = [0.2, 0.5, 0.8]

# Metric, activation of the outputs, kind of targets, settings.
TABLE: list[tuple[str, str | None, str, list[dict[str, Any]]]] = [
    (
        "AUC",
        "sigmoid",
        "binary",
        [
            {},
            {"curve": "PR"},
            {"curve": "PRGAIN"},
            {"num_thresholds": 5},
            {"summation_method": "minoring"},
            {"summation_method": "majoring"},
            {"thresholds": _CURVE},
            {"multi_label": True, "num_labels": 3},
            {"multi_label": True, "num_labels": 3, "label_weights": [0.2, 0.3, 0.5]},
        ],
    ),
    ("AUC", None, "binary", [_LOGITS]),
    # The rectifier gives zeros, which equal targets that were rounded to zero.
    ("Accuracy", "relu", "with zeros", [{}]),
    ("BinaryAccuracy", "sigmoid", "binary", [{}, {"threshold": 0.7}]),
    ("BinaryCrossentropy", "sigmoid", "binary", [{}, {"label_smoothing": 0.2}]),
    ("BinaryCrossentropy", None, "binary", [_LOGITS]),
    ("BinaryIoU", "sigmoid", "binary", [{}, {"target_class_ids": [1], "threshold": 0.4}]),
    ("CategoricalAccuracy", "softmax", "one hot", [{}]),
    ("CategoricalCrossentropy", "softmax", "one hot", [{}, {"label_smoothing": 0.2}]),
    ("CategoricalCrossentropy", None, "one hot", [_LOGITS]),
    ("CategoricalHinge", "softmax", "one hot", [{}]),
    ("ConcordanceCorrelation", None, "real", [{}, {"axis": 0}]),
    ("CosineSimilarity", None, "real", [{}, {"axis": 0}]),
    (
        "F1Score",
        "softmax",
        "one hot",
        [{}, *({"average": average} for average in ("micro", "macro", "weighted")), {"threshold": 0.4}],
    ),
    ("FBetaScore", "softmax", "one hot", [{"beta": 2.0}, {"beta": 0.5, "average": "macro", "threshold": 0.3}]),
    ("FalseNegatives", "sigmoid", "binary", [{}, {"thresholds": _CURVE}]),
    ("FalsePositives", "sigmoid", "binary", [{}, {"thresholds": _CURVE}]),
    ("Hinge", "tanh", "signs", [{}]),
    (
        "IoU",
        "softmax",
        "ids",
        [
            {"num_classes": 3, "target_class_ids": [0, 2], "sparse_y_pred": False},
            {"num_classes": 3, "target_class_ids": [1], "sparse_y_pred": False, "ignore_class": 0},
        ],
    ),
    ("KLDivergence", "softmax", "probabilities", [{}]),
    ("LogCoshError", None, "real", [{}]),
    ("MeanAbsoluteError", None, "real", [{}]),
    ("MeanAbsolutePercentageError", None, "positive", [{}]),
    ("MeanIoU", "softmax", "ids", [{"num_classes": 3, "sparse_y_pred": False}]),
    ("MeanSquaredError", None, "real", [{}, {"dtype": "float64"}]),
    ("MeanSquaredLogarithmicError", "softplus", "positive", [{}]),
    ("OneHotIoU", "softmax", "one hot", [{"num_classes": 3, "target_class_ids": [0, 2]}]),
    ("OneHotMeanIoU", "softmax", "one hot", [{"num_classes": 3}]),
    ("PearsonCorrelation", None, "real", [{}, {"axis": 0}]),
    ("Poisson", "softplus", "positive", [{}]),
    (
        "Precision",
        "sigmoid",
        "binary",
        [{}, {"thresholds": _CURVE}, {"top_k": 2}, {"class_id": 1}, {"class_id": 1, "top_k": 2}],
    ),
    ("PrecisionAtRecall", "sigmoid", "binary", [{"recall": 0.5}, {"recall": 0.5, "num_thresholds": 10}]),
    ("R2Score", None, "real", [{}, {"class_aggregation": None}, {"class_aggregation": "variance_weighted_average"}]),
    ("R2Score", None, "real", [{"num_regressors": 1}]),
    ("Recall", "sigmoid", "binary", [{}, {"thresholds": _CURVE}, {"top_k": 2}, {"class_id": 1}]),
    ("RecallAtPrecision", "sigmoid", "binary", [{"precision": 0.5}, {"precision": 0.5, "class_id": 1}]),
    ("RootMeanSquaredError", None, "real", [{}]),
    ("SensitivityAtSpecificity", "sigmoid", "binary", [{"specificity": 0.5}]),
    ("SparseCategoricalAccuracy", "softmax", "ids", [{}]),
    ("SparseCategoricalCrossentropy", "softmax", "ids", [{}, {"ignore_class": 1}]),
    ("SparseCategoricalCrossentropy", None, "ids", [_LOGITS]),
    ("SparseTopKCategoricalAccuracy", "softmax", "ids", [{"k": 1}, {"k": 2}]),
    ("SpecificityAtSensitivity", "sigmoid", "binary", [{"sensitivity": 0.5}]),
    ("SquaredHinge", "tanh", "signs", [{}]),
    ("TopKCategoricalAccuracy", "softmax", "one hot", [{"k": 1}, {"k": 2}]),
    ("TrueNegatives", "sigmoid", "binary", [{}, {"thresholds": _CURVE}]),
    ("TruePositives", "sigmoid", "binary", [{}, {"thresholds": _CURVE}]),
]
# Metrics of classes: all outputs are equal, so that only the order of equal values decides.
TIES: list[tuple[str, str, dict[str, Any]]] = [
    ("CategoricalAccuracy", "one hot", {}),
    ("SparseCategoricalAccuracy", "ids", {}),
    ("SparseTopKCategoricalAccuracy", "ids", {"k": 2}),
    ("TopKCategoricalAccuracy", "one hot", {"k": 2}),
    ("F1Score", "one hot", {}),
    ("OneHotMeanIoU", "one hot", {"num_classes": 3}),
    ("Precision", "one hot", {"top_k": 2}),
]


@keras.saving.register_keras_serializable("keras_cases")
class MeanOfOutputs(keras.metrics.Mean):  # type: ignore[misc]  # untyped where it is checked
    """The mean of the outputs. `Mean` takes values, not targets and outputs."""

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        super().update_state(y_pred, sample_weight)


@keras.saving.register_keras_serializable("keras_cases")
class SumOfOutputs(keras.metrics.Sum):  # type: ignore[misc]  # untyped where it is checked
    """The sum of the outputs. `Sum` takes values, not targets and outputs."""

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        super().update_state(y_pred, sample_weight)


@keras.saving.register_keras_serializable("keras_cases")
class Largest(keras.metrics.Metric):  # type: ignore[misc]  # untyped where it is checked
    """A custom metric: the largest error of all batches."""

    def __init__(self, name: str = "largest", **settings: Any) -> None:
        super().__init__(name=name, **settings)
        self.largest = self.add_variable(shape=(), initializer="zeros", name="largest")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        error = keras.ops.max(keras.ops.abs(keras.ops.subtract(y_true, y_pred)))
        self.largest.assign(keras.ops.maximum(self.largest, error))

    def result(self) -> Any:
        return keras.ops.convert_to_tensor(self.largest)


@keras.saving.register_keras_serializable("keras_cases")
class LargestByOperators(Largest):
    """The same with `-` instead of `keras.ops.subtract`."""

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        error = keras.ops.max(keras.ops.abs(y_true - y_pred))
        self.largest.assign(keras.ops.maximum(self.largest, error))


@keras.saving.register_keras_serializable("keras_cases")
class LargestVariable(Largest):
    """The same, but the result is the variable instead of its value."""

    def result(self) -> Any:
        return self.largest


def _metric(subject: str, settings: dict[str, Any]) -> Any:
    return getattr(keras.metrics, subject)(**settings)


def _loss_for(kind: str, activation: str | None) -> Any:
    # Ids have another shape than the outputs.
    if kind == "ids":
        return keras.losses.SparseCategoricalCrossentropy(from_logits=activation is None)
    return "mean_squared_error"


def _build(subject: str, activation: str | None, kind: str, settings: dict[str, Any]) -> keras.Model:
    return dense_model(activation, _loss_for(kind, activation), [_metric(subject, settings)])


def _tied(subject: str, kind: str, settings: dict[str, Any]) -> keras.Model:
    """Returns a model with equal outputs for all classes."""
    inputs = keras.Input((5,))
    one = keras.layers.Dense(1)(inputs)
    outputs = keras.layers.Softmax()(keras.layers.Concatenate()([one, one, one]))
    return compiled(inputs, outputs, _loss_for(kind, "softmax"), [_metric(subject, settings)])


def _of(name: str, subject: str, metric: Callable[[], Any], activation: str | None, kind: str) -> Case:
    return Case(
        name,
        lambda: dense_model(activation, _loss_for(kind, activation), [metric()]),
        "metrics",
        subject,
        targets=TARGETS[kind],
    )


def _segmentation(metric: Callable[[], Any]) -> keras.Model:
    """Returns a model that gives every pixel of an image one of three classes."""
    inputs = keras.Input((5, 6, 3))
    outputs = keras.layers.Conv2D(3, 3, padding="same", activation="softmax")(inputs)
    return compiled(inputs, outputs, "sparse_categorical_crossentropy", [metric()])


def _masked() -> keras.Model:
    """Returns a model whose outputs carry a mask, which the metric applies."""
    inputs = keras.Input((7,), dtype="int32")
    outputs = keras.layers.Dense(2)(keras.layers.Embedding(10, 4, mask_zero=True)(inputs))
    model = keras.Model(inputs, outputs)
    model.compile("sgd", "mse", metrics=["mae"], weighted_metrics=["mse"])
    return model


CASES = [
    *(
        Case(
            described("metric " + subject, **settings),
            functools.partial(_build, subject, activation, kind, settings),
            "metrics",
            subject,
            targets=TARGETS[kind],
        )
        for subject, activation, kind, table in TABLE
        for settings in table
    ),
    *(
        Case(
            described("metric " + subject, **settings) + " of equal outputs",
            functools.partial(_tied, subject, kind, settings),
            "metrics",
            subject,
            targets=TARGETS[kind],
        )
        for subject, kind, settings in TIES
    ),
    _of("metric Mean of the outputs", "Mean", lambda: MeanOfOutputs(name="mean"), None, "real"),
    _of("metric Sum of the outputs", "Sum", lambda: SumOfOutputs(name="sum"), None, "real"),
    _of(
        "metric MeanMetricWrapper around a function",
        "MeanMetricWrapper",
        lambda: keras.metrics.MeanMetricWrapper(keras.losses.huber, name="huber", delta=0.5),
        None,
        "real",
    ),
    _of("metric of one's own", "Metric", Largest, None, "real"),
    _of("metric of one's own with operators", "Metric", LargestByOperators, None, "real"),
    _of("metric of one's own that returns its variable", "Metric", LargestVariable, None, "real"),
    *(
        Case(
            f"metric {subject} of images",
            functools.partial(_segmentation, metric),
            "metrics",
            subject,
            targets=lambda: data.integers(0, 3, data.BATCH, 5, 6),
        )
        for subject, metric in (
            ("MeanIoU", lambda: keras.metrics.MeanIoU(num_classes=3, sparse_y_pred=False)),
            ("SparseCategoricalAccuracy", lambda: keras.metrics.SparseCategoricalAccuracy()),
        )
    ),
    Case(
        "metric MeanAbsoluteError with a mask",
        _masked,
        "metrics",
        "MeanAbsoluteError",
        lambda: data.PADDED_IDS,
        lambda: data.normal(data.BATCH, 7, 2),
    ),
    Case(
        "metric SparseTopKCategoricalAccuracy from_sorted_ids=True",
        lambda: dense_model(
            None,
            "mean_squared_error",
            [keras.metrics.SparseTopKCategoricalAccuracy(k=1, from_sorted_ids=True)],
            units=1,
        ),
        "metrics",
        "SparseTopKCategoricalAccuracy",
        targets=lambda: np.zeros((data.BATCH, 1), np.float32),
    ),
]
