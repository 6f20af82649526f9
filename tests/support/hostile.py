"""Devices that mean harm, on raw sockets of loopback: each sends what no honest camera sends.

Every name in ``ATTACKS`` is one behaviour; ``Hostile(name)`` serves it on a free port until closed.
"""

from __future__ import annotations

import contextlib
import gzip
import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?>{prolog}'
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
    'xmlns:tds="http://www.onvif.org/ver10/device/wsdl" xmlns:tt="http://www.onvif.org/ver10/schema">'
    "<s:Body>{body}</s:Body></s:Envelope>"
)
INFORMATION = (
    "<tds:GetDeviceInformationResponse><tds:Manufacturer>{maker}</tds:Manufacturer>"
    "<tds:Model>M</tds:Model><tds:FirmwareVersion>1</tds:FirmwareVersion>"
    "<tds:SerialNumber>1</tds:SerialNumber><tds:HardwareId>1</tds:HardwareId>"
    "</tds:GetDeviceInformationResponse>"
)
_HEAD = "HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\n"
Speech = Callable[[socket.socket, threading.Event], None]


def soap(body: str = "", *, prolog: str = "", maker: str = "acme") -> bytes:
    """An envelope; by default an honest GetDeviceInformation answer."""
    return ENVELOPE.format(prolog=prolog, body=body or INFORMATION.format(maker=maker)).encode()


def http(body: bytes, *, more: str = "", length: int | None = None) -> bytes:
    """An HTTP 200 answer with a length."""
    size = len(body) if length is None else length
    return f"{_HEAD}{more}Content-Length: {size}\r\n\r\n".encode() + body


def _whole(answer: bytes) -> Speech:
    def speak(sock: socket.socket, _stop: threading.Event) -> None:
        sock.sendall(answer)

    return speak


def _repeated(head: bytes, piece: bytes, times: int | None) -> Speech:
    def speak(sock: socket.socket, stop: threading.Event) -> None:
        sock.sendall(head)
        sent = 0
        while not stop.is_set() and (times is None or sent < times):
            sock.sendall(piece)
            sent += 1

    return speak


def _dripping(answer: bytes) -> Speech:
    def speak(sock: socket.socket, stop: threading.Event) -> None:
        for octet in answer:
            if stop.wait(0.05):
                return
            sock.sendall(bytes([octet]))

    return speak


def _silent(_sock: socket.socket, stop: threading.Event) -> None:
    stop.wait(60)


def _laughs() -> bytes:
    entities = '<!ENTITY l0 "ha">' + "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return soap(prolog=f"<!DOCTYPE x [{entities}]>", maker="&l9;")


def _external(reference: str) -> bytes:
    return soap(prolog=f'<!DOCTYPE x [<!ENTITY e SYSTEM "{reference}">]>', maker="&e;")


def _inventing(count: int) -> Speech:
    """``count`` names nobody used before, in every answer."""
    numbers = itertools.count()

    def speak(sock: socket.socket, _stop: threading.Event) -> None:
        round_ = next(numbers)
        sock.sendall(http(soap("".join(f"<tds:Name{round_}x{n}/>" for n in range(count)))))

    return speak


