"""The `.keras` file of the review classifier, written so that every backend can open it, and read without Keras.

Keras never opens an untrusted file here, because its `safe_mode` is only a deny-list. Instead, the layers in the file
must be those of the model, and only arrays of the expected shapes and types are copied.
"""

import io
import json
import reprlib
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy.typing as npt

from imdb_rnn.backends import keras_session
from imdb_rnn.backends.keras_settings import ADAM_OPTIONS, EPSILON, LAYERS
from imdb_rnn.errors import BundleError
from imdb_rnn.files import open_archive, read_member
from imdb_rnn.inference.hdf5 import Hdf5File
from imdb_rnn.model.architecture import EMBEDDING_DIM, EXTRA_IDS, UNITS, Encoder
from imdb_rnn.strict_json import parse

if TYPE_CHECKING:
    import keras

MODEL_FILE = "best-embedding-model.keras"
# The settings in the same folder; see imdb_rnn.inference.bundle.
CONFIG_FILE = "best-embedding-config.json"

# Size limits in bytes. A model of `imdb_rnn.validation.MAX_NUM_WORDS` words with the state of Adam has 28.8 million.
MAX_MODEL_BYTES = 30_000_000
_MAX_CONFIG_BYTES = 1_000_000
# Members of the file, which is a zip archive.
_WEIGHTS_MEMBER = "model.weights.h5"
_CONFIG_MEMBER = "config.json"
# The settings of this library's Adam, without the learning rate, which is part of its state.
_ADAM: dict[str, Any] = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": EPSILON, **ADAM_OPTIONS}


def model_bytes(model: "keras.Model", num_words: int, max_len: int, compiled: Mapping[str, Any] | None = None) -> bytes:
    """Return the content of `best-embedding-model.keras` for a model. Every backend can open it.

    The content is read back and compared before it is returned.

    Keras saves two settings of a compiled model as resolved by the running backend: on PyTorch, the class of the
    optimizer needs torch; and `jit_compile` of a model from JAX enables `torch.compile`. Both are reset to their
    original values.

    Args:
        model: the review classifier.
        num_words: the argument of `build_model` for the model.
        max_len: the argument of `build_model` for the model.
        compiled: settings of `compile` to write instead of the model's own.

    Raises:
        BundleError: the model is not a review classifier, or the content does not read back as the same weights.
    """
    with keras_session():
        weights = model.get_weights()
        optimizer = getattr(model, "optimizer", None)
        if optimizer is not None and not optimizer.built:
            # Keras warns when it loads a compiled model without the optimizer's state.
            optimizer.build(model.trainable_variables)
        with tempfile.TemporaryDirectory() as scratch:
            saved = Path(scratch) / MODEL_FILE
            model.save(saved)
            content = _without_backend(saved.read_bytes(), compiled or {})
    saved_model = read_model(Path(MODEL_FILE), content, num_words, max_len)
    if [array.tobytes() for array in saved_model.weights] != [array.tobytes() for array in weights]:
        msg = (
            f"Cannot save the model. Expected: a model of Embedding, SimpleRNN and Dense with six weights. "
            f"Received: one of {len(weights)} weights that does not read back the same."
        )
        raise BundleError(msg)
    return content


def _without_backend(content: bytes, compiled: Mapping[str, Any]) -> bytes:
    rewritten = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(rewritten, "w") as target:
        for member in source.infolist():
            part = source.read(member)
            if member.filename == _CONFIG_MEMBER:
                config = json.loads(part)
                if settings := config.get("compile_config"):
                    settings.update({"jit_compile": "auto", **compiled})
                    config["compile_config"] = _with_plain_optimizers(settings)
                part = json.dumps(config).encode()
            target.writestr(member, part)
    return rewritten.getvalue()


def _with_plain_optimizers(settings: Any) -> Any:
    """Replace PyTorch's variants of Keras's optimizers by the classes of all backends, also in nested optimizers."""
    if isinstance(settings, list):
        return [_with_plain_optimizers(part) for part in settings]
    if not isinstance(settings, dict):
        return settings
    plain = {name: _with_plain_optimizers(part) for name, part in settings.items()}
    if str(plain.get("module")).startswith("keras.src.backend.torch.optimizers"):
        plain |= {"module": "keras.optimizers", "registered_name": None}
    return plain


class SavedModel(NamedTuple):
    """The content of a .keras file; see `imdb_rnn.inference.bundle.Bundle`."""

    weights: list[npt.NDArray[Any]]
    trainable: tuple[bool, ...]
    optimizer: list[npt.NDArray[Any]] | None


