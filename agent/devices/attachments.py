"""Answers that carry files beside the envelope: multipart/related as MTOM has it, split within its bounds.

Law: a body without parts is the envelope itself; a broken one is read as far as it goes and judged by the XML
parser. Boundaries are taken from the body, for some makes write another into the header than they send
(Hikvision: ``--http://tempuri@onvif.org/getsystembackup``). Sources: RFC 2387; XOP 1.0.
"""

from __future__ import annotations

_MOST_PARTS = 8
_LONGEST_BOUNDARY = 200


def envelope_of(body: bytes, content_type: str) -> bytes:
    """The SOAP envelope of an answer: its first part, or all of it."""
    parts = _parts(body, content_type)
    return parts[0] if parts else body


def attached(body: bytes, content_type: str) -> bytes:
    """The first file that came beside the envelope; empty when there is none."""
    parts = _parts(body, content_type)
    return parts[1] if len(parts) > 1 else b""


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
