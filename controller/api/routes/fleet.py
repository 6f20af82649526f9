"""Reading the fleet: the summary, boxes, devices with their intervals."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import RowMapping

from controller.api.access import Reader
from controller.api.models import BoxOut, DeviceFile, DeviceOut, IntervalOut, SummaryOut
from controller.api.pages import Cursor, Limit, Listing, link_next, seal, unseal
from controller.api.rooms import rooms_of
from controller.db import lists
from controller.domain.refusals import Refused

router = APIRouter(prefix="/v1", tags=["fleet"])
INTERVALS_SHOWN = 200


@router.get("/summary", summary="Counts of boxes, devices and incidents")
def summary(request: Request, caller: Reader) -> SummaryOut:
    with rooms_of(request).store.read() as connection:
        counted = lists.summary(connection, caller.scope)
    return SummaryOut(
        boxes=counted.boxes,
        boxes_online=counted.boxes_online,
        devices=counted.devices,
        by_verdict=counted.by_verdict,
        incidents_open=counted.incidents_open,
        incidents_by_state=counted.incidents_by_state,
        incidents_by_level=counted.incidents_by_level,
        incidents_recovered=counted.incidents_recovered,
        feed_cursor=seal("feed", counted.feed_position),
    )


@router.get("/boxes", summary="Boxes by id")
def boxes(
    request: Request,
    response: Response,
    caller: Reader,
    limit: Limit = 100,
    cursor: Cursor = None,
    online: Annotated[bool | None, Query()] = None,
) -> Listing[BoxOut]:
    page = lists.Page(limit, None if cursor is None else unseal("boxes", cursor))
    with rooms_of(request).store.read() as connection:
        rows = lists.boxes(connection, caller.scope, page, online=online)
        counts = lists.verdict_counts(connection, [row["id"] for row in rows])
    following = seal("boxes", rows[-1]["id"]) if len(rows) == limit else None
    link_next(request, response, following)
    return Listing(items=[_box(row, counts) for row in rows], next=following)


@router.get("/boxes/{box_id}", summary="One box")
def box(request: Request, caller: Reader, box_id: str) -> BoxOut:
    with rooms_of(request).store.read() as connection:
        row = lists.box(connection, caller.scope, box_id)
        counts = lists.verdict_counts(connection, [box_id])
    if row is None:
        raise Refused("not_found")
    return _box(row, counts)


@router.get("/devices", summary="Devices by id")
def devices(
    request: Request,
    response: Response,
    caller: Reader,
    limit: Limit = 100,
    cursor: Cursor = None,
    box: Annotated[str | None, Query(max_length=40)] = None,
    verdict: Annotated[list[str] | None, Query(max_length=6)] = None,
    device_class: Annotated[str | None, Query(max_length=24)] = None,
    reason: Annotated[str | None, Query(max_length=40)] = None,
) -> Listing[DeviceOut]:
    page = lists.Page(limit, None if cursor is None else unseal("devices", cursor))
    wanted = lists.DeviceFilter(box, tuple(verdict or ()), device_class, reason)
    with rooms_of(request).store.read() as connection:
        rows = lists.devices(connection, caller.scope, page, wanted)
    following = seal("devices", rows[-1]["id"]) if len(rows) == limit else None
    link_next(request, response, following)
    return Listing(items=[DeviceOut.model_validate(dict(row)) for row in rows], next=following)


@router.get("/devices/{device_id}", summary="One device with its intervals, newest first")
def device(request: Request, caller: Reader, device_id: str) -> DeviceFile:
    with rooms_of(request).store.read() as connection:
        row = lists.device(connection, caller.scope, device_id)
        if row is None:
            raise Refused("not_found")
        stretches = lists.intervals(connection, device_id, since=None, limit=INTERVALS_SHOWN)
    fields: dict[str, Any] = dict(row)
    fields["intervals"] = [IntervalOut.model_validate(dict(stretch)) for stretch in stretches]
    return DeviceFile.model_validate(fields)


def _box(row: RowMapping, counts: dict[str, dict[str, int]]) -> BoxOut:
    return BoxOut.model_validate({**row, "devices": counts.get(row["id"], {})})
