"""The hand-written loops train the same model and predict with it: each is compared with the oracle."""

from collections.abc import Callable

import numpy as np
import pytest

from backends_test import oracle
from backends_test.comparison.inputs import BATCH_SIZE, STEPS, Inputs, make_inputs
from backends_test.comparison.reference import named, steps
from backends_test.comparison.stages import LADDER, differences
from backends_test.oracle import Weights
from benchmarks.baselines.numpy import PlainNumpy
from benchmarks.trainer import Trainer
from imdb_rnn.backends import backend_name, load_backend
from imdb_rnn.corpora.corpus import encode_texts
from imdb_rnn.corpora.synthetic import make_texts
from imdb_rnn.text.batches import Arrays

TOLERANCES = {stage.name: stage.bounds["float32"].tolerance for stage in LADDER}
OTHER_EPSILON = 1e-8  # the default of PyTorch and Optax


def importable_baselines() -> list[Callable[..., Trainer]]:
    """Those in NumPy, and in the framework of this environment."""
    if backend_name() == "jax":
        from benchmarks.baselines.jax import EpochJax, StepJax

        return [PlainNumpy, StepJax, EpochJax]
    if backend_name() == "torch":
        from benchmarks.baselines.torch import IdiomaticTorch, TunedTorch

        return [PlainNumpy, IdiomaticTorch, TunedTorch]
    return [PlainNumpy]


every_baseline = pytest.mark.parametrize("baseline", importable_baselines(), ids=lambda one: one.__name__)


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    """The inputs of the ladder, from a corpus whose epochs have 24 batches of 64 and one of 16."""
    return make_inputs(encode_texts("synthetic", "baselines", *make_texts(1_940, 200), None))


@pytest.fixture(scope="module")
def fifty(inputs: Inputs) -> list[Arrays]:
    return inputs.batches[:STEPS]


@pytest.fixture(scope="module")
def after_fifty(inputs: Inputs, fifty: list[Arrays]) -> Weights:
    return steps(inputs.start, oracle.Adam(), fifty)


def furthest(trainer: Trainer, expected: Weights) -> float:
    """The largest difference of any weight."""
    by_weight = differences(named(trainer.weights()), named(expected.arrays()))
    print(type(trainer).__name__, by_weight)
    return max(by_weight.values())


def test_the_fifty_batches_hold_the_short_end_of_two_epochs(fifty: list[Arrays]) -> None:
    assert [len(batch.x) for batch in fifty] == ([BATCH_SIZE] * 24 + [16]) * 2


@every_baseline
def test_one_step_is_the_oracles(baseline: Callable[..., Trainer], inputs: Inputs) -> None:
    trainer = baseline(inputs.start)
    trainer.train(inputs.batches[:1])
    assert furthest(trainer, steps(inputs.start, oracle.Adam(), inputs.batches[:1])) <= TOLERANCES["Adam"]


@every_baseline
def test_one_step_on_a_short_batch_is_the_oracles(
    baseline: Callable[..., Trainer], inputs: Inputs, fifty: list[Arrays]
) -> None:
    short = [fifty[24]]
    trainer = baseline(inputs.start)
    trainer.train(short)
    assert furthest(trainer, steps(inputs.start, oracle.Adam(), short)) <= TOLERANCES["Adam"]


@every_baseline
def test_fifty_steps_are_the_oracles(
    baseline: Callable[..., Trainer], inputs: Inputs, fifty: list[Arrays], after_fifty: Weights
) -> None:
    trainer = baseline(inputs.start)
    trainer.train(fifty)
    assert furthest(trainer, after_fifty) <= TOLERANCES["fifty steps"]


@every_baseline
def test_fifty_steps_in_several_calls_are_the_same(
    baseline: Callable[..., Trainer], inputs: Inputs, fifty: list[Arrays], after_fifty: Weights
) -> None:
    trainer = baseline(inputs.start)
    for batches in (fifty[:24], fifty[24:25], [], fifty[25:]):
        trainer.train(batches)
    assert furthest(trainer, after_fifty) <= TOLERANCES["fifty steps"]


@every_baseline
def test_another_epsilon_would_be_noticed(
    baseline: Callable[..., Trainer], inputs: Inputs, fifty: list[Arrays], after_fifty: Weights
) -> None:
    trainer = baseline(inputs.start, epsilon=OTHER_EPSILON)
    trainer.train(fifty)
    assert furthest(trainer, after_fifty) > 10 * TOLERANCES["fifty steps"]
    expected = steps(inputs.start, oracle.Adam(epsilon=OTHER_EPSILON), fifty)
    assert furthest(trainer, expected) <= TOLERANCES["fifty steps"]


@every_baseline
def test_predictions_are_the_oracles_before_and_after_training(
    baseline: Callable[..., Trainer], inputs: Inputs, fifty: list[Arrays]
) -> None:
    ids = np.concatenate([inputs.reviews.x, inputs.batches[0].x])  # the second one holds the edge cases
    trainer = baseline(inputs.start)
    for batches in ([], fifty):
        trainer.train(batches)
        scores = trainer.predict(ids)
        assert (scores.shape, scores.dtype) == ((len(ids),), np.float32)
        expected = oracle.forward(Weights.of(trainer.weights()), ids).scores[:, 0]
        difference = np.abs(scores - expected).max()
        print(baseline.__name__, difference)
        assert difference <= TOLERANCES["forward"]


@every_baseline
def test_the_weights_come_back_as_they_were_given(baseline: Callable[..., Trainer], inputs: Inputs) -> None:
    for returned, given in zip(baseline(inputs.start).weights(), inputs.start, strict=True):
        assert returned.dtype == given.dtype == np.float32
        np.testing.assert_array_equal(returned, given)


@every_baseline
def test_training_changes_nobody_elses_arrays(baseline: Callable[..., Trainer], inputs: Inputs) -> None:
    given = [weight.copy() for weight in inputs.start]
    trainer = baseline(given)
    before = trainer.weights()
    trainer.train(inputs.batches[:2])
    for array, kept, start in zip(given, before, inputs.start, strict=True):
        np.testing.assert_array_equal(array, start)
        np.testing.assert_array_equal(kept, start)


@every_baseline
def test_the_path_names_the_device(baseline: Callable[..., Trainer], inputs: Inputs) -> None:
    path = baseline(inputs.start).path()
    assert path["device"] in {"cpu", load_backend().device()}
    assert all(isinstance(value, str) and value for value in path.values())
