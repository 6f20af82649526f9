"""What was refused at the door, and the audit log."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from controller.api.access import AnomalyReader, Auditor
from controller.api.models import AnomalyOut, AuditCheck, AuditOut
from controller.api.pages import Cursor, Limit, Listing, link_next, seal, unseal_number
from controller.api.rooms import rooms_of
from controller.db import audit, lists
from controller.domain.chain import first_break

router = APIRouter(prefix="/v1", tags=["records"])


@router.get("/anomalies", summary="What was refused at the door, newest first")
def anomalies(
    request: Request, response: Response, _caller: AnomalyReader, limit: Limit = 100, cursor: Cursor = None
) -> Listing[AnomalyOut]:
    after = None if cursor is None else str(unseal_number("anomalies", cursor))
    with rooms_of(request).store.read() as connection:
        rows = lists.anomalies(connection, lists.Page(limit, after))
    following = seal("anomalies", rows[-1]["id"]) if len(rows) == limit else None
    link_next(request, response, following)
    return Listing(items=[AnomalyOut.model_validate(dict(row)) for row in rows], next=following)


@router.get("/audit", summary="The audit log, newest first")
def audit_log(
    request: Request, response: Response, _caller: Auditor, limit: Limit = 100, cursor: Cursor = None
) -> Listing[AuditOut]:
    before = None if cursor is None else unseal_number("audit", cursor)
    with rooms_of(request).store.read() as connection:
        rows = audit.find(connection, before=before, limit=limit)
    following = seal("audit", rows[-1][0].number) if len(rows) == limit else None
    link_next(request, response, following)
    items = [
        AuditOut(
            number=row.number,
            at=row.at,
            actor=row.actor,
            action=row.action,
            subject=row.subject,
            detail=row.detail,
            remote=row.remote,
            hash=own,
        )
        for row, own in rows
    ]
    return Listing(items=items, next=following)


@router.get("/audit/check", summary="Whether the chain of the audit log holds; names the first bad row")
def audit_check(request: Request, _caller: Auditor) -> AuditCheck:
    with rooms_of(request).store.read() as connection:
        head = audit.head(connection)
        broken = first_break(audit.walk(connection, upto=head[0]), head=head)
    return AuditCheck(
        holds=broken is None,
        rows=head[0],
        first_bad=None if broken is None else broken.number,
        why="" if broken is None else broken.why,
    )
