"""The TensorFlow backend. `imdb_rnn.backends.TrainingBackend` documents the functions."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import tensorflow as tf

from imdb_rnn.backends import Steps, eligibility, load_keras
from imdb_rnn.backends.recurrence import Weights
from imdb_rnn.backends.recurrence.tensorflow import run

# Without XLA every operation of the recurrence's hundred steps is a separate kernel, whose overhead exceeds its work.
jit_compile = True


def version() -> str:
    """Return the version of TensorFlow."""
    return str(tf.__version__)


def device() -> str:
    """Return the kind of the default device, "cpu" or "gpu"."""
    return "gpu" if tf.config.list_physical_devices("GPU") else "cpu"


def prepare_optimizer(optimizer: Any) -> None:
    """Sum the gradient slices of each embedding row before the optimizer uses them.

    TensorFlow represents the gradient of an embedding as `tf.IndexedSlices` with one row per token of the batch. Adam
    and RMSprop in Keras square each slice before slices of the same token are summed, so v accumulates Σg² instead of
    (Σg)².
    """
    apply = optimizer.apply
    if getattr(apply, "__module__", "") == __name__:  # already prepared
        return

    def apply_dense(grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> Any:
        dense = [tf.convert_to_tensor(grad) if isinstance(grad, tf.IndexedSlices) else grad for grad in grads]
        return apply(dense, trainable_variables)

    optimizer.apply = apply_dense


def hook_of(layer: Any) -> str:
    """Return "": TensorFlow has no hooks."""
    return ""


def compile_steps(model: Any) -> Steps:
    """Return hand-written steps for the review classifier with Adam, and a loop over Keras's own step for other models.

    XLA compiles both and keeps compiled programs in memory until the process ends. The hand-written program takes the
    weights as arguments, so that all models share it.
    """
    compiled: list[Callable[..., Any]] = []

    def steps(x: Any, y: Any) -> None:
        if not _unsupported_reason(model):
            _run_hand_written_steps(model, x, y)
            return
        # This creates the variables of loss and metrics, which must not be created inside a loop.
        model._symbolic_build(data_batch=(x[0], y[0]))
        if not compiled:
            compiled.append(_compile_keras_steps(model))
        compiled[0](tf.constant(x), tf.constant(y))

    return Steps(steps, "compiled" if _unsupported_reason(model) else "by hand")


def _unsupported_reason(model: Any) -> str:
    return _distributed_reason(model) or eligibility.unsupported_reason(model)


def _unsupported_forward_reason(model: Any) -> str:
    return _distributed_reason(model) or eligibility.unsupported_forward_reason(model)


def _distributed_reason(model: Any) -> str:
    return "" if model._distribute_strategy is None else "it belongs to a distribution strategy"


def _compile_keras_steps(model: Any) -> Callable[..., Any]:
    @tf.function(jit_compile=True)  # type: ignore[untyped-decorator]
    def steps(x: tf.Tensor, y: tf.Tensor) -> None:
        def step(number: tf.Tensor) -> tuple[tf.Tensor]:
            model.train_step((x[number], y[number]))
            return (number + 1,)

        count = x.shape[0]
        tf.while_loop(lambda number: number < count, step, (tf.constant(0),), maximum_iterations=count)

    return steps  # type: ignore[no-any-return]


def one_thread() -> AbstractContextManager[None]:
    """Do nothing: TensorFlow cannot change the number after its start, and XLA does not split such small operations."""
    return nullcontext()


def prepare_model(model: Any) -> None:
    """Make `predict` and `evaluate` of the review classifier use one compiled program that all models share."""

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
    """Compute the logits of a batch; it is padded to a power of two to limit the number of compiled programs."""
    count = int(ids.shape[0])
    padded = tf.pad(ids, [[0, _power_of_two(count) - count], [0, 0]])
    return _forward([variable.value for variable in model.weights], padded)[:count]


def _power_of_two(count: int) -> int:
    """Return the smallest power of two that is at least `count`."""
    return 1 << max(count - 1, 0).bit_length()


def _update_metrics(model: Any, labels: Any, logits: tf.Tensor, sample_weight: Any = None) -> Any:
    """Let Keras compute loss and metrics, as in its own steps."""
    # Keras's loss finds the logits only in the output of Keras's own sigmoid.
    scores = load_keras().activations.sigmoid(logits)
    loss = model.compute_loss(y=labels, y_pred=scores, sample_weight=sample_weight)
    model._loss_tracker.update_state(loss, sample_weight=len(scores))
    return model.compute_metrics(None, labels, scores, sample_weight=sample_weight)


def _forward_of(weights: Sequence[tf.Tensor], ids: tf.Tensor) -> tf.Tensor:
    """Compute logits, shape (reviews, 1), from ids, shape (reviews, T), as defined by `backends_test.oracle`."""
    embeddings, kernel, recurrent_kernel, bias, out_kernel, out_bias = weights
    initial = tf.zeros((tf.shape(ids)[0], recurrent_kernel.shape[0]), kernel.dtype)
    weights = Weights(kernel, recurrent_kernel, bias)
    _, (last,) = run("tanh", tf.gather(embeddings, ids), (initial,), weights, None, return_sequences=False)
    return last @ out_kernel + out_bias


_forward = tf.function(_forward_of, jit_compile=True)


def _run_hand_written_steps(model: Any, x: Any, y: Any) -> None:
    """Run one step per batch of x, shape (steps, reviews, T), and y, shape (steps, reviews, 1).

    Keras's metrics are updated once per call, with all its reviews.
    """
    optimizer, count = model.optimizer, len(x)
    iterations, learning_rate, *moments = optimizer.variables
    weights = [variable.value for variable in model.trainable_variables]
    variables = [*weights, *(moment.value for moment in (*moments[::2], *moments[1::2]))]
    settings = (learning_rate.value, optimizer.beta_1, optimizer.beta_2, optimizer.epsilon)
    # The number of steps is padded to a power of two to limit the number of compiled programs. Padded steps do not run.
    padding = [(0, _power_of_two(count) - count), (0, 0), (0, 0)]
    *values, logits = _hand_written_steps(
        [tf.convert_to_tensor(variable) for variable in variables],
        tf.convert_to_tensor(iterations.value),
        [tf.convert_to_tensor(setting, weights[0].dtype) for setting in settings],
        tf.constant(np.pad(x, padding)),
        tf.constant(np.pad(y, padding), weights[0].dtype),
        tf.constant(count),
    )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    iterations.assign_add(count)
    _update_metrics(model, tf.constant(y.reshape(-1, 1)), tf.reshape(logits[:count], (-1, 1)))


@tf.function(jit_compile=True)  # type: ignore[untyped-decorator]
def _hand_written_steps(
    state: list[tf.Tensor],
    steps_before: tf.Tensor,
    settings: list[tf.Tensor],
    x: tf.Tensor,
    y: tf.Tensor,
    count: tf.Tensor,
) -> list[tf.Tensor]:
    """Run training steps with binary cross-entropy and Adam.

    Args:
        state: the six weights, their momentums and their velocities.
        steps_before: the number of steps already trained.
        settings: learning rate, beta_1, beta_2 and epsilon of Adam.
        x: ids, shape (steps, reviews, T).
        y: labels, shape (steps, reviews, 1).
        count: the number of steps to run.

    Returns:
        The state after the steps, and the logits of each step, computed before its update, shape (steps, reviews, 1).
    """
    learning_rate, beta_1, beta_2, epsilon = settings

    def step(number: tf.Tensor, state: list[tf.Tensor], logits: tf.TensorArray) -> tuple[Any, ...]:
        weights, m, v = state[:6], state[6:12], state[12:]
        shaped = [tf.reshape(weight, shape) for weight, shape in zip(weights, shapes[:6], strict=True)]
        with tf.GradientTape() as tape:
            tape.watch(shaped)
            out = _forward_of(shaped, x[number])
            loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(y[number], out))
        # The gradient of an embedding consists of slices, which must be summed before they are squared.
        gradients = [tf.reshape(tf.convert_to_tensor(g), (-1,)) for g in tape.gradient(loss, shaped)]
        t = tf.cast(steps_before, learning_rate.dtype) + tf.cast(number + 1, learning_rate.dtype)
        rate = learning_rate * tf.sqrt(1 - beta_2**t) / (1 - beta_1**t)
        m = [a + (g - a) * (1 - beta_1) for a, g in zip(m, gradients, strict=True)]
        v = [a + (g * g - a) * (1 - beta_2) for a, g in zip(v, gradients, strict=True)]
        weights = [w - a * rate / (tf.sqrt(b) + epsilon) for w, a, b in zip(weights, m, v, strict=True)]
        return number + 1, [*weights, *m, *v], logits.write(number, out)

    # The loop carries flat arrays, because XLA on a CPU compiles a 2-D update to a short loop per row.
    shapes, flat = [array.shape for array in state], [tf.reshape(array, (-1,)) for array in state]
    logits = tf.TensorArray(y.dtype, size=y.shape[0], element_shape=y.shape[1:])
    _, flat, logits = tf.while_loop(
        lambda number, *_: number < count, step, (tf.constant(0), flat, logits), maximum_iterations=x.shape[0]
    )
    return [*(tf.reshape(array, shape) for array, shape in zip(flat, shapes, strict=True)), logits.stack()]
