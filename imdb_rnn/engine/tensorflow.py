"""TensorFlow under Keras. See imdb_rnn.engine for what each function promises.

May import: tensorflow.
"""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf


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
