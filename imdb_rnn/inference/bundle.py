"""A saved folder: what is in it, how it is written, and how it is read without being trusted.

- `best-embedding-model.keras`: a plain Keras file; `keras.models.load_model` opens it on any backend.
- `best-embedding-config.json`: the tutorial's settings, `max_len`, `num_words` and `word_index` (word -> rank, 1 is the
  most frequent word), and under `imdb_rnn` what this library needs beside them.
- `manifest.json`: what was trained, on what, with what result; and the SHA-256 of every file, its own included.
- `history.json`, `history.png`: loss and accuracy after each epoch.
- `estimator.json`: the labels and parameters of a `ReviewClassifier`.

Nothing in a folder is trusted: the model is built by our own code (see imdb_rnn.inference.keras_file), and every size is checked
against the bytes that are there before memory is taken for it.

Folders of earlier versions, whose `word_index` holds ids from 4 and whose manifest holds no hashes, can still be read,
and so can a folder that the tutorial's own program has written, which has no manifest.
"""

import hashlib
import json
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from imdb_rnn import strict_json
from imdb_rnn.errors import BundleError, DataError
from imdb_rnn.files import atomic_write, read_file
from imdb_rnn.inference import keras_file
from imdb_rnn.inference.manifest import Manifest
from imdb_rnn.text.preprocessing import Preprocessing, make_preprocessing
from imdb_rnn.text.tokens import INDEX_FROM, Vocabulary
from imdb_rnn.validation import MAX_MAX_LEN, MAX_NUM_WORDS, MINIMUM

MODEL_FILE = keras_file.MODEL_FILE
CONFIG_FILE = keras_file.CONFIG_FILE
MANIFEST_FILE = "manifest.json"
HISTORY_FILE = "history.json"
PLOT_FILE = "history.png"
ESTIMATOR_FILE = "estimator.json"
FILES = {MODEL_FILE, CONFIG_FILE, MANIFEST_FILE, HISTORY_FILE, PLOT_FILE, ESTIMATOR_FILE}

# 2: `word_index` holds ranks, and the manifest holds hashes. What came before had no number.
FORMAT = 2
# The key of the settings that are not the tutorial's.
OURS = "imdb_rnn"
# What a manifest holds beside its content; `previous` only while files are being replaced.
_SEAL = ("format", "files", "previous", "sha256")

# Bytes.
_MAX_JSON_BYTES = 8_000_000


@dataclass(frozen=True)
class Bundle:
    """A saved folder, read and checked.

    Attributes:
        preprocessing: how the model reads reviews.
        words: all words of the corpus, the most frequent first.
        vocabulary: those that the model knows.
        weights: float32 arrays in the order of `build_model(num_words, max_len).weights`.
        trainable: for each of the three layers, whether training changes its weights.
        optimizer: the state of Adam: iteration and learning rate, then momentum and velocity of each trainable weight;
            None if the file has no such state.
        manifest: what is known of the training.
    """

    preprocessing: Preprocessing
    words: tuple[str, ...]
    vocabulary: Vocabulary
    weights: list[npt.NDArray[np.float32]]
    trainable: tuple[bool, ...]
    optimizer: list[npt.NDArray[Any]] | None
    manifest: Manifest


# --- Writing ---------------------------------------------------------------------------------------------------------


@contextmanager
def disk_errors_as_bundle_errors(directory: Path) -> Iterator[None]:
    """Turn what goes wrong with a disk into a `BundleError`."""
    try:
        yield
    except (OSError, ValueError) as error:  # a name with a NUL is a ValueError
        msg = f"Cannot save to {directory}. Expected: a folder that can be written. Received: {error}"
        raise BundleError(msg) from error


