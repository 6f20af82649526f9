"""Decides what a broken or hostile device sends in place of a SOAP answer.

Law: a body depends on the fault switches alone; its size is bounded by HUGE_BYTES or by the client.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from simulator.device.device import REDIRECT_HOST
from simulator.faults import FaultSwitches

HUGE_BYTES = 100_000_000
_CHUNK = b"A" * 65_536
_ENDLESS_PAUSE_S = 0.02
_LOGIN_PAGE = (
    "<!DOCTYPE html><html><head><title>Web Client</title></head>"
    "<body><form><input name='user'><input type='password' name='pass'></form></body></html>"
)
_BOMB = (
    b"<!DOCTYPE bomb ["
    + b"".join(
        [b'<!ENTITY a0 "lollollollol">']
        + [b'<!ENTITY a%d "%s">' % (level, b"&a%d;" % (level - 1) * 10) for level in range(1, 10)]
    )
    + b"]>"
)
_EXTERNAL = b'<!DOCTYPE answer [<!ENTITY a9 SYSTEM "file:///etc/hostname">]>'


async def instead(faults: FaultSwitches, request: web.BaseRequest) -> web.StreamResponse | None:
    """The whole answer when a switch replaces it; None when the device answers SOAP."""
    if faults.html_200:
        return web.Response(text=_LOGIN_PAGE, content_type="text/html")
    if faults.redirect:
        port = request.url.port or 80
        location = f"http://{REDIRECT_HOST}:{port}{request.path_qs}"
        return web.Response(status=307, headers={"Location": location})
    if faults.huge_answer:
        return await _pour(request, HUGE_BYTES)
    if faults.endless_answer:
        return await _pour(request, None)
    return None


def spoiled(faults: FaultSwitches, payload: bytes) -> bytes:
    """The SOAP document as the switches spoil it; unchanged when none does."""
    if faults.broken_xml:
        return payload[: len(payload) * 3 // 5]
    if faults.entity_bomb:
        return _with_entity(payload, _BOMB)
    if faults.external_entity:
        return _with_entity(payload, _EXTERNAL)
    return payload


def _with_entity(payload: bytes, doctype: bytes) -> bytes:
    """Declare entities on top and refer to a9 at the end of the body's element."""
    body_end = payload.rindex(b"</", 0, payload.rindex(b":Body>"))
    at = payload.rindex(b"</", 0, body_end)
    return payload[:at].replace(b"?>", b"?>" + doctype, 1) + b"&a9;" + payload[at:]


async def _pour(request: web.BaseRequest, size_bytes: int | None) -> web.StreamResponse:
    """Send `size_bytes`, or for ever when None, until the client has enough."""
    response = web.StreamResponse(headers={"Content-Type": "application/soap+xml; charset=utf-8"})
    if size_bytes is None:
        response.enable_chunked_encoding()
    else:
        response.content_length = size_bytes
    await response.prepare(request)
    sent = 0
    try:
        while size_bytes is None or sent < size_bytes:
            chunk = _CHUNK if size_bytes is None else _CHUNK[: size_bytes - sent]
            await response.write(chunk)
            sent += len(chunk)
            if size_bytes is None:
                await asyncio.sleep(_ENDLESS_PAUSE_S)
        await response.write_eof()
    except ConnectionError:
        pass
    return response
