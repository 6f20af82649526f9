"""Stretches of state as rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, insert, or_, select, update

from controller.db.tables import interval
from controller.domain.health import Standing, Verdict
from controller.domain.intervals import Cause, Stretch

DEVICE: Final = "device"
BOX: Final = "box"

Timelines = dict[str, tuple[Stretch, ...]]
"""Stretches by subject, each in order and ending with the open one."""


def load(
    connection: Connection, kind: str, subjects: Collection[str], *, since: datetime | None = None
) -> Timelines:
    """The open stretch of each subject, and those that reach beyond ``since`` when it is given."""
    if not subjects:
        return {}
    is_open = interval.c.to_at.is_(None)
    wanted = is_open if since is None else or_(is_open, interval.c.to_at > since)
    query = (
        select(
            interval.c.subject_id,
            interval.c.from_at,
            interval.c.to_at,
            interval.c.verdict,
            interval.c.reason,
            interval.c.cause,
            interval.c.exempt,
            interval.c.id,
        )
        .where(interval.c.subject_kind == kind, interval.c.subject_id.in_(subjects), wanted)
        .order_by(interval.c.subject_id, interval.c.from_at, interval.c.id)
    )
    timelines: Timelines = {}
    for row in connection.execute(query):
        timelines[row.subject_id] = (*timelines.get(row.subject_id, ()), stretch_of(row))
    return timelines


def of(connection: Connection, kind: str, subject: str, *, limit: int = 100) -> list[Stretch]:
    """The latest stretches of one subject, newest first."""
    query = (
        select(interval)
        .where(interval.c.subject_kind == kind, interval.c.subject_id == subject)
        .order_by(interval.c.from_at.desc(), interval.c.id.desc())
        .limit(limit)
    )
    return [stretch_of(row) for row in connection.execute(query)]


_CHANGED = (
    update(interval)
    .where(interval.c.id == bindparam("key_id"))
    .values({n: bindparam(n) for n in ("from_at", "to_at", "verdict", "reason", "cause", "exempt")})
)


def save(
    connection: Connection,
    kind: str,
    before: Mapping[str, Sequence[Stretch]],
    after: Mapping[str, Sequence[Stretch]],
) -> None:
    """Write what became of loaded timelines. Closing comes before opening: one may be open at a time."""
    gone: list[int] = []
    changed: list[dict[str, Any]] = []
    fresh: list[dict[str, Any]] = []
    for subject, timeline in after.items():
        known = {stretch.id: stretch for stretch in before.get(subject, ())}
        kept = {stretch.id for stretch in timeline}
        gone += [number for number in known if number is not None and number not in kept]
        for stretch in timeline:
            if stretch.id is None:
                fresh.append({"subject_kind": kind, "subject_id": subject, **_row(stretch)})
            elif known.get(stretch.id) is not stretch and known.get(stretch.id) != stretch:
                changed.append({"key_id": stretch.id, **_row(stretch)})
    if gone:
        connection.execute(delete(interval).where(interval.c.id.in_(gone)))
    if changed:
        connection.execute(_CHANGED, changed)
    if fresh:
        connection.execute(insert(interval), fresh)


def stretch_of(row: Any) -> Stretch:
    """A stored stretch."""
    return Stretch(
        from_at=row.from_at,
        to_at=row.to_at,
        standing=Standing(Verdict(row.verdict), row.reason),
        cause=Cause(row.cause),
        exempt=row.exempt,
        id=row.id,
    )


def _row(stretch: Stretch) -> dict[str, Any]:
    return {
        "from_at": stretch.from_at,
        "to_at": stretch.to_at,
        "verdict": stretch.standing.verdict.value,
        "reason": stretch.standing.reason,
        "cause": stretch.cause.value,
        "exempt": stretch.exempt,
    }
