"""Reviews in a file of Keras's format: `imdb.npz` and the word index beside it.

May import: numpy, the standard library, imdb_rnn.corpora, imdb_rnn.errors, imdb_rnn.files, imdb_rnn.tokens.

The file holds `x_train`, `y_train`, `x_test`, `y_test`, the x being arrays of lists of word ranks, which NumPy stores
as a pickle. A pickle can run code when it is read, so it is read here by an unpickler that knows nothing but arrays.
"""

import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from imdb_rnn.corpora.cache import cached
from imdb_rnn.corpora.reviews import Corpus, EncodedReviews, check_classes
from imdb_rnn.errors import DataError
from imdb_rnn.files import sha256_of_files
from imdb_rnn.tokens import INDEX_FROM, START, Vocabulary

# The order in which `keras.datasets.imdb.load_data` returns the reviews of the file.
KERAS_SHUFFLE_SEED = 113


def load(source: str, path: Path, word_index: Path, vocabulary: Vocabulary | None = None) -> Corpus:
    """Read a file of Keras's format, in the order of `keras.datasets.imdb.load_data(seed=113)`.

    Args:
        source: the name to give the corpus.
        path: the .npz file.
        word_index: the JSON file of word -> rank that belongs to it.
        vocabulary: the words to write the reviews in; None keeps those of the word index.

    Raises:
        DataError: a file is missing, damaged or of another format. Neither file is ever changed.
    """
    for file in (path, word_index):
        if not file.is_file():
            msg = f"Cannot read {source}. Expected: a file {file}. Received: none there."
            raise DataError(msg)
    fingerprint = sha256_of_files(path, word_index)
    corpus = cached(source, f"npz {fingerprint}", None, lambda: _read(source, path, word_index, fingerprint))
    return corpus if vocabulary is None else corpus.with_vocabulary(vocabulary)


def load_beside_its_words(path: Path, vocabulary: Vocabulary | None = None) -> Corpus:
    """Read a file whose word index lies beside it: `imdb_word_index.json` for `imdb.npz`. See `load`."""
    return load(f"npz:{path}", path, path.with_name(f"{path.stem}_word_index.json"), vocabulary)


def _read(source: str, path: Path, word_index: Path, fingerprint: str) -> Corpus:
    vocabulary = Vocabulary.load(word_index)
    random = np.random.RandomState(KERAS_SHUFFLE_SEED)
    splits = []
    try:
        with zipfile.ZipFile(path) as archive:
            for split in ("train", "test"):
                ranks, labels = (_read_member(archive, f"{axis}_{split}.npy") for axis in "xy")
                reviews = _encode(ranks, labels, len(vocabulary))
                check_classes(source, reviews.labels, split)
                order = np.arange(len(reviews))
                random.shuffle(order)
                splits.append(reviews.take(order))
    except Exception as error:
        msg = (
            f"Cannot read {path}. Expected: a .npz of Keras's format, x_train, y_train, x_test, y_test with word ranks "
            f"of {word_index.name} and labels 0 or 1. Received: {error}"
        )
        raise DataError(msg) from error
    return Corpus(source, fingerprint, vocabulary, *splits)


def _encode(ranks: npt.NDArray[Any], labels: npt.NDArray[Any], words: int) -> EncodedReviews:
    """Turn rank lists into ids: rank + 3, with `START` before each review."""
    if ranks.ndim not in (1, 2) or labels.shape != ranks.shape[:1]:
        msg = f"x of shape {ranks.shape} with y of shape {labels.shape}"
        raise ValueError(msg)
    if labels.dtype.kind not in "iub" or not np.isin(labels, (0, 1)).all():
        msg = f"labels of type {labels.dtype}, not all of them 0 or 1"
        raise ValueError(msg)
    rows = [np.asarray(row) if len(row) else np.empty(0, np.int64) for row in ranks]
    if any(row.ndim != 1 or row.dtype.kind not in "iu" for row in rows):
        msg = "a review that is not a list of whole numbers"
        raise ValueError(msg)
    flat = np.concatenate([np.empty(0, np.int64), *rows])
    if len(flat) and not (flat.min() >= 1 and flat.max() <= words):
        msg = f"word ranks from {flat.min()} to {flat.max()}, where the word index has 1 to {words}"
        raise ValueError(msg)
    starts = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    ids = np.insert(flat + INDEX_FROM, starts[:-1], START).astype(np.int32)
    return EncodedReviews(ids, starts + np.arange(len(starts)), labels.astype(np.int8))


def _read_member(archive: zipfile.ZipFile, name: str) -> npt.NDArray[Any]:
    """Read one array of an .npz; an array of objects only through `_ArrayUnpickler`."""
    if name not in archive.namelist():
        msg = f"no {name} among {', '.join(archive.namelist()[:8]) or 'nothing'}"
        raise ValueError(msg)
    with archive.open(name) as file:
        version = np.lib.format.read_magic(file)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        _, _, dtype = read_header(file)
        if dtype.hasobject:
            array = _ArrayUnpickler(file).load()
            if not isinstance(array, np.ndarray):
                msg = f"{name} holds {type(array).__name__}, not an array"
                raise ValueError(msg)
            return array
    with archive.open(name) as file:
        plain: npt.NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
        return plain


class _ArrayUnpickler(pickle.Unpickler):
    """Rebuilds arrays and plain Python values; anything else in the pickle is refused before it runs."""

    # How NumPy pickles an array, before and since NumPy 2.
    ALLOWED = frozenset(
        [
            ("numpy", "dtype"),
            ("numpy", "ndarray"),
            ("numpy.core.multiarray", "_reconstruct"),
            ("numpy._core.multiarray", "_reconstruct"),
        ]
    )

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.ALLOWED:
            msg = f"a pickle that wants to run {module}.{name}; it was not run"
            raise pickle.UnpicklingError(msg)
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)
