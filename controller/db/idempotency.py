"""Which requests were carried out already, by the key their sender chose."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, delete, insert, select

from controller.db.tables import idempotency

KEPT: Final = timedelta(hours=24)


def get(connection: Connection, key_hash: str) -> str | None:
    """The hash of the request that was carried out under that key."""
    query = select(idempotency.c.request_hash).where(idempotency.c.key_hash == key_hash)
    return connection.execute(query).scalar_one_or_none()


def add(connection: Connection, key_hash: str, *, request_hash: str, answer: str, at: datetime) -> None:
    """Remember a request for ``KEPT``, and forget those that are older."""
    connection.execute(delete(idempotency).where(idempotency.c.at < at - KEPT))
    connection.execute(
        insert(idempotency).values(key_hash=key_hash, request_hash=request_hash, answer=answer, at=at)
    )
