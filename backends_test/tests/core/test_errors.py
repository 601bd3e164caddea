"""Every message says once what was expected, also where one error is the reason for another."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imdb_rnn import Classifier, ImdbRnnError, ReviewClassifier, Training, Vocabulary, load_reviews
from imdb_rnn.corpora import imdb, tfds
from imdb_rnn.inference import bundle


def write_reviews(folder: Path, labels: list[int]) -> None:
    """Write `imdb.npz` and its word index."""
    rows = np.empty(2, dtype=object)
    rows[:] = [[1], [1]]
    arrays = {f"{axis}_{split}": part for split in ("train", "test") for axis, part in (("x", rows), ("y", labels))}
    np.savez(folder / imdb.REVIEWS, **arrays)
    Vocabulary(["good"]).save(folder / imdb.WORD_INDEX)


def one_class(folder: Path) -> None:
    """Reviews that are all positive."""
    write_reviews(folder, [1, 1])
    load_reviews(f"npz:{folder / imdb.REVIEWS}")


def one_class_in_a_folder(folder: Path) -> None:
    for place in ("train/pos", "train/neg", "test/pos", "test/neg"):
        (folder / place).mkdir(parents=True)
    load_reviews(f"folder:{folder}")


def ranks_that_are_none(folder: Path) -> None:
    """A word index of other numbers."""
    write_reviews(folder, [0, 1])
    (folder / imdb.WORD_INDEX).write_text(json.dumps({"good": 7}))
    load_reviews(f"npz:{folder / imdb.REVIEWS}")


def words_that_are_none(folder: Path) -> None:
    """A word index with an empty word."""
    write_reviews(folder, [0, 1])
    (folder / imdb.WORD_INDEX).write_text(json.dumps({"": 1}))
    Vocabulary.load(folder / imdb.WORD_INDEX)


def no_copy_of_tfds(folder: Path) -> None:
    load_reviews("tfds")


def damaged_copy_of_tfds(folder: Path) -> None:
    (folder / "tfds" / tfds.PREPARED).mkdir(parents=True)
    (folder / "tfds" / tfds.PREPARED / "imdb_reviews-train.array_record-00000-of-00001").write_bytes(b"no record")
    Vocabulary(["good"]).save(folder / imdb.WORD_INDEX)
    load_reviews("tfds")


def words_of_a_model_that_are_none(folder: Path) -> None:
    """A saved folder, in the form of the tutorial, with an empty word."""
    settings: dict[str, Any] = {"num_words": 100, "max_len": 10, "word_index": {"good": 1, "": 2}}
    (folder / bundle.CONFIG_FILE).write_text(json.dumps(settings))
    (folder / bundle.MODEL_FILE).write_bytes(b"")
    Classifier.load(folder)


CASES = (
    one_class,
    one_class_in_a_folder,
    ranks_that_are_none,
    words_that_are_none,
    no_copy_of_tfds,
    damaged_copy_of_tfds,
    words_of_a_model_that_are_none,
)


def assert_said_once(error: ImdbRnnError) -> None:
    for part in ("Expected: ", "Received: "):
        assert str(error).count(part) == 1, error


@pytest.mark.parametrize("provoke", CASES, ids=lambda provoke: provoke.__name__)
def test_a_message_says_once_what_was_expected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, provoke: Callable[[Path], None]
) -> None:
    monkeypatch.setenv("IMDB_RNN_DATA", str(tmp_path))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "none"))
    with pytest.raises(ImdbRnnError) as raised:
        provoke(tmp_path)
    assert_said_once(raised.value)


def test_a_saved_estimator_of_bad_parameters_says_once_what_was_expected(
    trained: tuple[Path, Training], tmp_path: Path
) -> None:
    shutil.copytree(trained[0], tmp_path / "saved")
    parameters = {**ReviewClassifier().get_params(), "epochs": -1}
    content = {"params": parameters, "classes": [0, 1], "dtype": "int64"}
    files = {bundle.ESTIMATOR_FILE: bundle.json_bytes(content), bundle.HISTORY_FILE: b"{}"}
    bundle.write(tmp_path / "saved", bundle.read_manifest(tmp_path / "saved"), files)
    with pytest.raises(ImdbRnnError) as raised:
        ReviewClassifier.load(tmp_path / "saved")
    assert "`epochs`" in str(raised.value)
    assert_said_once(raised.value)
