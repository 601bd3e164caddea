"""Makes the SimpleRNN layers of any Keras model quick, without changing what they compute.

May import: the standard library, imdb_rnn.engine (which loads Keras).

Keras multiplies each step's inputs by the kernel inside of the loop over time, and lets the backend find the way back.
Here all steps are multiplied at once, and the way back is `recurrence` of the engine, written by hand. A layer keeps
its class, its weights and its configuration: only its `inner_loop` is replaced, on this one object, so that a saved
file is plain Keras.
"""

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from imdb_rnn.engine import load_keras, load_training_engine, training_backend_name

if TYPE_CHECKING:
    import keras

_log = logging.getLogger(__name__)


def accelerate(model: "keras.Model") -> None:
    """Make every SimpleRNN layer of a model quick, or leave it to Keras and say why in the log.

    Args:
        model: any Keras model, or a layer that holds others; built or not, compiled or not. A model that has been
            trained or asked for a prediction already must be compiled again to notice.

    Raises:
        BackendError: the backend cannot train, or see `imdb_rnn.engine.backend_name`.
    """
    training_backend_name()
    for layer in recurrent_layers(model):
        if reason := why_not(layer):
            _log.info("%s is left to Keras: %s", layer.name, reason)
        elif not is_fast(layer):
            layer.inner_loop = _inner_loop_of(layer)


def paths(model: "keras.Model") -> dict[str, str]:
    """Which path each SimpleRNN layer of a model takes.

    Returns:
        Layer name -> "fast"; or "keras: " and the reason why `accelerate` leaves it alone; or "keras", if it has not
        been accelerated.
    """
    found = {}
    for layer in recurrent_layers(model):
        reason = why_not(layer)
        found[layer.name] = "fast" if is_fast(layer) else f"keras: {reason}" if reason else "keras"
    return found


def recurrent_layers(layer: Any) -> Iterator[Any]:
    """The SimpleRNN layers inside of a model or a wrapper, itself included."""
    if isinstance(layer, load_keras().layers.SimpleRNN):
        yield layer
        return
    inside = [*getattr(layer, "layers", ())]
    inside += [getattr(layer, name, None) for name in ("forward_layer", "backward_layer", "layer")]
    for one in inside:
        if one is not None:
            yield from recurrent_layers(one)


def is_fast(layer: Any) -> bool:
    """Whether a layer has been accelerated."""
    return "inner_loop" in vars(layer)


def why_not(layer: Any) -> str:
    """Why a layer is left to Keras; "" if it is not."""
    keras = load_keras()
    cell = layer.cell
    if type(layer) is not keras.layers.SimpleRNN:
        return f"it is a {type(layer).__name__}, which may compute something else"
    if cell.activation is not keras.activations.tanh:
        return f"its activation is {getattr(cell.activation, '__name__', cell.activation)}, not tanh"
    if cell.recurrent_dropout:
        return "it has recurrent dropout"
    if layer.unroll:
        return "it is to be unrolled"
    if layer.compute_dtype not in ("float32", "float64"):
        return f"it computes in {layer.compute_dtype}"
    return ""


def _inner_loop_of(layer: Any) -> Any:
    """What `inner_loop` of the layer does, by the engine's recurrence."""
    ops = load_keras().ops
    engine = load_training_engine()

    def inner_loop(sequences: Any, initial_state: Any, mask: Any, training: bool = False) -> tuple[Any, Any, list[Any]]:
        cell = layer.cell
        (initial,) = initial_state if isinstance(initial_state, (list, tuple)) else [initial_state]
        if training and cell.dropout:
            # One mask for all steps, as in Keras's cell.
            sequences = sequences * ops.expand_dims(cell.get_dropout_mask(sequences[:, 0]), 1)
        terms = ops.matmul(sequences, cell.kernel)
        if cell.bias is not None:
            terms = ops.add(terms, cell.bias)
        terms = ops.swapaxes(terms, 0, 1)
        known = None if mask is None else ops.swapaxes(ops.expand_dims(ops.cast(mask, "bool"), -1), 0, 1)
        if layer.go_backwards:
            terms, known = (None if steps is None else ops.flip(steps, 0) for steps in (terms, known))
        recurrent_kernel = ops.convert_to_tensor(cell.recurrent_kernel)
        if not layer.return_sequences and known is None:
            last = engine.recurrence(terms, initial, recurrent_kernel, None, False)
            return last, ops.expand_dims(last, 1), [last]
        states = engine.recurrence(terms, initial, recurrent_kernel, known, True)
        outputs = states if known is None else _masked_outputs(states, known)
        return outputs[-1], ops.swapaxes(outputs, 0, 1), [states[-1]]

    def _masked_outputs(states: Any, known: Any) -> Any:
        """What Keras gives out at a step that the mask leaves out: zero if the layer says so, or the output before."""
        shown = known
        if not layer.zero_output_for_mask:
            if not engine.output_begins_at_zero:
                return states
            shown = ops.cumsum(ops.cast(known, "int32"), 0) > 0
        return ops.where(shown, states, ops.zeros_like(states))

    return inner_loop
