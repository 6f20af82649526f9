"""What callers read: lists by page, single things and counts, each limited to the caller's scope in SQL.

Law: a page is ``limit`` rows after a key, so that inserting and removing rows between two pages neither
repeats nor skips one that stayed. What is outside the scope does not exist.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, func, not_, or_, select

from controller.db import tables
from controller.db.places import boxes_within, feed_within, incidents_within
from controller.domain.roles import Scope

Rows = Sequence[RowMapping]


@dataclass(frozen=True, slots=True)
class Page:
    """Where a page begins and how long it is. ``after`` is the last key of the page before."""

    limit: int
    after: str | None = None


# --- boxes and devices ---------------------------------------------------------------------------

_BOX = [column for column in tables.box.c if column.name != "mac_key"]
_DEVICES_OF = (
    select(tables.device.c.box_id, tables.device.c.verdict, func.count().label("count"))
    .group_by(tables.device.c.box_id, tables.device.c.verdict)
)  # fmt: skip


def boxes(connection: Connection, scope: Scope, page: Page, *, online: bool | None = None) -> Rows:
    """Boxes by id, without their keys."""
    box = tables.box
    query = select(*_BOX).where(boxes_within(scope)).order_by(box.c.id).limit(page.limit)
    if page.after is not None:
        query = query.where(box.c.id > page.after)
    if online is not None:
        query = query.where(box.c.online == online)
    return connection.execute(query).mappings().all()


def box(connection: Connection, scope: Scope, box_id: str) -> RowMapping | None:
    """One box, without its key."""
    query = select(*_BOX).where(tables.box.c.id == box_id, boxes_within(scope))
    return connection.execute(query).mappings().first()


def verdict_counts(connection: Connection, box_ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """How many devices of each box have which verdict."""
    found: dict[str, dict[str, int]] = {box_id: {} for box_id in box_ids}
    query = _DEVICES_OF.where(tables.device.c.box_id.in_(box_ids))
    for row in connection.execute(query).mappings():
        found[row["box_id"]][row["verdict"]] = row["count"]
    return found


@dataclass(frozen=True, slots=True)
class DeviceFilter:
    """What a list of devices is narrowed to; None: not narrowed."""

    box: str | None = None
    verdicts: tuple[str, ...] = ()
    device_class: str | None = None
    reason: str | None = None


def devices(connection: Connection, scope: Scope, page: Page, wanted: DeviceFilter) -> Rows:
    """Devices by id, with title and place of their box."""
    device = tables.device
    query = _devices().where(boxes_within(scope), *_narrowed(wanted)).order_by(device.c.id).limit(page.limit)
    if page.after is not None:
        query = query.where(device.c.id > page.after)
    return connection.execute(query).mappings().all()


def device(connection: Connection, scope: Scope, device_id: str) -> RowMapping | None:
    """One device, with title and place of its box."""
    query = _devices().where(tables.device.c.id == device_id, boxes_within(scope))
    return connection.execute(query).mappings().first()


def intervals(connection: Connection, device_id: str, *, since: datetime | None, limit: int) -> Rows:
    """The intervals of one device, newest first; those that ended before ``since`` are left out."""
    interval = tables.interval
    query = (
        select(interval)
        .where(interval.c.subject_kind == "device", interval.c.subject_id == device_id)
        .order_by(interval.c.from_at.desc(), interval.c.id.desc())
        .limit(limit)
    )
    if since is not None:
        query = query.where(or_(interval.c.to_at.is_(None), interval.c.to_at > since))
    return connection.execute(query).mappings().all()


def ailing_devices(connection: Connection, box_ids: Sequence[str]) -> Rows:
    """Devices of these boxes that are down or degraded; the boxes were limited to the scope before."""
    device = tables.device
    query = _devices().where(device.c.box_id.in_(box_ids), device.c.verdict.in_(("down", "degraded")))
    return connection.execute(query.order_by(device.c.id)).mappings().all()


def _devices() -> Select[tuple[object, ...]]:
    box = tables.box
    return select(
        tables.device, box.c.title.label("box_title"), box.c.civil_code, box.c.online.label("box_online")
    ).join(box, box.c.id == tables.device.c.box_id)


def _narrowed(wanted: DeviceFilter) -> list[ColumnElement[bool]]:
    device = tables.device.c
    clauses: list[ColumnElement[bool]] = []
    if wanted.box is not None:
        clauses.append(device.box_id == wanted.box)
    if wanted.verdicts:
        clauses.append(device.verdict.in_(wanted.verdicts))
    if wanted.device_class is not None:
        clauses.append(device.device_class == wanted.device_class)
    if wanted.reason is not None:
        clauses.append(device.verdict_reason == wanted.reason)
    return clauses


# --- incidents -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class IncidentFilter:
    """What a list of incidents is narrowed to."""

    open: bool | None = None
    state: str | None = None
    category: str | None = None
    level: int | None = None
    box: str | None = None
    device: str | None = None


def incidents(connection: Connection, scope: Scope, page: Page, wanted: IncidentFilter) -> Rows:
    """Incidents, newest first (their ids are ULIDs), with the titles of box and device."""
    incident = tables.incident
    query = _incidents().where(incidents_within(scope), *_wanted(wanted))
    if page.after is not None:
        query = query.where(incident.c.id < page.after)
    return connection.execute(query.order_by(incident.c.id.desc()).limit(page.limit)).mappings().all()


def incident(connection: Connection, scope: Scope, incident_id: str) -> RowMapping | None:
    """One incident by id or case number, with the titles of box and device."""
    column = tables.incident.c
    named = or_(column.id == incident_id, column.case_no == incident_id)
    return connection.execute(_incidents().where(named, incidents_within(scope))).mappings().first()


def history(connection: Connection, incident_id: str) -> Rows:
    """Everything that happened to an incident, oldest first."""
    rows = tables.incident_history
    query = select(rows).where(rows.c.incident_id == incident_id).order_by(rows.c.number)
    return connection.execute(query).mappings().all()


def _incidents() -> Select[tuple[object, ...]]:
    return (
        select(
            tables.incident,
            tables.box.c.title.label("box_title"),
            tables.device.c.title.label("device_title"),
        )
        .join(tables.box, tables.box.c.id == tables.incident.c.box_id)
        .join(tables.device, tables.device.c.id == tables.incident.c.device_id, isouter=True)
    )


def _is_open() -> ColumnElement[bool]:
    return tables.incident.c.state.not_in(tables.CLOSED_STATES)


def _wanted(wanted: IncidentFilter) -> list[ColumnElement[bool]]:
    incident = tables.incident.c
    clauses: list[ColumnElement[bool]] = []
    if wanted.open is not None:
        clauses.append(_is_open() if wanted.open else not_(_is_open()))
    for value, column in (
        (wanted.state, incident.state),
        (wanted.level, incident.level),
        (wanted.box, incident.box_id),
        (wanted.device, incident.device_id),
    ):
        if value is not None:
            clauses.append(column == value)
    if wanted.category is not None:
        clauses.append(incident.category.startswith(wanted.category, autoescape=True))
    return clauses


# --- the summary ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Summary:
    """The numbers of the first page; each equals the length of the list behind it."""

    boxes: int
    boxes_online: int
    devices: int
    by_verdict: dict[str, int]
    incidents_open: int
    incidents_by_state: dict[str, int]
    incidents_by_level: dict[int, int]
    incidents_recovered: int
    feed_position: int


def summary(connection: Connection, scope: Scope) -> Summary:
    """Count what ``scope`` admits. The feed's position is read first: it may be older, never newer."""
    position = int(connection.execute(select(tables.feed_head.c.position)).scalar_one())
    box, device, incident = tables.box, tables.device, tables.incident
    total, online = connection.execute(
        select(func.count(), func.count().filter(box.c.online.is_(True)))
        .select_from(box)
        .where(boxes_within(scope))
    ).one()
    verdicts = connection.execute(
        select(device.c.verdict, func.count())
        .join(box, box.c.id == device.c.box_id)
        .where(boxes_within(scope))
        .group_by(device.c.verdict)
    ).all()
    open_ones = connection.execute(
        select(incident.c.state, incident.c.level, incident.c.recovered_at.is_not(None), func.count())
        .where(and_(_is_open(), incidents_within(scope)))
        .group_by(incident.c.state, incident.c.level, incident.c.recovered_at.is_not(None))
    ).all()
    by_state: dict[str, int] = {}
    by_level: dict[int, int] = {}
    for state, level, _recovered, count in open_ones:
        by_state[state] = by_state.get(state, 0) + count
        by_level[level] = by_level.get(level, 0) + count
    return Summary(
        boxes=total,
        boxes_online=online,
        devices=sum(count for _, count in verdicts),
        by_verdict={verdict: int(count) for verdict, count in verdicts},
        incidents_open=sum(by_state.values()),
        incidents_by_state=by_state,
        incidents_by_level=by_level,
        incidents_recovered=sum(count for _, _, recovered, count in open_ones if recovered),
        feed_position=position,
    )


