"""Encoded corpora kept as flat arrays, so that only the first start has to parse.

May import: numpy, platformdirs, the standard library, imdb_rnn.corpora.reviews, imdb_rnn.files, imdb_rnn.tokens.

A cached corpus is an uncompressed .npz of integer arrays, read without pickle. Its name holds a hash of the content it
was made from, so that it is never out of date; one that cannot be read is made again. Deleting the folder is safe.
"""

import hashlib
import logging
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import platformdirs

from imdb_rnn.corpora.reviews import Corpus, EncodedReviews
from imdb_rnn.files import replacing
from imdb_rnn.tokens import Vocabulary

# A part of every name: raise it when the arrays or the way of making them change.
FORMAT = 1

_log = logging.getLogger(__name__)


def folder() -> Path:
    """Where cached corpora lie: `IMDB_RNN_CACHE`, else the user's cache folder."""
    return Path(os.environ.get("IMDB_RNN_CACHE") or platformdirs.user_cache_dir("imdb_rnn"))


def cached(source: str, key: str, vocabulary: Vocabulary | None, make: Callable[[], Corpus]) -> Corpus:
    """Read a corpus from the cache, or make it and keep it there.

    Args:
        source: the name of the source; the corpus is returned under it.
        key: tells the content apart from any other, the vocabulary aside.
        vocabulary: the one that the corpus is encoded with; None where the source brings its own.
        make: reads and encodes the source.
    """
    parts = f"{FORMAT} {key} {vocabulary.fingerprint if vocabulary is not None else 'own'}"
    path = folder() / f"{hashlib.sha256(parts.encode()).hexdigest()[:32]}.npz"
    try:
        return _read(path, source)
    except FileNotFoundError:
        pass
    except Exception as error:  # noqa: BLE001 (whatever is wrong with it, it can be made again)
        _log.info("making the cached corpus %s again: %s", path, error)
    corpus = make()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, corpus)
    except OSError as error:
        _log.info("not cached: %s", error)
    return corpus


def _write(path: Path, corpus: Corpus) -> None:
    arrays = {
        f"{split}_{name}": getattr(getattr(corpus, split), name)
        for split in ("train", "test")
        for name in ("ids", "offsets", "labels")
    }
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            fingerprint=np.frombuffer(corpus.fingerprint.encode(), np.uint8),
            words=np.frombuffer("\n".join(corpus.vocabulary.words).encode(), np.uint8),
            **arrays,
        )


def _read(path: Path, source: str) -> Corpus:
    # Opened here, because np.load leaves a damaged file open.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        splits = [
            EncodedReviews(*(arrays[f"{split}_{name}"] for name in ("ids", "offsets", "labels")))
            for split in ("train", "test")
        ]
        # The separator: no word holds a line end, but some hold U+0085, at which splitlines() would break.
        words = Vocabulary(arrays["words"].tobytes().decode().split("\n"))
        return Corpus(source, arrays["fingerprint"].tobytes().decode(), words, *splits)
