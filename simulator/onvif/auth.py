"""Decides whether a request's credentials are right: WS-UsernameToken digest, HTTP Digest, HTTP Basic.

Law: a proof is recomputed from the password, a nonce counts once, Created is judged by the device's clock.
Sources: WS-Security UsernameToken Profile 1.0, RFC 7616 (MD5 and SHA-256, qop=auth), ONVIF Core 5.9.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable

from lxml import etree

from simulator.device.clock import DeviceClock
from simulator.device.users import Refusal, Users
from simulator.onvif.soap import WSSE, WSU, moment

CREATED_TOLERANCE_S = 5.0
DIGEST_NONCE_LIVES_S = 300.0
_DIGEST_TYPE = "#PasswordDigest"
_HASHES: dict[str, Callable[[bytes], str]] = {
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
}
_PARAMETER = re.compile(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))')


class UsernameTokens:
    """Checks WS-UsernameToken digests: Base64(SHA1(nonce + created + password))."""

    def __init__(self, users: Users, clock: DeviceClock) -> None:
        self._users = users
        self._clock = clock
        self._seen: dict[bytes, float] = {}

    def refusal(self, token: etree._Element) -> Refusal | None:
        """Why the token is refused; None when it is good. Its nonce is then used up."""
        username = _child_text(token, WSSE, "Username")
        password = token.find(f"{{{WSSE}}}Password")
        created = _child_text(token, WSU, "Created")
        try:
            nonce = base64.b64decode(_child_text(token, WSSE, "Nonce"), validate=True)
            created_unix = moment(created).timestamp()
        except (ValueError, binascii.Error):
            return Refusal.MALFORMED
        if password is None or not (password.get("Type") or "").endswith(_DIGEST_TYPE) or not nonce:
            return Refusal.MALFORMED
        given = (password.text or "").strip()
        refusal = self._users.judge(
            username, lambda secret: _same(given, _token_digest(nonce, created, secret))
        )
        return refusal or self._freshness(nonce, created_unix)

    def _freshness(self, nonce: bytes, created_unix: float) -> Refusal | None:
        now = self._clock.unix()
        if abs(created_unix - now) > CREATED_TOLERANCE_S:
            return Refusal.STALE
        self._seen = {n: at for n, at in self._seen.items() if abs(at - now) <= CREATED_TOLERANCE_S}
        if nonce in self._seen:
            return Refusal.REPLAYED
        self._seen[nonce] = created_unix
        return None


def _token_digest(nonce: bytes, created: str, password: str) -> str:
    digest = hashlib.sha1(nonce + created.encode() + password.encode(), usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def _child_text(element: etree._Element, namespace: str, name: str) -> str:
    child = element.find(f"{{{namespace}}}{name}")
    return "" if child is None else (child.text or "").strip()


def _same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode(), right.encode())


class HttpDigest:
    """Checks HTTP Digest with qop=auth; issues nonces of its own and refuses a repeated (nonce, nc)."""

    def __init__(
        self,
        users: Users,
        *,
        realm: str,
        algorithms: tuple[str, ...],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._users = users
        self._realm = realm
        self._algorithms = algorithms
        self._monotonic = monotonic
        self._issued: dict[str, float] = {}
        self._used: set[tuple[str, str]] = set()

    def challenges(self, *, stale: bool = False) -> list[str]:
        """Values of the WWW-Authenticate headers, one for each algorithm, MD5 first."""
        self._forget_old()
        nonce = secrets.token_hex(16)
        self._issued[nonce] = self._monotonic()
        return [
            f'Digest realm="{self._realm}", qop="auth", nonce="{nonce}", algorithm={algorithm}'
            + (", stale=true" if stale else "")
            for algorithm in self._algorithms
        ]

    def refusal(self, header: str, *, method: str, uri: str) -> Refusal | None:
        """Why an Authorization header is refused; None when it is good."""
        given = {name: quoted or bare for name, quoted, bare in _PARAMETER.findall(header)}
        algorithm = given.get("algorithm", "MD5").upper()
        if algorithm not in self._algorithms or given.get("realm") != self._realm:
            return Refusal.MALFORMED
        if given.get("qop") != "auth" or given.get("uri") != uri:
            return Refusal.MALFORMED
        nonce, count = given.get("nonce", ""), given.get("nc", "")
        self._forget_old()
        if nonce not in self._issued:
            return Refusal.STALE
        refusal = self._users.judge(
            given.get("username", ""),
            lambda secret: _same(
                given.get("response", ""), _digest_response(given, algorithm, secret, method)
            ),
        )
        if refusal is None and (nonce, count) in self._used:
            return Refusal.REPLAYED
        self._used.add((nonce, count))
        return refusal

    def _forget_old(self) -> None:
        oldest = self._monotonic() - DIGEST_NONCE_LIVES_S
        gone = {nonce for nonce, at in self._issued.items() if at < oldest}
        if not gone:
            return
        self._issued = {nonce: at for nonce, at in self._issued.items() if nonce not in gone}
        self._used = {(nonce, count) for nonce, count in self._used if nonce not in gone}


def _digest_response(given: dict[str, str], algorithm: str, password: str, method: str) -> str:
    digest = _HASHES[algorithm]
    first = digest(f"{given['username']}:{given['realm']}:{password}".encode())
    second = digest(f"{method}:{given['uri']}".encode())
    middle = ":".join(given.get(name, "") for name in ("nonce", "nc", "cnonce", "qop"))
    return digest(f"{first}:{middle}:{second}".encode())


def basic_refusal(users: Users, header: str) -> Refusal | None:
    """Why an `Authorization: Basic` value is refused; None when it is good."""
    try:
        username, _, password = base64.b64decode(header.partition(" ")[2]).decode().partition(":")
    except (ValueError, binascii.Error):
        return Refusal.MALFORMED
    return users.judge(username, lambda secret: _same(password, secret))
