"""The pages on reliability and on callbacks show the committed results, and these keep what is promised."""

import json
from pathlib import Path
from typing import Any

import pytest

from backends_test.reliability.callbacks import NONE
from backends_test.reliability.moments import BEFORE, ENDING, EPOCH, PHASES, WRITING, phase_of
from backends_test.reliability.publish import PAGES, RESULTS, merged, moments_table, with_tables
from imdb_rnn.backends import TRAINING_BACKENDS

COMMITTED: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
each_backend = pytest.mark.parametrize("backend", TRAINING_BACKENDS)


def committed(part: str, backend: str) -> dict[str, Any]:
    """The record of a backend; what has not been run is shown as such on the page."""
    if backend not in COMMITTED[part]:
        pytest.skip(f"not run on {backend}: python -m backends_test.reliability {part}")
    record: dict[str, Any] = COMMITTED[part][backend]
    return record


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_page_shows_the_committed_results(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert with_tables(text, COMMITTED) == text


@each_backend
def test_fifty_killed_trainings_were_resumed_to_the_same_result(backend: str) -> None:
    moments = committed("moments", backend)["moments"]
    assert [moment["number"] for moment in moments] == list(range(1, 51))
    assert {(moment["equal"], *moment["different"]) for moment in moments} == {(True,)}
    assert {moment["phase"] for moment in moments} <= {*PHASES}
    assert len({moment["seconds"] for moment in moments}) >= 45
    assert sum("again" in moment for moment in moments) == 10
    # The training stopped early, long before its last epoch.
    assert COMMITTED["moments"][backend]["best_epoch"] < COMMITTED["moments"][backend]["epochs"] < 30


def test_trainings_were_killed_in_an_epoch_while_writing_and_at_both_ends() -> None:
    phases = {moment["phase"] for record in COMMITTED["moments"].values() for moment in record["moments"]}
    assert phases >= {BEFORE, EPOCH, WRITING, ENDING}


@each_backend
def test_eight_threads_got_the_bits_of_one(backend: str) -> None:
    threads = committed("load", backend)["threads"]
    assert (threads["threads"], threads["different"]) == (8, 0)
    assert threads["rounds"] >= 10


@each_backend
@pytest.mark.parametrize(("work", "count"), [("predictions", 100_000), ("trainings", 500)])
def test_long_work_did_not_grow(backend: str, work: str, count: int) -> None:
    record = committed("load", backend)[work]
    assert record["count"] == count
    megabytes = record["megabytes"]
    assert len(megabytes) == 11
    # After the first tenth, what grows is less than a twentieth of the process.
    assert megabytes[-1] < 1.05 * megabytes[1]


@each_backend
def test_the_time_of_callbacks_was_measured(backend: str) -> None:
    seconds = committed("callbacks", backend)["seconds"]
    assert len(seconds) >= 2
    assert NONE in seconds
    assert {len(values) for values in seconds.values()} == {5}


def test_a_training_that_was_resumed_to_another_result_would_be_seen() -> None:
    moment = {"number": 1, "seconds": 1.0, "phase": EPOCH, "equal": True, "different": []}
    wrong = moment | {"equal": False, "different": ["history"], "again": 0.5}
    table = moments_table({"jax": {"moments": [moment, wrong, moment]}})
    assert table.splitlines()[2:4] == ["| JAX | 3 | 0 | 3 | 0 | 0 | 0 | 1 | 2 |", f"| PyTorch | not run |{'  |' * 7}"]


def test_records_of_backends_that_are_there_are_merged(tmp_path: Path) -> None:
    (tmp_path / "moments-torch.json").write_text('{"moments": []}', encoding="utf-8")
    (tmp_path / "load-jax.json").write_text("{}", encoding="utf-8")
    assert merged(tmp_path) == {"moments": {"torch": {"moments": []}}, "load": {"jax": {}}, "callbacks": {}}


def test_a_folder_without_files_was_killed_before_its_first_file(tmp_path: Path) -> None:
    assert phase_of(tmp_path / "none") == BEFORE
    (tmp_path / ".training").touch()
    assert phase_of(tmp_path) == BEFORE
