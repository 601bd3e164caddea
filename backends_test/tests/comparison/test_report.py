"""The report shows every comparison, on a page that needs no other file."""

import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from backends_test.comparison import exports
from backends_test.comparison.compare import MAIN, PREDICTED, LossDifferences, loss_differences
from backends_test.comparison.pictures import heat, used
from backends_test.comparison.report import (
    PAGE,
    RESULTS,
    as_html,
    as_markdown,
    as_text,
    horizons_as_markdown,
    layers_as_markdown,
    main,
    make_report,
    print_table,
    renew,
    summary_as_markdown,
)
from backends_test.comparison.stages import DTYPES, LADDER, LAYER_STAGES, LAYERS, MODEL_STAGES, Artefact, stage_name
from backends_test.environments import ROOT
from backends_test.markdown import markdown_table, replace_table
from imdb_rnn.backends import PREDICTING_BACKENDS, TRAINING_BACKENDS


def made(changed: float) -> tuple[dict[str, Any], LossDifferences]:
    """A report of participants with equal results, except for one tensor of PyTorch's step of Adam."""
    note = {"versions": {"keras": "3"}, "device": "cpu", "data": {"source": "synthetic"}}
    stages = {stage.name: {"one": np.zeros(3)} for stage in LADDER} | {"training": {"losses": np.zeros(5)}}
    for name in ("saved model", "saved model, plain Keras"):
        stages[name] = {f"by {saver}": np.zeros(4) for saver in TRAINING_BACKENDS}
    artefacts = {dtype: {name: Artefact(note, dict(stages)) for name in MAIN} for dtype in DTYPES}
    for name in PREDICTING_BACKENDS:
        artefacts["float32"][name] = Artefact(note, {stage: stages[stage] for stage in PREDICTED})
    artefacts["float32"]["torch"].stages["Adam"] = {"one": np.array([0, 0, changed])}
    artefacts["float32"]["jax"].stages["training"] = {"losses": np.array([0, 0, 0, 2e-3, 0])}
    losses = loss_differences(artefacts)
    return make_report(artefacts, losses), losses


def test_the_page_needs_nothing_else() -> None:
    page = as_html(*made(0.0))
    assert not re.search(r"(src|href)\s*=\s*[\"'](?!data:)", page)
    assert "<script" not in page
    assert '<img src="data:image/png;base64,' in page


def test_the_page_says_yes_or_names_the_first_disagreement() -> None:
    assert "every pair agrees at every stage" in as_html(*made(1e-7))
    page = as_html(*made(1e-4))
    assert "every pair agrees" not in page
    assert "First disagreement: oracle - torch disagree at &#39;Adam&#39; in float32" in page
    assert page.count('<td class="beyond"') == 3


def opacity(difference: float, tolerance: float) -> float:
    return float(re.fullmatch(r"background:rgb\([\d ]+/ ([\d.]+)\)", heat(difference, tolerance))[1])


def test_a_colour_shows_how_much_of_the_tolerance_is_used() -> None:
    assert opacity(0, 0) == opacity(0, 1e-7) == 0
    assert opacity(1e-7, 1e-6) == opacity(1e-16, 1e-15) < opacity(5e-7, 1e-6) < opacity(1e-6, 1e-6)
    assert used(1e-17, 0) == np.inf


def test_a_page_on_which_all_agree_has_no_cell_in_the_colour_of_a_disagreement() -> None:
    assert '<td class="beyond"' not in as_html(*made(1e-7))
    assert f'<td style="{heat(1e-7, 7e-7)}"' in as_html(*made(1e-7))


def test_what_was_not_run_is_said_and_not_blank() -> None:
    page = as_html(*made(0.0))
    assert page.count('class="absent">not run') == 2 * (len(LADDER) - len(PREDICTED))


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_table_has_a_row_for_every_stage(dtype: str) -> None:
    table = as_markdown(made(1e-4)[0], dtype)
    assert re.findall(r"^\| ([^|]+) \|", table, re.M)[2:] == [stage.name for stage in LADDER if dtype in stage.bounds]
    assert ("1.0e-04 BEYOND TOLERANCE" in table) == (dtype == "float32")


