"""Encoded corpora kept as flat arrays, so that only the first start has to parse.

A cached corpus is an uncompressed .npz of integer arrays. Its name is a hash of what tells its content apart, so that
it is never out of date. It holds a checksum of its arrays and of what its name stands for, so that a file that was
damaged, renamed or exchanged is noticed; it is then made again, as if it were not there. Deleting the folder is safe.
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
import platformdirs

from imdb_rnn.corpora import npy
from imdb_rnn.corpora.corpus import Corpus
from imdb_rnn.files import atomic_write, open_archive, open_file, read_member
from imdb_rnn.home import expanded
from imdb_rnn.printable import printable
from imdb_rnn.text.reviews import EncodedReviews, check_reviews
from imdb_rnn.text.tokens import Vocabulary

# A part of every name: raise it when the arrays or the way of making them change.
FORMAT = 3
# The largest corpus that is cached, in bytes. IMDB has 50 million. A larger corpus is encoded again every time.
MAX_ENTRY_BYTES = 64_000_000

_SPLITS = ("train", "test")
_AXES = ("ids", "offsets", "labels")
_ARRAYS = ("fingerprint", "words", *(f"{split}_{axis}" for split in _SPLITS for axis in _AXES))
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")

_log = logging.getLogger(__name__)


def folder() -> Path | None:
    """Where cached corpora lie: `IMDB_RNN_CACHE`, else the user's cache folder; None for a user without a home."""
    try:
        return expanded(os.environ.get("IMDB_RNN_CACHE") or platformdirs.user_cache_dir("imdb_rnn"))
    except RuntimeError:  # of platformdirs, for a user without a home
        return None


def cached(source: str, key: str, vocabulary: Vocabulary | None, make: Callable[[], Corpus]) -> Corpus:
    """Read a corpus from the cache, or make it and write it there. Without a cache, reading only takes longer.

    Args:
        source: the name of the source; the corpus is returned under it.
        key: tells the content apart from any other, the vocabulary aside.
        vocabulary: the one that the corpus is encoded with; None where the source brings its own.
        make: reads and encodes the source.
    """
    where = folder()
    if where is None:
        _log.info("not cached: there is no home, and IMDB_RNN_CACHE names no folder")
        return make()
    key = f"{FORMAT} {key} {vocabulary.fingerprint if vocabulary is not None else 'own'}"
    path = where / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.npz"
    try:
        corpus = _read(path, source, key)
        if vocabulary is None or corpus.vocabulary == vocabulary:
            return corpus
        _log.info("making the cached corpus %s again: other words", printable(str(path)))
    except OSError:  # it is not there, or there is no cache, of which the end of this function tells
        pass
    except Exception as error:  # noqa: BLE001 (whatever is wrong with it, it can be made again)
        _log.info("making the cached corpus %s again: %s", printable(str(path)), printable(str(error)))
    corpus = make()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, corpus, key)
    except Exception as error:  # noqa: BLE001 (whatever goes wrong there, the corpus is at hand)
        _log.info("not cached: %s", printable(str(error)))
    return corpus


def _checksum(key: str, arrays: Mapping[str, Any]) -> npt.NDArray[np.uint8]:
    """SHA-256 of a key and of arrays: uint8, shape (32,)."""
    # The sizes are hashed as well, so that the boundaries between arrays count.
    digest = hashlib.sha256(f"{key}\n{[arrays[name].nbytes for name in _ARRAYS]}\n".encode())
    for name in _ARRAYS:
        digest.update(arrays[name])
    return np.frombuffer(digest.digest(), np.uint8)


def _write(path: Path, corpus: Corpus, key: str) -> None:
    # The separator: no word holds a line end, but some hold U+0085, at which splitlines() would break.
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
            # A copy, because what is read from bytes cannot be written to.
            arrays[name] = npy.read_whole_numbers(content).copy()
            del content
    if not np.array_equal(arrays["checksum"], _checksum(key, arrays)):
        msg = "not what was written there"
        raise ValueError(msg)
    fingerprint = arrays["fingerprint"].tobytes().decode()
    vocabulary = Vocabulary(arrays["words"].tobytes().decode().split("\n"))
    splits = [EncodedReviews(*(arrays[f"{split}_{axis}"] for axis in _AXES)) for split in _SPLITS]
    for reviews in splits:
        check_reviews(reviews, len(vocabulary))
    if not _FINGERPRINT.fullmatch(fingerprint):
        msg = "no fingerprint"
        raise ValueError(msg)
    return Corpus(source, fingerprint, vocabulary, *splits)
