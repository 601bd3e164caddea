"""Without a home, a cache or room on the disk everything works, and only takes longer."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from imdb_rnn import Vocabulary
from imdb_rnn.corpora import imdb

COMMAND_LINE = "from imdb_rnn.cli import main; main()"
# A user whom the system does not know, as in a container that runs under any number.
UNKNOWN_USER = """
import pwd
def unknown(number):
    raise KeyError(number)
pwd.getpwuid = unknown
"""
FULL_DISK = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))
"""
# What decides where programs keep their own files.
PLACES = ("HOME", "IMDB_RNN_CACHE", "IMDB_RNN_DATA", "KERAS_HOME", "MPLCONFIGDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")

pytestmark = pytest.mark.skipif(os.name == "nt", reason="homes are other variables on Windows")


class Ran(NamedTuple):
    """What a process did: its exit status, and what it wrote to standard output and to standard error."""

    status: int
    output: str
    said: str


Run = Callable[..., Ran]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file, in which nobody can make a folder."""
    (tmp_path / "file").write_bytes(b"in the way")
    return tmp_path / "file"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder of few reviews, such as `IMDB_RNN_DATA` names."""
    rows = np.empty(24, dtype=object)
    rows[:] = [[1, 2, 3 + number % 2] for number in range(24)]
    arrays = {f"x_{split}": rows for split in ("train", "test")} | {
        f"y_{split}": np.arange(24) % 2 for split in ("train", "test")
    }
    (tmp_path / "data").mkdir()
    np.savez(tmp_path / "data" / imdb.REVIEWS, **arrays)
    Vocabulary(["film", "a", "good", "bad"]).save(tmp_path / "data" / imdb.WORD_INDEX)
    return tmp_path / "data"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """The folder in which processes run."""
    (tmp_path / "here").mkdir()
    return tmp_path / "here"


@pytest.fixture
def run(here: Path, file: Path) -> Run:
    """Run Python code without the variables of `PLACES`; keywords set some."""

    def run_code(code: str, *arguments: object, **environment: object) -> Ran:
        settings = {name: value for name, value in os.environ.items() if name not in PLACES}
        completed = subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)],
            env={**settings, "TMPDIR": str(file / "tmp"), **{name: str(value) for name, value in environment.items()}},
            cwd=here,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )
        return Ran(completed.returncode, completed.stdout, completed.stderr)

    return run_code


@pytest.mark.parametrize("home", ["none", "a file", "below a file", "/proc"])
def test_without_a_home_that_can_be_written_all_goes_well_and_nothing_is_left(
    run: Run, here: Path, file: Path, data: Path, home: str
) -> None:
    if home == "/proc" and not Path(home).is_dir():
        pytest.skip("this system has no folder in which even root can make none")
    code = UNKNOWN_USER + COMMAND_LINE if home == "none" else COMMAND_LINE
    places = {"a file": {"HOME": file}, "below a file": {"HOME": file / "home"}, "/proc": {"HOME": home}}
    environment = places.get(home, {}) | {"IMDB_RNN_DATA": data}

    trained = run(code, "train", "--data", "auto", "--epochs", 1, "--out", "model", **environment)
    assert trained.status == 0, trained.said
    assert "data           imdb\n" in trained.output
    assert "imdb-rnn: not cached: " in trained.said
    assert "atplotlib" not in trained.said
    assert "Traceback" not in trained.said
    for arguments in (("predict", "model", "good"), ("data", "imdb"), ("data", "auto")):
        ran = run(code, *arguments, **environment)
        assert ran.status == 0, ran.said
        assert ran.said.count("\n") == (arguments[0] == "data")
    assert [path.name for path in here.iterdir()] == ["model"]


@pytest.mark.parametrize("cache", ["a file", "below a file", "full", "~/cache"])
def test_a_cache_that_cannot_be_written_is_done_without_and_told_in_one_line(
    run: Run, here: Path, tmp_path: Path, file: Path, data: Path, cache: str
) -> None:
    folders = {"a file": file, "below a file": file / "cache", "full": tmp_path / "cache", "~/cache": "~/cache"}
    prefix = {"full": FULL_DISK, "~/cache": UNKNOWN_USER}.get(cache, "")
    ran = run(prefix + COMMAND_LINE, "data", "imdb", IMDB_RNN_DATA=data, IMDB_RNN_CACHE=folders[cache])
    assert ran.status == 0, ran.said
    assert "24 reviews, 12 positive" in ran.output
    assert ran.said.startswith("imdb-rnn: not cached: ")
    assert ran.said.count("\n") == 1
    assert not any(here.iterdir())
    assert cache != "full" or not any((tmp_path / "cache").iterdir())


def test_a_cache_in_the_home_is_found_by_its_tilde(run: Run, here: Path, tmp_path: Path, data: Path) -> None:
    ran = run(COMMAND_LINE, "data", "imdb", IMDB_RNN_DATA=data, IMDB_RNN_CACHE="~/cache", HOME=tmp_path)
    assert (ran.status, ran.said) == (0, "")
    assert len(list((tmp_path / "cache").iterdir())) == 1
    assert not any(here.iterdir())


DOWNLOADING = """
import sys
from imdb_rnn.corpora import imdb
imdb.ORIGIN, digest = sys.argv[1:]
imdb.HASHES = {imdb.WORD_INDEX: ("sha256", digest)}
path = imdb.find(imdb.WORD_INDEX)
print(path)
print(path.read_text(), imdb.find(imdb.WORD_INDEX) == path)
"""


@pytest.mark.parametrize("home", ["none", "a file"])
def test_what_is_downloaded_and_cannot_be_kept_lasts_as_long_as_the_process(
    run: Run, here: Path, tmp_path: Path, file: Path, home: str
) -> None:
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / imdb.WORD_INDEX).write_text('{"good": 1}')
    address, digest = (tmp_path / "served").as_uri() + "/", hashlib.sha256(b'{"good": 1}').hexdigest()
    ran = run(
        (UNKNOWN_USER if home == "none" else "") + DOWNLOADING,
        address,
        digest,
        **({} if home == "none" else {"KERAS_HOME": file}),
    )
    assert ran.status == 0, ran.said
    path, content = ran.output.splitlines()
    assert content == '{"good": 1} True'
    assert not Path(path).parent.exists()
    assert not any(here.iterdir())
