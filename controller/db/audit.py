"""The audit log in the database: added to under the lock of its head, read in order.

Law: the row is written in the transaction of what it tells about; when it cannot be written, that does
not happen either. Call ``append`` last in a transaction: it takes the lock every other writer of audit
rows waits for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, RowMapping, insert, select, update

from controller.db.tables import audit, audit_head
from controller.domain.chain import AuditRow, row_hash
from protocol.messages import format_time

_PIECE: Final = 1000
"""Rows read at a time: an audit log of years does not fit into memory."""


def append(
    connection: Connection,
    *,
    at: datetime,
    actor: str,
    action: str,
    subject: str,
    detail: Mapping[str, str | int | bool | None] | None = None,
    remote: str = "",
) -> int:
    """Add one row; returns its number. ``detail`` must hold no secret."""
    number = connection.execute(
        update(audit_head)
        .where(audit_head.c.id == 1)
        .values(number=audit_head.c.number + 1)
        .returning(audit_head.c.number)
    ).scalar_one()
    previous = connection.execute(select(audit_head.c.hash)).scalar_one()
    row = AuditRow(
        number=number,
        at=format_time(at),
        actor=actor[:80],
        action=action,
        subject=subject[:120],
        detail=json.dumps(detail or {}, sort_keys=True, ensure_ascii=False),
        remote=remote[:60],
    )
    own = row_hash(previous, row)
    connection.execute(insert(audit).values(**_fields(row), hash=own))
    connection.execute(update(audit_head).where(audit_head.c.id == 1).values(hash=own))
    return int(number)


def walk(connection: Connection, *, upto: int) -> Iterator[tuple[AuditRow, str]]:
    """Every row with its stored hash, by number, up to the head that was read before."""
    last = 0
    while True:
        query = (
            select(audit)
            .where(audit.c.number > last, audit.c.number <= upto)
            .order_by(audit.c.number)
            .limit(_PIECE)
        )
        rows = [_row(found) for found in connection.execute(query).mappings()]
        yield from rows
        if len(rows) < _PIECE:
            return
        last = rows[-1][0].number


def head(connection: Connection) -> tuple[int, str]:
    """Number and hash of the last row ever written."""
    number, own = connection.execute(select(audit_head.c.number, audit_head.c.hash)).one()
    return int(number), str(own)


def find(connection: Connection, *, before: int | None, limit: int) -> list[tuple[AuditRow, str]]:
    """The newest rows first, those below ``before`` when given."""
    query = select(audit).order_by(audit.c.number.desc()).limit(limit)
    if before is not None:
        query = query.where(audit.c.number < before)
    return [_row(found) for found in connection.execute(query).mappings()]


def _row(found: RowMapping) -> tuple[AuditRow, str]:
    fields = dict(found)
    stored = str(fields.pop("hash"))
    return AuditRow(**fields), stored


def _fields(row: AuditRow) -> dict[str, str | int]:
    return {
        "number": row.number,
        "at": row.at,
        "actor": row.actor,
        "action": row.action,
        "subject": row.subject,
        "detail": row.detail,
        "remote": row.remote,
    }
