"""Layers that merge several inputs."""

import keras

from backends_test.keras_cases import data
from backends_test.keras_cases.functional import Tensor, layer_case, layer_cases

TWO = [Tensor((4, 3)), Tensor((4, 3))]
THREE = [Tensor((4, 3)), Tensor((4, 3)), Tensor((4, 3))]
BROADCAST = [Tensor((4, 3)), Tensor((1, 3))]
RANKS = [Tensor((4, 3)), Tensor((3,))]
MIXED = [Tensor((4, 3)), Tensor((4, 3), "int32")]
IDS = Tensor((7,), "int32")


CASES = [
    *(
        case
        for subject in ("Add", "Multiply", "Average", "Maximum", "Minimum")
        for case in (
            *layer_cases(subject, THREE, {}, suffix="of three"),
            *layer_cases(subject, BROADCAST, {}, suffix="with broadcasting"),
            *layer_cases(subject, RANKS, {}, suffix="of different ranks"),
            *layer_cases(subject, MIXED, {}, suffix="of floats and integers"),
        )
    ),
    layer_case(
        "Maximum of equal inputs",
        lambda inputs: keras.layers.Maximum()([inputs, keras.layers.Identity()(inputs)]),
        Tensor((5,)),
    ),
    *layer_cases("Subtract", TWO, {}),
    *layer_cases("Subtract", BROADCAST, {}, suffix="with broadcasting"),
    *layer_cases("Concatenate", THREE, {}, [{}, {"axis": 1}]),
    *layer_cases("Concatenate", MIXED, {}, suffix="of floats and integers"),
    layer_case(
        "Concatenate of masked sequences",
        lambda one, other: keras.layers.LSTM(2)(
            keras.layers.Concatenate(axis=1)(
                [keras.layers.Embedding(10, 3, mask_zero=True)(one), keras.layers.Embedding(10, 3)(other)]
            )
        ),
        IDS,
        IDS,
        inputs=lambda: [data.PADDED_IDS, data.PADDED_IDS],
    ),
    layer_case(
        "Add of masked sequences",
        lambda ids: keras.layers.LSTM(2)(
            keras.layers.Add()([keras.layers.Embedding(10, 3, mask_zero=True)(ids) for _ in range(2)])
        ),
        IDS,
        inputs=lambda: data.PADDED_IDS,
    ),
    *layer_cases("Dot", TWO, {}, [{"axes": 1}, {"axes": 2}, {"axes": (1, 1)}, {"axes": 2, "normalize": True}]),
    *layer_cases("Dot", [Tensor((5,)), Tensor((5,))], {"axes": 1}, [{}, {"normalize": True}], suffix="of vectors"),
    *layer_cases("Dot", [Tensor((4, 3)), Tensor((3, 2))], {}, [{"axes": (2, 1)}], suffix="of unequal shapes"),
]
