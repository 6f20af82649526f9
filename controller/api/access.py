"""Who may enter: every route declares one permission, or that it is open to everybody.

Laws. A route without a declaration stops the start (``require_declared``). A session counts only with
a request of this site: unsafe methods need a same-origin ``Origin`` or ``Sec-Fetch-Site``, on top of
the cookie's SameSite=Strict. A bearer token stands for itself and needs no cookie.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import Depends, FastAPI, Request
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from controller.api.rooms import rooms_of
from controller.domain.refusals import Refused
from controller.domain.roles import Caller, Permission

COOKIE: Final = "outpost_session"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Gate:
    """A route's declaration, and the check itself. ``permission`` None: open to everybody."""

    def __init__(self, permission: Permission | None) -> None:
        self.permission = permission

    def __call__(self, request: Request) -> Caller | None:
        if self.permission is Permission.UPLOAD:
            return None  # the route itself verifies the box's signature over the body
        if request.method not in _SAFE and not _bearer(request):
            refuse_foreign(request)
        if self.permission is None:
            return None
        caller = caller_of(request)
        if not caller.may(self.permission):
            raise Refused(
                "not_permitted",
                zh=f"您的角色没有“{self.permission}”权限，请联系县运维。",
                en=f"Your role lacks the permission {self.permission!r}; ask county IT.",
            )
        return caller


def declared(permission: Permission) -> Gate:
    """The gate of ``permission``, for ``Depends``."""
    return Gate(permission)


OPEN: Final = Depends(Gate(None))
"""Declares a route that everybody may call."""
Reader = Annotated[Caller, Depends(declared(Permission.READ))]
FeedReader = Annotated[Caller, Depends(declared(Permission.FEED))]
Actor = Annotated[Caller, Depends(declared(Permission.ACT))]
Viewer = Annotated[Caller, Depends(declared(Permission.EVIDENCE))]
Subscriber = Annotated[Caller, Depends(declared(Permission.SUBSCRIPTIONS))]
AnomalyReader = Annotated[Caller, Depends(declared(Permission.ANOMALIES))]
Auditor = Annotated[Caller, Depends(declared(Permission.AUDIT))]
UPLOAD: Final = Depends(declared(Permission.UPLOAD))


class AnyoneKnown(Gate):
    """Whoever is signed in, whatever the role: for ``me`` and signing out."""

    def __init__(self) -> None:
        super().__init__(None)

    def __call__(self, request: Request) -> Caller:
        super().__call__(request)
        return caller_of(request)


Known = Annotated[Caller, Depends(AnyoneKnown())]


def caller_of(request: Request) -> Caller:
    """Who is asking, by bearer token or session cookie. Raises Refused(not_signed_in, token_invalid)."""
    rooms, token = rooms_of(request), _bearer(request)
    if token is not None:
        return rooms.sign_in.by_token(token, remote=remote_of(request))
    session = request.cookies.get(COOKIE)
    if not session:
        raise Refused("not_signed_in")
    return rooms.sign_in.by_session(session, remote=remote_of(request))


def remote_of(request: Request) -> str:
    """The network peer, as text."""
    return request.client.host if request.client is not None else ""


def refuse_foreign(request: Request) -> None:
    """Raise Refused(foreign_origin) unless a browser says that this site sent the request."""
    origin = request.headers.get("origin")
    if origin is not None:
        public = rooms_of(request).public_url
        own = {request.headers.get("host"), urlsplit(public).netloc if public else None}
        same = urlsplit(origin).netloc in own - {None, ""}
    else:
        same = request.headers.get("sec-fetch-site") == "same-origin"
    if not same:
        raise Refused(
            "foreign_origin",
            zh="请从本系统页面操作；程序请使用接口令牌（Authorization: Bearer）。",
            en="Act from this system's own page; programs use an API token (Authorization: Bearer).",
        )


def _bearer(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


# --- the start's check -----------------------------------------------------------------------------


def gates(app: FastAPI) -> Iterator[tuple[APIRoute, list[Gate]]]:
    """Every route with the gates it declares."""
    for route in _flat(app.routes):
        if isinstance(route, APIRoute):
            calls = [dependency.call for dependency in route.dependant.dependencies]
            yield route, [call for call in calls if isinstance(call, Gate)]


def require_declared(app: FastAPI, *, mounts: frozenset[str] = frozenset()) -> None:
    """Raise RuntimeError naming every route without exactly one declaration, and every other kind of
    route that is not in ``mounts``."""
    wrong = [f"{sorted(route.methods or ())} {route.path}" for route, found in gates(app) if len(found) != 1]
    wrong += [
        str(getattr(route, "path", route))
        for route in _flat(app.routes)
        if not isinstance(route, APIRoute) and getattr(route, "path", None) not in mounts
    ]
    if wrong:
        raise RuntimeError(f"routes without exactly one declared permission: {', '.join(sorted(wrong))}")


def _flat(routes: list[BaseRoute]) -> Iterator[BaseRoute]:
    """Routes, with included routers opened up (newer FastAPI keeps them folded)."""
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from _flat(inner.routes)
        else:
            yield route
