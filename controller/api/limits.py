"""What every request passes before a handler sees it: the cap on its body, and headers of every answer.

Law: a body over the cap is refused before it is read whole, whether its length was declared or not.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from controller.api.problems import problem_response
from controller.domain.media import LARGEST_BYTES
from controller.domain.refusals import Refused

BODY_BYTES: Final = 1024 * 1024
"""OWASP API4: 1 MiB."""
_EVIDENCE: Final = re.compile(r"/v1/boxes/[^/]{1,40}/evidence/[^/]{64}")
"""Where a box puts a clip, which is larger."""

HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
}


class _TooLarge(Exception):
    """The body grew over the cap while it was read."""


class BodyCap:
    """Refuses bodies over ``BODY_BYTES`` with 413; evidence of a box may have as much as a clip."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        cap_bytes = _cap_bytes(scope)
        if _declared(scope) > cap_bytes:
            await _refuse(scope, receive, send, cap_bytes)
            return
        taken = 0
        answered = False

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > cap_bytes:
                raise _TooLarge
            return message

        async def watched(message: Message) -> None:
            nonlocal answered
            if taken <= cap_bytes or answered:
                answered = True
                await send(message)

        # the framework may make another error of it, so the answer is given below in either case
        with suppress(_TooLarge):
            await self._app(scope, counted, watched)
        if taken > cap_bytes and not answered:
            await _refuse(scope, receive, send, cap_bytes)


class SafeHeaders:
    """Adds the headers of ``HEADERS`` where a handler has not set its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        await self._app(scope, receive, dressed)


def _cap_bytes(scope: Scope) -> int:
    puts_evidence = scope["method"] == "PUT" and _EVIDENCE.fullmatch(scope["path"]) is not None
    return LARGEST_BYTES if puts_evidence else BODY_BYTES


def _declared(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:12])
    return 0


async def _refuse(scope: Scope, receive: Receive, send: Send, cap_bytes: int) -> None:
    refused = Refused(
        "body_too_large",
        zh=f"请求内容不得超过 {cap_bytes} 字节。",
        en=f"A request body has at most {cap_bytes} bytes.",
    )
    await problem_response(refused)(scope, receive, send)
