"""A training shared by several workers gives what one worker gives, and ends if a worker does.

PyTorch starts a process for each worker. On JAX the workers are the devices of a process, or of several processes.
Everything runs as processes of its own, because JAX fixes its devices when it starts.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from backends_test.comparison.stages import LADDER
from backends_test.tests.backend.shared_training import EPOCHS, LEARNED, corpus
from backends_test.tests.command_line import PROGRAM, Run
from imdb_rnn.backends import backend_name
from imdb_rnn.inference.bundle import CONFIG_FILE, HISTORY_FILE, MANIFEST_FILE, MODEL_FILE, PLOT_FILE, STATE_FILE

BACKEND = backend_name()
(FIFTY_STEPS,) = (stage.bounds["float32"] for stage in LADDER if stage.name == "fifty steps")
NAMES = {MODEL_FILE, CONFIG_FILE, MANIFEST_FILE, HISTORY_FILE, PLOT_FILE}
TRAIN = ["train", "--data", "synthetic", "--recipe", "tutorial"]

needs_workers = pytest.mark.skipif(BACKEND == "tensorflow", reason="Keras does not support several workers there")
only_torch = pytest.mark.skipif(BACKEND != "torch", reason="only on PyTorch are the workers of a machine processes")
only_jax = pytest.mark.skipif(BACKEND != "jax", reason="of JAX alone")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """What `shared_training` has found with one to four workers."""
    path = tmp_path_factory.mktemp("shared") / "shared.npz"
    command = [sys.executable, "-m", "backends_test.tests.backend.shared_training", str(path), "4", "3", "2", "1"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr[-3000:]
    with np.load(path) as arrays:
        return dict(arrays)


@needs_workers
@pytest.mark.parametrize("workers", [2, 3, 4])
@pytest.mark.parametrize("batch_size", EPOCHS)
def test_several_workers_train_the_weights_of_one(shared: dict[str, np.ndarray], workers: int, batch_size: int) -> None:
    """After each epoch, up to fifty steps. The last batch is smaller: 41 reviews, or one for all the workers."""
    assert all(LEARNED % number for number in (2, 3, 4, *EPOCHS))
    names = [name for name in shared if name.startswith(f"1/{batch_size}/weights/")]
    assert len(names) == 6 * EPOCHS[batch_size]
    for name in names:
        several = shared[f"{workers}{name[1:]}"]
        np.testing.assert_allclose(several, shared[name], rtol=0, atol=FIFTY_STEPS.tolerance, err_msg=name)


@needs_workers
@pytest.mark.parametrize("workers", [2, 3, 4])
@pytest.mark.parametrize("batch_size", EPOCHS)
def test_several_workers_report_the_losses_and_accuracies_of_one(
    shared: dict[str, np.ndarray], workers: int, batch_size: int
) -> None:
    """A review that is left out, counted twice or padded would change them by a hundredth of themselves."""
    for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
        one, several = (shared[f"{number}/{batch_size}/history/{name}"] for number in (1, workers))
        # The scores differ by no more than the weights do, and no score here is so near to 0.5.
        np.testing.assert_allclose(several, one, rtol=0, atol=FIFTY_STEPS.tolerance, err_msg=name)


class Command:
    """A running `imdb-rnn`; `said` is what it wrote to standard error, once it has ended."""

    def __init__(self, *arguments: object, program: str = PROGRAM, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )

    def wait_for(self, path: Path) -> None:
        """Wait until the command has written a file."""
        deadline = time.monotonic() + 200
        while not path.exists():
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def end(self, seconds: int) -> tuple[int, str, list[str]]:
        """Return the status, the output, and the lines on standard error except those of the progress and of gloo."""
        output, said = self.process.communicate(timeout=seconds)
        lines = [
            line for line in said.splitlines() if not line.startswith(("epoch ", "imdb-rnn: waiting for ", "[Gloo]"))
        ]
        return self.process.returncode, output, lines


@pytest.fixture
def commands() -> Iterator[list[Command]]:
    """Commands that are ended, if a test fails before they do."""
    running: list[Command] = []
    yield running
    for command in running:
        command.process.kill()
        command.process.wait()
        for pipe in (command.process.stdout, command.process.stderr):
            assert pipe is not None
            pipe.close()


def children_of(process: int) -> list[int]:
    """The processes that a process has started."""
    return [
        int(number)
        for tasks in Path(f"/proc/{process}/task").glob("*/children")
        for number in tasks.read_text(encoding="utf-8").split()
    ]


def wait_until_gone(processes: list[int], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while running := [process for process in processes if Path(f"/proc/{process}").exists()]:
        assert time.monotonic() < deadline, running
        time.sleep(0.05)


@needs_workers
def test_a_training_of_several_workers_writes_one_folder_and_says_how_many_there_were(
    run_process: Run, tmp_path: Path
) -> None:
    status, output, said = run_process(*TRAIN, "--epochs", 2, "--workers", 2, "--out", "model", "--json")
    assert status == 0, said
    assert [line.partition("  ")[0] for line in said.splitlines()] == ["epoch 1", "epoch 2"]
    assert {file.name for file in (tmp_path / "model").iterdir()} == NAMES
    assert json.loads(output)["workers"] == 2
    # One worker repeats it up to rounding, and the number of workers is named as what has changed.
    status, output, said = run_process("reproduce", "model", "--json")
    assert status == 0, said
    assert json.loads(output)["changed"] == {"workers": [2, None]}
    assert json.loads(output)["verdict"] in ("identical", "equal up to rounding", "equally good")


@only_torch
@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked for in /proc")
def test_a_killed_worker_ends_the_training_in_one_line_and_another_number_of_workers_resumes_it(
    commands: list[Command], run_process: Run, tmp_path: Path
) -> None:
    training = [*TRAIN, "--epochs", 40, "--out", tmp_path / "model"]
    command = Command(*training, "--workers", 3)
    commands.append(command)
    command.wait_for(tmp_path / "model" / MANIFEST_FILE)
    workers = children_of(command.process.pid)
    assert len(workers) == 2
    os.kill(workers[1], signal.SIGKILL)
    status, output, said = command.end(seconds=60)
    assert (status, output) == (1, "")
    (line,) = said
    assert line.startswith("imdb-rnn: Cannot go on training with 3 workers. Expected: all of them until the end. ")
    assert f"Received: worker 2 (process {workers[1]}), which was ended by signal 9." in line
    assert "can be resumed" in line
    wait_until_gone(workers, seconds=5)
    assert (tmp_path / "model" / STATE_FILE).exists()
    status, output, text = run_process(*training, "--workers", 2, "--resume", "--json")
    assert status == 0, text
    assert json.loads(output)["complete"] is True
    assert json.loads(output)["workers"] == 3
    assert {file.name for file in (tmp_path / "model").iterdir()} == NAMES


@only_torch
@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked for in /proc")
def test_the_other_workers_end_with_the_first(commands: list[Command], tmp_path: Path) -> None:
    command = Command(*TRAIN, "--epochs", 40, "--workers", 3, "--out", tmp_path / "model")
    commands.append(command)
    command.wait_for(tmp_path / "model" / MANIFEST_FILE)
    workers = children_of(command.process.pid)
    assert len(workers) == 2
    command.process.kill()
    command.process.wait()
    wait_until_gone(workers, seconds=10)


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@only_torch
def test_torchrun_trains_the_same_model(run_process: Run, tmp_path: Path) -> None:
    """To the last bit, because the shares of the batches are the same."""
    launched = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    command = [*launched, "-m", "imdb_rnn", *TRAIN, "--epochs", "2", "--out", tmp_path / "launched"]
    ran = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert ran.stdout.count("saved in") == 1
    assert run_process(*TRAIN, "--epochs", 2, "--workers", 2, "--out", "started").status == 0
    assert {file.name for file in (tmp_path / "launched").iterdir()} == NAMES
    launched_model, started_model = (tmp_path / name / HISTORY_FILE for name in ("launched", "started"))
    assert launched_model.read_bytes() == started_model.read_bytes()


def of_jax(process: int, port: int) -> dict[str, str]:
    """The environment of one of two processes of JAX."""
    return {
        "KERAS_DISTRIBUTION_JOB_ADDRESSES": f"127.0.0.1:{port}",
        "KERAS_DISTRIBUTION_NUM_PROCESSES": "2",
        "KERAS_DISTRIBUTION_PROCESS_ID": str(process),
    }


@only_jax
def test_two_processes_train_the_model_of_two_devices(
    commands: list[Command], run_process: Run, tmp_path: Path
) -> None:
    port = free_port()
    training = [*TRAIN, "--epochs", 2]
    commands += [Command(*training, "--out", tmp_path / "two", **of_jax(process, port)) for process in range(2)]
    (status, output, said), (other_status, *other) = (command.end(seconds=300) for command in commands)
    assert (status, other_status) == (0, 0), said
    assert "saved in" in output
    assert other == ["", []]
    assert run_process(*training, "--workers", 2, "--out", "one").status == 0
    assert {file.name for file in (tmp_path / "two").iterdir()} == NAMES
    two, one = (json.loads((tmp_path / name / HISTORY_FILE).read_text(encoding="utf-8")) for name in ("two", "one"))
    for name, values in one.items():
        np.testing.assert_allclose(two[name], values, rtol=0, atol=1e-3, err_msg=name)


# gloo waits for 30 seconds until processes connect.
SLOW_TO_BEGIN = f"""
import time, imdb_rnn.training.fit as fit
training_data = fit._training_data
def slowly(*arguments):
    time.sleep(35)
    return training_data(*arguments)
