"""The saved folder of a classifier: its files, how they are written, and how untrusted folders are read.

- `best-embedding-model.keras`: a plain Keras file; `keras.models.load_model` opens it on any backend.
- `best-embedding-config.json`: the tutorial's settings `max_len`, `num_words` and `word_index` (word -> rank, 1 is the
  most frequent word), and the additional settings of this library under `imdb_rnn`.
- `manifest.json`: the settings, data and results of the training, and the SHA-256 of every file, including itself.
- `history.json`, `history.png`: loss and accuracy after each epoch.
- `estimator.json`: the labels and parameters of a `ReviewClassifier`.
- `training-state.npz`: the state of a training that is not complete (see `imdb_rnn.training.state`).

Nothing in a folder is trusted: the model is built by this library (see `imdb_rnn.inference.keras_file`), and every size
is checked against the bytes of the file before memory is allocated.

Folders of earlier versions, with ids from 4 in `word_index` and without hashes in the manifest, can still be read, and
so can folders saved by the tutorial's own program, which have no manifest.
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
from filelock import FileLock, Timeout

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
# The state of a training, until it is complete; see imdb_rnn.training.state.
STATE_FILE = "training-state.npz"
# Locked by the training that writes to the folder.
LOCK_FILE = ".training"
FILES = {MODEL_FILE, CONFIG_FILE, MANIFEST_FILE, HISTORY_FILE, PLOT_FILE, ESTIMATOR_FILE}

# 2: `word_index` has ranks, and the manifest has hashes. The earlier format had no number.
FORMAT = 2
# The key of this library's own settings in the tutorial's settings file.
OURS = "imdb_rnn"
# The entries that protect a manifest; `previous` exists only while files are replaced.
_SEAL = ("format", "files", "previous", "sha256")

# The size limit of a JSON file, in bytes.
_MAX_JSON_BYTES = 8_000_000


@dataclass(frozen=True)
class Bundle:
    """The content of a saved folder after all checks.

    Attributes:
        preprocessing: the conversion of reviews to the model's input.
        words: all words of the corpus, the most frequent first.
        vocabulary: the words that the model knows.
        weights: float32 arrays in the order of `build_model(num_words, max_len).weights`.
        trainable: for each of the three layers, whether training changes its weights.
        optimizer: the state of Adam: iterations and learning rate, then momentum and velocity of each trainable weight;
            None if the file has no such state.
        manifest: the description of the training.
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
    """Raise errors of the file system as `BundleError`."""
    try:
        yield
    except (OSError, ValueError) as error:  # a name with a NUL is a ValueError
        msg = f"Cannot save to {directory}. Expected: a folder that can be written. Received: {error}"
        raise BundleError(msg) from error


@contextmanager
def exclusive_directory(directory: Path, *, resume: bool = False) -> Iterator[None]:
    """Reserve a folder for one training.

    Within the block, a locked file in the folder keeps other trainings out; the lock of a process that has died does
    not. If no manifest has been written at the end of the block, the files of the bundle and the folders created for it
    are removed.

    Args:
        directory: a new or empty folder.
        resume: whether it may also be the folder of a training that is complete, or was interrupted.

    Raises:
        BundleError: `directory` is a file, contains something else, is in use, or cannot be created.
    """
    with disk_errors_as_bundle_errors(directory):
        missing = [folder for folder in (directory, *directory.parents) if not folder.exists()]
        directory.mkdir(parents=True, exist_ok=True)
    _check_content(directory, resume)
    try:
        with _locked(directory):
            # Another training may have come to its end since.
            _check_content(directory, resume)
            try:
                yield
            finally:
                if not (directory / MANIFEST_FILE).is_file():
                    for name in (*FILES, STATE_FILE):
                        (directory / name).unlink(missing_ok=True)
    finally:
        with suppress(OSError):  # a folder that is not empty stays
            for folder in missing:
                folder.rmdir()


