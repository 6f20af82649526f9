"""The boxes' logs as received, and how far each has been applied."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from controller.db.tables import GAP_TYPE, entry, position

PENDING_ENTRIES = 500
"""Entries applied from the table in one go; a box has at most 400 on the way."""


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One entry as stored. ``body`` is its canonical JSON without the MAC."""

    epoch: str
    sequence: int
    type: str
    subject: str | None
    time: datetime
    recorded_at: datetime
    body_hash: str
    body: str


@dataclass(frozen=True, slots=True)
class Position:
    """``upto``: applied up to and including. ``highest``: the largest sequence received."""

    upto: int
    highest: int


def position_of(connection: Connection, box_id: str, epoch: str) -> Position:
    """How far this log has been applied; zeros for a log never heard of."""
    query = select(position.c.upto, position.c.highest).where(
        position.c.box_id == box_id, position.c.epoch == epoch
    )
    row = connection.execute(query).first()
    return Position(row.upto, row.highest) if row is not None else Position(0, 0)


def save_position(connection: Connection, box_id: str, epoch: str, reached: Position) -> None:
    values = {"upto": reached.upto, "highest": reached.highest}
    changed = connection.execute(
        update(position).where(position.c.box_id == box_id, position.c.epoch == epoch).values(values)
    )
    if changed.rowcount == 0:
        connection.execute(position.insert().values(box_id=box_id, epoch=epoch, **values))


def hashes(connection: Connection, box_id: str, epoch: str, sequences: Collection[int]) -> dict[int, str]:
    """Body hashes of those of ``sequences`` that are stored."""
    query = select(entry.c.sequence, entry.c.body_hash).where(
        entry.c.box_id == box_id, entry.c.epoch == epoch, entry.c.sequence.in_(sequences)
    )
    return {row.sequence: row.body_hash for row in connection.execute(query)}


def add_all(connection: Connection, box_id: str, rows: Sequence[EntryRow], *, received_at: datetime) -> None:
    """Store entries; one that is there already is left as it is."""
    if not rows:
        return
    values: list[dict[str, Any]] = [
        {
            "box_id": box_id,
            "epoch": row.epoch,
            "sequence": row.sequence,
            "type": row.type,
            "subject": row.subject,
            "time": row.time,
            "recorded_at": row.recorded_at,
            "received_at": received_at,
            "body_hash": row.body_hash,
            "body": row.body,
        }
        for row in rows
    ]
    if connection.dialect.name == "sqlite":
        connection.execute(sqlite.insert(entry).on_conflict_do_nothing(), values)
    else:
        connection.execute(postgresql.insert(entry).on_conflict_do_nothing(), values)


def replace(connection: Connection, box_id: str, row: EntryRow, *, received_at: datetime) -> None:
    """Put an entry in the place of the one stored under its sequence."""
    connection.execute(
        delete(entry).where(
            entry.c.box_id == box_id, entry.c.epoch == row.epoch, entry.c.sequence == row.sequence
        )
    )
    add_all(connection, box_id, [row], received_at=received_at)


def pending(
    connection: Connection, box_id: str, epoch: str, *, above: int, limit: int = PENDING_ENTRIES
) -> list[EntryRow]:
    """Stored entries above a sequence, in order."""
    query = (
        _rows()
        .where(entry.c.box_id == box_id, entry.c.epoch == epoch, entry.c.sequence > above)
        .order_by(entry.c.sequence)
        .limit(limit)
    )
    return [EntryRow(*row) for row in connection.execute(query)]


def following(connection: Connection, box_id: str, epoch: str, *, above: int) -> int | None:
    """The first stored sequence above one; None when there is none."""
    found = sequences(connection, box_id, epoch, above=above, limit=1)
    return found[0] if found else None


def gap_records(connection: Connection, box_id: str, epoch: str, *, above: int) -> list[EntryRow]:
    """The entries of this log above a sequence that declare others lost, oldest first, at most 200."""
    query = (
        _rows()
        .where(entry.c.box_id == box_id, entry.c.epoch == epoch, entry.c.type == GAP_TYPE)
        .where(entry.c.sequence > above)
        .order_by(entry.c.sequence)
        .limit(200)
    )
    return [EntryRow(*row) for row in connection.execute(query)]


def sequences(connection: Connection, box_id: str, epoch: str, *, above: int, limit: int) -> list[int]:
    """Stored sequences above one, in order."""
    query = (
        select(entry.c.sequence)
        .where(entry.c.box_id == box_id, entry.c.epoch == epoch, entry.c.sequence > above)
        .order_by(entry.c.sequence)
        .limit(limit)
    )
    return list(connection.execute(query).scalars())


def _rows() -> Any:
    return select(
        entry.c.epoch,
        entry.c.sequence,
        entry.c.type,
        entry.c.subject,
        entry.c.time,
        entry.c.recorded_at,
        entry.c.body_hash,
        entry.c.body,
    )
