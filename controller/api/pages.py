"""How a list is cut into pages: opaque cursors, a cap on their size, ``Link`` to the next."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Final, Generic, TypeVar

from fastapi import Query, Request, Response
from pydantic import BaseModel, Field

from controller.domain.refusals import Refused

PAGE_LIMIT: Final = 500
"""Rows of one page at most."""

Limit = Annotated[int, Query(ge=1, le=PAGE_LIMIT, description="rows of a page")]
Cursor = Annotated[str | None, Query(max_length=200, description="``next`` of the page before")]

T = TypeVar("T")


class Listing(BaseModel, Generic[T]):
    """One page. Clients ignore fields they do not know."""

    items: list[T]
    next: str | None = Field(None, description="cursor of the next page; null on the last one")


def seal(kind: str, key: str | int) -> str:
    """A cursor: opaque to callers, and not to be taken for one of another list."""
    return base64.urlsafe_b64encode(f"{kind}:{key}".encode()).decode().rstrip("=")


def unseal(kind: str, cursor: str) -> str:
    """The key inside a cursor. Raises Refused(cursor_invalid)."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except (binascii.Error, ValueError):
        text = ""
    found, separator, key = text.partition(":")
    if found != kind or not separator:
        raise Refused(
            "cursor_invalid",
            zh=f"游标 {cursor!r} 无法识别，请不带游标从头读取。",
            en=f"Cursor {cursor!r} cannot be read; begin again without one.",
        )
    return key


def unseal_number(kind: str, cursor: str) -> int:
    """The number inside a cursor, at least 0. Raises Refused(cursor_invalid)."""
    key = unseal(kind, cursor)
    if not (key.isascii() and key.isdigit() and len(key) <= 18):
        raise Refused("cursor_invalid")
    return int(key)


def link_next(request: Request, response: Response, cursor: str | None) -> None:
    """Set ``Link: <...>; rel="next"`` when there is a next page (RFC 8288)."""
    if cursor is not None:
        response.headers["link"] = f'<{request.url.include_query_params(cursor=cursor)}>; rel="next"'
