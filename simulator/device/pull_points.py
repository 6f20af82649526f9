"""Decides what a device tells its subscribers: states it remembers, notices it passes on, slots it has.

Law: a state is told on change and once as Initialized to every new pull point; a full queue drops its oldest
entry; a pull point that ran out frees its slot by itself.
Source: ONVIF Core 9.1 (pull points) and 9.6 (properties), WS-BaseNotification 1.3.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

Items = tuple[tuple[str, str], ...]
QUEUE_ENTRIES = 200


@dataclass(frozen=True, slots=True)
class Notice:
    """One notification; `operation` is Initialized, Changed or Deleted for a state, None for a notice."""

    topic: str
    source: Items
    data: Items
    operation: str | None
    at: datetime


class NoSlot(Exception):
    """All pull points of the device are taken."""


class TopicFilter:
    """A topic expression of the ConcreteSet dialect: `tns1:RuleEngine//.|tns1:VideoSource/MotionAlarm`.

    Prefixes are compared as written without their namespaces, as most devices do.
    """

    def __init__(self, expression: str) -> None:
        branches = re.sub(r"\s+", "", expression).split("|")
        self._branches = [
            ([_bare(step) for step in branch.removesuffix("//.").split("/")], branch.endswith("//."))
            for branch in branches
        ]

    def matches(self, topic: str) -> bool:
        """Whether the topic is one of the expression's."""
        steps = [_bare(step) for step in topic.split("/")]
        return any(
            steps[: len(branch)] == branch and (with_children or len(steps) == len(branch))
            for branch, with_children in self._branches
        )


def _bare(step: str) -> str:
    return step.rpartition(":")[2]


@dataclass(slots=True, eq=False)
class PullPoint:
    """One open subscription; `expires` is on the device's monotonic clock."""

    number: int
    wanted: TopicFilter | None
    expires: float
    queue: deque[Notice] = field(default_factory=lambda: deque(maxlen=QUEUE_ENTRIES))
    filled: asyncio.Event = field(default_factory=asyncio.Event)
    closed: bool = False

    def offer(self, notice: Notice) -> None:
        """Queue the notice if it was asked for."""
        if self.wanted is None or self.wanted.matches(notice.topic):
            self.queue.append(notice)
            self.filled.set()

    def take(self, limit: int) -> list[Notice]:
        """Up to `limit` oldest notices."""
        taken = [self.queue.popleft() for _ in range(min(limit, len(self.queue)))]
        if not self.queue and not self.closed:
            self.filled.clear()
        return taken

    def close(self) -> None:
        """Wake whoever waits; nothing more comes."""
        self.closed = True
        self.filled.set()


class PullPoints:
    """All subscriptions and states of one device."""

    def __init__(self, now: Callable[[], datetime], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._monotonic = monotonic
        self._open: dict[int, PullPoint] = {}
        self._states: dict[tuple[str, Items], Notice] = {}
        self._numbers = itertools.count(1)

    def open(self, *, lasts_s: float, slots: int, wanted: TopicFilter | None) -> PullPoint:
        """A new pull point, told all states first; raises NoSlot when `slots` are taken."""
        if len(self.live()) >= slots:
            raise NoSlot(f"{slots} pull points are open")
        point = PullPoint(next(self._numbers), wanted, self._monotonic() + lasts_s)
        self._open[point.number] = point
        self.tell_states(point)
        return point

    def find(self, number: int) -> PullPoint | None:
        """The open pull point of this number, or None."""
        self.live()
        return self._open.get(number)

    def live(self) -> list[PullPoint]:
        """The pull points that have not run out."""
        now = self._monotonic()
        for point in [point for point in self._open.values() if point.expires <= now]:
            self.close(point)
        return list(self._open.values())

    def left_s(self, point: PullPoint) -> float:
        """Seconds until the pull point runs out."""
        return point.expires - self._monotonic()

    def extend(self, point: PullPoint, lasts_s: float, *, never_shorter: bool = False) -> None:
        """Let the pull point run `lasts_s` from now."""
        expires = self._monotonic() + lasts_s
        point.expires = max(point.expires, expires) if never_shorter else expires

    def close(self, point: PullPoint) -> None:
        """Free the slot and wake a waiting pull."""
        point.close()
        self._open.pop(point.number, None)

    def close_all(self) -> None:
        """As a restart does: every pull point is forgotten; the states stay."""
        for point in list(self._open.values()):
            self.close(point)

    def tell_states(self, point: PullPoint) -> None:
        """Queue every state as Initialized (at opening and for SetSynchronizationPoint)."""
        for state in self._states.values():
            point.offer(replace(state, operation="Initialized", at=self._now()))

    def set_state(self, topic: str, *, source: Items, data: Items, late_s: float = 0.0) -> bool:
        """Remember a state and tell it when it differs; True when it did. It was so ``late_s`` ago."""
        key = (topic, source)
        before = self._states.get(key)
        if before is not None and before.data == data:
            return False
        at = self._now() - timedelta(seconds=late_s)
        notice = Notice(topic, source, data, "Initialized" if before is None else "Changed", at)
        self._states[key] = notice
        self._offer(notice)
        return True

    def tell(
        self, topic: str, *, source: Items, data: Items, operation: str | None, late_s: float = 0.0
    ) -> None:
        """Send a notice; with an operation it is a state and is remembered (or forgotten by Deleted)."""
        notice = Notice(topic, source, data, operation, self._now() - timedelta(seconds=late_s))
        if operation == "Deleted":
            self._states.pop((topic, source), None)
        elif operation is not None:
            self._states[(topic, source)] = notice
        self._offer(notice)

    def topics(self) -> Mapping[str, Notice]:
        """One example for each topic that has a state."""
        return {notice.topic: notice for notice in self._states.values()}

    def _offer(self, notice: Notice) -> None:
        for point in self.live():
            point.offer(notice)
