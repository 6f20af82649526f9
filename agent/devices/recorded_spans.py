"""When something was recorded and when not: spans from what a device tells, gaps, days, ratio. Pure.

Law: a stretch counts as recorded only when the device said so; spans come out ordered and apart, inside the
window. All times are aware; nothing here knows a device or a clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.model import TimeSpan

SHORTEST_GAP = timedelta(seconds=60)
"""Recorders close one file and open the next; breaks of seconds are none."""
MOST_GAPS = 32
"""Gaps listed of one channel (the wire's limit)."""
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Turn:
    """The device says that from ``at`` on it records, or does not."""

    at: datetime
    on: bool


def spans_of(
    turns: Iterable[Turn], *, begins: datetime, ends: datetime, started: bool | None = None
) -> tuple[TimeSpan, ...]:
    """The recorded spans between ``begins`` and ``ends``, from turns in any order, told once or many times.

    ``started``: whether it recorded at ``begins``; None when not told: then the first turn says it, for what
    is turned off was on before. A span without an end lasts until ``ends``, and a second begin without an end
    between changes nothing. On and off at the same moment cancel out: a file closed and the next opened.
    """
    votes: Counter[datetime] = Counter()
    for turn in turns:
        if turn.at < ends:
            votes[turn.at] += 1 if turn.on else -1
    on = started
    since = begins
    found = []
    for at in sorted(votes):
        now_on = votes[at] > 0 if votes[at] else on
        if on is None:
            on = not now_on if now_on is not None else None
        if now_on is None or now_on == on:
            continue
        if on:
            found.append(TimeSpan(since, at))
        on, since = now_on, at
    if on:
        found.append(TimeSpan(since, ends))
    return clipped(found, begins=begins, ends=ends)


def merged(spans: Iterable[TimeSpan]) -> tuple[TimeSpan, ...]:
    """The same time as spans in order that neither touch nor overlap; those that end before they begin, and
    empty ones, are left out."""
    whole: list[TimeSpan] = []
    for span in sorted(spans, key=lambda one: one.begins):
        if span.ends <= span.begins:
            continue
        if whole and span.begins <= whole[-1].ends:
            whole[-1] = TimeSpan(whole[-1].begins, max(whole[-1].ends, span.ends))
        else:
            whole.append(span)
    return tuple(whole)


def clipped(spans: Iterable[TimeSpan], *, begins: datetime, ends: datetime) -> tuple[TimeSpan, ...]:
    """What of the spans lies between ``begins`` and ``ends``, merged."""
    return merged(TimeSpan(max(span.begins, begins), min(span.ends, ends)) for span in spans)


def gaps_in(spans: Iterable[TimeSpan], *, begins: datetime, ends: datetime) -> tuple[TimeSpan, ...]:
    """What lies between ``begins`` and ``ends`` and in none of the spans: their inverse."""
    found = []
    at = begins
    for span in clipped(spans, begins=begins, ends=ends):
        if span.begins > at:
            found.append(TimeSpan(at, span.begins))
        at = span.ends
    if at < ends:
        found.append(TimeSpan(at, ends))
    return tuple(found)


def longest(
    gaps: Sequence[TimeSpan], *, shortest: timedelta = SHORTEST_GAP, most: int = MOST_GAPS
) -> tuple[tuple[TimeSpan, ...], int]:
    """The longest gaps in the order of time, and how many more there are; shorter ones than ``shortest``
    count as none."""
    long_enough = [gap for gap in gaps if gap.ends - gap.begins >= shortest]
    kept = sorted(long_enough, key=lambda gap: gap.ends - gap.begins, reverse=True)[:most]
    return tuple(sorted(kept, key=lambda gap: gap.begins)), len(long_enough) - len(kept)


def recorded_days(spans: Iterable[TimeSpan], *, ends: datetime, days: int) -> int:
    """In how many of the last ``days`` days something was recorded. Days are 24 hours, counted back from
    ``ends``: a window that begins in the middle of a day holds no half days."""
    begins = ends - days * _DAY
    seen: set[int] = set()
    for span in clipped(spans, begins=begins, ends=ends):
        first = (span.begins - begins) // _DAY
        last = -((begins - span.ends) // _DAY) - 1
        seen.update(range(first, last + 1))
    return len(seen)


def recorded_ratio(spans: Iterable[TimeSpan], *, begins: datetime, ends: datetime) -> float:
    """The recorded share of the time between ``begins`` and ``ends``, 0 to 1."""
    if ends <= begins:
        return 0.0
    recorded = sum(
        ((span.ends - span.begins) for span in clipped(spans, begins=begins, ends=ends)), timedelta()
    )
    return recorded / (ends - begins)
