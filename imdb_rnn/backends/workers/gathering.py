"""Gathers the processes of a training at the address of the first one.

JAX would abort a process, by a signal, if not all of them came. So they meet before they start it: each process
connects to the first one and says which one it is, and the first one answers when all have come, or when it gives up.
"""

import socket
import time
from contextlib import ExitStack, suppress

from imdb_rnn.backends.workers import TIMEOUT, LaunchedProcess
from imdb_rnn.errors import BackendError

_COMPLETE = "complete"
# Whatever connects and says nothing is not waited for longer.
_SECONDS_TO_SPEAK = 5
_MAX_BYTES = 1_000


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
    names = {f"{rank} of {launched.world_size}": rank for rank in range(1, launched.world_size)}
    connections: dict[int, socket.socket] = {}
    with _listener(launched) as listener, ExitStack() as stack:
        while len(connections) < len(names):
            listener.settimeout(max(deadline - time.monotonic(), 0.01))
            try:
                connection = stack.enter_context(listener.accept()[0])
            except TimeoutError:
                missing = [str(rank) for rank in names.values() if rank not in connections]
                problem = _problem(launched, f"all others within {TIMEOUT} seconds", f"no process {', '.join(missing)}")
                for connection in connections.values():
                    _send(connection, problem)
                raise BackendError(problem) from None
            connections = {rank: one for rank, one in connections.items() if not _is_closed(one)}
            with suppress(OSError):
                name = _receive(connection, _SECONDS_TO_SPEAK)
                if name in names:
                    connections[names[name]] = connection
                else:
                    expected = f"processes 1 to {launched.world_size - 1} of {launched.world_size}"
                    _send(connection, _problem(launched, expected, f"process {name}"))
        for connection in connections.values():
            _send(connection, _COMPLETE)


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
                # The first process may have begun to listen only now, and gives up after `TIMEOUT`.
                answer = _receive(connection, TIMEOUT + 2 * _SECONDS_TO_SPEAK)
            received = "a connection that was closed"
        except OSError as error:
            received = str(error)
        if answer == _COMPLETE:
            return
        if answer:
            raise BackendError(answer)
        if time.monotonic() > deadline:
            expected = "the first process, which listens there"
            raise BackendError(_problem(launched, expected, f"nothing in {TIMEOUT} seconds; at last, {received}"))
        time.sleep(0.2)


def _is_closed(connection: socket.socket) -> bool:
    connection.settimeout(0)
    try:
        return not connection.recv(1)
    except BlockingIOError:  # nothing has been sent
        return False
    except OSError:
        return True


def _send(connection: socket.socket, line: str) -> None:
    with suppress(OSError):  # that process has ended
        connection.sendall(f"{line}\n".encode())


def _receive(connection: socket.socket, seconds: float) -> str:
    """Return a line without its end; "" if the connection was closed."""
    connection.settimeout(seconds)
    with connection.makefile("rb") as stream:
        return stream.readline(_MAX_BYTES).decode("utf-8", "replace").strip()


def _problem(launched: LaunchedProcess, expected: str, received: str) -> str:
    start = f"Cannot join {launched.world_size} processes at {launched.address}."
    return f"{start} Expected: {expected}. Received: {received}."
