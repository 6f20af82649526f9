"""Decides how a SOAP envelope and one attachment travel together: multipart/related, as MTOM wants it.

Source: RFC 2387; XOP 1.0. Some makes write a boundary that is no token (Hikvision: a URI after two dashes).
"""

from __future__ import annotations

from email.message import EmailMessage

_ROOT = 'application/xop+xml; charset=UTF-8; type="application/soap+xml"'
ATTACHED = "payload"


def put_together(envelope: bytes, attached: bytes, boundary: str) -> tuple[bytes, str]:
    """The body and its Content-Type."""
    mark = f"--{boundary}".encode()
    parts = [
        mark,
        f"Content-Type: {_ROOT}".encode(),
        b"Content-ID: <root>",
        b"",
        envelope,
        mark,
        b"Content-Type: application/octet-stream",
        b"Content-Transfer-Encoding: binary",
        f"Content-ID: <{ATTACHED}>".encode(),
        b"",
        attached,
        mark + b"--",
        b"",
    ]
    content_type = f'multipart/related; type="application/xop+xml"; start="<root>"; boundary="{boundary}"'
    return b"\r\n".join(parts), content_type


def taken_apart(payload: bytes, content_type: str) -> tuple[bytes, bytes]:
    """The envelope and the first attachment of a request; the payload itself when it has only one part."""
    header = EmailMessage()
    header["Content-Type"] = content_type or "text/plain"
    boundary = header.get_param("boundary")
    if header.get_content_maintype() != "multipart" or not isinstance(boundary, str):
        return payload, b""
    pieces = payload.split(f"--{boundary}".encode())[1:-1]
    bodies = [piece.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for piece in pieces]
    return (bodies[0] if bodies else b""), (bodies[1] if len(bodies) > 1 else b"")
