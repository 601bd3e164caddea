"""Reviews in a file of Keras's format: `imdb.npz`, with a word index in the same folder.

The file contains `x_train`, `y_train`, `x_test` and `y_test`. The x are arrays of lists of word ranks, which NumPy
stores as a pickle. A pickle can run code when it is loaded, so it is never unpickled; see `pickled_lists.py`.

Instead of ranks, the file may contain the ids that `keras.datasets.imdb.load_data` returns, which begin with `START`.
The file does not say which of the two it has. In English texts the ranks 1 and 3 ("the", "a") are frequent, and few
reviews begin with "the". Ids have a 1 at the beginning of each review and nowhere else, and no 3. Therefore a few
reviews are enough to decide.
"""

import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from imdb_rnn.corpora import npy
from imdb_rnn.corpora.cache import cached
from imdb_rnn.corpora.corpus import Corpus, check_classes
from imdb_rnn.corpora.pickled_lists import read_lists
from imdb_rnn.errors import DataError
from imdb_rnn.files import open_archive, open_file, read_member, sha256_of_files
from imdb_rnn.text.reviews import EncodedReviews
from imdb_rnn.text.tokens import INDEX_FROM, OOV, PADDING, START, Vocabulary

# The order in which `keras.datasets.imdb.load_data` returns the reviews of the file.
KERAS_SHUFFLE_SEED = 113

# Limits of the file, the reviews and the labels in bytes, and of the reviews per split. IMDB's file has 17 million
# bytes, its reviews 14 million and its labels 200,000 per split; it has 25,000 reviews per split.
MAX_FILE_BYTES = 64_000_000
MAX_REVIEWS_BYTES = 32_000_000
MAX_LABELS_BYTES = 1_000_000
MAX_REVIEWS = 60_000

# With no 3 and no other 1, the numbers are ids if there are at least so many words, or reviews that begin with 1.
_ENOUGH_WORDS = 1000
_ENOUGH_REVIEWS = 8
# The numbers cannot be ranks if so many words contain neither 1 nor 3, or so many reviews all begin with 1.
_MANY_WORDS = 1000
_MANY_REVIEWS = 100

_Array = TypeVar("_Array")


class _Split(NamedTuple):
    """A split of the file.

    Attributes:
        name: "train" or "test".
        numbers: shape (total,): the concatenated ranks or ids of all reviews.
        lengths: int64, shape (n,): the number of ranks or ids of each review.
        labels: int8, shape (n,): 1 is positive, 0 is negative.
    """

    name: str
    numbers: npt.NDArray[Any]
    lengths: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int8]

    @property
    def starts(self) -> npt.NDArray[np.int64]:
        """The position of the first number of each review: int64, shape (n,)."""
        return np.cumsum(self.lengths) - self.lengths

    def begins_with(self, number: int) -> npt.NDArray[np.bool_]:
        """Return whether each review begins with `number`: bool, shape (n,)."""
        begins = self.lengths > 0
        begins[begins] = self.numbers[self.starts[begins]] == number
        return begins

    def has_later(self, number: int) -> bool:
        """Return whether `number` occurs anywhere but at the beginning of a review."""
        return bool(np.count_nonzero(self.numbers == number) > np.count_nonzero(self.begins_with(number)))


def load(source: str, path: Path, word_index: Path, vocabulary: Vocabulary | None = None) -> Corpus:
    """Load a file of Keras's format. The files are never changed.

    If the file contains ranks, the reviews are shuffled as by `keras.datasets.imdb.load_data(seed=113)`; if it contains
    ids, they keep their order.

    Args:
        source: the name of the corpus.
        path: the .npz file.
        word_index: its word index, a JSON file of word -> rank.
        vocabulary: the words to encode with; None uses the word index.

    Raises:
        DataError: a file is missing, damaged, too large or of another format.
    """
    for file in (path, word_index):
        if not file.is_file():
            msg = f"Cannot read {source}. Expected: a file {file}. Received: no such file."
            raise DataError(msg)
    try:
        fingerprint = sha256_of_files(path, word_index, limit=MAX_FILE_BYTES)
    except (OSError, ValueError) as error:
        msg = (
            f"Cannot read {source}. Expected: files of at most {MAX_FILE_BYTES:,} bytes, such as lists of word ranks "
            f"instead of a padded table. Received: {error}"
        )
        raise DataError(msg) from error
    corpus = cached(source, f"npz {fingerprint}", None, lambda: _read(source, path, word_index, fingerprint))
    return corpus if vocabulary is None else corpus.with_vocabulary(vocabulary)


