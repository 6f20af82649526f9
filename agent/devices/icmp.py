"""Echo by a ping socket, which needs no privilege where the kernel allows it.

Law: an echo is an answer only when it carries our sequence and our random mark; where the kernel does not
allow ping sockets (``net.ipv4.ping_group_range``), that is said, never guessed around.
Sources: RFC 792, RFC 4443, icmp(7).
"""

from __future__ import annotations

import contextlib
import secrets
import socket
import struct

from agent.devices.limits import Deadline

_ECHO = struct.Struct("!BBHHH")
_STRANGERS = 64


class NotPermitted(OSError):
    """The kernel does not let this process open a ping socket."""


class Pinger:
    """A ping socket to one host; a context manager."""

    def __init__(self, host: str) -> None:
        """Raises NotPermitted, or OSError when the name or the way is unknown."""
        family, _, _, _, address = socket.getaddrinfo(host, 0, type=socket.SOCK_DGRAM)[0]
        six = family == socket.AF_INET6
        protocol = socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP
        try:
            self._socket = socket.socket(family, socket.SOCK_DGRAM, protocol)
        except (PermissionError, OSError) as error:
            raise NotPermitted(str(error)) from error
        self._ask, self._reply = (128, 129) if six else (8, 0)
        self._mark = secrets.token_bytes(16)
        try:
            self._socket.connect(address)
        except OSError:
            self._socket.close()
            raise

    def __enter__(self) -> Pinger:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, sequence: int) -> None:
        """One echo request, ``sequence`` 0 to 65,535. Raises OSError when there is no way."""
        # The kernel writes identifier and checksum.
        self._socket.send(_ECHO.pack(self._ask, 0, 0, 0, sequence) + self._mark)

    def receive(self, deadline: Deadline) -> int | None:
        """Sequence of the next answer before the deadline; None when none came. Raises OSError."""
        for _ in range(_STRANGERS):
            with contextlib.suppress(TimeoutError):
                self._socket.settimeout(deadline.remaining_s())
                sequence = self._read(self._socket.recv(2048))
                if sequence is None:
                    continue
                return sequence
            return None
        return None

    def _read(self, message: bytes) -> int | None:
        if len(message) < _ECHO.size or message[_ECHO.size :] != self._mark:
            return None
        kind, _, _, _, sequence = _ECHO.unpack_from(message)
        return int(sequence) if kind == self._reply else None


def answers_ping(host: str, *, seconds: float) -> bool | None:
    """Whether one of two echoes is answered; None when the kernel does not let us ask."""
    try:
        with Pinger(host) as pinger:
            for sequence in (1, 2):
                pinger.send(sequence)
                if pinger.receive(Deadline(seconds / 2)) is not None:
                    return True
    except NotPermitted:
        return None
    except OSError:
        return False
    return False
