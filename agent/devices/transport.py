"""The one way an answer of a device reaches the box: bounded in time and size, whatever is sent.

Law: a total deadline by the monotonic clock (not a timeout per read, which a slow drip never meets), a
size cap, no redirect, no content encoding, no proxy of the environment, no host but the enrolled one.
Foreign errors end here: what leaves is an ``Answer`` or a ``DeviceError``.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from agent.devices import sentences, tls_sentences
from agent.devices.address import Endpoint
from agent.devices.limits import Deadline, Limits
from agent.errors import DeviceError, DeviceTrouble

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

_STALE_WITHIN_S = 1.0
"""A kept connection that the device had closed fails at once; later, the question was taken."""
_CLOSES_WITHIN_S = 0.02
"""A round trip of a slow LAN: waited before a write alone."""
_REUSED_WITHIN_S = 3.0
"""An idle connection older than this is not trusted: cheap servers close after 5 s without a word."""
_READ_BYTES = 65536
_HEAD_BYTES = 256 * 1024
"""What status lines, headers and chunk marks may need beside the body."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole HTTP answer. ``headers`` by lower-case name, repeated ones in order."""

    status: int
    headers: Mapping[str, tuple[str, ...]]
    body: bytes

    def header(self, name: str) -> str:
        """The first value of a header, "" when it is absent."""
        return next(iter(self.headers.get(name, ())), "")


