"""Wakes whoever waits for the feed to grow, threads and coroutines alike.

Law: a ring is a hint. Who waits looks at the database, and looks again after a while without a ring,
because another process may have written.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable


class Bell:
    """Rung after each commit that put something into the feed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], None]] = []
        self._waiters: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        self._closed = False

    def on_ring(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` at each ring; it must be quick."""
        with self._lock:
            self._callbacks.append(callback)

    def ring(self) -> None:
        """Wake everybody."""
        with self._lock:
            callbacks, waiters = list(self._callbacks), list(self._waiters)
        for callback in callbacks:
            callback()
        for loop, event in waiters:
            loop.call_soon_threadsafe(event.set)

    def close(self) -> None:
        """Let everybody who waits go, now and from now on: the process is stopping."""
        self._closed = True
        self.ring()

    @property
    def closed(self) -> bool:
        return self._closed

    async def wait(self, timeout_s: float) -> None:
        """Return at the next ring, or after ``timeout_s``."""
        loop, event = asyncio.get_running_loop(), asyncio.Event()
        with self._lock:
            self._waiters.add((loop, event))
        try:
            if not self._closed:
                await asyncio.wait_for(event.wait(), timeout_s)
        except TimeoutError:
            return
        finally:
            with self._lock:
                self._waiters.discard((loop, event))
