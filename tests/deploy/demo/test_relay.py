"""A village's line: what goes in comes out, a cut is silent, and the port stays."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from deploy.demo.relay import Relay
from tests.support.processes import free_port, listening, wait_until


class Echo:
    """A server that says everything back; it may be stopped and started on its port."""

    def __init__(self) -> None:
        self.port = free_port()
        self.heard = b""
        self._server: socket.socket | None = None
        self._threads: list[threading.Thread] = []
        self._connections: list[socket.socket] = []

    def start(self) -> None:
        self._server = socket.create_server(("127.0.0.1", self.port))
        self._spawn(self._accept, self._server)

    def stop(self) -> None:
        assert self._server is not None
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for connection in self._connections:
            connection.close()
        for thread in self._threads:
            thread.join(5)

    def _spawn(self, work: object, argument: socket.socket) -> None:
        assert callable(work)
        thread = threading.Thread(target=work, args=(argument,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, server: socket.socket) -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            connection.settimeout(5)
            self._connections.append(connection)
            self._spawn(self._answer, connection)

    def _answer(self, connection: socket.socket) -> None:
        try:
            while data := connection.recv(65536):
                self.heard += data
                connection.sendall(data)
            connection.close()
        except OSError:
            return


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def relay(echo: Echo) -> Iterator[Relay]:
    running = Relay("village", port=echo.port)
    running.start()
    yield running
    running.stop()


def connect(relay: Relay) -> socket.socket:
    return socket.create_connection(("127.0.0.1", relay.port), timeout=5)


def receive(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            break
        data += part
    return data


def ended(connection: socket.socket) -> bool:
    """Whether the other side closed or reset it, without a further byte."""
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def test_what_goes_in_comes_out_also_when_it_is_much(relay: Relay) -> None:
    much = bytes(range(256)) * 4096
    with connect(relay) as connection:
        sender = threading.Thread(target=connection.sendall, args=(much,))
        sender.start()
        assert receive(connection, len(much)) == much
        sender.join(5)


def test_the_end_of_one_side_reaches_the_other(relay: Relay) -> None:
    with connect(relay) as connection:
        connection.sendall(b"last words")
        connection.shutdown(socket.SHUT_WR)
        assert receive(connection, 10) == b"last words"
        assert connection.recv(1) == b""


def test_a_cut_is_silent_and_old_connections_die_when_the_line_is_back(relay: Relay, echo: Echo) -> None:
    with connect(relay) as connection:
        connection.sendall(b"before")
        assert receive(connection, 6) == b"before"
        relay.cut()
        connection.sendall(b"in the dark")
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        relay.join()
        connection.settimeout(5)
        assert ended(connection)
    assert echo.heard == b"before"


def test_who_connects_in_the_dark_gets_through_when_the_line_is_back(relay: Relay) -> None:
    relay.cut()
    with connect(relay) as connection:
        connection.sendall(b"hello")
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        relay.join()
        connection.settimeout(5)
        assert receive(connection, 5) == b"hello"


def test_it_survives_a_restart_of_what_stands_behind_it(relay: Relay, echo: Echo) -> None:
    port = relay.port
    echo.stop()
    with connect(relay) as connection:
        assert ended(connection)
    echo.start()
    with connect(relay) as connection:
        connection.sendall(b"again")
        assert receive(connection, 5) == b"again"
    assert relay.port == port


def test_it_leaves_no_port_and_no_connection(echo: Echo) -> None:
    relay = Relay("village", port=echo.port)
    relay.start()
    with connect(relay) as connection:
        connection.sendall(b"x")
        assert receive(connection, 1) == b"x"
        relay.stop()
        assert connection.recv(1) == b""
    assert not listening("127.0.0.1", relay.port)


def test_a_taken_port_is_told(echo: Echo) -> None:
    relay = Relay("village", port=echo.port, listen_on=echo.port)
    with pytest.raises(OSError, match="in use"):
        relay.start()
    wait_until(lambda: not relay._thread.is_alive(), within_s=5, what="its thread ends")
