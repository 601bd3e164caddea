"""Image preprocessing and random augmentation. The random layers change images only in training mode."""

import functools
from typing import Any

import keras

from backends_test.keras_cases import data
from backends_test.keras_cases.case import Case, described
from backends_test.keras_cases.functional import Table, Tensor, layer_case, layer_cases

SHAPE = (7, 9, 3)
IMAGE = Tensor(SHAPE)
CHANNELS_FIRST = {"data_format": "channels_first"}
INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")
FILL_MODES = ("reflect", "wrap", "constant", "nearest")

_images = functools.partial(data.images, data.BATCH, *SHAPE)
_fractions = functools.partial(data.uniform, 0, 1, data.BATCH, *SHAPE)

# Layer -> settings.
SETTINGS: dict[str, Table] = {
    "CenterCrop": [{"height": 4, "width": 5}, {"height": 5, "width": 4}, {"height": 9, "width": 12}],
    "RandomCrop": [{"height": 4, "width": 5}, {"height": 4, "width": 5, "seed": 1}, {"height": 9, "width": 12}],
    "Resizing": [
        *({"height": 5, "width": 6, "interpolation": name} for name in INTERPOLATIONS),
        *({"height": 11, "width": 14, "interpolation": name} for name in INTERPOLATIONS),
        {"height": 4, "width": 4, "antialias": True},
        {"height": 5, "width": 5, "crop_to_aspect_ratio": True},
        {"height": 5, "width": 5, "pad_to_aspect_ratio": True},
        {"height": 5, "width": 5, "pad_to_aspect_ratio": True, "fill_value": 9.0},
    ],
    "AutoContrast": [{}],
    "Equalization": [{}],
    "ContrastLimitedAdaptiveHistogramEqualization": [
        {"tile_grid_size": (2, 2)},
        {"tile_grid_size": (2, 2), "clip_limit": 1.5},
    ],
    "Solarization": [{"threshold_factor": 0.5}, {"addition_factor": 0.2, "threshold_factor": 0.5}],
    "RandomBrightness": [{"factor": 0.4}, {"factor": (0.1, 0.3)}],
    "RandomContrast": [{"factor": 0.4}],
    "RandomColorDegeneration": [{"factor": 0.6}],
    "RandomColorJitter": [
        {"brightness_factor": 0.3, "contrast_factor": 0.3, "saturation_factor": (0.2, 0.7), "hue_factor": 0.2}
    ],
    "RandomElasticTransform": [{}, {"fill_mode": "constant"}],
    "RandomErasing": [{}, {"fill_value": 3.0, "scale": (0.2, 0.5)}],
    "RandomFlip": [{"mode": mode} for mode in ("horizontal", "vertical", "horizontal_and_vertical")],
    "RandomGaussianBlur": [{}, {"kernel_size": (3, 5), "sigma": (0.5, 2.0)}],
    "RandomGrayscale": [{}, {"factor": 1.0}],
    "RandomHue": [{"factor": 0.3}],
    "RandomInvert": [{}, {"factor": 0.5}],
    "RandomPerspective": [{}, {"interpolation": "nearest", "scale": 0.5}],
    "RandomPosterization": [{"factor": 3}],
    "RandomRotation": [
        {"factor": 0.2},
        {"factor": 0.2, "interpolation": "nearest"},
        *({"factor": 0.2, "fill_mode": mode} for mode in FILL_MODES),
        {"factor": 0.2, "fill_mode": "constant", "fill_value": 9.0},
    ],
    "RandomSaturation": [{"factor": 0.4}],
    "RandomSharpness": [{"factor": 0.4}],
    "RandomShear": [{"x_factor": 0.3}, {"x_factor": 0.3, "y_factor": 0.3, "fill_mode": "constant"}],
    "RandomTranslation": [
        {"height_factor": 0.3, "width_factor": 0.3},
        *({"height_factor": 0.3, "width_factor": 0.3, "fill_mode": mode} for mode in FILL_MODES),
        {"height_factor": (-0.2, 0.3), "width_factor": 0.3, "interpolation": "nearest"},
    ],
    "RandomZoom": [
        {"height_factor": 0.3},
        {"height_factor": (-0.3, -0.1), "width_factor": 0.2},
        {"height_factor": 0.3, "interpolation": "nearest", "fill_mode": "constant"},
    ],
    "RandAugment": [{}, {"num_ops": 3, "factor": 0.8}],
    "AugMix": [{}, {"num_chains": 2, "all_ops": False}],
    "MixUp": [{}, {"alpha": 1.0}],
    "CutMix": [{}, {"factor": 0.5}],
}
# Layers that expect values between 0 and 1 if told so.
FRACTIONS = (
    "AutoContrast",
    "ContrastLimitedAdaptiveHistogramEqualization",
    "RandomBrightness",
    "RandomColorDegeneration",
    "RandomErasing",
    "RandomHue",
    "RandomInvert",
    "RandomPosterization",
    "RandomSaturation",
    "RandomSharpness",
    "Solarization",
)
WITH_CHANNELS_FIRST = (
    "CenterCrop",
    "RandomCrop",
    "RandomFlip",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
    "Resizing",
    "RandomGaussianBlur",
    "RandomShear",
)


def _equalized(settings: dict[str, Any], inputs: Any) -> Any:
    # The layer returns its own symbolic input, so a functional model cannot hold it alone.
    return keras.layers.Pipeline([keras.layers.Equalization(**settings)])(inputs)


def _pipeline(inputs: Any) -> Any:
    return keras.layers.Pipeline([keras.layers.RandomFlip(), keras.layers.RandomRotation(0.1)])(inputs)


def _boxes() -> Case:
    """Boxes are data, not images: the layer pads or cuts them to a fixed number."""

    def build() -> keras.Model:
        inputs = {
            "images": keras.Input((4, 4, 3)),
            "bounding_boxes": {"boxes": keras.Input((3, 4)), "labels": keras.Input((3,))},
        }
        return keras.Model(inputs, keras.layers.MaxNumBoundingBoxes(5, bounding_box_format="xyxy")(inputs))

    def arrays() -> dict[str, Any]:
        return {
            "images": data.images(data.BATCH, 4, 4, 3),
            "bounding_boxes": {
                "boxes": data.uniform(0, 4, data.BATCH, 3, 4),
                "labels": data.integers(0, 5, data.BATCH, 3).astype("float32"),
            },
        }

    return Case("MaxNumBoundingBoxes max_number=5", build, "layers", "MaxNumBoundingBoxes", arrays)


CASES = [
    *(case for subject, table in SETTINGS.items() for case in layer_cases(subject, IMAGE, {}, table, inputs=_images)),
    *(
        case
        for subject in FRACTIONS
        for case in layer_cases(subject, IMAGE, SETTINGS[subject][0], [{"value_range": (0, 1)}], inputs=_fractions)
    ),
    *(
        case
        for subject in WITH_CHANNELS_FIRST
        for case in layer_cases(
            subject,
            Tensor((3, 7, 9)),
            SETTINGS[subject][0] | CHANNELS_FIRST,
            suffix="channels first",
            inputs=functools.partial(data.images, data.BATCH, 3, 7, 9),
        )
    ),
    *(
        layer_case(
            described("Equalization", **settings) + " in a Pipeline",
            functools.partial(_equalized, settings),
            IMAGE,
            inputs=_fractions if settings.get("value_range") else _images,
        )
        for settings in ({}, {"bins": 16}, {"value_range": (0, 1)})
    ),
    _boxes(),
    layer_case("Pipeline of two augmentations", _pipeline, IMAGE, inputs=_images),
]
