"""The figures of scoring files: those of the committed run, and what is promised of them."""

import json
from statistics import median

from backends_test.markdown import replace_table
from benchmarks.scoring import LONG, PAGE, RESULTS, page_table

COMMITTED = json.loads(RESULTS.read_text(encoding="utf-8"))


def test_the_table_is_that_of_the_committed_run() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert replace_table(text, "scoring", page_table(COMMITTED)) == text


def test_a_file_is_scored_at_four_fifths_of_the_speed_of_one_list_or_faster() -> None:
    seconds = COMMITTED["compare"]["seconds"]
    ratios = [batch / scored for batch, scored in zip(seconds["batch"], seconds["all"], strict=True)]
    assert median(ratios) >= 0.8


def test_ten_million_rows_take_constant_memory_and_the_first_score_comes_at_once() -> None:
    long = COMMITTED["long"]
    assert long["rows"] == LONG == 10_000_000
    assert long["peak_bytes"] < 500e6
    assert long["first_output"] < 1