fit._training_data = slowly
{PROGRAM}
"""


@only_jax
def test_the_other_process_waits_while_the_first_one_prepares(commands: list[Command], tmp_path: Path) -> None:
    port = free_port()
    training = [*TRAIN, "--epochs", 1, "--out", tmp_path / "model"]
    commands.append(Command(*training, program=SLOW_TO_BEGIN, **of_jax(0, port)))
    commands.append(Command(*training, **of_jax(1, port)))
    assert [command.end(seconds=300)[::2] for command in commands] == [(0, []), (0, [])]


@only_jax
@pytest.mark.parametrize(
    ("process", "problem"),
    [
        (0, "Expected: all others within 1 seconds. Received: no process 1."),
        (1, "Expected: the first process, which listens there. Received: nothing in 1 seconds; "),
    ],
)
def test_a_process_that_is_alone_ends_in_one_line(
    commands: list[Command], tmp_path: Path, process: int, problem: str
) -> None:
    impatient = f"import imdb_rnn.backends.workers as workers; workers.TIMEOUT = 1; {PROGRAM}"
    commands.append(Command(*TRAIN, "--out", tmp_path / "model", program=impatient, **of_jax(process, free_port())))
    status, output, said = commands[0].end(seconds=60)
    assert (status, output, len(said)) == (1, "", 1), said
    assert problem in said[0]
    assert not (tmp_path / "model").exists()


@only_jax
def test_if_another_process_is_killed_the_training_ends_in_one_line(commands: list[Command], tmp_path: Path) -> None:
    port = free_port()
    training = [*TRAIN, "--epochs", 40, "--out", tmp_path / "model"]
    commands += [Command(*training, **of_jax(process, port)) for process in range(2)]
    commands[0].wait_for(tmp_path / "model" / MANIFEST_FILE)
    commands[1].process.kill()
    status, output, said = commands[0].end(seconds=60)
    assert (status, output) == (1, ""), said
    assert len(said) == 1, said[-1]
    (line,) = said
    assert line.startswith("imdb-rnn: Cannot go on training with 2 workers. Expected: all of them until the end. ")


@only_jax
def test_if_the_first_process_is_killed_the_other_ends(commands: list[Command], tmp_path: Path) -> None:
    port = free_port()
    training = [*TRAIN, "--epochs", 40, "--out", tmp_path / "model"]
    commands += [Command(*training, **of_jax(process, port)) for process in range(2)]
    commands[0].wait_for(tmp_path / "model" / MANIFEST_FILE)
    commands[0].process.kill()
    status, output, _ = commands[1].end(seconds=60)
    # By the error of this library, or aborted by JAX.
    assert (status, output) in ((1, ""), (-signal.SIGABRT, ""))


@only_jax
def test_no_device_computes_the_share_of_another(run_process: Run, tmp_path: Path) -> None:
    """The only operation between devices is the sum of the gradients."""
    dump = f"--xla_dump_to={tmp_path / 'dump'} --xla_dump_hlo_as_text"
    training = [*TRAIN, "--epochs", 1, "--workers", 2, "--out", "model"]
    assert run_process(*training, XLA_FLAGS=dump, JAX_ENABLE_COMPILATION_CACHE="false").status == 0
    programs = [path.read_text() for path in (tmp_path / "dump").glob("*jit_many.*after_optimizations.txt")]
    assert programs
    for program in programs:
        found = re.findall(r" (all-\w+|collective-permute|reduce-scatter)(?:-start)?\(", program)
        assert set(found) == {"all-reduce"}


@only_jax
def test_more_workers_than_devices_are_refused_once_jax_has_started() -> None:
    program = (
        "import jax, imdb_rnn; jax.devices(); from backends_test.tests.backend.shared_training import corpus\n"
        "try:\n    imdb_rnn.train(corpus(), workers=3)\nexcept imdb_rnn.BackendError as error:\n    print(error)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert re.match(
        r"Cannot train with 3 workers on JAX\. Expected: as many devices .* Received: 1, on cpu", ran.stdout
    )


@pytest.mark.skipif(BACKEND != "tensorflow", reason="the other backends support it")
def test_tensorflow_refuses_several_workers_in_one_line_and_says_what_to_do(run_process: Run, tmp_path: Path) -> None:
    status, output, said = run_process(*TRAIN, "--workers", 2, "--out", "model")
    assert (status, output) == (1, "")
    assert said.count("\n") == 1
    assert "keras#20585" in said
    assert "Train on another backend: it is the same model" in said
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("workers", [0, -1, 1.5, True, "2"])
def test_a_number_of_workers_that_cannot_be_is_refused(workers: object) -> None:
    from imdb_rnn import RecipeError, train

    with pytest.raises(RecipeError, match=r"Bad `workers`\. Expected: a whole number of at least 1\."):
        train("synthetic", workers=workers)  # type: ignore[arg-type]


def test_more_workers_than_reviews_in_a_batch_are_refused() -> None:
    from imdb_rnn import Recipe, RecipeError, train

    with pytest.raises(RecipeError, match=r"Bad `workers`\. Expected: at most the batch size, 3\. Received: 4\."):
        train("synthetic", recipe=Recipe(batch_size=3), workers=4)


def test_a_distribution_that_a_program_has_set_is_refused() -> None:
    """On PyTorch and TensorFlow it would silently do nothing."""
    import keras

    from imdb_rnn import BackendError, train

    mesh = keras.distribution.DeviceMesh(shape=(1,), axis_names=["batch"], devices=["cpu:0"])
    parallel = keras.distribution.DataParallel(device_mesh=mesh, auto_shard_dataset=False)
    with (
        parallel.scope(),
        pytest.raises(BackendError, match=r"Received: DataParallel\. Leave it out, and give a number"),
    ):
        train(corpus(), progress=False)


def test_one_worker_imports_nothing_of_it() -> None:
    program = (
        "import sys, imdb_rnn; from backends_test.tests.backend.shared_training import corpus\n"
        "imdb_rnn.train(corpus(), None, imdb_rnn.Recipe.tutorial(epochs=1), progress=False)\n"
        "print([name for name in sys.modules if name.startswith('imdb_rnn.backends.workers.')])"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert ran.stdout.splitlines() == ["[]"], ran.stderr
