"""Files beside the envelope: multipart/related as MTOM has it, split within its bounds, and put round a file.

Law: a body without parts is the envelope itself; a broken one is read as far as it goes and judged by the XML
parser. Boundaries are taken from the body, for some makes write another into the header than they send
(Hikvision: ``--http://tempuri@onvif.org/getsystembackup``). Sources: RFC 2387; XOP 1.0.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from lxml import etree

from agent.devices.soap import CONTENT_TYPE

_MOST_PARTS = 8
_LONGEST_BOUNDARY = 200
_XOP = "http://www.w3.org/2004/08/xop/include"
_ROOT_ID, _FILE_ID = "envelope@outpost", "file@outpost"


def envelope_of(body: bytes, content_type: str) -> bytes:
    """The SOAP envelope of an answer: its first part, or all of it."""
    parts = _parts(body, content_type)
    return parts[0] if parts else body


def attached(body: bytes, content_type: str) -> bytes:
    """The first file that came beside the envelope; empty when there is none."""
    parts = _parts(body, content_type)
    return parts[1] if len(parts) > 1 else b""


@dataclass(frozen=True, slots=True)
class Wrapping:
    """What stands round one file in the body of a request; the file itself stays on disk."""

    before: bytes
    after: bytes
    content_type: str


def include() -> etree._Element:
    """The reference to the one file beside the envelope (XOP 1.0, 2.1)."""
    return etree.Element(f"{{{_XOP}}}Include", nsmap={"xop": _XOP}, href=f"cid:{_FILE_ID}")


def wrapped(envelope: bytes, *, action: str) -> Wrapping:
    """An envelope and one file as an MTOM request; the boundary is random, so that no file contains it."""
    boundary = f"outpost-{secrets.token_hex(16)}"
    root = f'application/xop+xml; charset=UTF-8; type="application/soap+xml; action=\\"{action}\\""'
    before = (
        f"--{boundary}\r\nContent-Type: {root}\r\nContent-Transfer-Encoding: binary\r\n"
        f"Content-ID: <{_ROOT_ID}>\r\n\r\n"
    ).encode()
    between = (
        f"\r\n--{boundary}\r\nContent-Type: application/octet-stream\r\n"
        f"Content-Transfer-Encoding: binary\r\nContent-ID: <{_FILE_ID}>\r\n\r\n"
    ).encode()
    content_type = (
        f'multipart/related; type="application/xop+xml"; start="<{_ROOT_ID}>"; '
        f'start-info="{CONTENT_TYPE.partition(";")[0]}"; boundary="{boundary}"'
    )
    return Wrapping(before + envelope + between, f"\r\n--{boundary}--\r\n".encode(), content_type)


def _parts(body: bytes, content_type: str) -> list[bytes]:
    if "multipart/" not in content_type.lower():
        return []
    start = body.find(b"--")
    if start < 0 or body[:start].strip():
        return []
    end = body.find(b"\n", start)
    mark = body[start:end].rstrip(b"\r")
    if end < 0 or not 2 < len(mark) <= _LONGEST_BOUNDARY:
        return []
    pieces = body[start + len(mark) :].split(b"\n" + mark, _MOST_PARTS)
    return [_content(piece) for piece in pieces if not piece.startswith(b"--")]


def _content(piece: bytes) -> bytes:
    """A part without its head and the line end before the next boundary."""
    for blank in (b"\r\n\r\n", b"\n\n"):
        head, found, content = piece.partition(blank)
        if found and len(head) < 4096:
            return content.removesuffix(b"\r")
    return b""