def read_model(path: Path, content: bytes, num_words: int, max_len: int) -> SavedModel:
    """Read the weights and the optimizer's state from a .keras file.

    Args:
        path: the path of the file, for error messages.
        content: the content of the file.
        num_words: the argument of `build_model` for the model.
        max_len: the argument of `build_model` for the model.

    Raises:
        BundleError: the file is damaged, or its layers or their settings are not those of the review classifier.
    """
    shapes = shapes_of(num_words)
    try:
        with open_archive(io.BytesIO(content)) as archive:
            config = parse(read_member(archive, _CONFIG_MEMBER, _MAX_CONFIG_BYTES))
            arrays = read_member(archive, _WEIGHTS_MEMBER, MAX_MODEL_BYTES)
        layers = config["config"]["layers"]
        if reason := unsupported_layers_reason(layers):
            raise ValueError(reason)
        saved_len = config["build_config"]["input_shape"][1]
        if saved_len != max_len:
            msg = f"a model that takes {reprlib.repr(saved_len)} ids, but {CONFIG_FILE} says {max_len}"
            raise ValueError(msg)
        trainable = trainable_of(layers)
        file = Hdf5File(arrays)
        weights = [file.array(name, shape, ("float32",)) for name, shape in shapes.items()]
        moments = [
            shape
            for name, shape in shapes.items()
            for layer, learns in zip(("embedding", "simple_rnn", "dense"), trainable, strict=True)
            for _ in range(2)
            if learns and name.startswith(f"layers/{layer}/")
        ]
        state = _read_adam(file, config.get("compile_config"), [(), (), *moments])
    except Exception as error:
        # KeyError quotes its message.
        received = error.args[0] if isinstance(error, KeyError) and error.args else error
        msg = f"Cannot read {path}. Expected: the model saved with {CONFIG_FILE}. Received: {received!s:.300}"
        raise BundleError(msg) from error
    return SavedModel(weights, trainable, state)


def shapes_of(num_words: int) -> dict[str, tuple[int, ...]]:
    """Return the weights of the model: name in the file -> shape, in the order of `build_model(num_words).weights`."""
    return {
        "layers/embedding/vars/0": (num_words + EXTRA_IDS, EMBEDDING_DIM),
        "layers/simple_rnn/cell/vars/0": (EMBEDDING_DIM, UNITS),
        "layers/simple_rnn/cell/vars/1": (UNITS, UNITS),
        "layers/simple_rnn/cell/vars/2": (UNITS,),
        "layers/dense/vars/0": (UNITS, 1),
        "layers/dense/vars/1": (1,),
    }


def unsupported_layers_reason(layers: Any, encoder: Encoder = "embedding") -> str:
    """Return why layers are not those of the review classifier, or compute something else; "" if they do not.

    Args:
        layers: the configurations of the layers of a Keras model, from JSON.
        encoder: the kind of the first layer.
    """
    first = {"embedding": "Embedding", "one_hot": "CategoryEncoding"}[encoder]
    inner = [layer for layer in layers if layer["class_name"] != "InputLayer"]
    names = [layer["class_name"] for layer in inner]
    if names != [first, "SimpleRNN", "Dense"] or any(layer["module"] != "keras.layers" for layer in inner):
        return f"a model of the layers {reprlib.repr(names)}"
    for layer in inner:
        config, name = layer["config"], layer["class_name"]
        for setting, value in LAYERS.get(name, {}).items():
            if config[setting] != value:
                return f"a layer {name} with {setting}={reprlib.repr(config[setting])}, not {value!r}"
        dtype = config["dtype"]
        dtype = dtype["config"]["name"] if isinstance(dtype, dict) else dtype
        if dtype != "float32":
            return f"a layer {name} that computes in {reprlib.repr(dtype)}, not in float32"
    return ""


def trainable_of(layers: Any) -> tuple[bool, ...]:
    """Return for each layer, except the input, whether training changes its weights."""
    trainable = tuple(layer["config"]["trainable"] for layer in layers if layer["class_name"] != "InputLayer")
    if not all(isinstance(value, bool) for value in trainable):
        msg = "a layer that is neither trainable nor frozen"
        raise ValueError(msg)
    return trainable


def is_plain_adam(optimizer: Any) -> bool:
    """Return whether an optimizer's configuration is Adam with the settings of this library and any learning rate."""
    if not isinstance(optimizer, dict) or not str(optimizer.get("module")).startswith("keras."):
        return False
    config = optimizer.get("config")
    return (
        optimizer.get("class_name") in ("Adam", "adam")
        and isinstance(config, dict)
        and isinstance(config.get("learning_rate"), float)
        and all(config.get(name, value) == value for name, value in _ADAM.items())
    )


def _read_adam(file: Hdf5File, compiled: Any, shapes: Sequence[tuple[int, ...]]) -> list[npt.NDArray[Any]] | None:
    """Return the state of Adam; None if there is none, because training can start with a new Adam."""
    if not isinstance(compiled, dict) or not is_plain_adam(compiled.get("optimizer")):
        return None
    try:
        if len(file.members("optimizer/vars")) != len(shapes):
            return None
        # Keras counts the optimizer's steps in int32, or in int64 on TensorFlow.
        dtypes = [("int32", "int64"), *[("float32",)] * (len(shapes) - 1)]
        return [
            file.array(f"optimizer/vars/{i}", shape, allowed)
            for i, (shape, allowed) in enumerate(zip(shapes, dtypes, strict=True))
        ]
    except ValueError:
        return None
