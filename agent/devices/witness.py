"""What is sent to a device and what comes back, told to whoever watches: for support, one line an exchange.

Law: a watcher sees operations, addresses, log-in ways, statuses and sizes; never a credential, never a body.
Nobody watching costs one look at a variable. Watching is for the thread that asks.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass

from agent.devices.address import Endpoint
from agent.devices.redact import redact
from agent.errors import DeviceError


@dataclass(frozen=True, slots=True)
class Exchange:
    """One question and its answer."""

    sent: str
    """What was asked: ``GetDeviceInformation``, ``GET``, ``SIP OPTIONS (UDP)``, ``RTSP DESCRIBE``."""
    to: str
    """``192.168.1.64:80/onvif/device_service``, ``https://…`` over TLS; without user, password or query."""
    login: str
    """``none``, ``token``, ``digest``, ``token+digest`` or ``basic``."""
    answered: str
    """``HTTP 200, 3120 bytes``, with the fault's words, or the sentence why nothing came."""
    took_ms: int


Watcher = Callable[[Exchange], None]

_watcher: ContextVar[Watcher | None] = ContextVar("agent.devices.witness", default=None)


@contextlib.contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Tell ``watcher`` of every exchange this thread makes inside."""
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


class Telling:
    """An exchange on its way."""

    def __init__(self) -> None:
        self.said = ""

    def answered(self, status: int, size_bytes: int, fault: str) -> None:
        """A whole answer came; ``fault`` is what it refused with."""
        self.said = f"HTTP {status}, {size_bytes} bytes" + (f", {fault}" if fault else "")

    def heard(self, words: str) -> None:
        """What came of it, where that is no HTTP answer."""
        self.said = words


@contextlib.contextmanager
def telling(sent: str, endpoint: Endpoint, login: str) -> Iterator[Telling]:
    """Tell of the HTTP exchange made inside; a DeviceError is told and goes on."""
    scheme = "https://" if endpoint.tls else ""
    to = f"{scheme}{endpoint.netloc}{endpoint.target.partition('?')[0]}"
    with telling_of(sent, to, login) as told:
        yield told


@contextlib.contextmanager
def telling_of(sent: str, to: str, login: str = "none") -> Iterator[Telling]:
    """Tell of any exchange made inside; an error of the world is told and goes on."""
    watcher = _watcher.get()
    telling = Telling()
    if watcher is None:
        yield telling
        return
    began = time.monotonic()
    try:
        yield telling
    except DeviceError as error:
        telling.said = telling.said or error.detail
        raise
    except OSError as error:
        telling.said = telling.said or _no_answer(error)
        raise
    finally:
        took_ms = round((time.monotonic() - began) * 1000)
        watcher(Exchange(sent, redact(to), login, redact(telling.said), took_ms))


def _no_answer(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "无应答 no answer"
    if isinstance(error, ConnectionRefusedError):
        return "被拒绝 refused"
    return f"失败 failed: {error.strerror or type(error).__name__}"
