"""Keras's `fit` for this library's batches, many steps a call.

`fit` goes through Python after every step, which on some backends takes longer than the step. Here the engine makes as
many steps at once as it can; callbacks and metrics are Keras's own, and hear of a block of steps when it is done.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from imdb_rnn.backends import load_keras, load_training_backend
from imdb_rnn.text.batches import Arrays, TrainingData, blocks_of_epoch, steps_per_epoch

if TYPE_CHECKING:
    import keras

# In one call. An epoch of 20,000 reviews has 313; of larger ones the memory for their batches stays within 15 MB.
STEPS = 512


def train_epochs(
    model: "keras.Model",
    data: TrainingData,
    *,
    batch_size: int,
    seed: int,
    epochs: int,
    validation: Arrays | None = None,
    validation_weights: npt.NDArray[np.float64] | None = None,
    validation_batch_size: int = 1_000,
    callbacks: Sequence["keras.callbacks.Callback"] = (),
) -> None:
    """Train a compiled model, by the batches of `imdb_rnn.text.batches.blocks_of_epoch`.

    Args:
        model: built and compiled.
        data: the reviews to learn from.
        batch_size: reviews a step.
        seed: of the order of the reviews.
        epochs: how many, unless a callback stops before.
        validation: reviews to evaluate after each epoch.
        validation_weights: how much each of them counts in the loss, shape (n,); None counts each once.
        validation_batch_size: how many of them at a time.
        callbacks: Keras's. Those of single batches are called for the last batch of a block.
    """
    heard = load_keras().callbacks.CallbackList(
        list(callbacks), model=model, epochs=epochs, steps=steps_per_epoch(data.num_examples, batch_size)
    )
    make_steps = load_training_backend().compile_steps(model)
    model.stop_training = False
    heard.on_train_begin()
    logs: dict[str, float] = {}
    for epoch in range(epochs):
        model.reset_metrics()
        heard.on_epoch_begin(epoch)
        done = 0
        for x, y in blocks_of_epoch(data, batch_size, seed, epoch, STEPS):
            heard.on_train_batch_begin(done)
            make_steps(x, y)
            done += len(x)
            heard.on_train_batch_end(done - 1)
            if model.stop_training:
                break
        logs = {name: float(value) for name, value in model.get_metrics_result().items()}
        if validation is not None:
            found = model.evaluate(
                *validation,
                sample_weight=validation_weights,
                batch_size=validation_batch_size,
                callbacks=heard,
                verbose=0,
                return_dict=True,
            )
            logs |= {f"val_{name}": float(value) for name, value in found.items()}
        heard.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    model.optimizer.finalize_variable_values(model.trainable_weights)
    heard.on_train_end(logs)
