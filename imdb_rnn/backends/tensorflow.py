"""TensorFlow under Keras. See imdb_rnn.backends for what each function promises."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import tensorflow as tf

from imdb_rnn.backends import Steps, eligibility, load_keras

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
    if getattr(apply, "__module__", "") == __name__:  # it has been prepared already
        return

    def apply_dense(grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> Any:
        dense = [tf.convert_to_tensor(grad) if isinstance(grad, tf.IndexedSlices) else grad for grad in grads]
        return apply(dense, trainable_variables)

    optimizer.apply = apply_dense


def supports_recurrence(tensors: Sequence[Any]) -> bool:
    """Whether the tensors have a supported type."""
    return all(tensor.dtype in (tf.float32, tf.float64, tf.bool) for tensor in tensors)


def hook_of(layer: Any) -> str:
    """TensorFlow has no hooks."""
    return ""


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

    # Values, not variables: `custom_gradient` would expect the gradient function to take a variable as an argument.
    return read(*(tf.identity(tensor) for tensor in (inputs, initial, recurrent_kernel)))


def _states(inputs: tf.Tensor, initial: tf.Tensor, recurrent_kernel: tf.Tensor, mask: tf.Tensor | None) -> tf.Tensor:
    length, terms, known = _length(inputs), _steps_of(inputs), None if mask is None else _steps_of(mask)

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
    length, curvatures = _length(states), _steps_of(1 - states**2)
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


def _length(tensor: tf.Tensor) -> Any:
    """The size of the first axis: an int where it is known, because exporters convert loops of a known length."""
    return tf.shape(tensor)[0] if tensor.shape[0] is None else tensor.shape[0]


def _steps_of(tensor: tf.Tensor) -> tf.TensorArray:
    """A tensor as an array over its first axis."""
    array = tf.TensorArray(tensor.dtype, size=_length(tensor), element_shape=tensor.shape[1:])
    return array.unstack(tensor)


def _empty_like(state: tf.Tensor, steps: tf.Tensor) -> tf.TensorArray:
    """An array for a state at each step."""
    return tf.TensorArray(state.dtype, size=_length(steps), element_shape=steps.shape[1:])


def compile_steps(model: Any) -> Steps:
    """Steps by hand for the review classifier with Adam; else a loop over Keras's own step, compiled by XLA.

    XLA keeps compiled programs in memory until the process ends. The program by hand takes the weights as arguments, so
    that all models share one.
    """
    compiled: list[Callable[..., Any]] = []

    def steps(x: Any, y: Any) -> None:
        if not _unsupported_reason(model):
            _train_by_hand(model, x, y)
            return
        # Creates the variables of loss and metrics, which may not be created inside a loop.
        model._symbolic_build(data_batch=(x[0], y[0]))
        if not compiled:
            compiled.append(_compile_steps_of_keras(model))
        compiled[0](tf.constant(x), tf.constant(y))

    return Steps(steps, "compiled" if _unsupported_reason(model) else "by hand")


def _unsupported_reason(model: Any) -> str:
    return _distributed_reason(model) or eligibility.unsupported_reason(model)


def _unsupported_forward_reason(model: Any) -> str:
    return _distributed_reason(model) or eligibility.unsupported_forward_reason(model)


def _distributed_reason(model: Any) -> str:
    return "" if model._distribute_strategy is None else "it belongs to a distribution strategy"


def _compile_steps_of_keras(model: Any) -> Callable[..., Any]:
    @tf.function(jit_compile=True)  # type: ignore[untyped-decorator]
    def steps(x: tf.Tensor, y: tf.Tensor) -> None:
        def step(number: tf.Tensor) -> tuple[tf.Tensor]:
            model.train_step((x[number], y[number]))
            return (number + 1,)

        count = x.shape[0]
        tf.while_loop(lambda number: number < count, step, (tf.constant(0),), maximum_iterations=count)

    return steps  # type: ignore[no-any-return]


def one_thread() -> AbstractContextManager[None]:
    """Nothing to do: TensorFlow cannot change it once it runs, and XLA shares no operations of this size."""
    return nullcontext()


def prepare_model(model: Any) -> None:
    """Make `predict` and `evaluate` of the review classifier run one compiled program that all models share."""

    def predict(data: Any) -> Any:
        if _unsupported_forward_reason(model):
            model.make_predict_function(force=True)
            return model.predict_function(data)
        ids, _, _ = keras.utils.unpack_x_y_sample_weight(data[0])
        return keras.activations.sigmoid(_logits_of(model, ids))

    def test(iterator: Any) -> Any:
        if _unsupported_forward_reason(model):
            model.make_test_function(force=True)
            return model.test_function(iterator)
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(next(iterator))
        logits = _logits_of(model, x)
        return _update_metrics(model, y, logits, sample_weight)

    keras = load_keras()
    model.predict_function, model.test_function = predict, test


def _logits_of(model: Any, ids: tf.Tensor) -> tf.Tensor:
    """Compute the logits of a batch, padded to a power of two so that few programs are compiled."""
    count = int(ids.shape[0])
    padded = tf.pad(ids, [[0, _power_of_two(count) - count], [0, 0]])
    return _forward([variable.value for variable in model.weights], padded)[:count]


def _power_of_two(count: int) -> int:
    """The smallest power of two that is at least `count`."""
    return 1 << max(count - 1, 0).bit_length()


def _update_metrics(model: Any, labels: Any, logits: tf.Tensor, sample_weight: Any = None) -> Any:
    """Let Keras compute loss and metrics, as its steps do."""
    # Keras recovers the logits from what its own sigmoid returns.
    scores = load_keras().activations.sigmoid(logits)
    loss = model.compute_loss(y=labels, y_pred=scores, sample_weight=sample_weight)
    model._loss_tracker.update_state(loss, sample_weight=len(scores))
    return model.compute_metrics(None, labels, scores, sample_weight=sample_weight)


def _forward_of(weights: Sequence[tf.Tensor], ids: tf.Tensor) -> tf.Tensor:
    """The oracle's `forward`: ids, shape (reviews, T), to logits, shape (reviews, 1)."""
    embeddings, kernel, recurrent_kernel, bias, out_kernel, out_bias = weights
    terms = tf.gather(embeddings, tf.transpose(ids)) @ kernel + bias
    initial = tf.zeros((tf.shape(ids)[0], recurrent_kernel.shape[0]), terms.dtype)
    return recurrence(terms, initial, recurrent_kernel, None, False) @ out_kernel + out_bias


