"""The recurrences in TensorFlow. `imdb_rnn.backends.recurrence` documents the functions.

One product covers the inputs of all steps, then one loop computes the states. The gradient is hand-written: all that
does not depend on the step after it is computed for all steps at once, then follow one loop and one product for the
recurrent kernel. Higher derivatives are TensorFlow's own, because its tapes also record the operations in here.
"""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from imdb_rnn.backends.recurrence import Cell, PathOfKeras, Weights

output_begins_at_zero = True

Tensors = tuple[tf.Tensor, ...]


def supports(tensors: Sequence[Any]) -> bool:
    """Return whether the tensors have supported dtypes."""
    return all(tensor.dtype in (tf.float32, tf.float64, tf.bool) for tensor in tensors)


def cudnn_reason(cell: Cell, layer: Any, masked: bool) -> str:
    """Return why Keras's own layer uses cuDNN; "" if it does not."""
    from keras.layers import GRU, LSTM

    if not tf.config.list_physical_devices("GPU") or type(layer) not in (LSTM, GRU) or layer.use_cudnn is False:
        return ""
    if cell == "gru reset before" or not layer.cell.use_bias:
        return ""
    return "Keras calls cuDNN for this layer on a GPU"


def reason(cell: Cell, dtype: str, masked: bool) -> str:
    """Return what `run` is."""
    return "one product for the inputs of all steps, then a loop with a gradient of its own, compiled if the model is"


def path_of_keras(layer: Any, masked: bool, compiled: bool) -> tuple[PathOfKeras, str]:
    """Return "compiled" if XLA compiles the model, else "graph"."""
    unrolled = ", which is unrolled" if layer.unroll else ""
    if compiled:
        return "compiled", f"XLA compiles Keras's loop{unrolled}"
    return "graph", f"TensorFlow starts each operation of Keras's loop{unrolled}, as the model is not compiled by XLA"


def run(
    cell: Cell,
    sequences: tf.Tensor,
    initial: Tensors,
    weights: Weights,
    mask: tf.Tensor | None,
    return_sequences: bool,
) -> tuple[tf.Tensor | None, Tensors]:
    """Run one loop for the states, and one loop for the gradient."""
    # Keras gives its variables.
    kernel, recurrent_kernel = tf.convert_to_tensor(weights.kernel), tf.convert_to_tensor(weights.recurrent_kernel)
    bias = None if weights.bias is None else tf.convert_to_tensor(weights.bias)
    units = recurrent_kernel.shape[0]
    # Flattened, because XLA on a CPU is slow where a gradient sums over two axes.
    flat = tf.reshape(tf.transpose(sequences, (1, 0, 2)), (-1, kernel.shape[0]))
    terms, inner_bias = tf.reshape(flat @ kernel, (_length(sequences, 1), -1, kernel.shape[1])), []
    if cell == "gru" and bias is not None:
        # What is added to z and r can be added before the loop.
        terms += bias[0] + tf.concat([bias[1, : 2 * units], tf.zeros_like(bias[1, 2 * units :])], 0)
        inner_bias = [bias[1, 2 * units :]]
    elif bias is not None:
        terms += bias
    steps_mask = None if mask is None else tf.transpose(mask)[:, :, None]

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def loop(terms: tf.Tensor, kernel: tf.Tensor, *others: tf.Tensor) -> tuple[Tensors, Callable[..., Any]]:
        initial, inner_bias = others[: len(others) - has_bias], others[len(others) - has_bias :]
        last, states, gates = _forward(cell, terms, initial, kernel, inner_bias, steps_mask)

        def backward(*d_results: tf.Tensor) -> list[tf.Tensor]:
            d_outputs = d_results[0] if return_sequences else None
            d_last = d_results[int(return_sequences) :]
            return _gradients(cell, initial, states, gates, kernel, bool(has_bias), steps_mask, d_outputs, d_last)

        return (states[0], *last) if return_sequences else last, backward

    has_bias = len(inner_bias)
    # `tf.identity` because `custom_gradient` passes variables to the gradient function as extra arguments.
    results = loop(*(tf.identity(tensor) for tensor in (terms, recurrent_kernel, *initial, *inner_bias)))
    if not return_sequences:
        return None, tuple(results)
    return tf.transpose(results[0], (1, 0, 2)), tuple(results[1:])


