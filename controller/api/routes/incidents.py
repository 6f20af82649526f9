"""The incidents and the actions of their loop."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from sqlalchemy import RowMapping

from controller.api.access import Actor, Reader
from controller.api.models import ActIn, HistoryOut, IncidentOut
from controller.api.pages import Cursor, Limit, Listing, link_next, seal, unseal
from controller.api.rooms import rooms_of
from controller.db import lists
from controller.domain.refusals import Refused
from controller.domain.roles import Caller
from controller.services.acting import Order, possible

router = APIRouter(prefix="/v1/incidents", tags=["incidents"])


@router.get("", summary="Incidents, newest first")
def incidents(
    request: Request,
    response: Response,
    caller: Reader,
    limit: Limit = 100,
    cursor: Cursor = None,
    open: Annotated[bool | None, Query()] = None,
    state: Annotated[str | None, Query(max_length=12)] = None,
    category: Annotated[str | None, Query(pattern=r"^\d{1,4}$")] = None,
    level: Annotated[int | None, Query(ge=1, le=4)] = None,
    box: Annotated[str | None, Query(max_length=40)] = None,
    device: Annotated[str | None, Query(max_length=40)] = None,
) -> Listing[IncidentOut]:
    page = lists.Page(limit, None if cursor is None else unseal("incidents", cursor))
    wanted = lists.IncidentFilter(open, state, category, level, box, device)
    with rooms_of(request).store.read() as connection:
        rows = lists.incidents(connection, caller.scope, page, wanted)
    following = seal("incidents", rows[-1]["id"]) if len(rows) == limit else None
    link_next(request, response, following)
    return Listing(items=[_out(row, caller) for row in rows], next=following)


@router.get("/{incident_id}", summary="One incident, by id or case number; ETag is its version")
def incident(request: Request, response: Response, caller: Reader, incident_id: str) -> IncidentOut:
    row = _require(request, caller, incident_id)
    response.headers["etag"] = f'"{row["version"]}"'
    return _out(row, caller)


@router.get("/{incident_id}/history", summary="Everything that happened to it, oldest first")
def history(request: Request, caller: Reader, incident_id: str) -> Listing[HistoryOut]:
    row = _require(request, caller, incident_id)
    with rooms_of(request).store.read() as connection:
        rows = lists.history(connection, row["id"])
    return Listing(items=[HistoryOut.model_validate(dict(line)) for line in rows], next=None)


@router.post(
    "/{incident_id}/actions/{action}",
    summary="Take an action of the loop; If-Match carries the version, Idempotency-Key makes a repeat safe",
)
def act(
    request: Request,
    response: Response,
    caller: Actor,
    incident_id: str,
    action: str,
    body: ActIn,
    if_match: Annotated[str | None, Header(max_length=40)] = None,
    idempotency_key: Annotated[str | None, Header(max_length=80)] = None,
) -> IncidentOut:
    order = Order(incident_id, action, version_of(if_match), body.text, body.unit, idempotency_key)
    rooms_of(request).acting.act(order, caller)
    row = _require(request, caller, incident_id)
    response.headers["etag"] = f'"{row["version"]}"'
    return _out(row, caller)


def _require(request: Request, caller: Caller, incident_id: str) -> RowMapping:
    with rooms_of(request).store.read() as connection:
        row = lists.incident(connection, caller.scope, incident_id)
    if row is None:
        raise Refused("not_found")
    return row


def version_of(if_match: str | None) -> int:
    """The version in an If-Match header. Raises Refused(version_required)."""
    text = (if_match or "").removeprefix("W/").strip('"')
    if not (text.isascii() and text.isdigit()):
        raise Refused(
            "version_required",
            zh='请在 If-Match 中给出事项版本，例如 If-Match: "3"。',
            en='Give the version you saw, e.g. If-Match: "3".',
        )
    return int(text[:9])


def _out(row: RowMapping, caller: Caller) -> IncidentOut:
    return IncidentOut.model_validate({**row, "actions": possible(row["state"], caller)})
