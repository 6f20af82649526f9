"""SIP peers on loopback sockets that answer as a test tells them, by UDP and by TCP."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Reply = Callable[[bytes, int], list[bytes]]
"""From the n-th request to the datagrams that answer it."""

_COPIED = re.compile(rb"(?m)^(?:Via|From|To|Call-ID|CSeq):[^\r\n]*\r\n")


def reply(request: bytes, status: str, *headers: str) -> bytes:
    """An answer with what every answer copies from its request (RFC 3261 8.2.6.2)."""
    copied = b"".join(_COPIED.findall(request))
    more = "".join(f"{header}\r\n" for header in ("Server: Codec 9", *headers, "Content-Length: 0"))
    return f"SIP/2.0 {status}\r\n".encode() + copied + more.encode() + b"\r\n"


def always(status: str, *headers: str) -> Reply:
    """The same answer to everything."""
    return lambda request, _number: [reply(request, status, *headers)]


@contextmanager
def udp(answer: Reply, *, port: int = 0) -> Iterator[int]:
    """Answers the n-th datagram with ``answer(datagram, n)``; gives the port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", port))
        sock.settimeout(0.05)
        stop = threading.Event()

        def serve() -> None:
            number = 0
            while not stop.is_set():
                try:
                    datagram, peer = sock.recvfrom(65_535)
                except TimeoutError:
                    continue
                number += 1
                for each in answer(datagram, number):
                    sock.sendto(each, peer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield sock.getsockname()[1]
        finally:
            stop.set()
            thread.join()


@contextmanager
def tcp(answer: Reply) -> Iterator[int]:
    """Answers the first request of each connection and waits for its end; gives the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        stop = threading.Event()

        def serve() -> None:
            number = 0
            while not stop.is_set():
                try:
                    sock, _ = server.accept()
                except TimeoutError:
                    continue
                number += 1
                with sock:
                    sock.settimeout(1)
                    _serve_one(sock, answer, number)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            stop.set()
            thread.join()


def _serve_one(sock: socket.socket, answer: Reply, number: int) -> None:
    try:
        request = sock.recv(65_535)
        if not request:
            return
        for each in answer(request, number):
            sock.sendall(each)
        sock.recv(1)
    except OSError:
        return
