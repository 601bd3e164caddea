"""The benchmarks time only what computes this model on the expected path, continue after an interruption, and
distinguish a slow-down from noise. No test asserts a speed."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from backends_test.markdown import replace_table
from benchmarks import devices, end_to_end, runner, scaling, steady_state, store, worker
from benchmarks.baselines.numpy import PlainNumpy
from benchmarks.compare import compare
from benchmarks.configurations import CONFIGURATIONS, Configuration, Cores, DeviceKind, configurations_on
from benchmarks.correctness import difference, tolerance
from benchmarks.devices import Device, environment_of, find_gpu, one_core, started
from benchmarks.errors import BenchmarkError
from benchmarks.inputs import IMDB, read_check, read_training
from benchmarks.plan import FAST, FAST_GPU, FULL, Job, Plan, jobs_of
from benchmarks.report import PAGE, RESULTS, page_table, write_report
from benchmarks.roofline import Machine
from benchmarks.runner import available, run
from benchmarks.store import Measurement
from benchmarks.summary import noise_floor, ratio, read_runs, summarize, unpaired_ratio
from benchmarks.worker import FallbackError, Task
from imdb_rnn.backends import backend_name, load_backend
from imdb_rnn.corpora import imdb
from imdb_rnn.text.tokens import Vocabulary

PLAN = Plan(fast=True, rounds=7, batches=79, calls=3, whole_runs=0, epochs=0, scaling=False)
DEVICE = Device("cpu", "a processor")
KIND: DeviceKind = "cpu" if load_backend().device() == "cpu" else "gpu"
# Those of all cores compute the same as those of one.
HERE = [
    one
    for one in configurations_on(KIND)
    if one.backend == backend_name() and available(one) and one.precision == "float32" and one.cores == "one"
]
CHOSEN = [one for one in CONFIGURATIONS if one.name in ("jax-tutorial", "jax-library", "jax-library-again", "c")]
# One configuration for each program of a whole run.
WHOLE_RUNS = list({one.whole_run: one for one in HERE if one.whole_run}.values())
every_configuration = pytest.mark.parametrize("configuration", HERE, ids=lambda one: one.name)
Values = dict[str, list[float]]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The inputs of a run without the IMDB reviews."""
    from benchmarks.preparation import prepare

    folder = tmp_path_factory.mktemp("inputs")
    with pytest.MonkeyPatch.context() as patched:
        patched.delenv("IMDB_RNN_DATA", raising=False)
        patched.setenv("KERAS_HOME", str(folder / "nothing"))
        assert prepare(folder)["source"] == "synthetic"
    yield folder


def task(kind: Any, configuration: Configuration, inputs: Path) -> Task:
    return Task(kind, configuration.name, KIND, str(inputs), batches=4, calls=3)


def figures(seconds: float) -> Values:
    """The values of a process of the steady state."""
    return {
        "import": [1.0],
        "data": [0.1],
        "build": [0.5],
        "first step": [2.0],
        "step": [seconds / 79] * 4,
        "epoch": [seconds],
        "epoch with pipeline": [1.02 * seconds],
        "memory host": [500.0 * 2**20],
        "one review": [0.01, 0.02, 0.03],
        "4096 reviews": [0.1],
    }