def load_beside_its_words(path: Path, vocabulary: Vocabulary | None = None) -> Corpus:
    """Load a file with a word index in the same folder: `imdb_word_index.json` for `imdb.npz`. See `load`."""
    return load(f"npz:{path}", path, path.with_name(f"{path.stem}_word_index.json"), vocabulary)


def _read(source: str, path: Path, word_index: Path, fingerprint: str) -> Corpus:
    vocabulary = Vocabulary.load(word_index)
    try:
        with open_file(path) as file, open_archive(file) as archive:
            splits = [_read_split(archive, name) for name in ("train", "test")]
        are_ids = _are_ids(splits)
        encoded = [_encode(split, len(vocabulary), are_ids) for split in splits]
        for split in splits:
            check_classes(source, split.labels, split.name)
        if sha256_of_files(path, word_index, limit=MAX_FILE_BYTES) != fingerprint:
            msg = "a file that changes while it is read"
            raise ValueError(msg)
    except DataError:
        raise
    except (OSError, ValueError) as error:
        msg = (
            f"Cannot read {path}. Expected: a .npz of Keras's format, x_train, y_train, x_test, y_test with lists of "
            f"word ranks of {word_index.name}, or of the ids that load_data() returns, and labels 0 or 1. "
            f"Received: {error}"
        )
        raise DataError(msg) from error
    if are_ids:  # load_data() has already shuffled them
        return Corpus(source, fingerprint, vocabulary, *_with_last_word(encoded, len(vocabulary) + INDEX_FROM))
    random = np.random.RandomState(KERAS_SHUFFLE_SEED)
    shuffled = []
    for reviews in encoded:
        order = np.arange(len(reviews))
        random.shuffle(order)
        shuffled.append(reviews.take(order))
    return Corpus(source, fingerprint, vocabulary, *shuffled)


def _read_split(archive: zipfile.ZipFile, name: str) -> _Split:
    labels = _read_array(archive, f"y_{name}.npy", MAX_LABELS_BYTES, npy.read_whole_numbers)
    if labels.ndim != 1 or len(labels) > MAX_REVIEWS:
        msg = f"y_{name} of shape {labels.shape}; the limit is ({MAX_REVIEWS},)"
        raise ValueError(msg)
    if not np.isin(labels, (0, 1)).all():
        msg = "labels other than 0 and 1"
        raise ValueError(msg)
    read_reviews = partial(_read_reviews, count=len(labels))
    numbers, lengths = _read_array(archive, f"x_{name}.npy", MAX_REVIEWS_BYTES, read_reviews)
    return _Split(name, numbers, lengths, labels.astype(np.int8))


def _are_ids(splits: list[_Split]) -> bool:
    """Return whether the numbers are certainly ids as returned by `load_data`."""
    reviews = sum(len(split.lengths) for split in splits)
    words = sum(len(split.numbers) for split in splits) - reviews
    most_frequent = INDEX_FROM + 1  # with another `index_from`, this id does not occur, or 3 occurs
    return (
        (words >= _ENOUGH_WORDS or reviews >= _ENOUGH_REVIEWS)
        and all(map(_could_be_ids, splits))
        and any((split.numbers == most_frequent).any() for split in splits)
    )


def _could_be_ids(split: _Split) -> bool:
    # `pad_sequences` truncates the beginning of reviews that are longer than `maxlen`.
    begins = split.begins_with(START)
    complete = split.lengths < split.lengths.max(initial=0)
    return bool(
        begins.any()
        and begins[complete].all()
        and not split.has_later(START)
        and not (split.numbers == INDEX_FROM).any()
        and split.numbers.min() >= START
    )


