"""Signing in and out, and who I am."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from controller.api.access import COOKIE, OPEN, Known, remote_of
from controller.api.models import Credentials, Me
from controller.api.rooms import rooms_of
from controller.domain.roles import ACTIONS, MATRIX, Caller
from controller.services.sign_in import LONGEST

router = APIRouter(prefix="/v1", tags=["session"])


@router.post("/session", dependencies=[OPEN], summary="Sign in; sets the session cookie")
def sign_in(request: Request, response: Response, credentials: Credentials) -> Me:
    rooms = rooms_of(request)
    token, caller = rooms.sign_in.sign_in(credentials.login, credentials.password, remote=remote_of(request))
    set_cookie(response, token, secure=rooms.secure_cookies)
    return me_of(caller)


@router.delete("/session", status_code=204, summary="Sign out")
def sign_out(request: Request, response: Response, caller: Known) -> None:
    rooms_of(request).sign_in.sign_out(caller)
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")


@router.get("/me", summary="Who is asking, and what may be done")
def me(caller: Known) -> Me:
    return me_of(caller)


def set_cookie(response: Response, token: str, *, secure: bool) -> None:
    """Give the browser its session."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(LONGEST.total_seconds()),
        path="/",
        secure=secure,
        httponly=True,
        samesite="strict",
    )


def me_of(caller: Caller) -> Me:
    """What a caller may know about itself."""
    return Me(
        caller=caller.name,
        title=caller.title,
        role=caller.role.value,
        place=caller.scope.place,
        categories=list(caller.scope.categories),
        permissions=sorted(MATRIX[caller.role]),
        actions=[action for action in ACTIONS if caller.may_act(action)],
    )
