"""How a refusal leaves the house: RFC 9457 ``application/problem+json`` in both languages.

Law: ``code`` is stable. ``title`` and ``detail`` are Chinese, ``title_en`` and ``detail_en`` say the
same in English. Nothing of a traceback, a query or a secret is ever in a problem.
"""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from controller.db.transaction import DATABASE_DOWN, UNSTORABLE
from controller.domain.refusals import Refused

log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"


class FieldProblem(BaseModel):
    """One field of a request that is not valid."""

    where: str = Field(description="place in the request, e.g. query.limit")
    what: str = Field(description="what is wrong with it, in English")


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field(description="urn:outpost:problem:{code}")
    code: str = Field(description="stable; compare this")
    status: int
    title: str
    detail: str
    title_en: str
    detail_en: str
    fields: list[FieldProblem] = []


def problem_response(refused: Refused, fields: list[FieldProblem] | None = None) -> Response:
    """The refusal as an HTTP response."""
    kind = refused.kind
    problem = Problem(
        type=f"urn:outpost:problem:{refused.code}",
        code=refused.code,
        status=kind.status,
        title=kind.zh,
        detail=refused.zh,
        title_en=kind.en,
        detail_en=refused.en,
        fields=fields or [],
    )
    headers = {"cache-control": "no-store"}
    if kind.status == 401:
        headers["www-authenticate"] = 'Bearer realm="outpost"'
    if refused.retry_after_s is not None:
        headers["retry-after"] = str(refused.retry_after_s)
    return JSONResponse(problem.model_dump(), status_code=kind.status, headers=headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Answer every error of ``app`` as a problem."""
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    for trouble in DATABASE_DOWN:
        app.add_exception_handler(trouble, _database)
    for value_trouble in UNSTORABLE:
        app.add_exception_handler(value_trouble, _unstorable)
    app.add_exception_handler(Exception, _our_fault)


def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return problem_response(error)


def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    fields = [
        FieldProblem(where=".".join(str(part) for part in item["loc"]), what=str(item["msg"]))
        for item in error.errors()[:20]
    ]
    named = "、".join(field.where for field in fields)
    refused = Refused(
        "input_invalid", zh=f"请检查：{named}。", en=f"Check: {', '.join(f.where for f in fields)}."
    )
    return problem_response(refused, fields)


_BY_STATUS = {404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}


def _http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return problem_response(Refused(_BY_STATUS.get(error.status_code, "input_invalid")))


def _database(request: Request, error: Exception) -> Response:
    log.error(
        "path=%s refused=database_busy error=%s", request.url.path, type(error.__cause__ or error).__name__
    )
    return problem_response(Refused("database_busy", retry_after_s=2))


def _unstorable(request: Request, error: Exception) -> Response:
    log.warning(
        "path=%s refused=input_invalid error=%s", request.url.path, type(error.__cause__ or error).__name__
    )
    return problem_response(Refused("input_invalid"))


def _our_fault(request: Request, error: Exception) -> Response:
    log.error("path=%s failed with a bug", request.url.path, exc_info=error)
    return problem_response(Refused("our_fault"))