def _forward(
    cell: Cell, terms: tf.Tensor, initial: Tensors, kernel: tf.Tensor, inner_bias: Tensors, mask: tf.Tensor | None
) -> tuple[Tensors, Tensors, tf.Tensor | None]:
    """Return the last states, the states of all steps, and the values of `_step` for all steps."""
    length, steps, step_masks = _length(terms), _steps_of(terms), None if mask is None else _steps_of(mask)

    def step(t: tf.Tensor, states: Tensors, arrays: Sequence[tf.TensorArray]) -> tuple[Any, ...]:
        new, gates = _step(cell, steps.read(t), states, kernel, inner_bias)
        if step_masks is not None:
            step_mask = step_masks.read(t)
            new = tuple(tf.where(step_mask, a, b) for a, b in zip(new, states, strict=True))
        values = (*new, *gates)
        return t + 1, new, tuple(array.write(t, value) for array, value in zip(arrays, values, strict=True))

    count = len(initial) + int(cell not in ("tanh", "relu"))
    arrays = tuple(tf.TensorArray(terms.dtype, size=length) for _ in range(count))
    _, last, arrays = tf.while_loop(lambda t, *_: t < length, step, (0, initial, arrays), maximum_iterations=length)
    states = tuple(
        tf.ensure_shape(array.stack(), (*terms.shape[:2], kernel.shape[0])) for array in arrays[: len(initial)]
    )
    last = tuple(tf.ensure_shape(state, before.shape) for state, before in zip(last, initial, strict=True))
    gates = [tf.ensure_shape(array.stack(), (*terms.shape[:2], None)) for array in arrays[len(initial) :]]
    return last, states, gates[0] if gates else None


def _step(
    cell: Cell, term: tf.Tensor, states: Tensors, kernel: tf.Tensor, inner_bias: Tensors
) -> tuple[Tensors, Tensors]:
    """Return the new states, and side by side the gates and, of "gru", what r is multiplied by."""
    state, units = states[0], kernel.shape[0]
    if cell in ("tanh", "relu"):
        return ((tf.tanh if cell == "tanh" else tf.nn.relu)(term + state @ kernel),), ()
    if cell == "lstm":
        i, f, g, o = tf.split(term + state @ kernel, 4, -1)
        i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
        memory = f * states[1] + i * g
        return (o * tf.tanh(memory), memory), (tf.concat([i, f, g, o], -1),)
    if cell == "gru":
        product = state @ kernel
        z, r = tf.split(tf.sigmoid((term + product)[:, : 2 * units]), 2, -1)
        inner = product[:, 2 * units :]
        for bias in inner_bias:
            inner += bias
        g = tf.tanh(term[:, 2 * units :] + r * inner)
        return (z * state + (1 - z) * g,), (tf.concat([z, r, g, inner], -1),)
    z, r = tf.split(tf.sigmoid(term[:, : 2 * units] + state @ kernel[:, : 2 * units]), 2, -1)
    g = tf.tanh(term[:, 2 * units :] + (r * state) @ kernel[:, 2 * units :])
    return (z * state + (1 - z) * g,), (tf.concat([z, r, g], -1),)


def _gradients(
    cell: Cell,
    initial: Tensors,
    states: Tensors,
    gates: tf.Tensor | None,
    kernel: tf.Tensor,
    has_bias: bool,
    mask: tf.Tensor | None,
    d_outputs: tf.Tensor | None,
    d_last: Tensors,
) -> list[tf.Tensor]:
    """Return the gradients of the terms, the recurrent kernel, the initial states and the bias inside of "gru"."""
    length, units = _length(states[0]), kernel.shape[0]
    before = [tf.concat([first[None], state[:-1]], 0) for first, state in zip(initial, states, strict=True)]
    factors, kept = _factors(cell, states, before, gates)
    if mask is not None:
        factors = tf.where(mask, factors, tf.zeros_like(factors))
        kept = tuple(tf.where(mask, share, other) for share, other in zip(kept, _masked(cell, kept), strict=True))
    transposed = tf.transpose(kernel)
    factor_steps = _steps_of(factors)
    kept_steps = [_steps_of(share) for share in kept]
    step_masks = None if mask is None else _steps_of(mask)
    d_output_steps = None if d_outputs is None else _steps_of(d_outputs)

    def step(t: tf.Tensor, d_states: Tensors, d_terms: tf.TensorArray) -> tuple[Any, ...]:
        if d_output_steps is not None:
            d_states = (d_states[0] + d_output_steps.read(t), *d_states[1:])
        d_term, earlier = _step_back(
            cell, factor_steps.read(t), [share.read(t) for share in kept_steps], d_states, transposed
        )
        if step_masks is not None and not cell.startswith("gru"):
            passed = tf.where(step_masks.read(t), tf.zeros_like(d_states[0]), d_states[0])
            earlier = (earlier[0] + passed, *earlier[1:])
        return t - 1, earlier, d_terms.write(t, d_term)

    array = tf.TensorArray(states[0].dtype, size=length)
    begin = (length - 1, tuple(d_last), array)
    _, d_initial, array = tf.while_loop(lambda t, *_: t >= 0, step, begin, maximum_iterations=length)
    d_all = array.stack()
    width = {"lstm": 4, "gru": 4, "gru reset before": 3}.get(cell, 1) * units
    d_all = tf.ensure_shape(d_all, (*states[0].shape[:2], width))
    d_initial = [tf.ensure_shape(d_state, first.shape) for d_state, first in zip(d_initial, initial, strict=True)]
    if cell == "gru":
        d_inner = d_all[:, :, 3 * units :]
        d_kernel = _over_time(before[0], tf.concat([d_all[:, :, : 2 * units], d_inner], -1))
        d_bias = [tf.reduce_sum(d_inner, (0, 1))] if has_bias else []
        return [d_all[:, :, : 3 * units], d_kernel, *d_initial, *d_bias]
    if cell == "gru reset before":
        reset = gates[:, :, units : 2 * units] * before[0]  # type: ignore[index]
        d_kernels = _over_time(before[0], d_all[:, :, : 2 * units]), _over_time(reset, d_all[:, :, 2 * units :])
        return [d_all, tf.concat(d_kernels, -1), *d_initial]
    return [d_all, _over_time(before[0], d_all), *d_initial]


