"""What must not be read by others: credentials are cut out of any URI or text before it is shown.

Law: text of a device or about a device passes here before it enters a message, a log or an error. Who knows
the password masks it first (``Account.quoted``): a rule that finds half of it hides the rest from the mask.
A device writes the text: each rule takes time by its length alone, so none may look at the rest again from
each place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_CUT = "***"
_TELLING = 3
"""So many characters of a secret are some of it; fewer are in every text."""
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    # scheme://name:password@host, up to the last "@": a password may have one too
    (re.compile(r"(?i)(?<![a-z0-9+.-])([a-z0-9+.-]*+://)[^/\s?#]*@"), r"\1"),
    # ?user=admin&password=x, and XiongMai's path /user=admin_password=x_channel=1_stream=0
    (
        re.compile(
            r"(?i)(?<![a-z0-9])(pass(?:word|wd)?|pwd|psw|secret|token|auth|user(?:name)?|usr|login)="
            r"(?:(?!_(?:password|channel|stream)=)[^&\s\"'<>;])*"
        ),
        rf"\1={_CUT}",
    ),
    (re.compile(r"(?is)(<(?:\w+:)?(?:Password|Nonce)\b[^<>]*+>)(?:(?!</).)*+"), rf"\1{_CUT}"),
    (re.compile(r"(?i)(authorization:\s*\w+\s+)[^\r\n]*"), rf"\1{_CUT}"),
    (re.compile(r"(?i)\b(response|cnonce)=\"[^\"]*\""), rf'\1="{_CUT}"'),
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


def redact(text: str) -> str:
    """``text`` without passwords, user names in addresses, tokens and digest answers."""
    for pattern, instead in _RULES:
        text = pattern.sub(instead, text)
    return text


def masked(text: str, secrets: Iterable[str]) -> str:
    """``text`` without these, in whatever case, also where it was cut in the middle of one."""
    for secret in sorted(secrets, key=len, reverse=True) if text else ():
        text = re.sub(re.escape(secret), _CUT, text, flags=re.IGNORECASE)
        for known in range(len(secret) - 1, _TELLING - 1, -1):
            text = re.sub(re.escape(secret[:known]) + "…", f"{_CUT}…", text, flags=re.IGNORECASE)
    return text


def quoted(text: str, *, longest: int = 120) -> str:
    """``text`` of a device, fit for one line of a message: redacted, no control characters, cut."""
    flat = " ".join(_CONTROL.sub(" ", redact(text)).split())
    return flat if len(flat) <= longest else flat[: longest - 1] + "…"
