"""Scores mean what they say: the temperature is the one that fits, and the error of calibration is the paper's."""

import numpy as np
import pytest

from backends_test.oracle import sigmoid
from benchmarks.reliability import reliability
from imdb_rnn.training.calibration import MAX_TEMPERATURE, MIN_TEMPERATURE, fit_temperature


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_logits_were_multiplied_by_is_found_again(temperature: float) -> None:
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, 50_000)
    labels = random.random(50_000) < sigmoid(logits)
    assert fit_temperature(logits * temperature, labels) == pytest.approx(temperature, rel=0.03)
    weights = np.ones(50_000)
    assert fit_temperature(logits * temperature, labels, weights) == fit_temperature(logits * temperature, labels)


def test_a_text_of_no_weight_does_not_count() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, 2_000)
    labels = random.random(2_000) < sigmoid(logits)
    both, weights = np.concatenate([labels, ~labels]), np.repeat([1.0, 0.0], 2_000)
    assert fit_temperature(np.tile(logits, 2), both, weights) == pytest.approx(fit_temperature(logits, labels))


@pytest.mark.parametrize(("logits", "bound"), [([9.0, -9.0], MIN_TEMPERATURE), ([-9.0, 9.0], MAX_TEMPERATURE)])
def test_it_stays_within_bounds_whatever_the_reviews(logits: list[float], bound: float) -> None:
    assert fit_temperature(np.array(logits), [1, 0]) == pytest.approx(bound, rel=0.01)


def test_the_calibration_error_is_the_mean_distance_over_reviews() -> None:
    found = reliability(np.array([0.1, 0.1, 0.1, 0.9]), [0, 0, 1, 1])
    # Three reviews with the score 0.1, a third of them positive, and one with 0.9 that is.
    assert found.error == pytest.approx((3 * (1 / 3 - 0.1) + (1 - 0.9)) / 4)
    assert found.counts.sum() == 4
    assert np.isnan(found.scores[7])


def test_scores_at_the_ends_are_counted() -> None:
    assert reliability(np.array([0.0, 1.0]), [0, 1]).error == 0


def test_the_temperature_is_the_one_of_the_least_loss() -> None:
    """Compared with every temperature of a fine grid, with and without weights."""
    random = np.random.default_rng(1)
    logits = random.normal(0.5, 3, 500)
    labels = (random.random(500) < sigmoid(logits / 1.7)).astype(np.int8)
    grid = np.geomspace(0.25, 4, 4_001)
    for weights in (None, random.random(500)):
        signs = 2 * labels - 1.0
        losses = [np.average(np.log1p(np.exp(-signs * logits / t)), weights=weights) for t in grid]
        found = fit_temperature(logits, labels, weights)
        assert found == pytest.approx(grid[np.argmin(losses)], rel=2e-3)
    assert isinstance(fit_temperature(logits.astype(np.float32), labels.tolist()), float)


@pytest.mark.parametrize(("scale", "bound"), [(100.0, 4.0), (0.001, 0.25)])
def test_a_temperature_beyond_its_bounds_is_the_bound(scale: float, bound: float) -> None:
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, 2_000)
    labels = random.random(2_000) < sigmoid(logits)
    assert fit_temperature(logits * scale, labels) == pytest.approx(bound, rel=1e-3)
