"""What a training leaves behind: one folder, readable with Keras and JSON alone, and read back without trusting it.

May import: numpy, h5py, the standard library, imdb_rnn.errors, imdb_rnn.files, imdb_rnn.model, imdb_rnn.tokens.

- `best-embedding-model.keras`: a plain Keras file; `keras.models.load_model` opens it on any backend.
- `best-embedding-config.json`: `max_len`, `num_words`, `word_index` (word -> the id that the model takes), and whether
  longer reviews are read in `windows`.
- `manifest.json`: what was trained, on what, with what result.
- `history.json`, `history.png`: loss and accuracy after each epoch.

Loading never lets Keras interpret a stranger's file (`safe_mode` is a deny-list): the model is built by our own code,
and only arrays of the expected shape and type are copied out of the file.
"""

import io
import json
import reprlib
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import numpy.typing as npt

from imdb_rnn.errors import BundleError, DataError
from imdb_rnn.files import replacing
from imdb_rnn.model import EMBEDDING_DIM, EXTRA_IDS, UNITS
from imdb_rnn.tokens import INDEX_FROM, Vocabulary

if TYPE_CHECKING:
    import keras

MODEL_FILE = "best-embedding-model.keras"
CONFIG_FILE = "best-embedding-config.json"
MANIFEST_FILE = "manifest.json"
HISTORY_FILE = "history.json"
PLOT_FILE = "history.png"

# Inside a .keras file, which is a zip archive.
_WEIGHTS_MEMBER = "model.weights.h5"
_CONFIG_MEMBER = "config.json"
_ITERATION = "optimizer/vars/0"
# Many times what a model of this kind needs: a guard against archives that unpack without end.
_LARGEST_MEMBER = 500_000_000


@dataclass(frozen=True)
class Bundle:
    """A saved folder, read and checked.

    Attributes:
        max_len: ids that the model takes.
        num_words: ids are below this number.
        windows: whether a longer review is read as a whole, in windows, or only its end.
        vocabulary: the words that the model knows.
        weights: float32 arrays in the order of `build_model(num_words, max_len).weights`.
        optimizer: the state of Adam: iteration and learning rate, then momentum and velocity of each weight.
        manifest: the content of `manifest.json`.
    """

    max_len: int
    num_words: int
    windows: bool
    vocabulary: Vocabulary
    weights: list[npt.NDArray[np.float32]]
    optimizer: list[npt.NDArray[Any]]
    manifest: dict[str, Any]


@contextmanager
def saving(directory: Path) -> Iterator[None]:
    """Turn what goes wrong with a disk into a `BundleError`."""
    try:
        yield
    except (OSError, ValueError) as error:  # a name with a NUL is a ValueError
        msg = f"Cannot save to {directory}. Expected: a folder that can be written. Received: {error}"
        raise BundleError(msg) from error


@contextmanager
def claimed(directory: Path) -> Iterator[None]:
    """Keep a new or empty folder for one training.

    While the block runs a marker in the folder keeps other trainings out. If no manifest has been written by its end,
    what there is of a bundle is taken away again, and so are the folders that were made for it.

    Raises:
        BundleError: it is a file, holds something already, or cannot be made.
    """
    marker = directory / ".training"
    with saving(directory):
        missing = [folder for folder in (directory, *directory.parents) if not folder.exists()]
        directory.mkdir(parents=True, exist_ok=True)
        filled = any(directory.iterdir())
        if not filled:
            marker.touch(exist_ok=False)
    if filled:
        msg = (
            f"Cannot save to {directory}. Expected: a new or an empty folder. Received: one that holds something. "
            f"Name another one; nothing in it was changed."
        )
        raise BundleError(msg)
    try:
        yield
    finally:
        marker.unlink(missing_ok=True)
        if not (directory / MANIFEST_FILE).is_file():
            for name in (MODEL_FILE, CONFIG_FILE, HISTORY_FILE):
                (directory / name).unlink(missing_ok=True)
            with suppress(OSError):
                for folder in missing:
                    folder.rmdir()


