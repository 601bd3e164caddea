"""Faults of layers that look at neighbours: convolution, pooling, padding and resizing."""

from typing import Any

import keras
from keras import layers, ops

# The functions of a backend have no public name.
from keras.src import backend
from planting import Function, chain, during, output, override, planted, replace


@planted("jax", "forward", "conv")
def kernel_flipped(fault: bool) -> keras.Model:
    """Conv2D convolves, with the kernel flipped, where it must correlate."""

    def flip(original: Function) -> Function:
        def conv(inputs: Any, kernel: Any, *arguments: Any, **keywords: Any) -> Any:
            return original(inputs, ops.flip(kernel, axis=(0, 1)), *arguments, **keywords)

        return conv

    if fault:
        replace(backend.nn, "conv", flip)
    return chain(keras.Input((6, 5, 2)), layers.Conv2D(3, 3, name="conv"), layers.GlobalMaxPooling2D())


@planted("torch", "forward", "conv")
def same_padding_on_the_other_side(fault: bool) -> keras.Model:
    """Conv1D with strides pads on the left where padding "same" takes one value only, which belongs on the right."""

    def pad_left(original: Function) -> Function:
        def conv(inputs: Any, kernel: Any, strides: Any, padding: str, *others: Any) -> Any:
            return original(ops.pad(inputs, [[0, 0], [1, 0], [0, 0]]), kernel, strides, "valid", *others)

        return conv

    if fault:
        replace(backend.nn, "conv", pad_left)
    return chain(
        keras.Input((8, 2)), layers.Conv1D(3, 3, strides=2, padding="same", name="conv"), layers.Dense(2, name="last")
    )


@planted("tensorflow", "forward", "conv")
def causal_padding_off_by_one(fault: bool) -> keras.Model:
    """Conv1D with causal padding sees one step of the future."""
    if fault:
        output(layers.Conv1D, "_compute_causal_padding", lambda _: [[0, 0], [1, 1], [0, 0]])
    return chain(keras.Input((7, 2)), layers.Conv1D(3, 3, padding="causal", name="conv"), layers.Dense(2, name="last"))


@planted("torch", "forward", "conv")
def convolution_bias_dropped(fault: bool) -> keras.Model:
    """Conv2D has a bias and does not add it."""
    if fault:
        during(layers.Conv2D, "call", use_bias=lambda _: False)
    return chain(keras.Input((5, 5, 2)), layers.Conv2D(3, 3, name="conv"), layers.Flatten(), layers.Dense(2))


@planted("tensorflow", "forward", "depthwise")
def depthwise_channels_in_other_order(fault: bool) -> keras.Model:
    """DepthwiseConv2D with two outputs a channel returns all first outputs, then all second ones."""

    def reorder(outputs: Any) -> Any:
        return ops.concatenate([outputs[..., ::2], outputs[..., 1::2]], axis=-1)

    if fault:
        output(backend.nn, "depthwise_conv", reorder)
    return chain(
        keras.Input((5, 5, 3)),
        layers.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise"),
        layers.GlobalAveragePooling2D(),
    )


@planted("jax", "forward", "transpose")
def transposed_convolution_cropped_at_start(fault: bool) -> keras.Model:
    """Conv1DTranspose with padding "same" crops the first value and not the last one."""

    def crop_first(original: Function) -> Function:
        def conv_transpose(inputs: Any, kernel: Any, strides: Any, padding: str, *others: Any) -> Any:
            return original(inputs, kernel, strides, "valid", *others)[:, 1:]

        return conv_transpose

    if fault:
        replace(backend.nn, "conv_transpose", crop_first)
    return chain(
        keras.Input((4, 2)), layers.Conv1DTranspose(3, 3, strides=2, padding="same", name="transpose"), layers.Dense(2)
    )


@planted("torch", "forward", "pool")
def average_counts_padding(fault: bool) -> keras.Model:
    """AveragePooling2D counts the padding, as PyTorch does."""

    def with_zeros(original: Function) -> Function:
        def average_pool(inputs: Any, pool_size: Any, strides: Any, padding: str, data_format: Any) -> Any:
            padded = ops.pad(inputs, [[0, 0], [1, 1], [1, 1], [0, 0]])
            return original(padded, pool_size, strides, "valid", data_format)

        return average_pool

    if fault:
        replace(backend.nn, "average_pool", with_zeros)
    return chain(
        keras.Input((5, 5, 2)), layers.AveragePooling2D(3, strides=1, padding="same", name="pool"), layers.Dense(2)
    )


@planted("jax", "forward", "pool")
def maximum_of_padding(fault: bool) -> keras.Model:
    """MaxPooling2D pads with zeros, which are greater than all values here."""

    def with_zeros(original: Function) -> Function:
        def max_pool(inputs: Any, pool_size: Any, strides: Any, padding: str, data_format: Any) -> Any:
            padded = ops.pad(inputs, [[0, 0], [1, 1], [1, 1], [0, 0]])
            return original(padded, pool_size, strides, "valid", data_format)

        return max_pool

    if fault:
        replace(backend.nn, "max_pool", with_zeros)
    return chain(
        keras.Input((5, 5, 2)),
        layers.Activation("log_sigmoid"),
        layers.MaxPooling2D(3, strides=1, padding="same", name="pool"),
        layers.Dense(2),
    )


@planted("torch", "forward", "up")
def resizing_aligns_corners(fault: bool) -> keras.Model:
    """UpSampling2D puts the outermost values on the corners, as PyTorch's `align_corners` does."""

    def align(original: Function) -> Function:
        def call(self: Any, inputs: Any) -> Any:
            from torch.nn.functional import interpolate

            channels_first = ops.transpose(inputs, (0, 3, 1, 2))
            # On the device "meta" Keras asks for the shape only.
            size = [side * factor for side, factor in zip(inputs.shape[1:3], self.size, strict=True)]
            resized = interpolate(channels_first, size=size, mode="bilinear", align_corners=True)
            return ops.transpose(resized, (0, 2, 3, 1))

        return call

    if fault:
        replace(layers.UpSampling2D, "call", align)
    return chain(keras.Input((4, 3, 2)), layers.UpSampling2D(2, interpolation="bilinear", name="up"), layers.Dense(2))


@planted("tensorflow", "forward", "pad")
def padding_sides_swapped(fault: bool) -> keras.Model:
    """ZeroPadding2D pads below what it must pad above."""
    if fault:
        during(layers.ZeroPadding2D, "call", padding=lambda padding: tuple(sides[::-1] for sides in padding))
    return chain(
        keras.Input((4, 4, 2)), layers.ZeroPadding2D(((1, 0), (0, 2)), name="pad"), layers.Conv2D(2, 3, name="last")
    )


@planted("jax", "forward", "flat")
def flatten_channels_first(fault: bool) -> keras.Model:
    """Flatten puts the channels first, as PyTorch keeps them."""

    def channels_first(original: Function) -> Function:
        def call(self: Any, inputs: Any) -> Any:
            return original(self, ops.transpose(inputs, (0, 3, 1, 2)))

        return call

    if fault:
        replace(layers.Flatten, "call", channels_first)
    return chain(keras.Input((3, 3, 2)), layers.Conv2D(2, 2), layers.Flatten(name="flat"), layers.Dense(2))


@planted("tensorflow", "forward", "conv")
def dilation_ignored(fault: bool) -> keras.Model:
    """Conv1D with padding "same" ignores its dilation."""
    if fault:
        override(backend.nn, "conv", dilation_rate=1)
    return chain(keras.Input((9, 2)), layers.Conv1D(3, 3, dilation_rate=2, padding="same", name="conv"))
