"""Where time comes from. Law: monotonic time measures, wall time only stamps, both come from here."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """The two clocks of a machine."""

    def now(self) -> datetime:
        """Wall time, aware, UTC. May jump either way."""
        ...

    def monotonic(self) -> float:
        """Seconds that only grow; its zero means nothing."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class ManualClock:
    """A clock that tests and simulations move by hand. Thread-safe."""

    def __init__(self, start: datetime | None = None) -> None:
        self._lock = threading.Lock()
        self._wall = start or datetime(2026, 1, 1, tzinfo=UTC)
        self._mono = 1000.0

    def now(self) -> datetime:
        with self._lock:
            return self._wall

    def monotonic(self) -> float:
        with self._lock:
            return self._mono

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass on both clocks."""
        if seconds < 0:
            raise ValueError(f"time cannot pass backwards: {seconds}")
        with self._lock:
            self._wall += timedelta(seconds=seconds)
            self._mono += seconds

    def jump(self, seconds: float) -> None:
        """Set the wall clock by ``seconds``, forwards or back; monotonic time does not move."""
        with self._lock:
            self._wall += timedelta(seconds=seconds)