def _check_content(directory: Path, resume: bool) -> None:
    """Raise `BundleError` unless a training may write to a folder."""
    with disk_errors_as_bundle_errors(directory):
        names = _names(directory)
    interrupted = STATE_FILE in names
    if not names or (resume and (interrupted or MANIFEST_FILE in names)):
        return
    received = "one that is not empty. Choose another one"
    if interrupted:
        received = "one with an interrupted training. Resume it with `--resume`, or choose another one"
    msg = f"Cannot save to {directory}. Expected: a new or an empty folder. Received: {received}"
    raise BundleError(f"{msg}; nothing in it was changed.")


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Lock a folder within a block, so that others do not write to it.

    The operating system unlocks the folder of a process that has died.
    """
    lock = FileLock(directory / LOCK_FILE, timeout=0)
    with disk_errors_as_bundle_errors(directory):
        try:
            lock.acquire()
        except Timeout as error:
            msg = (
                f"Cannot save to {directory}. Expected: a folder that nothing else writes to. Received: one that a "
                "training writes to. Wait until it has ended, or choose another one."
            )
            raise BundleError(msg) from error
    try:
        for file in _leftovers(directory):
            file.unlink(missing_ok=True)
        yield
    finally:
        (directory / LOCK_FILE).unlink(missing_ok=True)
        lock.release()


def _names(directory: Path) -> set[str]:
    """Return the names in a folder, without those of a process that was killed while it wrote."""
    return {file.name for file in directory.iterdir()} - {LOCK_FILE} - {file.name for file in _leftovers(directory)}


def _leftovers(directory: Path) -> list[Path]:
    """Return the temporary files of `atomic_write` in a folder."""
    files = [Path(name) for name in (*FILES, STATE_FILE)]
    return [found for file in files for found in directory.glob(f".{file.stem}-*{file.suffix}")]


def save(directory: Path, manifest: Manifest, files: Mapping[str, bytes]) -> None:
    """Write to a new or empty folder, or replace the model in a folder of the same classifier.

    Args:
        directory: the folder. If it is not empty, it must be a saved folder with the same settings as `files`.
        manifest: the content of `manifest.json`.
        files: file name -> content.

    Raises:
        BundleError: the folder contains something else, or cannot be written.
    """
    with disk_errors_as_bundle_errors(directory):
        names = _names(directory) if directory.is_dir() else set()
    settings = [name for name in (CONFIG_FILE, ESTIMATOR_FILE) if name in files]
    if names <= FILES and {*settings, MANIFEST_FILE} <= names:
        for name in settings:
            if _read(directory / name, _MAX_JSON_BYTES) != files[name]:
                msg = (
                    f"Cannot save to {directory}. Expected: a new or an empty folder, or that of this classifier. "
                    f"Received: one with another {name}. Choose another one; nothing in it was changed."
                )
                raise BundleError(msg)
        with _locked(directory), disk_errors_as_bundle_errors(directory):
            write(directory, manifest, {name: content for name, content in files.items() if name not in settings})
    else:
        with exclusive_directory(directory), disk_errors_as_bundle_errors(directory):
            write(directory, manifest, files)


def write(directory: Path, manifest: Manifest, files: Mapping[str, bytes]) -> None:
    """Write files and the manifest so that the folder can be read even if the process is killed at any moment.

    Several files cannot be replaced at once. Therefore a manifest that describes the old and the new state is written
    first, and a reader uses the state of the model file.

    Args:
        directory: a saved folder, or an empty one. Files that are not in `files` are not changed.
        manifest: the content of `manifest.json`.
        files: file name -> content. The settings of a complete folder must not change.

    Raises:
        BundleError: the folder is damaged.
        OSError: the folder cannot be written.
        ValueError: the manifest contains a number that is not finite, or text that cannot be encoded.
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
    """Encode content as JSON, in the form of all files of a saved folder.

    Raises:
        ValueError: the content has a number that is not finite, or text that cannot be encoded in UTF-8.
    """
    return (json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode()


def config_bytes(words: Sequence[str], preprocessing: Preprocessing) -> bytes:
    """Return the content of `best-embedding-config.json`.

    Args:
        words: all words of the corpus, the most frequent first. Only the first `MAX_NUM_WORDS` are written, because no
            model can know more.
        preprocessing: the conversion of reviews to the model's input.

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
            f"Cannot save the vocabulary. Expected: words of at most {_MAX_JSON_BYTES:,} bytes in total. "
            f"Received: {len(content):,} bytes for {len(words):,} words."
        )
        raise BundleError(msg)
    return content


def _put(path: Path, content: bytes) -> None:
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)


# --- The manifest and its hashes -------------------------------------------------------------------------------------


class _State(NamedTuple):
    """The manifest of a folder, and the hashes of its files.

    Attributes:
        manifest: the content of the manifest.
        files: file name -> SHA-256 when the current model file was saved; None if the manifest has no hashes.
        accepted: file name -> all valid SHA-256 of the file.
    """

    manifest: Manifest
    files: dict[str, str] | None
    accepted: dict[str, set[str]]


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _sealed(
    manifest: Mapping[str, Any], hashes: Mapping[str, str], previous: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return a manifest with the hashes of the files and of itself."""
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
    """Read the manifest of a folder and the hashes of its files.

    Args:
        directory: the folder.
        model: the content of its model file, which decides between the two states of an interrupted write.

    Raises:
        BundleError: the manifest is missing, was changed, or was not saved with the model.
    """
    sealed = _read_json(directory / MANIFEST_FILE)
    if not any(name in sealed for name in _SEAL):
        return _State(_manifest_of(directory, sealed), None, {})
    states = [sealed, sealed.get("previous", sealed)]
    if not all(isinstance(state, dict) and _is_sealed(state) for state in states):
        version = sealed.get("format")
        received = "one that was changed, or one without hashes"
        if type(version) is int and version > FORMAT:
            received = f"format {version}, which needs a later version of imdb_rnn"
        msg = (
            f"Cannot read {directory / MANIFEST_FILE}. Expected: an unchanged manifest of format {FORMAT}. "
            f"Received: {received}."
        )
        raise BundleError(msg)
    # The other files can be of either state: a history with one epoch more or less is also valid.
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
        f"Received: another one, or a damaged one. To save a model after further training, use Classifier.save."
    )
    raise BundleError(msg)