def _unpacking_to(mebibytes: int) -> bytes:
    """A small gzip file of so many zeros, in members of 25 MiB (RFC 1952 2.2: they unpack as one)."""
    return gzip.compress(b"\0" * (25 * _MIB)) * (mebibytes // 25)


_MIB = 1024 * 1024
ATTACKS: dict[str, Speech] = {
    "entity_bomb": _whole(http(_laughs())),
    "entity_bomb_after_5_kB": _whole(
        http(_laughs().replace(b"<!DOCTYPE", b"<!--" + b"x" * 5000 + b"--><!DOCTYPE", 1))
    ),
    "external_entity": _whole(http(_external("file:///etc/hostname"))),
    "external_dtd": _whole(http(soap(prolog='<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">'))),
    "utf16_dtd": _whole(http(_laughs().decode().replace("UTF-8", "UTF-16").encode("utf-16"))),
    "huge_declared": _repeated(http(b"", length=200 * _MIB), b"x" * 65536, 3200),
    "huge_chunked": _repeated(
        f"{_HEAD}Transfer-Encoding: chunked\r\n\r\n".encode(), b"10000\r\n" + b"x" * 65536 + b"\r\n", 3200
    ),
    "endless": _repeated(f"{_HEAD}\r\n".encode(), b"<a>x</a>" * 8192, None),
    "endless_headers": _repeated(_HEAD.encode(), b"X-More: yes\r\n", None),
    "endless_header_line": _repeated(_HEAD.encode() + b"X-Long: ", b"x" * 65536, None),
    "endless_continue": _repeated(b"", b"HTTP/1.1 100 Continue\r\n\r\n", None),
    "gzip_bomb": _whole(http(_unpacking_to(300), more="Content-Encoding: gzip\r\n")),
    "redirect": _whole(b"HTTP/1.1 307 See\r\nLocation: http://127.0.0.9:81/\r\nContent-Length: 0\r\n\r\n"),
    "slow_drip_of_body": _dripping(http(soap())),
    "slow_drip_of_headers": _dripping(_HEAD.encode() * 50),
    "never_answers": _silent,
    "hangs_up": _whole(b""),
    "truncated": _whole(http(soap()[:-40])),
    "cut_off": _whole(http(soap()[:-40], length=len(soap()))),
    "nul": _whole(http(soap(maker="ac\0me"))),
    "html_200": _whole(http(b"<!DOCTYPE html><html><body>log in</body></html>")),
    "plain_text": _whole(http(b"hello")),
    "other_xml": _whole(http(b"<rss/>")),
    "empty_200": _whole(http(b"")),
    "not_http": _whole(b"SSH-2.0-dropbear_2020.81\r\n"),
    "bad_length": _whole(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n" + soap()),
    "attributes_200000": _whole(http(soap("<tds:X " + " ".join(f'a{n}=""' for n in range(200_000)) + "/>"))),
    "attributes_120000_small": _whole(
        http(soap("<tds:X " + " ".join(f'a{n}=""' for n in range(120_000)) + "/>"))
    ),
    "elements_400000": _whole(http(soap("<a/>" * 400_000))),
    "deep_nesting": _whole(http(soap("<a>" * 40_000 + "</a>" * 40_000))),
    "namespaces_90000": _whole(http(soap("<x " + " ".join(f'xmlns:a{n}=""' for n in range(90_000)) + "/>"))),
    "names_new_each_time": _inventing(3_000),
    "names_as_many_as_fit": _whole(http(soap("".join(f"<tds:{'n' * 20}{n}/>" for n in range(1_900))))),
    "names_too_long": _whole(http(soap("".join(f"<tds:{'n' * 250}{n}/>" for n in range(1_900))))),
    "wrong_answer": _whole(http(soap("<tds:GetUsersResponse/>"))),
    "empty_body": _whole(http(soap(" "))),
}


class Hostile:
    """One hostile device on a loopback port. Use as a context manager."""

    def __init__(self, attack: str | Speech, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._speak = ATTACKS[attack] if isinstance(attack, str) else attack
        self._stop = threading.Event()
        self._listener = socket.create_server((host, port))
        self._listener.settimeout(0.1)
        self.host = host
        self.port = int(self._listener.getsockname()[1])
        self.connections = 0
        self.requests: list[bytes] = []
        self._threads: list[threading.Thread] = []
        self._listening = threading.Thread(target=self._accept, name="hostile")
        self._listening.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving and wait for every connection to end."""
        self._stop.set()
        self._listening.join(10)
        for thread in self._threads:
            thread.join(10)
        self._listener.close()
        self._speak = _silent  # it may hold this device: nothing is left for the collector

    def _accept(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError):
                sock, _ = self._listener.accept()
                self.connections += 1
                thread = threading.Thread(target=self._serve, args=(sock,), name="hostile-connection")
                self._threads = [one for one in self._threads if one.is_alive()]
                thread.start()
                self._threads.append(thread)

    def _serve(self, sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError):
            sock.settimeout(5)
            self.requests.append(_request(sock))
            self._speak(sock, self._stop)
            sock.shutdown(socket.SHUT_WR)


def _request(sock: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        received += _some(sock)
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(
        (
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        ),
        0,
    )
    while len(body) < length:
        body += _some(sock)
    return head + b"\r\n\r\n" + body


def _some(sock: socket.socket) -> bytes:
    chunk = sock.recv(65536)
    if not chunk:
        raise ConnectionResetError
    return chunk


@contextlib.contextmanager
def answering(
    answer: Callable[[bytes], bytes], *, host: str = "127.0.0.1", port: int = 0
) -> Iterator[Hostile]:
    """A device that answers each request with ``answer(request)``, then closes."""

    def serve(sock: socket.socket, _stop: threading.Event) -> None:
        sock.sendall(answer(device.requests[-1]))

    device = Hostile(serve, host=host, port=port)
    with device:
        yield device