def test_the_table_of_horizons_tells_the_step() -> None:
    table = horizons_as_markdown(made(0.0)[0])
    assert "| JAX, PyTorch | 4 | none of 450 |" in table
    assert "| PyTorch, TensorFlow | none of 450 | none of 450 |" in table


def test_the_terminal_shows_the_table_and_the_verdict() -> None:
    console = Console(width=132, record=True, file=io.StringIO())
    print_table(made(1e-4)[0], console)
    shown_text = console.export_text()
    assert "DISAGREEMENT: oracle - torch disagree at 'Adam' in float32, tensor 'one'" in shown_text
    assert "Every pair agrees" not in shown_text
    print_table(made(0.0)[0], console)
    assert "Every pair agrees at every stage." in console.export_text()


def test_the_farthest_is_what_the_summary_shows() -> None:
    rows = dict(re.findall(r"^\| ([^|]+) (\|.*) \|$", summary_as_markdown(made(1e-7)[0]), re.M))
    assert rows["Adam"] == "| 1.0e-07 | equal | 1.0e-07 | 1.0e-07 | equal"
    assert rows["saved model"] == "| equal | equal | equal | equal | float32 only"


def test_the_summary_is_of_the_tutorials_model() -> None:
    table = summary_as_markdown(made(0.0)[0])
    assert re.findall(r"^\| ([^|]+) \|", table, re.M)[2:] == [stage.name for stage in MODEL_STAGES]


def test_each_other_layer_has_a_column_with_the_largest_difference_of_any_pair() -> None:
    report, _ = made(0.0)
    (row,) = (row for row in report["rows"] if (row["stage"], row["dtype"]) == (stage_name("GRU", "masked"), "float64"))
    row["pairs"]["jax - torch"]["difference"] = 2e-17
    table = layers_as_markdown(report).splitlines()
    assert table[0] == f"| stage | {' | '.join(LAYERS)} |"
    assert len(table) == 2 + len(DTYPES) * len(LAYER_STAGES)
    cells = {
        line: ["2.0e-17" if line == "masked, float64" and layer == "GRU" else "equal" for layer in LAYERS]
        for line in [f"{stage}, {dtype}" for dtype in DTYPES for stage in LAYER_STAGES]
    }
    assert table[2:] == [f"| {line} | {' | '.join(shown)} |" for line, shown in cells.items()]


ROW = exports.ExportRow("ONNX", "PyTorch 2", "ONNX Runtime 1", 1_000, "imdb", 3e-6, 1.7e-5)


def test_an_exported_file_has_a_row_and_one_that_was_not_run_says_so(tmp_path: Path) -> None:
    exports.leave(tmp_path / "torch", ROW)
    exports.leave(tmp_path / "tensorflow", replace(ROW, title="LiteRT", difference=0.0))
    rows = exports.rows_of(tmp_path)
    assert [row["title"] for row in rows] == [title for title, _ in exports.ROWS]
    table = exports.table(rows)
    assert "| ONNX | PyTorch 2 | ONNX Runtime 1 | 1,000, imdb | 3.0e-06 | 1.7e-05 |" in table
    assert table.count("| not run |") == len(rows) - 2
    assert not exports.beyond(rows)


def test_a_row_that_older_sources_have_left_was_not_run(tmp_path: Path) -> None:
    exports.leave(tmp_path / "torch", ROW)
    (file,) = (tmp_path / "torch").iterdir()
    file.write_text(file.read_text().replace('"sources": "', '"sources": "0'))
    assert all(row["difference"] is None for row in exports.rows_of(tmp_path))


