"""Cases of the models of `keras.applications`, without trained weights and with small images."""

import functools
from typing import Any

import keras

from backends_test.keras_cases import data
from backends_test.keras_cases.case import Case, described

CLASSES = 10
SIDE = 32
# Models that refuse images of 32 x 32.
LARGER_SIDE = {"InceptionResNetV2": 75, "InceptionV3": 75, "Xception": 71}
# Models that scale values from 0 to 255 themselves.
SCALING = ("ConvNeXt", "EfficientNet", "MobileNetV3")

# Model -> settings.
MODELS: dict[str, list[dict[str, Any]]] = {
    "ConvNeXtTiny": [{}],
    "DenseNet121": [{}],
    "DenseNet169": [{}],
    "EfficientNetB0": [{}],
    "EfficientNetB1": [{}],
    "EfficientNetB2": [{}],
    "EfficientNetV2B0": [{}],
    "EfficientNetV2B1": [{}],
    "EfficientNetV2B2": [{}],
    "EfficientNetV2S": [{}],
    "InceptionResNetV2": [{}],
    "InceptionV3": [{}],
    "MobileNet": [{}, {"alpha": 0.25, "depth_multiplier": 2}],
    "MobileNetV2": [{}, {"alpha": 0.35}],
    "MobileNetV3Large": [{}],
    "MobileNetV3Small": [{}, {"minimalistic": True}, {"include_preprocessing": False}],
    "NASNetMobile": [{}],
    "ResNet101V2": [{}],
    "ResNet50": [{}],
    "ResNet50V2": [{}],
    "VGG16": [{}],
    "VGG19": [{}],
    "Xception": [{}],
}


def _build(subject: str, settings: dict[str, Any]) -> keras.Model:
    side = LARGER_SIDE.get(subject, SIDE)
    make = getattr(keras.applications, subject)
    model = make(weights=None, input_tensor=keras.Input((side, side, 3)), classes=CLASSES, **settings)
    model.compile(keras.optimizers.SGD(0.01), "sparse_categorical_crossentropy")
    return model


def _inputs(subject: str) -> data.Array:
    side = LARGER_SIDE.get(subject, SIDE)
    if subject.startswith(SCALING):
        return data.images(data.BATCH, side, side, 3)
    return data.normal(data.BATCH, side, side, 3)


def _targets() -> data.Array:
    return data.integers(0, CLASSES, data.BATCH)


def _case(subject: str, settings: dict[str, Any]) -> Case:
    return Case(
        described(subject, **settings),
        functools.partial(_build, subject, settings),
        "applications",
        subject,
        functools.partial(_inputs, subject),
        _targets,
    )


CASES = [_case(subject, settings) for subject, table in MODELS.items() for settings in table]

# Public name -> why it has no case.
ABSENT = {
    larger: f"The same layers as {smaller}, in larger numbers."
    for smaller, names in {
        "ConvNeXtTiny": ("ConvNeXtSmall", "ConvNeXtBase", "ConvNeXtLarge", "ConvNeXtXLarge"),
        "DenseNet169": ("DenseNet201",),
        "EfficientNetB2": ("EfficientNetB3", "EfficientNetB4", "EfficientNetB5", "EfficientNetB6", "EfficientNetB7"),
        "EfficientNetV2B2": ("EfficientNetV2B3",),
        "EfficientNetV2S": ("EfficientNetV2M", "EfficientNetV2L"),
        "NASNetMobile": ("NASNetLarge",),
        "ResNet50": ("ResNet101", "ResNet152"),
        "ResNet101V2": ("ResNet152V2",),
    }.items()
    for larger in names
}