def _factors(
    cell: Cell, states: Tensors, before: Sequence[tf.Tensor], gates: tf.Tensor | None
) -> tuple[tf.Tensor, Tensors]:
    """Return what `_step_back` multiplies gradients by, of all steps: side by side, and what is not zero where masked.

    Every factor of the first is zero at a masked step; see `_masked` for the others.
    """
    if cell == "tanh":
        return 1 - states[0] ** 2, ()
    if cell == "relu":
        return tf.cast(states[0] > 0, states[0].dtype), ()
    if cell == "lstm":
        i, f, g, o = tf.split(gates, 4, -1)
        tanh_c = tf.tanh(states[1])
        of_c = [g * i * (1 - i), before[1] * f * (1 - f), i * (1 - g**2)]
        return tf.concat([*of_c, tanh_c * o * (1 - o), o * (1 - tanh_c**2)], -1), (f,)
    z, r, g, *inner = tf.split(gates, 4 if cell == "gru" else 3, -1)
    of_z, of_g = (before[0] - g) * z * (1 - z), (1 - z) * (1 - g**2)
    if cell == "gru":
        return tf.concat([of_z, of_g * inner[0] * r * (1 - r), of_g, of_g * r], -1), (z,)
    return tf.concat([of_z, before[0] * r * (1 - r), of_g], -1), (z, r)


def _masked(cell: Cell, kept: Tensors) -> list[tf.Tensor]:
    """Return those factors at masked steps, where the gradient of a state is passed on: f or z is 1."""
    return [tf.ones_like(kept[0]), tf.zeros_like(kept[0])][: len(kept)] if kept else []


def _step_back(
    cell: Cell, factors: tf.Tensor, kept: Sequence[tf.Tensor], d_states: Tensors, transposed: tf.Tensor
) -> tuple[tf.Tensor, Tensors]:
    """Return the gradients of the gates of a step, side by side, and those of the states before it."""
    d_state, units = d_states[0], transposed.shape[1]
    if cell in ("tanh", "relu"):
        d_term = d_state * factors
        return d_term, (d_term @ transposed,)
    if cell == "lstm":
        of_i, of_f, of_g, of_o, of_c = tf.split(factors, 5, -1)
        d_memory = d_states[1] + d_state * of_c
        d_term = tf.concat([d_memory * of_i, d_memory * of_f, d_memory * of_g, d_state * of_o], -1)
        return d_term, (d_term @ transposed, d_memory * kept[0])
    if cell == "gru":
        d_all = tf.tile(d_state, (1, 4)) * factors
        to_recurrent = tf.concat([d_all[:, : 2 * units], d_all[:, 3 * units :]], -1)
        return d_all, (to_recurrent @ transposed + d_state * kept[0],)
    of_z, of_r, of_g = tf.split(factors, 3, -1)
    z, r = kept
    d_g = d_state * of_g
    d_reset = d_g @ transposed[2 * units :]
    d_gates = tf.concat([d_state * of_z, d_reset * of_r], -1)
    return tf.concat([d_gates, d_g], -1), (d_gates @ transposed[: 2 * units] + d_reset * r + d_state * z,)


def _length(tensor: tf.Tensor, axis: int = 0) -> Any:
    """Return the size of an axis, as an int if it is static, because exporters need loops of static length."""
    return tf.shape(tensor)[axis] if tensor.shape[axis] is None else tensor.shape[axis]


def _steps_of(tensor: tf.Tensor) -> tf.TensorArray:
    """Convert a tensor to an array over its first axis."""
    array = tf.TensorArray(tensor.dtype, size=_length(tensor), element_shape=tensor.shape[1:])
    return array.unstack(tensor)


def _over_time(left: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
    """Compute Σ_t left_tᵀ right_t; both have the shape (T, batch, …)."""
    flat = (tf.reshape(steps, (-1, steps.shape[2])) for steps in (left, right))
    return tf.matmul(*flat, transpose_a=True)
