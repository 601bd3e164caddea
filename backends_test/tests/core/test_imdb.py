"""Finding and downloading the IMDB files: from the nearest place, checked, and never at a user's cost."""

import hashlib
import logging
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from imdb_rnn import DataError
from imdb_rnn.corpora import imdb


class Handler(SimpleHTTPRequestHandler):
    given_up = threading.Event()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name is that of the base class)
        pass

    def do_GET(self) -> None:
        if self.path == "/slow":
            self.given_up.wait(60)
        super().do_GET()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """An address on this machine and the folder that it serves."""
    folder = tmp_path / "served"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as http:
        http.daemon_threads = False  # so that leaving the block waits for answers under way
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        Handler.given_up.clear()
        yield f"http://127.0.0.1:{http.server_port}/", folder
        Handler.given_up.set()
        http.shutdown()
        thread.join()
    for download in (thread for thread in threading.enumerate() if thread.name == imdb.DOWNLOAD_THREAD):
        download.join()


@pytest.fixture
def keras_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv("IMDB_RNN_DATA", raising=False)
    monkeypatch.setattr(imdb, "_temporary", {})  # what other tests could not keep
    return tmp_path / "keras"


def test_the_given_folder_comes_first_then_the_cache_of_keras(
    tmp_path: Path, keras_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = tmp_path / "given"
    for folder in (given, keras_home / "datasets"):
        folder.mkdir(parents=True)
        (folder / imdb.REVIEWS).write_bytes(b"reviews")
    assert imdb.find(imdb.REVIEWS) == keras_home / "datasets" / imdb.REVIEWS
    monkeypatch.setenv("IMDB_RNN_DATA", str(given))
    assert imdb.find(imdb.REVIEWS) == given / imdb.REVIEWS


def test_a_given_folder_that_is_none_is_a_mistake_to_be_told(
    tmp_path: Path, keras_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMDB_RNN_DATA", str(tmp_path / "typo"))
    with pytest.raises(DataError, match=r"Bad IMDB_RNN_DATA\. Expected: an existing folder\. Received: '.*typo'"):
        imdb.find(imdb.REVIEWS)


def test_a_user_without_a_home_needs_none_where_the_files_are_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_such_user(number: int) -> None:
        raise KeyError(number)

    monkeypatch.setattr("pwd.getpwuid", no_such_user)
    for name in ("HOME", "KERAS_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("IMDB_RNN_DATA", str(tmp_path))
    (tmp_path / imdb.REVIEWS).write_bytes(b"reviews")
    assert imdb.find(imdb.REVIEWS) == tmp_path / imdb.REVIEWS
    monkeypatch.setattr(imdb, "ORIGIN", "http://127.0.0.1:1/")
    with pytest.raises(DataError, match=r"Cannot download imdb_word_index\.json\. .* Set IMDB_RNN_DATA to a folder"):
        imdb.find(imdb.WORD_INDEX)
    monkeypatch.setenv("IMDB_RNN_DATA", "~/data")
    with pytest.raises(DataError, match=r"Bad IMDB_RNN_DATA\. Expected: an existing folder\. Received: '~/data'"):
        imdb.find(imdb.REVIEWS)


def test_a_given_folder_without_the_file_is_passed_over_in_one_line(
    tmp_path: Path, keras_home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (keras_home / "datasets").mkdir(parents=True)
    for name in (imdb.REVIEWS, imdb.WORD_INDEX):
        (keras_home / "datasets" / name).write_bytes(b"kept")
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / imdb.WORD_INDEX).write_bytes(b"given")
    monkeypatch.setenv("IMDB_RNN_DATA", str(tmp_path / "given"))
    with caplog.at_level(logging.WARNING):
        found = imdb.find_files()
    assert found == (keras_home / "datasets" / imdb.REVIEWS, tmp_path / "given" / imdb.WORD_INDEX)
    assert caplog.messages == [f"IMDB_RNN_DATA has no imdb.npz: using {keras_home / 'datasets' / imdb.REVIEWS}"]


def test_a_cache_of_keras_that_may_not_be_looked_into_is_passed_over(
    server: tuple[str, Path], keras_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, served = server
    (served / imdb.WORD_INDEX).write_bytes(b"{}")
    monkeypatch.setattr(imdb, "ORIGIN", address)
    monkeypatch.setitem(imdb.HASHES, imdb.WORD_INDEX, ("sha256", hashlib.sha256(b"{}").hexdigest()))
    # A name too long is an error for whoever asks, root included.
    monkeypatch.setenv("KERAS_HOME", str(served / ("x" * 300)))
    assert imdb.find(imdb.WORD_INDEX).read_bytes() == b"{}"


def test_a_missing_file_is_downloaded_to_the_cache_of_keras(
    server: tuple[str, Path], keras_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, served = server
    (served / imdb.WORD_INDEX).write_bytes(b"{}")
    monkeypatch.setattr(imdb, "ORIGIN", address)
    monkeypatch.setitem(imdb.HASHES, imdb.WORD_INDEX, ("md5", hashlib.md5(b"{}").hexdigest()))  # noqa: S324 (as Keras)
    path = imdb.find(imdb.WORD_INDEX)
    assert path == keras_home / "datasets" / imdb.WORD_INDEX
    assert path.read_bytes() == b"{}"
    assert [file.name for file in path.parent.iterdir()] == [imdb.WORD_INDEX]


def test_the_hash_known_for_the_word_index_is_that_of_the_real_one(imdb_data: Path) -> None:
    algorithm, expected = imdb.HASHES[imdb.WORD_INDEX]
    assert hashlib.new(algorithm, (imdb_data / imdb.WORD_INDEX).read_bytes()).hexdigest() == expected


def test_a_download_with_another_hash_is_refused_and_leaves_nothing(
    server: tuple[str, Path], keras_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, served = server
    (served / imdb.REVIEWS).write_bytes(b"half of a fi")
    monkeypatch.setattr(imdb, "ORIGIN", address)
    with pytest.raises(DataError, match=r"Received: 12 bytes with another hash than sha256 69664113be75"):
        imdb.find(imdb.REVIEWS)
    assert not keras_home.exists()


@pytest.mark.parametrize("address", ["http://127.0.0.1:1/", "http://no.such.host.invalid/"])
def test_without_a_network_the_error_says_what_to_do(
    address: str, keras_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imdb, "ORIGIN", address)
    with pytest.raises(DataError, match=r"Cannot download imdb\.npz\. .* Set IMDB_RNN_DATA .* or use --data synthetic"):
        imdb.find(imdb.REVIEWS)
    assert not keras_home.exists()


def test_a_download_that_hangs_is_given_up(server: tuple[str, Path], tmp_path: Path) -> None:
    address, _ = server
    with pytest.raises(DataError, match=r"Received: nothing within 0\.2 seconds"):
        imdb.download(f"{address}slow", tmp_path, "sha256", "0", patience=0.2)
    assert any(thread.name == imdb.DOWNLOAD_THREAD for thread in threading.enumerate())  # still waiting for the answer


def test_a_local_file_that_is_damaged_is_reported_and_kept(keras_home: Path) -> None:
    folder = keras_home / "datasets"
    folder.mkdir(parents=True)
    (folder / imdb.REVIEWS).write_bytes(b"PK broken")
    (folder / imdb.WORD_INDEX).write_bytes(b'{"the": 1}')
    with pytest.raises(DataError, match=r"Cannot read .*imdb\.npz\. Expected: a \.npz of Keras's format"):
        imdb.load()
    assert (folder / imdb.REVIEWS).read_bytes() == b"PK broken"
