"""The state of a subject over time, as stretches that neither overlap nor leave holes.

Law: exactly one stretch is open; a later one begins where the earlier ends; none runs backwards, whatever
a box's clock says. Times are half-open, ``[from, to)``. What is known is never rewritten; only stretches
in which nobody could know (``unknown(parent)``) are filled in, when the box's log tells what was.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from itertools import pairwise

from controller.domain.health import PARENT, Standing


class Cause(StrEnum):
    """Why a stretch is as it is."""

    REGISTERED = "registered"
    ENTRY = "entry"
    """An entry of the box's log."""
    PARENT = "parent"
    """The box was declared unreachable."""
    RETURN = "return"
    """The box came back."""
    BACKFILL = "backfill"
    """Filled in afterwards from the box's log."""
    LIVENESS = "liveness"
    """About the box itself: heard of, or not."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """One stretch. ``to_at`` None: it is open. ``id`` None: not stored yet."""

    from_at: datetime
    to_at: datetime | None
    standing: Standing
    cause: Cause
    exempt: bool = False
    id: int | None = None

    @property
    def dark(self) -> bool:
        """A closed stretch in which nobody could know: it may be filled in."""
        return self.to_at is not None and self.standing == PARENT


def clamp(claimed: datetime, *, received_at: datetime) -> datetime:
    """A box's time as the centre believes it: never after it was received.

    A time that UTC cannot hold (year 1 or 9999 with an offset) counts as the moment of receipt.
    """
    try:
        return min(claimed.astimezone(UTC), received_at)
    except OverflowError:
        return received_at


def advance(
    timeline: Sequence[Stretch], standing: Standing, *, at: datetime, cause: Cause
) -> tuple[Stretch, ...]:
    """From ``at`` on the subject has this standing. ``timeline`` ends with the open stretch.

    An ``at`` before the open stretch began counts as its beginning: then that stretch takes the new
    standing as a whole, since one of no length would say nothing.
    """
    *past, present = timeline
    if standing == present.standing:
        return tuple(timeline)
    if at <= present.from_at:
        return (*past, replace(present, standing=standing, cause=cause))
    return (*past, replace(present, to_at=at), Stretch(at, None, standing, cause, present.exempt))


def fill(
    timeline: Sequence[Stretch], standing: Standing, *, from_at: datetime, to_at: datetime
) -> tuple[Stretch, ...]:
    """Say what was, in the dark parts of ``[from_at, to_at)``; everything else stays as it is."""
    return tuple(part for stretch in timeline for part in _filled(stretch, standing, from_at, to_at))


def _filled(stretch: Stretch, standing: Standing, from_at: datetime, to_at: datetime) -> Iterable[Stretch]:
    end = stretch.to_at
    if not stretch.dark or end is None:
        return (stretch,)
    begin, until = max(stretch.from_at, from_at), min(end, to_at)
    if begin >= until:
        return (stretch,)
    parts = []
    if stretch.from_at < begin:
        parts.append(replace(stretch, to_at=begin))
    parts.append(Stretch(begin, until, standing, Cause.BACKFILL, stretch.exempt))
    if until < end:
        parts.append(replace(stretch, from_at=until, id=None))
    # the first part keeps the row, so that a stretch is changed rather than replaced
    parts[0] = replace(parts[0], id=stretch.id)
    return tuple(parts)


def faults(timeline: Sequence[Stretch]) -> list[str]:
    """What breaks the law in a whole timeline, in its order; empty when nothing does."""
    if not timeline:
        return ["no interval at all"]
    found = []
    for earlier, later in pairwise(timeline):
        if earlier.to_at is None:
            found.append(f"open interval from {earlier.from_at} is not the last")
        elif earlier.to_at > later.from_at:
            found.append(f"overlap: {earlier.to_at} after {later.from_at}")
        elif earlier.to_at < later.from_at:
            found.append(f"hole: {earlier.to_at} to {later.from_at}")
    found += [
        f"runs backwards or has no length: {stretch.from_at} to {stretch.to_at}"
        for stretch in timeline
        if stretch.to_at is not None and stretch.to_at <= stretch.from_at
    ]
    if timeline[-1].to_at is not None:
        found.append(f"no open interval, the last ends {timeline[-1].to_at}")
    return found
