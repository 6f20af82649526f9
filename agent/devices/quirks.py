"""Where makes deviate from the standard: the table of it, and the few repairs an answer may get.

Law: a deviation is a row here, never a branch on a vendor's name elsewhere; every row names who was seen
doing it. Nothing is mended that could change a value.
"""

from __future__ import annotations

import re
from typing import Final

_NOT_SUPPORTED_CODES: Final = frozenset(
    {
        "ActionNotSupported",  # Receiver/: Bosch, Axis 9+, Pelco, Hikvision; Sender/: SUNBA
        "ActionNotImplemented",
        "OptionalActionNotImplemented",
        "UnsupportedService",
    }
)
_NOT_SUPPORTED_TEXT: Final = re.compile(
    r"(?i)method .{0,80}not implemented"  # bare Sender: gSOAP of Reolink, Pelco
    r"|method name or namespace not recognized"
    r"|optional action not (implemented|supported)"
    r"|action (failed|not supported)"  # Receiver/Action: Axis 5.x, Bosch
    r"|not implemented"
)
_LOGIN_CODES: Final = frozenset(
    {
        "NotAuthorized",  # every make
        "FailedAuthentication",  # gSOAP's wsse plug-in
        "InvalidSecurity",
        "InvalidSecurityToken",
        "SenderNotAuthorized",
        "AccountLocked",
    }
)
_LOGIN_TEXT: Final = re.compile(
    r"(?i)not authori[sz]ed|unauthori[sz]ed|authority failure|authentication (failed|required|error)"
    r"|\block(ed|ing)\b.{0,60}(account|user|try|minute)|(account|user).{0,40}\blocked\b"
)
_LOCKED_TEXT: Final = re.compile(r"(?i)\blocked\b")  # Reolink: "... locked, try after 5 minutes"
_NOT_ACTIVATED_TEXT: Final = re.compile(r"(?i)\bnot[ _-]?activated\b|\binactive device\b|未激活")
"""Hikvision from 5.3.0 on ships without a password and refuses everything until it is given one."""
_NO_SLOT_TEXT: Final = re.compile(
    r"(?i)(too many|maximum|max\b|limit|no more|exceed|full|resource)"
    r".{0,60}(subscri|pull ?point|notification)"
    r"|(subscri|pull ?point).{0,60}(too many|maximum|limit|exceed|full)"
)
_NO_SLOT_CODES: Final = frozenset({"SubscribeCreationFailedFault", "MaxPullPoints", "MaxSubscriptions"})
_WANTS_OTHER_TIME_CODES: Final = frozenset(
    {"UnacceptableInitialTerminationTimeFault", "UnacceptableTerminationTimeFault", "InvalidArgVal"}
)
_WRONG_ENCODING: Final = re.compile(rb"""^(<\?xml[^>]{0,80}encoding=["'])utf-16(["'])""", re.IGNORECASE)
_BARE_AMPERSAND: Final = re.compile(rb"&(?!(?:[A-Za-z]{2,8}|#\d{1,7}|#x[0-9A-Fa-f]{1,6});)")


def not_supported(codes: tuple[str, ...], reason: str) -> bool:
    """Whether a fault is one of the shapes of "this operation does not exist"."""
    return bool(_NOT_SUPPORTED_CODES.intersection(codes)) or bool(_NOT_SUPPORTED_TEXT.search(reason))


def refuses_login(codes: tuple[str, ...], reason: str) -> bool:
    """Whether a fault refuses the credentials (HTTP status told apart: it is 400, 401, 403 or 200)."""
    return bool(_LOGIN_CODES.intersection(codes)) or bool(_LOGIN_TEXT.search(reason))


def says_locked(text: str) -> bool:
    """Whether a refusal says that the account is locked."""
    return bool(_LOCKED_TEXT.search(text))


def says_not_activated(text: str) -> bool:
    """Whether a refusal says that the device has no password yet."""
    return bool(_NOT_ACTIVATED_TEXT.search(text))


def no_free_slot(codes: tuple[str, ...], reason: str) -> bool:
    """Whether no slot was left for a pull point (MaxPullPoints is 2 on Reolink and Pelco)."""
    return bool(_NO_SLOT_CODES.intersection(codes)) or bool(_NO_SLOT_TEXT.search(reason))


def wants_absolute_time(codes: tuple[str, ...]) -> bool:
    """Whether a device refuses a duration as InitialTerminationTime; it may take a point in time."""
    return bool(_WANTS_OTHER_TIME_CODES.intersection(codes))


def mended(body: bytes) -> bytes:
    """``body`` with the repairs that lose nothing.

    Leading blanks, byte order marks (twice: D-Link), ``encoding="utf-16"`` before plain UTF-8 bytes
    (OEM encoders), and "&" not escaped in an address (Axis ``image.cgi?a=1&b=2``, Reolink).
    """
    text = body.lstrip()
    while text.startswith(b"\xef\xbb\xbf"):
        text = text[3:].lstrip()
    text = _WRONG_ENCODING.sub(rb"\1utf-8\2", text)
    return _BARE_AMPERSAND.sub(b"&amp;", text)
