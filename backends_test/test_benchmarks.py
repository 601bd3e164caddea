"""The benchmark suite times only what computes this model, loses nothing when it is interrupted, and tells a slow-down
from noise. No test asserts a speed."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyperf
import pytest

from benchmarks import rounds, worker
from benchmarks.compare import compare
from benchmarks.configurations import CONFIGURATIONS, Configuration
from benchmarks.limit import Machine
from benchmarks.report import README, RESULTS, interval, markdown_table, readme_table, write_report
from benchmarks.rounds import BenchmarkError, Plan, available, order_of, run
from benchmarks.summary import noise_floor, per_round, ratio, read_runs, summarize
from imdb_rnn.engine import backend_name
from parity.readme import in_readme

PLAN = Plan(quick=True, rounds=7, batches=79, epochs=2, calls=3)
HERE = [one for one in CONFIGURATIONS if one.backend == backend_name() and available(one)]
CHOSEN = [one for one in CONFIGURATIONS if one.name in ("jax-tutorial", "jax-library", "jax-library-again", "c")]
Measure = Callable[[Configuration, Plan], dict[str, Any]]


def found(seconds: float, difference: float = 1e-6) -> dict[str, Any]:
    """What a worker prints."""
    return {
        "import": 1.0,
        "build": 0.5,
        "first_step": 2.0,
        "epochs": [seconds, 1.01 * seconds],
        "latency": [0.01, 0.02, 0.03],
        "throughput": 5e4,
        "memory": 500 * 2**20,
        "path": {"device": "cpu"},
        "difference": difference,
        "tolerance": 1.7e-5,
    }


@pytest.fixture
def measure(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Workers that take a second an epoch, give or take 3 %, the round's own drift included; who was run, in order."""
    random = np.random.default_rng(0)
    ran: list[str] = []

    def answer(configuration: Configuration, plan: Plan) -> dict[str, Any]:
        ran.append(configuration.name)
        return found(float(np.exp(random.normal(0, 0.03))))

    monkeypatch.setattr(rounds, "measure", answer)
    machine = Machine(1e11, 1e10, 1e11, 25e-9, "as told")
    monkeypatch.setattr(rounds, "measure_machine", lambda: machine)
    return ran


@pytest.mark.parametrize("configuration", HERE, ids=lambda one: one.name)
def test_everything_that_is_timed_computes_this_model(configuration: Configuration) -> None:
    """But the tutorial's way on TensorFlow, whose Adam is another: it is timed because it is what users run."""
    result = worker.time_configuration(configuration.name, batches=3, epochs=2, calls=2)
    assert (result["difference"] <= result["tolerance"]) == configuration.same_model
    assert len(result["epochs"]) == len(result["latency"]) == 2
    assert min(result[name] for name in ("first_step", "warm_up", "throughput", "memory")) > 0
    assert result["path"]["device"]


def test_the_batches_that_are_timed_end_with_a_short_one_as_an_epoch_does() -> None:
    _, parts = worker.read_batches(79)
    assert [len(x) for x, _ in parts] == [64] * 78 + [32]
    assert 20_000 == 312 * 64 + 32


def test_each_round_holds_every_configuration_in_an_order_of_its_own() -> None:
    order = order_of(PLAN, CHOSEN)
    names = [[name for number, name in order if number == wanted] for wanted in range(1, PLAN.rounds + 1)]
    assert all(sorted(one) == sorted(configuration.name for configuration in CHOSEN) for one in names)
    assert len({tuple(one) for one in names}) > 1


def test_an_interrupted_run_goes_on_and_measures_nothing_twice(
    measure: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answer = rounds.measure

    def interrupted(configuration: Configuration, plan: Plan) -> dict[str, Any]:
        if len(measure) == 5:
            raise KeyboardInterrupt
        return answer(configuration, plan)

    monkeypatch.setattr(rounds, "measure", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, PLAN, CHOSEN)
    left = {path: path.read_bytes() for path in (tmp_path / "raw").iterdir()}
    assert len(left) == 5
    monkeypatch.setattr(rounds, "measure", answer)
    assert run(tmp_path, PLAN, CHOSEN) == PLAN.rounds * len(CHOSEN) - 5
    assert run(tmp_path, PLAN, CHOSEN) == 0
    assert measure == [name for _, name in order_of(PLAN, CHOSEN)]
    assert all(path.read_bytes() == content for path, content in left.items())


@pytest.mark.usefixtures("measure")
def test_a_run_of_another_plan_or_machine_is_not_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path, PLAN, CHOSEN)
    with pytest.raises(BenchmarkError, match="Expected: the same plan and machine"):
        run(tmp_path, replace(PLAN, rounds=8), CHOSEN)
    monkeypatch.setattr(rounds.platform, "node", lambda: "elsewhere")
    with pytest.raises(BenchmarkError, match="Expected: the same plan and machine"):
        run(tmp_path, PLAN, CHOSEN)


