"""Who may watch: RTSP Digest (RFC 2617 with MD5, as cameras use it) and Basic, really checked.

Law: only nonces that this server handed out, and not long ago, are accepted.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import time
from collections import OrderedDict
from enum import StrEnum
from urllib.parse import urlsplit

NONCE_S = 300.0
MAX_NONCES = 1024
_PARAMETER = re.compile(r'(\w+)\s*=\s*(?:"([^"]*)"|([^\s,]+))')


class Scheme(StrEnum):
    """What a server asks for."""

    DIGEST = "digest"
    BASIC = "basic"
    BOTH = "both"
    NONE = "none"


class Doorkeeper:
    """Checks the Authorization header of requests."""

    def __init__(self, *, scheme: Scheme, realm: str, username: str, password: str) -> None:
        self._scheme, self._realm = scheme, realm
        self._username, self._password = username, password
        self._nonces: OrderedDict[str, float] = OrderedDict()

    def challenges(self) -> list[str]:
        """The WWW-Authenticate values of a 401, the stronger scheme first."""
        offered = []
        if self._scheme in (Scheme.DIGEST, Scheme.BOTH):
            nonce = secrets.token_hex(16)
            self._nonces[nonce] = time.monotonic() + NONCE_S
            while len(self._nonces) > MAX_NONCES:
                self._nonces.popitem(last=False)
            offered.append(f'Digest realm="{self._realm}", nonce="{nonce}", algorithm="MD5"')
        if self._scheme in (Scheme.BASIC, Scheme.BOTH):
            offered.append(f'Basic realm="{self._realm}"')
        return offered

    def admits(self, method: str, uri: str, authorization: str | None) -> bool:
        """Whether a request with this Authorization header is from the one user there is."""
        if self._scheme is Scheme.NONE:
            return True
        kind, _, rest = (authorization or "").strip().partition(" ")
        if kind.lower() == "digest" and self._scheme in (Scheme.DIGEST, Scheme.BOTH):
            return self._digest_fits(method, uri, rest)
        if kind.lower() == "basic" and self._scheme in (Scheme.BASIC, Scheme.BOTH):
            return self._basic_fits(rest)
        return False

    def _digest_fits(self, method: str, uri: str, header: str) -> bool:
        said = {name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(header)}
        if said.get("username") != self._username or said.get("realm") != self._realm:
            return False
        if self._nonces.get(said.get("nonce", ""), 0.0) < time.monotonic():
            return False
        if said.get("algorithm", "MD5").upper() != "MD5" or not _same_place(said.get("uri", ""), uri):
            return False
        secret = _md5(f"{self._username}:{self._realm}:{self._password}")
        asked = _md5(f"{method}:{said['uri']}")
        middle = said["nonce"]
        if "qop" in said:
            middle = ":".join((said["nonce"], said.get("nc", ""), said.get("cnonce", ""), said["qop"]))
        expected = _md5(f"{secret}:{middle}:{asked}")
        return hmac.compare_digest(expected, said.get("response", "").lower())

    def _basic_fits(self, encoded: str) -> bool:
        try:
            plain = base64.b64decode(encoded.strip(), validate=True)
        except (binascii.Error, ValueError):
            return False
        return hmac.compare_digest(plain, f"{self._username}:{self._password}".encode())


def _same_place(said: str, asked: str) -> bool:
    """Clients sign the URI with or without host and trailing slash."""
    return urlsplit(said).path.rstrip("/") == urlsplit(asked).path.rstrip("/")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
