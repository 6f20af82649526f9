"""Reading a whole database for the check of its invariants: in chunks, in order, nothing is changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import Connection, and_, exists, func, or_, select

from controller.db import tables
from controller.db.incidents import HistoryRow
from controller.db.intervals import BOX, DEVICE, stretch_of
from controller.db.tables import GAP_TYPE
from controller.domain.intervals import Stretch

CHUNK = 5000
BOX_STATE = "outpost.box.state.v1"
INCIDENT_OPENED = "outpost.incident.opened.v1"


@dataclass(frozen=True, slots=True)
class Timeline:
    """All stretches of one subject, and what its row says of the present."""

    kind: str
    subject: str
    stretches: tuple[Stretch, ...]
    verdict: str | None
    """None: there is no such subject."""
    reason: str | None


@dataclass(frozen=True, slots=True)
class LogState:
    """One log: how far it says it was applied, and what is stored of it."""

    box_id: str
    epoch: str
    upto: int
    highest: int
    top: int
    holes: tuple[tuple[int, int], ...]
    """Ranges up to ``upto`` that are neither stored nor declared lost."""
    next_stored: bool
    """Whether the entry after ``upto`` is there and should have been applied."""


def timelines(connection: Connection) -> Iterator[Timeline]:
    """Every subject that has intervals or should have them."""
    for kind, table in ((DEVICE, tables.device), (BOX, tables.box)):
        present = {
            row.id: (row.verdict, row.verdict_reason)
            for row in connection.execute(select(table.c.id, table.c.verdict, table.c.verdict_reason))
        }
        seen = set()
        query = (
            select(tables.interval)
            .where(tables.interval.c.subject_kind == kind)
            .order_by(tables.interval.c.subject_id, tables.interval.c.from_at, tables.interval.c.id)
            .execution_options(yield_per=CHUNK)
        )
        for subject, rows in groupby(connection.execute(query), key=lambda row: str(row.subject_id)):
            seen.add(subject)
            verdict, reason = present.get(subject, (None, None))
            yield Timeline(kind, subject, tuple(stretch_of(row) for row in rows), verdict, reason)
        for subject in sorted(set(present) - seen):
            yield Timeline(kind, subject, (), *present[subject])


def logs(connection: Connection) -> Iterator[LogState]:
    """Every log of every box."""
    position, entry = tables.position, tables.entry
    for row in connection.execute(select(position).order_by(position.c.box_id, position.c.epoch)).all():
        same = and_(entry.c.box_id == row.box_id, entry.c.epoch == row.epoch)
        top = connection.execute(select(func.max(entry.c.sequence)).where(same)).scalar_one()
        following = connection.execute(
            select(exists().where(same, entry.c.sequence == row.upto + 1))
        ).scalar_one()
        yield LogState(
            box_id=row.box_id,
            epoch=row.epoch,
            upto=row.upto,
            highest=row.highest,
            top=top or 0,
            holes=tuple(_undeclared(connection, row.box_id, row.epoch, row.upto)),
            next_stored=bool(following),
        )


def _undeclared(connection: Connection, box_id: str, epoch: str, upto: int) -> Iterator[tuple[int, int]]:
    entry = tables.entry
    same = and_(entry.c.box_id == box_id, entry.c.epoch == epoch)
    lost = []
    for body in connection.execute(select(entry.c.body).where(same, entry.c.type == GAP_TYPE)).scalars():
        gap = json.loads(body)["data"]
        lost.append((gap["first"], gap["last"]))
    sequences = connection.execute(
        select(entry.c.sequence)
        .where(same, entry.c.sequence <= upto)
        .order_by(entry.c.sequence)
        .execution_options(yield_per=CHUNK)
    ).scalars()
    last = 0
    for number in sequences:
        if number > last + 1:
            yield from _outside(last + 1, number - 1, lost)
        last = number
    if last < upto:
        yield from _outside(last + 1, upto, lost)


def _outside(first: int, last: int, lost: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """What of ``first`` to ``last`` no declared loss covers."""
    for begin, end in sorted(lost):
        if end < first or begin > last:
            continue
        if begin > first:
            yield first, begin - 1
        first = max(first, end + 1)
    if first <= last:
        yield first, last


def histories(connection: Connection) -> Iterator[tuple[str, str, list[HistoryRow], int]]:
    """Of every incident: id, present state, history, and how many feed entries it has."""
    incident, history, feed = tables.incident, tables.incident_history, tables.feed
    announced = {
        row.incident_id: row.number
        for row in connection.execute(
            select(feed.c.incident_id, func.count().label("number"))
            .where(feed.c.incident_id.is_not(None))
            .group_by(feed.c.incident_id)
        )
    }
    present = connection.execute(select(incident.c.id, incident.c.state))
    states: dict[str, str] = {row.id: row.state for row in present}
    query = (
        select(history).order_by(history.c.incident_id, history.c.number).execution_options(yield_per=CHUNK)
    )
    seen = set()
    for incident_id, rows in groupby(connection.execute(query), key=lambda row: str(row.incident_id)):
        seen.add(incident_id)
        lines = [
            HistoryRow(r.incident_id, r.number, r.at, r.actor, r.action, r.from_state, r.to_state, r.text)
            for r in rows
        ]
        yield incident_id, states[incident_id], lines, announced.get(incident_id, 0)
    for incident_id in sorted(set(states) - seen):
        yield incident_id, states[incident_id], [], announced.get(incident_id, 0)


def known_behind_dark_boxes(connection: Connection) -> list[tuple[str, str, str]]:
    """(box, device, verdict) of devices that claim to be known although their box was declared offline."""
    box, device = tables.box, tables.device
    query = (
        select(box.c.id, device.c.id, device.c.verdict)
        .join(device, device.c.box_id == box.c.id)
        .where(
            box.c.online.is_(False),
            box.c.verdict == "down",
            or_(
                device.c.verdict.in_(("ok", "degraded", "down")),
                and_(device.c.verdict == "unknown", device.c.verdict_reason != "parent"),
            ),
        )
        .order_by(device.c.id)
    )
    return [(row[0], row[1], row[2]) for row in connection.execute(query)]


def opened_in_the_dark(connection: Connection) -> list[tuple[str, str]]:
    """(incident, box) of incidents about devices opened while their box was offline.

    Told by the order of the feed, which is the order of commits: the centre's clock may have been set
    back in between, and then the same hour was there twice.
    """
    feed = tables.feed
    query = (
        select(feed.c.type, feed.c.box_id, feed.c.device_id, feed.c.incident_id, feed.c.body)
        .where(feed.c.type.in_((BOX_STATE, INCIDENT_OPENED)))
        .order_by(feed.c.position)
        .execution_options(yield_per=CHUNK)
    )
    offline: set[str] = set()
    found = []
    for row in connection.execute(query):
        if row.type == BOX_STATE:
            online = json.loads(row.body)["data"]["online"]
            (offline.discard if online else offline.add)(row.box_id)
        elif row.device_id is not None and row.box_id in offline:
            found.append((str(row.incident_id), str(row.box_id)))
    return found


def doubly_open(connection: Connection) -> list[tuple[str, str, str | None]]:
    """(category, box, device) with more than one open incident."""
    incident = tables.incident
    query = (
        select(incident.c.category, incident.c.box_id, incident.c.device_id)
        .where(incident.c.state.not_in(tables.CLOSED_STATES))
        .group_by(incident.c.category, incident.c.box_id, incident.c.device_id)
        .having(func.count() > 1)
    )
    return [(row[0], row[1], row[2]) for row in connection.execute(query)]


def feed_numbers(connection: Connection) -> tuple[int, int, int, int]:
    """Head, and of the stored entries: first position, last position, count. Zeros when there are none."""
    feed = tables.feed
    head = connection.execute(select(tables.feed_head.c.position)).scalar_one_or_none()
    row = connection.execute(select(func.min(feed.c.position), func.max(feed.c.position), func.count())).one()
    return head or 0, row[0] or 0, row[1] or 0, row[2]
