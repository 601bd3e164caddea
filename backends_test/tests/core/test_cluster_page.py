"""The figures of scoring on a cluster: those of the committed run, and what is promised of them."""

import json

import numpy as np
import pytest

from backends_test.markdown import replace_table
from benchmarks.cluster import PAGE, RESULTS, page_table

pytestmark = pytest.mark.skipif(not RESULTS.exists(), reason="no results are committed yet")


def test_the_table_is_that_of_the_committed_run() -> None:
    text = PAGE.read_text(encoding="utf-8")
    committed = json.loads(RESULTS.read_text(encoding="utf-8"))
    assert replace_table(text, "cluster", page_table(committed)) == text


@pytest.mark.parametrize("workers", [1, 2])
def test_our_part_costs_at_most_a_tenth_of_the_time_of_a_bare_loop(workers: int) -> None:
    rounds = json.loads(RESULTS.read_text(encoding="utf-8"))["rounds"]
    assert np.median([one[f"ray {workers}"] / one[f"loop {workers}"] for one in rounds]) <= 1.1