class Transport:
    """HTTP/1.1 to one device over at most one kept connection. For one thread at a time.

    ``dial`` makes every connection: in plain text where nothing is said, over TLS by ``tls.securely``.
    """

    def __init__(
        self,
        device: str,
        *,
        limits: Limits,
        dial: Dial | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._device = device
        self._limits = limits
        self._dial = dial or _in_plain_text
        self._monotonic = monotonic
        self._kept: _Kept | None = None
        self._budget: Deadline | None = None
        self._closed = False
        self.mask: Callable[[str], str] = str
        """Cuts what must not be read out of what a device says."""
        self.introduce: Callable[[], None] | None = None
        """Asks, without credentials, who is there; raises DeviceError when it is not the device meant."""
        self._look_serves = {True: True, False: True}
        """Whether a look leaves a connection for what is repeatable, and for what is not: some devices keep
        none, some tell who they are by datagram alone. These are connected to first, then looked at."""

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """All exchanges inside share one budget of time; an outer, shorter one still holds."""
        outer = self._budget
        self._budget = Deadline(seconds, monotonic=self._monotonic) if outer is None else outer.cut(seconds)
        try:
            yield
        finally:
            self._budget = outer

    def left_s(self) -> float:
        """Seconds the next exchange may take; 0 when the budget is used up."""
        if self._budget is None:
            return self._limits.total_s
        try:
            return min(self._limits.total_s, self._budget.remaining_s())
        except TimeoutError:
            return 0.0

    def exchange(
        self,
        method: str,
        endpoint: Endpoint,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        cap_bytes: int | None = None,
        repeatable: bool = True,
        again: Callable[[], tuple[bytes, Mapping[str, str]]] | None = None,
        private: bool = False,
    ) -> Answer:
        """One request, one answer. Raises DeviceError.

        A ``private`` one goes only over a connection on which, or right before which, ``introduce`` was
        content: an address may be another device's since the last one was made.

        ``repeatable`` allows a kept connection, and one repetition when the device had silently
        dropped it; ``again`` makes that request anew, for a token or proof sent twice is refused as a
        replay. Without it the request is sent at most once: over the connection on which ``introduce`` was
        content just now, else over a new one, never over one that may be dead.
        """
        limit = self._limits.total_s
        deadline = (
            self._budget.cut(limit)
            if self._budget is not None
            else Deadline(limit, monotonic=self._monotonic)
        )
        request = _request(method, endpoint, body, headers or {})
        cap = self._limits.answer_bytes if cap_bytes is None else cap_bytes
        for fresh_look in (False, True):
            looked = False
            unknown = fresh_look or not repeatable or not self._is_introduced(endpoint)
            if private and unknown and self._look_serves[repeatable]:
                looked = self.introduced(self.introduce)
                self._look_serves[repeatable] = (
                    self.introduce is None or looked or self._is_served(repeatable)
                )
            elif private and unknown:
                self._drop_kept()
            kept = self._take_kept(endpoint) if repeatable else self._take_looked(endpoint, looked)
            if kept is None:
                break
            began = self._monotonic()
            try:
                return self._talk(kept, endpoint, request, method=method, cap=cap, deadline=deadline)
            except _Dropped as error:
                if not repeatable or self._monotonic() - began > _STALE_WITHIN_S:
                    # The device took the question and cut the line over it.
                    detail = sentences.hung_up(endpoint.netloc)
                    raise self._error(DeviceTrouble.BAD_ANSWER, detail) from error
                if again is not None:
                    request = _request(method, endpoint, *again())
        fresh = self._connect_to_known(endpoint, deadline) if private else self._connect(endpoint, deadline)
        try:
            return self._talk(fresh, endpoint, request, method=method, cap=cap, deadline=deadline)
        except _Dropped as error:
            raise self._error(DeviceTrouble.BAD_ANSWER, sentences.hung_up(endpoint.netloc)) from error

    def upload(
        self,
        endpoint: Endpoint,
        file: BinaryIO,
        *,
        size_bytes: int,
        headers: Mapping[str, str],
        seconds: float,
        before: bytes = b"",
        after: bytes = b"",
    ) -> Answer:
        """POST a file, piece by piece, once, over the connection on which ``introduce`` was content just now,
        else over a new one; its answer. Raises DeviceError.

        ``before`` and ``after`` are what of the body stands round the file (an envelope, a boundary). A
        device that answers before it has read everything (it refuses the image) is heard all the same.
        """
        looked = self.introduced(self.introduce)
        deadline = Deadline(seconds, monotonic=self._monotonic)
        sock = self._take_looked(endpoint, looked) or self._connect_to_known(endpoint, deadline)
        sock.begin(deadline, most_bytes=_HEAD_BYTES)
        try:
            with contextlib.suppress(ConnectionError):
                length = len(before) + size_bytes + len(after)
                sock.sendall(_head("POST", endpoint, length, headers) + before)
                while piece := file.read(_READ_BYTES):
                    sock.sendall(piece)
                sock.sendall(after)
            sock.begin(deadline, most_bytes=_HEAD_BYTES)
        except OSError as error:
            sock.close()
            raise self._error(DeviceTrouble.HUNG, sentences.hung(endpoint.netloc, seconds, 0)) from error
        try:
            cap = self._limits.answer_bytes
            return self._talk(sock, endpoint, b"", method="POST", cap=cap, deadline=deadline)
        except _Dropped as error:
            raise self._error(DeviceTrouble.BAD_ANSWER, sentences.hung_up(endpoint.netloc)) from error

    def introduced(self, introduce: Callable[[], None] | None) -> bool:
        """Find out who is there; what is private may go over the connection that this leaves. Whether it
        leaves one that was spoken over just now."""
        before = self._kept
        if introduce is not None:
            introduce()
        if self._kept is not None:
            self._kept.sock.introduced = True
        return self._kept is not None and self._kept is not before

    def _is_served(self, repeatable: bool) -> bool:
        """Whether a look without traffic of its own left a connection that will do."""
        return repeatable and self._kept is not None

    def _is_introduced(self, endpoint: Endpoint) -> bool:
        return self._kept is not None and self._kept.sock.introduced and self._fits(self._kept, endpoint)

    def _fits(self, kept: _Kept, endpoint: Endpoint) -> bool:
        return kept.netloc == endpoint.netloc and self._monotonic() - kept.since < _REUSED_WITHIN_S

    def close(self) -> None:
        """Drop the kept connection and keep none any more; idempotent, from any thread."""
        self._closed = True
        self._drop_kept()

    def _drop_kept(self) -> None:
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.sock.close()

    def _take_kept(self, endpoint: Endpoint) -> DeadlineSocket | None:
        kept, self._kept = self._kept, None
        if kept is None:
            return None
        if self._fits(kept, endpoint):
            return kept.sock
        kept.sock.close()
        return None

    def _take_looked(self, endpoint: Endpoint, looked: bool) -> DeadlineSocket | None:
        sock = self._take_kept(endpoint) if looked else None
        if sock is None or not _is_closed(sock):
            return sock
        sock.close()
        return None

    def _connect(self, endpoint: Endpoint, deadline: Deadline) -> DeadlineSocket:
        self._drop_kept()
        try:
            return self._dial(endpoint, deadline, self._limits.connect_s)
        except ConnectionRefusedError as error:
            raise self._error(DeviceTrouble.UNREACHABLE, sentences.refused(endpoint.netloc)) from error
        except (OSError, UnicodeError) as error:
            why = "timeout" if isinstance(error, TimeoutError) else getattr(error, "strerror", "") or "?"
            detail = sentences.unreachable(endpoint.netloc, str(why))
            raise self._error(DeviceTrouble.UNREACHABLE, detail) from error

    def _connect_to_known(self, endpoint: Endpoint, deadline: Deadline) -> DeadlineSocket:
        """A connection that was there before ``introduce`` was content: whoever takes the address later is
        not at its other end."""
        fresh = self._connect(endpoint, deadline)
        try:
            if self.introduce is not None:
                self.introduce()
            if _is_closed(fresh):
                raise self._error(DeviceTrouble.BAD_ANSWER, sentences.hung_up(endpoint.netloc))
        except BaseException:
            fresh.close()
            raise
        fresh.introduced = True
        return fresh

    def _talk(
        self,
        sock: DeadlineSocket,
        endpoint: Endpoint,
        request: bytes,
        *,
        method: str,
        cap: int,
        deadline: Deadline,
    ) -> Answer:
        """Send and read on ``sock``, then keep or close it. Raises _Dropped, DeviceError."""
        where = endpoint.netloc
        sock.begin(deadline, most_bytes=_HEAD_BYTES)
        kept = False
        try:
            sock.sendall(request)
            with contextlib.closing(http.client.HTTPResponse(sock, method=method)) as response:
                response.begin()
                sock.most_bytes = 2 * cap + _HEAD_BYTES
                answer = self._read(response, where, cap)
                kept = not response.will_close and (response.isclosed() or response.length == 0)
        except TimeoutError as error:
            detail = sentences.hung(where, self._limits.total_s, sock.received)
            raise self._error(DeviceTrouble.HUNG, detail) from error
        except ssl.SSLError as error:
            detail = tls_sentences.broken(where, error.reason or "?")
            raise self._error(DeviceTrouble.BAD_ANSWER, detail) from error
        except OSError as error:
            if sock.received == 0:
                raise _Dropped from error
            raise self._error(DeviceTrouble.BAD_ANSWER, sentences.broken(where, "cut off")) from error
        except Flooded as error:
            raise self._error(DeviceTrouble.BAD_ANSWER, sentences.too_big(where, cap)) from error
        except (http.client.BadStatusLine, http.client.UnknownProtocol) as error:
            raise self._error(DeviceTrouble.NO_ONVIF, sentences.not_http(where)) from error
        except (http.client.HTTPException, ValueError) as error:
            detail = sentences.broken(where, f"HTTP: {type(error).__name__}")
            raise self._error(DeviceTrouble.BAD_ANSWER, detail) from error
        finally:
            if kept:
                self._drop_kept()
                self._kept = _Kept(sock, where, self._monotonic())
                if self._closed:
                    self._drop_kept()
            else:
                sock.close()
        return answer

    def _read(self, response: http.client.HTTPResponse, where: str, cap: int) -> Answer:
        if 300 <= response.status < 400:
            location = self.mask(response.headers.get("Location", ""))
            detail = sentences.redirected(where, response.status, location)
            raise self._error(DeviceTrouble.BAD_ANSWER, detail)
        encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in ("", "identity"):
            raise self._error(DeviceTrouble.BAD_ANSWER, sentences.encoded(where, self.mask(encoding)))
        if response.length is not None and response.length > cap:
            raise self._error(DeviceTrouble.BAD_ANSWER, sentences.too_big(where, cap))
        body = bytearray()
        while chunk := response.read1(_READ_BYTES):
            body += chunk
            if len(body) > cap:
                raise self._error(DeviceTrouble.BAD_ANSWER, sentences.too_big(where, cap))
        return Answer(response.status, _by_name(response.headers), bytes(body))

    def _error(self, kind: DeviceTrouble, detail: str) -> DeviceError:
        return DeviceError(kind, self._device, self.mask(detail))


class DeadlineSocket(socket.socket):
    """A TCP socket whose every send and receive ends by the deadline of the present exchange."""

    deadline: Deadline
    received: int
    """Bytes of the answer."""
    off_wire: int
    """Bytes that came for it; over TLS more than ``received``."""
    most_bytes: int
    introduced: bool = False

    def begin(self, deadline: Deadline, *, most_bytes: int) -> None:
        """Start an exchange: its deadline, 0 bytes received, and how many may be, heads and all."""
        self.deadline = deadline
        self.received = 0
        self.off_wire = 0
        self.most_bytes = most_bytes

    def sendall(self, data: ReadableBuffer, flags: int = 0, /) -> None:
        """As socket.sendall, which measures its timeout over the whole."""
        self.settimeout(self.deadline.remaining_s())
        super().sendall(data, flags)

    def recv_into(self, buffer: WriteableBuffer, nbytes: int = 0, flags: int = 0, /) -> int:
        """As socket.recv_into; what http.client reads through. Endless ``100 Continue`` ends here too."""
        count = self._take(buffer, nbytes, flags)
        self.received += count
        return count

    def _take(self, buffer: WriteableBuffer, nbytes: int = 0, flags: int = 0) -> int:
        """What the wire has, within deadline and bound. Raises TimeoutError, Flooded, OSError."""
        if self.off_wire > self.most_bytes:
            raise Flooded
        self.settimeout(self.deadline.remaining_s())
        count = super().recv_into(buffer, nbytes, flags)
        self.off_wire += count
        return count


Dial = Callable[[Endpoint, Deadline, float], DeadlineSocket]
"""Makes a connection to an endpoint by a deadline; the last is how long the TCP connect may take.
Raises OSError, DeviceError."""

AnySocket = TypeVar("AnySocket", bound=DeadlineSocket)


def connect(host: str, port: int, deadline: Deadline, *, connect_s: float) -> DeadlineSocket:
    """A connection to the first address of ``host`` that answers. Raises OSError."""
    return connect_as(DeadlineSocket, host, port, deadline, connect_s=connect_s)


def connect_as(
    socket_class: type[AnySocket], host: str, port: int, deadline: Deadline, *, connect_s: float
) -> AnySocket:
    """As ``connect``, with a socket of this class."""
    last: OSError = OSError("no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        sock = socket_class(family, kind, protocol)
        try:
            sock.settimeout(min(connect_s, deadline.remaining_s()))
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            sock.close()
            last = error
            continue
        sock.begin(deadline, most_bytes=_HEAD_BYTES)
        return sock
    raise last


@dataclass(frozen=True, slots=True)
class _Kept:
    sock: DeadlineSocket
    netloc: str
    since: float


class Flooded(Exception):
    """More came than any answer within the cap can need."""


def _is_closed(sock: DeadlineSocket) -> bool:
    """Whether the other end closes within an instant: cheap servers say keep-alive and do not."""
    try:
        sock.settimeout(_CLOSES_WITHIN_S)
        return not sock.recv(1, socket.MSG_PEEK)
    except TimeoutError:
        return False
    except OSError:
        return True


def _in_plain_text(endpoint: Endpoint, deadline: Deadline, connect_s: float) -> DeadlineSocket:
    return connect(endpoint.host, endpoint.port, deadline, connect_s=connect_s)


class _Dropped(Exception):
    """The device closed the connection before the first byte of its answer."""


def _request(method: str, endpoint: Endpoint, body: bytes, headers: Mapping[str, str]) -> bytes:
    """The request in one piece: two small writes cost 40 ms each on cheap servers (Nagle, delayed ACK)."""
    return _head(method, endpoint, len(body), headers) + body


def _head(method: str, endpoint: Endpoint, body_bytes: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"{method} {endpoint.target} HTTP/1.1", f"Host: {endpoint.netloc}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += ["Accept-Encoding: identity", "User-Agent: Outpost", "Connection: keep-alive"]
    if method != "GET":
        lines.append(f"Content-Length: {body_bytes}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")


def _by_name(headers: Message) -> dict[str, tuple[str, ...]]:
    names = {name.lower() for name in headers}
    return {name: tuple(str(value) for value in headers.get_all(name, ())) for name in names}
