"""The processes of a training meet before JAX starts: all of them, or none."""

import select
import socket
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing

import pytest

from imdb_rnn.backends.workers import LaunchedProcess, gathering
from imdb_rnn.errors import BackendError


@pytest.fixture
def address() -> str:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"


def connected(address: str) -> socket.socket:
    """Connect as soon as the first process listens."""
    host, _, port = address.rpartition(":")
    while True:
        try:
            return socket.create_connection((host, int(port)))
        except ConnectionRefusedError:
            continue


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


@pytest.mark.parametrize("stranger", ["1 of 3", "2 of 2", "0 of 2", "-1 of 2", "1 of 2 of 2", "GET / HTTP/1.1"])
def test_what_is_no_process_of_this_training_is_told_and_changes_nothing(address: str, stranger: str) -> None:
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(gathering.gather, LaunchedProcess(0, 2, address))
        with connected(address) as connection:
            connection.sendall(f"{stranger}\n".encode())
            told = connection.makefile().readline()
        assert told.endswith(f"Expected: processes 1 to 1 of 2. Received: process {stranger}.\n")
        assert outcomes(LaunchedProcess(1, 2, address)) == [""]
        assert first.result() is None


def test_of_two_processes_of_the_same_number_one_is_told(address: str) -> None:
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(gathering.gather, LaunchedProcess(0, 3, address))
        with connected(address) as one, connected(address) as another:
            one.sendall(b"1 of 3\n")
            another.sendall(b"1 of 3\n")
            (refused, *others), _, _ = select.select([one, another], [], [], 30)
            assert not others
            told = refused.makefile().readline()
            assert told.endswith("Received: process 1 of 3, which has come before.\n")
            assert outcomes(LaunchedProcess(2, 3, address)) == [""]
            assert first.result() is None


def test_connections_that_say_nothing_are_not_waited_for(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "TIMEOUT", 2)
    with ThreadPoolExecutor(1) as pool, ExitStack() as stack:
        first = pool.submit(gathering.gather, LaunchedProcess(0, 2, address))
        for _ in range(20):
            stack.enter_context(connected(address))
        assert str(first.exception(timeout=10)).endswith("Received: no process 1.")


def test_another_program_at_the_address_is_told(address: str) -> None:
    with ThreadPoolExecutor(1) as pool, socket.create_server(("127.0.0.1", int(address.rpartition(":")[2]))) as server:
        process = pool.submit(gathering.gather, LaunchedProcess(1, 2, address))
        with server.accept()[0] as connection:
            connection.sendall(b"<!DOCTYPE HTML>\n")
            assert "Received: an answer of another program, or of a training that has begun." in str(
                process.exception()
            )


def test_a_process_that_has_ended_meanwhile_is_missing(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "TIMEOUT", 2)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(gathering.gather, LaunchedProcess(0, 3, address))
        with connected(address) as connection:
            connection.sendall(b"1 of 3\n")
        (second,) = outcomes(LaunchedProcess(2, 3, address))
        assert str(first.exception()) == second
        assert second.endswith("Received: no process 1.")


def test_an_address_that_is_taken_is_told(address: str) -> None:
    with closing(socket.create_server(("", int(address.rpartition(":")[2])))):
        (told,) = outcomes(LaunchedProcess(0, 2, address))
    assert "Expected: a free port of this machine. Received: [Errno " in told
