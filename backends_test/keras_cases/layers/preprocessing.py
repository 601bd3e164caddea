"""Preprocessing of numbers, categories and signals."""

import functools
from typing import Any

import keras
import numpy as np

from backends_test.keras_cases import data
from backends_test.keras_cases.functional import Tensor, layer_case, layer_cases

VECTOR = Tensor((5,))
IDS = Tensor((5,), "int32")
CHANNELS = Tensor((64, 2))
MODES = ("one_hot", "multi_hot", "count")


def _ids() -> data.Array:
    return data.integers(0, 4, data.BATCH, 5)


def _one_id() -> data.Array:
    return data.integers(0, 4, data.BATCH, 1)


def _at_bounds() -> data.Array:
    """The boundaries themselves, their neighbours and values that are far away, shape (4, 5)."""
    return np.resize(np.array([-1, -1.001, -0.999, 0, 0.5, 0.499, 1e9, -1e9, 2, 3], np.float32), (data.BATCH, 5))


def _signals(*shape: int) -> data.Array:
    """Sine waves with noise, shape `(4, *shape)`."""
    numbers = 0.1 * data.normal(data.BATCH, *shape)
    numbers += np.sin(0.4 * np.arange(shape[0])).reshape(-1, *[1] * (len(shape) - 1))
    return numbers


def _weighted(mode: str) -> Any:
    def apply(ids: Any, weights: Any) -> Any:
        return keras.layers.CategoryEncoding(num_tokens=4, output_mode=mode)(ids, count_weights=weights)

    return apply


_BOUNDS = {"bin_boundaries": [-1.0, 0.0, 0.5, 2.0]}

CASES = [
    *layer_cases("Rescaling", Tensor((4, 4, 3)), {}, [{"scale": 1 / 255}, {"scale": 2.0, "offset": -1.0}]),
    *layer_cases(
        "Rescaling",
        Tensor((4, 4, 3), "uint8"),
        {},
        [{"scale": 2.0, "offset": 1.0}],
        suffix="of 8-bit images",
        inputs=lambda: data.images(data.BATCH, 4, 4, 3).astype(np.uint8),
    ),
    *layer_cases("Rescaling", Tensor((3,)), {}, [{"scale": [1.0, 2.0, 3.0], "offset": [0.0, 1.0, -1.0]}]),
    *layer_cases(
        "Normalization",
        Tensor((3,)),
        {"mean": [0.5, 1.0, -1.0], "variance": [1.0, 4.0, 0.0]},
        [{}, {"invert": True}, {"axis": 1}],
    ),
    *layer_cases("Normalization", Tensor((4, 3)), {}, [{"axis": None, "mean": 0.5, "variance": 4.0}]),
    *layer_cases(
        "Normalization",
        Tensor((3,), "int32"),
        {},
        [{"mean": 2.0, "variance": 4.0}],
        suffix="of integers",
        inputs=lambda: data.integers(0, 9, data.BATCH, 3),
    ),
    *layer_cases("Discretization", VECTOR, _BOUNDS, [{}, {"output_mode": "multi_hot"}, {"output_mode": "count"}]),
    *layer_cases("Discretization", Tensor((1,)), _BOUNDS, [{"output_mode": "one_hot"}]),
    *layer_cases("Discretization", VECTOR, _BOUNDS, suffix="at the boundaries", inputs=_at_bounds),
    *layer_cases("Discretization", Tensor((5,), "int32"), _BOUNDS, suffix="of integers", inputs=_ids),
    *layer_cases("CategoryEncoding", IDS, {"num_tokens": 4}, [{"output_mode": mode} for mode in MODES], inputs=_ids),
    *layer_cases(
        "CategoryEncoding",
        Tensor((1,), "int32"),
        {"num_tokens": 4},
        [{"output_mode": mode} for mode in MODES],
        suffix="of one id",
        inputs=_one_id,
    ),
    layer_case(
        "CategoryEncoding with weights",
        _weighted("count"),
        IDS,
        VECTOR,
        inputs=lambda: [_ids(), data.uniform(0, 1, data.BATCH, 5)],
    ),
    *layer_cases(
        "Hashing",
        Tensor((5,), "int64"),
        {"num_bins": 6},
        [{}, {"salt": 7}, {"salt": [3, 5]}, {"mask_value": 0}, {"output_mode": "multi_hot"}],
        inputs=lambda: _ids().astype(np.int64),
    ),
    layer_case(
        "HashedCrossing num_bins=6",
        lambda one, other: keras.layers.HashedCrossing(6)((one, other)),
        Tensor((1,), "int64"),
        Tensor((1,), "int64"),
        inputs=lambda: [_one_id().astype(np.int64), data.integers(0, 4, data.BATCH, 1, seed=1).astype(np.int64)],
    ),
    *layer_cases(
        "IntegerLookup",
        Tensor((5,), "int64"),
        {"vocabulary": [3, 1, 2]},
        [{}, {"output_mode": "multi_hot"}, {"mask_token": 0}, {"num_oov_indices": 2}, {"invert": True}],
        inputs=lambda: _ids().astype(np.int64),
    ),
    *layer_cases(
        "STFTSpectrogram",
        CHANNELS,
        {"frame_length": 16, "frame_step": 8},
        [
            *({"mode": mode} for mode in ("log", "magnitude", "psd", "real", "imag", "angle", "stft")),
            {"padding": "same"},
            {"fft_length": 32},
            {"expand_dims": True},
            {"scaling": "spectrum"},
            {"window": "hamming", "periodic": True},
            {"window": None, "scaling": None},
        ],
        inputs=functools.partial(_signals, 64, 2),
    ),
    *layer_cases(
        "MelSpectrogram",
        Tensor((64,)),
        {"fft_length": 32, "sequence_stride": 8, "sampling_rate": 1000, "num_mel_bins": 6},
        [
            {},
            {"power_to_db": False},
            {"window": "hamming"},
            {"sequence_length": 20},
            {"mag_exp": 1.0, "max_freq": 400.0},
        ],
        inputs=functools.partial(_signals, 64),
    ),
]
