"""The report of the comparison of any model, for invented comparisons."""

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest

from backends_test.any_model.report import (
    amount,
    answer,
    as_html,
    as_text,
    columns,
    number,
    sentence,
    speed_answers,
    speed_lines,
    summary,
    write_html,
)
from backends_test.any_model.run import Comparison
from backends_test.any_model.speed import ratio, summarize
from backends_test.any_model.verdicts import Row, Verdict
from backends_test.cli import finite

PAIR = ("jax", "torch")
VERSIONS = {"jax": {"keras": "3.15.1", "jax": "0.10"}, "torch": {"keras": "3.15.1", "torch": "2.13"}}


def row(verdict: Verdict, stage: str = "forward", layer: str = "dense_1", **more: Any) -> Row:
    values: dict[str, Any] = {"tensor": "output", "pair": PAIR, "difference": 1e-7, "noise": 1e-7} | more
    return Row(stage, layer, verdict=verdict, **values)


AGREEING = [row("equal", "build", "", tensor="parameters", difference=0.0, noise=0.0), row("rounding")]
OFF = row("disagrees", difference=0.3, noise=1e-6, off="torch")


def made(*rows: Row, **more: Any) -> Comparison:
    return Comparison(list(rows), VERSIONS, more.pop("notes", []), **more)


def timed(step: float, **more: Any) -> dict[str, Any]:
    return {"seconds": {"build": 0.1, "step": step}, "memory": 2**28, "batch": 32, "left_out": ""} | more


SPEED = {"device": "cpu", "cores": 2, "rounds": 3} | summarize(
    {"jax": [timed(0.001)] * 3, "torch": [timed(0.002), timed(0.0021), timed(0.0019)]}, {"tensorflow": "it <died>"}
)


def test_agreement_is_the_first_sentence() -> None:
    comparison = made(*AGREEING)
    assert answer(comparison) == "The backends agree: rounding explains every difference."
    assert "<strong>Yes.</strong> The backends agree" in as_html(comparison, "model")


def test_what_cannot_be_concluded_is_said() -> None:
    assert "In 1 comparison it moves the tensor so much" in answer(made(*AGREEING, row("unstable")))


def test_nothing_compared_is_not_agreement() -> None:
    comparison = made(row("not run", difference=None, noise=None, pair=("jax", "jax"), reason="the model has no loss"))
    assert comparison.agree
    assert answer(comparison) == "Nothing was compared."
    assert "<strong>Yes.</strong>" not in as_html(comparison, "model")


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (OFF, "dense_1 is off on PyTorch at the stage forward: output differs by 0.3 (3.0e+05 × the noise) from JAX."),
        (
            OFF._replace(off=""),
            "dense_1 differs between JAX and PyTorch at the stage forward: output differs by 0.3 (3.0e+05 × the "
            "noise).",
        ),
        (
            OFF._replace(layer="", stage="compiled", pair=("jax", "jax"), off="jax"),
            "The model is off on JAX at the stage compiled: output differs by 0.3 (3.0e+05 × the noise) from the "
            "outputs without compilation.",
        ),
        (
            OFF._replace(layer="", stage="saved", off="torch"),
            "The model, saved on JAX and loaded on PyTorch, is another model: output differs by 0.3 (3.0e+05 × the "
            "noise).",
        ),
        (
            row("fails", "training", "", tensor="", pair=("torch", "torch"), off="torch", reason="ValueError: no"),
            "PyTorch fails at the stage training: ValueError: no",
        ),
        (
            row("disagrees", tensor="mask", pair=("torch", "torch"), off="torch", reason="torch does not have it"),
            "dense_1 is off on PyTorch at the stage forward: mask, PyTorch does not have it.",
        ),
        (
            row("disagrees", difference=2e-7, off="jax"),
            "dense_1 is off on JAX at the stage forward: output differs by 2.0e-07 (2 × the noise, but float64 shows "
            "that it is not rounding) from PyTorch.",
        ),
        (
            row("disagrees", difference=math.inf, noise=0.0),
            "dense_1 differs between JAX and PyTorch at the stage forward: output differs by ∞.",
        ),
    ],
    ids=["off", "nobody", "alone", "saved", "fails", "missing", "float64", "shapes"],
)
def test_a_disagreement_is_a_sentence_that_blames_only_whom_it_can(found: Row, said: str) -> None:
    assert sentence(found) == said
    assert answer(made(*AGREEING, found, row("fails", "steps", reason="later"))) == said


def test_a_cell_has_the_worst_verdict_and_the_largest_ratio() -> None:
    other = row("rounding", difference=1e-6, noise=1e-7)
    cell = summary([*AGREEING, other, row("unstable", layer="b", difference=1e-7)])
    assert (cell.verdict, cell.worst, cell.row.layer) == ("unstable", pytest.approx(10), "b")
    assert cell.counts["rounding"] == 2


