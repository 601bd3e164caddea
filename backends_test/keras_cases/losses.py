"""Cases of every loss: settings, reductions, masks, saturated outputs."""

import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from backends_test.keras_cases import data
from backends_test.keras_cases.case import Case, described
from backends_test.keras_cases.heads import TARGETS, compiled, dense_model, scaled_inputs

_LOGITS = {"from_logits": True}

# Loss, activation of the outputs, kind of targets, settings.
TABLE: list[tuple[str, str | None, str, list[dict[str, Any]]]] = [
    (
        "BinaryCrossentropy",
        "sigmoid",
        "binary",
        [{}, {"label_smoothing": 0.2}, {"reduction": "sum"}, {"axis": 1}, {"dtype": "float64"}],
    ),
    ("BinaryCrossentropy", None, "binary", [_LOGITS, {**_LOGITS, "label_smoothing": 0.2}]),
    (
        "BinaryFocalCrossentropy",
        "sigmoid",
        "binary",
        [{}, {"apply_class_balancing": True}, {"gamma": 3.0}, {"alpha": 0.6, "apply_class_balancing": True}],
    ),
    ("BinaryFocalCrossentropy", None, "binary", [_LOGITS, {**_LOGITS, "label_smoothing": 0.2}]),
    (
        "CategoricalCrossentropy",
        "softmax",
        "one hot",
        [{}, {"label_smoothing": 0.2}, {"reduction": "sum"}, {"axis": 1}],
    ),
    ("CategoricalCrossentropy", None, "one hot", [_LOGITS, {**_LOGITS, "label_smoothing": 0.2}]),
    ("CategoricalFocalCrossentropy", "softmax", "one hot", [{}, {"gamma": 3.0}, {"alpha": 0.6}]),
    ("CategoricalFocalCrossentropy", "softmax", "one hot", [{"alpha": [0.2, 0.5, 0.3]}, {"label_smoothing": 0.2}]),
    ("CategoricalFocalCrossentropy", None, "one hot", [_LOGITS]),
    ("CategoricalGeneralizedCrossEntropy", "softmax", "ids", [{}, {"q": 0.1}, {"q": 0.9}]),
    ("CategoricalHinge", "softmax", "one hot", [{}]),
    ("Circle", "unit", "ids", [{}, {"gamma": 8.0, "margin": 0.2}, {"remove_diagonal": False}]),
    ("CosineSimilarity", None, "real", [{}, {"axis": 0}, {"axis": 1}]),
    ("Dice", "sigmoid", "binary", [{}, {"axis": 1}, {"axis": (0, 1)}]),
    ("Hinge", "tanh", "signs", [{}]),
    ("Huber", None, "real", [{}, {"delta": 0.2}, {"delta": 5.0}]),
    ("KLDivergence", "softmax", "probabilities", [{}, {"reduction": "sum"}]),
    ("LogCosh", None, "real", [{}]),
    ("MeanAbsoluteError", None, "real", [{}, {"reduction": "sum"}]),
    ("MeanAbsolutePercentageError", None, "positive", [{}]),
    (
        "MeanSquaredError",
        None,
        "real",
        [{}, *({"reduction": name} for name in ("sum", "mean", "mean_with_sample_weight", "none"))],
    ),
    ("MeanSquaredError", None, "real", [{"dtype": "float16"}, {"dtype": "float64"}]),
    ("MeanSquaredLogarithmicError", "softplus", "positive", [{}]),
    ("Poisson", "softplus", "positive", [{}]),
    ("SparseCategoricalCrossentropy", "softmax", "ids", [{}, {"ignore_class": 1}, {"reduction": "sum"}]),
    ("SparseCategoricalCrossentropy", None, "ids", [_LOGITS, {**_LOGITS, "ignore_class": 1}]),
    ("SquaredHinge", "tanh", "signs", [{}]),
    ("Tversky", "sigmoid", "binary", [{}, {"alpha": 0.3, "beta": 0.7}, {"axis": 1}]),
]
# Loss, activation of the outputs, kind of targets, settings, what is special about it.
SPECIAL: list[tuple[str, str | None, str, dict[str, Any], str]] = [
    ("Hinge", "tanh", "binary", {}, "of targets 0 and 1"),
    ("MeanSquaredLogarithmicError", None, "real", {}, "of negative values"),
    ("Poisson", "relu", "positive", {}, "of outputs 0"),
]
# The same with inputs so large that outputs round to 0 or 1.
SATURATED: list[tuple[str, str | None, str, dict[str, Any]]] = [
    ("BinaryCrossentropy", "sigmoid", "binary", {}),
    ("BinaryCrossentropy", None, "binary", _LOGITS),
    ("BinaryFocalCrossentropy", "sigmoid", "binary", {}),
    ("CategoricalCrossentropy", "softmax", "one hot", {}),
    ("CategoricalCrossentropy", None, "one hot", _LOGITS),
    ("KLDivergence", "softmax", "one hot", {}),
    ("LogCosh", None, "real", {}),
    ("SparseCategoricalCrossentropy", "softmax", "ids", {}),
    ("SparseCategoricalCrossentropy", None, "ids", _LOGITS),
]


def _loss(subject: str, settings: dict[str, Any]) -> Any:
    return getattr(keras.losses, subject)(**settings)


def _build(subject: str, activation: str | None, settings: dict[str, Any]) -> keras.Model:
    return dense_model(activation, _loss(subject, settings))


