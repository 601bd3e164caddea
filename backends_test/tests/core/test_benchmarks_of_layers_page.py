"""The tables of the recurrent layers: those of the committed results, and what they say of invented ones."""

import json
from pathlib import Path
from typing import Any

import pytest

from backends_test.markdown import replace_table
from benchmarks import layer_tables
from benchmarks.layer_tables import BACKENDS, PAGE, RESULTS, page_tables, publish
from benchmarks.layers import LAYERS, PLANS
from benchmarks.tables import NOT_TIMED

TEXT = PAGE.read_text(encoding="utf-8")


def results(backend: str, kind: str = "cpu", **row: Any) -> dict[str, Any]:
    """Invented results of one layer, in two rounds."""
    step = {"stock": [0.04, 0.02], "accelerated": [0.01, 0.005], "native": [0.02, 0.01]}
    return {
        "backend": backend,
        "device": {"kind": kind, "name": "A Device 3000"},
        "processor": "A Processor",
        "cores": 2,
        "versions": "python 3.11.7, keras 3.15.1, numpy 2.4.6, torch 2.13.0",
        "plan": {"rounds": 2, "batch": 64, "length": 100},
        "date": "2026-11-27",
        "rows": [{"layer": "LSTM", "size": 8, "path": "fast", "step": step, "alone": {}} | row],
    }


def write(folder: Path, *written: dict[str, Any]) -> Path:
    folder.mkdir(exist_ok=True)
    for one in written:
        (folder / f"{one['backend']}.json").write_text(json.dumps(one), encoding="utf-8")
    return folder


def test_the_tables_are_those_of_the_committed_results() -> None:
    assert replace_table(TEXT, "layers", page_tables(RESULTS / "cpu")) == TEXT
    for folder in RESULTS.glob("gpu-*"):
        assert replace_table(TEXT, "layers-gpu", page_tables(folder)) == TEXT


@pytest.mark.skipif(not RESULTS.exists(), reason="no results are committed yet")
@pytest.mark.parametrize("backend", BACKENDS)
def test_every_layer_and_size_was_measured_and_computes_what_stock_keras_computes(backend: str) -> None:
    committed = json.loads((RESULTS / "cpu" / f"{backend}.json").read_text(encoding="utf-8"))
    rows = {(row["layer"], row["size"]): row for row in committed["rows"]}
    assert [*rows] == [(layer, size) for layer in LAYERS for size in PLANS["cpu"].sizes]
    assert not [key for key, row in rows.items() if row["step"].keys() != row["difference"].keys()]
    assert {row["path"] for row in rows.values()} == {"fast"}


def test_a_ratio_is_taken_round_by_round_and_below_one_is_faster(tmp_path: Path) -> None:
    sentence, *_, row = page_tables(write(tmp_path, results("torch"))).splitlines()
    assert sentence == (
        "PyTorch on one of 2 cores of A Processor: 2 rounds in random order, batches of 64, 100 time steps; keras "
        "3.15.1, torch 2.13.0, 2026-11-27."
    )
    assert row == "| `LSTM` | 8 | fast | 30 ms | 7.5 ms | 0.25 (0.25 to 0.25) | 0.50 (0.50 to 0.50) | — |"


def test_a_way_that_computes_something_else_is_said_to_be_not_timed(tmp_path: Path) -> None:
    text = page_tables(write(tmp_path, results("jax", step={"stock": [0.04, 0.02]})))
    assert text.splitlines()[-1] == f"| `LSTM` | 8 | fast | 30 ms | {NOT_TIMED} | — | — |"


def test_results_are_published_by_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "benchmarks.md"
    monkeypatch.setattr(layer_tables, "PAGE", page)
    monkeypatch.setattr(layer_tables, "RESULTS", tmp_path / "results")
    page.write_text("<!-- layers -->\n<!-- end -->\n<!-- layers-gpu -->\n<!-- end -->\n", encoding="utf-8")
    publish(write(tmp_path / "gpu", results("torch", "gpu"), results("jax", "gpu")))
    of_cpu, _, of_gpu = page.read_text(encoding="utf-8").partition("<!-- layers-gpu -->")
    assert "LSTM" not in of_cpu
    assert of_gpu.index("JAX on a GPU (A Device 3000)") < of_gpu.index("PyTorch on a GPU")
    publish(write(tmp_path / "cpu", results("torch")))
    of_cpu, _, of_gpu = page.read_text(encoding="utf-8").partition("<!-- layers-gpu -->")
    assert "PyTorch on one of 2 cores" in of_cpu
    assert "PyTorch on a GPU" in of_gpu
    names = sorted(path.relative_to(tmp_path / "results").as_posix() for path in tmp_path.glob("results/*/*"))
    assert names == ["cpu/torch.json", "gpu-a-device-3000/jax.json", "gpu-a-device-3000/torch.json"]
