"""Queries about devices."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, func, insert, select

from controller.db.records import DeviceRecord, insert_rows, read_all, select_of, update_all
from controller.db.tables import device


def get(connection: Connection, device_id: str) -> DeviceRecord | None:
    """The device, or None."""
    query = select_of(device, DeviceRecord).where(device.c.id == device_id)
    found = read_all(connection, query, DeviceRecord)
    return found[0] if found else None


def among(connection: Connection, device_ids: Collection[str]) -> list[DeviceRecord]:
    """Those of ``device_ids`` that exist, whatever box they belong to."""
    if not device_ids:
        return []
    return read_all(
        connection, select_of(device, DeviceRecord).where(device.c.id.in_(device_ids)), DeviceRecord
    )


def of_box(connection: Connection, box_id: str) -> list[DeviceRecord]:
    """All devices of a box, by id."""
    query = select_of(device, DeviceRecord).where(device.c.box_id == box_id).order_by(device.c.id)
    return read_all(connection, query, DeviceRecord)


def count_of_box(connection: Connection, box_id: str) -> int:
    query = select(func.count()).select_from(device).where(device.c.box_id == box_id)
    return int(connection.execute(query).scalar_one())


def add_all(connection: Connection, records: Sequence[DeviceRecord]) -> None:
    if records:
        connection.execute(insert(device), insert_rows(records))


def save_all(connection: Connection, records: Sequence[DeviceRecord]) -> None:
    update_all(connection, device, records)
