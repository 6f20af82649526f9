"""How HTTP Digest is answered: MD5 and SHA-256, for SOAP, snapshots and RTSP alike.

Source: RFC 7616 (qop=auth, and none as of RFC 2069 for old RTSP servers). Pure but for the client's nonce.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from agent.model import Secret

_SCHEME = re.compile(r"(?i)(?:^|,\s*|\s)(?=(?:digest|basic)\s+\w+\s*=)")
_PARAMETER = re.compile(r'\b(\w++)\s*+=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))')
"""Begins at words, and takes them whole: tried at each letter, a word of 60 kB held the box for 20 s."""
_HASHES: dict[str, Callable[[bytes], str]] = {
    "SHA-256": lambda octets: hashlib.sha256(octets).hexdigest(),
    "MD5": lambda octets: hashlib.md5(octets, usedforsecurity=False).hexdigest(),
}
"""Strongest first: the first one offered is taken."""


@dataclass(slots=True)
class Challenge:
    """One Digest challenge and how often its nonce was used. ``algorithm`` is a key of the known hashes."""

    realm: str
    nonce: str
    algorithm: str
    session: bool = False
    qop: bool = True
    opaque: str | None = None
    stale: bool = False
    uses: int = 0

    def authorization(self, method: str, target: str, *, username: str, password: Secret) -> str:
        """The value of the Authorization header for one request; counts the use."""
        self.uses += 1
        digest = _HASHES[self.algorithm]
        count, cnonce = f"{self.uses:08x}", secrets.token_hex(8)
        first = digest(f"{username}:{self.realm}:{password.reveal}".encode())
        if self.session:
            first = digest(f"{first}:{self.nonce}:{cnonce}".encode())
        second = digest(f"{method}:{target}".encode())
        middle = f"{self.nonce}:{count}:{cnonce}:auth" if self.qop else self.nonce
        fields = [
            f'username="{_escaped(username)}"',
            f'realm="{_escaped(self.realm)}"',
            f'nonce="{self.nonce}"',
            f'uri="{target}"',
            f'response="{digest(f"{first}:{middle}:{second}".encode())}"',
            f"algorithm={self.algorithm}{'-sess' if self.session else ''}",
        ]
        if self.qop:
            fields += ["qop=auth", f"nc={count}", f'cnonce="{cnonce}"']
        if self.opaque is not None:
            fields.append(f'opaque="{self.opaque}"')
        return "Digest " + ", ".join(fields)


def digest_challenge(headers: Iterable[str]) -> Challenge | None:
    """The strongest Digest challenge we can answer among WWW-Authenticate values; None when there is none."""
    offered = [made for text in _challenges(headers, "digest") if (made := _challenge(text)) is not None]
    ranked = list(_HASHES)
    return min(offered, key=lambda challenge: ranked.index(challenge.algorithm), default=None)


def offers_basic(headers: Iterable[str]) -> bool:
    """Whether a WWW-Authenticate value offers Basic."""
    return any(True for _ in _challenges(headers, "basic"))


def _challenges(headers: Iterable[str], scheme: str) -> Iterable[str]:
    for header in headers:
        for part in _SCHEME.split(header):
            if part.strip().lower().startswith(scheme):
                yield part.strip()[len(scheme) :]


def _challenge(text: str) -> Challenge | None:
    given = {name.lower(): (quoted or bare) for name, quoted, bare in _PARAMETER.findall(text)}
    algorithm, _, session = given.get("algorithm", "MD5").upper().partition("-SESS")
    session_asked = given.get("algorithm", "").upper().endswith("-SESS")
    if algorithm not in _HASHES or "nonce" not in given or session:
        return None
    offered = {word.strip().lower() for word in given.get("qop", "").split(",") if word.strip()}
    if offered and "auth" not in offered:
        return None
    return Challenge(
        realm=given.get("realm", "").replace('\\"', '"'),
        nonce=given["nonce"],
        algorithm=algorithm,
        session=session_asked,
        qop=bool(offered),
        opaque=given.get("opaque"),
        stale=given.get("stale", "").lower() == "true",
    )


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "").replace("\n", "")
