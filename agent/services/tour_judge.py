"""Whether a head goes on its tour: it moves, or it stood too long. Pure: times are handed in.

    going ──stands three times the longest stay──> watched closely ──stands half as long again──> stopped
      ^ ^                                                │                                           │
      │ └───────────────────── moves ────────────────────┘                                           │
      └──────────── two moves (and the device says Touring, if it says) ─────────────────────────────┘

Looks that are far apart can meet a tour at the same spot again and again, whatever the pace (two spots, nine
seconds and five: once in a few days for ten minutes on end, by simulation). So nothing is said before the
head was watched with looks so close that no move between them could be missed.

Laws. Standing is counted only between two looks that went well: an unreachable device is unknown, its
episode neither opens nor closes. Where no tour says that it runs, or the head stands where no tour stops,
somebody may be using it: it may stand for a quarter of an hour. A device that tells neither place nor tours
is not judged. A dome is expected to go on tour once it was seen to, as long as it has one; a lookout always.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from agent.model import HeadSight, Place
from protocol.words import Phase

MOVED = 0.01
"""A hundredth of an axis: gears and rounding move a standing head by less."""
AT_SPOT = 0.05
LOOKS_APART_S = 150.0
"""Two looks further apart do not tell whether the head stood between them."""
FACTOR = 3.0
LEAST_LIMIT_S = 180.0
CLOSE_S = 60.0
CLOSE_FACTOR = 1.5
CLOSELY_APART_S = 8.0
"""Close looks are two seconds apart; a slow device takes some to answer."""
HAND_S = 900.0
STAY_S = 300.0
"""Assumed longest stay where none is told and no longer one was seen."""
STAYS_SEEN = 16
MOVES_TO_END = 2


@dataclass(frozen=True, slots=True)
class TourChange:
    """An episode that starts or ends. ``at`` is the box's wall time."""

    phase: Phase
    episode: str
    at: datetime
    reason: str
    duration_s: float | None = None


class TourJudge:
    """One head. ``episode`` is the open episode, or None."""

    def __init__(self, *, always: bool, new_episode: Callable[[], str], episode: str | None = None) -> None:
        """``always``: expected on tour from the beginning. ``episode``: left open by an earlier process."""
        self.episode = episode
        self.blind = False
        """The last look told neither place nor tours."""
        self._always = always
        self._expected = always or episode is not None
        self._new_episode = new_episode
        self._place: Place | None = None
        self._stood_s = 0.0
        self._close_s = 0.0
        self.suspicious = False
        """The head has stood for too long: look closely."""
        self._stays: deque[float] = deque(maxlen=STAYS_SEEN)
        self._looked_s: float | None = None
        self._moves = 0
        self._stopped_s: float | None = None

    def see(self, sight: HeadSight | None, *, mono_s: float, now: datetime) -> TourChange | None:
        """Weigh one look; None when the device could not be reached. What starts or ends by it, or None."""
        if sight is None:
            self._looked_s, self.suspicious = None, False
            return None
        self.blind = sight.place is None and sight.touring is None
        if self.blind:
            return self._given_up(sight, mono_s, now)
        apart_s = 0.0 if self._looked_s is None else mono_s - self._looked_s
        together = self._looked_s is not None and apart_s <= LOOKS_APART_S
        self._looked_s = mono_s
        if self._moved(sight):
            self._note_stay(sight)
            self._stood_s = self._close_s = 0.0
            self._moves += 1
        elif together and self._expected:
            self._stood_s += apart_s
            self._close_s += apart_s if apart_s <= CLOSELY_APART_S else 0.0
        self._expected = self._expected or bool(sight.touring)
        if not self._expected:
            return None
        if self.episode is not None:
            return self._recovered(sight, mono_s, now)
        return self._stopped(sight, mono_s, now)

    def _moved(self, sight: HeadSight) -> bool:
        """Whether the head moved since the last look; where no place is told, what the tours say counts."""
        if sight.place is None:
            return bool(sight.touring)
        before, self._place = self._place, sight.place
        if before is None:
            return False
        if before.is_near(sight.place, within=MOVED):
            self._place = before  # a creeping head moves too: compare with where it stood first
            return False
        return True

    def _note_stay(self, sight: HeadSight) -> None:
        if sight.touring is not False and not sight.paused and 0 < self._stood_s <= HAND_S:
            self._stays.append(self._stood_s)

    def _limit_s(self, sight: HeadSight) -> tuple[float, float]:
        """The longest stay, told or seen lately, and how long the head may stand now."""
        stay_s = sight.stay_s or max([STAY_S, *self._stays])
        limit_s = max(LEAST_LIMIT_S, stay_s * FACTOR)
        elsewhere = bool(sight.spots) and not (
            sight.place is None or any(sight.place.is_near(spot, within=AT_SPOT) for spot in sight.spots)
        )
        by_hand = not sight.touring or elsewhere
        return stay_s, max(limit_s, HAND_S) if by_hand else limit_s

    def _stopped(self, sight: HeadSight, mono_s: float, now: datetime) -> TourChange | None:
        stay_s, limit_s = self._limit_s(sight)
        self.suspicious = self._stood_s >= limit_s
        if not self.suspicious or self._close_s < max(CLOSE_S, stay_s * CLOSE_FACTOR):
            return None
        self.suspicious = False
        self.episode, self._moves, self._stopped_s = self._new_episode(), 0, mono_s - self._stood_s
        said = {True: "Touring", False: "Paused" if sight.paused else "Idle", None: "-"}[sight.touring]
        minutes = self._stood_s / 60
        reason = (
            f"云台 {minutes:.0f} 分钟未动，平时停留不超过 {stay_s:.0f} 秒，设备报告 {said}："
            f"请重新启动巡航或查看云台 / the head has stood for {minutes:.0f} min, its stays are "
            f"{stay_s:.0f} s at most, the device says {said}: start its tour or look at its head"
        )
        return TourChange(Phase.START, self.episode, now, reason)

    def _recovered(self, sight: HeadSight, mono_s: float, now: datetime) -> TourChange | None:
        if self._stood_s >= self._limit_s(sight)[1]:
            self._moves = 0
        if self._moves < MOVES_TO_END or sight.touring is False:
            return None
        return self._ended(mono_s, now, "巡航已恢复 / it tours again")

    def _given_up(self, sight: HeadSight, mono_s: float, now: datetime) -> TourChange | None:
        """A dome without any tour is expected on none."""
        if self._always or sight.tours:
            return None
        self._expected = False
        return (
            None if self.episode is None else self._ended(mono_s, now, "已没有巡航 / it has no tour any more")
        )

    def _ended(self, mono_s: float, now: datetime, reason: str) -> TourChange:
        assert self.episode is not None
        lasted_s = None if self._stopped_s is None else mono_s - self._stopped_s
        ended = TourChange(Phase.END, self.episode, now, reason, duration_s=lasted_s)
        self.episode, self._stopped_s = None, None
        return ended
