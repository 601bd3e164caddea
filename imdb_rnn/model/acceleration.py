"""Accelerates the recurrent layers of any Keras model without changing what they compute.

Keras runs a cell once per step of the loop over time, and leaves the backward pass to autodiff. Here the loop is that
of `imdb_rnn.backends.recurrence`, which has its own backward pass. A layer keeps its class, weights and configuration:
only the `inner_loop` of the object is replaced, so a saved file is plain Keras.

Each call checks whether the layer is supported, and whether the recurrence supports the caller. Exporters, function
transforms and modified layers use Keras's own loop. So do LSTMs and GRUs on a GPU for which Keras calls cuDNN.
"""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from imdb_rnn.backends import load_keras, load_training_backend, training_backend_name
from imdb_rnn.backends.modifications import modification_of
from imdb_rnn.backends.recurrence import Cell, Weights, load_recurrence
from imdb_rnn.errors import ModelError

if TYPE_CHECKING:
    import keras

_log = logging.getLogger(__name__)


def accelerate(model: "keras.layers.Layer") -> None:
    """Accelerate every SimpleRNN, LSTM and GRU layer of a model, and every RNN layer of one of their cells.

    Other recurrent layers are left unchanged, and a warning with the reason is logged. `paths` shows the result.

    Args:
        model: any Keras model or layer, built or not, compiled or not. A model that has already been trained or used
            for prediction must be compiled again afterwards.

    Raises:
        ModelError: `model` is not a Keras model or layer.
        BackendError: the backend cannot train, or see `imdb_rnn.backends.backend_name`.
    """
    training_backend_name()
    layers = recurrent_layers(model)
    if not layers:
        _log.warning("%s has no recurrent layer: nothing is accelerated", model.name)
    for name, layer in layers.items():
        if reason := unsupported_reason(layer):
            _log.warning("%s is left to Keras: %s", name, reason)
        elif not is_accelerated(layer):
            layer.inner_loop = _InnerLoop(layer)


def recurrent_layers(model: Any) -> dict[str, Any]:
    """Return all recurrent layers among a model and its sublayers.

    Returns:
        Name -> layer. If two layers have the same name, the names of the layers that contain them are prepended, as in
        "encoder/rnn".

    Raises:
        ModelError: `model` is not a Keras model or layer.
    """
    keras = load_keras()
    if not isinstance(model, keras.layers.Layer):
        kind = type(model)
        advice = " tf_keras is Keras 2." if kind.__module__.startswith("tf_keras") else ""
        msg = (
            f"Bad `model`. Expected: a model or a layer of Keras {keras.__version__}. "
            f"Received: {kind.__module__}.{kind.__qualname__}.{advice}"
        )
        raise ModelError(msg)
    recurrent: list[tuple[str, Any]] = []
    seen: set[int] = set()

    def search(layer: Any, prefix: str) -> None:
        if id(layer) in seen:
            return
        seen.add(id(layer))
        path = f"{prefix}{layer.name}"
        if isinstance(layer, keras.layers.RNN):
            recurrent.append((path, layer))
            return
        for inner in layer._flatten_layers(include_self=False, recursive=False):
            search(inner, f"{path}/")

    search(model, "")
    names = [layer.name for _, layer in recurrent]
    # The first part of each path is the name of the model.
    inside = [path.split("/", 1)[-1] for path, _ in recurrent]
    chosen = [name if names.count(name) == 1 else path for name, path in zip(names, inside, strict=True)]
    return {
        # Layers with the same path are numbered.
        name if chosen.count(name) == 1 else f"{name}:{position}": layer
        for position, (name, (_, layer)) in enumerate(zip(chosen, recurrent, strict=True))
    }


def is_accelerated(layer: Any) -> bool:
    """Return whether `accelerate` has changed a layer. That has no effect if there is an `unsupported_reason`."""
    return isinstance(vars(layer).get("inner_loop"), _InnerLoop)


def unsupported_reason(layer: Any) -> str:
    """Return why the fast path does not support a recurrent layer; "" if it does.

    A layer can change between two calls, so the result is not cached.
    """
    keras = load_keras()
    layers = keras.layers
    cell = layer.cell if hasattr(layer, "cell") else layer
    if type(layer) not in (layers.SimpleRNN, layers.LSTM, layers.GRU, layers.RNN):
        return f"it is a {type(layer).__name__}, which may compute something else"
    if type(cell) not in (layers.SimpleRNNCell, layers.LSTMCell, layers.GRUCell):
        return f"its cell is a {type(cell).__name__}, which may compute something else"
    if reason := _unsupported_activation_reason(cell):
        return reason
    if cell.recurrent_dropout:
        return "it has recurrent dropout"
    if cell.dropout >= 1 and type(cell) is not layers.SimpleRNNCell:
        return "its dropout is 1, which only some of Keras's cells apply"
    if cell.dropout and getattr(cell, "implementation", 2) == 1:
        return "it has dropout with implementation=1, which drops other inputs for each gate"
    if layer.unroll:
        return "it is unrolled"
    if getattr(layer, "use_cudnn", "auto") is True:
        return "use_cudnn=True asks for cuDNN"
    for part in (layer, cell):
        if part.compute_dtype not in ("float32", "float64") or part.compute_dtype != part.variable_dtype:
            return f"it computes in {part.compute_dtype}"
    if cell.compute_dtype == "float64" and not load_recurrence().computes_float64():
        return "Keras computes products of float64 in float32 here"
    if cell.compute_dtype != layer.compute_dtype:
        return f"its cell computes in {cell.compute_dtype}"
    if cell.built and cell.use_bias != (cell.bias is not None):
        return "its use_bias was changed after it was built"
    if cell.activity_regularizer is not None:
        return "its cell has an activity regularizer"
    own_loop = not is_accelerated(layer) and "inner_loop" in vars(layer)
    if own_loop or not str(type(layer).inner_loop.__module__).startswith("keras."):
        return "its method inner_loop has been replaced"
    return modification_of(cell, ("call", "__call__")) or load_training_backend().hook_of(cell)


