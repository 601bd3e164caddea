"""The shares of batches, and the table of several workers: of the committed results, and of invented ones."""

import json
from pathlib import Path
from typing import Any

import pytest

from backends_test.markdown import replace_table
from benchmarks import workers
from benchmarks.workers import (
    BACKENDS,
    COMPARED_WORKERS,
    EPOCHS,
    GRADIENT_BYTES,
    PAGE,
    RESULTS,
    WorkersPlan,
    compared_table,
    page_tables,
    predicted,
)
from imdb_rnn.backends.workers import LaunchedProcess, first_sentence, launched_process, share, start_workers
from imdb_rnn.errors import BackendError

TEXT = PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_the_shares_of_the_workers_are_the_batch_and_differ_by_one_review_at_most(count: int) -> None:
    for rows in range(20):
        shares = [range(rows)[share(rows, worker, count)] for worker in range(count)]
        assert [row for one in shares for row in one] == list(range(rows))
        assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_the_place_of_a_process_is_what_the_launcher_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imdb_rnn.backends.workers.training_backend_name", lambda: "torch")
    assert launched_process() is None
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    monkeypatch.setenv("RANK", "1")
    with pytest.raises(BackendError, match=r"Bad WORLD_SIZE\. Expected: a number, .* Received: ''\."):
        launched_process()
    monkeypatch.setenv("WORLD_SIZE", "3")
    assert launched_process() == LaunchedProcess(1, 3)
    monkeypatch.setattr("imdb_rnn.backends.workers.training_backend_name", lambda: "jax")
    assert launched_process() is None
    monkeypatch.setenv("KERAS_DISTRIBUTION_JOB_ADDRESSES", "10.0.0.1:1234,10.0.0.2:1234")
    monkeypatch.setenv("KERAS_DISTRIBUTION_NUM_PROCESSES", "2")
    monkeypatch.setenv("KERAS_DISTRIBUTION_PROCESS_ID", "-1")
    with pytest.raises(BackendError, match=r"Bad KERAS_DISTRIBUTION_PROCESS_ID\. .* Received: '-1'\."):
        launched_process()
    monkeypatch.setenv("KERAS_DISTRIBUTION_PROCESS_ID", "0")
    assert launched_process() == LaunchedProcess(0, 2, "10.0.0.1:1234")
    monkeypatch.setenv("KERAS_DISTRIBUTION_PROCESS_ID", "2")
    with pytest.raises(BackendError, match=r"Expected: less than KERAS_DISTRIBUTION_NUM_PROCESSES=2\. Received: 2\."):
        launched_process()
    for address in ("host:1", "[::1]:1234"):
        monkeypatch.setenv("KERAS_DISTRIBUTION_PROCESS_ID", "1")
        monkeypatch.setenv("KERAS_DISTRIBUTION_JOB_ADDRESSES", address)
        assert launched_process() == LaunchedProcess(1, 2, address)
    for address in (
        "10.0.0.1",
        "10.0.0.1:",
        ":1234",
        "10.0.0.1:port",
        "10.0.0.1:0",
        "10.0.0.1:99999",
        "10.0.0..1:1234",
    ):
        monkeypatch.setenv("KERAS_DISTRIBUTION_JOB_ADDRESSES", address)
        with pytest.raises(
            BackendError, match=rf"Expected: HOST:PORT of the first process, .* Received: '{address}'\."
        ):
            launched_process()


def test_under_a_launcher_the_number_of_workers_is_its_own_and_only_the_command_line_trains(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("imdb_rnn.backends.workers.training_backend_name", lambda: "torch")
    for variable, value in (("TORCHELASTIC_RUN_ID", "none"), ("RANK", "0"), ("WORLD_SIZE", "3")):
        monkeypatch.setenv(variable, value)
    with pytest.raises(BackendError, match=r"no number of workers, .* Received: 2 workers\."), start_workers(2):
        pass
    monkeypatch.setenv("RANK", "2")
    with pytest.raises(BackendError, match=r"`imdb-rnn train`\. Received: process 2 of 3\."), start_workers():
        pass


def test_more_workers_than_a_machine_can_run_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imdb_rnn.backends.workers.training_backend_name", lambda: "jax")
    with (
        pytest.raises(BackendError, match=r"Expected: at most \d+, 8 per core\. Received: 100000\."),
        start_workers(100_000),
    ):
        pass


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("[/a/gloo/pair.cc:538] Read error [127.0.0.1]:9. It is rare.\nMore", "Read error [127.0.0.1]:9"),
        ("UNKNOWN: Gloo failed: [gloo/pair.cc:1] Timed out.", "UNKNOWN: Gloo failed: Timed out"),
        ("", ""),
    ],
)
def test_of_the_message_of_a_framework_the_first_sentence_is_shown(message: str, expected: str) -> None:
    assert first_sentence(RuntimeError(message)) == expected


