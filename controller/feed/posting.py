"""One attempt to deliver one entry over HTTP, and nothing more.

Law: the connection goes to the address that was checked, never through a proxy, never to where a
redirect points; it is over after ``timeout_s`` in total, however slowly the receiver drips; at most
``ANSWER_BYTES`` of the answer are read.
"""

from __future__ import annotations

import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from controller.domain.targets import Resolver, Target, TargetRefused, pin
from controller.feed.retry import Answer, answer_of, retry_after_s
from controller.feed.signing import signed_headers

log = logging.getLogger(__name__)
ANSWER_BYTES: Final = 2048
"""As much of an answer as is worth showing to the person who looks at a dead letter."""


def resolve(host: str, port: int) -> list[str]:
    """All addresses of ``host`` by the system's resolver. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(item[4][0]) for item in found]


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of one attempt. ``status`` is None when no HTTP answer came."""

    answer: Answer
    status: int | None = None
    detail: str = ""
    retry_after_s: float | None = None


class Poster:
    """Posts entries for one subscription, one at a time; ``close`` from another thread ends an attempt."""

    def __init__(
        self,
        *,
        allowed: Iterable[Target],
        timeout_s: float,
        now: Callable[[], datetime],
        resolver: Resolver = resolve,
        verify: str | bool = True,
    ) -> None:
        self._allowed = tuple(allowed)
        self._timeout_s = timeout_s
        self._now = now
        self._resolver = resolver
        self._client = httpx.Client(
            verify=_context(verify),
            timeout=timeout_s,
            trust_env=False,
            follow_redirects=False,
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=0),
        )
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._closed = False

    def post(self, url: str, *, secret: str, event_id: str, body: str) -> Attempt:
        """Send ``body`` once. Never raises for anything the network or the receiver does."""
        try:
            target = pin(url, self._allowed, resolver=self._resolver)
        except TargetRefused as refused:
            return Attempt(Answer.BLOCKED, detail=str(refused))
        except OSError as error:
            return Attempt(Answer.UNAVAILABLE, detail=f"name not resolved: {error}")
        parts = urlsplit(url)
        headers = signed_headers(secret, event_id=event_id, at=self._now(), body=body)
        request = self._client.build_request(
            "POST",
            f"{target.origin}{parts.path or '/'}{'?' + parts.query if parts.query else ''}",
            content=body.encode(),
            headers={"host": parts.netloc, "user-agent": "outpost-controller", **headers},
            extensions={"sni_hostname": target.host, "trace": self._trace},
        )
        request.extensions["timeout"] = httpx.Timeout(self._timeout_s).as_dict()
        deadline = threading.Timer(self._timeout_s, self._cut)
        deadline.daemon = True
        deadline.start()
        try:
            return self._send(request)
        except httpx.HTTPError as error:
            return Attempt(Answer.UNAVAILABLE, detail=f"{type(error).__name__}: {error}"[:200])
        finally:
            deadline.cancel()
            deadline.join(1.0)
            with self._lock:
                self._socket = None

    def close(self) -> None:
        """End a running attempt and take no other."""
        self._closed = True
        self._cut()
        self._client.close()

    def _send(self, request: httpx.Request) -> Attempt:
        if self._closed:
            return Attempt(Answer.UNAVAILABLE, detail="stopping")
        response = self._client.send(request, stream=True)
        try:
            answer = answer_of(response.status_code)
            text = "" if answer is Answer.DELIVERED else _beginning(response)
            later = retry_after_s(response.headers.get("retry-after"), now=self._now())
            return Attempt(answer, response.status_code, text, later)
        finally:
            response.close()

    def _trace(self, name: str, event: Mapping[str, Any]) -> None:
        """httpcore tells of its steps; the fresh socket is kept so that a deadline can shut it."""
        if name == "connection.connect_tcp.complete":
            with self._lock:
                self._socket = event["return_value"].get_extra_info("socket")

    def _cut(self) -> None:
        with self._lock:
            if self._socket is not None:
                try:
                    self._socket.shutdown(socket.SHUT_RDWR)
                except OSError:
                    log.debug("the receiver was faster in closing the connection")


def _context(verify: str | bool) -> ssl.SSLContext | bool:
    return ssl.create_default_context(cafile=verify) if isinstance(verify, str) else verify


def _beginning(response: httpx.Response) -> str:
    taken = b""
    for part in response.iter_raw(ANSWER_BYTES):
        taken += part
        if len(taken) >= ANSWER_BYTES:
            break
    return taken[:ANSWER_BYTES].decode("utf-8", "replace").strip()[:200]
