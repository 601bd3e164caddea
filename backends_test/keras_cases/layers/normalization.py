"""Normalization layers."""

import functools

import keras

from backends_test.keras_cases import data
from backends_test.keras_cases.functional import Tensor, layer_case, layer_cases

VECTOR = Tensor((5,))
IMAGE = Tensor((4, 5, 6))

CASES = [
    *layer_cases(
        "BatchNormalization",
        IMAGE,
        {},
        [
            {},
            {"axis": 1},
            {"momentum": 0.5},
            {"epsilon": 0.1},
            {"scale": False},
            {"center": False},
            {"scale": False, "center": False},
            {"trainable": False},
            {"renorm": True},
            {"renorm": True, "renorm_clipping": {"rmax": 1.5, "rmin": 0.5, "dmax": 0.5}, "renorm_momentum": 0.9},
            {"gamma_regularizer": "l2", "beta_regularizer": "l1"},
            {"dtype": "float16"},
            {"dtype": "mixed_bfloat16"},
        ],
    ),
    *layer_cases("BatchNormalization", VECTOR, {}, suffix="of vectors"),
    *layer_cases("BatchNormalization", Tensor((5,), batch=1), {}, suffix="of a batch of one"),
    layer_case(
        "BatchNormalization with a mask",
        lambda inputs: keras.layers.BatchNormalization()(keras.layers.Masking()(inputs)),
        Tensor((7, 3)),
        inputs=functools.partial(data.padded, 3),
    ),
    *layer_cases(
        "LayerNormalization",
        IMAGE,
        {},
        [
            {},
            {"axis": 1},
            {"axis": [1, 2]},
            {"axis": [2, 3]},
            {"epsilon": 0.1},
            {"scale": False},
            {"center": False},
            {"dtype": "float16"},
        ],
    ),
    # With sides of one length, normalizing over the wrong axis raises no error.
    *layer_cases("LayerNormalization", Tensor((5, 5)), {}, [{"axis": 1}], suffix="of a square"),
    layer_case(
        "LayerNormalization of equal features",
        lambda inputs: keras.layers.LayerNormalization()(inputs),
        VECTOR,
        inputs=lambda: data.normal(data.BATCH, 1).repeat(5, 1),
    ),
    *layer_cases(
        "GroupNormalization",
        IMAGE,
        {"groups": 3},
        [{}, {"groups": 1}, {"groups": 6}, {"groups": -1}, {"epsilon": 0.1}, {"scale": False, "center": False}],
    ),
    *layer_cases("GroupNormalization", IMAGE, {}, [{"groups": 2, "axis": 1}]),
    *layer_cases("RMSNormalization", IMAGE, {}, [{}, {"axis": [1, 2]}, {"epsilon": 0.1}]),
    *layer_cases("RMSNormalization", IMAGE, {}, [{"axis": 1}, {"axis": [2, 3]}]),
    *layer_cases("RMSNormalization", Tensor((5, 5)), {}, [{"axis": 1}], suffix="of a square"),
    *layer_cases("UnitNormalization", IMAGE, {}, [{}, {"axis": 1}, {"axis": [1, 2]}]),
    layer_case(
        "UnitNormalization of zeros",
        lambda inputs: keras.layers.UnitNormalization()(inputs),
        VECTOR,
        inputs=lambda: data.normal(data.BATCH, 5) * (data.PADDED_IDS[:, :1] != 0),
    ),
    layer_case(
        "SpectralNormalization of a dense layer",
        lambda inputs: keras.layers.SpectralNormalization(keras.layers.Dense(3))(inputs),
        VECTOR,
    ),
    layer_case(
        "SpectralNormalization power_iterations=3",
        lambda inputs: keras.layers.SpectralNormalization(keras.layers.Conv2D(3, 2), power_iterations=3)(inputs),
        IMAGE,
    ),
]
