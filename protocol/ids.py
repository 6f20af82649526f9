"""Which names may stand on the wire. Law: ASCII only; ``\\d`` would let in every script's digits."""

from __future__ import annotations

import re
import secrets
from typing import Annotated

from pydantic import StringConstraints

ID_PATTERN = r"^[a-z0-9-]{1,40}$"
"""Boxes, devices, commands. No slash, plus, hash or dot: an id is always one topic segment, and a
certificate name made of one can never widen an ACL pattern."""

GB_CODE_PATTERN = r"^[0-9]{20}$"
"""20-digit code of GB/T 28181 (8+2+3+1+6). There is no check digit; digits 11-13 are the type."""

CIVIL_CODE_PATTERN = r"^[0-9]{6,15}$"
"""Official area code of 6, 9, 12 or 15 digits (GB/T 2260 and the statistics code below it)."""

EPOCH_PATTERN = r"^[0-9a-f]{16}$"
"""A box's log epoch: 64 random bits made together with the outbox file."""

Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
GbCode = Annotated[str, StringConstraints(pattern=GB_CODE_PATTERN)]
CivilCode = Annotated[str, StringConstraints(pattern=CIVIL_CODE_PATTERN)]
Epoch = Annotated[str, StringConstraints(pattern=EPOCH_PATTERN)]

_EPOCH = re.compile(r"[0-9a-f]{16}\Z")
_ID = re.compile(r"[a-z0-9-]{1,40}\Z")


def is_id(text: str) -> bool:
    """Whether ``text`` may be used as an id (see ``ID_PATTERN``)."""
    return _ID.match(text) is not None


def is_epoch(text: str) -> bool:
    """Whether ``text`` is a log epoch (see ``EPOCH_PATTERN``)."""
    return _EPOCH.match(text) is not None


def new_epoch() -> str:
    """A fresh log epoch, 16 hexadecimal digits."""
    return secrets.token_hex(8)
