"""A Keras callback that averages weights over epochs."""

from collections import deque
from typing import TYPE_CHECKING, Any

from imdb_rnn.backends import load_keras

if TYPE_CHECKING:
    import keras


def average_weights(epochs: int) -> "keras.callbacks.Callback":
    """Return a callback that validates and keeps the mean of the weights after the last epochs.

    The model has the mean weights from the validation of an epoch until the next epoch begins. Each epoch continues
    from the weights of the previous epoch, not from the mean. The callback must precede callbacks that save weights.

    Args:
        epochs: the maximum number of epochs to average.

    Source: Izmailov et al. 2018, with a window of the last epochs instead of all epochs.
    """
    keras = load_keras()

    class AverageWeights(keras.callbacks.Callback):  # type: ignore[misc, name-defined]  # keras ships no types
        # Without this, Keras waits for the device after every batch on JAX and PyTorch.
        async_safe = True

        def on_train_begin(self, logs: Any = None) -> None:
            self.last: deque[list[Any]] = deque(maxlen=epochs)

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if self.last:
                self.model.set_weights(self.last[-1])

        def on_test_begin(self, logs: Any = None) -> None:
            self.last.append(self.model.get_weights())
            self.model.set_weights([sum(arrays) / len(arrays) for arrays in zip(*self.last, strict=True)])

    return AverageWeights()
