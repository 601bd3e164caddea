"""Reshaping, cropping, padding and upsampling."""

from backends_test.keras_cases.functional import Tensor, layer_cases

LINE = Tensor((7, 3))
IMAGE = Tensor((5, 6, 3))
VOLUME = Tensor((4, 5, 6, 2))
CHANNELS_FIRST = {"data_format": "channels_first"}
INTERPOLATIONS = [{"interpolation": name} for name in ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")]

CASES = [
    *layer_cases("Flatten", IMAGE, {}, [{}, CHANNELS_FIRST]),
    *layer_cases("Flatten", Tensor((None, 3), batch=4), {}, suffix="of an unknown length"),
    *layer_cases("Reshape", IMAGE, {}, [{"target_shape": (6, 15)}, {"target_shape": (-1, 5)}, {"target_shape": (90,)}]),
    *layer_cases("Permute", IMAGE, {}, [{"dims": (3, 1, 2)}, {"dims": (2, 1, 3)}]),
    *layer_cases("RepeatVector", Tensor((5,)), {"n": 3}),
    *layer_cases("Cropping1D", LINE, {}, [{"cropping": 1}, {"cropping": (2, 0)}]),
    *layer_cases(
        "Cropping2D",
        IMAGE,
        {},
        [{"cropping": 1}, {"cropping": (1, 2)}, {"cropping": ((1, 0), (2, 1))}, {"cropping": 1} | CHANNELS_FIRST],
    ),
    *layer_cases("Cropping3D", VOLUME, {}, [{"cropping": 1}, {"cropping": ((1, 0), (2, 1), (0, 3))}]),
    *layer_cases("Cropping3D", Tensor((2, 4, 5, 6)), {}, [{"cropping": (1, 2, 1)} | CHANNELS_FIRST]),
    *layer_cases("ZeroPadding1D", LINE, {}, [{"padding": 1}, {"padding": (2, 0)}, {"padding": 1} | CHANNELS_FIRST]),
    *layer_cases(
        "ZeroPadding2D",
        IMAGE,
        {},
        [{"padding": 1}, {"padding": (1, 2)}, {"padding": ((1, 0), (2, 1))}, {"padding": 1} | CHANNELS_FIRST],
    ),
    *layer_cases(
        "ZeroPadding3D",
        VOLUME,
        {},
        [{"padding": 1}, {"padding": ((1, 0), (2, 1), (0, 3))}, {"padding": (1, 2, 1)} | CHANNELS_FIRST],
    ),
    *layer_cases("UpSampling1D", LINE, {}, [{}, {"size": 3}]),
    *layer_cases("UpSampling2D", IMAGE, {}, [{}, {"size": (2, 3)}, {"size": 2} | CHANNELS_FIRST]),
    *layer_cases("UpSampling2D", IMAGE, {"size": (2, 3)}, INTERPOLATIONS),
    *layer_cases("UpSampling2D", IMAGE, CHANNELS_FIRST, [{"interpolation": "bilinear"}], suffix="channels first"),
    *layer_cases("UpSampling3D", VOLUME, {}, [{}, {"size": (1, 2, 3)}, {"size": 2} | CHANNELS_FIRST]),
]
