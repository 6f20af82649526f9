"""The pages: each reads within the caller's scope and renders one template.

Law: everything works as plain links and forms; the script only keeps it fresh. A page a caller may not
see is told so in words, in the caller's language; who is not signed in is sent to sign in.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Form, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy import Connection

from controller.api.access import COOKIE, OPEN, Actor, Known, Reader, remote_of
from controller.api.pages import Cursor, seal, unseal, unseal_number
from controller.api.rooms import Rooms, rooms_of
from controller.api.routes.sessions import set_cookie
from controller.db import lists
from controller.domain.refusals import Refused
from controller.domain.roles import Caller
from controller.services.acting import Order, possible
from controller.web import views
from controller.web.words import LANGUAGES, WORDS, Words

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

_HERE: Final = Path(__file__).parent
_STATIC: Final = {"app.css": "text/css", "app.js": "text/javascript", "icon.svg": "image/svg+xml"}
LANGUAGE_COOKIE: Final = "outpost_language"
SITES_PAGE: Final = 60
INCIDENTS_PAGE: Final = 50
WALL: Final = 300
"""Devices on one wall; a box has at most 64 by design, 256 by contract."""
LIVE_WAIT_S: Final = 25
LOOK_AGAIN_S: Final = 2.0


# --- reading ---------------------------------------------------------------------------------------


@router.get("/")
def overview(request: Request, caller: Reader) -> HTMLResponse:
    rooms, words = rooms_of(request), words_of(request)
    now = rooms.clock.now()
    ailing = lists.DeviceFilter(verdicts=("down", "degraded"))
    with rooms.store.read() as connection:
        summary = lists.summary(connection, caller.scope)
        incidents = lists.incidents(connection, caller.scope, lists.Page(8), lists.IncidentFilter(open=True))
        devices = lists.devices(connection, caller.scope, lists.Page(12), ailing)
        pictures = _pictures(connection, devices)
    return page(
        request,
        "overview.html",
        caller=caller,
        here="overview",
        s=summary,
        incidents=views.incident_views(incidents, words, now=now),
        devices=views.worst_first(views.device_views(devices, pictures=pictures, now=now)),
    )


@router.get("/sites")
def sites(request: Request, caller: Reader, cursor: Cursor = None) -> HTMLResponse:
    rooms = rooms_of(request)
    now = rooms.clock.now()
    wanted = lists.Page(SITES_PAGE, None if cursor is None else unseal("boxes", cursor))
    with rooms.store.read() as connection:
        boxes = lists.boxes(connection, caller.scope, wanted)
        ids = [box["id"] for box in boxes]
        counts = lists.verdict_counts(connection, ids)
        ailing = lists.ailing_devices(connection, ids)
    by_box: dict[str, list[views.View]] = {box_id: [] for box_id in ids}
    for view in views.device_views(ailing, pictures=set(), now=now):
        by_box[view["box_id"]].append(view)
    return page(
        request,
        "sites.html",
        caller=caller,
        here="villages",
        sites=[views.site_view(box, counts[box["id"]], by_box[box["id"]]) for box in boxes],
        following=seal("boxes", ids[-1]) if len(ids) == SITES_PAGE else None,
    )


@router.get("/sites/{box_id}")
def site(request: Request, caller: Reader, box_id: str) -> HTMLResponse:
    rooms, words = rooms_of(request), words_of(request)
    now = rooms.clock.now()
    with rooms.store.read() as connection:
        box = lists.box(connection, caller.scope, box_id)
        if box is None:
            raise Refused("not_found")
        counts = lists.verdict_counts(connection, [box_id])
        devices = lists.devices(connection, caller.scope, lists.Page(WALL), lists.DeviceFilter(box=box_id))
        pictures = _pictures(connection, devices)
        open_here = lists.IncidentFilter(open=True, box=box_id)
        incidents = lists.incidents(connection, caller.scope, lists.Page(20), open_here)
    tiles = views.worst_first(views.device_views(devices, pictures=pictures, now=now))
    return page(
        request,
        "site.html",
        caller=caller,
        here="villages",
        site=views.site_view(box, counts[box_id], []),
        devices=tiles,
        incidents=views.incident_views(incidents, words, now=now),
    )


@router.get("/devices/{device_id}")
def device(request: Request, caller: Reader, device_id: str) -> HTMLResponse:
    rooms, words = rooms_of(request), words_of(request)
    now = rooms.clock.now()
    with rooms.store.read() as connection:
        row = lists.device(connection, caller.scope, device_id)
        if row is None:
            raise Refused("not_found")
        pictures = _pictures(connection, [row])
        stretches = lists.intervals(connection, device_id, since=None, limit=100)
        about = lists.IncidentFilter(device=device_id)
        incidents = lists.incidents(connection, caller.scope, lists.Page(10), about)
    view = views.device_views([row], pictures=pictures, now=now)[0]
    return page(
        request,
        "device.html",
        caller=caller,
        here="villages",
        device=view,
        facts=views.device_facts(view, words),
        intervals=views.interval_views(stretches, now=now),
        incidents=views.incident_views(incidents, words, now=now),
    )


@router.get("/incidents")
def incidents(
    request: Request,
    caller: Reader,
    show: Annotated[str, Query(pattern="^(open|closed|all)$")] = "open",
    state: Annotated[str | None, Query(pattern="^[A-Z]{3,12}$")] = None,
    cursor: Cursor = None,
) -> HTMLResponse:
    rooms, words = rooms_of(request), words_of(request)
    is_open = None if state or show == "all" else show == "open"
    wanted = lists.Page(INCIDENTS_PAGE, None if cursor is None else unseal("incidents", cursor))
    with rooms.store.read() as connection:
        rows = lists.incidents(
            connection, caller.scope, wanted, lists.IncidentFilter(open=is_open, state=state)
        )
    return page(
        request,
        "incidents.html",
        caller=caller,
        here="incidents",
        incidents=views.incident_views(rows, words, now=rooms.clock.now()),
        show=show,
        state=state,
        following=seal("incidents", rows[-1]["id"]) if len(rows) == INCIDENTS_PAGE else None,
    )


@router.get("/incidents/{incident_id}")
def incident(request: Request, caller: Reader, incident_id: str) -> HTMLResponse:
    return _incident(request, caller, incident_id)


def _incident(
    request: Request,
    caller: Caller,
    incident_id: str,
    *,
    status: int = 200,
    problem: str = "",
    text: str = "",
    unit: str = "",
) -> HTMLResponse:
    rooms, words = rooms_of(request), words_of(request)
    with rooms.store.read() as connection:
        row = lists.incident(connection, caller.scope, incident_id)
        if row is None:
            raise Refused("not_found")
        history = lists.history(connection, row["id"])
        known = lists.known_evidence(connection, [row["evidence"]])
    picture = row["evidence"] if row["evidence"] in known else None
    view = views.incident_view(row, words, now=rooms.clock.now(), picture=picture)
    return page(
        request,
        "incident.html",
        status=status,
        caller=caller,
        here="incidents",
        row=view,
        facts=views.incident_facts(view, words),
        actions=possible(row["state"], caller),
        history=history,
        problem=problem,
        text=text,
        unit=unit,
    )


# --- acting ----------------------------------------------------------------------------------------


@router.post("/incidents/{incident_id}/act")
def act(
    request: Request,
    caller: Actor,
    incident_id: str,
    action: Annotated[str, Form(max_length=20)],
    version: Annotated[int, Form(ge=0)],
    text: Annotated[str, Form(max_length=1000)] = "",
    unit: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    order = Order(incident_id, action, version, text.strip(), unit.strip())
    try:
        rooms_of(request).acting.act(order, caller)
    except Refused as refused:
        if refused.code == "not_found":
            raise
        return _incident(
            request,
            caller,
            incident_id,
            status=refused.kind.status,
            problem=_said(refused, words_of(request)),
            text=text,
            unit=unit,
        )
    return RedirectResponse(f"/incidents/{quote(incident_id, safe='')}", status_code=303)


# --- who, and in which language ----------------------------------------------------------------------


@router.get("/sign-in", dependencies=[OPEN])
def sign_in_form(request: Request, to: Annotated[str, Query(max_length=300)] = "/") -> HTMLResponse:
    return page(request, "sign_in.html", caller=None, to=_inside(to), login="", problem="")


@router.post("/sign-in", dependencies=[OPEN])
def sign_in(
    request: Request,
    login: Annotated[str, Form(max_length=40)],
    password: Annotated[str, Form(max_length=128)],
    to: Annotated[str, Form(max_length=300)] = "/",
) -> Response:
    rooms = rooms_of(request)
    try:
        token, _ = rooms.sign_in.sign_in(login, password, remote=remote_of(request))
    except Refused as refused:
        problem = _said(refused, words_of(request))
        return page(
            request,
            "sign_in.html",
            status=refused.kind.status,
            caller=None,
            to=_inside(to),
            login=login,
            problem=problem,
        )
    response = RedirectResponse(_inside(to), status_code=303)
    set_cookie(response, token, secure=rooms.secure_cookies)
    return response


@router.post("/sign-out")
def sign_out(request: Request, caller: Known) -> Response:
    rooms_of(request).sign_in.sign_out(caller)
    response = RedirectResponse("/sign-in", status_code=303)
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return response


@router.get("/language/{language}", dependencies=[OPEN])
def language(language: str, to: Annotated[str, Query(max_length=300)] = "/") -> Response:
    response = RedirectResponse(_inside(to), status_code=303)
    if language in LANGUAGES:
        response.set_cookie(LANGUAGE_COOKIE, language, max_age=31_536_000, samesite="lax", httponly=True)
    return response


# --- staying fresh -----------------------------------------------------------------------------------


@router.get("/live", response_class=JSONResponse)
async def live(
    request: Request,
    caller: Reader,
    cursor: Annotated[str, Query(max_length=200)],
    wait_s: Annotated[int, Query(ge=0, le=LIVE_WAIT_S)] = 20,
) -> JSONResponse:
    """Whether anything in the caller's scope happened after ``cursor``; waits for it. Not a plain
    function because it waits: a thread for every open page would be dear."""
    rooms = rooms_of(request)
    position = unseal_number("feed", cursor)
    until = time.monotonic() + wait_s
    while True:
        changed, upto = await run_in_threadpool(_news, rooms, caller, position)
        left_s = until - time.monotonic()
        if changed or left_s <= 0 or rooms.bell.closed or await request.is_disconnected():
            return JSONResponse({"changed": changed, "next": seal("feed", upto)})
        position = upto
        await rooms.bell.wait(min(left_s, LOOK_AGAIN_S))


def _news(rooms: Rooms, caller: Caller, position: int) -> tuple[bool, int]:
    with rooms.store.read() as connection:
        found = lists.feed_after(connection, position, wanted=lists.FeedFilter(caller.scope), limit=1)
    restored = position > found.head
    return bool(found.entries) or restored, found.head


@router.get("/static/{name}", dependencies=[OPEN])
def static(name: str) -> Response:
    if name not in _STATIC:
        raise Refused("not_found")
    headers = {"cache-control": "public, max-age=31536000, immutable"}
    return Response(_content(name), media_type=_STATIC[name], headers=headers)


# --- rendering -----------------------------------------------------------------------------------------


def page(
    request: Request,
    template: str,
    *,
    caller: Caller | None,
    here: str = "",
    status: int = 200,
    **context: Any,
) -> HTMLResponse:
    """One template with what every page needs."""
    rooms = rooms_of(request)
    cursor = ""
    if caller is not None:
        with rooms.store.read() as connection:
            cursor = seal("feed", lists.feed_head(connection))
    text = (
        _templates()
        .get_template(template)
        .render(
            w=words_of(request),
            caller=caller,
            here=here,
            cursor=cursor,
            now=rooms.clock.now(),
            centre=rooms.title,
            path=_path_of(request),
            verdict_order=views.VERDICT_ORDER,
            **context,
        )
    )
    return HTMLResponse(text, status_code=status)


def refused_page(request: Request, refused: Refused) -> Response:
    """A refusal in words; to the sign-in page for who is not signed in."""
    if refused.code == "not_signed_in":
        return RedirectResponse(f"/sign-in?to={quote(_path_of(request))}", status_code=303)
    words = words_of(request)
    heading = refused.kind.zh if words.language == "zh" else refused.kind.en
    return page(
        request,
        "refused.html",
        status=refused.kind.status,
        caller=None,
        heading=heading,
        problem=_said(refused, words),
    )


def words_of(request: Request) -> Words:
    """The reader's language: the cookie's, else Chinese."""
    return WORDS.get(request.cookies.get(LANGUAGE_COOKIE, "zh"), WORDS["zh"])


def _said(refused: Refused, words: Words) -> str:
    return refused.zh if words.language == "zh" else refused.en


def _inside(to: str) -> str:
    """A path of this site, whatever was asked for: no other site, no scheme."""
    plain = to.startswith("/") and not to.startswith("//") and "\\" not in to and to.isprintable()
    return to if plain else "/"


def _path_of(request: Request) -> str:
    if request.method != "GET":
        return request.url.path.removesuffix("/act")
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _pictures(connection: Connection, rows: lists.Rows) -> set[str]:
    return lists.known_evidence(connection, [row["last_evidence"] for row in rows])


@cache
def _content(name: str) -> bytes:
    return (_HERE / "static" / name).read_bytes()


def _asset(name: str) -> str:
    return f"/static/{name}?v={hashlib.sha256(_content(name)).hexdigest()[:12]}"


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["when"] = views.when
    asset: Callable[[str], str] = _asset
    environment.globals["asset"] = asset
    return environment
