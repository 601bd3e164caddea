"""Accelerates the SimpleRNN layers of any Keras model without changing what they compute.

Keras multiplies the inputs by the kernel in each step of the loop over time, and leaves the backward pass to autodiff.
Here one product covers all steps, and the loop is `recurrence` of the backend, which has its own backward pass. A layer
keeps its class, weights and configuration: only the `inner_loop` of the object is replaced, so a saved file is plain
Keras.

Each call checks whether the layer is supported, and whether `recurrence` supports the caller. Exporters, function
transforms and modified layers use Keras's own loop.
"""

import logging
from typing import TYPE_CHECKING, Any

from imdb_rnn.backends import load_keras, load_training_backend, training_backend_name
from imdb_rnn.backends.modifications import modification_of
from imdb_rnn.errors import ModelError

if TYPE_CHECKING:
    import keras

_log = logging.getLogger(__name__)


def accelerate(model: "keras.layers.Layer") -> None:
    """Accelerate every SimpleRNN layer of a model.

    Other recurrent layers are left unchanged, and a warning with the reason is logged.

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
        elif not is_fast(layer):
            layer.inner_loop = _InnerLoop(layer)


def execution_paths(model: "keras.layers.Layer") -> dict[str, str]:
    """Return the execution path of each recurrent layer of a model in training and eager calls.

    Args:
        model: any Keras model or layer.

    Returns:
        Layer name -> "fast"; "keras" if the layer has not been accelerated; or "keras: " and the reason if it is not
        supported. If two layers have the same name, the names of the layers that contain them are prepended, as in
        "encoder/rnn".

    Raises:
        ModelError: `model` is not a Keras model or layer.
    """
    paths = {}
    for name, layer in recurrent_layers(model).items():
        reason = unsupported_reason(layer)
        paths[name] = f"keras: {reason}" if reason else "fast" if is_fast(layer) else "keras"
    return paths


def recurrent_layers(model: Any) -> dict[str, Any]:
    """Return all recurrent layers among a model and its sublayers.

    Returns:
        Name -> layer; see `execution_paths` for the names.

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


def is_fast(layer: Any) -> bool:
    """Return whether a layer has been accelerated."""
    return isinstance(vars(layer).get("inner_loop"), _InnerLoop)


def unsupported_reason(layer: Any) -> str:
    """Return why the fast path does not support a recurrent layer; "" if it does.

    A layer can change between two calls, so the result is not cached.
    """
    keras = load_keras()
    cell = layer.cell if hasattr(layer, "cell") else layer
    if type(layer) not in (keras.layers.SimpleRNN, keras.layers.RNN):
        return f"it is a {type(layer).__name__}, which may compute something else"
    if type(cell) is not keras.layers.SimpleRNNCell:
        return f"its cell is a {type(cell).__name__}, which may compute something else"
    if cell.activation is not keras.activations.tanh:
        return f"its activation is {getattr(cell.activation, '__name__', cell.activation)}, not tanh"
    if cell.recurrent_dropout:
        return "it has recurrent dropout"
    if layer.unroll:
        return "it is unrolled"
    for part in (layer, cell):
        if part.compute_dtype not in ("float32", "float64") or part.compute_dtype != part.variable_dtype:
            return f"it computes in {part.compute_dtype}"
    if cell.compute_dtype != layer.compute_dtype:
        return f"its cell computes in {cell.compute_dtype}"
    if not is_fast(layer) and "inner_loop" in vars(layer):
        return "its method inner_loop has been replaced"
    return modification_of(cell, ("call", "__call__")) or load_training_backend().hook_of(cell)


class _InnerLoop:
    """The `inner_loop` of an accelerated layer: the backend's recurrence if supported, else Keras's own loop."""

    def __init__(self, layer: Any) -> None:
        self.layer = layer
        self.backend = load_training_backend()
        self.ops = load_keras().ops

    def __call__(self, sequences: Any, initial_state: Any, mask: Any, training: bool = False) -> Any:
        """Run the loop over time, with the arguments and results of `keras.layers.RNN.inner_loop`."""
        computed = None if unsupported_reason(self.layer) else self._compute(sequences, initial_state, mask, training)
        if computed is None:
            return type(self.layer).inner_loop(self.layer, sequences, initial_state, mask, training)
        return computed

    def _compute(self, sequences: Any, initial_state: Any, mask: Any, training: bool) -> Any:
        """Run the loop with the backend's recurrence; return None if it is not supported."""
        layer, cell, ops, backend = self.layer, self.layer.cell, self.ops, self.backend
        states = initial_state if isinstance(initial_state, (list, tuple)) else [initial_state]
        weights = [cell.kernel, cell.recurrent_kernel, *([] if cell.bias is None else [cell.bias])]
        kernel, recurrent_kernel, *bias = (ops.convert_to_tensor(weight) for weight in weights)
        (initial,) = (ops.convert_to_tensor(state) for state in states)
        tensors = [sequences, initial, kernel, recurrent_kernel, *bias]
        if len(sequences.shape) != 3 or (mask is not None and len(mask.shape) != 2):
            return None
        if not backend.supports_recurrence(tensors if mask is None else [*tensors, mask]):
            return None
        if training and cell.dropout:
            # One dropout mask for all steps, as in Keras's cell.
            sequences = sequences * ops.expand_dims(cell.get_dropout_mask(sequences[:, 0]), 1)
        terms = ops.matmul(sequences, kernel)
        if bias:
            terms = ops.add(terms, bias[0])
        # On some backends, Keras's `matmul` computes in float32 for float64 inputs.
        if terms.dtype != recurrent_kernel.dtype or initial.dtype != recurrent_kernel.dtype:
            return None
        terms = ops.swapaxes(terms, 0, 1)
        steps_mask = None if mask is None else ops.swapaxes(ops.expand_dims(ops.cast(mask, "bool"), -1), 0, 1)
        if layer.go_backwards:
            terms, steps_mask = (None if steps is None else ops.flip(steps, 0) for steps in (terms, steps_mask))
        if not layer.return_sequences and steps_mask is None:
            last = backend.recurrence(terms, initial, recurrent_kernel, None, False)
            return last, ops.expand_dims(last, 1), [ops.copy(last)]
        states = backend.recurrence(terms, initial, recurrent_kernel, steps_mask, True)
        outputs = states if steps_mask is None else self._masked_outputs(states, steps_mask)
        return ops.copy(outputs[-1]), ops.swapaxes(outputs, 0, 1), [ops.copy(states[-1])]

    def _masked_outputs(self, states: Any, mask: Any) -> Any:
        """Return the outputs as Keras masks them: at a masked step zeros or the previous output, as the layer says."""
        ops = self.ops
        has_output = mask
        if not self.layer.zero_output_for_mask:
            if not self.backend.output_begins_at_zero:
                return states
            has_output = ops.cumsum(ops.cast(mask, "int32"), 0) > 0
        return ops.where(has_output, states, ops.zeros_like(states))
