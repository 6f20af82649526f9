"""Guards for every test: log lines format, no thread is left, sockets stay on loopback."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.broker import Broker

os.environ.setdefault("OUTPOST_SCENE_CACHE", str(Path(__file__).parents[1] / ".tools" / "scenes"))
"""Rendered scenes are kept between runs, inside the work tree and out of git."""


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A running mosquitto of this test alone."""
    running = Broker(tmp_path / "broker")
    running.start()
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def _bad_log_lines_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log call whose arguments do not fit its format raises instead of printing to stderr."""
    monkeypatch.setattr(logging, "raiseExceptions", True)

    def fail(_handler: logging.Handler, record: logging.LogRecord) -> None:
        raise AssertionError(f"badly formatted log line: {record.msg!r} % {record.args!r}")

    monkeypatch.setattr(logging.Handler, "handleError", fail)


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    """Threads started by the test end with it (5 s to do so)."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        left = [thread for thread in threading.enumerate() if thread not in before and not _shared(thread)]
        if not left:
            return
        time.sleep(0.02)
    pytest.fail(f"threads left behind: {[thread.name for thread in left]}")


def _shared(thread: threading.Thread) -> bool:
    """Pools that live as long as the process: anyio's workers and tqdm-like monitors."""
    return thread.name.startswith(("AnyIO worker", "asyncio_", "ThreadPoolExecutor"))


@pytest.fixture(autouse=True)
def _sockets_stay_on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connecting anywhere but loopback, multicast or a Unix socket is a failure."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and not _allowed(str(address[0])):
            raise AssertionError(f"a test tried to reach {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


def _allowed(host: str) -> bool:
    return host.startswith("127.") or host in {"::1", "localhost", "239.255.255.250", "0.0.0.0"}
