"""Reviews in a file of Keras's format: `imdb.npz` and the word index beside it.

May import: numpy, the standard library, imdb_rnn.corpora, imdb_rnn.errors, imdb_rnn.files, imdb_rnn.tokens.

The file holds `x_train`, `y_train`, `x_test`, `y_test`, the x being arrays of lists of word ranks, which NumPy stores
as a pickle. A pickle can run code when it is read, so it is never unpickled: see `pickled_lists.py`.
"""

import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from imdb_rnn.corpora import npy
from imdb_rnn.corpora.cache import cached
from imdb_rnn.corpora.pickled_lists import read_lists
from imdb_rnn.corpora.reviews import Corpus, EncodedReviews, check_classes
from imdb_rnn.errors import DataError
from imdb_rnn.files import open_archive, open_file, read_member, sha256_of_files
from imdb_rnn.tokens import INDEX_FROM, START, Vocabulary

# The order in which `keras.datasets.imdb.load_data` returns the reviews of the file.
KERAS_SHUFFLE_SEED = 113

# The largest files that are read: in bytes, IMDB's is 17 million, its reviews are 14 million for each split and its
# labels 200,000; it has 25,000 reviews in each split.
LARGEST_FILE = 64_000_000
LARGEST_REVIEWS = 32_000_000
LARGEST_LABELS = 1_000_000
MOST_REVIEWS = 60_000

_Array = TypeVar("_Array")


def load(source: str, path: Path, word_index: Path, vocabulary: Vocabulary | None = None) -> Corpus:
    """Read a file of Keras's format, in the order of `keras.datasets.imdb.load_data(seed=113)`.

    Args:
        source: the name to give the corpus.
        path: the .npz file.
        word_index: the JSON file of word -> rank that belongs to it.
        vocabulary: the words to write the reviews in; None keeps those of the word index.

    Raises:
        DataError: a file is missing, damaged, too large or of another format. Neither file is ever changed.
    """
    for file in (path, word_index):
        if not file.is_file():
            msg = f"Cannot read {source}. Expected: a file {file}. Received: none there."
            raise DataError(msg)
    try:
        fingerprint = sha256_of_files(path, word_index, limit=LARGEST_FILE)
    except (OSError, ValueError) as error:
        msg = f"Cannot read {source}. Expected: files of at most {LARGEST_FILE:,} bytes. Received: {error}"
        raise DataError(msg) from error
    corpus = cached(source, f"npz {fingerprint}", None, lambda: _read(source, path, word_index, fingerprint))
    return corpus if vocabulary is None else corpus.with_vocabulary(vocabulary)


def load_beside_its_words(path: Path, vocabulary: Vocabulary | None = None) -> Corpus:
    """Read a file whose word index lies beside it: `imdb_word_index.json` for `imdb.npz`. See `load`."""
    return load(f"npz:{path}", path, path.with_name(f"{path.stem}_word_index.json"), vocabulary)


def _read(source: str, path: Path, word_index: Path, fingerprint: str) -> Corpus:
    vocabulary = Vocabulary.load(word_index)
    try:
        with open_file(path) as file, open_archive(file) as archive:
            splits = [_read_split(archive, split, len(vocabulary)) for split in ("train", "test")]
        for reviews, split in zip(splits, ("train", "test"), strict=True):
            check_classes(source, reviews.labels, split)
        if sha256_of_files(path, word_index, limit=LARGEST_FILE) != fingerprint:
            msg = "a file that changes while it is read"
            raise ValueError(msg)
    except (OSError, ValueError) as error:
        msg = (
            f"Cannot read {path}. Expected: a .npz of Keras's format, x_train, y_train, x_test, y_test with word ranks "
            f"of {word_index.name} and labels 0 or 1. Received: {error}"
        )
        raise DataError(msg) from error
    random = np.random.RandomState(KERAS_SHUFFLE_SEED)
    shuffled = []
    for reviews in splits:
        order = np.arange(len(reviews))
        random.shuffle(order)
        shuffled.append(reviews.take(order))
    return Corpus(source, fingerprint, vocabulary, *shuffled)


def _read_split(archive: zipfile.ZipFile, split: str, words: int) -> EncodedReviews:
    """Read the reviews of a split; `words` is the number of words in the index."""
    labels = _read_array(archive, f"y_{split}.npy", LARGEST_LABELS, npy.read_whole_numbers)
    if labels.ndim != 1 or len(labels) > MOST_REVIEWS:
        msg = f"y_{split} of shape {labels.shape}; the limit is ({MOST_REVIEWS},)"
        raise ValueError(msg)
    if not np.isin(labels, (0, 1)).all():
        msg = "labels, not all of them 0 or 1"
        raise ValueError(msg)
    read_ranks = partial(_read_ranks, count=len(labels))
    ranks, lengths = _read_array(archive, f"x_{split}.npy", LARGEST_REVIEWS, read_ranks)
    if len(ranks) and not (ranks.min() >= 1 and ranks.max() <= words):
        msg = f"word ranks from {ranks.min()} to {ranks.max()}, where the word index has 1 to {words}"
        raise ValueError(msg)
    starts = np.cumsum(lengths) - lengths
    ids = np.insert(ranks.astype(np.int32, copy=False), starts, START - INDEX_FROM)
    ids += INDEX_FROM
    return EncodedReviews(ids, np.concatenate([[0], np.cumsum(lengths + 1)]), labels.astype(np.int8))


def _read_ranks(content: bytes, count: int) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """Read reviews as word ranks.

    Args:
        content: a `.npy` file: an array of lists, or a table with a review in each row.
        count: how many reviews there must be.

    Returns:
        The ranks of all reviews, one after the other, shape (total,), and how many each has, shape (count,).
    """
    header = npy.read_header(content)
    if len(header.shape) not in (1, 2) or header.shape[0] != count:
        msg = f"x of shape {header.shape} with y of shape ({count},)"
        raise ValueError(msg)
    if header.type == "|O" and len(header.shape) == 1:
        return read_lists(content, header.start, count)
    if len(header.shape) == 1:
        msg = f"an array of type {header.type}: a review that is not a list of whole numbers"
        raise ValueError(msg)
    table = npy.read_whole_numbers(content)
    return table.ravel(), np.full(count, table.shape[1], np.int64)


def _read_array(archive: zipfile.ZipFile, name: str, limit: int, parse: Callable[[bytes], _Array]) -> _Array:
    """Read and parse a member of at most `limit` bytes; error messages name it."""
    if name not in archive.namelist():
        msg = f"no {name} among {', '.join(archive.namelist()[:8])[:200] or 'nothing'}"
        raise ValueError(msg)
    content = read_member(archive, name, limit)
    try:
        return parse(content)
    except ValueError as error:
        msg = f"{name}: {error}"
        raise ValueError(msg) from error