@pytest.mark.parametrize("difference", [2e-5, float("nan")])
def test_an_exported_file_beyond_its_bound_is_a_disagreement(tmp_path: Path, difference: float) -> None:
    exports.leave(tmp_path / "torch", replace(ROW, difference=difference))
    (message,) = exports.beyond(exports.rows_of(tmp_path))
    assert message == f"ONNX written by PyTorch 2 differs from the oracle by {difference:.1e}"


@pytest.fixture(scope="module")
def committed() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return content


def test_the_tables_of_the_page_are_those_of_the_committed_results(committed: dict[str, Any]) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert renew(text, committed) == text


def test_the_committed_report_is_of_the_committed_results_and_agrees(committed: dict[str, Any]) -> None:
    assert (ROOT / "docs" / "parity.md").read_text(encoding="utf-8") == as_text(committed)
    assert committed["agree"]
    assert committed["data"] == "imdb"
    assert [row["stage"] for row in committed["rows"] if row["dtype"] == "float32"] == [stage.name for stage in LADDER]
    assert [row["title"] for row in committed["exported"]] == [title for title, _ in exports.ROWS]
    assert all(row["difference"] is not None and row["data"] == "imdb" for row in committed["exported"])


def test_what_the_page_says_of_saved_models_is_what_was_measured(committed: dict[str, Any]) -> None:
    pairs = [pair for pair in committed["saved_models"] if pair["loader"] in TRAINING_BACKENDS]
    assert len(pairs) == 6
    assert all(pair["reviews"] == 25_000 and pair["labels"] == 0 for pair in pairs)
    share = min(1 - pair["beyond"] / pair["reviews"] for pair in pairs)
    worst = max(pair["largest"] for pair in pairs)
    text = PAGE.read_text(encoding="utf-8")
    said = re.search(r"at least ([\d.]+) % of the scores agree to 1e-6 and the worst\s+to (\S+),", text)
    assert said
    said_share, said_worst = said.groups()
    assert float(said_share) <= 100 * share
    assert worst <= float(said_worst) <= 2 * worst


def test_without_artefacts_there_is_no_report_but_one_line_that_says_what_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["report", str(tmp_path)])
    assert main() == 1
    said = capsys.readouterr().err
    assert re.fullmatch(r"Cannot read the float32 results of jax\. .*float32\.json'\. Run first: tox -e jax\n", said)
    assert not any(tmp_path.iterdir())


def test_what_the_table_of_tolerances_calls_measured_covers_the_committed_results(
    committed: dict[str, Any],
) -> None:
    """The table says what was measured at most; here is one measurement, which must not exceed it."""
    stages = {stage.name: stage for stage in LADDER}
    for row in committed["rows"]:
        bound = stages[row["stage"]].bounds[row["dtype"]]
        assert row["tolerance"] == bound.tolerance
        main = [
            cell["difference"] for pair, cell in row["pairs"].items() if not pair.endswith(tuple(PREDICTING_BACKENDS))
        ]
        assert max(main) <= 1.05 * bound.measured, row["stage"]  # the table is rounded
        assert max(main) >= bound.measured / 3 or row["stage"] == "evaluate", row["stage"]


def test_the_steps_that_the_page_names_are_those_of_the_committed_horizons(committed: dict[str, Any]) -> None:
    (step,) = re.findall(r"near step (\d+) here", PAGE.read_text(encoding="utf-8"))
    assert all(abs(int(step) - horizon) < 10 for horizon in committed["horizons"]["float32"].values())
    assert all(horizon > int(step) + 50 for horizon in committed["horizons"]["float64"].values())


@pytest.mark.parametrize("text", ["<!-- parity -->\n", "<!-- end -->", ""])
def test_a_page_without_a_place_for_the_table_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="Cannot replace the table 'parity'"):
        replace_table(text, "parity", "| table |")


def test_a_table_in_markdown() -> None:
    lines = ["| a | b |", "| --- | --- |", "| 1 | x\\|y |", "| 2 |  |"]
    assert markdown_table(["a", "b"], [["1", "x|y"], ["2"]]) == "\n".join(lines)
