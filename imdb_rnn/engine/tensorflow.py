"""TensorFlow under Keras. See imdb_rnn.engine for what each function promises.

May import: tensorflow, the standard library, imdb_rnn.engine.
"""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from imdb_rnn.engine import Steps

# Without XLA every operation of a recurrence's hundred steps is a kernel of its own, and costs more than it computes.
jit_compile = True
output_begins_at_zero = True


def version() -> str:
    """The version of TensorFlow."""
    return str(tf.__version__)


def device() -> str:
    """The kind of the default device, "cpu" or "gpu"."""
    return "gpu" if tf.config.list_physical_devices("GPU") else "cpu"


def prepare_optimizer(optimizer: Any) -> None:
    """Sum the gradient's slices that belong to the same embedding row before the optimizer sees them.

    TensorFlow gives an embedding's gradient as `tf.IndexedSlices`, a row for each token of the batch. Keras's Adam and
    RMSprop square each slice before repeated tokens are summed, so that v gathers Σg² where the formula says (Σg)².
    """
    apply = optimizer.apply

    def apply_dense(grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> Any:
        dense = [tf.convert_to_tensor(grad) if isinstance(grad, tf.IndexedSlices) else grad for grad in grads]
        return apply(dense, trainable_variables)

    optimizer.apply = apply_dense


def recurrence(
    inputs: tf.Tensor, initial: tf.Tensor, recurrent_kernel: tf.Tensor, mask: tf.Tensor | None, return_sequences: bool
) -> tf.Tensor:
    """One loop forward; differentiated by hand, by one loop backward and one product for the recurrent kernel."""

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def read(
        inputs: tf.Tensor, initial: tf.Tensor, recurrent_kernel: tf.Tensor
    ) -> tuple[tf.Tensor, Callable[..., Any]]:
        states = _states(inputs, initial, recurrent_kernel, mask)

        def differentiate(slope: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            return _slopes(states, initial, recurrent_kernel, mask, slope, return_sequences)

        return states if return_sequences else states[-1], differentiate

    # Its value: `custom_gradient` takes a variable for something to be trained besides its arguments.
    return read(inputs, initial, tf.identity(recurrent_kernel))


def _states(inputs: tf.Tensor, initial: tf.Tensor, recurrent_kernel: tf.Tensor, mask: tf.Tensor | None) -> tf.Tensor:
    length, terms, known = tf.shape(inputs)[0], _steps_of(inputs), None if mask is None else _steps_of(mask)

    def step(t: tf.Tensor, state: tf.Tensor, states: tf.TensorArray) -> tuple[tf.Tensor, tf.Tensor, tf.TensorArray]:
        new = tf.tanh(terms.read(t) + state @ recurrent_kernel)
        state = new if known is None else tf.where(known.read(t), new, state)
        return t + 1, state, states.write(t, state)

    begin = (0, initial, _empty_like(initial, inputs))
    _, _, states = tf.while_loop(lambda t, *_: t < length, step, begin, maximum_iterations=length)
    return tf.ensure_shape(states.stack(), inputs.shape)


def _slopes(
    states: tf.Tensor,
    initial: tf.Tensor,
    recurrent_kernel: tf.Tensor,
    mask: tf.Tensor | None,
    slope: tf.Tensor,
    return_sequences: bool,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    length, curvatures = tf.shape(states)[0], _steps_of(1 - states**2)
    known = None if mask is None else _steps_of(mask)
    d_outputs = _steps_of(slope) if return_sequences else None
    transposed = tf.transpose(recurrent_kernel)

    def step(t: tf.Tensor, d_state: tf.Tensor, d_terms: tf.TensorArray) -> tuple[tf.Tensor, tf.Tensor, tf.TensorArray]:
        if d_outputs is not None:
            d_state += d_outputs.read(t)
        d_term = d_state * curvatures.read(t)
        if known is None:
            return t - 1, d_term @ transposed, d_terms.write(t, d_term)
        here = known.read(t)
        d_term = tf.where(here, d_term, tf.zeros_like(d_term))
        passed = tf.where(here, tf.zeros_like(d_state), d_state)
        return t - 1, d_term @ transposed + passed, d_terms.write(t, d_term)

    begin = (length - 1, tf.zeros_like(initial) if return_sequences else slope, _empty_like(initial, states))
    _, d_initial, d_terms = tf.while_loop(lambda t, *_: t >= 0, step, begin, maximum_iterations=length)
    d_inputs = tf.ensure_shape(d_terms.stack(), states.shape)
    units = recurrent_kernel.shape[0]
    before = tf.reshape(tf.concat([initial[None], states[:-1]], axis=0), (-1, units))
    return d_inputs, d_initial, tf.matmul(before, tf.reshape(d_inputs, (-1, units)), transpose_a=True)


def _steps_of(tensor: tf.Tensor) -> tf.TensorArray:
    """A tensor as an array over its first axis."""
    array = tf.TensorArray(tensor.dtype, size=tf.shape(tensor)[0], element_shape=tensor.shape[1:])
    return array.unstack(tensor)


def _empty_like(state: tf.Tensor, steps: tf.Tensor) -> tf.TensorArray:
    """An array for a state at each step."""
    return tf.TensorArray(state.dtype, size=tf.shape(steps)[0], element_shape=steps.shape[1:])


def compile_steps(model: Any) -> Steps:
    """Loop over Keras's own step, compiled by XLA as one call."""

    @tf.function(jit_compile=True)  # type: ignore[untyped-decorator]
    def many(x: tf.Tensor, y: tf.Tensor) -> None:
        def step(number: tf.Tensor) -> tuple[tf.Tensor]:
            model.train_step((x[number], y[number]))
            return (number + 1,)

        count = x.shape[0]
        tf.while_loop(lambda number: number < count, step, (tf.constant(0),), maximum_iterations=count)

    def steps(x: Any, y: Any) -> None:
        # Creates the variables of loss and metrics, which may not come to be inside of a loop.
        model._symbolic_build(data_batch=(x[0], y[0]))
        many(tf.constant(x), tf.constant(y))

    return Steps(steps, "compiled")
