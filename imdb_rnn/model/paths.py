"""Tells which code runs the recurrent layers of a model: this library's, cuDNN, or a loop of Keras."""

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from imdb_rnn.backends.recurrence import load_recurrence
from imdb_rnn.model.acceleration import cell_of, is_accelerated, recurrent_layers, unsupported_reason

if TYPE_CHECKING:
    import keras


class ExecutionPath(NamedTuple):
    """The code that runs a recurrent layer, in training and eager calls.

    Attributes:
        path: "fast" for this library; "cuDNN"; "compiled" for Keras's loop in a program that XLA compiles; "graph" for
            Keras's loop in TensorFlow, which starts each operation of each step; "Python" for a loop in Python, which
            does so more slowly.
        reason: why.
    """

    path: Literal["fast", "cuDNN", "compiled", "graph", "Python"]
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


def paths(model: "keras.layers.Layer") -> dict[str, ExecutionPath]:
    """Return which code runs each recurrent layer of a model, on the current backend and device.

    Args:
        model: any Keras model or layer, accelerated or not. On TensorFlow, a model must be compiled to know whether
            XLA compiles it; until then the paths are those of eager calls.

    Returns:
        Layer name -> path. If two layers have the same name, the names of the layers that contain them are prepended,
        as in "encoder/rnn".

    Raises:
        ModelError: `model` is not a Keras model or layer.
        BackendError: the backend cannot train, or see `imdb_rnn.backends.backend_name`.
    """
    layers = recurrent_layers(model)
    compiled = bool(getattr(model, "compiled", False) and getattr(model, "jit_compile", False))
    return {name: _path_of(layer, compiled) for name, layer in layers.items()}


def _path_of(layer: Any, compiled: bool) -> ExecutionPath:
    recurrence = load_recurrence()
    unsupported = unsupported_reason(layer)
    masked = _is_masked(layer)
    if not unsupported:
        cell = cell_of(layer)
        if reason := recurrence.cudnn_reason(cell, layer, masked):
            return ExecutionPath("cuDNN", reason)
        if is_accelerated(layer):
            return ExecutionPath("fast", recurrence.description(cell, layer.compute_dtype, masked))
    why_not = unsupported or "it is not accelerated"
    path, reason = recurrence.keras_path(layer, masked, compiled)
    return ExecutionPath(path, f"{why_not}; {reason}")


def _is_masked(layer: Any) -> bool:
    """Return whether a layer of a functional model is called with a mask, as far as Keras has recorded its calls."""
    inputs = [tensor for node in layer._inbound_nodes for tensor in node.input_tensors]
    return any(getattr(tensor, "_keras_mask", None) is not None for tensor in inputs)