_forward = tf.function(_forward_of, jit_compile=True)


def _train_by_hand(model: Any, x: Any, y: Any) -> None:
    """Make a step for each of the batches x, shape (steps, reviews, T), and y, shape (steps, reviews, 1).

    Keras's metrics see all reviews of a call at once.
    """
    optimizer, count = model.optimizer, len(x)
    iterations, learning_rate, *moments = optimizer.variables
    weights = [variable.value for variable in model.trainable_variables]
    variables = [*weights, *(moment.value for moment in (*moments[::2], *moments[1::2]))]
    settings = (learning_rate.value, optimizer.beta_1, optimizer.beta_2, optimizer.epsilon)
    # The number of steps is padded to a power of two, so that few programs are compiled. Padded steps do not run.
    beyond = [(0, _power_of_two(count) - count), (0, 0), (0, 0)]
    *values, logits = _steps_by_hand(
        [tf.convert_to_tensor(variable) for variable in variables],
        tf.convert_to_tensor(iterations.value),
        [tf.convert_to_tensor(setting, weights[0].dtype) for setting in settings],
        tf.constant(np.pad(x, beyond)),
        tf.constant(np.pad(y, beyond), weights[0].dtype),
        tf.constant(count),
    )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    iterations.assign_add(count)
    _update_metrics(model, tf.constant(y.reshape(-1, 1)), tf.reshape(logits[:count], (-1, 1)))


@tf.function(jit_compile=True)  # type: ignore[untyped-decorator]
def _steps_by_hand(
    state: list[tf.Tensor],
    begun: tf.Tensor,
    settings: list[tf.Tensor],
    x: tf.Tensor,
    y: tf.Tensor,
    count: tf.Tensor,
) -> list[tf.Tensor]:
    """The steps of binary cross-entropy and Adam.

    Args:
        state: the six weights, their momentums and their velocities.
        begun: the number of steps before these.
        settings: learning rate, beta_1, beta_2 and epsilon of Adam.
        x: ids, shape (steps, reviews, T).
        y: labels, shape (steps, reviews, 1).
        count: the number of steps to run.

    Returns:
        The state after the steps, and the logits before each step, shape (steps, reviews, 1).
    """
    learning_rate, beta_1, beta_2, epsilon = settings

    def step(number: tf.Tensor, state: list[tf.Tensor], logits: tf.TensorArray) -> tuple[Any, ...]:
        weights, m, v = state[:6], state[6:12], state[12:]
        shaped = [tf.reshape(weight, shape) for weight, shape in zip(weights, shapes[:6], strict=True)]
        with tf.GradientTape() as tape:
            tape.watch(shaped)
            out = _forward_of(shaped, x[number])
            loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(y[number], out))
        # An embedding's gradient comes as slices, which must be summed before they are squared.
        gradients = [tf.reshape(tf.convert_to_tensor(g), (-1,)) for g in tape.gradient(loss, shaped)]
        t = tf.cast(begun, learning_rate.dtype) + tf.cast(number + 1, learning_rate.dtype)
        rate = learning_rate * tf.sqrt(1 - beta_2**t) / (1 - beta_1**t)
        m = [a + (g - a) * (1 - beta_1) for a, g in zip(m, gradients, strict=True)]
        v = [a + (g * g - a) * (1 - beta_2) for a, g in zip(v, gradients, strict=True)]
        weights = [w - a * rate / (tf.sqrt(b) + epsilon) for w, a, b in zip(weights, m, v, strict=True)]
        return number + 1, [*weights, *m, *v], logits.write(number, out)

    # Between steps the arrays are flat: XLA on a CPU makes a short loop for each row.
    shapes, flat = [array.shape for array in state], [tf.reshape(array, (-1,)) for array in state]
    logits = tf.TensorArray(y.dtype, size=y.shape[0], element_shape=y.shape[1:])
    _, flat, logits = tf.while_loop(
        lambda number, *_: number < count, step, (tf.constant(0), flat, logits), maximum_iterations=x.shape[0]
    )
    return [*(tf.reshape(array, shape) for array, shape in zip(flat, shapes, strict=True)), logits.stack()]
