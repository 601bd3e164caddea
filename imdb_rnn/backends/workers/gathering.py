"""Gathers the processes of a training at the address of the first one.

JAX would abort a process, by a signal, if not all of them came. So they meet before they start it: each process
connects to the first one and says which one it is, and the first one answers when all have come, or when it gives up.
"""

import selectors
import socket
import time
from contextlib import ExitStack, suppress

from imdb_rnn.backends.workers import TIMEOUT, LaunchedProcess
from imdb_rnn.errors import BackendError

# An answer begins with it; anything else is of another program.
_PREFIX = "imdb-rnn: "
_COMPLETE = "complete"
_MAX_BYTES = 1_000
_SHOWN_MISSING = 10
# The first process may have begun to listen only when it was connected to, and gives up after `TIMEOUT`.
_GRACE = 10


def gather(launched: LaunchedProcess) -> None:
    """Wait until all processes have come, at most `TIMEOUT` seconds.

    Args:
        launched: this process.

    Raises:
        BackendError: the first process does not listen at its address, or not all others have come.
    """
    if launched.rank:
        _meet_first(launched)
    else:
        _await_others(launched)


def _await_others(launched: LaunchedProcess) -> None:
    deadline = time.monotonic() + TIMEOUT
    came: dict[int, socket.socket] = {}
    with _listener(launched) as listener, selectors.DefaultSelector() as selector, ExitStack() as stack:
        selector.register(listener, selectors.EVENT_READ)
        while len(came) < launched.world_size - 1:
            ready = selector.select(max(deadline - time.monotonic(), 0))
            if time.monotonic() > deadline:
                missing = [rank for rank in range(1, launched.world_size) if rank not in came]
                received = f"no process {', '.join(map(str, missing[:_SHOWN_MISSING]))}"
                problem = _problem(launched, f"all others within {TIMEOUT} seconds", received)
                for connection in came.values():
                    _send(connection, _PREFIX + problem)
                raise BackendError(problem)
            for key, _ in ready:
                if key.fileobj is listener:
                    connection = stack.enter_context(listener.accept()[0])
                    connection.setblocking(False)
                    selector.register(connection, selectors.EVENT_READ)
                elif isinstance(key.fileobj, socket.socket) and not _hear(key.fileobj, launched, came):
                    selector.unregister(key.fileobj)
                    key.fileobj.close()
        for connection in came.values():
            _send(connection, _PREFIX + _COMPLETE)


def _hear(connection: socket.socket, launched: LaunchedProcess, came: dict[int, socket.socket]) -> bool:
    """Hear which process a connection is, and add it to those that came. Return whether the connection is to be kept.

    A process that came says nothing more until it is answered. If it ends, its connection is closed.
    """
    try:
        said = connection.recv(_MAX_BYTES).decode("utf-8", "replace").strip()
    except OSError:
        said = ""
    for rank, known in list(came.items()):
        if known is connection:
            del came[rank]
            return False
    rank_said, _, world_size = said.partition(" of ")
    rank = int(rank_said) if rank_said.isdecimal() and rank_said.isascii() else 0
    if world_size == str(launched.world_size) and 0 < rank < launched.world_size and rank not in came:
        came[rank] = connection
        return True
    again = ", which has come before" if rank in came else ""
    expected = f"processes 1 to {launched.world_size - 1} of {launched.world_size}"
    _send(connection, _PREFIX + _problem(launched, expected, f"process {said}{again}"))
    return False


def _listener(launched: LaunchedProcess) -> socket.socket:
    """Listen on all addresses of this machine, as JAX does afterwards."""
    address = "", int(launched.address.rpartition(":")[2])
    try:
        if socket.has_dualstack_ipv6():
            return socket.create_server(address, family=socket.AF_INET6, dualstack_ipv6=True)
        return socket.create_server(address)
    except OSError as error:
        raise BackendError(_problem(launched, "a free port of this machine", str(error))) from error


def _meet_first(launched: LaunchedProcess) -> None:
    host, _, port = launched.address.rpartition(":")
    deadline = time.monotonic() + TIMEOUT
    while True:
        answer = ""
        try:
            with socket.create_connection((host.strip("[]"), int(port)), TIMEOUT) as connection:
                _send(connection, f"{launched.rank} of {launched.world_size}")
                connection.settimeout(TIMEOUT + _GRACE)
                with connection.makefile("rb") as stream:
                    answer = stream.readline(_MAX_BYTES).decode("utf-8", "replace").strip()
            received = "a connection that was closed"
        except OSError as error:
            received = str(error)
        if answer == _PREFIX + _COMPLETE:
            return
        if answer.startswith(_PREFIX):
            raise BackendError(answer.removeprefix(_PREFIX))
        if answer:
            received = "an answer of another program, or of a training that has begun"
            raise BackendError(_problem(launched, "the first process, which waits there", received))
        if time.monotonic() > deadline:
            expected = "the first process, which listens there"
            raise BackendError(_problem(launched, expected, f"nothing in {TIMEOUT} seconds; at last, {received}"))
        time.sleep(0.2)


def _send(connection: socket.socket, line: str) -> None:
    with suppress(OSError):  # that process has ended
        connection.sendall(f"{line}\n".encode())


def _problem(launched: LaunchedProcess, expected: str, received: str) -> str:
    start = f"Cannot join {launched.world_size} processes at {launched.address}."
    return f"{start} Expected: {expected}. Received: {received}."
