"""Decides what time a device believes it is.

Law: a device's clock is the machine's wall clock plus one offset; nothing else moves it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime


class DeviceClock:
    """A wall clock that may be wrong by `offset_s` seconds; `wall` is the true time in unix seconds."""

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self.offset_s = 0.0

    def unix(self) -> float:
        """Unix seconds as the device believes them."""
        return self._wall() + self.offset_s

    def now(self) -> datetime:
        """The device's UTC time."""
        return datetime.fromtimestamp(self.unix(), UTC)

    def set_to(self, moment: datetime) -> None:
        """Set the device's clock by hand, as SetSystemDateAndTime with DateTimeType Manual does."""
        self.offset_s = moment.timestamp() - self._wall()


def zulu(moment: datetime) -> str:
    """`moment` as xs:dateTime in UTC with seconds, the form most devices write."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
