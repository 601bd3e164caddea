"""The figures of corpora larger than memory: those of the committed runs, and what is promised of them."""

import json

import pytest

from backends_test.markdown import replace_table
from benchmarks.large_corpora import PAGE, RESULTS, earlier_rows, table

COMMITTED = json.loads(RESULTS.read_text(encoding="utf-8"))


def test_the_table_is_that_of_the_committed_runs() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert replace_table(text, "large-corpora", table(COMMITTED)) == text


def test_ten_times_the_reviews_take_no_more_memory() -> None:
    for name in ("encode_peak_bytes", "train_peak_bytes"):
        peaks = [row[name] for row in COMMITTED["rows"] if row["reviews"] >= 100_000]
        assert max(peaks) < 1.3 * peaks[0]


@pytest.mark.parametrize("other", [{}, {"backend": "torch"}, {"cores": 64}, {"processor": "Another"}])
def test_rows_of_another_backend_or_machine_are_not_published_as_those_of_this_one(other: dict[str, object]) -> None:
    machine = {name: COMMITTED[name] for name in ("backend", "cores", "processor")}
    assert earlier_rows(machine | other) == ([] if other else COMMITTED["rows"])
