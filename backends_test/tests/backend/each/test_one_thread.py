"""The library's own work takes one thread, and leaves the process with as many as before."""

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.linear_model  # noqa: F401 (loads the linear algebra of SciPy)
from threadpoolctl import threadpool_info, threadpool_limits

from imdb_rnn import Classifier, Corpus, Recipe, Training, train
from imdb_rnn.backends import backend_name, keras_session
from imdb_rnn.corpora.corpus import encode_texts
from imdb_rnn.corpora.synthetic import make_texts
from imdb_rnn.inference import classifier
from imdb_rnn.threads import one_blas_thread
from imdb_rnn.training import fit as training

TEXTS = ["good film", "bad film"] * 50


def blas_threads() -> list[int]:
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


def backend_threads() -> int:
    """How many threads an operation of PyTorch would take; the other backends cannot be asked."""
    if backend_name() != "torch":
        return 1
    import torch

    return int(torch.get_num_threads())


def set_backend_threads(count: int) -> None:
    if backend_name() == "torch":
        import torch

        torch.set_num_threads(count)


@pytest.fixture(scope="module")
def few() -> Corpus:
    return encode_texts("synthetic", "few", *make_texts(300, 50), None)


@pytest.fixture
def many_threads() -> Any:
    """A process whose owner has asked for three threads everywhere."""
    before = backend_threads()
    with threadpool_limits(limits=3, user_api="blas"):
        set_backend_threads(3)
        yield
        set_backend_threads(before)


def watched(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> list[tuple[set[int], int]]:
    """Note the threads at each call of a function."""
    seen, function = [], getattr(module, name)

    def watching(*args: Any, **settings: Any) -> Any:
        seen.append((set(blas_threads()), backend_threads()))
        return function(*args, **settings)

    monkeypatch.setattr(module, name, watching)
    return seen


def three() -> tuple[set[int], int]:
    return {3}, 3 if backend_name() == "torch" else 1


@pytest.mark.usefixtures("many_threads")
def test_training_takes_one_thread(few: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = [watched(monkeypatch, training, name) for name in ("fit_regressions", "train_epochs", "fit_temperature")]
    assert (set(blas_threads()), backend_threads()) == three()
    train(few, None, Recipe(epochs=1), progress=False)
    assert seen == [[({1}, 1)]] * 3
    assert (set(blas_threads()), backend_threads()) == three()


@pytest.mark.usefixtures("many_threads")
def test_predicting_and_evaluating_many_reviews_takes_one_thread(
    trained: tuple[Path, Training], small_corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = Classifier.load(trained[0])
    read = watched(monkeypatch, classifier, "logits_of")
    loaded.predict_reviews(TEXTS)
    assert read == [({1}, three()[1])]
    scored = watched(monkeypatch, classifier, "check_logits")
    loaded.evaluate(small_corpus.test)
    assert [threads for _, threads in scored] == [1]
    assert (set(blas_threads()), backend_threads()) == three()


@pytest.mark.usefixtures("many_threads")
def test_an_error_leaves_the_threads_as_they_were() -> None:
    with pytest.raises(KeyError), keras_session(), one_blas_thread():
        assert (set(blas_threads()), backend_threads()) == ({1}, 1)
        raise KeyError
    assert (set(blas_threads()), backend_threads()) == three()


@pytest.mark.usefixtures("many_threads")
def test_threads_at_work_at_the_same_time_leave_the_process_as_it_was() -> None:
    inside, leave = threading.Event(), threading.Event()

    def work() -> None:
        with one_blas_thread():
            inside.set()
            leave.wait(30)

    thread = threading.Thread(target=work)
    with one_blas_thread():
        thread.start()
        assert inside.wait(30)
    leave.set()
    thread.join(30)
    assert set(blas_threads()) == {3}


def test_one_review_is_read_without_asking_for_threads(trained: tuple[Path, Training]) -> None:
    program = (
        f"import imdb_rnn, sys; imdb_rnn.Classifier.load({str(trained[0])!r}).predict_review('good film'); "
        "print('threadpoolctl' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_number_of_threads_does_not_change_a_training(few: Corpus) -> None:
    found = []
    for count in (1, 4):
        before = backend_threads()
        with threadpool_limits(limits=count):
            set_backend_threads(count)
            found.append(train(few, None, Recipe(epochs=1), progress=False).classifier.weights())
            set_backend_threads(before)
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
