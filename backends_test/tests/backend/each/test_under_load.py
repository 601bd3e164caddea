"""A classifier in many threads, and a process that trains and predicts for long, in short."""

import ctypes
import gc
import sys
from pathlib import Path

import numpy as np
import pytest

from backends_test.reliability.load import RECIPE, TEXTS, answers, different_answers
from backends_test.reliability.training import few_reviews
from imdb_rnn import Classifier, train

# The weights of one model are 640 kB, and its optimizer has twice as much: a training that leaves its model in memory
# keeps more. The most that was measured is 63 kB, on TensorFlow, which keeps 36 kB for the one name in each model that
# Keras numbers.
MAX_KILOBYTES_PER_TRAINING = 300
# A review has some 100 ids, and its prediction some 100 numbers. Nothing of it may be kept.
MAX_KILOBYTES_PER_HUNDRED_PREDICTIONS = 2
# The fields of `struct mallinfo2`, in their order.
MALLINFO = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()  # noqa: SIM905


class Mallinfo(ctypes.Structure):
    """What the memory allocator of the C library tells about itself."""

    _fields_ = [(name, ctypes.c_size_t) for name in MALLINFO]


def allocated_kilobytes() -> float:
    """The memory in use, without what the allocator keeps for later: a few trainings are enough to see growth."""
    gc.collect()
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallinfo2"):
        pytest.skip("the C library cannot tell how much memory is in use")
    library.mallinfo2.restype = Mallinfo
    found = library.mallinfo2()
    return float(found.uordblks + found.hblkhd) / 1e3


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "model"
    train(few_reviews(), folder, RECIPE, progress=False)
    return folder


def test_eight_threads_get_the_bits_of_one(saved: Path) -> None:
    assert different_answers(saved, few_reviews(), rounds=2) == 0


def test_another_answer_in_one_thread_would_be_seen(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = answers(Classifier.load(saved), few_reviews())
    changed = Classifier.load(saved)
    weights = changed.model.get_weights()
    weights[-1] = np.nextafter(weights[-1], np.float32(9))
    changed.model.set_weights(weights)
    found = answers(changed, few_reviews())
    assert len(found) == 5
    assert found != expected


linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems tell the memory in use in other ways")


@linux
def test_memory_that_is_kept_is_seen() -> None:
    before = allocated_kilobytes()
    kept = np.ones(160_257, np.float32)
    assert allocated_kilobytes() - before == pytest.approx(kept.nbytes / 1e3, abs=50)


@linux
def test_a_process_that_trains_again_and_again_does_not_grow(tmp_path: Path) -> None:
    corpus, measured = few_reviews(), []
    for number in range(15):
        train(corpus, tmp_path / str(number), RECIPE, progress=False)
        measured.append(allocated_kilobytes())
    # The first trainings load and compile what the later ones use again.
    assert (measured[-1] - measured[4]) / 10 < MAX_KILOBYTES_PER_TRAINING


@linux
def test_a_process_that_predicts_again_and_again_does_not_grow(saved: Path) -> None:
    classifier, measured = Classifier.load(saved), []
    for part in range(4):
        for number in range(10):
            classifier.predict_reviews([f"{TEXTS[0]} {part} {number} {review}" for review in range(100)])
        measured.append(allocated_kilobytes())
    assert (measured[-1] - measured[0]) / 30 < MAX_KILOBYTES_PER_HUNDRED_PREDICTIONS
