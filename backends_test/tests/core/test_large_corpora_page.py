"""The figures of corpora larger than memory: those of the committed runs, and what is promised of them."""

import json

from backends_test.markdown import replace_table
from benchmarks.large_corpora import PAGE, RESULTS, table

COMMITTED = json.loads(RESULTS.read_text(encoding="utf-8"))


def test_the_table_is_that_of_the_committed_runs() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert replace_table(text, "large-corpora", table(COMMITTED)) == text


def test_ten_times_the_reviews_take_no_more_memory() -> None:
    for name in ("encode_peak_bytes", "train_peak_bytes"):
        peaks = [row[name] for row in COMMITTED["rows"] if row["reviews"] >= 100_000]
        assert max(peaks) < 1.3 * peaks[0]
