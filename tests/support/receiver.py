"""A case system's end of a webhook: a real HTTP server that answers as it is told and keeps what it got."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Got:
    """One request as it arrived."""

    headers: dict[str, str]
    body: str

    @property
    def event(self) -> dict[str, Any]:
        loaded = json.loads(self.body)
        assert isinstance(loaded, dict)
        return loaded


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer; ``hold`` waits for that event first, ``drip`` sends headers a byte at a time."""

    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    hold: threading.Event | None = None
    drip: bool = False


class Receiver:
    """``choose`` decides the reply to each request; by default everything is welcome."""

    def __init__(self, choose: Callable[[Got], Reply] | None = None) -> None:
        self.choose = choose or (lambda _got: Reply())
        self.got: list[Got] = []
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = False
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, name="receiver"
        )

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()

    def wait_for(self, count: int, *, within_s: float = 20) -> list[Got]:
        """The requests, once there are at least ``count``."""
        deadline = time.monotonic() + within_s
        while len(self.got) < count:
            assert time.monotonic() < deadline, f"{len(self.got)} of {count} requests came"
            time.sleep(0.01)
        return list(self.got)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                got = Got({name.lower(): value for name, value in self.headers.items()}, body)
                with receiver._lock:
                    receiver.got.append(got)
                reply = receiver.choose(got)
                if reply.hold is not None:
                    reply.hold.wait(30)
                try:
                    self._answer(reply)
                except OSError:
                    self.close_connection = True

            def _answer(self, reply: Reply) -> None:
                if reply.drip:
                    while not receiver.closing.wait(0.05):
                        self.wfile.write(b"H")
                    return
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Silence."""

        return Handler


@contextmanager
def receiving(choose: Callable[[Got], Reply] | None = None) -> Iterator[Receiver]:
    """A receiver for the length of the block."""
    receiver = Receiver(choose)
    receiver.start()
    try:
        yield receiver
    finally:
        receiver.stop()
