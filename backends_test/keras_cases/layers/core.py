"""Dense layers, embeddings, masking, and layers that apply a function."""

import functools
from typing import Any

import keras
import numpy as np

from backends_test.keras_cases import data
from backends_test.keras_cases.functional import Tensor, layer_case, layer_cases

VECTOR = Tensor((5,))
SEQUENCE = Tensor((7, 3))
IDS = Tensor((7,), "int32")


@keras.saving.register_keras_serializable("keras_cases")
class Doubled(keras.layers.Wrapper):  # type: ignore[misc]  # untyped where it is checked
    """Doubles the outputs of the layer that it wraps."""

    def call(self, inputs: Any) -> Any:
        return 2 * self.layer(inputs)


@keras.saving.register_keras_serializable("keras_cases")
class Affine(keras.layers.Layer):  # type: ignore[misc]  # untyped where it is checked
    """A custom layer with a weight, a state that training changes, and a loss of its own."""

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones", name="scale")
        self.calls = self.add_weight(shape=(), initializer="zeros", dtype="int32", trainable=False, name="calls")

    def call(self, inputs: Any, training: bool = False) -> Any:
        if training:
            self.calls.assign(self.calls + 1)
        self.add_loss(keras.ops.mean(keras.ops.square(self.scale)))
        return inputs * self.scale


def _embedded(ids: Any) -> Any:
    return keras.layers.Embedding(10, 3, mask_zero=True)(ids)


def _tied(ids: Any) -> Any:
    layer = keras.layers.ReversibleEmbedding(10, 3, logit_soft_cap=5.0)
    return layer(layer(ids), reverse=True)


def _untied(ids: Any) -> Any:
    layer = keras.layers.ReversibleEmbedding(10, 3, tie_weights=False)
    return layer(layer(ids), reverse=True)


def _padded_ids() -> data.Array:
    return data.PADDED_IDS


def _last_ids() -> data.Array:
    """The first and the last row of the table, several times."""
    return np.array([[0, 9, 0, 9, 9, 9, 0]] * data.BATCH, np.int32)


