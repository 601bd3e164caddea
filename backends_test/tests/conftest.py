"""What the tests share: small corpora, and real IMDB reviews where they are found."""

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backends_test.tests import npz_files
from backends_test.tests.command_line import PROGRAM, Ran, Run
from backends_test.tests.saved_folder import Saved, rewrite_json
from imdb_rnn import Corpus, Training, load_reviews
from imdb_rnn.cli import main
from imdb_rnn.corpora.corpus import encode_texts
from imdb_rnn.corpora.synthetic import make_texts
from imdb_rnn.inference.bundle import CONFIG_FILE, MANIFEST_FILE


@pytest.fixture(scope="session", autouse=True)
def caches(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep corpora made here out of the user's cache, and share them among the tests of one run."""
    os.environ["IMDB_RNN_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def small_corpus() -> Corpus:
    """Synthetic reviews, few enough to train on in a second or two."""
    train_texts, test_texts = make_texts(2_000, 500)
    return encode_texts("synthetic", "small", train_texts, test_texts, None)


@pytest.fixture(scope="session")
def imdb_data() -> Path:
    """The folder of real IMDB data."""
    given = os.environ.get("IMDB_RNN_DATA")
    if not given or not (Path(given) / "imdb.npz").is_file():
        pytest.skip("no real IMDB data here: IMDB_RNN_DATA names no folder with imdb.npz")
    return Path(given)


@pytest.fixture(scope="session")
def imdb(imdb_data: Path) -> Corpus:
    return load_reviews("imdb")


@pytest.fixture(scope="session")
def reviews_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's own folder of reviews: 60 to train on, 20 to test on."""
    folder = tmp_path_factory.mktemp("reviews")
    words = {"pos": ["good", "great", "fun"], "neg": ["bad", "poor", "dull"]}
    for split, count in (("train", 30), ("test", 10)):
        for label, choices in words.items():
            (folder / split / label).mkdir(parents=True)
            for number in range(count):
                text = f"This film number {number % 4} is {choices[number % 3]} and {choices[number // 3 % 3]}."
                (folder / split / label / f"{number}.txt").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def run_process(tmp_path: Path) -> Run:
    """Run `imdb-rnn` as a user does; keywords set environment variables, None unsets one."""

    def run(*arguments: object, stdin: bytes = b"", **environment: str | None) -> Ran:
        settings = {**os.environ, "COLUMNS": "120", **environment}
        completed = subprocess.run(
            [sys.executable, "-c", PROGRAM, *map(str, arguments)],
            input=stdin,
            capture_output=True,
            env={name: value for name, value in settings.items() if value is not None},
            cwd=tmp_path,
            timeout=600,
            check=False,
        )
        return Ran(completed.returncode, completed.stdout.decode(), completed.stderr.decode())

    return run


@pytest.fixture
def run_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `imdb-rnn` in this process, which saves the start of one."""

    def run(*arguments: object, stdin: bytes = b"") -> Ran:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["imdb-rnn", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as left:
            main()
        assert isinstance(left.value.code, int)
        return Ran(left.value.code, *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def saved(trained: tuple[Path, Training]) -> Path:
    return trained[0]


@pytest.fixture
def bundle(trained: Saved, tmp_path: Path) -> Path:
    """A copy of a saved folder, to be damaged."""
    return Path(shutil.copytree(trained[0], tmp_path / "bundle"))


@pytest.fixture
def earlier(bundle: Path) -> Path:
    """The same folder as earlier versions saved it: `word_index` holds ids from 4, and the manifest no hashes."""

    def to_ids(config: dict[str, Any]) -> None:
        config["windows"] = config.pop("imdb_rnn")["windows"]
        known = [word for word, rank in config["word_index"].items() if rank + 3 < config["num_words"]]
        config["word_index"] = {word: number for number, word in enumerate(known, start=4)}

    rewrite_json(bundle / CONFIG_FILE, to_ids)
    rewrite_json(
        bundle / MANIFEST_FILE, lambda manifest: [manifest.pop(name) for name in ("format", "files", "sha256")]
    )
    return bundle


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """A file of 180 reviews, 1 to 40 words long, with the ranks 1 to 50 as frequent as words are; 50 is there once."""
    random = np.random.RandomState(2)
    chances = 1 / np.arange(1, 50)
    arrays: dict[str, Any] = {}
    for split, count in (("train", 120), ("test", 60)):
        rows = np.empty(count, object)
        rows[:] = [
            random.choice(np.arange(1, 50), 1 + place % 40, p=chances / chances.sum()).tolist()
            for place in range(count)
        ]
        arrays |= {f"x_{split}": rows, f"y_{split}": np.arange(count) % 2}
    arrays["x_train"][7][3] = 50
    return npz_files.save(tmp_path / "many.npz", arrays)