def results() -> dict[str, Any]:
    """Invented results of two and four workers on two cores."""
    return {
        "backend": "torch",
        "processor": "A Processor",
        "cores": 2,
        "versions": "python 3.11.7, keras 3.15.1, numpy 2.4.6, torch 2.13.0",
        "date": "2026-11-27",
        "plan": {"workers": [1, 2, 4], "batches": [64], "rounds": 3},
        "workers": {
            "1": {"step": {"16": [0.001] * 3, "32": [0.002] * 3, "64": [0.004, 0.003, 0.009]}, "sum": {}},
            "2": {"step": {"64": [0.002] * 3}, "sum": {"4": [1e-4] * 3, str(GRADIENT_BYTES): [5e-4] * 3}},
            "4": {"step": {"64": [0.008] * 3}, "sum": {"4": [2e-4] * 3, str(GRADIENT_BYTES): [1e-3] * 3}},
        },
    }


def test_the_model_of_more_workers_than_cores_computes_in_turns() -> None:
    assert predicted(results(), 2, 64) == (0.002, 5e-4)
    assert predicted(results(), 4, 64) == (0.002, 1e-3)


def test_the_table_shows_what_was_measured_beside_the_model(tmp_path: Path) -> None:
    (tmp_path / "torch.json").write_text(json.dumps(results()), encoding="utf-8")
    sentence, _, _, _, two, four = page_tables(tmp_path).splitlines()
    assert sentence == (
        "PyTorch on 2 cores of A Processor; keras 3.15.1, torch 2.13.0, 2026-11-27. Medians of 3 rounds. Latency and "
        "rate of a sum: 100 µs and 1.60 GB/s for 2 workers; 200 µs and 0.80 GB/s for 4 workers."
    )
    assert two == "| 64 | 2 | 4 ms | 2 ms | 2 ms | 500 µs | 2.5 ms | 2.00 |"
    assert four.endswith("| 0.50 |")


def test_the_tables_are_those_of_the_committed_results() -> None:
    assert replace_table(TEXT, "workers", page_tables(RESULTS)) == TEXT
    assert replace_table(TEXT, "workers-compared", compared_table(RESULTS)) == TEXT


def test_every_number_of_workers_and_batch_size_was_measured() -> None:
    plan = WorkersPlan()
    for backend in BACKENDS:
        committed = json.loads((RESULTS / f"{backend}.json").read_text(encoding="utf-8"))
        for count in plan.workers:
            assert committed["workers"][str(count)]["step"].keys() == {str(size) for size in plan.batches_of(count)}


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_number_of_workers_moves_the_weights_as_rounding_does(backend: str) -> None:
    trainings = json.loads((RESULTS / f"{backend}-compared.json").read_text(encoding="utf-8"))["trainings"]
    found = {(one["epochs"], one["moved"], one["workers"]): one for one in trainings}
    wanted = {(False, workers) for workers in COMPARED_WORKERS} | {(True, 1)}
    assert found.keys() == {(epochs, *one) for epochs in EPOCHS for one in wanted}
    for epochs in EPOCHS:
        by_rounding = found[epochs, True, 1]["difference"]
        assert all(found[epochs, False, workers]["difference"] < 3 * by_rounding for workers in COMPARED_WORKERS)


def test_publishing_copies_the_results_and_renews_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(workers, "RESULTS", tmp_path / "results")
    marks = ("workers", "workers-compared")
    page = "".join(f"<!-- {name} -->\n<!-- end -->\n" for name in marks)
    (tmp_path / "page.md").write_text(page, encoding="utf-8")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "torch.json").write_text(json.dumps(results()), encoding="utf-8")
    workers.publish_command(tmp_path / "out")
    assert [file.name for file in (tmp_path / "results").iterdir()] == ["torch.json"]
    assert "| 64 | 2 |" in (tmp_path / "page.md").read_text(encoding="utf-8")
