"""Puts the REST door together. Law: it does not open while a route has no declared permission."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI

from controller.api import problems
from controller.api.access import require_declared
from controller.api.limits import BodyCap, SafeHeaders
from controller.api.rooms import Rooms
from controller.api.routes import evidence, feed, fleet, incidents, records, sessions, subscriptions

API_VERSION = "1.0.0"
"""Of the document. The first number moves when a client of ``/v1`` could break, then the path does too."""

ROUTERS = (
    sessions.router,
    fleet.router,
    incidents.router,
    feed.router,
    subscriptions.router,
    evidence.router,
    records.router,
)

DESCRIPTION = (
    "县综治中心的接口：盒、设备、事项、事件流。错误为 RFC 9457 problem+json，`code` 不变。"
    " The county centre's door: boxes, devices, incidents, the feed. Errors are RFC 9457 problem+json with a"
    " stable `code`. Clients ignore fields they do not know."
)


def build_api(rooms: Rooms | None, *, pages: tuple[APIRouter, ...] = ()) -> FastAPI:
    """The application with the API and, when given, the routers of the live page.

    ``rooms`` None builds it for its document alone. Raises RuntimeError when a route declares no permission.
    """
    app = FastAPI(
        title="Outpost county centre 前哨县中心",
        version=API_VERSION,
        description=DESCRIPTION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        responses={"4XX": {"model": problems.Problem, "content": {problems.MEDIA_TYPE: {}}}},
    )
    app.state.rooms = rooms
    problems.install(app)
    for router in (*ROUTERS, *pages):
        app.include_router(router)
    app.add_middleware(BodyCap)
    app.add_middleware(SafeHeaders)
    require_declared(app)
    return app
