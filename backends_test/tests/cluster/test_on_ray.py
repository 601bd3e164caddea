"""Files are scored on a cluster of Ray: the bits of one process, whatever happens to workers and machines."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import ray

from backends_test.tests.command_line import INTERRUPTIBLE, Run
from backends_test.tests.scored_parts import (
    a_part_is_done_and_another_half_written,
    bytes_in,
    half_written,
    holder_of,
    records_in,
    wait_until,
    workers_at,
)
from imdb_rnn import Classifier, score_parts

SAID = "imdb-rnn: 7,998 of 72,000 rows could not be read and have no score.\n"
MARK = "IMDB_RNN_TEST_MARK"

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(saved: Path, pattern: str, tmp_path: Path, cluster: Any) -> Start:
    """Start the command with the cluster; what it starts itself carries a mark in its environment."""

    def begin(*more: str, address: str = cluster.address) -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", INTERRUPTIBLE, "predict", saved, "--file", pattern, "--engine", "ray"]
        return subprocess.Popen(
            [*map(str, command), "--out", str(tmp_path / "out"), *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "RAY_ADDRESS": address, MARK: str(tmp_path)},
        )

    return begin


def check_complete(process: "subprocess.Popen[str]", out: Path, complete: dict[str, bytes]) -> None:
    output, said = process.communicate(timeout=120)
    assert (process.returncode, output) == (0, f"72,000 rows, saved in {out}\n"), said
    assert said.endswith(SAID)  # Ray tells of a killed worker before
    assert bytes_in(out) == complete
    assert records_in(out) == [f"{name}.json" for name in sorted(complete)]


def parent_of(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
    except OSError:  # it has ended
        return 0


def raylet_of(node: Any) -> int:
    """The process of Ray that starts the workers of a machine."""
    (raylet,) = node.all_processes["raylet"]
    return int(raylet.process.pid)


def test_two_machines_share_the_parts_and_give_the_bits_of_one_process(
    start: Start, cluster: Any, tmp_path: Path, complete: dict[str, bytes]
) -> None:
    out = tmp_path / "out"
    with start() as process:
        machines = {raylet_of(node) for node in cluster.list_all_nodes()}
        seen: set[int] = set()

        def both_have_worked() -> bool:
            seen.update(map(parent_of, workers_at(out)))
            return seen >= machines

        wait_until(both_have_worked, process)
        check_complete(process, out, complete)


def test_the_part_of_a_killed_worker_is_done_again_and_neither_lost_nor_doubled(
    start: Start, tmp_path: Path, complete: dict[str, bytes]
) -> None:
    out = tmp_path / "out"
    with start() as process:
        wait_until(a_part_is_done_and_another_half_written(out), process)
        os.kill(wait_until(lambda: workers_at(out), process).pop(), signal.SIGKILL)
        check_complete(process, out, complete)


def test_a_part_that_ends_every_worker_ends_the_run_and_what_is_done_is_kept(
    start: Start, tmp_path: Path, complete: dict[str, bytes]
) -> None:
    out = tmp_path / "out"
    with start("--workers", "1") as process:
        doomed = wait_until(a_part_is_done_and_another_half_written(out), process)[0].name
        while process.poll() is None:
            for file in half_written(out):
                if file.name == doomed and (worker := holder_of(file)):
                    os.kill(worker, signal.SIGKILL)
        _, said = process.communicate(timeout=120)
    assert process.returncode == 1
    # Ray tells of the killed workers before. Whether the command tells how many files are done depends on whether Ray
    # has told it of one.
    error = said.splitlines()[-1]
    assert error.startswith("imdb-rnn: Cannot score on Ray. Expected: workers that run to their end. Received: ")
    assert error.endswith("What is done is kept. To resume, run the same command with --resume.")
    done = bytes_in(out)
    assert done.items() < complete.items()
    written = {name: (out / name).stat().st_mtime_ns for name in done}
    with start("--resume") as process:
        check_complete(process, out, complete)
    assert all(before == (out / name).stat().st_mtime_ns for name, before in written.items())


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_command_that_is_ended_leaves_no_process_of_its_own_cluster(
    start: Start, tmp_path: Path, number: int, status: int, complete: dict[str, bytes]
) -> None:
    out = tmp_path / "out"
    with start(address="local") as process:
        wait_until(a_part_is_done_and_another_half_written(out), process)
        assert len(marked(tmp_path)) > 3, "the command has started Ray on this machine"
        process.send_signal(number)
        _, said = process.communicate(timeout=120)
    assert process.returncode == status
    *kept, ended = said.splitlines()
    assert ended.startswith("imdb-rnn: ")
    assert all(line.endswith("To resume, run the same command with --resume.") for line in kept)
    assert len(kept) <= 1
    end = time.monotonic() + 60
    while marked(tmp_path):
        assert time.monotonic() < end, "processes were left behind"
        time.sleep(0.1)
    assert bytes_in(out).items() < complete.items()


def marked(folder: Path) -> list[int]:
    """The processes that a command has started, however they were started."""
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"{MARK}={folder}\0".encode() in environment.read_bytes():
                found.append(int(environment.parent.name))
        except OSError:
            continue
    return found


def test_the_workers_of_a_killed_command_end_and_the_cluster_serves_the_next_one(
    start: Start, tmp_path: Path, complete: dict[str, bytes]
) -> None:
    out = tmp_path / "out"
    with start() as process:
        wait_until(a_part_is_done_and_another_half_written(out), process)
        process.kill()
    with start("--resume") as process:
        check_complete(process, out, complete)


def test_a_row_that_cannot_be_scored_is_told_in_one_line(start: Start, tmp_path: Path) -> None:
    with start("--strict") as process:
        output, said = process.communicate(timeout=120)
    assert (process.returncode, output) == (1, "")
    assert said.startswith("imdb-rnn: Cannot read row 6 of ")
    assert said.count("\n") == 1
    # A worker that is ended while it writes another part leaves what it has written, and no record.
    assert not [name for name in records_in(tmp_path / "out") if name.endswith(".json")]


def test_a_file_that_a_worker_does_not_find_is_told_with_the_machine(
    run_process: Run, saved: Path, tmp_path: Path, cluster: Any
) -> None:
    (tmp_path / "part-0.csv").write_text("text\ngood\n", encoding="utf-8")
    # A path that each process understands otherwise, as machines do that do not share their disks.
    pattern = "/proc/self/cwd/part-*.csv"
    status, output, said = run_process(
        "predict", saved, "--file", pattern, "--engine", "ray", "--out", "out", RAY_ADDRESS=cluster.address
    )
    assert (status, output) == (1, "")
    assert said.startswith("imdb-rnn: Cannot read /proc/self/cwd/part-0.csv.")
    assert "does not find it: all machines must see the files at the same paths" in said
    assert said.count("\n") == 1


class CountedClassifier(Classifier):
    """Notes in a file each time that it is loaded from a pickle, and by which process."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        with Path(os.environ["IMDB_RNN_TEST_NOTES"]).open("a", encoding="utf-8") as notes:
            notes.write(f"{os.getpid()}\n")


