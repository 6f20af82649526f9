"""What was refused at the door, counted and bounded."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from controller.db.tables import anomaly

KEPT_EACH = 100
"""Rows kept for one box (or for nobody's box) and one refusal; the oldest make room."""


def note(
    connection: Connection, *, box_id: str | None, refusal: str, what: str, at: datetime, times: int = 1
) -> None:
    """Count ``times`` more; ``what`` must be short and printable."""
    same = (
        anomaly.c.box_id.is_not_distinct_from(box_id),
        anomaly.c.refusal == refusal,
    )
    changed = connection.execute(
        update(anomaly).where(*same, anomaly.c.what == what).values(count=anomaly.c.count + times, at=at)
    )
    if changed.rowcount > 0:
        return
    oldest = (
        select(anomaly.c.id)
        .where(*same)
        .order_by(anomaly.c.at.desc(), anomaly.c.id.desc())
        .offset(KEPT_EACH - 1)
        .limit(KEPT_EACH)
    )
    old = list(connection.execute(oldest).scalars())
    if old:
        connection.execute(delete(anomaly).where(anomaly.c.id.in_(old)))
    connection.execute(
        insert(anomaly).values(box_id=box_id, refusal=refusal, what=what, at=at, first_at=at, count=times)
    )
