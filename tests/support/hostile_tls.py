"""Devices whose TLS means harm or is broken, on raw sockets of loopback.

``RAW`` speaks below TLS, from the first byte; ``INSIDE`` shakes hands honestly and does harm after that.
"""

from __future__ import annotations

import contextlib
import functools
import os
import socket
import ssl
import tempfile
import threading
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from simulator.device.certificate import Certificates, KeyKind
from tests.support.hostile import http, soap

Raw = Callable[[socket.socket, threading.Event], None]
Inside = Callable[[ssl.SSLSocket, threading.Event], None]


@functools.cache
def certificate() -> Certificates:
    """An honest certificate; its context is for reading only."""
    return Certificates("hostile", key=KeyKind.EC_256)


def _after_hello(answer: bytes) -> Raw:
    def speak(sock: socket.socket, _stop: threading.Event) -> None:
        sock.recv(65_536)
        sock.sendall(answer)

    return speak


def _forever(piece: bytes) -> Raw:
    def speak(sock: socket.socket, stop: threading.Event) -> None:
        sock.recv(65_536)
        while not stop.is_set():
            sock.sendall(piece)

    return speak


def _dripping(first: bytes, rest: bytes) -> Raw:
    def speak(sock: socket.socket, stop: threading.Event) -> None:
        sock.recv(65_536)
        for octet in first + rest:
            if stop.wait(0.05):
                return
            sock.sendall(bytes([octet]))

    return speak


def _silent(sock: socket.socket, stop: threading.Event) -> None:
    stop.wait(60)


def _closing(sock: socket.socket, _stop: threading.Event) -> None:
    sock.recv(65_536)


RAW: Mapping[str, Raw] = {
    "plain_http": _after_hello(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
    "ssh": _after_hello(b"SSH-2.0-dropbear_2020.81\r\n"),
    "garbage": _after_hello(b"\x80" + bytes(range(256)) * 8),
    "plain_text_for_ever": _forever(b"x" * 65_536),
    "garbage_in_a_record": _after_hello(b"\x16\x03\x03\x04\x00" + bytes(range(256)) * 4),
    "silent": _silent,
    "dripping_record": _dripping(b"\x16\x03\x03\x40\x00\x02", b"\x00" * 16_384),
    "closes_after_hello": _closing,
    "no_common_cipher": _after_hello(b"\x15\x03\x03\x00\x02\x02\x28"),
    "protocol_alert": _after_hello(b"\x15\x03\x01\x00\x02\x02\x46"),
    "warnings_for_ever": _forever(b"\x15\x03\x03\x00\x02\x01\x5a" * 1000),
    "empty_records_for_ever": _forever(b"\x16\x03\x03\x00\x00" * 1000),
    "hello_requests_for_ever": _forever(b"\x16\x03\x03\x00\x04\x00\x00\x00\x00" * 1000),
    "endless_handshake_message": _forever(b"\x16\x03\x03\x40\x00\x02\xff\xff\xff" + b"\x00" * 16_381),
}


def _hangs_inside(_sock: ssl.SSLSocket, stop: threading.Event) -> None:
    stop.wait(60)


def _drips_inside(sock: ssl.SSLSocket, stop: threading.Event) -> None:
    sock.recv(65_536)
    for octet in http(soap()):
        if stop.wait(0.05):
            return
        sock.sendall(bytes([octet]))


def _drips_a_record(sock: ssl.SSLSocket, stop: threading.Event) -> None:
    sock.recv(65_536)
    with socket.socket(fileno=os.dup(sock.fileno())) as below:
        for octet in b"\x17\x03\x03\x40\x00" + b"\x00" * 16_384:
            if stop.wait(0.05):
                return
            below.sendall(bytes([octet]))


def _garbage_below(sock: ssl.SSLSocket, _stop: threading.Event) -> None:
    sock.recv(65_536)
    with socket.socket(fileno=os.dup(sock.fileno())) as below:
        below.sendall(b"\x17\x03\x03\x00\x40" + b"\x00" * 64)


def _plain_below(sock: ssl.SSLSocket, _stop: threading.Event) -> None:
    sock.recv(65_536)
    with socket.socket(fileno=os.dup(sock.fileno())) as below:
        below.sendall(http(soap()))


def _closes_inside(sock: ssl.SSLSocket, _stop: threading.Event) -> None:
    sock.recv(65_536)


def _endless_inside(sock: ssl.SSLSocket, stop: threading.Event) -> None:
    sock.recv(65_536)
    sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while not stop.is_set():
        sock.sendall(b"x" * 65_536)


def _cut_off_inside(sock: ssl.SSLSocket, _stop: threading.Event) -> None:
    sock.recv(65_536)
    sock.sendall(http(soap()[:-40], length=len(soap())))


INSIDE: Mapping[str, Inside] = {
    "hangs_inside": _hangs_inside,
    "drips_inside": _drips_inside,
    "drips_a_record": _drips_a_record,
    "garbage_below": _garbage_below,
    "plain_below": _plain_below,
    "closes_inside": _closes_inside,
    "endless_inside": _endless_inside,
    "cut_off_inside": _cut_off_inside,
}


def _server() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)


