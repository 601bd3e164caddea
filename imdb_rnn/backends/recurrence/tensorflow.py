"""The recurrences in TensorFlow. `imdb_rnn.backends.recurrence` documents the functions.

Without XLA, TensorFlow starts every operation of every time step by itself. Keras compiles no model on a CPU unless it
is told to, so the two loops of a training step, forward and gradient, are compiled here. The gradient is hand-written.
Within a loop, each step is computed from the inputs and the stored gates: under XLA on a CPU, what other frameworks
compute before the loop for all steps at once is faster in the loop, and four arrays of gates are faster than one.

Higher derivatives are those of the same loops in TensorFlow's own operations, because tapes cannot differentiate what
is compiled.
"""

import sys
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

import tensorflow as tf
from tensorflow.python.eager import forwardprop_util
from tensorflow.python.framework import op_callbacks

from imdb_rnn.backends.recurrence import Cell, KerasPath, Weights

output_begins_at_zero = True
# The message where TensorFlow has lost the gradient of a loop, which would otherwise be zero without an error.
_LOST_GRADIENT = "the gradient of an accelerated layer is lost here; without `accelerate`, TensorFlow finds it"

Tensors = tuple[tf.Tensor, ...]


def supports(tensors: Sequence[Any], training: bool) -> bool:
    """Return whether XLA compiles a loop over these sequences once, and is worth it.

    In prediction, Keras's loop is as fast. Exporters, which need plain operations, also call a model for prediction.
    """
    return (
        training
        # Otherwise XLA would compile for each length.
        and tensors[0].shape[1] is not None
        and all(tensor.dtype in (tf.float32, tf.float64, tf.bool) for tensor in tensors)
        # Forward-mode differentiation does not see what is compiled.
        and not forwardprop_util.pack_tangents([tf.convert_to_tensor(tensor) for tensor in tensors]).tangents
        # `tf.vectorized_map` calls a function in this scope, and then loses the gradients of all `tf.custom_gradient`.
        and not any(name.startswith("loop_body") for name in tf.get_current_name_scope().split("/"))
        # XLA does not compile what `tf.debugging.enable_check_numerics` adds to each operation.
        and not op_callbacks.should_invoke_op_callbacks()
        # There, TensorFlow has no XLA.
        and not (sys.platform == "darwin" and tf.config.list_physical_devices("GPU"))
    )


def computes_float64() -> bool:
    """Return True: TensorFlow always does."""
    return True


def cudnn_reason(cell: Cell, layer: Any, masked: bool) -> str:
    """Return why Keras's own layer uses cuDNN; "" if it does not."""
    from keras.layers import GRU, LSTM

    if not tf.config.list_physical_devices("GPU") or type(layer) not in (LSTM, GRU) or layer.use_cudnn is False:
        return ""
    if cell == "gru reset before" or not layer.cell.use_bias:
        return ""
    return "Keras calls cuDNN for this layer on a GPU"


def description(cell: Cell, dtype: str, masked: bool) -> str:
    """Describe how `run` works."""
    return (
        "in training on sequences of one length, XLA compiles a loop with a gradient of its own; else Keras's loop runs"
    )


def keras_path(layer: Any, masked: bool, compiled: bool) -> tuple[KerasPath, str]:
    """Return "compiled" if XLA compiles the model, else "graph"."""
    unrolled = ", which is unrolled" if layer.unroll else ""
    if compiled:
        return "compiled", f"XLA compiles Keras's loop{unrolled}"
    return "graph", f"TensorFlow starts each operation of Keras's loop{unrolled}, as the model is not compiled by XLA"


class _Given(NamedTuple):
    """What a loop computes with.

    Attributes:
        steps: the sequences, shape (T, batch, features).
        initial: the initial states.
        kernel: W.
        recurrent_kernel: U.
        bias: b, or nothing.
        mask: shape (T, batch, 1), or None.
    """

    steps: tf.Tensor
    initial: Tensors
    kernel: tf.Tensor
    recurrent_kernel: tf.Tensor
    bias: Tensors
    mask: tf.Tensor | None


