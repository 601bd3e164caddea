"""A classifier in many threads: what one thread gets, or a clear error, and never a broken model."""

import copy
import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backends_test.data import split_corpus
from backends_test.reliability.load import at_once
from imdb_rnn import Classifier, Corpus, ModelError, Training, explain
from imdb_rnn.text.reviews import EncodedReviews

REVIEW = "A good film, and not a bad one."


@pytest.fixture
def classifier(trained: tuple[Path, Training]) -> Classifier:
    return Classifier.load(trained[0])


@pytest.fixture(scope="module")
def few(small_corpus: Corpus) -> EncodedReviews:
    return small_corpus.test.take(np.arange(60))


def test_all_threads_get_one_model(classifier: Classifier) -> None:
    models = at_once(lambda number: classifier.model)
    assert len({id(model) for model in models}) == 1
    assert int(models[0].optimizer.iterations) > 0


@pytest.mark.parametrize("handed_out", [False, True])
def test_every_method_gives_in_many_threads_what_it_gives_in_one(
    classifier: Classifier, few: EncodedReviews, tmp_path: Path, handed_out: bool
) -> None:
    ids = classifier.preprocessing.rows(few).x
    methods: list[Callable[[Classifier, int], Any]] = [
        lambda it, number: it.predict_review(REVIEW),
        lambda it, number: it.evaluate(few),
        lambda it, number: it.probabilities(ids).tobytes(),
        lambda it, number: explain(it, REVIEW).contributions.tobytes(),
        lambda it, number: [array.tobytes() for array in it.weights()],
        lambda it, number: pickle.loads(pickle.dumps(it)).predict_review(REVIEW),
        lambda it, number: copy.deepcopy(it).predict_review(REVIEW),
        lambda it, number: saved_and_loaded(it, tmp_path / f"model-{number}").predict_review(REVIEW),
    ]

    def saved_and_loaded(it: Classifier, folder: Path) -> Classifier:
        if not folder.exists():
            it.save(folder)
        return Classifier.load(folder)

    expected = [method(copy.deepcopy(classifier), 99) for method in methods]
    if handed_out:
        classifier.model  # noqa: B018 (from now on it may be trained on)

    def all_of_them(number: int) -> list[Any]:
        order = [*range(number, len(methods)), *range(number)]
        found = {position: methods[position](classifier, number) for position in order}
        return [found[position] for position in range(len(methods))]

    for found in at_once(all_of_them):
        assert found == expected
    # Afterwards it is as good as new.
    assert [method(classifier, 100) for method in methods] == expected


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_while_another_thread_trains_there_is_an_error_or_an_answer_and_afterwards_all_is_well(
    classifier: Classifier, small_corpus: Corpus, few: EncodedReviews
) -> None:
    """On JAX a model has no values while it trains: its variables would give out new initial ones."""
    batch = split_corpus(small_corpus, 10_000, 100).train
    model, begun, done = classifier.model, threading.Event(), threading.Event()
    kept: list[list[np.ndarray]] = [model.get_weights()]

    class Watch(keras_callback()):  # type: ignore[misc]
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            begun.set()

    def fit() -> None:
        try:
            model.fit(batch.x[:640], batch.y[:640], batch_size=32, epochs=4, callbacks=[Watch()], verbose=0)
        finally:
            begun.set()
            done.set()

    thread = threading.Thread(target=fit)
    thread.start()
    begun.wait(60)
    answers, errors = [], 0
    while not done.is_set():
        for use in (lambda: classifier.predict_review(REVIEW).score, lambda: classifier.evaluate(few).accuracy):
            try:
                answers.append(use())
            except ModelError as error:
                assert "that another thread trains" in str(error)
                errors += 1
    thread.join()
    assert answers or errors
    assert all(0 <= answer <= 1 for answer in answers)
    kept.append(model.get_weights())
    assert int(model.optimizer.iterations) >= 80
    assert all((before != after).any() for before, after in zip(*kept, strict=True))
    for ours, theirs in zip(classifier.weights(), kept[-1], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert 0 < classifier.evaluate(few).accuracy <= 1
    model.fit(batch.x[:64], batch.y[:64], verbose=0)


def keras_callback() -> Any:
    import keras

    return keras.callbacks.Callback


def test_a_model_whose_values_are_elsewhere_is_never_read_as_if_they_were_new(
    classifier: Classifier, few: EncodedReviews, backend: str
) -> None:
    """What JAX leaves in the variables during a step: nothing."""
    if backend != "jax":
        pytest.skip("only on JAX a model has no values while it trains")
    model = classifier.model
    values = [variable._value for variable in model.weights]
    expected = classifier.predict_review(REVIEW)
    for variable in model.weights:
        variable._value = None
    uses = [
        lambda: classifier.predict_review(REVIEW),
        lambda: classifier.evaluate(few),
        lambda: pickle.dumps(classifier),
        lambda: copy.deepcopy(classifier),
    ]
    for use in uses:
        with pytest.raises(
            ModelError, match=r"Expected: a model that is not in use\. Received: one that another thread trains"
        ):
            use()
    for variable, value in zip(model.weights, values, strict=True):
        variable._value = value
    assert classifier.predict_review(REVIEW) == expected
