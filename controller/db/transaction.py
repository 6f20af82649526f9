"""The one place that commits.

Law: one use case, one transaction. Feed entries are collected while it runs and get their positions at
its end, in one step under the lock of ``feed_head``: so positions are gap-free and grow in the order of
commits, and the lock is held only for that last moment (taken earlier, two writers that touch the same
incident could wait for each other for ever).
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.exc import DataError, InterfaceError, OperationalError

from controller.db import tables
from protocol.messages import format_time

log = logging.getLogger(__name__)

DATABASE_DOWN: Final = (OperationalError, InterfaceError)
"""What the database raises when it, not the request, is the trouble: gone, full, locked, deadlocked.
Nothing was committed, and the same may be tried again."""

UNSTORABLE: Final = (DataError,)
"""What the database raises for a value it cannot hold, such as a NUL in a text. Nothing was committed."""

_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_ulid(at: datetime | None = None) -> str:
    """A ULID: 48 bits of milliseconds and 80 random bits, 26 characters of Crockford's base 32."""
    milliseconds = int(at.timestamp() * 1000) if at is not None else time.time_ns() // 1_000_000
    number = ((milliseconds & (2**48 - 1)) << 80) | int.from_bytes(os.urandom(10), "big")
    return "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))


@dataclass(frozen=True, slots=True)
class FeedDraft:
    """A feed entry before it has its position. ``data`` is the CloudEvents data."""

    type: str
    time: datetime
    subject: str
    data: dict[str, Any]
    civil_code: str
    box_id: str | None = None
    device_id: str | None = None
    incident_id: str | None = None
    category: str | None = None


@dataclass(slots=True)
class Transaction:
    """What a use case writes through: the connection, and the feed entries that leave with it."""

    connection: Connection
    drafts: list[FeedDraft] = field(default_factory=list)

    def announce(self, draft: FeedDraft) -> None:
        """Put an entry into the feed when this transaction commits."""
        self.drafts.append(draft)


class Store:
    """The database as the rest of the centre sees it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._writers = engine.execution_options(writer=True)
        self._after_commit: list[Callable[[], None]] = []
        # SQLite has one writer; waiting here is fair and costs no busy polling
        self._turn = threading.Lock() if engine.dialect.name == "sqlite" else None

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` after each commit that put something into the feed. It must be quick."""
        self._after_commit.append(callback)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read transaction; nothing written in it is kept."""
        with self.engine.connect() as connection:
            try:
                yield connection
            finally:
                connection.rollback()

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A read transaction in which every query sees the same moment."""
        repeatable = self.engine.dialect.name == "postgresql"
        engine = (
            self.engine.execution_options(isolation_level="REPEATABLE READ") if repeatable else self.engine
        )
        with engine.connect() as connection:
            try:
                yield connection
            finally:
                connection.rollback()

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """A write transaction: commits at the end, rolls back when the block raises."""
        with self._my_turn():
            with self._writers.connect() as connection, connection.begin():
                transaction = Transaction(connection)
                yield transaction
                _write_feed(transaction)
            announced = bool(transaction.drafts)
        if announced:
            self._notify()

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        if self._turn is None:
            yield
            return
        with self._turn:
            yield

    def _notify(self) -> None:
        for callback in self._after_commit:
            try:
                callback()
            except Exception:  # the commit stands; whoever was to be woken polls anyway
                log.exception("a listener to commits met a bug")


def _write_feed(transaction: Transaction) -> None:
    if not transaction.drafts:
        return
    head = tables.feed_head.c.position
    count = len(transaction.drafts)
    last = transaction.connection.execute(
        update(tables.feed_head)
        .where(tables.feed_head.c.id == 1)
        .values(position=head + count)
        .returning(head)
    ).scalar_one()
    first = last - count + 1
    transaction.connection.execute(
        insert(tables.feed),
        [_feed_row(draft, first + offset) for offset, draft in enumerate(transaction.drafts)],
    )


def _feed_row(draft: FeedDraft, place: int) -> dict[str, Any]:
    identity = new_ulid()
    event = {
        "specversion": "1.0",
        "id": identity,
        "source": "/centre",
        "type": draft.type,
        "time": format_time(draft.time),
        "subject": draft.subject,
        "datacontenttype": "application/json",
        "sequence": f"{place:016d}",
        "data": draft.data,
    }
    return {
        "position": place,
        "id": identity,
        "type": draft.type,
        "time": draft.time,
        "incident_id": draft.incident_id,
        "device_id": draft.device_id,
        "box_id": draft.box_id,
        "category": draft.category,
        "civil_code": draft.civil_code,
        "body": json.dumps(event, ensure_ascii=False, separators=(",", ":")),
    }


def feed_position(connection: Connection) -> int:
    """The position of the last committed feed entry; 0 when there is none."""
    found = connection.execute(select(tables.feed_head.c.position)).scalar_one()
    return int(found)
