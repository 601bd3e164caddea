"""The processes of a training meet before JAX starts: all of them, or none."""

import socket
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

import pytest

from imdb_rnn.backends.workers import LaunchedProcess, gathering
from imdb_rnn.errors import BackendError


@pytest.fixture
def address() -> str:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"


def outcomes(*processes: LaunchedProcess) -> list[str]:
    """What each process is told: "" if all have met."""

    def meet(process: LaunchedProcess) -> str:
        try:
            gathering.gather(process)
        except BackendError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(len(processes)) as pool:
        found: list[Future[str]] = [pool.submit(meet, process) for process in processes]
        return [one.result() for one in found]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
def test_all_processes_meet_whichever_is_first_to_start(address: str, order: tuple[int, ...]) -> None:
    assert outcomes(*(LaunchedProcess(rank, 3, address) for rank in order)) == ["", "", ""]


def test_the_address_can_be_used_again_at_once(address: str) -> None:
    for _ in range(3):
        assert outcomes(*(LaunchedProcess(rank, 2, address) for rank in range(2))) == ["", ""]


def test_if_one_process_does_not_come_all_others_are_told_which(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "TIMEOUT", 2)
    first, second = outcomes(LaunchedProcess(0, 4, address), LaunchedProcess(2, 4, address))
    assert first == second
    assert first == (
        f"Cannot join 4 processes at {address}. Expected: all others within 2 seconds. Received: no process 1, 3."
    )


@pytest.mark.parametrize(("rank", "world_size"), [(1, 3), (2, 2), (0, 5)])
def test_a_process_of_another_launch_is_refused(
    address: str, rank: int, world_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "TIMEOUT", 2)
    stranger = LaunchedProcess(rank, world_size, address)
    monkeypatch.setattr(gathering, "gather", gathering._meet_first)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(gathering._await_others, LaunchedProcess(0, 2, address))
        (told,) = outcomes(stranger)
        assert told.endswith(f"Expected: processes 1 to 1 of 2. Received: process {rank} of {world_size}.")
        assert isinstance(first.exception(), BackendError)


def test_a_process_that_has_ended_meanwhile_is_missing(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "TIMEOUT", 2)
    host, _, port = address.rpartition(":")
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(gathering.gather, LaunchedProcess(0, 3, address))
        while True:
            try:
                connection = socket.create_connection((host, int(port)))
                break
            except ConnectionRefusedError:
                continue
        with connection:
            connection.sendall(b"1 of 3\n")
        (second,) = outcomes(LaunchedProcess(2, 3, address))
        assert str(first.exception()) == second
        assert second.endswith("Received: no process 1.")


def test_an_address_that_is_taken_is_told(address: str) -> None:
    with closing(socket.create_server(("", int(address.rpartition(":")[2])))):
        (told,) = outcomes(LaunchedProcess(0, 2, address))
    assert "Expected: a free port of this machine. Received: [Errno " in told