@pytest.fixture
def measure(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Replace processes by epochs of one second, give or take 3 %; return what was run, in order."""
    random = np.random.default_rng(0)
    ran: list[tuple[str, str]] = []

    def answer(job: Job, *_: Any) -> tuple[Values, dict[str, Any]]:
        ran.append((job.kind, job.configuration))
        if job.kind == "check":
            return {"import": [1.0]}, {"difference": 1e-6, "tolerance": 1.7e-5}
        return figures(float(np.exp(random.normal(0, 0.03)))), {"path_device": "cpu"}

    monkeypatch.setattr(runner, "measure", answer)
    monkeypatch.setattr(runner, "measure_machine", lambda: Machine(1e11, 1e10, 1e11, 25e-9, "invented"))
    monkeypatch.setattr(runner, "prepare", lambda folder: {"source": "synthetic", "fingerprint": "none"})
    return ran


@every_configuration
def test_everything_that_is_timed_computes_this_model(configuration: Configuration, inputs: Path) -> None:
    """Except the tutorial on TensorFlow, whose Adam computes another formula: it is timed because users run it."""
    _, result = worker.perform(task("check", configuration, inputs)).values()
    assert (result["difference"] <= result["tolerance"]) == configuration.same_model


@every_configuration
def test_a_process_measures_start_training_and_prediction_and_names_its_path(
    configuration: Configuration, inputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steady_state, "MIN_PREDICTION_SECONDS", 0.001)
    monkeypatch.setattr(steady_state, "MIN_TRAINING_SECONDS", 0.001)
    monkeypatch.setattr(steady_state, "PREDICTED_TOGETHER", (1, 8))
    values, path = worker.perform(task("steady", configuration, inputs)).values()
    assert values.keys() >= figures(1).keys() - {"4096 reviews"} | {"8 reviews"}
    assert len(values["one review"]) == 3
    assert min(min(measured) for measured in values.values()) > 0
    assert path["path_device"] == devices.expected_device(KIND, configuration.framework)
    assert f"numpy {np.__version__}" in path["path_versions"]


def test_a_silent_fall_back_is_an_error(inputs: Path) -> None:
    configuration = replace(HERE[0], path={"jit_compile": "perhaps"})
    trainer = PlainNumpy(read_training(inputs).initial)
    with pytest.raises(FallbackError, match=r"fell back\. Expected: jit_compile perhaps\. Received: None"):
        worker.check_path(configuration, "cpu", trainer)
    with pytest.raises(FallbackError, match=r"Expected: device gpu\. Received: cpu"):
        worker.check_path(replace(configuration, path={}, framework="jax"), "gpu", trainer)


def test_a_baseline_with_another_epsilon_is_another_model(inputs: Path) -> None:
    check = read_check(inputs)
    assert difference(PlainNumpy, check) <= tolerance()
    assert difference(lambda weights: PlainNumpy(weights, epsilon=1e-8), check) > 10 * tolerance()


def test_the_blocks_that_are_timed_are_an_epoch_with_its_short_end(inputs: Path) -> None:
    blocks = steady_state.blocks_of(steady_state.first_reviews(read_training(inputs), FULL.batches))
    assert [[len(batch.x) for batch in block] for block in blocks] == [[64] * 78] * 3 + [[64] * 78 + [32]]
    (fast,) = steady_state.blocks_of(steady_state.first_reviews(read_training(inputs), FAST.batches))
    assert [len(batch.x) for batch in fast] == [64] * 31 + [32]


def test_four_things_are_scaled_until_an_epoch_would_be_too_long(inputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, few in {"LENGTHS": (3, 150), "UNITS": (8, 16), "REVIEWS": (100, 10**7)}.items():
        monkeypatch.setattr(scaling, name, few)
    training = read_training(inputs)
    points = dict(scaling.measure_scaling(lambda weights, length: PlainNumpy(weights), training, True, (4, 8)))
    assert list(points) == ["batch 4", "batch 8", "length 3", "length 150", "units 8", "units 16", "reviews 100"]
    assert min(points.values()) > 0
    points = dict(scaling.measure_scaling(lambda weights, length: PlainNumpy(weights), training, False, (4, 8)))
    assert not [name for name in points if name.startswith("units")]
    points = dict(scaling.measure_scaling(lambda weights, length: PlainNumpy(weights), training, True, (4,), True))
    assert list(points) == ["batch 4"]


@pytest.fixture(scope="module")
def few_reviews(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files in the format of the IMDB reviews, with four hundred synthetic reviews."""
    from imdb_rnn.corpora.synthetic import make_texts

    folder = tmp_path_factory.mktemp("few")
    (folder / IMDB).mkdir()
    texts, tests = make_texts(400, 100)
    vocabulary = Vocabulary.from_texts(texts.texts)
    arrays = {}
    for split, part in {"train": texts, "test": tests}.items():
        rows = np.empty(len(part.texts), object)
        # Ranks, as in Keras's file: without the start, and without words outside the index.
        rows[:] = [[number - 3 for number in vocabulary.encode(text)[1:] if number > 3] for text in part.texts]
        arrays |= {f"x_{split}": rows, f"y_{split}": np.asarray(part.labels)}
    np.savez(folder / IMDB / imdb.REVIEWS, **arrays)
    vocabulary.save(folder / IMDB / imdb.WORD_INDEX)
    return folder


@pytest.mark.parametrize("configuration", WHOLE_RUNS, ids=lambda one: one.whole_run)
def test_a_whole_run_goes_from_a_cold_process_to_a_saved_model_and_one_prediction(
    configuration: Configuration, few_reviews: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values, accuracies = end_to_end.measure_whole(configuration, KIND, few_reviews, 1, 2, Path(sys.executable))
    assert 0 < values["epoch 1"][0] < values["epoch 2"][0] < values["whole"][0]
    assert accuracies.keys() == {"accuracy_1", "accuracy_2"}
    assert all(0 < accuracy < 1 for accuracy in accuracies.values())
    phases = {"phase import", "phase data", "phase build", "phase training", "phase evaluation"}
    assert values.keys() >= phases
    assert ("shell" in values) == (configuration.whole_run != "loop")


def test_each_round_holds_every_configuration_in_an_order_of_its_own() -> None:
    jobs = list(jobs_of(PLAN, CHOSEN, with_data=True))
    names = [[job.configuration for job in jobs if job.round == wanted] for wanted in range(1, PLAN.rounds + 1)]
    assert all(sorted(one) == sorted(configuration.name for configuration in CHOSEN) for one in names)
    assert len({tuple(one) for one in names}) > 1


def test_a_full_run_has_whole_runs_of_five_seeds_and_scales_each_configuration_once() -> None:
    jobs = list(jobs_of(FULL, list(CONFIGURATIONS), with_data=True))
    for one in CONFIGURATIONS:
        counts = [sum(job[1:] == (wanted, one.name) for job in jobs) for wanted in ("steady", "whole", "scaling")]
        assert counts == [7, 5 if one.whole_run else 0, 1 if one.scales else 0]
    assert not [job for job in jobs_of(FULL, list(CONFIGURATIONS), with_data=False) if job.kind == "whole"]
    assert FULL.rounds * FULL.calls >= 1_000


def test_larger_batches_are_timed_in_the_first_round_of_a_gpu_because_it_may_be_the_last() -> None:
    on_gpu = configurations_on("gpu")
    scaling_jobs = [job for job in jobs_of(FAST_GPU, on_gpu, with_data=False) if job.kind == "scaling"]
    assert {job.round for job in scaling_jobs} == {1}
    names = sorted(job.configuration for job in scaling_jobs)
    assert names == sorted(one.name for one in on_gpu if one.precision == "float32")
    assert {"jax-tutorial", "jax-library", "jax-epoch", "torch-tutorial", "torch-tuned"} <= set(names)


def test_what_a_user_gets_is_timed_for_the_tutorial_and_the_library_in_the_same_conditions() -> None:
    by_name = {one.name: one for one in CONFIGURATIONS}
    for backend in ("jax", "torch", "tensorflow"):
        for conditions, cores in {"-all-cores": "all", "-busy": "busy"}.items():
            for pinned, name in {"tutorial": f"tutorial{conditions}", "library": conditions[1:]}.items():
                user, alike = by_name[f"{backend}-{name}"], by_name[f"{backend}-{pinned}"]
                assert (user.cores, user.trainer, user.path) == (cores, alike.trainer, alike.path)
                assert user.fast


def test_only_this_librarys_command_finds_its_cache_filled_by_an_earlier_run(inputs: Path) -> None:
    by_name = {one.name: one for one in CONFIGURATIONS}
    seen: dict[str, list[str]] = {}
    for name in ("jax-all-cores", "jax-busy", "torch-all-cores", "jax-library", "jax-tutorial-all-cores"):
        for _ in range(2):
            with devices.cache_of(by_name[name], inputs) as variables:
                seen.setdefault(name, []).append(variables["IMDB_RNN_CACHE"])
    assert len({*seen["jax-all-cores"], *seen["jax-busy"]}) == 1
    assert len({*seen["jax-all-cores"], *seen["torch-all-cores"]}) == 2
    for name in ("jax-library", "jax-tutorial-all-cores"):
        assert len(set(seen[name])) == 2
        assert not any(Path(folder).exists() for folder in seen[name])


def test_the_cache_is_filled_once_before_anything_is_timed(measure: list[tuple[str, str]], tmp_path: Path) -> None:
    chosen = [one for one in CONFIGURATIONS if one.name in ("jax-all-cores", "jax-tutorial-all-cores")]
    run(tmp_path, replace(PLAN, rounds=2), chosen, DEVICE)
    assert sorted(measure[:3]) == [
        ("check", "jax-all-cores"),
        ("check", "jax-tutorial-all-cores"),
        ("steady", "jax-all-cores"),
    ]
    assert measure.count(("steady", "jax-all-cores")) == 1 + 2
    assert len(store.read(tmp_path, "*-steady-jax-all-cores")) == 2


def test_an_interrupted_run_continues_and_measures_nothing_twice(
    measure: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answer = runner.measure

    def interrupted(*arguments: Any) -> Any:
        if len(measure) == 9:
            raise KeyboardInterrupt
        return answer(*arguments)

    monkeypatch.setattr(runner, "measure", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, PLAN, CHOSEN, DEVICE)
    left = {path: path.read_bytes() for path in (tmp_path / "raw").iterdir()}
    assert len(left) == 9
    monkeypatch.setattr(runner, "measure", answer)
    assert run(tmp_path, PLAN, CHOSEN, DEVICE) == (1 + PLAN.rounds) * len(CHOSEN) - 9
    assert run(tmp_path, PLAN, CHOSEN, DEVICE) == 0
    # Checks run side by side, in any order.
    assert sorted(measure[: len(CHOSEN)]) == sorted(("check", one.name) for one in CHOSEN)
    assert measure[len(CHOSEN) :] == [job[1:] for job in jobs_of(PLAN, CHOSEN, with_data=False)]
    assert all(path.read_bytes() == content for path, content in left.items())


def test_a_killed_run_continues(few_reviews: Path, tmp_path: Path) -> None:
    """With real processes and SIGKILL."""
    if backend_name() != "jax":
        pytest.skip("once is enough: under JAX")
    out = tmp_path / "run"
    command = [
        sys.executable,
        "-P",
        Path(__file__).with_name("benchmarks_here.py"),
        "run",
        "--fast",
        "--only",
        "numpy",
        "--out",
        str(out),
    ]
    environment = os.environ | {"IMDB_RNN_DATA": str(few_reviews / IMDB)}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )
    kept = [out / "raw" / "0-check-numpy.json", out / "raw" / "1-steady-numpy.json"]
    deadline = time.monotonic() + 120
    while not all(path.is_file() for path in kept):
        assert process.poll() is None, process.communicate()[0].decode()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    before = {path: path.read_bytes() for path in kept}
    again = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines()[2].startswith("numpy ")
    assert {path: path.read_bytes() for path in kept} == before
    assert sorted(path.name for path in (out / "raw").iterdir()) == [
        "0-check-numpy.json",
        *(f"{number}-steady-numpy.json" for number in range(1, FAST.rounds + 1)),
    ]


@pytest.mark.usefixtures("measure")
def test_a_run_of_another_plan_device_or_machine_is_not_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path, PLAN, CHOSEN, DEVICE)
    expected = "Expected: the same plan, machine and device"
    with pytest.raises(BenchmarkError, match=expected):
        run(tmp_path, replace(PLAN, rounds=8), CHOSEN, DEVICE)
    with pytest.raises(BenchmarkError, match=expected):
        run(tmp_path, PLAN, CHOSEN, Device("gpu", "a GPU"))
    monkeypatch.setattr(runner.platform, "node", lambda: "elsewhere")
    with pytest.raises(BenchmarkError, match=expected):
        run(tmp_path, PLAN, CHOSEN, DEVICE)


def test_a_process_that_fails_is_named(inputs: Path) -> None:
    broken = replace(HERE[0], name="broken")
    with pytest.raises(BenchmarkError, match=r"broken failed \(steady\): ValueError"):
        runner.measure(Job(1, "steady", "broken"), broken, PLAN, Device(KIND, "this one"), inputs, Path(sys.executable))


def change(folder: Path, name: str, factor: float) -> None:
    """Make the stored epochs of a configuration longer."""
    for one in store.read(folder, f"*-steady-{name}"):
        slow = {"epoch": [factor * value for value in one.values["epoch"]]}
        store.write(folder, one._replace(values=one.values | slow))


@pytest.mark.usefixtures("measure")
def test_the_same_twice_is_no_slow_down_and_a_fifth_more_is(tmp_path: Path) -> None:
    for name in ("old", "new"):
        run(tmp_path / name, PLAN, CHOSEN, DEVICE)
    same = compare(tmp_path / "old", tmp_path / "new")
    assert {row["quantity"] for row in same} == {"epoch", "first step", "one review", "4,096 reviews", "memory"}
    assert {row["verdict"] for row in same} == {"no detectable difference"}
    change(tmp_path / "new", "c", 1.2)
    verdicts = {(row["name"], row["quantity"]): row["verdict"] for row in compare(tmp_path / "old", tmp_path / "new")}
    assert verdicts.pop(("c", "epoch")) == "worse"
    assert "worse" not in verdicts.values()
    verdicts = {(row["name"], row["quantity"]): row["verdict"] for row in compare(tmp_path / "new", tmp_path / "old")}
    assert verdicts["c", "epoch"] == "better"


@pytest.mark.usefixtures("measure")
def test_what_disturbs_some_epochs_of_a_process_is_no_slow_down(tmp_path: Path) -> None:
    for name in ("old", "new"):
        run(tmp_path / name, PLAN, CHOSEN, DEVICE)
    for one in store.read(tmp_path / "new", "*-steady-c"):
        disturbed = [value for once in one.values["epoch"] for value in (once, 2 * once, 3 * once)]
        store.write(tmp_path / "new", one._replace(values=one.values | {"epoch": disturbed}))
    verdicts = {row["verdict"] for row in compare(tmp_path / "old", tmp_path / "new")}
    assert verdicts == {"no detectable difference"}


@pytest.mark.usefixtures("measure")
def test_the_command_that_compares_exits_with_one_for_a_slow_down(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from benchmarks.__main__ import app

    for name in ("old", "new"):
        run(tmp_path / name, PLAN, CHOSEN, DEVICE)
    sides = [str(tmp_path / name) for name in ("old", "new")]
    assert CliRunner().invoke(app, ["compare", *sides]).exit_code == 0
    change(tmp_path / "new", "c", 1.2)
    result = CliRunner().invoke(app, ["compare", *sides])
    assert result.exit_code == 1
    (line,) = (line for line in result.output.splitlines() if line.endswith("worse"))
    assert line.startswith("c ")


@pytest.mark.usefixtures("measure")
def test_only_runs_of_the_same_plan_device_and_reviews_are_compared(tmp_path: Path) -> None:
    run(tmp_path / "old", PLAN, CHOSEN, DEVICE)
    run(tmp_path / "gpu", PLAN, CHOSEN, Device("gpu", "a GPU"))
    with pytest.raises(BenchmarkError, match="Expected: the same device in both runs"):
        compare(tmp_path / "old", tmp_path / "gpu")
    with pytest.raises(BenchmarkError, match=r"without run\.json"):
        compare(tmp_path / "old", tmp_path)


def test_a_ratio_is_taken_round_by_round() -> None:
    """Slower rounds do not widen its interval; between two runs, whose rounds are independent, they do."""
    drifting = {number: 1.5**number for number in range(1, 8)}
    twice = {number: 2 * value for number, value in drifting.items()}
    assert ratio(twice, drifting) == pytest.approx({"ratio": 2, "low": 2, "high": 2})
    blurred = unpaired_ratio(twice, drifting)
    assert blurred["ratio"] == pytest.approx(2)
    assert blurred["low"] < 1 < 4 < blurred["high"]


def test_one_round_tells_nothing_about_the_next_and_equal_rounds_everything() -> None:
    assert unpaired_ratio({1: 2.0}, {1: 1.0, 2: 1.0}) == {"ratio": 2, "low": 0, "high": float("inf")}
    assert unpaired_ratio({1: 2.0, 2: 2.0}, {1: 1.0, 2: 1.0}) == {"ratio": 2, "low": 2, "high": 2}


@pytest.mark.usefixtures("measure")
def test_the_control_shows_the_noise(tmp_path: Path) -> None:
    run(tmp_path, PLAN, CHOSEN, DEVICE)
    floor = noise_floor(read_runs(tmp_path))
    assert floor is not None
    assert 0 < floor < 0.15
    assert noise_floor({}) is None


def test_a_different_model_is_not_timed(
    tmp_path: Path, measure: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as one whose Adam has another epsilon, with a difference of 9e-3 after fifty steps."""
    answer = runner.measure

    def other(job: Job, *arguments: Any) -> Any:
        values, metadata = answer(job, *arguments)
        return values, metadata | {"difference": 9e-3} if job[1:] == ("check", "c") else metadata

    monkeypatch.setattr(runner, "measure", other)
    run(tmp_path, PLAN, CHOSEN, DEVICE)
    assert ("steady", "c") not in measure
    rows = {row["name"]: row for row in write_report(tmp_path)["rows"]}
    assert "epoch" not in rows["c"]
    assert "epoch" in rows["jax-library"]


@pytest.mark.usefixtures("measure")
def test_the_report_is_made_from_the_raw_runs_and_has_a_row_for_each_configuration(tmp_path: Path) -> None:
    run(tmp_path, PLAN, CHOSEN, DEVICE)
    report = write_report(tmp_path)
    assert report["schema"] == 5
    assert report["plan"] == asdict(PLAN)
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8")) == report
    assert [row["name"] for row in report["rows"]] == [one.name for one in CHOSEN]
    # 313 steps, of which 79 were timed in about a second.
    assert report["rows"][0]["epoch"]["median"] == pytest.approx(313 / 79, rel=0.1)
    assert report["rows"][0]["memory"]["host"] == 500 * 2**20


def test_what_a_process_measured_is_kept_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    measurement = Measurement(3, "steady", "c", {"epoch": [0.1], "one review": [1e-6, 2e-6]}, {"path_device": "cpu"})
    store.write(tmp_path, measurement)
    assert store.read(tmp_path) == [measurement]


def test_a_cpu_is_one_core_and_one_thread_and_a_gpu_has_tensorfloat_off_or_on() -> None:
    if hasattr(os, "sched_getaffinity"):
        before = os.sched_getaffinity(0)
        with one_core("cpu"):
            assert len(os.sched_getaffinity(0)) == 1
        assert os.sched_getaffinity(0) == before
    on_gpu = {one.name: one for one in configurations_on("gpu")}
    plain, tf32 = on_gpu["torch-library"], on_gpu["torch-library-tf32"]
    cpu = environment_of("cpu", plain)
    assert (cpu["OMP_NUM_THREADS"], cpu["CUDA_VISIBLE_DEVICES"], cpu["JAX_PLATFORMS"]) == ("1", "", "cpu")
    assert environment_of("gpu", plain)["NVIDIA_TF32_OVERRIDE"] == "0"
    assert environment_of("gpu", tf32)["NVIDIA_TF32_OVERRIDE"] == "1"
    assert not {"numpy", "c", "torch-all-cores", "torch-busy"} & set(on_gpu)


def test_a_users_machine_has_all_cores_no_variable_set_and_busy_processes_if_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("OMP_NUM_THREADS", "JAX_COMPILATION_CACHE_DIR", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"):
        monkeypatch.setenv(name, "1")  # as tox sets them
    (busy,) = (one for one in CONFIGURATIONS if one.name == "torch-busy")
    left = {name for name in environment_of("cpu", busy) if name.startswith(("OMP_", "JAX_"))}
    assert left == {"JAX_PLATFORMS"}
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    if not children.exists():
        pytest.skip("this system does not list a process's children")
    program = [sys.executable, "-c", "import os; print(len(os.sched_getaffinity(0)))"]
    seen: dict[str, tuple[int, int]] = {}
    for cores in get_args(Cores):
        with started(program, dict(os.environ), "cpu", cores) as process:
            running = len(children.read_text().split())
            seen[cores] = int(process.communicate()[0]), running
    everything = os.cpu_count()
    assert seen == {"one": (1, 1), "all": (everything, 1), "busy": (everything, 1 + everything)}
    assert not children.read_text().split()


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that lists one GPU, with 1,234 MiB in use."""
    program = tmp_path / "nvidia-smi"
    program.write_text('#!/bin/sh\ncase "$1" in *name*) echo "A GPU";; *) echo 1234;; esac\n', encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)


@pytest.mark.usefixtures("driver")
def test_a_gpu_is_what_the_driver_names() -> None:
    assert find_gpu() == Device("gpu", "A GPU")
    assert devices.driver_memory() == 1234 * 2**20


def test_without_a_gpu_one_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from benchmarks.__main__ import app

    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_gpu() is None
    result = CliRunner().invoke(app, ["run", "--device", "gpu", "--out", str(tmp_path / "run")])
    assert isinstance(result.exception, BenchmarkError)
    assert str(result.exception).startswith("No GPU: nvidia-smi lists none.")
    assert not (tmp_path / "run").exists()


def test_the_table_of_the_page_is_that_of_the_committed_run() -> None:
    report = json.loads((RESULTS / "report.json").read_text(encoding="utf-8"))
    text = PAGE.read_text(encoding="utf-8")
    assert replace_table(text, "benchmarks", page_table(report)) == text
    assert report == json.loads(json.dumps(summarize(RESULTS))), "report.json is not that of the raw measurements"
    names = [row["name"] for row in report["rows"]]
    # In a fast run not all are measured.
    assert names == [one.name for one in CONFIGURATIONS if one.name in names]
    assert len(names) > 15


def test_the_table_of_a_gpu_is_that_of_its_committed_run() -> None:
    (results,) = RESULTS.parent.glob("gpu-*")
    report = json.loads((results / "report.json").read_text(encoding="utf-8"))
    text = PAGE.read_text(encoding="utf-8")
    assert replace_table(text, "benchmarks-gpu", page_table(report)) == text
    assert report == json.loads(json.dumps(summarize(results))), "report.json is not that of the raw measurements"
    for path in results.glob("ladder-*.txt"):
        assert re.search(r"^34 passed, \d+ deselected", path.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("given", ["jax", "jax=", "jax=/no/python", f"theano={sys.executable}"])
def test_an_environment_to_measure_is_a_backend_and_its_python(given: str) -> None:
    from typer.testing import CliRunner

    from benchmarks.__main__ import app

    result = CliRunner().invoke(app, ["run", "--python", given])
    assert result.exit_code == 2
    assert "BACKEND=PYTHON" in result.output


def test_a_stopped_run_says_how_many_rounds_it_lacks(tmp_path: Path) -> None:
    shutil.copytree(RESULTS, tmp_path / "run")
    for path in (tmp_path / "run" / "raw").glob("3-*"):
        path.unlink()
    report = summarize(tmp_path / "run")
    assert report["plan"]["rounds"] == 2
    assert report["left_out"]["1 of 3 rounds"] == "the run was stopped"
