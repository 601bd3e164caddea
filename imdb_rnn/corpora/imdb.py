"""The IMDB reviews as Keras distributes them: found on this machine, else downloaded.

Looked for in `IMDB_RNN_DATA`, then in Keras's own cache. A file found there is used as it is and never changed, so
`keras.utils.get_file` is not for us: it downloads again, and in the end deletes, a file whose hash it does not know.
"""

import atexit
import hashlib
import logging
import os
import shutil
import tempfile
import threading
import urllib.request
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError

from imdb_rnn.corpora import npz
from imdb_rnn.corpora.corpus import Corpus
from imdb_rnn.errors import DataError
from imdb_rnn.files import atomic_write
from imdb_rnn.home import expanded
from imdb_rnn.printable import printable
from imdb_rnn.text.tokens import Vocabulary

ORIGIN = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
REVIEWS = "imdb.npz"
WORD_INDEX = "imdb_word_index.json"
# As in keras.datasets.imdb, which names SHA-256 for the one and MD5 for the other.
HASHES = {
    REVIEWS: ("sha256", "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"),
    WORD_INDEX: ("md5", "bfafd718b763782e994055a2d397834f"),
}
# Without a network a name look-up alone can hang for half a minute, longer than any socket's own limit.
CONNECT_SECONDS = 5
DOWNLOAD_THREAD = "imdb_rnn download"

_log = logging.getLogger(__name__)
# Name -> file that was downloaded for this process alone, because there was no place to keep it.
_temporary: dict[str, Path] = {}


def load(vocabulary: Vocabulary | None = None) -> Corpus:
    """Read the IMDB reviews: 25,000 to learn from and 25,000 to evaluate.

    Args:
        vocabulary: the words to write the reviews in; None keeps Keras's 88,584.

    Raises:
        DataError: neither a local copy nor the network has them, or a local copy is damaged.

    Source: `keras.datasets.imdb`; Maas et al. 2011, Learning Word Vectors for Sentiment Analysis.
    """
    return npz.load("imdb", *find_files(), vocabulary)


def find_files(patience: float = 600) -> tuple[Path, Path]:
    """The local copies of the reviews and of their word index. See `find`."""
    return find(REVIEWS, patience), find(WORD_INDEX, patience)


def find(name: str, patience: float = 600) -> Path:
    """The local copy of a file, downloaded to Keras's cache where there is none.

    Args:
        name: `REVIEWS` or `WORD_INDEX`.
        patience: the longest that a download may take, in seconds.

    Raises:
        DataError: it is nowhere to be had, or `IMDB_RNN_DATA` names no folder.
    """
    given = given_folder()
    if given is not None and (given / name).is_file():
        return given / name
    found = _find_in_caches(name)
    if given is not None:
        _log.warning("IMDB_RNN_DATA holds no %s: taking %s", name, printable(str(found or ORIGIN + name)))
    return found or download(ORIGIN + name, keras_datasets(), *HASHES[name], patience=patience)


def given_folder() -> Path | None:
    """The folder that `IMDB_RNN_DATA` names; None where it is not set.

    Raises:
        DataError: it names no folder, which must be a mistake.
    """
    given = os.environ.get("IMDB_RNN_DATA")
    folder = expanded(given) if given else None
    if given and (folder is None or not folder.is_dir()):
        msg = f"Bad IMDB_RNN_DATA. Expected: a folder. Received: {given!r}, which is none. Correct it or unset it."
        raise DataError(msg)
    return folder


def keras_datasets() -> Path | None:
    """The folder in which Keras keeps data sets; None if there is no `KERAS_HOME`, and the user has no home."""
    return expanded(os.environ.get("KERAS_HOME") or "~/.keras", "datasets")


def _find_in_caches(name: str) -> Path | None:
    """The copy of a file that Keras or this process has downloaded."""
    folder = keras_datasets()
    for file in (None if folder is None else folder / name, _temporary.get(name)):
        try:
            if file is not None and file.is_file():
                return file
        except OSError:  # a home that this user may not enter
            pass
    return None


def download(url: str, folder: Path | None, algorithm: str, expected: str, *, patience: float) -> Path:
    """Fetch a file, check its hash, and only then put it in its place.

    Args:
        url: where from.
        folder: where to keep it; it is made. None keeps it nowhere.
        algorithm: "sha256" or "md5".
        expected: the hash, in hexadecimal digits.
        patience: the longest that it may take, in seconds.

    Returns:
        The file in the folder; where that cannot be written, a temporary one, which is removed when the process ends.

    Raises:
        DataError: it could not be had in time, or is not the file expected. Nothing is left behind.
    """
    name = url.rpartition("/")[2]
    _log.info("downloading %s", url)
    content: list[bytes] = []
    failure: list[str] = []

    def fetch() -> None:
        try:
            with urllib.request.urlopen(url, timeout=CONNECT_SECONDS) as response:  # noqa: S310 (the URL is ours)
                content.append(response.read(npz.MAX_FILE_BYTES))
        except (OSError, HTTPException) as error:
            failure.append(str(error) or type(error).__name__)
            if isinstance(error, HTTPError):  # which holds the connection open
                error.close()

    # A daemon: one that hangs in a name look-up must not keep the program from ending.
    thread = threading.Thread(target=fetch, name=DOWNLOAD_THREAD, daemon=True)
    thread.start()
    thread.join(patience)
    received = f"nothing within {patience:g} seconds" if thread.is_alive() else failure[0] if failure else ""
    if not received and hashlib.new(algorithm, content[0], usedforsecurity=False).hexdigest() != expected:
        received = f"{len(content[0])} bytes with another hash than {algorithm} {expected[:12]}…"
    if received:
        msg = (
            f"Cannot download {name}. Expected: {url}. Received: {received}. Set IMDB_RNN_DATA to a folder that "
            f"holds {REVIEWS} and {WORD_INDEX}, or use --data synthetic."
        )
        raise DataError(msg)
    try:
        return _keep(content[0], name, folder)
    except OSError as error:
        msg = f"Cannot write {name}. Expected: a place for it in KERAS_HOME or TMPDIR. Received: {error}"
        raise DataError(msg) from error


def _keep(content: bytes, name: str, folder: Path | None) -> Path:
    """Write a file to a folder or, where that cannot be written, for this process alone."""
    if folder is not None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with atomic_write(folder / name) as scratch:
                scratch.write_bytes(content)
        except OSError as error:
            _log.info("%s is not kept: %s", name, printable(str(error)))
        else:
            return folder / name
    own = Path(tempfile.mkdtemp(prefix="imdb_rnn-"))
    atexit.register(shutil.rmtree, own, ignore_errors=True)
    (own / name).write_bytes(content)
    _temporary[name] = own / name
    return own / name
