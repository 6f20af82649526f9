"""The feed by cursor: what happened, in the order it was committed, each entry once."""

from __future__ import annotations

import json
import time
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool

from controller.api.access import FeedReader
from controller.api.models import FeedOut
from controller.api.pages import Cursor, seal, unseal_number
from controller.api.rooms import Rooms, rooms_of
from controller.db import lists
from controller.domain.refusals import Refused
from controller.domain.roles import Caller, Scope

router = APIRouter(prefix="/v1", tags=["feed"])
LONGEST_WAIT_S: Final = 25
LOOK_AGAIN_S: Final = 2.0
"""Another process may have written: look again at least this often while waiting."""


@router.get("/feed", summary="Entries after a cursor; wait_s turns an empty answer into a long poll")
async def feed(
    request: Request,
    caller: FeedReader,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    types: Annotated[list[str] | None, Query(max_length=20)] = None,
    category: Annotated[list[str] | None, Query(max_length=20)] = None,
    wait_s: Annotated[int, Query(ge=0, le=LONGEST_WAIT_S)] = 0,
) -> FeedOut:
    """Handlers are plain functions; this one waits, and a waiting thread each would be dear."""
    rooms = rooms_of(request)
    position = 0 if cursor is None else unseal_number("feed", cursor)
    wanted = lists.FeedFilter(_narrowed(caller, tuple(category or ())), tuple(types or ()))
    until = time.monotonic() + wait_s
    while True:
        page = await run_in_threadpool(_read, rooms, position, wanted, limit)
        left_s = until - time.monotonic()
        if page.entries or left_s <= 0 or rooms.bell.closed or await request.is_disconnected():
            break
        await rooms.bell.wait(min(left_s, LOOK_AGAIN_S))
    return FeedOut(
        entries=[json.loads(entry["body"]) for entry in page.entries],
        next=seal("feed", page.upto),
        more=page.upto < page.head,
    )


def _read(rooms: Rooms, position: int, wanted: lists.FeedFilter, limit: int) -> lists.FeedPage:
    with rooms.store.read() as connection:
        page = lists.feed_after(connection, position, wanted=wanted, limit=limit)
    if position > page.head:
        raise Refused(
            "cursor_beyond_end",
            zh="数据库已从备份恢复，请不带游标重新读取，并按事件 id 去重。",
            en="The database was restored from a backup: read again without a cursor and drop known ids.",
        )
    return page


def _narrowed(caller: Caller, categories: tuple[str, ...]) -> Scope:
    """The caller's scope, narrowed to the categories asked for; what it may not see stays unseen."""
    if not categories:
        return caller.scope
    own = caller.scope.categories
    allowed = [
        asked if not own or any(asked.startswith(prefix) for prefix in own) else prefix
        for asked in categories
        for prefix in (own or ("",))
        if not own or asked.startswith(prefix) or prefix.startswith(asked)
    ]
    return Scope(caller.scope.place, tuple(dict.fromkeys(allowed)) or ("none",))
