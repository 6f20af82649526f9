"""RTSP 1.0 requests and responses as text (RFC 2326 4, 6, 7), and interleaved packets among them (10.12)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

MAX_HEAD_BYTES = 16_384
MAX_BODY_BYTES = 65_536
REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    454: "Session Not Found",
    455: "Method Not Valid in This State",
    461: "Unsupported Transport",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "RTSP Version Not Supported",
    551: "Option Not Supported",
}


class BadRequest(Exception):
    """What came is no RTSP request; the text says why."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request; header names are lower case."""

    method: str
    uri: str
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Interleaved:
    """A packet of the client on channel `channel`, usually an RTCP receiver report."""

    channel: int
    payload: bytes


async def read_message(reader: asyncio.StreamReader) -> Request | Interleaved | None:
    """The next message, None at the end of the connection; raises BadRequest."""
    try:
        first = await reader.readexactly(1)
        while first in b"\r\n":  # some clients send an empty line between requests
            first = await reader.readexactly(1)
        if first == b"$":
            head = await reader.readexactly(3)
            return Interleaved(head[0], await reader.readexactly(int.from_bytes(head[1:], "big")))
        request = parse_head(first + await reader.readuntil(b"\r\n\r\n"))
        await _skip_body(reader, request)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    except asyncio.LimitOverrunError as error:
        raise BadRequest(f"head longer than {MAX_HEAD_BYTES} bytes") from error
    return request


def parse_head(head: bytes) -> Request:
    """A request's line and headers; raises BadRequest."""
    lines = head.decode("utf-8", errors="replace").split("\r\n")
    parts = lines[0].split()
    if len(parts) != 3 or not parts[2].startswith("RTSP/"):
        raise BadRequest(f"no request line: {lines[0][:80]!r}")
    if parts[2] != "RTSP/1.0":
        raise BadRequest(f"version {parts[2][:20]!r}")
    headers = {}
    for line in filter(None, lines[1:]):
        name, colon, value = line.partition(":")
        if not colon:
            raise BadRequest(f"no header: {line[:80]!r}")
        headers[name.strip().lower()] = value.strip()
    return Request(parts[0], parts[1], headers)


def response(
    status: int, cseq: str | None, headers: list[tuple[str, str]] | None = None, body: bytes = b""
) -> bytes:
    """A response as it goes over the wire."""
    lines = [f"RTSP/1.0 {status} {REASONS.get(status, 'Unknown')}"]
    if cseq is not None:
        lines.append(f"CSeq: {cseq}")
    lines += [f"{name}: {value}" for name, value in headers or ()]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


async def _skip_body(reader: asyncio.StreamReader, request: Request) -> None:
    length = request.headers.get("content-length", "0")
    if not length.isdigit() or int(length) > MAX_BODY_BYTES:
        raise BadRequest(f"Content-Length {length[:20]!r}; at most {MAX_BODY_BYTES}")
    await reader.readexactly(int(length))