def test_both_directions_of_saving_are_in_one_column() -> None:
    rows = [row("equal"), row("equal", "saved", pair=("torch", "jax")), row("equal", "rows", pair=("jax", "jax"))]
    assert columns(rows) == [("jax", "torch"), ("jax",)]


def test_the_text_has_a_line_per_stage_the_answer_and_the_versions() -> None:
    text = as_text(made(*AGREEING, OFF, notes=["no float64"]))
    lines = text.splitlines()
    assert lines[0].split() == ["stage", "equal", "rounding", "disagrees", "unstable", "fails", "not", "run", "worst"]
    assert lines[1].split() == ["build", "1"]
    assert lines[2].split() == ["forward", "1", "1", "3.0e+05", "×", "noise"]
    assert sentence(OFF) in lines
    assert "Note: no float64" in lines
    assert "JAX: keras 3.15.1, jax 0.10" in lines


def test_the_page_needs_nothing_else_and_escapes_what_it_shows(tmp_path: Path) -> None:
    comparison = made(*AGREEING, OFF._replace(layer="<script>alert(1)</script>"), speed=SPEED)
    write_html(comparison, tmp_path / "report.html", "<b>model</b>")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"(src|href)\s*=", page)
    assert "<script" not in page
    assert "<b>" not in page
    assert "<strong>No.</strong>" in page
    assert "it &lt;died&gt;" in page


def test_the_page_shows_every_row_and_those_in_question_twice() -> None:
    page = as_html(made(*AGREEING, OFF, row("unstable", "steps", "slow_layer")), "model")
    assert page.count("<td>dense_1</td>") == 2  # the table of all comparisons
    assert page.count('<td class="text">dense_1</td>') == 1
    assert page.count('<td class="disagrees') == 3
    assert page.count("slow_layer") == 3  # with the text of the cell


def test_times_have_a_ratio_to_the_fastest_with_an_interval() -> None:
    lines = speed_lines(SPEED)
    assert [line[0] for line in lines] == ["build", "step", "peak memory"]
    assert lines[1] == ["step", "1 ms (1)", "2 ms (2.00, 1.90 to 2.10)"]
    assert lines[2][1] == "256 MiB (1)"
    assert speed_answers(SPEED) == [
        "Fastest to train (a step of 32 rows): JAX, 1 ms; PyTorch takes 2.00 times as long.",
        "TensorFlow could not be timed: it <died>",
    ]


def test_backends_whose_interval_contains_1_are_even() -> None:
    speed = summarize({"jax": [timed(1.0), timed(1.0)], "torch": [timed(0.99), timed(1.2)]}, {})
    assert speed_answers(speed) == ["Fastest to train (a step of 32 rows): JAX, 1 s; PyTorch is even."]


def test_times_of_a_busy_machine_are_noted() -> None:
    speed = summarize({"jax": [timed(1.0), timed(1.7)]}, {})
    assert "rounds are up to 1.70 times apart" in "".join(speed_answers(speed))


def test_what_one_backend_did_not_time_is_not_compared() -> None:
    without = timed(1.0, seconds={"build": 0.2}, left_out="training: the model has no loss")
    speed = summarize({"jax": [timed(1.0)], "torch": [without]}, {})
    assert speed_lines(speed)[1] == ["step", "1 s (1)", "not run"]
    assert speed_answers(speed) == ["Not timed on PyTorch: training: the model has no loss."]


def test_the_ratio_is_taken_round_by_round() -> None:
    # The machine was ten times as slow in the second round.
    assert ratio([2.0, 20.0], [1.0, 10.0]) == pytest.approx({"ratio": 2.0, "low": 2.0, "high": 2.0})


@pytest.mark.parametrize(
    ("value", "shown"), [(None, ""), (0.0, "0"), (math.inf, "∞"), (20.0, "20"), (1234.0, "1.2e+03"), (1e-7, "1.0e-07")]
)
def test_numbers_are_short(value: float | None, shown: str) -> None:
    assert number(value) == shown


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [(2.5, "second", "2.5 s"), (0.012, "second", "12 ms"), (3e-5, "second", "30 µs"), (2**30, "byte", "1,024 MiB")],
)
def test_amounts_have_a_unit_that_fits(value: float, unit: str, shown: str) -> None:
    assert amount(value, unit) == shown


def test_the_json_has_no_infinite_numbers() -> None:
    comparison = made(row("disagrees", difference=math.inf), speed=SPEED)
    found = json.loads(json.dumps(finite(comparison.to_json()), allow_nan=False))
    assert found["rows"][0]["difference"] is None
    assert found["agree"] is False
    assert found["speed"]["rows"][0]["quantity"] == "build"