def _manifest_of(directory: Path, sealed: Mapping[str, Any]) -> Manifest:
    try:
        return Manifest.from_json({name: value for name, value in sealed.items() if name not in _SEAL})
    except ValueError as error:
        msg = f"Cannot read {directory / MANIFEST_FILE}. Expected: what `imdb-rnn train` writes. Received: {error}."
        raise BundleError(msg) from error


def _current_on_disk(directory: Path) -> dict[str, Any]:
    """Read the manifest of a folder, with the hashes of the current files.

    After an interrupted write, the history can be of either state; see `_state_of`.
    """
    state = _state_on_disk(directory)
    if state.files is None:
        msg = f"Cannot write to {directory}. Expected: a manifest with hashes. Received: one without."
        raise BundleError(msg)
    files = dict(state.files)
    for name in {*files} - {MODEL_FILE}:
        with suppress(BundleError):  # a missing or damaged file keeps its saved hash
            files[name] = _sha256(_checked(directory / name, _read(directory / name, _MAX_JSON_BYTES), state))
    return _sealed(state.manifest.to_json(), files)


def _checked(path: Path, content: bytes, state: _State) -> bytes:
    """Return the content of a file, or raise `BundleError` if the manifest has another hash for it."""
    if state.files is not None and _sha256(content) not in state.accepted.get(path.name, ()):
        msg = (
            f"Cannot read {path}. Expected: the file that {MANIFEST_FILE} was saved with. "
            f"Received: another file, or a changed one."
        )
        raise BundleError(msg)
    return content


