"""Writing a saved folder: whole, or as it was before."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from backends_test.data import split_corpus
from backends_test.tests.saved_folder import Saved, replace_array, rewrite_weights
from imdb_rnn import BundleError, Classifier, Corpus
from imdb_rnn.inference.bundle import (
    HISTORY_FILE,
    MODEL_FILE,
    json_bytes,
    read_manifest,
    read_part,
    write,
)
from imdb_rnn.inference.keras_file import model_bytes
from imdb_rnn.inference.manifest import Manifest


@pytest.mark.parametrize(
    "change",
    [
        lambda weights: weights.pop("optimizer"),
        replace_array("optimizer/vars/0", np.array(1.0, np.float32)),
        replace_array("optimizer/vars/3", np.zeros((3, 16), np.float32)),
        replace_array("optimizer/vars/3", np.full((10_003, 16), np.nan, np.float32)),
        lambda weights: weights.create_dataset("optimizer/vars/14", data=np.zeros(1, np.float32)),
    ],
    ids=["none", "step count", "shape", "not a number", "one more"],
)
def test_predicting_needs_no_state_of_an_optimizer_and_training_begins_a_new_one(
    earlier: Path, trained: Saved, change: Callable[[h5py.File], object], caplog: pytest.LogCaptureFixture
) -> None:
    rewrite_weights(earlier / MODEL_FILE, change)
    classifier = Classifier.load(earlier)
    expected = Classifier.load(trained[0]).predict_review("A good film.").score
    assert classifier.predict_review("A good film.").score == expected
    assert not caplog.records
    assert int(classifier.model.optimizer.iterations) == 0
    assert "Training continues with a new Adam optimizer" in caplog.text


def test_a_model_file_that_cannot_be_read_again_is_not_written(bundle: Path, trained: Saved) -> None:
    inputs = keras.Input((100,), dtype="int32")
    other = keras.Sequential([inputs, keras.layers.Embedding(50, 16), keras.layers.SimpleRNN(8), keras.layers.Dense(1)])
    before = (bundle / MODEL_FILE).read_bytes()
    with pytest.raises(BundleError, match=r"Expected: the model saved with .* Received: a layer Dense with activation"):
        write(bundle, Manifest(), {MODEL_FILE: model_bytes(other, 10_000, 100)})
    assert (bundle / MODEL_FILE).read_bytes() == before


CRASH = """
import os, sys
from pathlib import Path
from imdb_rnn.inference import bundle

folder, new, last = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
replace, count = Path.replace, 0

def replace_and_die(self, target):
    global count
    found = replace(self, target)
    count += 1
    if count == last:
        os._exit(9)
    return found

Path.replace = replace_and_die
files = {name: (new / name).read_bytes() for name in sys.argv[4:]}
bundle.write(folder, bundle.read_manifest(new), files)
"""


@pytest.mark.parametrize(
    ("order", "expected_states"),
    [
        ((MODEL_FILE, HISTORY_FILE), [False, True, True, True, True]),
        ((HISTORY_FILE, MODEL_FILE), [False, False, True, True, True]),
    ],
)
def test_a_kill_at_any_moment_of_writing_leaves_the_state_before_or_the_state_after(
    bundle: Path, small_corpus: Corpus, tmp_path: Path, order: tuple[str, ...], expected_states: list[bool]
) -> None:
    """The process is killed after it has replaced one file, two files, …"""
    classifier = Classifier.load(bundle)
    train = split_corpus(small_corpus, 10_000, 100).train
    classifier.model.fit(train.x[:64], train.y[:64], verbose=0)
    shutil.copytree(bundle, tmp_path / "new")
    classifier.save(tmp_path / "new")
    longer = {name: [*values, 0.5] for name, values in read_part(bundle, HISTORY_FILE).items()}
    write(tmp_path / "new", read_manifest(tmp_path / "new"), {HISTORY_FILE: json_bytes(longer)})
    before, after = (Classifier.load(folder) for folder in (bundle, tmp_path / "new"))
    seen = []
    for last in range(1, 10):
        folder = shutil.copytree(bundle, tmp_path / str(last))
        command = [sys.executable, "-c", CRASH, str(folder), str(tmp_path / "new"), str(last), *order]
        status = subprocess.run(command, timeout=60).returncode
        loaded = Classifier.load(folder)
        expected = after if loaded.manifest == after.manifest else before
        assert loaded.manifest == read_manifest(folder) == expected.manifest
        assert loaded.predict_review("A good film.") == expected.predict_review("A good film.")
        history = read_part(folder, HISTORY_FILE)
        assert history in (longer, read_part(bundle, HISTORY_FILE))
        # What was interrupted can be done again.
        (folder / ".training").unlink(missing_ok=True)
        after.save(folder)
        assert Classifier.load(folder).manifest == after.manifest
        assert read_part(folder, HISTORY_FILE) == history
        seen.append(expected is after)
        if status == 0:
            break
        assert status == 9
    assert seen == expected_states  # after each of two manifests and two files, and of all
