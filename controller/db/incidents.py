"""Queries about incidents and their history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from sqlalchemy import Connection, and_, bindparam, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from controller.db.records import IncidentRecord, insert_rows, read_all, select_of, update_all
from controller.db.tables import CLOSED_STATES, box, case_number, device, incident, incident_history

COUNTY_TIME = timezone(timedelta(hours=8))
"""Asia/Shanghai has had no other offset since 1991."""


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One line of an incident's history. ``number`` counts from 1."""

    incident_id: str
    number: int
    at: datetime
    actor: str
    action: str
    from_state: str | None
    to_state: str
    text: str


def get(connection: Connection, incident_id: str) -> IncidentRecord | None:
    """The incident, or None."""
    query = select_of(incident, IncidentRecord).where(incident.c.id == incident_id)
    found = read_all(connection, query, IncidentRecord)
    return found[0] if found else None


def lock(connection: Connection, incident_id: str) -> IncidentRecord | None:
    """The incident, and its row held until the transaction ends."""
    query = select_of(incident, IncidentRecord).where(incident.c.id == incident_id).with_for_update()
    found = read_all(connection, query, IncidentRecord)
    return found[0] if found else None


def open_about(connection: Connection, box_id: str, device_id: str | None) -> list[IncidentRecord]:
    """Open incidents about a device, or about the box itself; their rows held."""
    query = (
        select_of(incident, IncidentRecord)
        .where(
            incident.c.box_id == box_id,
            incident.c.device_id == device_id if device_id is not None else incident.c.device_id.is_(None),
            incident.c.state.not_in(CLOSED_STATES),
        )
        .order_by(incident.c.id)
        .with_for_update()
    )
    return read_all(connection, query, IncidentRecord)


def open_below(connection: Connection, box_id: str) -> list[IncidentRecord]:
    """Open incidents about the devices of a box; their rows held."""
    query = (
        select_of(incident, IncidentRecord)
        .where(
            incident.c.box_id == box_id,
            incident.c.device_id.is_not(None),
            incident.c.state.not_in(CLOSED_STATES),
        )
        .order_by(incident.c.id)
        .with_for_update()
    )
    return read_all(connection, query, IncidentRecord)


@dataclass(frozen=True, slots=True)
class Unrecovered:
    """An open maintenance incident with what is known of its subject. ``device_id`` None: the box."""

    box_id: str
    category: str
    device_id: str | None
    device_class: str | None
    rung: str | None
    reason: str | None
    clock_error_ms: int | None


def unrecovered(connection: Connection, *, changed_before: datetime) -> list[Unrecovered]:
    """Open, unrecovered 10xx incidents of boxes that are online and told, whose subject is known and has
    not changed since that moment."""
    about_box = and_(incident.c.device_id.is_(None), box.c.changed_at <= changed_before)
    about_device = and_(
        device.c.changed_at <= changed_before, device.c.verdict != "unknown", box.c.dark_to.is_(None)
    )
    query = (
        select(
            incident.c.box_id,
            incident.c.category,
            incident.c.device_id,
            device.c.device_class,
            device.c.rung,
            device.c.reason,
            device.c.clock_error_ms,
        )
        .join(box, box.c.id == incident.c.box_id)
        .outerjoin(device, device.c.id == incident.c.device_id)
        .where(
            incident.c.category.startswith("10"),
            incident.c.recovered_at.is_(None),
            incident.c.state.not_in(CLOSED_STATES),
            box.c.online.is_(True),
            or_(about_box, about_device),
        )
        .order_by(incident.c.box_id, incident.c.id)
    )
    return [Unrecovered(*row) for row in connection.execute(query)]


def recovered_in_feedback(connection: Connection, *, recovered_before: datetime) -> list[str]:
    """Maintenance incidents reported done whose subject has been healthy since before that moment."""
    query = select(incident.c.id).where(
        incident.c.category.startswith("10"),
        incident.c.state == "FEEDBACK",
        incident.c.recovered_at <= recovered_before,
    )
    return list(connection.execute(query.order_by(incident.c.id).limit(200)).scalars())


def add(connection: Connection, record: IncidentRecord) -> None:
    connection.execute(insert(incident), insert_rows([record]))


def save(connection: Connection, record: IncidentRecord) -> None:
    update_all(connection, incident, [record])


_COUNTED = (
    update(incident)
    .where(incident.c.id == bindparam("key_id"))
    .values({name: bindparam(name) for name in ("count", "episode", "evidence", "updated_at")})
)


def save_count(connection: Connection, record: IncidentRecord) -> None:
    """Write what a mere count changes."""
    values = {"count": record.count, "episode": record.episode, "evidence": record.evidence}
    connection.execute(_COUNTED, {"key_id": record.id, "updated_at": record.updated_at, **values})


def add_history(
    connection: Connection,
    incident_id: str,
    *,
    at: datetime,
    actor: str,
    action: str,
    from_state: str | None,
    to_state: str,
    text: str = "",
) -> int:
    """Append one line; returns its number. The incident's row must be held."""
    last = connection.execute(
        select(func.max(incident_history.c.number)).where(incident_history.c.incident_id == incident_id)
    ).scalar_one()
    number = (last or 0) + 1
    connection.execute(
        insert(incident_history).values(
            incident_id=incident_id,
            number=number,
            at=at,
            actor=actor,
            action=action,
            from_state=from_state,
            to_state=to_state,
            text=text[:1000],
        )
    )
    return number


def history(connection: Connection, incident_id: str) -> list[HistoryRow]:
    """All lines, oldest first."""
    query = (
        select(
            incident_history.c.incident_id,
            incident_history.c.number,
            incident_history.c.at,
            incident_history.c.actor,
            incident_history.c.action,
            incident_history.c.from_state,
            incident_history.c.to_state,
            incident_history.c.text,
        )
        .where(incident_history.c.incident_id == incident_id)
        .order_by(incident_history.c.number)
    )
    return [HistoryRow(*row) for row in connection.execute(query)]


def last_actor(connection: Connection, incident_id: str, action: str) -> str | None:
    """Who last took this action; None when nobody has."""
    query = (
        select(incident_history.c.actor)
        .where(incident_history.c.incident_id == incident_id, incident_history.c.action == action)
        .order_by(incident_history.c.number.desc())
        .limit(1)
    )
    return connection.execute(query).scalar_one_or_none()


def next_case_no(connection: Connection, *, prefix: str, at: datetime) -> str:
    """The next number of its day in the county: ``TG20251123-000123``."""
    day = at.astimezone(COUNTY_TIME).strftime("%Y%m%d")
    make = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = (
        make(case_number)
        .values(day=day, last=1)
        .on_conflict_do_update(index_elements=["day"], set_={"last": case_number.c.last + 1})
        .returning(case_number.c.last)
    )
    number = connection.execute(statement).scalar_one()
    return f"{prefix}{day}-{number:06d}"
