"""Convolutions: strides, padding, dilation, groups, transposed, depthwise, separable."""

from backends_test.keras_cases.functional import Table, Tensor, layer_cases

# Odd and even sizes: "same" pads them differently.
LINE = Tensor((9, 4))
EVEN_LINE = Tensor((8, 4))
IMAGE = Tensor((7, 8, 4))
VOLUME = Tensor((5, 6, 7, 2))
SMALL_VOLUME = Tensor((3, 4, 3, 2))
CHANNELS_FIRST = {"data_format": "channels_first"}

STRIDED_SAME = {"strides": 2, "padding": "same"}

CONV_1D: Table = [
    {},
    {"strides": 2},
    {"padding": "same"},
    STRIDED_SAME,
    {"strides": 3, "padding": "same", "kernel_size": 2},
    {"strides": 3, "kernel_size": 2},
    {"padding": "causal"},
    {"padding": "causal", "strides": 2},
    {"padding": "causal", "dilation_rate": 2},
    {"dilation_rate": 2},
    {"dilation_rate": 2, "padding": "same"},
    {"groups": 2},
    {"kernel_size": 4, "padding": "same"},
    {"kernel_size": 1},
    {"use_bias": False},
    {"activation": "relu"},
]
CONV_2D: Table = [
    {},
    {"strides": 2},
    {"strides": (1, 2)},
    {"padding": "same"},
    STRIDED_SAME,
    {"strides": (3, 2), "padding": "same"},
    {"strides": 3, "padding": "same", "kernel_size": 2},
    {"dilation_rate": 2},
    {"dilation_rate": (2, 1), "padding": "same"},
    {"dilation_rate": 2, "padding": "same", "kernel_size": 2},
    {"groups": 2},
    {"groups": 4, "strides": 2, "padding": "same"},
    {"kernel_size": (2, 4), "padding": "same"},
    {"kernel_size": (7, 8)},
    {"use_bias": False},
    {"activation": "gelu"},
    {"kernel_regularizer": "l2", "bias_regularizer": "l1"},
    {"activity_regularizer": "l2"},
    {"kernel_constraint": "max_norm"},
]
CONV_3D: Table = [
    {},
    {"strides": 2},
    {"padding": "same"},
    STRIDED_SAME,
    {"dilation_rate": 2},
    {"kernel_size": (1, 2, 3)},
]
CONV_TRANSPOSE: Table = [
    {},
    {"strides": 2},
    {"padding": "same"},
    STRIDED_SAME,
    {"strides": 3, "kernel_size": 2},
    {"strides": 3, "kernel_size": 2, "padding": "same"},
    {"strides": 2, "kernel_size": 4, "padding": "same"},
    {"strides": 2, "output_padding": 1},
    {"strides": 2, "output_padding": 1, "padding": "same"},
    {"strides": 2, "output_padding": 0, "padding": "same"},
    {"strides": 3, "output_padding": 2, "padding": "same"},
    {"dilation_rate": 2},
    {"dilation_rate": 2, "padding": "same"},
    {"use_bias": False, "activation": "relu"},
]
CONV_2D_TRANSPOSE: Table = [
    *CONV_TRANSPOSE,
    {"strides": (1, 2), "padding": "same"},
    {"kernel_size": (2, 3), "strides": (2, 3)},
    {"strides": 2, "output_padding": (1, 0), "padding": "same"},
]
CONV_3D_TRANSPOSE: Table = [{}, {"strides": 2}, STRIDED_SAME, {"strides": 2, "output_padding": 1, "padding": "same"}]
DEPTHWISE: Table = [
    {},
    {"strides": 2},
    {"padding": "same"},
    STRIDED_SAME,
    {"dilation_rate": 2},
    {"dilation_rate": 2, "padding": "same"},
    {"depth_multiplier": 3},
    {"use_bias": False},
    {"kernel_size": 2, "padding": "same"},
]

_FILTERS = {"filters": 4, "kernel_size": 3}
_KERNEL = {"kernel_size": 3}

CASES = [
    *layer_cases("Conv1D", LINE, _FILTERS, CONV_1D),
    *layer_cases("Conv1D", EVEN_LINE, _FILTERS, [STRIDED_SAME, {"strides": 2}], suffix="of an even length"),
    *layer_cases("Conv1D", Tensor((None, 4)), _FILTERS, [STRIDED_SAME], suffix="of any length"),
    *layer_cases("Conv1D", Tensor((4, 9)), _FILTERS | CHANNELS_FIRST, [{}, STRIDED_SAME], suffix="channels first"),
    *layer_cases("Conv2D", IMAGE, _FILTERS, CONV_2D),
    *layer_cases("Conv2D", Tensor((4, 7, 8)), _FILTERS | CHANNELS_FIRST, [{}, STRIDED_SAME], suffix="channels first"),
    *layer_cases("Conv2D", Tensor((None, None, 4)), _FILTERS, [STRIDED_SAME], suffix="of any size"),
    *layer_cases("Conv2D", Tensor((7, 8, 4), "float16"), _FILTERS, [{"dtype": "float16"}]),
    *layer_cases("Conv2D", IMAGE, _FILTERS, [{"dtype": "mixed_bfloat16"}]),
    *layer_cases("Conv3D", VOLUME, _FILTERS, CONV_3D),
    *layer_cases("Conv3D", VOLUME, _FILTERS, [{"groups": 2}]),
    *layer_cases("Conv3D", Tensor((2, 5, 6, 7)), _FILTERS | CHANNELS_FIRST, suffix="channels first"),
    *layer_cases("Conv1DTranspose", Tensor((5, 4)), _FILTERS, CONV_TRANSPOSE),
    *layer_cases(
        "Conv1DTranspose", Tensor((4, 5)), _FILTERS | CHANNELS_FIRST, [{}, STRIDED_SAME], suffix="channels first"
    ),
    *layer_cases("Conv2DTranspose", Tensor((5, 4, 4)), _FILTERS, CONV_2D_TRANSPOSE),
    *layer_cases(
        "Conv2DTranspose", Tensor((4, 5, 4)), _FILTERS | CHANNELS_FIRST, [{}, STRIDED_SAME], suffix="channels first"
    ),
    *layer_cases("Conv3DTranspose", SMALL_VOLUME, _FILTERS, CONV_3D_TRANSPOSE),
    *layer_cases("DepthwiseConv1D", LINE, _KERNEL, DEPTHWISE),
    *layer_cases("DepthwiseConv2D", IMAGE, _KERNEL, [*DEPTHWISE, {"kernel_size": (3, 2)}]),
    *layer_cases("DepthwiseConv2D", IMAGE, _KERNEL, [{"strides": (1, 2)}], suffix="with unequal strides"),
    *layer_cases(
        "DepthwiseConv2D", Tensor((4, 7, 8)), _KERNEL | CHANNELS_FIRST, [STRIDED_SAME], suffix="channels first"
    ),
    *layer_cases("SeparableConv1D", LINE, _FILTERS, DEPTHWISE),
    *layer_cases("SeparableConv2D", IMAGE, _FILTERS, DEPTHWISE),
    *layer_cases(
        "SeparableConv2D", Tensor((4, 7, 8)), _FILTERS | CHANNELS_FIRST, [STRIDED_SAME], suffix="channels first"
    ),
]
