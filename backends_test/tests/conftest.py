"""What the tests share: small corpora, and real IMDB reviews where they are found."""

import os
from pathlib import Path

import pytest

from imdb_rnn import Corpus, load_reviews
from imdb_rnn.corpora.corpus import encode_texts
from imdb_rnn.corpora.synthetic import make_texts


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
