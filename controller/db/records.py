"""Rows of boxes, devices and incidents as frozen values, and how they are read and written in bulk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Select, Table, Update, bindparam, select, update


@dataclass(frozen=True, slots=True)
class BoxRecord:
    """A box as the centre knows it, without its key."""

    id: str
    title: str
    civil_code: str
    revoked: bool
    session: int
    log_epoch: str | None
    reported_status: str | None
    reported_at: datetime | None
    last_seen_at: datetime | None
    online: bool
    verdict: str
    verdict_reason: str
    verdict_since: datetime | None
    changed_at: datetime | None
    dark_from: datetime | None
    dark_to: datetime | None
    dark_known_to: datetime | None
    dark_watch_from: datetime | None
    dark_epoch: str | None
    dark_target: int | None
    boot_reason: str | None
    software: str
    version: int


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """A device as the centre knows it."""

    id: str
    box_id: str
    device_class: str | None
    title: str
    gb_code: str | None
    vendor: str
    model: str
    firmware: str
    serial: str
    mac_address: str | None
    profiles: list[str]
    rung: str | None
    reason: str | None
    detail: str
    clock_error_ms: int | None
    verdict: str
    verdict_reason: str
    verdict_since: datetime | None
    changed_at: datetime | None
    last_evidence: str | None
    last_entry_time: datetime | None
    version: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class IncidentRecord:
    """An incident's present state; how it came about is in its history."""

    id: str
    case_no: str
    category: str
    level: int
    state: str
    suspected: bool
    title_zh: str
    title_en: str
    box_id: str
    device_id: str | None
    civil_code: str
    reason: str
    episode: str | None
    count: int
    found_at: datetime
    opened_at: datetime
    sign_due_at: datetime | None
    finish_due_at: datetime | None
    unit: str
    recovered_at: datetime | None
    evidence: str | None
    version: int
    updated_at: datetime


R = TypeVar("R", BoxRecord, DeviceRecord, IncidentRecord)

_NAMES: Final[dict[type, tuple[str, ...]]] = {
    kind: tuple(field.name for field in fields(kind)) for kind in (BoxRecord, DeviceRecord, IncidentRecord)
}


def select_of(table: Table, kind: type[R]) -> Select[Any]:
    """A select of the columns of ``kind``, to be narrowed by the caller."""
    return select(*(table.c[name] for name in _NAMES[kind]))


def read_all(connection: Connection, query: Select[Any], kind: type[R]) -> list[R]:
    """Run a query made of ``select_of``."""
    return [kind(*row) for row in connection.execute(query)]


def update_all(connection: Connection, table: Table, records: Iterable[R]) -> None:
    """Write the present values of records that are already stored, in one go."""
    rows = [_row(record) for record in records]
    if not rows:
        return
    for row in rows:
        row["key_id"] = row.pop("id")
    connection.execute(_update_of(table, tuple(rows[0])), rows)


def insert_rows(records: Sequence[R]) -> list[dict[str, Any]]:
    """Rows for an insert."""
    return [_row(record) for record in records]


@cache
def _update_of(table: Table, names: tuple[str, ...]) -> Update:
    values: dict[str, Any] = {name: bindparam(name) for name in names if name != "key_id"}
    return update(table).where(table.c.id == bindparam("key_id")).values(values)


def _row(record: Any) -> dict[str, Any]:
    # dataclasses.asdict copies every value deeply: more than the whole update costs
    return {name: getattr(record, name) for name in _NAMES[type(record)]}