def _with_certificate(context: ssl.SSLContext, *, copies: int = 1) -> ssl.SSLContext:
    pem = certificate().pem
    chain, end, _key = pem.partition(b"-----END CERTIFICATE-----\n")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chain.pem"
        path.write_bytes(pem + (chain + end) * (copies - 1))
        context.load_cert_chain(path)
    return context


def _huge_chain() -> ssl.SSLContext:
    return _with_certificate(_server(), copies=1000)


def _tickets() -> ssl.SSLContext:
    context = _with_certificate(_server())
    context.num_tickets = 4000
    return context


def _old_protocol() -> ssl.SSLContext:
    context = _with_certificate(_server())
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns of old versions, which are what is wanted here
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


def _anonymous() -> ssl.SSLContext:
    context = _server()
    context.set_ciphers("ADH:AECDH:@SECLEVEL=0")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


def _wants_client(version: ssl.TLSVersion) -> ssl.SSLContext:
    context = _with_certificate(_server())
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = version
    return context


CONTEXTS: Mapping[str, Callable[[], ssl.SSLContext]] = {
    "huge_chain": _huge_chain,
    "tickets_without_end": _tickets,
    "only_tls_1_1": _old_protocol,
    "anonymous": _anonymous,
    "wants_our_certificate_1_2": lambda: _wants_client(ssl.TLSVersion.TLSv1_2),
    "wants_our_certificate_1_3": lambda: _wants_client(ssl.TLSVersion.TLSv1_3),
}
"""Servers that are odd in what they offer; those that get so far answer SOAP."""
ATTACKS = (*RAW, *INSIDE, *CONTEXTS)


class HostileTls:
    """One hostile device on a loopback port. Use as a context manager."""

    def __init__(self, attack: str) -> None:
        self._raw = RAW.get(attack)
        self._inside = INSIDE.get(attack, _answers)
        if self._raw is None:
            self._context = CONTEXTS.get(attack, lambda: _with_certificate(_server()))()
        self._stop = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.1)
        self.port = int(self._listener.getsockname()[1])
        self._threads = [threading.Thread(target=self._accept, name="hostile-tls")]
        self._threads[0].start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(10)
        self._listener.close()

    def _accept(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError):
                sock, _ = self._listener.accept()
                thread = threading.Thread(target=self._serve, args=(sock,), name="hostile-tls-connection")
                self._threads.append(thread)
                thread.start()

    def _serve(self, sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError):
            sock.settimeout(5)
            if self._raw is not None:
                self._raw(sock, self._stop)
                sock.shutdown(socket.SHUT_WR)
                return
            with self._context.wrap_socket(sock, server_side=True) as inside:
                self._inside(inside, self._stop)


def _answers(sock: ssl.SSLSocket, _stop: threading.Event) -> None:
    sock.recv(65_536)
    sock.sendall(http(soap()))
