"""What every layer of a model receives and returns in a forward pass.

Layers are recorded as they finish, so that a layer inside another comes first, and the first entry that differs between
two backends is the innermost layer that computes something else.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from backends_test.any_model.arrays import Array


class Call(NamedTuple):
    """A call of a layer.

    Attributes:
        layer: the label of the layer, see `labels`.
        number: how often the layer has been called before.
        arguments: positional and named arguments, as `encode` describes them; None if they cannot be stored.
        arrays: the arrays of the arguments.
        outputs: the arrays of the outputs, in the order of `keras.tree.flatten`.
        masks: the masks of the outputs, None where there is none.
    """

    layer: str
    number: int
    arguments: Any
    arrays: list[Array]
    outputs: list[Array]
    masks: list[Array | None]


def labels(model: Any) -> dict[int, str]:
    """Return the label of each layer of a model, by the identity of the layer.

    A label is the layer's name, after the names of the layers that it is part of: `attention/query`. A label that
    occurs again gets a number.
    """
    found: dict[int, str] = {}
    count: dict[str, int] = {}

    def add(layer: Any, prefix: str) -> str:
        label = prefix + layer.name
        count[label] = count.get(label, 0) + 1
        found[id(layer)] = label if count[label] == 1 else f"{label} #{count[label]}"
        return found[id(layer)]

    def visit(outer: Any, prefix: str) -> None:
        for layer in outer._layers:
            if id(layer) not in found:
                visit(layer, f"{add(layer, prefix)}/")

    visit(model, "")
    for operation in [*operations(model), model]:
        if id(operation) not in found:
            add(operation, "")
    return found


def operations(model: Any) -> list[Any]:
    """Return the operations of a functional model, and of the models in it, that are not layers."""
    import keras

    models = [model, *(layer for layer in model._flatten_layers() if isinstance(layer, keras.Model))]
    return [
        operation
        for one in models
        for operation in getattr(one, "operations", ())
        if not isinstance(operation, keras.layers.Layer)
    ]


@contextmanager
def recording(model: Any, take: Callable[[Call], None]) -> Iterator[None]:
    """Hand over each call of a layer of the model, as it finishes.

    Calls inside compiled code and inside the loops of recurrent layers have no arrays and are left out.

    Args:
        model: a built `keras.Model`.
        take: is given each call.
    """
    import keras
    from keras.src.ops.operation import Operation

    label_of, counts, stack = labels(model), dict[str, int](), list[Any]()
    loops = (keras.layers.RNN, keras.layers.TimeDistributed)
    call_layer, call_operation = keras.layers.Layer.__call__, Operation.__call__

    def record(call: Callable[..., Any], layer: Any, args: Any, kwargs: Any) -> Any:
        if id(layer) not in label_of or any(isinstance(outer, loops) for outer in stack):
            return call(layer, *args, **kwargs)
        label = label_of[id(layer)]
        try:
            arrays: list[Array] = []
            arguments = encode([list(args), kwargs], arrays)
        except (TypeError, ValueError):
            arguments, arrays = None, []
        stack.append(layer)
        try:
            outputs = call(layer, *args, **kwargs)
        finally:
            stack.pop()
        tensors = [tensor for tensor in keras.tree.flatten(outputs) if keras.ops.is_tensor(tensor)]
        if all(is_concrete(tensor) for tensor in tensors):
            masks = [keras.src.backend.get_keras_mask(tensor) for tensor in tensors]
            number = counts[label] = counts.get(label, -1) + 1
            take(
                Call(
                    label,
                    number,
                    arguments,
                    arrays,
                    [to_array(tensor) for tensor in tensors],
                    [None if mask is None else to_array(mask) for mask in masks],
                )
            )
        return outputs

    def layer_call(self: Any, *args: Any, **kwargs: Any) -> Any:
        return record(call_layer, self, args, kwargs)

    def operation_call(self: Any, *args: Any, **kwargs: Any) -> Any:
        # A layer ends here as well, after `layer_call`.
        if isinstance(self, keras.layers.Layer):
            return call_operation(self, *args, **kwargs)
        return record(call_operation, self, args, kwargs)

    keras.layers.Layer.__call__, Operation.__call__ = layer_call, operation_call
    try:
        yield
    finally:
        keras.layers.Layer.__call__, Operation.__call__ = call_layer, call_operation


def is_concrete(tensor: Any) -> bool:
    """Whether a tensor has values, that is, no transformation or compiler is running."""
    try:
        to_array(tensor)
    except Exception:  # noqa: BLE001 (each framework raises something else)
        return False
    return True


def to_array(tensor: Any) -> Array:
    """Return a copy of a tensor's values."""
    import keras

    if keras.config.backend() == "tensorflow" and hasattr(tensor, "to_tensor"):  # a ragged tensor
        tensor = tensor.to_tensor()
    return np.array(keras.ops.convert_to_numpy(tensor))


def encode(value: Any, arrays: list[Array]) -> Any:
    """Describe an argument as JSON, and put its arrays into `arrays`.

    Raises:
        TypeError: the argument has a type that is not supported.
    """
    import keras

    if keras.ops.is_tensor(value) or isinstance(value, np.ndarray):
        mask = keras.src.backend.get_keras_mask(value)
        arrays.append(to_array(value))
        position = len(arrays) - 1
        if mask is not None:
            arrays.append(to_array(mask))
        return {"tensor": position, "mask": None if mask is None else len(arrays) - 1}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [encode(part, arrays) for part in value]}
    if isinstance(value, dict):
        return {"dict": {str(name): encode(part, arrays) for name, part in value.items()}}
    if value is None or isinstance(value, bool | int | float | str):
        return {"value": value}
    msg = f"an argument of the type {type(value).__name__}"
    raise TypeError(msg)


def decode(description: Any, tensors: list[Any]) -> Any:
    """Return the argument that `encode` has described, with these tensors."""
    import keras

    ((kind, content),) = [item for item in description.items() if item[0] != "mask"]
    if kind == "tensor":
        tensor = tensors[content]
        if description["mask"] is not None:
            keras.src.backend.set_keras_mask(tensor, tensors[description["mask"]])
        return tensor
    if kind in ("list", "tuple"):
        parts = [decode(part, tensors) for part in content]
        return parts if kind == "list" else tuple(parts)
    if kind == "dict":
        return {name: decode(part, tensors) for name, part in content.items()}
    return content