# --- the feed ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FeedFilter:
    """Whose entries, and which types (empty: all)."""

    scope: Scope
    types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Entries in commit order, and how far the log was read: the next page begins after ``upto``."""

    entries: Rows
    upto: int
    head: int


def feed_after(connection: Connection, position: int, *, wanted: FeedFilter, limit: int) -> FeedPage:
    """Entries after ``position``.

    The head is read before the entries: under READ COMMITTED each statement sees a newer state than
    the one before it, so every entry up to this head is visible to the second statement, and ``upto``
    never passes one that was not looked at.
    """
    head = int(connection.execute(select(tables.feed_head.c.position)).scalar_one())
    feed = tables.feed
    query = select(feed).where(feed.c.position > position, feed.c.position <= head, feed_within(wanted.scope))
    if wanted.types:
        query = query.where(feed.c.type.in_(wanted.types))
    entries = connection.execute(query.order_by(feed.c.position).limit(limit)).mappings().all()
    upto = entries[-1]["position"] if len(entries) == limit else max(head, position)
    return FeedPage(entries, upto, head)


def feed_entry(connection: Connection, position: int) -> RowMapping | None:
    """One entry by its position."""
    query = select(tables.feed).where(tables.feed.c.position == position)
    return connection.execute(query).mappings().first()


def feed_head(connection: Connection) -> int:
    """Where the feed ends now."""
    return int(connection.execute(select(tables.feed_head.c.position)).scalar_one())


# --- what was refused ----------------------------------------------------------------------------


def anomalies(connection: Connection, page: Page) -> Rows:
    """What was refused at the door, newest first."""
    anomaly = tables.anomaly
    query = select(anomaly).order_by(anomaly.c.id.desc()).limit(page.limit)
    if page.after is not None:
        query = query.where(anomaly.c.id < int(page.after))
    return connection.execute(query).mappings().all()


# --- evidence ------------------------------------------------------------------------------------


def evidence(connection: Connection, scope: Scope, sha256: str) -> RowMapping | None:
    """A still that belongs to something ``scope`` admits: its box, an incident, or a device that shows it.

    The same picture can come from two boxes (a black frame is a black frame) and is stored once, so the
    box it came from first is not the only way to it.
    """
    stored, box, device, incident = tables.evidence, tables.box, tables.device, tables.incident
    ways = (
        select(box.c.id).where(box.c.id == stored.c.box_id, boxes_within(scope)),
        select(incident.c.id).where(incident.c.evidence == sha256, incidents_within(scope)),
        select(device.c.id)
        .join(box, box.c.id == device.c.box_id)
        .where(device.c.last_evidence == sha256, boxes_within(scope)),
    )
    query = select(stored).where(stored.c.sha256 == sha256, or_(*(way.exists() for way in ways)))
    return connection.execute(query).mappings().first()


def known_evidence(connection: Connection, hashes: Sequence[str | None]) -> set[str]:
    """Which of these stills are here: a box names them before it has sent them."""
    wanted = sorted({one for one in hashes if one})
    query = select(tables.evidence.c.sha256).where(tables.evidence.c.sha256.in_(wanted))
    return set(connection.execute(query).scalars())