def write_config(directory: Path, vocabulary: Vocabulary, num_words: int, max_len: int, windows: bool) -> None:
    """Write `best-embedding-config.json`; the ids of the vocabulary must be below `num_words`."""
    config = {"max_len": max_len, "num_words": num_words, "windows": windows, "word_index": vocabulary.word_index}
    write_json(directory / CONFIG_FILE, config)


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def write_model(directory: Path, model: "keras.Model") -> None:
    """Write `best-embedding-model.keras` so that every backend can open it, whole or not at all.

    Keras saves two things of a compiled model as the running backend resolved them: on PyTorch the optimizer's class
    is one that needs torch, and `jit_compile` is what was best here, which turns `torch.compile` on for a file from
    JAX. Both are put back to what was asked for; and the metric to Keras's own, which it is for labels.
    """
    with tempfile.TemporaryDirectory() as scratch, replacing(directory / MODEL_FILE) as path:
        saved = Path(scratch) / MODEL_FILE
        model.save(saved)
        with zipfile.ZipFile(saved) as source, zipfile.ZipFile(path, "w") as target:
            for member in source.infolist():
                content = source.read(member)
                if member.filename == _CONFIG_MEMBER:
                    config = json.loads(content)
                    config["compile_config"].update(jit_compile="auto", metrics=["accuracy"])
                    config["compile_config"]["optimizer"].update(module="keras.optimizers", registered_name=None)
                    content = json.dumps(config).encode()
                target.writestr(member, content)


def read_bundle(directory: Path) -> Bundle:
    """Read a saved folder and check that its parts belong together.

    Raises:
        BundleError: a file is missing, damaged, or does not fit the others.
    """
    directory = Path(directory)
    try:
        found = directory.is_dir()
    except (OSError, ValueError):  # a name too long, a parent that may not be read
        found = False
    if not found:
        msg = f"Cannot load {directory}. Expected: a folder saved by `imdb-rnn train --out`. Received: no such folder."
        raise BundleError(msg)
    manifest = read_json(directory / MANIFEST_FILE)
    config = read_json(directory / CONFIG_FILE)
    max_len, num_words = (_whole_number(directory, config, name) for name in ("max_len", "num_words"))
    windows = config.get("windows")
    if not isinstance(windows, bool):
        received = reprlib.repr(windows)
        msg = f"Cannot load {directory}. Expected: `windows` in {CONFIG_FILE}, true or false. Received: {received}."
        raise BundleError(msg)
    vocabulary = _read_vocabulary(directory, config)
    trained, data = (part if isinstance(part := manifest.get(name), dict) else {} for name in ("recipe", "data"))
    if not all(isinstance(data.get(name), str) for name in ("source", "fingerprint")):
        msg = f"Cannot load {directory}. Expected: `data` in {MANIFEST_FILE}, source and fingerprint. Received: none."
        raise BundleError(msg)
    for name, value in (("max_len", max_len), ("num_words", num_words), ("windows", windows)):
        if trained.get(name) != value:
            wanted = reprlib.repr(trained.get(name))
            msg = (
                f"Cannot load {directory}. Expected: `{name}` {wanted} in {CONFIG_FILE}, as trained. "
                f"Received: {value}. The files are not of one training."
            )
            raise BundleError(msg)
    if manifest.get("vocabulary") != vocabulary.fingerprint or len(vocabulary) > num_words - INDEX_FROM - 1:
        msg = (
            f"Cannot load {directory}. Expected: the `word_index` that the model was trained with. Received: another "
            f"one, of {len(vocabulary)} words. The files are not of one training."
        )
        raise BundleError(msg)
    weights, optimizer = _read_model(directory / MODEL_FILE, num_words, max_len)
    return Bundle(max_len, num_words, windows, vocabulary, weights, optimizer, manifest)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        BundleError: the file is missing or holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        msg = f"Cannot read {path}. Expected: a JSON file saved by `imdb-rnn train --out`. Received: {error}"
        raise BundleError(msg) from error
    if not isinstance(content, dict):
        msg = f"Cannot read {path}. Expected: a JSON object. Received: a {type(content).__name__}."
        raise BundleError(msg)
    return content


