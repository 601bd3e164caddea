"""The IMDB reviews as distributed by Keras: a local copy, or a download.

The folder `IMDB_RNN_DATA` is searched first, then Keras's cache. A local file is never changed. Therefore this module
does not use `keras.utils.get_file`, which replaces a file with an unknown hash by a new download.
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
# As in keras.datasets.imdb, which has a SHA-256 for the one file and an MD5 for the other.
HASHES = {
    REVIEWS: ("sha256", "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"),
    WORD_INDEX: ("md5", "bfafd718b763782e994055a2d397834f"),
}
# The timeout of the socket. It does not limit the name lookup, which can hang for half a minute without a network.
CONNECT_SECONDS = 5
DOWNLOAD_THREAD = "imdb_rnn download"

_log = logging.getLogger(__name__)
# Name -> temporary file of this process, if the download could not be written to the cache.
_temporary: dict[str, Path] = {}


def load(vocabulary: Vocabulary | None = None) -> Corpus:
    """Load the IMDB reviews: 25,000 for training and 25,000 for the evaluation.

    Args:
        vocabulary: the words to encode with; None uses the 88,584 words of Keras's word index.

    Raises:
        DataError: there is no local copy and no download, or a local copy is damaged.

    Source: `keras.datasets.imdb`; Maas et al. 2011, Learning Word Vectors for Sentiment Analysis.
    """
    return npz.load("imdb", *find_files(), vocabulary)


def find_files(patience: float = 600) -> tuple[Path, Path]:
    """Return the local copies of the reviews and of their word index; see `find`."""
    return find(REVIEWS, patience), find(WORD_INDEX, patience)


def find(name: str, patience: float = 600) -> Path:
    """Return the local copy of a file, which is downloaded to Keras's cache if necessary.

    Args:
        name: `REVIEWS` or `WORD_INDEX`.
        patience: the maximum duration of a download, in seconds.

    Raises:
        DataError: the file cannot be downloaded, or `IMDB_RNN_DATA` is not a folder.
    """
    given = given_folder()
    if given is not None and (given / name).is_file():
        return given / name
    cached = _find_in_caches(name)
    if given is not None:
        _log.warning("IMDB_RNN_DATA has no %s: using %s", name, printable(str(cached or ORIGIN + name)))
    return cached or download(ORIGIN + name, keras_datasets(), *HASHES[name], patience=patience)


def given_folder() -> Path | None:
    """Return the folder `IMDB_RNN_DATA`; None if the variable is not set.

    Raises:
        DataError: it is not a folder.
    """
    given = os.environ.get("IMDB_RNN_DATA")
    folder = expanded(given) if given else None
    if given and (folder is None or not folder.is_dir()):
        msg = f"Bad IMDB_RNN_DATA. Expected: an existing folder. Received: {given!r}. Correct or unset it."
        raise DataError(msg)
    return folder


def keras_datasets() -> Path | None:
    """Return Keras's folder of datasets; None if `KERAS_HOME` is not set and the user has no home."""
    return expanded(os.environ.get("KERAS_HOME") or "~/.keras", "datasets")


def _find_in_caches(name: str) -> Path | None:
    """Return the copy of a file that Keras or this process has downloaded, if any."""
    folder = keras_datasets()
    for file in (None if folder is None else folder / name, _temporary.get(name)):
        try:
            if file is not None and file.is_file():
                return file
        except OSError:  # a home without permission for this user
            pass
    return None


def download(url: str, folder: Path | None, algorithm: str, expected: str, *, patience: float) -> Path:
    """Download a file and check its hash before it is written.

    Args:
        url: the URL of the file.
        folder: the folder to write to, which is created; None writes a temporary file.
        algorithm: "sha256" or "md5".
        expected: the hash, in hexadecimal digits.
        patience: the maximum duration, in seconds.

    Returns:
        The path of the file in the folder, or of a temporary file that is removed at the end of the process if the
        folder cannot be written.

    Raises:
        DataError: the download fails, takes too long, or has another hash. Nothing is written.
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
            if isinstance(error, HTTPError):  # it keeps the connection open
                error.close()

    # A daemon thread, because a hanging name lookup must not keep the program from exiting.
    thread = threading.Thread(target=fetch, name=DOWNLOAD_THREAD, daemon=True)
    thread.start()
    thread.join(patience)
    received = f"nothing within {patience:g} seconds" if thread.is_alive() else failure[0] if failure else ""
    if not received and hashlib.new(algorithm, content[0], usedforsecurity=False).hexdigest() != expected:
        received = f"{len(content[0])} bytes with another hash than {algorithm} {expected[:12]}…"
    if received:
        msg = (
            f"Cannot download {name}. Expected: {url}. Received: {received}. Set IMDB_RNN_DATA to a folder with "
            f"{REVIEWS} and {WORD_INDEX}, or use --data synthetic."
        )
        raise DataError(msg)
    try:
        return _keep(content[0], name, folder)
    except OSError as error:
        msg = f"Cannot write {name}. Expected: KERAS_HOME or TMPDIR to be writable. Received: {error}"
        raise DataError(msg) from error


def _keep(content: bytes, name: str, folder: Path | None) -> Path:
    """Write a file to a folder or, if that fails, to a temporary folder of this process."""
    if folder is not None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with atomic_write(folder / name) as scratch:
                scratch.write_bytes(content)
        except OSError as error:
            _log.info("%s is not kept: %s", name, printable(str(error)))
        else:
            return folder / name
    temporary = Path(tempfile.mkdtemp(prefix="imdb_rnn-"))
    atexit.register(shutil.rmtree, temporary, ignore_errors=True)
    (temporary / name).write_bytes(content)
    _temporary[name] = temporary / name
    return temporary / name
