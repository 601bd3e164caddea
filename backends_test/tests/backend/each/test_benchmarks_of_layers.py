"""The recurrent layers are timed only where they compute what stock Keras computes. No test asserts a speed."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import layers
from benchmarks.layer_tables import RATIOS, SHOWN, page_tables
from benchmarks.layers import LAYERS, TOLERANCE, KerasWay, LayerPlan, measure
from benchmarks.tables import NOT_TIMED
from imdb_rnn.backends import backend_name

TINY = LayerPlan(sizes=(3,), length=4, batch=5, rounds=2, seconds=0.001)
BACKEND = backend_name()


@pytest.mark.parametrize("layer", LAYERS)
def test_every_way_to_train_a_layer_has_the_gradients_of_stock_keras_and_is_timed_in_each_round(layer: str) -> None:
    row = measure(BACKEND, layer, 3, TINY)
    no_native = BACKEND == "tensorflow" or (BACKEND, layer) == ("torch", "GRU(reset_after=False)")
    expected = {*SHOWN[BACKEND]} | (set() if no_native else {"native"})
    assert row["step"].keys() == row["difference"].keys() == row["first"].keys() == expected
    assert row["path"] == "fast"
    assert max(row["difference"].values()) <= TOLERANCE
    times = [*row["step"].values(), *row["alone"].values()]
    assert [len(one) for one in times] == [2] * len(times)
    assert min(min(one) for one in times) > 0
    assert row["alone"].keys() == (expected if BACKEND == "torch" else set())


def test_what_computes_something_else_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    made = layers.ways_of

    def with_a_mistake(backend: str, layer: str, x: Any, y: Any) -> dict[str, layers.Way]:
        ways = made(backend, layer, x, y)
        stock = ways["stock"]
        assert isinstance(stock, KerasWay)
        kernel, *others = stock.model.get_weights()
        return ways | {"accelerated": KerasWay(layer, x, y, [1.001 * kernel, *others])}

    monkeypatch.setattr(layers, "ways_of", with_a_mistake)
    row = measure(BACKEND, "LSTM", 3, TINY)
    assert row["difference"]["accelerated"] > TOLERANCE
    assert "accelerated" not in row["step"]
    assert {"stock"} <= row["step"].keys()


@pytest.mark.skipif(BACKEND != "torch", reason="once is enough: on PyTorch, where it is fastest")
def test_a_run_writes_its_results_continues_where_it_was_stopped_and_its_tables_can_be_shown(tmp_path: Path) -> None:
    environment = os.environ | {"KERAS_BACKEND": BACKEND}
    options = ["--layer", "SimpleRNN", "--size", "2", "--size", "3", "--rounds", "1"]

    def run(*arguments: str) -> str:
        command = [sys.executable, "-P", "-m", "benchmarks.layers", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    run("run", str(tmp_path), *options)
    path = tmp_path / f"{BACKEND}.json"
    whole = json.loads(path.read_text(encoding="utf-8"))
    assert [row["size"] for row in whole["rows"]] == [2, 3]
    assert whole["device"]["kind"] == "cpu"
    path.write_text(json.dumps(whole | {"rows": whole["rows"][:1]}), encoding="utf-8")
    run("run", str(tmp_path), *options)
    continued = json.loads(path.read_text(encoding="utf-8"))
    assert continued["rows"][0] == whole["rows"][0]
    assert [row["size"] for row in continued["rows"]] == [2, 3]
    shown = run("show", str(tmp_path))
    assert shown.strip() == page_tables(tmp_path)
    assert all(heading in shown for heading in RATIOS[BACKEND])
    assert NOT_TIMED not in shown