def run(
    cell: Cell,
    sequences: tf.Tensor,
    initial: Tensors,
    weights: Weights,
    mask: tf.Tensor | None,
    return_sequences: bool,
) -> tuple[tf.Tensor | None, Tensors]:
    """Run one loop for the states, and one loop for the gradient."""
    steps_mask = None if mask is None else tf.transpose(mask)[:, :, None]
    # Keras gives its variables.
    tensors = [tf.convert_to_tensor(weight) for weight in weights if weight is not None]
    inputs = (tf.transpose(sequences, (1, 0, 2)), *initial, *tensors)

    def given_of(inputs: Tensors) -> _Given:
        kernel, recurrent_kernel, *bias = inputs[1 + len(initial) :]
        return _Given(inputs[0], inputs[1 : 1 + len(initial)], kernel, recurrent_kernel, tuple(bias), steps_mask)

    def results_of(last: Tensors, states: Tensors) -> Tensors:
        return (states[0], *last) if return_sequences else last

    def plain(inputs: Tensors) -> Tensors:
        return results_of(*_forward(cell, given_of(inputs))[:2])

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def loop(*inputs: tf.Tensor) -> tuple[Tensors, Callable[..., Any]]:
        given = given_of(_constants(inputs))
        last, states, gates = _compiled(_forward, cell, given)(given)

        @tf.custom_gradient  # type: ignore[untyped-decorator]
        def gradients(*inputs_and_d_results: tf.Tensor) -> tuple[list[tf.Tensor], Callable[..., Any]]:
            d_results = _constants(inputs_and_d_results[len(inputs) :])
            d_outputs, d_last = (d_results[0], d_results[1:]) if return_sequences else (None, d_results)
            d_terms, *others = _compiled(_gradients, cell, given)(given, states, gates, d_outputs, d_last)
            # Not compiled with the rest, so that TensorFlow leaves it out where the inputs need no gradient.
            parts = tf.split(tf.transpose(given.kernel), [part.shape[2] for part in d_terms])
            d_steps = sum(_flat(d_part) @ part for d_part, part in zip(d_terms, parts, strict=True))
            found = [tf.reshape(d_steps, tf.shape(given.steps)), *others]
            return found, lambda *d_found: _second_gradients(
                plain, len(inputs), inputs_and_d_results, tuple(map(tf.convert_to_tensor, d_found))
            )

        results = tuple(
            tf.raw_ops.PreventGradient(input=one, message=_LOST_GRADIENT) for one in results_of(last, states)
        )
        # The gradient of what only `tf.gather` reads is not a tensor, but `tf.IndexedSlices`.
        return results, lambda *d_results: gradients(*inputs, *map(tf.convert_to_tensor, d_results))

    results = loop(*inputs)
    if not return_sequences:
        return None, tuple(results)
    return tf.transpose(results[0], (1, 0, 2)), tuple(results[1:])


def _constants(tensors: Tensors) -> Tensors:
    """Return the tensors without their gradients, because no tape can differentiate what is compiled."""
    return tuple(tf.stop_gradient(tensor) for tensor in tensors)


def _second_gradients(
    plain: Callable[[Tensors], Tensors], count: int, tensors: Tensors, d_found: Tensors
) -> list[tf.Tensor]:
    """Differentiate the gradients of `plain` by TensorFlow's own operations, which tapes can differentiate again.

    Args:
        plain: the function.
        count: the number of its inputs.
        tensors: its inputs, and the incoming gradients of its results.
        d_found: the incoming gradients of the gradients of its inputs.
    """
    with tf.GradientTape() as outer:
        outer.watch(tensors)
        inputs = tensors[:count]
        with tf.GradientTape() as inner:
            inner.watch(inputs)
            results = plain(inputs)
        found = inner.gradient(results, inputs, tensors[count:], tf.UnconnectedGradients.ZERO)
    return outer.gradient(found, tensors, d_found, tf.UnconnectedGradients.ZERO)  # type: ignore[no-any-return]


def _compiled(function: Callable[..., Any], cell: Cell, given: _Given) -> Callable[..., Any]:
    """Compile a function of a cell with XLA, once for each shape."""
    compiled = _compiled_for(function, cell, given.steps.shape, given.recurrent_kernel.shape)

    def call(*arguments: Any) -> Any:
        # The gradient of `tf.cond` does not find what is captured by the call itself.
        return compiled(*tf.nest.map_structure(lambda one: None if one is None else tf.identity(one), arguments))

    return call


@lru_cache(maxsize=256)
def _compiled_for(function: Callable[..., Any], cell: Cell, *shapes: tf.TensorShape) -> Callable[..., Any]:
    # One `tf.function` for each shape, because TensorFlow warns if the same one is often traced.
    return tf.function(partial(function, cell), jit_compile=True, autograph=False)  # type: ignore[no-any-return]


