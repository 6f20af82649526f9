"""How good the line to an endpoint is, from probes and their answers. Pure: times are handed in.

Law: a probe is lost when no answer came in its round's time; quality is told of the last hundred probes, and
judged only when there are fifty, so that one lost probe never makes a red line.
Sources: RFC 3550 6.4.1 (jitter); the county's gates before a meeting: loss 1 % and 5 %, round trip 100 and
300 ms, jitter 30 and 50 ms.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import pairwise
from statistics import median

from agent.model import LineQuality

WINDOW = 100
ENOUGH = 50
_GOOD = (0.01, 100.0, 30.0)
_FAIR = (0.05, 300.0, 50.0)


class Grade(StrEnum):
    """What the line is fit for: a meeting, a meeting with luck, none."""

    GOOD = "good"
    FAIR = "fair"
    POOR = "poor"


class LineWindow:
    """The last ``WINDOW`` probes of one endpoint, from rounds of some probes each."""

    def __init__(self) -> None:
        self._rounds: deque[tuple[float | None, ...]] = deque()

    def add(self, round_trips_s: Sequence[float | None]) -> None:
        """One round: a time for each probe in its order, None for one without an answer."""
        self._rounds.append(tuple(round_trips_s))
        while sum(map(len, self._rounds)) - len(self._rounds[0]) >= WINDOW:
            self._rounds.popleft()

    def forget(self) -> None:
        """The endpoint was away: its old line is no more."""
        self._rounds.clear()

    def quality(self, by: str) -> LineQuality | None:
        """Over the rounds kept; None before the first."""
        probes = [trip for each in self._rounds for trip in each]
        if not probes:
            return None
        answered = [trip for trip in probes if trip is not None]
        return LineQuality(
            probes=len(probes),
            loss_ratio=round(1 - len(answered) / len(probes), 4),
            delay_ms=round(median(answered) * 1000, 3) if answered else None,
            jitter_ms=_jitter_ms(self._rounds),
            by=by,
        )


def grade(line: LineQuality) -> Grade | None:
    """The worst of loss, delay and jitter; None when there are too few probes to say."""
    if line.probes < ENOUGH:
        return None
    measured = (line.loss_ratio, line.delay_ms or 0.0, line.jitter_ms or 0.0)
    if any(value > most for value, most in zip(measured, _FAIR, strict=True)):
        return Grade.POOR
    if any(value > most for value, most in zip(measured, _GOOD, strict=True)):
        return Grade.FAIR
    return Grade.GOOD


def _jitter_ms(rounds: Iterable[Sequence[float | None]]) -> float | None:
    """J += (|D| - J) / 16, D between consecutive answers of one round; begun at the mean of the first ones.

    RFC 3550 begins at 0 and needs some 50 packets to arrive at the truth; a series of ten never would.
    """
    steps = [
        abs(later - sooner)
        for each in rounds
        for sooner, later in pairwise(each)
        if sooner is not None and later is not None
    ]
    if not steps:
        return None
    first = steps[:16]
    jitter = sum(first) / len(first)
    for step in steps[16:]:
        jitter += (step - jitter) / 16
    return round(jitter * 1000, 3)
