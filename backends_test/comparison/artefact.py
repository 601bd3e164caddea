"""Computes the stages of the ladder with the running backend, in float32 or float64, and saves them for the comparison.

Runs in each tox environment, in a process of its own, because Keras reads its float type only once.

    KERAS_BACKEND=jax python -m backends_test.comparison.artefact FOLDER float32 fast

writes FOLDER/float32.npz, with arrays named "stage/tensor", and FOLDER/float32.json: backend, versions, device, dtype,
jit mode, data, and a fingerprint of the sources. "stock" instead of "fast" uses Keras alone, except for the faults of
optimizers that `prepare_optimizer` works around.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

import imdb_rnn
from backends_test.comparison import recurrent
from backends_test.comparison.inputs import SEED, STEPS, Inputs, load_corpus, make_inputs
from backends_test.comparison.reference import (
    CLIP_NORM,
    CLIP_VALUE,
    LEARNING_RATE,
    SATURATED,
    Tensors,
    named,
    saturated_batch,
    saturated_weights,
)
from backends_test.comparison.stages import sources_fingerprint, stage_name
from imdb_rnn import build_model, initial_weights
from imdb_rnn.backends import PREDICTING_BACKENDS, backend_name, load_backend, load_training_backend
from imdb_rnn.model.architecture import compile_model, parameters
from imdb_rnn.text.batches import Arrays


def adam() -> keras.optimizers.Adam:
    """Return Adam with Keras's defaults.

    In float64 the betas are NumPy numbers: TensorFlow would round Python floats to float32 (docs/keras-findings.md).
    """
    exact = np.float64 if keras.config.floatx() == "float64" else float
    return keras.optimizers.Adam(LEARNING_RATE, beta_1=exact(0.9), beta_2=exact(0.999))


# The other recurrent layers: name -> the layer of 8 units.
LAYERS: dict[str, Callable[[], keras.layers.Layer]] = {
    "LSTM": lambda: keras.layers.LSTM(8),
    "GRU": lambda: keras.layers.GRU(8, reset_after=True),
    "GRU, reset_after=False": lambda: keras.layers.GRU(8, reset_after=False),
    "SimpleRNN, relu": lambda: keras.layers.SimpleRNN(8, activation="relu"),
}
OPTIMIZERS: dict[str, Callable[[], keras.optimizers.Optimizer]] = {
    "SGD": lambda: keras.optimizers.SGD(1.0),
    "Adam": adam,
    "RMSprop": lambda: keras.optimizers.RMSprop(LEARNING_RATE),
    "clipvalue": lambda: keras.optimizers.SGD(1.0, clipvalue=CLIP_VALUE),
    "clipnorm": lambda: keras.optimizers.SGD(1.0, clipnorm=CLIP_NORM),
    "global_clipnorm": lambda: keras.optimizers.SGD(1.0, global_clipnorm=CLIP_NORM),
}


def compute_in_float64() -> None:
    """Make Keras compute in float64 throughout.

    Keras's table of type promotion turns 64 bits into 32 on all backends except TensorFlow, and no public setting
    changes it. JAX needs the environment variable JAX_ENABLE_X64=1 as well.
    """
    from keras.src.backend.common import dtypes

    dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"
    keras.config.set_floatx("float64")


class Way(NamedTuple):
    """How a model is compiled and trained: by this library, or by Keras alone.

    Attributes:
        compile: compiles the tutorial's model.
        train: trains it on each batch.
        accelerate: is called for the models with other recurrent layers, which Keras compiles and trains.
    """

    compile: Callable[[keras.Model, Any, list[Any]], None]
    train: Callable[[keras.Model, Iterable[Arrays]], Iterator[float]]
    accelerate: Callable[[keras.Model], None]


def compile_stock(model: keras.Model, optimizer: Any, metrics: list[Any]) -> None:
    """Compile with Keras, with optimizers that compute the same formula on each backend."""
    model.compile(optimizer=optimizer, loss="binary_crossentropy", metrics=metrics)
    load_backend().prepare_optimizer(model.optimizer)


def train_stock(model: keras.Model, batches: Iterable[Arrays]) -> Iterator[float]:
    """Train on each batch with Keras; yield the loss before each step."""
    for batch in batches:
        model.reset_metrics()  # otherwise Keras returns the mean over all batches so far
        yield model.train_on_batch(*batch, return_dict=True)["loss"]


def train_fast(model: keras.Model, batches: Iterable[Arrays]) -> Iterator[float]:
    """Train on each batch with the library; yield the loss before each step."""
    steps = load_training_backend().compile_steps(model)
    for x, y in batches:
        model.reset_metrics()
        steps(x[None], y[None])
        yield float(model.get_metrics_result()["loss"])


WAYS = {
    "fast": Way(compile_model, train_fast, imdb_rnn.accelerate),
    "stock": Way(compile_stock, train_stock, lambda model: None),
}


def model_of(weights: list[np.ndarray], optimizer: Any, way: Way, metrics: Sequence[Any] = ()) -> keras.Model:
    """Return the compiled model, in the float type that Keras is set to."""
    config = build_model().get_config()
    for layer in config["layers"]:
        if layer["class_name"] != "InputLayer":
            layer["config"]["dtype"] = keras.config.floatx()
    model = keras.Sequential.from_config(config)
    model.set_weights(weights)
    way.compile(model, optimizer, list(metrics))
    return model


def compute(inputs: Inputs, way: Way) -> dict[str, Tensors]:
    """Compute every stage that needs no other backend: stage -> tensor -> array."""
    first = inputs.batches[0]
    counting = build_model()
    counting.set_weights(initial_weights(counting, SEED))
    model = model_of(
        inputs.start,
        "sgd",
        way,
        ["accuracy", keras.metrics.Precision(name="precision"), keras.metrics.Recall(name="recall")],
    )
    stages = {
        "parameters": {name: np.array(count) for name, count in parameters(counting).items()},
        "initial weights": named(np.asarray(array) for array in counting.get_weights()),
        "batches": {"order": inputs.order},
        "forward": {
            name: model.predict(x, verbose=0) for name, x in (("edges", first.x), ("reviews", inputs.reviews.x))
        },
        "evaluate": evaluated(model, inputs.reviews),
    }
    if backend_name() in PREDICTING_BACKENDS:
        return stages
    return stages | {
        "loss": {"loss": np.array(model.test_on_batch(*first, return_dict=True)["loss"])},
        "gradients": gradients(inputs.start, first, way),
        **{stage: steps(inputs.start, optimizer(), [first], way) for stage, optimizer in OPTIMIZERS.items()},
        "fifty steps": steps(inputs.start, adam(), inputs.batches[:STEPS], way),
        "saturated loss": saturated(inputs, way),
        "training": {"losses": training_losses(inputs, way)},
    }


def evaluated(model: keras.Model, reviews: Arrays) -> Tensors:
    """Evaluate with Keras, in batches of which the last is smaller."""
    results = model.evaluate(*reviews, batch_size=300, verbose=0, return_dict=True)
    return {name: np.array(value) for name, value in results.items()}


def gradients(start: list[np.ndarray], batch: Arrays, way: Way) -> Tensors:
    """Return the gradients of a batch."""
    model = model_of(start, keras.optimizers.SGD(1.0, momentum=0.5), way)
    list(way.train(model, [batch]))
    return first_gradients(model.optimizer)


def first_gradients(optimizer: keras.optimizers.SGD) -> Tensors:
    """Return the gradients of the first step: minus the velocities, if the learning rate is 1 and there is momentum."""
    velocities = [v for v in optimizer.variables if tuple(v.shape) and "momentum" in v.path]
    return named(-keras.ops.convert_to_numpy(velocity) for velocity in velocities)


def saturated(inputs: Inputs, way: Way) -> Tensors:
    """Return the loss of negative reviews whose logit is 30, and its derivative with respect to the logit."""
    batch = saturated_batch(inputs)
    model = model_of(saturated_weights(inputs), keras.optimizers.SGD(1.0), way)
    (loss,) = way.train(model, [batch])
    return {"loss": np.array(loss), "slope": SATURATED - np.asarray(model.get_weights()[-1])}


def steps(start: list[np.ndarray], optimizer: Any, batches: Iterable[Arrays], way: Way) -> Tensors:
    """Return the weights after one step per batch."""
    model = model_of(start, optimizer, way)
    list(way.train(model, batches))
    return named(np.asarray(array) for array in model.get_weights())


def losses_of(model: keras.Model, batches: Iterable[Arrays], way: Way = WAYS["fast"]) -> np.ndarray:
    """Return the loss of each batch before its step, shape (batches,)."""
    return np.array(list(way.train(model, batches)))


def training_losses(inputs: Inputs, way: Way) -> np.ndarray:
    """Return the losses of a training that starts with the initial weights."""
    return losses_of(model_of(inputs.initial, adam(), way), inputs.batches, way)


def compute_recurrent(inputs: Inputs, way: Way) -> dict[str, Tensors]:
    """Compute the stages of the other recurrent layers: stage -> tensor -> array."""
    return {
        stage_name(layer, stage): tensors
        for layer in LAYERS
        for stage, tensors in compute_layer(layer, inputs, way).items()
    }


def compute_layer(layer: str, inputs: Inputs, way: Way) -> dict[str, Tensors]:
    """Compute the stages of one layer. Keras compiles and trains, as it does in `fit`."""
    first, *others = inputs.batches[:STEPS]
    model = recurrent_model(layer, adam(), way)
    reviews = inputs.reviews.x[: recurrent.REVIEWS]
    stages = {
        "forward": {
            name: model.predict(x, batch_size=len(first.x), verbose=0)
            for name, x in (("edges", first.x), ("reviews", reviews))
        }
    }
    for stage, batch, masked in (("gradients", first, False), ("masked", recurrent.masked_batch(inputs), True)):
        once = recurrent_model(layer, keras.optimizers.SGD(1.0, momentum=0.5), way, masked)
        list(train_stock(once, [batch]))
        stages[stage] = first_gradients(once.optimizer)
    for stage, batches in (("Adam", [first]), ("fifty steps", others)):
        list(train_stock(model, batches))
        stages[stage] = named(np.array(array) for array in model.get_weights())
    return stages


def recurrent_model(layer: str, optimizer: Any, way: Way, masked: bool = False) -> keras.Model:
    """Return the compiled model with another recurrent layer; the id 0 is masked or is an id like any other."""
    start = recurrent.draw_start(layer)
    model = keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            keras.layers.Embedding(*start[0].shape, mask_zero=masked),
            LAYERS[layer](),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.set_weights(start)
    way.accelerate(model)
    compile_stock(model, optimizer, [])
    return model


def main() -> None:
    """Compute every stage and save it."""
    folder, dtype, way = Path(sys.argv[1]), sys.argv[2], WAYS[sys.argv[3]]
    if dtype == "float64":
        compute_in_float64()
    folder.mkdir(parents=True, exist_ok=True)
    # Removed first and written last: without the note, nobody takes an old file for a new one.
    (folder / f"{dtype}.json").unlink(missing_ok=True)
    inputs = make_inputs(load_corpus())
    stages = compute(inputs, way)
    if backend_name() not in PREDICTING_BACKENDS:
        stages |= compute_recurrent(inputs, way)
    arrays: dict[str, Any] = {
        f"{stage}/{name}": array for stage, tensors in stages.items() for name, array in tensors.items()
    }
    np.savez(folder / f"{dtype}.npz", **arrays)
    model = model_of(inputs.start, "adam", way)
    note = {
        "backend": backend_name(),
        "dtype": str(model.get_weights()[0].dtype),
        "device": load_backend().device(),
        "jit_compile": model.jit_compile,
        "versions": {name: version(name) for name in ("keras", "numpy")} | {backend_name(): load_backend().version()},
        "data": inputs.data,
        "sources": sources_fingerprint(Path(imdb_rnn.__file__).parent),
    }
    (folder / f"{dtype}.json").write_text(json.dumps(note, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
