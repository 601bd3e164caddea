"""A cache of encoded corpora, so that only the first start parses texts.

A cached corpus is an uncompressed .npz file of integer arrays. Its name is a hash of a key that identifies the content,
so an entry is never out of date. The file contains a checksum of its arrays and its key; if a file was damaged, renamed
or replaced, the corpus is encoded again. The folder can be deleted at any time.
"""

import hashlib
import logging
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from imdb_rnn.corpora import npy
from imdb_rnn.corpora.corpus import Corpus
from imdb_rnn.files import atomic_write, open_archive, open_file, read_member
from imdb_rnn.home import cache_folder
from imdb_rnn.printable import printable
from imdb_rnn.text.reviews import EncodedReviews, check_reviews
from imdb_rnn.text.tokens import Vocabulary

# A part of every key. Increase it when the arrays or the encoding change.
FORMAT = 3
# The largest corpus that is cached, in bytes. IMDB has 50 million. A larger corpus is encoded every time.
MAX_ENTRY_BYTES = 64_000_000

_SPLITS = ("train", "test")
_AXES = ("ids", "offsets", "labels")
_ARRAYS = ("fingerprint", "words", *(f"{split}_{axis}" for split in _SPLITS for axis in _AXES))
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")

_log = logging.getLogger(__name__)


def cached(source: str, key: str, vocabulary: Vocabulary | None, make: Callable[[], Corpus]) -> Corpus:
    """Read a corpus from the cache, or encode it and try to write it to the cache.

    Args:
        source: the name of the source, for the returned corpus.
        key: identifies the content, without the vocabulary.
        vocabulary: the vocabulary of the encoding; None if the source has its own.
        make: reads and encodes the source.
    """
    where = cache_folder()
    if where is None:
        _log.info("not cached: the user has no home folder, and IMDB_RNN_CACHE is not set")
        return make()
    key = f"{FORMAT} {key} {vocabulary.fingerprint if vocabulary is not None else 'own'}"
    path = where / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.npz"
    try:
        corpus = _read(path, source, key)
        if vocabulary is None or corpus.vocabulary == vocabulary:
            return corpus
        _log.info("replacing the cached corpus %s: it has another vocabulary", printable(str(path)))
    except OSError:  # no such entry, or no cache, which is logged below
        pass
    except Exception as error:  # noqa: BLE001 (whatever the error, the corpus can be encoded again)
        _log.info("replacing the cached corpus %s: %s", printable(str(path)), printable(str(error)))
    corpus = make()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, corpus, key)
    except Exception as error:  # noqa: BLE001 (the corpus itself is complete)
        _log.info("not cached: %s", printable(str(error)))
    return corpus


def _checksum(key: str, arrays: Mapping[str, Any]) -> npt.NDArray[np.uint8]:
    """Return the SHA-256 of a key and arrays: uint8, shape (32,)."""
    # The sizes are hashed as well, so that bytes cannot move from one array to the next.
    digest = hashlib.sha256(f"{key}\n{[arrays[name].nbytes for name in _ARRAYS]}\n".encode())
    for name in _ARRAYS:
        digest.update(arrays[name])
    return np.frombuffer(digest.digest(), np.uint8)


def _write(path: Path, corpus: Corpus, key: str) -> None:
    # Words are separated by "\n". Some words contain U+0085, at which splitlines() would split.
    arrays: dict[str, Any] = {
        "fingerprint": np.frombuffer(corpus.fingerprint.encode(), np.uint8),
        "words": np.frombuffer("\n".join(corpus.vocabulary.words).encode(), np.uint8),
    }
    for split in _SPLITS:
        reviews = getattr(corpus, split)
        arrays |= {f"{split}_{axis}": np.ascontiguousarray(getattr(reviews, axis)) for axis in _AXES}
    if sum(part.nbytes for part in arrays.values()) > MAX_ENTRY_BYTES - 100_000:
        msg = f"a corpus of more than {MAX_ENTRY_BYTES:,} bytes"
        raise ValueError(msg)
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.savez(file, checksum=_checksum(key, arrays), **arrays)


def _read(path: Path, source: str, key: str) -> Corpus:
    with open_file(path) as file, open_archive(file) as archive:
        left, arrays = min(os.fstat(file.fileno()).st_size, MAX_ENTRY_BYTES), {}
        for name in ("checksum", *_ARRAYS):
            content = read_member(archive, f"{name}.npy", left)
            left -= len(content)
            # Copied, because an array from bytes is read-only.
            arrays[name] = npy.read_whole_numbers(content).copy()
            del content
    if not np.array_equal(arrays["checksum"], _checksum(key, arrays)):
        msg = "its checksum is wrong"
        raise ValueError(msg)
    fingerprint = arrays["fingerprint"].tobytes().decode()
    vocabulary = Vocabulary(arrays["words"].tobytes().decode().split("\n"))
    splits = [EncodedReviews(*(arrays[f"{split}_{axis}"] for axis in _AXES)) for split in _SPLITS]
    for reviews in splits:
        check_reviews(reviews, len(vocabulary))
    if not _FINGERPRINT.fullmatch(fingerprint):
        msg = "it has no fingerprint"
        raise ValueError(msg)
    return Corpus(source, fingerprint, vocabulary, *splits)