def _whole_number(directory: Path, config: Mapping[str, Any], name: str) -> int:
    value = config.get(name)
    if type(value) is not int or value < 1:
        received = reprlib.repr(value)
        msg = f"Cannot load {directory}. Expected: `{name}` in {CONFIG_FILE}, a number above 0. Received: {received}."
        raise BundleError(msg)
    return value


def _read_vocabulary(directory: Path, config: Mapping[str, Any]) -> Vocabulary:
    word_index = config.get("word_index")
    try:
        if not isinstance(word_index, dict) or any(type(i) is not int for i in word_index.values()):
            msg = f"a {type(word_index).__name__} that is not word -> id"
            raise DataError(msg)
        return Vocabulary.from_word_index({word: i - INDEX_FROM for word, i in word_index.items()})
    except DataError as error:
        msg = f"Cannot load {directory}. Expected: `word_index`, word -> id from 4, in {CONFIG_FILE}. Received: {error}"
        raise BundleError(msg) from error


def _read_model(path: Path, num_words: int, max_len: int) -> tuple[list[npt.NDArray[Any]], list[npt.NDArray[Any]]]:
    """Copy the weights and the optimizer's state out of a .keras file, the expected arrays only.

    Nothing else in it is looked at but its input length.
    """
    shapes = {
        "layers/embedding/vars/0": (num_words + EXTRA_IDS, EMBEDDING_DIM),
        "layers/simple_rnn/cell/vars/0": (EMBEDDING_DIM, UNITS),
        "layers/simple_rnn/cell/vars/1": (UNITS, UNITS),
        "layers/simple_rnn/cell/vars/2": (UNITS,),
        "layers/dense/vars/0": (UNITS, 1),
        "layers/dense/vars/1": (1,),
    }
    # Adam keeps a momentum and a velocity of the shape of each weight.
    moments = [shape for shape in shapes.values() for _ in range(2)]
    state = {f"optimizer/vars/{i}": shape for i, shape in enumerate([(), (), *moments])}
    try:
        with zipfile.ZipFile(path) as archive:
            content = {}
            for name in (_CONFIG_MEMBER, _WEIGHTS_MEMBER):
                if archive.getinfo(name).file_size > _LARGEST_MEMBER:
                    msg = f"{name} of {archive.getinfo(name).file_size} bytes"
                    raise ValueError(msg)
                content[name] = archive.read(name)
        saved_len = json.loads(content[_CONFIG_MEMBER])["build_config"]["input_shape"][1]
        if saved_len != max_len:
            msg = f"a model that takes {saved_len!r} ids, where {CONFIG_FILE} says {max_len}"
            raise ValueError(msg)
        with h5py.File(io.BytesIO(content[_WEIGHTS_MEMBER]), "r") as weights:
            return (
                [_read_array(weights, name, shape) for name, shape in shapes.items()],
                [_read_array(weights, name, shape) for name, shape in state.items()],
            )
    except Exception as error:
        # KeyError quotes its message.
        received = error.args[0] if isinstance(error, KeyError) and error.args else error
        msg = f"Cannot read {path}. Expected: the model saved with {CONFIG_FILE}. Received: {received}"
        raise BundleError(msg) from error


def _read_array(weights: h5py.File, name: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    if name not in weights:
        msg = f"no {name}"
        raise ValueError(msg)
    dataset = weights[name]
    # A data set may name another file to take its values from; a saved model never does.
    plain = isinstance(dataset, h5py.Dataset) and dataset.file == weights.file
    if not plain or dataset.external or dataset.is_virtual:
        msg = f"{name} is not a plain array"
        raise ValueError(msg)
    # Keras counts the optimizer's steps in int32, on TensorFlow in int64.
    dtypes = ("int32", "int64") if name == _ITERATION else ("float32",)
    if dataset.shape != shape or dataset.dtype not in dtypes:
        msg = f"{name} of shape {dataset.shape} and type {dataset.dtype}, not {shape} and {' or '.join(dtypes)}"
        raise ValueError(msg)
    array: npt.NDArray[Any] = np.asarray(dataset[()])
    if not np.isfinite(array).all():
        msg = f"{name} with values that are not finite"
        raise ValueError(msg)
    return array
