"""What a recording was like over its whole length, in a bounded number of columns.

Law: nothing is lost but sharpness. When there are too many columns, neighbours become one; sums and extremes
stay the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agent.video.gate import Why
from agent.video.replay import PacketFacts

MOST_COLUMNS: Final = 1200
_FIRST_STEP_S: Final = 0.25


@dataclass(slots=True)
class Column:
    """One stretch of stream time."""

    packets: int = 0
    size_bytes: int = 0
    surprise: float = 0.0
    """The most the packets were over the usual, in deviations."""
    running: int = 0
    """Packets that came while all were decoded."""
    keys: int = 0
    low_rate: int = 0
    runs: int = 0
    """Pictures judged while something was there."""
    alarms: int = 0
    """Pictures judged because packets were surprising."""
    ratio: float = 0.0
    """The largest thing that moved, as share of the picture."""
    moving: int = 0
    """Judged pictures with something moving."""

    def join(self, other: Column) -> None:
        """Take in what the next stretch was like."""
        self.packets += other.packets
        self.size_bytes += other.size_bytes
        self.running += other.running
        self.keys += other.keys
        self.low_rate += other.low_rate
        self.runs += other.runs
        self.alarms += other.alarms
        self.moving += other.moving
        self.surprise = max(self.surprise, other.surprise)
        self.ratio = max(self.ratio, other.ratio)


class Timeline:
    """Filled in order of time."""

    def __init__(self, *, most: int = MOST_COLUMNS) -> None:
        self._most = most
        self._columns: list[Column] = []
        self.step_s = _FIRST_STEP_S
        self.end_s = 0.0

    @property
    def columns(self) -> Sequence[Column]:
        """Each ``step_s`` long, from 0."""
        return self._columns

    def packet(self, packet: PacketFacts) -> None:
        """A packet came."""
        column = self._at(packet.at_s)
        column.packets += 1
        column.size_bytes += packet.size_bytes
        column.running += packet.running
        column.surprise = max(column.surprise, packet.surprise)

    def judged(self, at_s: float, why: Why, *, ratio: float, moving: bool) -> None:
        """A picture was judged."""
        column = self._at(at_s)
        column.keys += why is Why.KEY
        column.low_rate += why is Why.LOW_RATE
        column.runs += why is Why.RUN
        column.alarms += why is Why.ALARM
        column.moving += moving
        column.ratio = max(column.ratio, ratio)

    def _at(self, at_s: float) -> Column:
        at_s = max(at_s, 0.0)
        self.end_s = max(self.end_s, at_s)
        while (place := int(at_s / self.step_s)) >= self._most:
            self._halve()
        while len(self._columns) <= place:
            self._columns.append(Column())
        return self._columns[place]

    def _halve(self) -> None:
        halved = self._columns[::2]
        for column, other in zip(halved, self._columns[1::2], strict=False):
            column.join(other)
        self._columns = halved
        self.step_s *= 2