CASES = [
    *layer_cases(
        "Dense",
        VECTOR,
        {"units": 3},
        [
            {},
            {"use_bias": False},
            {"activation": "relu"},
            {"activation": "softmax"},
            {"kernel_regularizer": "l1l2"},
            {"activity_regularizer": "l1"},
            {"kernel_constraint": "unit_norm", "bias_constraint": "non_neg"},
            {"kernel_regularizer": "orthogonal_regularizer"},
            {"lora_rank": 2},
            {"lora_rank": 2, "lora_alpha": 4},
            {"dtype": "float16"},
            {"dtype": "bfloat16"},
            {"dtype": "mixed_float16"},
            {"dtype": "mixed_bfloat16"},
            {"dtype": "float64"},
        ],
    ),
    *layer_cases("Dense", Tensor((2, 3, 5)), {"units": 3}, [{}, {"use_bias": False}], suffix="on four axes"),
    *layer_cases("Dense", Tensor((5,), "int32"), {"units": 3}, suffix="on integers"),
    layer_case(
        "EinsumDense on one axis",
        lambda inputs: keras.layers.EinsumDense("ab,bc->ac", output_shape=4, bias_axes="c")(inputs),
        VECTOR,
    ),
    layer_case(
        "EinsumDense on a sequence",
        lambda inputs: keras.layers.EinsumDense("abc,cd->abd", output_shape=(None, 4), bias_axes="d")(inputs),
        SEQUENCE,
    ),
    layer_case(
        "EinsumDense with an ellipsis",
        lambda inputs: keras.layers.EinsumDense("...x,xy->...y", output_shape=4, bias_axes="y")(inputs),
        SEQUENCE,
    ),
    layer_case(
        "EinsumDense to heads",
        lambda inputs: keras.layers.EinsumDense(
            "abc,cde->abde", output_shape=(None, 2, 3), bias_axes="de", activation="tanh"
        )(inputs),
        SEQUENCE,
    ),
    layer_case(
        "EinsumDense without a bias",
        lambda inputs: keras.layers.EinsumDense("abc,bd->adc", output_shape=(4, None))(inputs),
        SEQUENCE,
    ),
    *layer_cases("Embedding", IDS, {"input_dim": 10, "output_dim": 3}, [{}, {"embeddings_regularizer": "l2"}]),
    *layer_cases("Embedding", IDS, {"input_dim": 10, "output_dim": 3}, [{"lora_rank": 2}]),
    *layer_cases("Embedding", IDS, {"input_dim": 10, "output_dim": 3}, suffix="with repeated ids", inputs=_last_ids),
    *layer_cases(
        "Embedding", IDS, {"input_dim": 10, "output_dim": 3}, [{"embeddings_constraint": "max_norm"}], inputs=_last_ids
    ),
    *layer_cases("Embedding", IDS, {"input_dim": 10, "output_dim": 3}, [{"mask_zero": True}], inputs=_padded_ids),
    *layer_cases("Embedding", Tensor((7,)), {"input_dim": 10, "output_dim": 3}, suffix="of floats", inputs=_last_ids),
    layer_case("ReversibleEmbedding with tied weights", _tied, IDS, inputs=_last_ids),
    layer_case("ReversibleEmbedding with its own weights", _untied, IDS, inputs=_last_ids),
    layer_case(
        "Masking in front of a dense layer",
        lambda inputs: keras.layers.Dense(2)(keras.layers.Masking()(inputs)),
        SEQUENCE,
        inputs=functools.partial(data.padded, 3),
    ),
    layer_case(
        "Masking mask_value=1",
        lambda inputs: keras.layers.SimpleRNN(2)(keras.layers.Masking(mask_value=1.0)(inputs)),
        SEQUENCE,
        inputs=lambda: np.where(data.padded(3) == 0, np.float32(1), data.padded(3)),
    ),
    layer_case(
        "Masking of inputs that are partly zero",
        lambda inputs: keras.layers.SimpleRNN(2)(keras.layers.Masking()(inputs)),
        SEQUENCE,
        inputs=lambda: data.integers(0, 2, data.BATCH, 7, 3).astype(np.float32),
    ),
    *layer_cases("Identity", VECTOR, {}),
    layer_case("InputLayer of integers", lambda inputs: keras.ops.cast(inputs, "float32") / 2, Tensor((5,), "int32")),
    layer_case("InputLayer of booleans", lambda inputs: keras.ops.cast(inputs, "float32"), Tensor((5,), "bool")),
    *layer_cases("Activation", VECTOR, {}, [{"activation": "tanh"}]),
    layer_case(
        "Activation with a mask",
        lambda ids: keras.layers.SimpleRNN(2)(keras.layers.Activation("relu")(_embedded(ids))),
        IDS,
        inputs=_padded_ids,
    ),
    layer_case(
        "Lambda of backend-independent operations",
        lambda inputs: keras.layers.Lambda(lambda x: keras.ops.square(x) + 1, output_shape=(5,))(inputs),
        VECTOR,
    ),
    layer_case("Wrapper around a dense layer", lambda inputs: Doubled(keras.layers.Dense(3))(inputs), VECTOR),
    layer_case("Layer of one's own", lambda inputs: keras.layers.Dense(2)(Affine()(inputs)), VECTOR),
    layer_case(
        "Layer used twice", lambda inputs: (dense := keras.layers.Dense(5, activation="tanh"))(dense(inputs)), VECTOR
    ),
    layer_case("ReLU and its kinks", lambda inputs: keras.layers.ReLU()(inputs), VECTOR, inputs=lambda: _kinks(0.0)),
    *layer_cases("ReLU", VECTOR, {}, [{"max_value": 1.0}, {"negative_slope": 0.1}, {"threshold": 0.5}]),
    *layer_cases("ReLU", VECTOR, {}, [{"max_value": 1.0, "negative_slope": 0.1, "threshold": 0.5}]),
    layer_case(
        "ReLU max_value=6 at its kinks",
        lambda inputs: keras.layers.ReLU(max_value=6.0, threshold=1.0)(inputs),
        VECTOR,
        inputs=lambda: _kinks(0.0, 1.0, 6.0),
    ),
    *layer_cases("LeakyReLU", VECTOR, {}, [{}, {"negative_slope": 0.1}]),
    *layer_cases("ELU", VECTOR, {}, [{}, {"alpha": 0.5}]),
    *layer_cases("PReLU", Tensor((4, 5, 3)), {}, [{}, {"shared_axes": [1, 2]}, {"alpha_initializer": "ones"}]),
    *layer_cases("Softmax", Tensor((4, 3)), {}, [{}, {"axis": 1}, {"axis": [1, 2]}]),
    layer_case(
        "Softmax with a mask",
        lambda inputs, mask: keras.layers.Softmax()(inputs, mask=mask),
        VECTOR,
        Tensor((5,), "bool"),
        inputs=lambda: [data.normal(data.BATCH, 5), data.PADDED_IDS[:, :5] > 2],
    ),
]


def _kinks(*values: float) -> data.Array:
    """Returns the values where a function has a kink, and their neighbours, shape (4, 5)."""
    around = [value + step for value in values for step in (0.0, -1e-3, 1e-3, -8.0, 8.0)]
    return np.resize(np.array(around, np.float32), (data.BATCH, 5))