def _encode(split: _Split, words: int, are_ids: bool) -> EncodedReviews:
    """Convert a split to ids; `words` is the number of words in the word index."""
    if not are_ids:
        _check_that_ranks_are_likely(split)
    offset = 0 if are_ids else INDEX_FROM
    numbers, largest = split.numbers, words + INDEX_FROM - offset
    if len(numbers) and not (numbers.min() >= 1 and numbers.max() <= largest):
        kind = "ids" if are_ids else "word ranks"
        msg = f"{kind} from {numbers.min()} to {numbers.max()}, where the word index has 1 to {largest}"
        raise ValueError(msg)
    unstarted = ~split.begins_with(START) if are_ids else np.ones(len(split.lengths), np.bool_)
    ids = np.insert(numbers.astype(np.int32, copy=False), split.starts[unstarted], START - offset)
    ids += offset
    return EncodedReviews(ids, np.concatenate([[0], np.cumsum(split.lengths + unstarted)]), split.labels)


def _with_last_word(splits: list[EncodedReviews], last: int) -> list[EncodedReviews]:
    """Restore the last word of the word index, which has the id `last`.

    Without `num_words`, `load_data` uses the largest id as its limit and turns only that word into `OOV`.
    """
    largest = max(part.ids.max() for part in splits)
    if largest != last - 1 or sum(np.count_nonzero(part.ids == OOV) for part in splits) != 1:
        return splits
    return [
        EncodedReviews(np.where(part.ids == OOV, np.int32(last), part.ids), part.offsets, part.labels)
        for part in splits
    ]


def _check_that_ranks_are_likely(split: _Split) -> None:
    """Raise `ValueError` if the numbers cannot be ranks, such as ids of `load_data` with unsupported options."""
    reviews, words = len(split.lengths), len(split.numbers) - len(split.lengths)
    if reviews >= _MANY_REVIEWS and split.begins_with(START).all():
        received = f"each of its {reviews:,} reviews begins with {START}"
    elif words >= _MANY_WORDS and not split.has_later(1) and not split.has_later(3):
        received = f"neither 1 nor 3 is among {words:,} words"
    else:
        return
    msg = (
        f"x_{split.name}, which is neither ranks nor what load_data() returns by default: {received}. Save what "
        f"keras.datasets.imdb.load_data() returns with no other option than num_words, maxlen and seed."
    )
    raise ValueError(msg)


def _read_reviews(content: bytes, count: int) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """Read reviews as ranks or ids.

    Args:
        content: a `.npy` file: an array of lists, or a table with one review per row, which may be padded with zeros.
        count: the required number of reviews.

    Returns:
        The concatenated numbers of all reviews, shape (total,), and the length of each review, shape (count,).
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
    if table.all():
        return table.ravel(), np.full(count, table.shape[1], np.int64)
    return _without_padding(table)


def _without_padding(table: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """Remove the zeros of `pad_sequences`, which are all before the reviews or all after them.

    Raises:
        ValueError: a zero is elsewhere, or a row has only zeros.
    """
    filled = table != PADDING
    if not filled.any(axis=1).all():
        msg = "a row of zeros"
        raise ValueError(msg)
    earlier, later = filled[:, :-1], filled[:, 1:]
    if not ((earlier <= later).all() or (earlier >= later).all()):
        msg = "zeros that are not padding: they are neither all before the reviews nor all after them"
        raise ValueError(msg)
    return table[filled], np.count_nonzero(filled, axis=1)


def _read_array(archive: zipfile.ZipFile, name: str, limit: int, parse: Callable[[bytes], _Array]) -> _Array:
    """Read and parse a member of at most `limit` bytes; error messages contain its name."""
    if name not in archive.namelist():
        msg = f"no {name} among {', '.join(archive.namelist()[:8])[:200] or 'nothing'}"
        raise ValueError(msg)
    content = read_member(archive, name, limit)
    try:
        return parse(content)
    except ValueError as error:
        msg = f"{name}: {error}"
        raise ValueError(msg) from error