def test_the_connection_of_a_program_is_used_and_kept_and_a_worker_has_the_model_once(
    saved: Path, pattern: str, tmp_path: Path, cluster: Any, complete: dict[str, bytes]
) -> None:
    notes = tmp_path / "notes"
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    ray.init(cluster.address, log_to_driver=False, runtime_env={"env_vars": {"IMDB_RNN_TEST_NOTES": str(notes)}})
    try:
        score_parts(CountedClassifier.load(saved), pattern, tmp_path / "out", engine="ray", workers=2)
        assert ray.is_initialized()
    finally:
        ray.shutdown()
    assert bytes_in(tmp_path / "out") == complete
    loaded_by = notes.read_text(encoding="utf-8").split()
    assert len(loaded_by) == len(set(loaded_by)) == 2


def test_what_a_program_prints_while_parts_are_scored_goes_where_it_prints(
    saved: Path, tmp_path: Path, cluster: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for part in range(2):
        (tmp_path / f"part-{part}.csv").write_text("text\ngood\n", encoding="utf-8")
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    score_parts(
        Classifier.load(saved),
        str(tmp_path / "part-*.csv"),
        tmp_path / "out",
        engine="ray",
        progress=lambda done, parts, scored: print(f"{done} of {parts}"),
    )
    assert capsys.readouterr().out == "0 of 2\n1 of 2\n2 of 2\n"


def test_nothing_of_ray_is_imported_unless_it_is_asked_for(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "part-0.csv").write_text("text\ngood\n", encoding="utf-8")
    program = """
import sys
from imdb_rnn.cli import main
try:
    main()
finally:
    print(sorted({name.partition(".")[0] for name in sys.modules} & {"ray", "pyarrow", "pandas", "pyspark"}))
"""
    command = [sys.executable, "-c", program, "predict", str(saved), "--out"]
    for arguments in (["one.csv", "--file", "part-0.csv"], ["all", "--file", "part-*.csv"]):
        completed = subprocess.run([*command, *arguments], capture_output=True, text=True, check=True, cwd=tmp_path)
        assert completed.stdout.endswith("\n[]\n")


def test_a_cluster_that_cannot_be_reached_is_one_line(start: Start, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    for wrong in (address, "10.0.0..1:6379"):
        output, said = start(address=wrong).communicate(timeout=120)
        assert output == ""
        assert said.startswith(f"imdb-rnn: Cannot reach the cluster. Expected: one at RAY_ADDRESS={wrong}. Received: ")
        assert said.count("\n") == 1


def test_a_server_that_is_not_ray_is_not_waited_for(start: Start) -> None:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        output, said = start(address=f"127.0.0.1:{server.server_port}").communicate(timeout=120)
        server.shutdown()
    assert output == ""
    assert "Received: an answer that is not Ray's: b'" in said
    assert said.count("\n") == 1
