"""What is written to a SIP peer and how its answer is read: requests and responses as text. Pure.

Law: an answer counts only when it is whole, bounded and carries our Call-ID and CSeq; nothing a peer sends
makes the reading raise. Source: RFC 3261 sections 7, 8.1 and 20.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.devices.address import bracketed
from agent.devices.redact import quoted

MESSAGE_BYTES = 65_535
_HEADERS = 64
_CONTACTS = 16
_STATUS = re.compile(r"SIP/2\.0 ([1-6]\d{2})(?: (.*))?")
_SHORT = {"i": "call-id", "m": "contact", "v": "via", "f": "from", "t": "to", "l": "content-length"}
_CSEQ = re.compile(r"(\d{1,10})\s+([A-Z]{1,20})")
_EXPIRES = re.compile(r"(?i);\s*expires\s*=\s*\"?(\d{1,10})")
_HOST = re.compile(r"(?i)sips?:(?:[^@>\s]{0,128}@)?(\[[0-9a-f:.]{2,45}\]|[a-z0-9.-]{1,253})")


@dataclass(frozen=True, slots=True)
class Dialogue:
    """One question with its repetitions: who asks whom about what."""

    method: str
    target: str
    """Request-URI without ``sip:``: ``user@host:port``."""
    local: str
    """Where the answer comes to, ``host:port``."""
    transport: str = "UDP"
    subject: str = ""
    """Address of record a registrar is asked about; "" for the target."""
    number: int = 1
    call_id: str = ""

    @property
    def uri(self) -> str:
        """The Request-URI, as Digest signs it."""
        return f"sip:{self.target}"


@dataclass(frozen=True, slots=True)
class SipAnswer:
    """A final answer. ``agent`` is what the peer calls itself, "" when it does not."""

    status: int
    reason: str
    agent: str
    headers: Mapping[str, Sequence[str]]
    """Lower-case long name to its values, in their order."""

    @property
    def challenges(self) -> tuple[str, ...]:
        """What a 401 or 407 asks for."""
        name = "proxy-authenticate" if self.status == 407 else "www-authenticate"
        return tuple(self.headers.get(name, ()))

    @property
    def bindings(self) -> tuple[str, ...]:
        """Hosts of the contacts that have not expired (RFC 3261 10.3, item 8); at most 16."""
        hosts = []
        for contact in _split_contacts(self.headers.get("contact", ()))[:_CONTACTS]:
            expires, found = _EXPIRES.search(contact), _HOST.search(contact)
            if found is not None and (expires is None or int(expires.group(1)) > 0):
                hosts.append(found.group(1).strip("[]"))
        return tuple(hosts)


def new_call_id() -> str:
    """A Call-ID nobody else has."""
    return secrets.token_hex(12)


def target_of(user: str, host: str, port: int) -> str:
    """``user@host:port`` as it stands in a Request-URI; no user, no ``@``."""
    netloc = f"{bracketed(host)}:{port}"
    return f"{_escaped(user)}@{netloc}" if user else netloc


def request(asked: Dialogue, *, authorization: tuple[str, str] | None = None) -> bytes:
    """One request without a body. ``authorization`` is the name and value of its log-in header."""
    about = f"sip:{asked.subject}" if asked.subject else asked.uri
    mine = about if asked.method == "REGISTER" else f"sip:outpost@{asked.local}"
    lines = [
        f"{asked.method} {asked.uri} SIP/2.0",
        f"Via: SIP/2.0/{asked.transport} {asked.local};branch=z9hG4bK{asked.call_id}{asked.number};rport",
        "Max-Forwards: 70",
        f"From: <{mine}>;tag={asked.call_id[:8]}",
        f"To: <{about}>",
        f"Call-ID: {asked.call_id}",
        f"CSeq: {asked.number} {asked.method}",
        "User-Agent: Outpost",
    ]
    if asked.method == "OPTIONS":
        lines += [f"Contact: <sip:outpost@{asked.local}>", "Accept: application/sdp"]
    if authorization is not None:
        lines.append(f"{authorization[0]}: {authorization[1]}")
    return "\r\n".join([*lines, "Content-Length: 0", "", ""]).encode()


def answer(message: bytes, asked: Dialogue) -> SipAnswer | None:
    """The final answer to ``asked`` that ``message`` is; None for everything else (1xx, strangers, noise)."""
    found = _final(message, asked)
    return None if found is None or _number(found, asked) != asked.number else found


def answered_number(message: bytes, asked: Dialogue) -> int | None:
    """Which CSeq of our Call-ID ``message`` finally answers; None for everything else."""
    found = _final(message, asked)
    return None if found is None else _number(found, asked)


def _final(message: bytes, asked: Dialogue) -> SipAnswer | None:
    head = message[:MESSAGE_BYTES].partition(b"\r\n\r\n")[0].decode("utf-8", "replace")
    start, *lines = head.split("\r\n")
    match = _STATUS.fullmatch(start)
    if match is None or int(match.group(1)) < 200:
        return None
    headers = _headers(lines)
    if _first(headers, "call-id") != asked.call_id:
        return None
    agent = _first(headers, "user-agent") or _first(headers, "server")
    return SipAnswer(
        int(match.group(1)), quoted(match.group(2) or "", longest=60), quoted(agent, longest=100), headers
    )


def _number(found: SipAnswer, asked: Dialogue) -> int | None:
    match = _CSEQ.fullmatch(_first(found.headers, "cseq"))
    return int(match.group(1)) if match is not None and match.group(2) == asked.method else None


def body_bytes(head: bytes) -> int:
    """Content-Length of a message head on a stream, 0 when absent or odd."""
    headers = _headers(head.decode("utf-8", "replace").split("\r\n")[1:])
    said = _first(headers, "content-length", "0")
    return int(said) if said.isdecimal() and len(said) < 7 else 0


def _headers(lines: Sequence[str]) -> dict[str, list[str]]:
    """At most 64 headers; folded lines belong to the one before them (RFC 3261 7.3.1)."""
    found: dict[str, list[str]] = {}
    last: list[str] = []
    for line in lines[:_HEADERS]:
        if line[:1] in (" ", "\t") and last:
            last[-1] = f"{last[-1]} {line.strip()}"
            continue
        name, colon, value = line.partition(":")
        if not colon:
            continue
        key = name.strip().lower()
        last = found.setdefault(_SHORT.get(key, key), [])
        last.append(value.strip())
    return found


def _first(headers: Mapping[str, Sequence[str]], name: str, default: str = "") -> str:
    return next(iter(headers.get(name, ())), default)


def _split_contacts(values: Sequence[str]) -> list[str]:
    """Contacts of one header are parted by commas outside ``<>`` and quotes."""
    return [part for value in values for part in re.findall(r'(?:"[^"]*"|<[^>]*>|[^,<"])+', value)]


def _escaped(user: str) -> str:
    return "".join(
        letter if letter.isalnum() or letter in "-_.+*" else f"%{ord(letter):02X}" for letter in user
    )