def _case(
    subject: str,
    activation: str | None,
    kind: str,
    settings: dict[str, Any],
    suffix: str = "",
    inputs: Callable[[], Any] | None = None,
) -> Case:
    name = f"loss {described(subject, **settings)} {suffix}".rstrip()
    build = functools.partial(_build, subject, activation, settings)
    return Case(name, build, "losses", subject, inputs, TARGETS[kind])


def _sequence_model(loss: Any, units: int, activation: str | None = None, axis: int = -1) -> keras.Model:
    """Returns a model with outputs of the shape (batch, 7, units)."""
    inputs = keras.Input((7, 4))
    outputs = keras.layers.Dense(units)(inputs)
    if activation == "softmax":
        outputs = keras.layers.Softmax(axis=axis)(outputs)
    return compiled(inputs, outputs, loss)


def _masked_model(loss: Any) -> keras.Model:
    """Returns a model whose outputs carry a mask, which the loss applies."""
    inputs = keras.Input((7,), dtype="int32")
    outputs = keras.layers.Embedding(10, 4, mask_zero=True)(inputs)
    return compiled(inputs, keras.layers.Dense(2)(outputs), loss)


def _image_model(loss: Any) -> keras.Model:
    """Returns a model of segmentation with outputs of the shape (batch, 5, 6, 2)."""
    inputs = keras.Input((5, 6, 3))
    return compiled(inputs, keras.layers.Conv2D(2, 3, padding="same", activation="sigmoid")(inputs), loss)


def _categorical_on_axis(logits: bool) -> keras.Model:
    loss = _loss("CategoricalCrossentropy", {"axis": 1, "from_logits": logits})
    return _sequence_model(loss, 3, None if logits else "softmax", axis=1)


def _masked(subject: str) -> keras.Model:
    return _masked_model(_loss(subject, {}))


def _image(subject: str, settings: dict[str, Any]) -> keras.Model:
    return _image_model(_loss(subject, settings))


def _mask_targets() -> data.Array:
    return data.integers(0, 2, data.BATCH, 5, 6, 2).astype(np.float32)


def _two_outputs() -> keras.Model:
    """Returns a model with two outputs, a loss for each, and weights of the losses."""
    inputs = keras.Input((5,))
    outputs = [keras.layers.Dense(3, activation="softmax", name="kind")(inputs), keras.layers.Dense(1)(inputs)]
    model = keras.Model(inputs, outputs)
    model.compile("sgd", [_loss("SparseCategoricalCrossentropy", {}), _loss("Huber", {})], loss_weights=[0.3, 2.0])
    return model


def _labels() -> data.Array:
    """Labels for CTC. The last label of two sequences is 0, which is padding."""
    labels = data.integers(1, 5, data.BATCH, 3)
    labels[:2, -1] = 0
    return labels


CASES = [
    *(_case(subject, head, kind, settings) for subject, head, kind, table in TABLE for settings in table),
    *(_case(subject, head, kind, settings, suffix) for subject, head, kind, settings, suffix in SPECIAL),
    *(
        _case(subject, head, kind, settings, "saturated", scaled_inputs(300.0))
        for subject, head, kind, settings in SATURATED
    ),
    Case("loss CTC of padded labels", lambda: _sequence_model(_loss("CTC", {}), 5), "losses", "CTC", targets=_labels),
    Case(
        "loss CTC reduction=sum",
        lambda: _sequence_model(_loss("CTC", {"reduction": "sum"}), 5),
        "losses",
        "CTC",
        targets=_labels,
    ),
    Case(
        "loss SparseCategoricalCrossentropy of sequences",
        lambda: _sequence_model(_loss("SparseCategoricalCrossentropy", {}), 3, "softmax"),
        "losses",
        "SparseCategoricalCrossentropy",
        targets=lambda: data.integers(0, 3, data.BATCH, 7),
    ),
    Case(
        "loss SparseCategoricalCrossentropy axis=1",
        lambda: _sequence_model(_loss("SparseCategoricalCrossentropy", {"axis": 1}), 3, "softmax", axis=1),
        "losses",
        "SparseCategoricalCrossentropy",
        targets=lambda: data.integers(0, 7, data.BATCH, 3),
    ),
    *(
        Case(
            described("loss CategoricalCrossentropy", axis=1, from_logits=logits) + " of sequences",
            functools.partial(_categorical_on_axis, logits),
            "losses",
            "CategoricalCrossentropy",
            targets=lambda: np.moveaxis(data.one_hot(7, data.BATCH, 3), -1, 1),
        )
        for logits in (False, True)
    ),
    *(
        Case(
            f"loss {subject} with a mask",
            functools.partial(_masked, subject),
            "losses",
            subject,
            lambda: data.PADDED_IDS,
            lambda: data.normal(data.BATCH, 7, 2),
        )
        for subject in ("MeanSquaredError", "MeanAbsoluteError", "Huber", "CosineSimilarity")
    ),
    *(
        Case(
            described("loss " + subject, **settings) + " of images",
            functools.partial(_image, subject, settings),
            "losses",
            subject,
            targets=_mask_targets,
        )
        for subject in ("Dice", "Tversky")
        for settings in ({}, {"axis": (1, 2)}, {"axis": (1, 2, 3)})
    ),
    Case(
        "losses of two outputs with weights",
        _two_outputs,
        "losses",
        "Loss",
        targets=lambda: [np.array([2, 0, 1, 2], np.int32), data.normal(data.BATCH, 1)],
    ),
]