# --- Reading ---------------------------------------------------------------------------------------------------------


def read_bundle(directory: Path) -> Bundle:
    """Read a saved folder and check that its files belong together.

    Raises:
        BundleError: a file is missing, damaged, or does not match the others.
    """
    directory = Path(directory)
    try:
        exists = directory.is_dir()
    except (OSError, ValueError):  # the name is too long, or a parent folder is not readable
        exists = False
    if not exists:
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
        msg = f"Cannot read {directory / MANIFEST_FILE}. Expected: hashes of the files. Received: no hashes."
        raise BundleError(msg)
    num_words = _whole_number(directory, config, "num_words", MINIMUM["num_words"], MAX_NUM_WORDS)
    max_len = _whole_number(directory, config, "max_len", 1, MAX_MAX_LEN)
    windows = False if by_tutorial else _windows(directory, config if ours is None else ours)
    words = _read_words(directory, config, 1 if by_tutorial or ours is not None else INDEX_FROM + 1)
    vocabulary = _known(directory, words, num_words)
    preprocessing = make_preprocessing(num_words, max_len, windows)
    if not by_tutorial:
        _check_same_training(directory, state.manifest, preprocessing, vocabulary)
    model = keras_file.read_model(directory / MODEL_FILE, content, num_words, max_len)
    return Bundle(preprocessing, words, vocabulary, *model, state.manifest)


def read_part(directory: Path, name: str) -> dict[str, Any]:
    """Read a JSON file of a saved folder.

    Raises:
        BundleError: the file is missing, damaged, or was not saved with the manifest.
    """
    path = Path(directory) / name
    content = _read(path, _MAX_JSON_BYTES)
    return _parsed(path, _checked(path, content, _state_on_disk(Path(directory))))


def read_manifest(directory: Path) -> Manifest:
    """Read `manifest.json`.

    Raises:
        BundleError: the manifest is missing, damaged, or was not saved with the model.
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
    """Parse a JSON object.

    Raises:
        BundleError: the content is not a JSON object, or has something that is never saved; see `strict_json`.
    """
    try:
        parsed = strict_json.parse(content)
        if not isinstance(parsed, dict):
            msg = f"a {type(parsed).__name__}"
            raise TypeError(msg)
    except (ValueError, TypeError) as error:
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
    """Return the words in the order of their numbers, which must be `first`, `first` + 1, …"""
    word_index = config.get("word_index")
    numbers = list(word_index.values()) if isinstance(word_index, dict) else []
    wanted = list(range(first, first + len(numbers)))
    proper = isinstance(word_index, dict) and set(map(type, numbers)) == {int}
    if proper and numbers == wanted:  # the order in which this library saves words
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
        msg = f"Cannot load {directory}: `word_index` in {CONFIG_FILE}. {error}"
        raise BundleError(msg) from error


def _check_same_training(
    directory: Path,
    manifest: Manifest,
    preprocessing: Preprocessing,
    vocabulary: Vocabulary,
) -> None:
    """Raise `BundleError` unless the settings and the manifest are from the same training."""
    for name in ("max_len", "num_words", "windows"):
        value = getattr(preprocessing, name)
        if manifest.recipe.get(name) != value:
            wanted = reprlib.repr(manifest.recipe.get(name))
            msg = (
                f"Cannot load {directory}. Expected: `{name}` {wanted} in {CONFIG_FILE}, as in the manifest. "
                f"Received: {value}. The files are not from the same training."
            )
            raise BundleError(msg)
    if manifest.vocabulary != vocabulary.fingerprint:
        msg = (
            f"Cannot load {directory}. Expected: the `word_index` that the model was trained with. Received: another "
            f"one, of {len(vocabulary)} words. The files are not from the same training."
        )
        raise BundleError(msg)
