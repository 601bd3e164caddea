"""The test of equivalence tells equal samples from unequal ones, and the committed result is what it computes."""

import json

import numpy as np
import pytest

from backends_test.comparison.equivalence import LEVEL, PRIMARY, RESULTS, SEEDS, equivalence
from imdb_rnn.backends import TRAINING_BACKENDS


@pytest.fixture
def accuracy() -> np.ndarray:
    return np.random.default_rng(0).normal(0.82, 0.006, 20)


def test_samples_of_one_distribution_are_equal(accuracy: np.ndarray) -> None:
    other = np.random.default_rng(1).normal(0.82, 0.006, 20)
    for paired in (True, False):
        assert equivalence(accuracy, other, paired=paired).p_value < LEVEL


@pytest.mark.parametrize("shift", [-0.01, 0.01])
def test_samples_a_margin_apart_are_not_shown_to_be_equal(accuracy: np.ndarray, shift: float) -> None:
    other = np.random.default_rng(1).normal(0.82 + shift, 0.006, 20)
    for paired in (True, False):
        assert equivalence(accuracy, other, paired=paired).p_value > LEVEL


def test_the_interval_decides_as_the_tests_do(accuracy: np.ndarray) -> None:
    """At level 1 - 2 * LEVEL, the interval lies within the margin exactly if both tests reject."""
    for shift in np.linspace(0, 0.012, 25):
        test = equivalence(accuracy + shift, np.random.default_rng(1).normal(0.82, 0.006, 20))
        assert (test.p_value < LEVEL) == (test.low > -0.01 and test.high < 0.01)


def test_the_committed_result_is_complete_and_equal() -> None:
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    assert results["seeds"] == list(SEEDS)
    assert len(results["seeds"]) >= 10
    assert results["data"]["source"] == "imdb"
    assert results["command"].endswith("tox -e parity-long")
    assert results["date"]
    for backend in TRAINING_BACKENDS:
        assert len(results["test_accuracy"][backend]) == len(SEEDS)
        assert backend in results["versions"][backend]
    for pair, tests in results["pairs"].items():
        one, other = (np.array(results["test_accuracy"][name]) for name in pair.split(" - "))
        assert tests[PRIMARY] == pytest.approx(equivalence(one, other)._asdict())
        assert tests[PRIMARY]["p_value"] < LEVEL