def test_a_worker_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setattr(rounds, "python_of", lambda backend: sys.executable)
    broken = replace(HERE[0], name="broken")
    with pytest.raises(BenchmarkError, match="broken failed: ValueError"):
        rounds.measure(broken, PLAN)


@pytest.mark.usefixtures("measure")
def test_the_same_twice_is_no_slow_down_and_a_fifth_more_is(tmp_path: Path) -> None:
    for name in ("old", "new"):
        run(tmp_path / name, PLAN, CHOSEN)
    same = compare(tmp_path / "old", tmp_path / "new")
    assert {row["verdict"] for row in same} == {"no detectable difference"}
    for path in (tmp_path / "new" / "raw").glob("*-c.json"):
        content = path.read_text(encoding="utf-8")
        (epochs, *others) = list(pyperf.BenchmarkSuite.load(str(path)))
        (old,) = epochs.get_runs()
        slow = pyperf.Run([1.2 * value for value in old.values], metadata=old.get_metadata(), collect_metadata=False)
        pyperf.BenchmarkSuite([pyperf.Benchmark([slow]), *others]).dump(str(path), replace=True)
        assert path.read_text(encoding="utf-8") != content
    verdicts = {row["name"]: row["verdict"] for row in compare(tmp_path / "old", tmp_path / "new")}
    assert verdicts.pop("c") == "slower"
    assert "slower" not in verdicts.values()


def test_a_ratio_is_taken_round_by_round() -> None:
    """A machine that slows down between rounds does not blur it."""
    drifting = {number: 1.5**number for number in range(1, 8)}
    twice = {number: 2 * value for number, value in drifting.items()}
    assert ratio(twice, drifting) == pytest.approx({"ratio": 2, "low": 2, "high": 2})


def test_what_does_not_leave_the_noise_is_called_no_difference() -> None:
    found = {"ratio": 0.97, "low": 0.96, "high": 0.98}
    assert interval(found, 0.0) == "0.97 (0.96 to 0.98)"
    assert interval(found, 0.05) == "no detectable difference"
    assert interval({"ratio": 1.1, "low": 0.9, "high": 1.2}, None) == "no detectable difference"


@pytest.mark.usefixtures("measure")
def test_the_control_shows_the_noise(tmp_path: Path) -> None:
    run(tmp_path, PLAN, CHOSEN)
    floor = noise_floor(read_runs(tmp_path))
    assert floor is not None
    assert 0 < floor < 0.15
    assert noise_floor({}) is None


def test_a_different_model_is_not_timed(tmp_path: Path, measure: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as one whose Adam has another epsilon, which is 9e-3 off after fifty steps."""
    monkeypatch.setattr(rounds, "measure", lambda one, plan: found(1.0, 9e-3 if one.name == "c" else 1e-6))
    run(tmp_path, PLAN, CHOSEN)
    rows = {row["name"]: row for row in write_report(tmp_path)["rows"]}
    assert "epoch" not in rows["c"]
    assert "epoch" in rows["jax-library"]
    assert re_rows(markdown_table(summarize(tmp_path)))["c"].count("different model, not timed") == 1


@pytest.mark.usefixtures("measure")
def test_the_report_is_one_page_and_a_table_with_a_row_for_each_configuration(tmp_path: Path) -> None:
    run(tmp_path, PLAN, CHOSEN)
    report = write_report(tmp_path)
    assert report["schema"] == 1
    assert report["plan"] == asdict(PLAN)
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8")) == report
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "This is a quick run" in page
    assert 'src="data:image/png;base64,' in page
    assert "http" not in page.replace("base64", "")
    assert list(re_rows(markdown_table(report))) == [one.name for one in CHOSEN]
    # 313 steps, of which 79 were timed in about a second.
    assert report["rows"][0]["epoch"]["median"] == pytest.approx(313 / 79, rel=0.1)
    assert per_round(read_runs(tmp_path)["c"]).keys() == set(range(1, 8))


def re_rows(table: str) -> dict[str, str]:
    """Name -> row of the Markdown table."""
    return {line.split("**")[1]: line for line in table.splitlines() if line.startswith("| **")}


def test_the_table_in_the_readme_is_that_of_the_committed_run() -> None:
    report = json.loads((RESULTS / "report.json").read_text(encoding="utf-8"))
    text = README.read_text(encoding="utf-8")
    assert in_readme(text, "benchmarks", readme_table(report)) == text
    assert readme_table(report) == readme_table(summarize(RESULTS)), "report.json is not of the raw runs beside it"
    assert [row["name"] for row in report["rows"]] == [one.name for one in CONFIGURATIONS]
