"""When a counting device tells so little that it must be broken: against its own hours of the week. Pure.

A baseline has 168 slots (hour of the week, local time), each with what was counted in it in the last weeks. A
slot's *low* is its second lowest week (at least two fifths of the median), so that one week of snow, holiday
or fault neither raises nor lowers it.

    speaking ──no passage for 2 h of listening, in which the lows add up to 100─> silent
       │ ^                                                                        │ ^
       │ └── three passages, the first and the last at least ten minutes apart ───┘ │
       └──no passage for 6 h of listening, in which 200 are usual (medians)─────────┘

Laws. Only time in which the device was heard counts: an unreachable device is unknown, neither silent nor
speaking. A road that is quiet every night adds nothing at night. No slot speaks before its third week. Hours
of a silence are not learned. With 100 expected at the least, a day with a tenth of the traffic still has ten
passages on average in the stretch that would be called silent. The second way is domain row 74.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from agent.services.passages import HOUR_S, Heard, HourCount
from protocol.words import Phase

LOCAL = timezone(timedelta(hours=8))
"""The county's time: no daylight saving."""
SLOTS = 168
WEEKS_KEPT = 6
WEEKS_NEEDED = 3
WELL_OBSERVED_S = 3240
"""Nine tenths of an hour; scaled up to a whole one."""
QUIET_S = 7200.0
EXPECTED_AT_LEAST = 100.0
LONG_QUIET_S = 6 * 3600.0
USUAL_AT_LEAST = 200.0
PASSAGES_TO_END = 3
MEDIAN_SHARE = 0.4
"""On a road with a passage now and then the second lowest week is none; less than this share is unusual."""
MOST_AN_HOUR = 100_000
END_SPREAD_S = 600.0


class Baseline:
    """What a device counts in each hour of the week. Some 4 kB at the most."""

    def __init__(self) -> None:
        self._slots: list[list[int]] = [[] for _ in range(SLOTS)]

    def learn(self, count: HourCount) -> None:
        """Take an hour in, when it was well observed."""
        if count.observed_s < WELL_OBSERVED_S:
            return
        slot = self._slots[_slot(count.hour)]
        slot.append(min(MOST_AN_HOUR, round(count.passages * HOUR_S / count.observed_s)))
        del slot[:-WEEKS_KEPT]

    def usual(self, at: datetime) -> tuple[float, float]:
        """Passages an hour that are usual at this time, at the least and in the median; 0 while too few weeks
        are known."""
        weeks = sorted(self._slots[_slot(at)])
        if len(weeks) < WEEKS_NEEDED:
            return 0.0, 0.0
        median = statistics.median(weeks)
        return max(float(weeks[1]), MEDIAN_SHARE * median), median

    def plain(self) -> list[list[int]]:
        """As JSON holds it."""
        return self._slots

    @classmethod
    def of(cls, plain: list[list[int]]) -> Baseline:
        """Raises ValueError for what is no baseline."""
        baseline = cls()
        fits = len(plain) == SLOTS and all(
            isinstance(slot, list)
            and len(slot) <= WEEKS_KEPT
            and all(isinstance(each, int) and 0 <= each <= MOST_AN_HOUR for each in slot)
            for slot in plain
        )
        if not fits:
            raise ValueError("no baseline")
        baseline._slots = [list(slot) for slot in plain]
        return baseline


@dataclass(frozen=True, slots=True)
class Silence:
    """An episode that starts or ends. ``at`` is the box's wall time."""

    phase: Phase
    episode: str
    at: datetime
    reason: str
    duration_s: float | None = None


class SilenceJudge:
    """One device. Baseline and open episode outlive the process (``document``); quiet time does not."""

    def __init__(self, *, new_episode: Callable[[], str]) -> None:
        self.baseline = Baseline()
        self._new_episode = new_episode
        self._episode: str | None = None
        self._silent_s = 0.0
        self._quiet_s = 0.0
        self._expected = 0.0
        self._usual = 0.0
        self._back = 0
        self._back_s = 0.0

    @property
    def silent(self) -> bool:
        """Whether an episode is open."""
        return self._episode is not None

    def hear(self, heard: Heard, *, now: datetime) -> Silence | None:
        """Weigh one pull. What starts or ends by it, or None."""
        if self._episode is not None:
            self._silent_s += heard.seconds
        if heard.alive:
            self._quiet_s = self._expected = self._usual = 0.0
            return self._spoken(heard, now)
        self._quiet_s += heard.seconds
        self._back_s += heard.seconds if self._back else 0.0
        low, median = self.baseline.usual(now)
        self._expected += low * heard.seconds / HOUR_S
        self._usual += median * heard.seconds / HOUR_S
        soon = self._quiet_s >= QUIET_S and self._expected >= EXPECTED_AT_LEAST
        late = self._quiet_s >= LONG_QUIET_S and self._usual >= USUAL_AT_LEAST
        if not soon and not late:
            return None
        self._back, self._back_s = 0, 0.0
        return None if self._episode is not None else self._fallen_silent(now)

    def learn(self, count: HourCount) -> None:
        """Take an hour into the baseline, unless it belongs to a silence."""
        if self._episode is None:
            self.baseline.learn(count)

    def document(self) -> str:
        """Baseline and open episode."""
        told = {
            "v": 1,
            "slots": self.baseline.plain(),
            "episode": self._episode,
            "silent_s": round(self._silent_s),
        }
        return json.dumps(told, separators=(",", ":"))

    def restore(self, document: str) -> None:
        """Take over what an earlier process knew. Raises ValueError for a document that is none."""
        try:
            told = json.loads(document)
            if told["v"] != 1:
                raise ValueError(f"version {told['v']}")
            baseline = Baseline.of(told["slots"])
            episode, silent_s = told["episode"], float(told["silent_s"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"no baseline: {error}") from error
        self.baseline, self._silent_s = baseline, silent_s
        self._episode = None if episode is None else str(episode)[:80]

    def _spoken(self, heard: Heard, now: datetime) -> Silence | None:
        if self._episode is None:
            return None
        self._back_s += heard.seconds if self._back else 0.0
        self._back += max(1, heard.passages)
        if self._back < PASSAGES_TO_END or self._back_s < END_SPREAD_S:
            return None
        ended = Silence(
            Phase.END,
            self._episode,
            now,
            reason=f"又有 {self._back} 次通过 / {self._back} passages again",
            duration_s=self._silent_s,
        )
        self._episode, self._silent_s, self._back, self._back_s = None, 0.0, 0, 0.0
        return ended

    def _fallen_silent(self, now: datetime) -> Silence:
        self._episode, self._silent_s = self._new_episode(), self._quiet_s
        hours, usual, least = self._quiet_s / HOUR_S, round(self._usual), round(self._expected)
        reason = (
            f"{hours:.1f} 小时无通过，以往同时段约 {usual} 次、至少 {least} 次：请查看设备和朝向 / "
            f"no passage in {hours:.1f} h, some {usual} and at least {least} are usual then: "
            "look at the device and its view"
        )
        return Silence(Phase.START, self._episode, now, reason)


def _slot(at: datetime) -> int:
    local = at.astimezone(LOCAL)
    return local.weekday() * 24 + local.hour
