"""The figures of scoring on a cluster: those of the committed run, and what is promised of them."""

import json
import subprocess
import sys
from pathlib import Path

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


def test_a_number_of_reviews_that_cannot_be_divided_is_refused_in_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-m", "benchmarks.cluster", "run", str(tmp_path), "--reviews", "30"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (2, "Bad --reviews. Expected: a multiple of 20. Received: 30.\n")
