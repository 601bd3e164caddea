"""Pooling: windows, global and adaptive."""

import functools

import keras

from backends_test.keras_cases import data
from backends_test.keras_cases.functional import Table, Tensor, layer_case, layer_cases

SHAPES = {1: (9, 3), 2: (7, 8, 3), 3: (5, 6, 7, 2)}
CHANNELS_FIRST_SHAPES = {1: (3, 9), 2: (3, 7, 8), 3: (2, 5, 6, 7)}
CHANNELS_FIRST = {"data_format": "channels_first"}

WINDOWS: Table = [
    {},
    {"strides": 1},
    {"strides": 1, "padding": "same"},
    {"padding": "same"},
    {"pool_size": 3, "strides": 2},
    {"pool_size": 3, "strides": 2, "padding": "same"},
    {"pool_size": 2, "strides": 3, "padding": "same"},
]


CASES = [
    *(
        case
        for kind in ("Max", "Average")
        for rank in (1, 2, 3)
        for case in (
            *layer_cases(f"{kind}Pooling{rank}D", Tensor(SHAPES[rank]), {"pool_size": 2}, WINDOWS),
            *layer_cases(
                f"{kind}Pooling{rank}D",
                Tensor(CHANNELS_FIRST_SHAPES[rank]),
                {"pool_size": 3, "strides": 2} | CHANNELS_FIRST,
                [{}, {"padding": "same"}],
                suffix="channels first",
            ),
            *layer_cases(f"Global{kind}Pooling{rank}D", Tensor(SHAPES[rank]), {}, [{}, {"keepdims": True}]),
            *layer_cases(
                f"Global{kind}Pooling{rank}D",
                Tensor(CHANNELS_FIRST_SHAPES[rank]),
                CHANNELS_FIRST,
                suffix="channels first",
            ),
            *layer_cases(
                f"Adaptive{kind}Pooling{rank}D", Tensor(SHAPES[rank]), {}, [{"output_size": 2}, {"output_size": 4}]
            ),
            *layer_cases(
                f"Adaptive{kind}Pooling{rank}D",
                Tensor(CHANNELS_FIRST_SHAPES[rank]),
                {"output_size": 3} | CHANNELS_FIRST,
                suffix="channels first",
            ),
        )
    ),
    layer_case(
        "GlobalAveragePooling1D with a mask",
        lambda inputs: keras.layers.GlobalAveragePooling1D()(keras.layers.Masking()(inputs)),
        Tensor((7, 3)),
        inputs=functools.partial(data.padded, 3),
    ),
]
