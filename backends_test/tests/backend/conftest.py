"""What the tests of a backend share: the backend, models trained on it, and the artefacts that others compare.

The environment's own backend is never skipped: an unknown or absent one stops the session.
"""

import json
import os
import shutil
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

import imdb_rnn
from backends_test.comparison.inputs import BATCH_SIZE, MORE_STEPS, SEED, load_corpus
from backends_test.comparison.stages import sources_fingerprint
from backends_test.data import split_corpus, training_batches
from backends_test.tests.backend.processes import Ran, Run
from imdb_rnn import BackendError, Corpus, Recipe, Training, train
from imdb_rnn.backends import backend_name

# Fast enough for every run, long enough to learn something.
FAST = Recipe.tutorial(epochs=2, patience=1)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-gpu", action="store_true", help="fail, and do not skip, the ladder on a GPU if none is found"
    )


def pytest_configure(config: pytest.Config) -> None:
    try:
        backend_name()
    except BackendError as error:
        raise pytest.UsageError(f"{error} (or run: tox -e jax)") from error


@pytest.fixture(scope="session")
def backend() -> str:
    return backend_name()


@pytest.fixture(scope="session")
def trained(small_corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Training]:
    """A folder saved by a quick training, and what that training returned."""
    folder = tmp_path_factory.mktemp("trained") / "model"
    return folder, train(small_corpus, folder, FAST, progress=False)


@pytest.fixture(scope="session")
def robust(small_corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Training]:
    """The same by the recipe "robust"."""
    folder = tmp_path_factory.mktemp("robust") / "model"
    return folder, train(small_corpus, folder, Recipe(epochs=2), progress=False)


@pytest.fixture(scope="session")
def artefacts(tmp_path_factory: pytest.TempPathFactory, backend: str) -> Path:
    """The folder of what this backend leaves for backends_test/comparison."""
    given = os.environ.get("IMDB_RNN_ARTEFACTS")
    folder = (Path(given) if given else tmp_path_factory.mktemp("artefacts")) / backend
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def exchanged(artefacts: Path) -> Training:
    """Three epochs of the tutorial's recipe, on real IMDB where it is, left for the other backends to go on with."""
    # The note goes first and comes last: nothing counts without it, and so nothing old passes for new.
    (artefacts / "model.json").unlink(missing_ok=True)
    shutil.rmtree(artefacts / "model", ignore_errors=True)
    corpus = load_corpus()
    training = train(corpus, artefacts / "model", Recipe.tutorial(epochs=3), progress=False)
    splits = split_corpus(corpus, training.classifier.num_words, training.classifier.max_len)
    np.save(artefacts / "ids.npy", splits.test.x)
    x, y = zip(*islice(training_batches(splits.train, BATCH_SIZE, SEED, first_epoch=3), MORE_STEPS), strict=True)
    np.savez(artefacts / "continued.npz", x=np.stack(x), y=np.stack(y))
    note = {"sources": sources_fingerprint(Path(imdb_rnn.__file__).parent)}
    (artefacts / "model.json").write_text(json.dumps(note), encoding="utf-8")
    return training


@pytest.fixture
def keras_home(tmp_path: Path) -> Path:
    """Where Keras of the processes that `run` starts keeps its settings."""
    (tmp_path / "keras").mkdir()
    return tmp_path / "keras"


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """The current folder of the processes that `run` starts, from which they import first."""
    (tmp_path / "packages").mkdir()
    return tmp_path / "packages"


@pytest.fixture
def run(tmp_path: Path, keras_home: Path, packages: Path) -> Run:
    """Run Python code in the folder `packages`, without KERAS_BACKEND; keywords set environment variables."""

    def run_code(code: str, *arguments: object, **environment: str) -> Ran:
        settings = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
        completed = subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)],
            env={**settings, "KERAS_HOME": str(keras_home), **environment},
            cwd=packages,
            capture_output=True,
            text=True,
            timeout=300,
        )
        return Ran(completed.returncode, completed.stdout.splitlines(), completed.stderr.splitlines())

    return run_code
