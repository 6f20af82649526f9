"""How audit rows hold each other: ``hash = SHA-256(previous hash + canonical row)``.

Law: a row that is changed, removed, added or moved breaks every hash after it; a tail that is cut off
shows because the head (number and hash of the last row) is kept apart.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Final

GENESIS: Final = "0" * 64
"""The hash before the first row."""


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One line of the audit log. ``at`` is RFC 3339 UTC text: what is hashed is what is stored."""

    number: int
    at: str
    actor: str
    action: str
    subject: str
    detail: str
    remote: str


@dataclass(frozen=True, slots=True)
class Break:
    """The first row that does not hold, and why."""

    number: int
    why: str


def row_hash(previous: str, row: AuditRow) -> str:
    """The hash of ``row`` after the row whose hash is ``previous``; 64 hexadecimal digits."""
    canonical = json.dumps(asdict(row), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(previous.encode() + canonical.encode()).hexdigest()


def first_break(rows: Iterable[tuple[AuditRow, str]], *, head: tuple[int, str]) -> Break | None:
    """Walk the log from its beginning; None when it holds up to the head.

    ``rows`` are (row, stored hash) by ascending number; ``head`` is (number, hash) of the last row
    ever written, (0, GENESIS) for an empty log.
    """
    previous, number = GENESIS, 0
    for row, stored in rows:
        if row.number != number + 1:
            return Break(number + 1, f"row {number + 1} is missing; row {row.number} follows")
        if row_hash(previous, row) != stored:
            return Break(row.number, f"row {row.number} was changed or does not follow its predecessor")
        previous, number = stored, row.number
    if (number, previous) != head:
        return Break(min(number, head[0]) + 1, f"the log ends at row {number}, the head says {head[0]}")
    return None
