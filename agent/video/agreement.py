"""Whether a packet gate is worth listening to, by hour of the day. Law: measured with pictures, not guessed.

Two shares are kept. Of its alarms: how many were followed by a finding (a gate that cries wolf has few). Of
the findings that began: how many it had heard (a blind gate few). Light, wind and rate come back with the
hour, so each hour has its own counts; while an hour has too few, those of the last hours stand for it. Old
counts fade.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

HOURS: Final = 24
_ENOUGH: Final = 6
"""Alarms, or findings, from which on a share means something."""
_FADE_AT: Final = 64
"""Counts are halved when they reach it: what was measured long ago weighs little."""
_WOLF_SHARE: Final = 0.1
"""An alarm costs some 15 ms of CPU; nine in vain for a thing that nobody else sees are worth it."""
_BLIND_SHARE: Final = 0.2
_TRIAL_EVERY: Final = 8
"""Where it is not listened to, one alarm in so many is followed all the same: hours change."""


class Hearing(StrEnum):
    """What a packet gate is worth."""

    UNTRIED = "untried"
    GOOD = "good"
    BLIND = "blind"
    """Things come that it does not hear; its alarms are right."""
    WOLF = "cries_wolf"
    """Its alarms are mostly wrong: it is not listened to."""


@dataclass(slots=True)
class _Shares:
    alarms: float = 0.0
    right: float = 0.0
    found: float = 0.0
    heard: float = 0.0

    def alarm(self, right: bool) -> None:
        if self.alarms >= _FADE_AT:
            self.alarms, self.right = self.alarms / 2, self.right / 2
        self.alarms += 1
        self.right += right

    def finding(self, heard: bool) -> None:
        if self.found >= _FADE_AT:
            self.found, self.heard = self.found / 2, self.heard / 2
        self.found += 1
        self.heard += heard


class Agreement:
    """The counts of one stream: 25 times four numbers, whatever happens."""

    def __init__(self) -> None:
        self._lately = _Shares()
        self._hours = tuple(_Shares() for _ in range(HOURS))
        self._unheeded = 0

    @classmethod
    def of(cls, counts: object) -> Agreement:
        """What ``counts`` told, from JSON. Raises ValueError for anything else."""
        made = cls()
        rows = (made._lately, *made._hours)
        if not isinstance(counts, list) or len(counts) != len(rows):
            raise ValueError(f"not the counts of {HOURS} hours")
        for shares, row in zip(rows, counts, strict=True):
            shares.alarms, shares.right, shares.found, shares.heard = _four(row)
        return made

    @property
    def counts(self) -> list[list[float]]:
        """Alarms, those that were right, findings, those that were heard: of the last hours, then of each."""
        rows = (self._lately, *self._hours)
        return [[one.alarms, one.right, one.found, one.heard] for one in rows]

    def alarm(self, *, right: bool, hour: int) -> None:
        """An alarm was followed: whether something was found."""
        for shares in (self._lately, self._hours[hour % HOURS]):
            shares.alarm(right)

    def finding(self, *, heard: bool, hour: int) -> None:
        """Something began to be there: whether an alarm had said so."""
        for shares in (self._lately, self._hours[hour % HOURS]):
            shares.finding(heard)

    def hearing(self, hour: int) -> Hearing:
        """What the gate is worth at this hour."""
        own = self._hours[hour % HOURS]
        alarms = own if own.alarms >= _ENOUGH else self._lately
        if alarms.alarms >= _ENOUGH and alarms.right < _WOLF_SHARE * alarms.alarms:
            return Hearing.WOLF
        found = own if own.found >= _ENOUGH else self._lately
        if found.found < _ENOUGH:
            return Hearing.UNTRIED
        return Hearing.BLIND if found.heard < _BLIND_SHARE * found.found else Hearing.GOOD

    def listens(self, hour: int) -> bool:
        """Whether the alarm that is raised now is followed."""
        if self.hearing(hour) is not Hearing.WOLF:
            return True
        self._unheeded += 1
        return self._unheeded % _TRIAL_EVERY == 0


def _four(row: object) -> tuple[float, float, float, float]:
    if not isinstance(row, list) or len(row) != 4 or not all(type(one) in (int, float) for one in row):
        raise ValueError(f"{str(row)[:40]} is no row of four numbers")
    alarms, right, found, heard = row
    if not (0 <= right <= alarms <= _FADE_AT and 0 <= heard <= found <= _FADE_AT):
        raise ValueError(f"{str(row)[:40]} are no shares")
    return alarms, right, found, heard
