"""When a device may be asked for a key frame: seldom, and more seldom after failures."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_LONGEST_PAUSE_S = 600.0


class KeyPace:
    """When a device may be asked. Thread-safe; one for all who ask it."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._due = 0.0
        self._failures = 0

    def takes(self, every_s: float) -> bool:
        """Whether it may be asked now; then the next time is ``every_s`` away."""
        with self._lock:
            now = self._monotonic()
            if now < self._due:
                return False
            self._due = now + every_s
            return True

    def succeeded(self) -> None:
        with self._lock:
            self._failures = 0

    def failed(self, every_s: float) -> None:
        """The next time is twice as far away as after the failure before, up to ten minutes."""
        with self._lock:
            self._failures = min(self._failures + 1, 10)
            self._due = self._monotonic() + min(_LONGEST_PAUSE_S, every_s * 2**self._failures)
