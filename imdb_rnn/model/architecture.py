"""The architecture, initial weights and optimizer of the model, the same on every backend."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from imdb_rnn import seeds
from imdb_rnn.backends import TRAINING_BACKENDS, backend_name, load_backend, load_keras
from imdb_rnn.model.acceleration import accelerate
from imdb_rnn.validation import check_choice, whole_number

if TYPE_CHECKING:
    import keras

Encoder = Literal["embedding", "one_hot"]
ENCODERS: tuple[Encoder, ...] = get_args(Encoder)
RecurrentInitializer = Literal["orthogonal", "identity"]
RECURRENT_INITIALIZERS: tuple[RecurrentInitializer, ...] = get_args(RecurrentInitializer)

EMBEDDING_DIM = 16
UNITS = 8
# As in the tutorial.
OPTIMIZER = "adam"
LOSS = "binary_crossentropy"
# The tutorial's embedding has num_words + 3 rows, because ids are ranks plus 3. The last three rows are never used.
EXTRA_IDS = 3


def build_model(num_words: int = 10_000, max_len: int = 100, *, encoder: Encoder = "embedding") -> "keras.Sequential":
    """Build the review classifier without compiling it.

    Args:
        num_words: all ids are below this number; at least 5.
        max_len: ids per review, at least 1.
        encoder: "embedding" learns a vector of 16 numbers per word. "one_hot" is the tutorial's first model: the model
            converts ids to one-hot vectors of `num_words` entries.

    Returns:
        A model that maps int32 ids, shape (batch, max_len), to float32 scores between 0 and 1, shape (batch, 1).

    Raises:
        RecipeError: an argument is out of range.
        BackendError: see `imdb_rnn.backends.backend_name`.
    """
    num_words, max_len = whole_number("num_words", num_words), whole_number("max_len", max_len)
    check_choice("encoder", encoder, ENCODERS)
    keras = load_keras()
    layers = keras.layers
    # The dtype is explicit, because a user's keras.json can change the default.
    encode = {
        "embedding": lambda: layers.Embedding(num_words + EXTRA_IDS, EMBEDDING_DIM, dtype="float32", name="embedding"),
        "one_hot": lambda: layers.CategoryEncoding(num_words, output_mode="one_hot", dtype="float32", name="one_hot"),
    }
    return keras.Sequential(
        [
            keras.Input((max_len,), dtype="int32"),
            encode[encoder](),
            layers.SimpleRNN(UNITS, dtype="float32", name="simple_rnn"),
            layers.Dense(1, activation="sigmoid", dtype="float32", name="dense"),
        ],
        name="review_classifier",
    )


def compile_model(model: "keras.Model", optimizer: Any = OPTIMIZER, metrics: Sequence[Any] = ("accuracy",)) -> None:
    """Compile the model so that all backends compute the same formulas.

    If the backend can train, the recurrent layers of the model are accelerated (see `imdb_rnn.accelerate`).

    Args:
        model: a built model.
        optimizer: a Keras optimizer or its name. An optimizer that has already trained the model keeps its state. One
            that is created from its name is always called so. Keras would number it, and TensorFlow keeps 36 kB until
            the process ends for each variable whose name is new to it; an optimizer has fourteen.
        metrics: Keras metrics or their names.
    """
    backend = load_backend()
    if backend_name() in TRAINING_BACKENDS:
        accelerate(model)
    if isinstance(optimizer, str):
        optimizer = load_keras().optimizers.get({"class_name": optimizer, "config": {"name": optimizer}})
    model.compile(optimizer=optimizer, loss=LOSS, metrics=list(metrics), jit_compile=backend.jit_compile)
    backend.prepare_model(model)
    backend.prepare_optimizer(model.optimizer)


def soft_label_accuracy() -> "keras.metrics.Metric":
    """Return Keras's "accuracy" for soft labels: the share of scores on the same side of 0.5 as their targets."""
    keras = load_keras()

    def same_side(y_true: Any, y_pred: Any) -> Any:
        return keras.ops.cast(keras.ops.equal(y_true > 0.5, y_pred > 0.5), "float32")

    return keras.metrics.MeanMetricWrapper(same_side, name="accuracy")


def parameters(model: "keras.Model") -> dict[str, int]:
    """Return the number of parameters of each layer: layer name -> number, without layers that have none."""
    return {layer.name: layer.count_params() for layer in model.layers if layer.weights}


def initial_weights(
    model: "keras.Model", seed: int, recurrent_initializer: RecurrentInitializer = "orthogonal"
) -> list[npt.NDArray[np.float32]]:
    """Draw the initial weights in NumPy, so that a seed gives the same weights on every backend.

    The distributions are the defaults of Keras's layers: uniform in ±0.05 for an embedding, Glorot uniform for kernels,
    orthogonal for the recurrent kernel, zeros for biases.

    Args:
        model: a built model of Embedding, SimpleRNN and Dense layers.
        seed: any non-negative integer.
        recurrent_initializer: the initializer of the recurrent kernel, "orthogonal" or "identity". With "identity" the
            untrained model sums up its words, and learns faster than from a random rotation of its state.

    Returns:
        Arrays with the shapes of `model.weights`, for `model.set_weights`.

    Raises:
        RecipeError: `seed` is not a non-negative integer, or the initializer is unknown.

    Source: Glorot and Bengio 2010; Saxe et al. 2014; Le et al. 2015 (identity); `keras.initializers`.
    """
    shapes = [(weight.name, tuple(weight.shape)) for weight in model.weights]
    return draw_weights(shapes, seed, recurrent_initializer)


def draw_weights(
    shapes: Iterable[tuple[str, tuple[int, ...]]],
    seed: int,
    recurrent_initializer: RecurrentInitializer = "orthogonal",
) -> list[npt.NDArray[np.float32]]:
    """Draw initial weights for given shapes, without a model.

    Args:
        shapes: (name, shape) of each weight; the name is that in its layer, such as "kernel".
        seed: see `initial_weights`.
        recurrent_initializer: see `initial_weights`.

    Raises:
        RecipeError: see `initial_weights`.
    """
    seed = whole_number("seed", seed)
    check_choice("recurrent_initializer", recurrent_initializer, RECURRENT_INITIALIZERS)
    draws = {
        "embeddings": _uniform_embedding,
        "kernel": _glorot_uniform,
        "recurrent_kernel": {"orthogonal": _orthogonal, "identity": _identity}[recurrent_initializer],
        "bias": _zeros,
    }
    return [
        draws[name](seeds.for_weight(seed, position), shape).astype(np.float32)
        for position, (name, shape) in enumerate(shapes)
    ]


def _uniform_embedding(random: np.random.Generator, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    return random.uniform(-0.05, 0.05, shape)


def _glorot_uniform(random: np.random.Generator, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    limit = np.sqrt(6 / sum(shape))
    return random.uniform(-limit, limit, shape)


def _orthogonal(random: np.random.Generator, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    q, r = np.linalg.qr(random.standard_normal(shape))
    return q * np.sign(np.diag(r))


def _identity(random: np.random.Generator, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    return np.eye(shape[0])


def _zeros(random: np.random.Generator, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    return np.zeros(shape)