@contextmanager
def exclusive_directory(directory: Path) -> Iterator[None]:
    """Keep a new or empty folder for one training.

    While the block runs a marker in the folder keeps other trainings out. If no manifest has been written by its end,
    what there is of a bundle is taken away again, and so are the folders that were made for it.

    Raises:
        BundleError: it is a file, holds something already, or cannot be made.
    """
    with disk_errors_as_bundle_errors(directory):
        missing = [folder for folder in (directory, *directory.parents) if not folder.exists()]
        directory.mkdir(parents=True, exist_ok=True)
        filled = any(directory.iterdir())
    if filled:
        msg = (
            f"Cannot save to {directory}. Expected: a new or an empty folder. Received: one that holds something. "
            f"Name another one; nothing in it was changed."
        )
        raise BundleError(msg)
    try:
        with _marked(directory):
            try:
                yield
            finally:
                if not (directory / MANIFEST_FILE).is_file():
                    for name in FILES:
                        (directory / name).unlink(missing_ok=True)
    finally:
        with suppress(OSError):  # a folder that holds something stays
            for folder in missing:
                folder.rmdir()


@contextmanager
def _marked(directory: Path) -> Iterator[None]:
    """Keep others from writing to a folder at the same time."""
    marker = directory / ".training"
    with disk_errors_as_bundle_errors(directory):
        marker.touch(exist_ok=False)
    try:
        yield
    finally:
        marker.unlink(missing_ok=True)


def save(directory: Path, manifest: Manifest, files: Mapping[str, bytes]) -> None:
    """Write a new or empty folder, or replace the model in the folder of the same classifier.

    Args:
        directory: the folder. If it is not empty, it must be a saved folder with the same settings as `files`.
        manifest: the content of `manifest.json`.
        files: file name -> content.

    Raises:
        BundleError: the folder holds something else, or cannot be written.
    """
    with disk_errors_as_bundle_errors(directory):
        names = {file.name for file in directory.iterdir()} if directory.is_dir() else set()
    settings = [name for name in (CONFIG_FILE, ESTIMATOR_FILE) if name in files]
    if names <= FILES and {*settings, MANIFEST_FILE} <= names:
        for name in settings:
            if _read(directory / name, _MAX_JSON_BYTES) != files[name]:
                msg = (
                    f"Cannot save to {directory}. Expected: a new or an empty folder, or that of this classifier. "
                    f"Received: one with another {name}. Name another one; nothing in it was changed."
                )
                raise BundleError(msg)
        with _marked(directory), disk_errors_as_bundle_errors(directory):
            write(directory, manifest, {name: content for name, content in files.items() if name not in settings})
    else:
        with exclusive_directory(directory), disk_errors_as_bundle_errors(directory):
            write(directory, manifest, files)


def write(directory: Path, manifest: Manifest, files: Mapping[str, bytes]) -> None:
    """Write files and then the manifest, so that a kill at any moment leaves a folder that can be read.

    Several files cannot be replaced at once. So a manifest that describes the old and the new state is written first.
    A reader uses the state that the model file belongs to.

    Args:
        directory: a saved folder, or an empty one. Files that are not in `files` stay as they are.
        manifest: the content of `manifest.json`.
        files: file name -> content. Settings of a folder that is complete must not change.

    Raises:
        BundleError: what is in the folder is damaged.
        OSError: it cannot be written.
        ValueError: the manifest holds numbers that are not finite, or text that cannot be written.
    """
    before = _current_on_disk(directory) if (directory / MANIFEST_FILE).exists() else None
    kept = {} if before is None else before["files"]
    hashes = kept | {name: _sha256(content) for name, content in files.items()}
    if before is not None:
        _put(directory / MANIFEST_FILE, json_bytes(_sealed(manifest.to_json(), hashes, before)))
    for name, content in files.items():
        _put(directory / name, content)
    _put(directory / MANIFEST_FILE, json_bytes(_sealed(manifest.to_json(), hashes)))


