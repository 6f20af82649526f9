"""Stills and clips: boxes put them, people look at them, every look is written down."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AwareDatetime

from controller.api.access import UPLOAD, Viewer
from controller.api.models import StoredOut
from controller.api.rooms import rooms_of
from controller.domain.media import MOST_BYTES
from controller.services.evidence import Upload

router = APIRouter(prefix="/v1", tags=["evidence"])


async def _body(request: Request) -> bytes:
    """The raw body; its size is capped before it gets here."""
    return await request.body()


@router.put(
    "/boxes/{box_id}/evidence/{sha256}",
    dependencies=[UPLOAD],
    summary="A box stores a still (JPEG up to 512 KiB) or a clip (MP4 up to 4 MiB), signed with its key",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in MOST_BYTES},
        }
    },
)
def put(
    request: Request,
    response: Response,
    box_id: str,
    sha256: str,
    body: Annotated[bytes, Depends(_body)],
    device: Annotated[str | None, Query(pattern=r"^[a-z0-9-]{1,40}$")] = None,
    taken_at: Annotated[AwareDatetime | None, Query()] = None,
) -> StoredOut:
    upload = Upload(
        box=box_id,
        sha256=sha256,
        path=request.url.path,
        query=request.url.query,
        authorization=request.headers.get("authorization", ""),
        body=body,
        device=device,
        taken_at=taken_at,
    )
    fresh = rooms_of(request).evidence.put(upload)
    response.status_code = 201 if fresh else 200
    return StoredOut(sha256=sha256, bytes=len(body), fresh=fresh)


@router.get(
    "/evidence/{sha256}",
    summary="One still or clip; the view is written to the audit log",
    response_class=Response,
    responses={200: {"content": {kind: {} for kind in MOST_BYTES}}},
)
def view(
    request: Request,
    caller: Viewer,
    sha256: str,
    purpose: Annotated[str, Query(max_length=200, description="why it is looked at")] = "",
) -> Response:
    still = rooms_of(request).evidence.view(sha256, caller, purpose=purpose)
    headers = {
        "cache-control": "private, max-age=600, immutable",
        "content-security-policy": "default-src 'none'; sandbox",
    }
    return Response(still.content, media_type=still.media_type, headers=headers)
