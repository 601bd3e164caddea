"""The models of the cases, and the changes that a program makes to them after they were accelerated."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from imdb_rnn import accelerate
from imdb_rnn.backends import backend_name


@dataclass(frozen=True)
class Case:
    """A model, a change, a consumer and an input.

    Attributes:
        layer: the arguments of the recurrent layer.
        structure: the model around the layer; see `STRUCTURES`.
        masked: whether some time steps are masked.
        change: the change to the model after it was accelerated; see `CHANGES`.
        consumer: the user of the model; see `backends_test.differential.consumers`.
        shape: the shape of the input: sequences, steps, features.
        seed: the seed of the weights and the input.
    """

    layer: tuple[tuple[str, Any], ...]
    structure: str
    masked: bool
    change: str
    consumer: str
    shape: tuple[int, int, int]
    seed: int


@keras.saving.register_keras_serializable("differential")
class Holder(keras.layers.Layer):  # type: ignore[misc]  # untyped where it is checked
    """A custom layer around a recurrent layer."""

    def __init__(self, inner: keras.layers.Layer) -> None:
        super().__init__()
        self.layers = 2  # a name that has a meaning in Keras
        self.held = {"inner": [inner]}

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.held["inner"][0].build(shape)

    def call(self, inputs: Any, mask: Any = None, training: bool = False) -> Any:
        return self.held["inner"][0](inputs, mask=mask, training=training)

    def get_config(self) -> dict[str, Any]:
        return {"inner": keras.saving.serialize_keras_object(self.held["inner"][0])}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Holder":
        return cls(keras.saving.deserialize_keras_object(config["inner"]))


CELLS = ("SimpleRNN", "LSTM", "GRU", "GRU, reset before")


def _of_cell(layer: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the name of the class, and the arguments that it has."""
    arguments = dict(layer)
    cell, recurrent_activation = arguments.pop("cell"), arguments.pop("recurrent_activation")
    if cell != "SimpleRNN":
        arguments["recurrent_activation"] = recurrent_activation
    if cell.startswith("GRU"):
        arguments["reset_after"] = cell == "GRU"
    return cell.split(",")[0], arguments


def _rnn_of_cell(layer: dict[str, Any]) -> keras.layers.Layer:
    name, arguments = _of_cell(layer)
    of_layer = {name: arguments.pop(name) for name in ("return_sequences", "go_backwards", "unroll", "stateful")}
    zero = arguments.pop("zero")
    cell = getattr(keras.layers, f"{name}Cell")(**arguments)
    return keras.layers.RNN(cell, zero_output_for_mask=zero, **of_layer)


def _layer(layer: dict[str, Any]) -> keras.layers.Layer:
    name, arguments = _of_cell(layer)
    return getattr(keras.layers, name)(zero_output_for_mask=arguments.pop("zero"), **arguments)


STRUCTURES: dict[str, Callable[[dict[str, Any]], list[keras.layers.Layer]]] = {
    "a layer": lambda layer: [_layer(layer)],
    "two layers": lambda layer: [
        _layer(layer | {"return_sequences": True, "name": "lower"}),
        _layer(layer | {"name": "upper"}),
    ],
    "RNN of a cell": lambda layer: [_rnn_of_cell(layer)],
    "a bidirectional layer": lambda layer: [keras.layers.Bidirectional(_layer(layer | {"go_backwards": False}))],
    "a model in a model": lambda layer: [keras.Sequential([_layer(layer)])],
    "a custom layer": lambda layer: [Holder(_layer(layer))],
    "beside a ConvLSTM": lambda layer: [
        _layer(layer | {"return_sequences": True}),
        keras.layers.Reshape((-1, layer["units"], 1)),
        keras.layers.ConvLSTM1D(2, 1),
        keras.layers.Flatten(),
    ],
}


def _cells(model: keras.Model) -> list[Any]:
    return [layer.cell for layer in layers_of(model)]


def _set(name: str, value: Any) -> Callable[[keras.Model], None]:
    def change(model: keras.Model) -> None:
        for cell in _cells(model):
            setattr(cell, name, value)

    return change


def _replace_call(model: keras.Model) -> None:
    for cell in _cells(model):
        call = cell.call
        cell.call = lambda *args, call=call, **named: keras.tree.map_structure(lambda x: x * 0.5, call(*args, **named))


def _hook(model: keras.Model) -> None:
    if backend_name() == "torch":
        for cell in _cells(model):
            cell.register_forward_hook(lambda module, given, out: keras.tree.map_structure(lambda x: x * 0.5, out))


def _change_direction(model: keras.Model) -> None:
    for layer in model._flatten_layers():
        if layer in layers_of(model):
            layer.go_backwards = not layer.go_backwards


CHANGES: dict[str, Callable[[keras.Model], None]] = {
    "nothing": lambda model: None,
    "another activation": _set("activation", keras.activations.relu),
    "no activation": _set("activation", None),
    "another recurrent activation": _set("recurrent_activation", keras.activations.hard_sigmoid),
    "the other reset": _set("reset_after", False),
    "dropout": _set("dropout", 0.5),
    "recurrent dropout": _set("recurrent_dropout", 0.5),
    "the other direction": _change_direction,
    "another policy": _set("dtype_policy", "bfloat16"),
    "a frozen cell": _set("trainable", False),
    "a method of the cell replaced": _replace_call,
    "a hook on the cell": _hook,
}


def layers_of(model: keras.Model) -> list[Any]:
    """Return the layers that `accelerate` may change."""
    layers = keras.layers
    kinds = (layers.SimpleRNN, layers.LSTM, layers.GRU, layers.RNN)
    return [layer for layer in model._flatten_layers() if type(layer) in kinds]


def build(case: Case, fast: bool) -> tuple[keras.Model, np.ndarray]:
    """Return the model and the input of a case."""
    random = np.random.default_rng(case.seed)
    settings_ = dict(case.layer)
    inputs = keras.Input(batch_shape=(case.shape[0] if settings_["stateful"] else None, *case.shape[1:]))
    out = keras.layers.Masking()(inputs) if case.masked else inputs
    for layer in STRUCTURES[case.structure](settings_):
        out = layer(out)
    model = keras.Model(inputs, keras.layers.Dense(2)(out))
    for weight in model.weights:
        weight.assign(random.normal(0, 0.6, weight.shape))
    for position, cell in enumerate(_cells(model)):
        # A bidirectional layer draws its own seeds.
        cell.seed_generator.state.assign(np.array([position, 0], np.uint32))
    if settings_["stateful"]:
        # Otherwise Keras on PyTorch overwrites the state before the backward pass reads it.
        for layer in layers_of(model):
            layer.use_cudnn = False
    if fast:
        accelerate(model)
    CHANGES[case.change](model)
    x = random.normal(0, 1, case.shape).astype(np.float32)
    if case.masked:
        x[random.random(case.shape[:2]) < 0.4] = 0
    return model, x
