"""The training loop: Keras's `fit` with many steps per call.

`fit` returns to Python after every step, which on some backends takes longer than the step. Here the backend runs a
block of steps per call: as with `steps_per_execution` of Keras, which PyTorch's backend does not support. Callbacks and
metrics are Keras's own and are updated after each block.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from imdb_rnn.backends import load_keras, load_training_backend
from imdb_rnn.backends.workers import Workers
from imdb_rnn.text.batches import Arrays, TrainingData, blocks_of_epoch, steps_per_epoch

if TYPE_CHECKING:
    import keras

# An epoch of 20,000 reviews has 313 steps; for larger epochs, a block's batches stay below 15 MB.
STEPS_PER_EXECUTION = 512


def train_epochs(
    model: "keras.Model",
    data: TrainingData,
    *,
    batch_size: int,
    seed: int,
    epochs: int,
    first_epoch: int = 0,
    validation: Arrays | None = None,
    validation_weights: npt.NDArray[np.float64] | None = None,
    validation_batch_size: int = 1_000,
    callbacks: Sequence["keras.callbacks.Callback"] = (),
    workers: Workers | None = None,
) -> None:
    """Train a compiled model on the batches of `imdb_rnn.text.batches.blocks_of_epoch`.

    Args:
        model: built and compiled.
        data: the examples to train on.
        batch_size: examples per step.
        seed: the seed of the examples and their order.
        epochs: the number of epochs, unless a callback stops earlier.
        first_epoch: the number of epochs that have already been trained.
        validation: the examples to evaluate after each epoch.
        validation_weights: the weight of each validation example in the loss, shape (n,); None is 1 for each.
        validation_batch_size: validation examples per step.
        callbacks: Keras callbacks. Their batch methods are called once per block: at the start of its first batch, and
            at the end of its last, with the means over the epoch so far.
        workers: the workers that share each batch; None is this process alone.

    Raises:
        BackendError: a worker has ended.
    """
    callback_list = load_keras().callbacks.CallbackList(
        list(callbacks), model=model, epochs=epochs, steps=steps_per_epoch(data.num_examples, batch_size)
    )
    model.stop_training = False
    callback_list.on_train_begin()
    run_steps = (workers or load_training_backend()).compile_steps(model)
    logs: dict[str, float] = {}
    for epoch in range(first_epoch, epochs):
        # A callback may also stop a training before its first epoch, for example one that was resumed.
        if model.stop_training:
            break
        model.reset_metrics()
        callback_list.on_epoch_begin(epoch)
        done = 0
        for x, y in blocks_of_epoch(data, batch_size, seed, epoch, STEPS_PER_EXECUTION):
            callback_list.on_train_batch_begin(done)
            run_steps(x, y)
            done += len(x)
            logs = {name: float(value) for name, value in model.get_metrics_result().items()}
            callback_list.on_train_batch_end(done - 1, logs)
            if model.stop_training:
                break
        if validation is not None:
            results = model.evaluate(
                *validation,
                sample_weight=validation_weights,
                batch_size=validation_batch_size,
                callbacks=callback_list,
                verbose=0,
                return_dict=True,
            )
            # Not in place: a callback may have kept the logs of the batch.
            logs = logs | {f"val_{name}": float(value) for name, value in results.items()}
        callback_list.on_epoch_end(epoch, logs)
    model.optimizer.finalize_variable_values(model.trainable_weights)
    callback_list.on_train_end(logs)
