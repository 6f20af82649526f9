"""How a password is kept and checked: argon2id with the library's defaults (RFC 9106, low memory).

Law: a wrong login costs as much time as a wrong password, so that nobody can ask which logins exist.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from controller.domain.refusals import Refused

SHORTEST_PASSWORD: Final = 12
"""ASVS 2.1.1."""
_HASHER = PasswordHasher()
_NOBODY = _HASHER.hash(secrets.token_hex(16))


def hash_password(password: str) -> str:
    """The argon2id string to store. Raises Refused(input_invalid) when it is too short or too long."""
    if not SHORTEST_PASSWORD <= len(password) <= 128:
        raise Refused(
            "input_invalid",
            zh=f"口令须为 {SHORTEST_PASSWORD} 至 128 个字符，请重新设置。",
            en=f"A password has {SHORTEST_PASSWORD} to 128 characters; choose another.",
        )
    return _HASHER.hash(password)


def password_matches(stored: str | None, password: str) -> bool:
    """Whether ``password`` is the one behind ``stored``; None stands for an unknown login."""
    try:
        return _HASHER.verify(stored or _NOBODY, password[:128]) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


def new_token(kind: str) -> str:
    """A random token of 256 bits, ``op{kind}_...``: the prefix lets secret scanners find a leaked one."""
    return f"op{kind}_{secrets.token_urlsafe(32)}"


def token_hash(token: str) -> str:
    """What is stored of a token. Plain SHA-256 is enough: the token itself has 256 random bits."""
    return hashlib.sha256(token.encode()).hexdigest()
