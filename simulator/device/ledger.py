"""Decides what is remembered of what was done to a device: faults, plays and restarts, with their times.

Law: intervals are in true unix seconds, whatever the device's own clock says; an open one has `to` None.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

KEPT_INTERVALS = 2_000


class Ledger:
    """What was shown and done to one device; the oldest entries are dropped after KEPT_INTERVALS."""

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._intervals: deque[dict[str, Any]] = deque(maxlen=KEPT_INTERVALS)
        self._open: dict[str, dict[str, Any]] = {}

    def faults(self, active: Mapping[str, Any]) -> None:
        """Close the intervals of faults that are gone or changed, and open those that are new."""
        now = self._wall()
        for name, interval in list(self._open.items()):
            if active.get(name) != interval["value"]:
                interval["to"] = now
                del self._open[name]
        for name, value in active.items():
            if name not in self._open:
                interval = {"what": f"fault:{name}", "value": value, "from": now, "to": None}
                self._open[name] = interval
                self._intervals.append(interval)

    def add(self, what: str, *, begin: float, end: float | None) -> None:
        """A finished or planned interval, such as a played action."""
        self._intervals.append({"what": what, "from": begin, "to": end})

    def intervals(self) -> list[dict[str, Any]]:
        """All remembered intervals, oldest first."""
        return [dict(interval) for interval in self._intervals]