def _unsupported_activation_reason(cell: Any) -> str:
    activations = load_keras().activations
    simple = not hasattr(cell, "recurrent_activation")
    expected = {"activation": ["tanh", "relu"] if simple else ["tanh"]}
    if not simple:
        expected["recurrent_activation"] = ["sigmoid"]
    for attribute, names in expected.items():
        activation = getattr(cell, attribute)
        if not any(activation is getattr(activations, name) for name in names):
            given = getattr(activation, "__name__", activation)
            return f"its {attribute.replace('_', ' ')} is {given}, not {' or '.join(names)}"
    return ""


def cell_of(layer: Any) -> Cell:
    """Return which cell a supported layer has."""
    keras = load_keras()
    cell = layer.cell
    if type(cell) is keras.layers.LSTMCell:
        return "lstm"
    if type(cell) is keras.layers.GRUCell:
        return "gru" if cell.reset_after else "gru reset before"
    return "relu" if cell.activation is keras.activations.relu else "tanh"


class _InnerLoop:
    """The `inner_loop` of an accelerated layer: the backend's recurrence if supported, else Keras's own loop."""

    def __init__(self, layer: Any) -> None:
        self.layer = layer
        self.recurrence = load_recurrence()
        self.ops = load_keras().ops

    def __call__(self, sequences: Any, initial_state: Any, mask: Any, training: bool = False) -> Any:
        """Run the loop over time, with the arguments and results of `keras.layers.RNN.inner_loop`."""
        computed = None if unsupported_reason(self.layer) else self._compute(sequences, initial_state, mask, training)
        if computed is None:
            return type(self.layer).inner_loop(self.layer, sequences, initial_state, mask, training)
        return computed

    def _compute(self, sequences: Any, initial_state: Any, mask: Any, training: bool) -> Any:
        """Run the loop with the backend's recurrence; return None if it is not supported."""
        layer, cell, ops = self.layer, self.layer.cell, self.ops
        kind = cell_of(layer)
        states = initial_state if isinstance(initial_state, (list, tuple)) else [initial_state]
        initial = tuple(ops.convert_to_tensor(state) for state in states)
        if layer.stateful:
            # The layer assigns its new states to the same variables, and the backward pass needs the old ones.
            initial = tuple(ops.copy(state) for state in initial)
        weights = Weights(
            *(None if w is None else ops.convert_to_tensor(w) for w in (cell.kernel, cell.recurrent_kernel, cell.bias))
        )
        tensors = [sequences, *initial, *(weight for weight in weights if weight is not None)]
        if not self._has_shapes_of_keras(sequences, initial, mask):
            return None
        if self.recurrence.cudnn_reason(kind, layer, mask is not None):
            return None
        if not self.recurrence.supports(tensors if mask is None else [*tensors, mask], training):
            return None
        if any(load_keras().backend.standardize_dtype(tensor.dtype) != cell.compute_dtype for tensor in tensors):
            return None
        if training and cell.dropout:
            # One dropout mask for all steps, as in Keras's cell.
            sequences = sequences * ops.expand_dims(cell.get_dropout_mask(sequences[:, 0]), 1)
        if mask is not None:
            mask = ops.cast(mask, "bool")
        if layer.go_backwards:
            sequences, mask = (None if part is None else ops.flip(part, 1) for part in (sequences, mask))
        outputs, last = self.recurrence.run(kind, sequences, initial, weights, mask, layer.return_sequences)
        states = [ops.copy(state) for state in last]
        has_output = None if mask is None else self._has_output(mask)
        if outputs is None:
            outputs = ops.expand_dims(last[0], 1)
            has_output = None if has_output is None else has_output[:, -1:]
        if has_output is not None:
            outputs = ops.where(ops.expand_dims(has_output, -1), outputs, ops.zeros_like(outputs))
        return ops.copy(outputs[:, -1]), outputs, states

    def _has_shapes_of_keras(self, sequences: Any, states: Sequence[Any], mask: Any) -> bool:
        """Return whether the shapes are those that Keras documents. Its loops also take some others, or refuse them."""
        cell = self.layer.cell
        sizes = cell.state_size if isinstance(cell.state_size, (list, tuple)) else [cell.state_size]
        if (
            0 in sequences.shape
            or len(sequences.shape) != 3
            or [tuple(state.shape[1:]) for state in states] != [(size,) for size in sizes]
        ):
            return False
        if any(state.shape[0] != sequences.shape[0] for state in states):
            return False
        return mask is None or (not isinstance(mask, (list, tuple)) and mask.shape[1:] == sequences.shape[1:2])

    def _has_output(self, mask: Any) -> Any | None:
        """Return the steps whose output Keras takes from the state, shape (batch, T); None for all. Others are zeros.

        The state at a masked step is that of the step before.
        """
        if self.layer.zero_output_for_mask:
            return mask
        if self.recurrence.output_begins_at_zero:
            return self.ops.cumsum(self.ops.cast(mask, "int32"), 1) > 0
        return None
