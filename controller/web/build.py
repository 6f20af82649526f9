"""The whole of what the centre serves over HTTP: the API, and the page on top of it."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from controller.api.build import build_api
from controller.api.problems import problem_response
from controller.api.rooms import Rooms
from controller.db.transaction import UNSTORABLE
from controller.domain.refusals import Refused
from controller.web import pages


def build_web(rooms: Rooms) -> FastAPI:
    """API and page in one application. Raises RuntimeError when a route declares no permission."""
    app = build_api(rooms, pages=(pages.router,))
    app.add_exception_handler(Refused, _refused)
    plain = dict(app.exception_handlers)

    async def in_words(request: Request, error: Exception) -> Response:
        """Requests the framework refuses: a page for the page, a problem for the API."""
        if request.url.path.startswith("/v1"):
            answer: Response = plain[type(error)](request, error)
            return answer
        status = error.status_code if isinstance(error, HTTPException) else 422
        return _refused(request, Refused("not_found" if status == 404 else "input_invalid"))

    app.add_exception_handler(HTTPException, in_words)
    app.add_exception_handler(RequestValidationError, in_words)
    for trouble in UNSTORABLE:
        app.add_exception_handler(trouble, in_words)
    return app


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    if request.url.path.startswith(("/v1", "/live")):
        return problem_response(error)
    return pages.refused_page(request, error)