def _forward(cell: Cell, given: _Given) -> tuple[Tensors, Tensors, Tensors]:
    """Return the last states, the states of all steps, and the gates of all steps."""
    steps, initial = given.steps, given.initial
    length, inputs = steps.shape[0], _array_of(steps)
    step_masks = None if given.mask is None else _array_of(given.mask)

    def step(t: tf.Tensor, states: Tensors, arrays: Sequence[tf.TensorArray]) -> tuple[Any, ...]:
        new, gates = _step(cell, inputs.read(t), states, given)
        if step_masks is not None:
            step_mask = step_masks.read(t)
            new = tuple(tf.where(step_mask, a, b) for a, b in zip(new, states, strict=True))
        return t + 1, new, tuple(array.write(t, one) for array, one in zip(arrays, (*new, *gates), strict=True))

    count = len(initial) + {"lstm": 4, "gru": 4, "gru reset before": 3}.get(cell, 0)
    arrays = tuple(tf.TensorArray(steps.dtype, size=length) for _ in range(count))
    _, last, arrays = tf.while_loop(lambda t, *_: t < length, step, (0, initial, arrays), maximum_iterations=length)
    shape = (*steps.shape[:2], given.recurrent_kernel.shape[0])
    stacked = [tf.ensure_shape(array.stack(), shape) for array in arrays]
    last = tuple(tf.ensure_shape(state, before.shape) for state, before in zip(last, initial, strict=True))
    return last, tuple(stacked[: len(initial)]), tuple(stacked[len(initial) :])


def _step(cell: Cell, inputs: tf.Tensor, states: Tensors, given: _Given) -> tuple[Tensors, Tensors]:
    """Return the new states and the gates; the last gate of "gru" is what r is multiplied by."""
    state, recurrent_kernel = states[0], given.recurrent_kernel
    terms, units = inputs @ given.kernel, recurrent_kernel.shape[0]
    for one in given.bias:
        terms += one[0] if cell == "gru" else one
    if cell == "gru reset before":
        z, r = tf.split(tf.sigmoid(terms[:, : 2 * units] + state @ recurrent_kernel[:, : 2 * units]), 2, -1)
        g = tf.tanh(terms[:, 2 * units :] + (r * state) @ recurrent_kernel[:, 2 * units :])
        return (z * state + (1 - z) * g,), (z, r, g)
    product = state @ recurrent_kernel
    if cell == "gru":
        for one in given.bias:
            product += one[1]
        z, r = tf.split(tf.sigmoid((terms + product)[:, : 2 * units]), 2, -1)
        inner = product[:, 2 * units :]
        g = tf.tanh(terms[:, 2 * units :] + r * inner)
        return (z * state + (1 - z) * g,), (z, r, g, inner)
    terms += product
    if cell == "lstm":
        i, f, g, o = tf.split(terms, 4, -1)
        i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
        memory = f * states[1] + i * g
        return (o * tf.tanh(memory), memory), (i, f, g, o)
    return ((tf.tanh if cell == "tanh" else tf.nn.relu)(terms),), ()


