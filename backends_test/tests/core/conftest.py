"""What the tests without a backend share: saved models, as JAX has trained them (see `make_data.py`)."""

import shutil
from pathlib import Path

import pytest

from imdb_rnn import Classifier, Training
from imdb_rnn.inference.bundle import HISTORY_FILE, read_part

DATA = Path(__file__).parents[1] / "data"


def training(folder: Path, copy: Path) -> tuple[Path, Training]:
    """A copy of a saved folder, and the training that it tells of."""
    shutil.copytree(folder, copy)
    classifier = Classifier.load(copy)
    return copy, Training(classifier, read_part(copy, HISTORY_FILE), classifier.manifest)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Training]:
    """A folder saved by a short training by the recipe "tutorial", and that training."""
    return training(DATA / "tutorial", tmp_path_factory.mktemp("trained") / "model")


@pytest.fixture(scope="session")
def robust(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Training]:
    """The same by the recipe "robust"."""
    return training(DATA / "robust", tmp_path_factory.mktemp("robust") / "model")
