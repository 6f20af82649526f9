"""SIP messages as text: requests taken apart, answers put together with what they copy.

Source: RFC 3261 sections 7.3.3 (short names), 8.2.6 (what an answer copies) and 19.1 (addresses).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

COPIED = ("via", "from", "to", "call-id", "cseq")
_LONG_NAME = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact"}
_WRITTEN = {"call-id": "Call-ID", "cseq": "CSeq"}
_USER = re.compile(r"(?i)sips?:([^@>;\s]+)@")


@dataclass(frozen=True, slots=True)
class SipRequest:
    """A request: header names are long and lower-case, repeated ones stay in order."""

    method: str
    uri: str
    headers: tuple[tuple[str, str], ...]

    def header(self, name: str) -> str:
        """The first value of a header, "" when it is absent."""
        return next((value for known, value in self.headers if known == name), "")


def parse(datagram: bytes) -> SipRequest | None:
    """A request with everything an answer must copy; None for what is none."""
    head = datagram.decode("utf-8", "replace").partition("\r\n\r\n")[0]
    start, _, rest = head.partition("\r\n")
    method, _, line = start.partition(" ")
    uri, _, version = line.rpartition(" ")
    if version != "SIP/2.0" or not uri:
        return None
    pairs = [row.partition(":") for row in rest.split("\r\n") if ":" in row]
    headers = tuple((_long(name), value.strip()) for name, _, value in pairs)
    if not {name for name, _ in headers} >= set(COPIED):
        return None
    return SipRequest(method, uri, headers)


def status_of(datagram: bytes) -> int | None:
    """The status of an answer; None for what is none."""
    start = datagram[:64].decode("ascii", "replace").split(" ")
    return int(start[1]) if start[0] == "SIP/2.0" and len(start) > 1 and start[1].isdecimal() else None


def response(request: SipRequest, status: str, *, more: Iterable[str] = ()) -> bytes:
    """The answer to a request; a To without a tag gets one."""
    lines = [f"SIP/2.0 {status}"]
    lines += [_copy(name, value) for name, value in request.headers if name in COPIED]
    return "\r\n".join([*lines, *more, "Content-Length: 0", "", ""]).encode()


def user_of(address: str) -> str:
    """The user part of the first SIP address in a text, "" when it has none."""
    found = _USER.search(address)
    return found[1] if found else ""


def _long(name: str) -> str:
    lowered = name.strip().lower()
    return _LONG_NAME.get(lowered, lowered)


def _copy(name: str, value: str) -> str:
    if name == "to" and ";tag=" not in value:
        value = f"{value};tag={secrets.token_hex(4)}"
    return f"{_WRITTEN.get(name, name.capitalize())}: {value}"
