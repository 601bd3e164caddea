"""The consumers of a model on every backend, together with those of the running backend.

A consumer takes a model and an input, and returns arrays.
"""

import copy
import importlib
import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from backends_test.differential.models import layers_of
from imdb_rnn.backends import backend_name

Consumer = Callable[[keras.Model, np.ndarray], Any]

# Drawn less often, because each takes seconds.
SLOW = {
    "train",
    "evaluate",
    "save and load",
    "quantize",
    "torch.compile",
    "torch.export",
    "third derivative",
    "forward over reverse",
    "gradient in a compiled function",
    "gradient penalty in a function",
    "a saved model",
}


def loss_of(model: keras.Model, x: Any, training: bool = False) -> Any:
    """Return the sum of the squares of all outputs."""
    return sum(keras.ops.sum(out * out) for out in keras.tree.flatten(model(x, training=training)))


def train(model: keras.Model, x: np.ndarray) -> Any:
    model.compile(keras.optimizers.SGD(0.05), "mse")
    for _ in range(2):
        model.train_on_batch(x, np.ones((len(x), *model.output.shape[1:]), np.float32))
    return model.get_weights()


def evaluate(model: keras.Model, x: np.ndarray) -> Any:
    model.compile(loss="mse")
    return model.evaluate(x, np.ones((len(x), *model.output.shape[1:]), np.float32), verbose=0)


def one_by_one(model: keras.Model, x: np.ndarray) -> Any:
    return keras.ops.vectorized_map(lambda row: model(row[None])[0], keras.ops.convert_to_tensor(x))


def saved(model: keras.Model, x: np.ndarray) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "model.keras")
        loaded = keras.models.load_model(Path(folder) / "model.keras")
    return loaded(x)


def cloned(model: keras.Model, x: np.ndarray) -> Any:
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    return clone(x)


def with_state(model: keras.Model, x: np.ndarray) -> Any:
    """Call the first recurrent layer with an initial state, given as an array, a tensor and a variable."""
    layer, outputs = layers_of(model)[0], []
    layer.return_state = True
    features = layer.cell.kernel.shape[0]
    sequences = np.resize(x, (*x.shape[:2], features))
    state = np.resize(np.linspace(-1, 1, 7, dtype=np.float32), (len(x), layer.cell.units))
    count = len(layer.cell.state_size) if isinstance(layer.cell.state_size, (list, tuple)) else 1
    for given_state in (state, keras.ops.convert_to_tensor(state), keras.Variable(state)):
        outputs += [layer(sequences, initial_state=given_state if count == 1 else [given_state] * count)]
    return outputs


def deep_mask(model: keras.Model, x: np.ndarray) -> Any:
    layer = layers_of(model)[0]
    sequences = np.resize(x, (*x.shape[:2], layer.cell.kernel.shape[0]))
    mask = np.resize([True, False, True, True, False], (*x.shape[:2], 1))
    return layer(sequences, mask=keras.ops.convert_to_tensor(mask))


def quantized(model: keras.Model, x: np.ndarray) -> Any:
    model.quantize("int8")
    return model(x)


SHARED: dict[str, Consumer] = {
    "call": lambda model, x: model(x),
    "call twice": lambda model, x: [model(x), model(x)],
    "call in training": lambda model, x: model(x, training=True),
    "predict": lambda model, x: model.predict(x, verbose=0),
    "train": train,
    "evaluate": evaluate,
    "vectorized_map": one_by_one,
    "save and load": saved,
    "clone": cloned,
    "deepcopy": lambda model, x: copy.deepcopy(model)(x),
    "copy": lambda model, x: copy.copy(model)(x),
    "pickle": lambda model, x: pickle.loads(pickle.dumps(model))(x),
    "an initial state": with_state,
    "a mask of rank 3": deep_mask,
    "quantize": quantized,
    "float16 input": lambda model, x: model(x.astype(np.float16)),
    "float64 input": lambda model, x: model(x.astype(np.float64)),
}


def consumers() -> dict[str, Consumer]:
    """Return all consumers on the running backend, by name."""
    of_backend: dict[str, Consumer] = importlib.import_module(f"backends_test.differential.{backend_name()}").CONSUMERS
    return SHARED | of_backend