def json_bytes(content: Any) -> bytes:
    """Encode JSON as in all files of a saved folder.

    Raises:
        ValueError: a number in it is not finite, or a text cannot be written as UTF-8.
    """
    return (json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode()


def config_bytes(words: Sequence[str], preprocessing: Preprocessing) -> bytes:
    """Write the settings as the content of `best-embedding-config.json`.

    Args:
        words: all words of the corpus, the most frequent first. Words after the first `MAX_NUM_WORDS` are not written,
            because no model can know them.
        preprocessing: how the model reads reviews.

    Raises:
        BundleError: the words have too many bytes to be read again.
    """
    config = {
        "max_len": preprocessing.max_len,
        "num_words": preprocessing.num_words,
        "word_index": {word: rank for rank, word in enumerate(words[:MAX_NUM_WORDS], start=1)},
        OURS: {"format": FORMAT, "windows": preprocessing.windows},
    }
    content = json.dumps(config, ensure_ascii=False, indent=4).encode()
    if len(content) > _MAX_JSON_BYTES:
        msg = (
            f"Cannot save the vocabulary. Expected: words of at most {_MAX_JSON_BYTES:,} bytes in all. "
            f"Received: {len(content):,} bytes for {len(words):,} words."
        )
        raise BundleError(msg)
    return content


def _put(path: Path, content: bytes) -> None:
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)


# --- The manifest and its hashes -------------------------------------------------------------------------------------