def _gradients(
    cell: Cell, given: _Given, states: Tensors, gates: Tensors, d_outputs: tf.Tensor | None, d_last: Tensors
) -> tuple[Any, ...]:
    """Return the gradients of x_t W + b of all steps, in parts, and those of the initial states and the weights."""
    steps, initial, recurrent_kernel = given.steps, given.initial, given.recurrent_kernel
    length, units, transposed = steps.shape[0], recurrent_kernel.shape[0], tf.transpose(recurrent_kernel)
    before = tuple(tf.concat([first[None], state[:-1]], 0) for first, state in zip(initial, states, strict=True))
    values = [_array_of(one) for one in (*states, *before, *gates)]
    step_masks = None if given.mask is None else _array_of(given.mask)
    d_output_steps = None if d_outputs is None else _array_of(d_outputs)
    count = len(states)

    def step(t: tf.Tensor, d_states: Tensors, arrays: Sequence[tf.TensorArray]) -> tuple[Any, ...]:
        read = tuple(one.read(t) for one in values)
        if d_output_steps is not None:
            d_states = (d_states[0] + d_output_steps.read(t), *d_states[1:])
        carried = d_states
        if step_masks is not None:
            step_mask = step_masks.read(t)
            carried = tuple(tf.where(step_mask, tf.zeros_like(one), one) for one in d_states)
            d_states = tuple(tf.where(step_mask, one, tf.zeros_like(one)) for one in d_states)
        d_gates, earlier = _step_backward(
            cell, d_states, read[:count], read[count : 2 * count], read[2 * count :], transposed
        )
        if step_masks is not None:
            earlier = tuple(a + b for a, b in zip(earlier, carried, strict=True))
        return t - 1, earlier, tuple(array.write(t, one) for array, one in zip(arrays, d_gates, strict=True))

    widths = {"lstm": [4], "gru": [2, 1, 1], "gru reset before": [2, 1]}.get(cell, [1])
    arrays = tuple(tf.TensorArray(steps.dtype, size=length) for _ in widths)
    begin = length - 1, d_last, arrays
    _, d_initial, arrays = tf.while_loop(lambda t, *_: t >= 0, step, begin, maximum_iterations=length)
    d_gates, *d_others = (
        tf.ensure_shape(array.stack(), (*steps.shape[:2], width * units))
        for array, width in zip(arrays, widths, strict=True)
    )
    d_initial = [tf.ensure_shape(one, first.shape) for one, first in zip(d_initial, initial, strict=True)]
    # The gradients of x_t W + b, and those of the products with U, whose last part differs in "gru".
    d_terms, d_products = [d_gates, *d_others[-1:]], [d_gates, *d_others[:1]]
    multiplied = [before[0]] * len(d_products)
    if cell == "gru reset before":
        multiplied[1] *= gates[1]
    d_weights = [
        tf.concat([_over_time(steps, part) for part in d_terms], -1),
        tf.concat([_over_time(state, part) for state, part in zip(multiplied, d_products, strict=True)], -1),
    ]
    if given.bias:
        d_biases = [tf.concat([_sum(part) for part in parts], 0) for parts in (d_terms, d_products)]
        d_weights.append(tf.stack(d_biases) if cell == "gru" else d_biases[0])
    return d_terms, *d_initial, *d_weights


def _step_backward(
    cell: Cell, d_states: Tensors, states: Tensors, before: Tensors, gates: Tensors, transposed: tf.Tensor
) -> tuple[Tensors, Tensors]:
    """Return the gradients of a step: of all that `_gradients` stacks, and of the states before it."""
    d_state, units = d_states[0], transposed.shape[1]
    if cell in ("tanh", "relu"):
        slope = 1 - states[0] ** 2 if cell == "tanh" else tf.cast(states[0] > 0, d_state.dtype)
        d_term = d_state * slope
        return (d_term,), (d_term @ transposed,)
    if cell == "lstm":
        i, f, g, o = gates
        tanh_c = tf.tanh(states[1])
        d_memory = d_states[1] + d_state * o * (1 - tanh_c**2)
        d_i, d_f = d_memory * g * i * (1 - i), d_memory * before[1] * f * (1 - f)
        d_g, d_o = d_memory * i * (1 - g**2), d_state * tanh_c * o * (1 - o)
        d_term = tf.concat([d_i, d_f, d_g, d_o], -1)
        return (d_term,), (d_term @ transposed, d_memory * f)
    z, r, g, *inner = gates
    d_z, d_g = d_state * (before[0] - g) * z * (1 - z), d_state * (1 - z) * (1 - g**2)
    if cell == "gru":
        d_gates, d_inner = tf.concat([d_z, d_g * inner[0] * r * (1 - r)], -1), d_g * r
        earlier = d_gates @ transposed[: 2 * units] + d_inner @ transposed[2 * units :] + d_state * z
        return (d_gates, d_inner, d_g), (earlier,)
    d_reset = d_g @ transposed[2 * units :]
    d_gates = tf.concat([d_z, d_reset * before[0] * r * (1 - r)], -1)
    return (d_gates, d_g), (d_gates @ transposed[: 2 * units] + d_reset * r + d_state * z,)


def _array_of(tensor: tf.Tensor) -> tf.TensorArray:
    """Convert a tensor to an array over its first axis."""
    return tf.TensorArray(tensor.dtype, size=tensor.shape[0], element_shape=tensor.shape[1:]).unstack(tensor)


def _flat(steps: tf.Tensor) -> tf.Tensor:
    """Reshape (T, batch, …) to (T * batch, …), because XLA on a CPU is slow where it sums over two axes."""
    return tf.reshape(steps, (-1, steps.shape[2]))


def _sum(steps: tf.Tensor) -> tf.Tensor:
    """Sum over all steps and sequences; shape (T, batch, …)."""
    return tf.reduce_sum(_flat(steps), 0)


def _over_time(left: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
    """Compute Σ_t left_tᵀ right_t; both have the shape (T, batch, …)."""
    return tf.matmul(_flat(left), _flat(right), transpose_a=True)
