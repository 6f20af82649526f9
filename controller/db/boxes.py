"""Queries about boxes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, or_, select, update

from controller.db.records import BoxRecord, read_all, select_of, update_all
from controller.db.tables import box


@dataclass(frozen=True, slots=True)
class Credential:
    """What proves that a message is a box's own. Masks its key."""

    mac_key: bytes
    revoked: bool

    def __repr__(self) -> str:
        return f"Credential(revoked={self.revoked})"


def get(connection: Connection, box_id: str) -> BoxRecord | None:
    """The box, or None."""
    found = read_all(connection, select_of(box, BoxRecord).where(box.c.id == box_id), BoxRecord)
    return found[0] if found else None


def lock(connection: Connection, box_id: str) -> BoxRecord | None:
    """The box, and its row held until the transaction ends: one writer a box."""
    query = select_of(box, BoxRecord).where(box.c.id == box_id).with_for_update()
    found = read_all(connection, query, BoxRecord)
    return found[0] if found else None


def credential(connection: Connection, box_id: str) -> Credential | None:
    """The box's key and whether it may still speak; None for a box nobody registered."""
    row = connection.execute(select(box.c.mac_key, box.c.revoked).where(box.c.id == box_id)).first()
    return Credential(bytes(row.mac_key), row.revoked) if row is not None else None


def add(
    connection: Connection, *, box_id: str, title: str, civil_code: str, mac_key: bytes, at: datetime
) -> None:
    connection.execute(
        insert(box).values(
            id=box_id,
            title=title,
            civil_code=civil_code,
            town_code=civil_code[:9] if len(civil_code) >= 9 else None,
            mac_key=mac_key,
            verdict_since=at,
            changed_at=at,
            created_at=at,
        )
    )


def save(connection: Connection, record: BoxRecord) -> None:
    update_all(connection, box, [record])


def set_revoked(connection: Connection, box_id: str, *, revoked: bool) -> bool:
    """Whether there was such a box."""
    changed = connection.execute(update(box).where(box.c.id == box_id).values(revoked=revoked))
    return changed.rowcount > 0


def mark_seen(connection: Connection, seen: Mapping[str, datetime]) -> None:
    """Note when boxes were last heard of, on the centre's clock; what is newer already stays."""
    if not seen:
        return
    # always in the same order, so that two writers on PostgreSQL cannot wait for each other
    rows = [{"key_id": box_id, "at": seen[box_id]} for box_id in sorted(seen)]
    connection.execute(
        update(box)
        .where(
            box.c.id == bindparam("key_id"),
            or_(box.c.last_seen_at.is_(None), box.c.last_seen_at < bindparam("at")),
        )
        .values(last_seen_at=bindparam("at")),
        rows,
    )


def in_need_of_care(connection: Connection, box_ids: Collection[str]) -> list[str]:
    """Those of ``box_ids`` for which a sign of life is more than that: offline, being told, or leaving.
    Sorted; boxes that nobody registered, or that are revoked, are not among them."""
    query = select(box.c.id).where(
        box.c.id.in_(box_ids),
        box.c.revoked.is_(False),
        or_(box.c.online.is_(False), box.c.dark_to.is_not(None), box.c.reported_status != "online"),
    )
    return sorted(connection.execute(query).scalars())


def silent(connection: Connection, *, seen_before: datetime, left_before: datetime) -> list[str]:
    """Online boxes not heard of since ``seen_before``, or since ``left_before`` when they said good-bye."""
    query = select(box.c.id).where(
        box.c.online.is_(True),
        or_(
            box.c.last_seen_at < seen_before,
            (box.c.reported_status != "online")
            & (box.c.reported_at < left_before)
            & (box.c.last_seen_at < left_before),
        ),
    )
    return sorted(connection.execute(query).scalars())


def pull_back_last_seen(connection: Connection, *, now: datetime) -> None:
    """After the centre's clock was set back: nobody was heard of in the future."""
    connection.execute(update(box).where(box.c.last_seen_at > now).values(last_seen_at=now))