class _State(NamedTuple):
    """What a manifest says of the files beside it.

    Attributes:
        manifest: its content.
        files: file name -> SHA-256, as saved with the model that is there; None if the manifest has no hashes.
        accepted: file name -> every SHA-256 that the file may have.
    """

    manifest: Manifest
    files: dict[str, str] | None
    accepted: dict[str, set[str]]


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _sealed(
    manifest: Mapping[str, Any], hashes: Mapping[str, str], previous: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A manifest with the hashes of the files and its own."""
    sealed = {**manifest, "format": FORMAT, "files": dict(sorted(hashes.items()))}
    if previous is not None:
        sealed["previous"] = dict(previous)
    return sealed | {"sha256": _own_hash(sealed)}


def _own_hash(sealed: Mapping[str, Any]) -> str:
    content = {name: value for name, value in sealed.items() if name != "sha256"}
    return _sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode())


def _is_sealed(manifest: Mapping[str, Any]) -> bool:
    files = manifest.get("files")
    return (
        manifest.get("format") == FORMAT
        and isinstance(files, dict)
        and all(isinstance(value, str) for value in files.values())
        and manifest.get("sha256") == _own_hash(manifest)
    )


def _state_of(directory: Path, model: bytes) -> _State:
    """Read what the manifest of a folder says of the files beside it.

    Args:
        directory: the folder.
        model: the content of its model file. It tells which of two states the folder is in.

    Raises:
        BundleError: the manifest is missing, was changed, or was not saved with the model.
    """
    sealed = _read_json(directory / MANIFEST_FILE)
    if not any(name in sealed for name in _SEAL):
        return _State(_manifest_of(directory, sealed), None, {})
    states = [sealed, sealed.get("previous", sealed)]
    if not all(isinstance(state, dict) and _is_sealed(state) for state in states):
        version = sealed.get("format")
        received = "one that was changed, or that has no hashes"
        if type(version) is int and version > FORMAT:
            received = f"format {version}, which needs a later version of imdb_rnn"
        msg = (
            f"Cannot read {directory / MANIFEST_FILE}. Expected: a manifest as it was saved, format {FORMAT}. "
            f"Received: {received}."
        )
        raise BundleError(msg)
    # The other files may be of either state: a history with one epoch more or less is as true.
    accepted: dict[str, set[str]] = {}
    for state in states:
        for name, value in state["files"].items():
            accepted.setdefault(name, set()).add(value)
    hash_of_model = _sha256(model)
    for state in states:
        if state["files"].get(MODEL_FILE) == hash_of_model:
            return _State(_manifest_of(directory, state), state["files"], accepted)
    msg = (
        f"Cannot read {directory / MODEL_FILE}. Expected: the model that {MANIFEST_FILE} was saved with. "
        f"Received: another one, or a damaged one. To save a model that was trained on, use Classifier.save."
    )
    raise BundleError(msg)


def _manifest_of(directory: Path, sealed: Mapping[str, Any]) -> Manifest:
    try:
        return Manifest.from_json({name: value for name, value in sealed.items() if name not in _SEAL})
    except ValueError as error:
        msg = f"Cannot read {directory / MANIFEST_FILE}. Expected: what `imdb-rnn train` writes. Received: {error}."
        raise BundleError(msg) from error


def _current_on_disk(directory: Path) -> dict[str, Any]:
    """Read the manifest of a folder, with the hashes of the files that are there.

    If an earlier write was interrupted, a history can be of either state: see `_state_of`.
    """
    state = _state_on_disk(directory)
    if state.files is None:
        msg = f"Cannot write to {directory}. Expected: a manifest with hashes. Received: one without."
        raise BundleError(msg)
    files = dict(state.files)
    for name in {*files} - {MODEL_FILE}:
        with suppress(BundleError):  # a file that is missing or damaged keeps the hash that it was saved with
            files[name] = _sha256(_checked(directory / name, _read(directory / name, _MAX_JSON_BYTES), state))
    return _sealed(state.manifest.to_json(), files)


def _checked(path: Path, content: bytes, state: _State) -> bytes:
    """Return the content of a file, or raise `BundleError` if the manifest has another hash for it."""
    if state.files is not None and _sha256(content) not in state.accepted.get(path.name, ()):
        msg = (
            f"Cannot read {path}. Expected: the file that {MANIFEST_FILE} was saved with. "
            f"Received: another one, or one that was changed."
        )
        raise BundleError(msg)
    return content


# --- Reading ---------------------------------------------------------------------------------------------------------


def read_bundle(directory: Path) -> Bundle:
    """Read a saved folder and check that its parts belong together.

    Raises:
        BundleError: a file is missing, damaged, or does not fit the others.
    """
    directory = Path(directory)
    try:
        there = directory.is_dir()
    except (OSError, ValueError):  # a name too long, a parent that may not be read
        there = False
    if not there:
        msg = f"Cannot load {directory}. Expected: a folder saved by `imdb-rnn train --out`. Received: no such folder."
        raise BundleError(msg)
    settings = _read(directory / CONFIG_FILE, _MAX_JSON_BYTES)
    config = _parsed(directory / CONFIG_FILE, settings)
    ours = config.get(OURS)
    by_tutorial = ours is None and "windows" not in config and not (directory / MANIFEST_FILE).exists()
    content = _read(directory / MODEL_FILE, keras_file.MAX_MODEL_BYTES)
    state = _State(Manifest(), None, {}) if by_tutorial else _state_of(directory, content)
    _checked(directory / CONFIG_FILE, settings, state)
    if ours is not None and state.files is None:
        msg = f"Cannot read {directory / MANIFEST_FILE}. Expected: hashes of the files. Received: a manifest without."
        raise BundleError(msg)
    num_words = _whole_number(directory, config, "num_words", MINIMUM["num_words"], MAX_NUM_WORDS)
    max_len = _whole_number(directory, config, "max_len", 1, MAX_MAX_LEN)
    windows = False if by_tutorial else _windows(directory, config if ours is None else ours)
    words = _read_words(directory, config, 1 if by_tutorial or ours is not None else INDEX_FROM + 1)
    vocabulary = _known(directory, words, num_words)
    preprocessing = make_preprocessing(num_words, max_len, windows)
    if not by_tutorial:
        _check_of_one_training(directory, state.manifest, preprocessing, vocabulary)
    model = keras_file.read_model(directory / MODEL_FILE, content, num_words, max_len)
    return Bundle(preprocessing, words, vocabulary, *model, state.manifest)


def read_part(directory: Path, name: str) -> dict[str, Any]:
    """Read one of the JSON files of a saved folder.

    Raises:
        BundleError: it is missing, damaged, or not the one that was saved with the manifest.
    """
    path = Path(directory) / name
    content = _read(path, _MAX_JSON_BYTES)
    return _parsed(path, _checked(path, content, _state_on_disk(Path(directory))))


def read_manifest(directory: Path) -> Manifest:
    """Read `manifest.json`.

    Raises:
        BundleError: it is missing, damaged, or was not saved with the model.
    """
    return _state_on_disk(Path(directory)).manifest


def _state_on_disk(directory: Path) -> _State:
    return _state_of(directory, _read(directory / MODEL_FILE, keras_file.MAX_MODEL_BYTES))


def _read(path: Path, limit: int) -> bytes:
    try:
        return read_file(path, limit)
    except (OSError, ValueError) as error:
        msg = f"Cannot read {path}. Expected: a file saved by `imdb-rnn train --out`. Received: {error}"
        raise BundleError(msg) from error


def _read_json(path: Path) -> dict[str, Any]:
    return _parsed(path, _read(path, _MAX_JSON_BYTES))


def _parsed(path: Path, content: bytes) -> dict[str, Any]:
    """A JSON object.

    Raises:
        BundleError: it is something else, or holds what our files never hold.
    """
    try:
        parsed = strict_json.parse(content)
        if not isinstance(parsed, dict):
            msg = f"a {type(parsed).__name__}"
            raise TypeError(msg)
    except (ValueError, TypeError, RecursionError) as error:
        msg = f"Cannot read {path}. Expected: a JSON object saved by `imdb-rnn train --out`. Received: {error!s:.300}"
        raise BundleError(msg) from error
    return parsed


def _whole_number(directory: Path, config: Mapping[str, Any], name: str, least: int, most: int) -> int:
    value = config.get(name)
    if type(value) is not int or not least <= value <= most:
        msg = (
            f"Cannot load {directory}. Expected: `{name}` in {CONFIG_FILE}, a number from {least} to {most:,}. "
            f"Received: {reprlib.repr(value)}."
        )
        raise BundleError(msg)
    return value


def _windows(directory: Path, settings: Any) -> bool:
    windows = settings.get("windows") if isinstance(settings, dict) else None
    if not isinstance(windows, bool):
        received = reprlib.repr(windows)
        msg = f"Cannot load {directory}. Expected: `windows` in {CONFIG_FILE}, true or false. Received: {received}."
        raise BundleError(msg)
    return windows


def _read_words(directory: Path, config: Mapping[str, Any], first: int) -> tuple[str, ...]:
    """The words in the order of their numbers, which must be `first`, `first` + 1, …"""
    word_index = config.get("word_index")
    numbers = list(word_index.values()) if isinstance(word_index, dict) else []
    wanted = list(range(first, first + len(numbers)))
    proper = isinstance(word_index, dict) and set(map(type, numbers)) == {int}
    if proper and numbers == wanted:  # as we write it
        return tuple(config["word_index"])
    if not proper or sorted(numbers) != wanted:
        received = f"{type(word_index).__name__} of {len(numbers)} entries"
        kind = "rank" if first == 1 else "id"
        msg = (
            f"Cannot load {directory}. Expected: `word_index`, word -> {kind} from {first}, in {CONFIG_FILE}. "
            f"Received: {received}."
        )
        raise BundleError(msg)
    return tuple(sorted(config["word_index"], key=config["word_index"].__getitem__))


def _known(directory: Path, words: Sequence[str], num_words: int) -> Vocabulary:
    try:
        return Vocabulary(words[: num_words - INDEX_FROM - 1])
    except DataError as error:
        msg = (
            f"Cannot load {directory}. Expected: `word_index` of words in {CONFIG_FILE}, distinct and none empty. "
            f"Received: some that are not."
        )
        raise BundleError(msg) from error


def _check_of_one_training(
    directory: Path,
    manifest: Manifest,
    preprocessing: Preprocessing,
    vocabulary: Vocabulary,
) -> None:
    """Raise `BundleError` unless settings and manifest are of one training."""
    for name in ("max_len", "num_words", "windows"):
        value = getattr(preprocessing, name)
        if manifest.recipe.get(name) != value:
            wanted = reprlib.repr(manifest.recipe.get(name))
            msg = (
                f"Cannot load {directory}. Expected: `{name}` {wanted} in {CONFIG_FILE}, as trained. "
                f"Received: {value}. The files are not of one training."
            )
            raise BundleError(msg)
    if manifest.vocabulary != vocabulary.fingerprint:
        msg = (
            f"Cannot load {directory}. Expected: the `word_index` that the model was trained with. Received: another "
            f"one, of {len(vocabulary)} words. The files are not of one training."
        )
        raise BundleError(msg)
