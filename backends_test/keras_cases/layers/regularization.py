"""Dropout, noise and activity regularization."""

import functools
from typing import Any

import keras

from backends_test.keras_cases import data
from backends_test.keras_cases.functional import Tensor, layer_case, layer_cases

SEQUENCE = Tensor((6, 3))
CHANNELS_FIRST = {"data_format": "channels_first"}


def _masked_dropout(inputs: Any) -> Any:
    return keras.layers.LSTM(2)(keras.layers.Dropout(0.5)(keras.layers.Masking()(inputs)))


CASES = [
    *layer_cases("Dropout", SEQUENCE, {"rate": 0.4}, [{}, {"seed": 1}, {"rate": 0.0}, {"rate": 0.9}]),
    *layer_cases("Dropout", Tensor((6, 3), batch=4), {"rate": 0.5}, [{"noise_shape": (4, 1, 3)}]),
    *layer_cases("Dropout", SEQUENCE, {"rate": 0.5}, [{"dtype": "float16"}]),
    layer_case("Dropout with a mask", _masked_dropout, Tensor((7, 3)), inputs=functools.partial(data.padded, 3)),
    *layer_cases("AlphaDropout", SEQUENCE, {"rate": 0.4}, [{}, {"seed": 1}]),
    *layer_cases("GaussianDropout", SEQUENCE, {"rate": 0.4}, [{}, {"seed": 1}]),
    *layer_cases("GaussianNoise", SEQUENCE, {"stddev": 0.5}, [{}, {"seed": 1}]),
    *layer_cases("SpatialDropout1D", SEQUENCE, {"rate": 0.4}),
    *layer_cases("SpatialDropout2D", Tensor((4, 5, 3)), {"rate": 0.4}, [{}, CHANNELS_FIRST]),
    *layer_cases("SpatialDropout3D", Tensor((2, 3, 4, 3)), {"rate": 0.4}, [{}, CHANNELS_FIRST]),
    layer_case(
        "ActivityRegularization l1=0.1 l2=0.2",
        lambda inputs: keras.layers.ActivityRegularization(l1=0.1, l2=0.2)(keras.layers.Dense(3)(inputs)),
        SEQUENCE,
    ),
]
