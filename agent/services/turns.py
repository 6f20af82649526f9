"""Whose turn it is to be climbed: the device due longest, unless its like hold too many threads already.

A device that hangs holds a thread for the whole deadline of a climb (8 s), one that answers for 0.1 s: eight
hung ones among sixty-four would leave no thread to the others. So devices go by three paces, and each pace
has a share of the threads:

    FRESH ──quick climb──> QUICK <──> SLOW      SLOW: the last climb took ``SLOW_S`` or longer
      └─────slow climb──────────────────^

Laws. ``QUICK`` may use every thread, and two of the eight are never held by another pace. Within its share a
device waits only for those due before it: none is left out, hung ones come round later when there are many
(64 of them: every 128 s instead of 30). Pure: times are handed in.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping
from enum import Enum, auto

THREADS = 8
"""How many climb at a time; the shares below are cut from it."""
SLOW_S = 2.0
"""An honest device answers a whole climb within 0.5 s, over a poor line within 1 s."""


class Pace(Enum):
    """How long a device held a thread the last time."""

    FRESH = auto()
    """Never climbed: nobody knows."""
    QUICK = auto()
    SLOW = auto()


UNSURE_AT_ONCE = 6
"""FRESH and SLOW together: two threads are always there for devices known to answer."""
SLOW_AT_ONCE = 4


class Turns:
    """The order of climbs. Not thread-safe: its owner holds a lock."""

    def __init__(self) -> None:
        self._waiting: Mapping[Pace, list[tuple[float, str]]] = {pace: [] for pace in Pace}
        self._due: dict[str, float] = {}
        self._pace: dict[str, Pace] = {}
        self._climbing: dict[str, Pace] = {}
        self._held: Counter[Pace] = Counter()

    def plan(self, name: str, due_s: float) -> None:
        """Climb ``name`` at ``due_s``, in place of any earlier plan; when it is being climbed, after that."""
        self._pace.setdefault(name, Pace.FRESH)
        self._due[name] = due_s
        if name not in self._climbing:
            self._push(name)

    def take(self, now_s: float) -> str | None:
        """The next device to climb now, which then holds a thread until ``done``; None when there is none."""
        first = self._first()
        if first is None or first[0] > now_s:
            return None
        _, name = first
        pace = self._pace[name]
        heapq.heappop(self._waiting[pace])
        del self._due[name]
        self._climbing[name] = pace
        self._held[pace] += 1
        return name

    def done(self, name: str, *, took_s: float) -> None:
        """Its climb is over; its pace is by how long it took."""
        self._held[self._climbing.pop(name)] -= 1
        if name in self._pace:
            self._pace[name] = Pace.SLOW if took_s >= SLOW_S else Pace.QUICK
        if name in self._due:
            self._push(name)

    def next_s(self) -> float | None:
        """When the next device is due that would find a thread now; None when there is none."""
        first = self._first()
        return None if first is None else first[0]

    def pace(self, name: str) -> Pace:
        """How ``name`` goes at present."""
        return self._pace.get(name, Pace.FRESH)

    def forget(self, name: str) -> None:
        """``name`` is no longer looked after; a climb under way still ends with ``done``."""
        self._due.pop(name, None)
        self._pace.pop(name, None)

    def _push(self, name: str) -> None:
        heapq.heappush(self._waiting[self._pace[name]], (self._due[name], name))

    def _first(self) -> tuple[float, str] | None:
        """The plan due first among the paces whose share is not used up."""
        unsure = self._held[Pace.FRESH] + self._held[Pace.SLOW] < UNSURE_AT_ONCE
        slow = unsure and self._held[Pace.SLOW] < SLOW_AT_ONCE
        free = {Pace.QUICK: True, Pace.FRESH: unsure, Pace.SLOW: slow}
        heads = (self._head(pace) for pace in Pace if free[pace])
        return min((head for head in heads if head is not None), default=None)

    def _head(self, pace: Pace) -> tuple[float, str] | None:
        """The first of a pace; plans that were made anew since are dropped on the way."""
        waiting = self._waiting[pace]
        while waiting and not self._stands(pace, *waiting[0]):
            heapq.heappop(waiting)
        return waiting[0] if waiting else None

    def _stands(self, pace: Pace, due_s: float, name: str) -> bool:
        planned = self._due.get(name) == due_s and self._pace.get(name) is pace
        return planned and name not in self._climbing
