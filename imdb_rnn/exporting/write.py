"""Writes a model in a format of another runtime with Keras, in a process of its own, on the backend that can.

    KERAS_BACKEND=torch python -m imdb_rnn.exporting.write onnx MODEL.npz model.onnx RESULT.json

MODEL.npz holds the weights, `num_words` and `max_len`. RESULT.json receives the versions of the packages used.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imdb_rnn.backends import backend_name, load_backend, load_keras
from imdb_rnn.model.architecture import build_model

if TYPE_CHECKING:
    import keras

# The format that has another name in Keras.
KERAS_NAMES = {"saved_model": "tf_saved_model"}
# Keras's loop over the steps has no form in these formats that takes any number of reviews.
UNROLLED = ("torch", "litert")


def plain_model(
    num_words: int, max_len: int, weights: list[np.ndarray[Any, Any]], *, unroll: bool = False
) -> "keras.Model":
    """Return the model as Keras alone defines it, without accelerated layers.

    Args:
        num_words: see `build_model`.
        max_len: see `build_model`.
        weights: the weights, in the order of `build_model().weights`.
        unroll: whether the recurrent layer computes its steps one after the other, without a loop.
    """
    model = build_model(num_words, max_len)
    model.set_weights(weights)
    model.get_layer("simple_rnn").unroll = unroll
    # Keras can export only a model that has been called.
    model(load_keras().Input((max_len,), dtype="int32"))
    return model


def write(name: str, model: "keras.Model", path: Path) -> None:
    """Write a model in a format."""
    options: dict[str, Any] = {}
    if name == "torch":
        import torch

        options["dynamic_shapes"] = {0: torch.export.Dim("reviews")}
    # Keras accepts no `Path` for every format.
    model.export(str(path), format=KERAS_NAMES.get(name, name), verbose=False, **options)


def main() -> None:
    """Write the model that the arguments name."""
    name, content, path, result = sys.argv[1:]
    with np.load(content, allow_pickle=False) as arrays:
        num_words, max_len = int(arrays["num_words"]), int(arrays["max_len"])
        weights = [arrays[f"weight{i}"] for i in range(len(arrays.files) - 2)]
    write(name, plain_model(num_words, max_len, weights, unroll=name in UNROLLED), Path(path))
    versions = {"keras": version("keras"), backend_name(): load_backend().version()}
    Path(result).write_text(json.dumps(versions), encoding="utf-8")


if __name__ == "__main__":
    main()
