"""A permutation of any size without an array of its size."""

import numpy as np
import pytest

from imdb_rnn.text.permutation import permuted


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 16, 17, 1_000, 1_024, 65_537])
def test_each_position_is_reached_once(count: int) -> None:
    assert np.sort(permuted(np.arange(count), count, (1, 2))).tolist() == list(range(count))


def test_a_seed_has_one_permutation_and_another_seed_another() -> None:
    first, again, other = (permuted(np.arange(1_000), 1_000, seed) for seed in ((1, 2), (1, 2), (1, 3)))
    np.testing.assert_array_equal(first, again)
    assert np.mean(first == other) < 0.01


def test_a_few_positions_are_permuted_as_all_are_at_once() -> None:
    every = permuted(np.arange(5_000), 5_000, (7,))
    some = np.array([4_999, 0, 17])
    np.testing.assert_array_equal(permuted(some, 5_000, (7,)), every[some])


def test_more_items_than_fit_in_memory_are_permuted() -> None:
    count = 10**15
    found = permuted(np.arange(1_000), count, (3,))
    assert len(set(found.tolist())) == 1_000
    assert found.min() >= 0
    assert found.max() < count
    assert found.max() > count // 2


def test_neighbours_are_spread_evenly() -> None:
    count = 1_000_000
    found = permuted(np.arange(100_000), count, (5,))
    tenths = np.bincount(found * 10 // count, minlength=10)
    # The standard deviation of each is 95.
    assert np.abs(tenths - 10_000).max() < 500
    assert abs(np.corrcoef(np.arange(100_000), found)[0, 1]) < 0.02
