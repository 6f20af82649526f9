"""What trials found at one device. Pure.

Law: a mark says what was claimed, what was done and why that is so, in bounded text without credentials.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from agent.devices.redact import quoted
from agent.model import Identity

_LONGEST = 40
_LONGEST_SENTENCE = 300


class Verdict(StrEnum):
    """What a trial came to."""

    HONEST = "honest"
    LIES = "lies"
    UNDECIDED = "undecided"
    NOT_OFFERED = "not_offered"


@dataclass(frozen=True, slots=True)
class Mark:
    """One trial's outcome. ``claims`` and ``does`` are a few words (``60 s``, ``true``), "-" for none."""

    trial: str
    claims: str
    does: str
    verdict: Verdict
    evidence: str


@dataclass(frozen=True, slots=True)
class Card:
    """All marks of one device at one time. ``left`` says what a write trial could not put back."""

    device: str
    identity: Identity
    at: datetime
    marks: tuple[Mark, ...]
    left: tuple[str, ...] = ()
    habits: Mapping[str, float] | None = None
    """What was learned of the make, by name."""


def mark(trial: str, claims: object, does: object, verdict: Verdict, evidence: str) -> Mark:
    """A mark with its texts cut and cleaned."""
    return Mark(
        trial,
        quoted(_word(claims), longest=_LONGEST),
        quoted(_word(does), longest=_LONGEST),
        verdict,
        quoted(evidence, longest=_LONGEST_SENTENCE),
    )


def compared(claimed: bool | None, done: bool | None) -> Verdict:
    """The verdict on a yes or no; None: not told, not seen. Neither claimed nor done is not offered."""
    if done is None:
        return Verdict.UNDECIDED if claimed else Verdict.NOT_OFFERED
    if claimed is None:
        return Verdict.HONEST if done else Verdict.NOT_OFFERED
    if claimed is not done:
        return Verdict.LIES
    return Verdict.HONEST if done else Verdict.NOT_OFFERED


def seconds(figure: float | None) -> str:
    """``60 s``; leases are rounded to 5 s, for devices tell whole seconds of two moments."""
    if figure is None:
        return "-"
    rounded = round(figure) if figure < 10 else round(figure / 5) * 5
    return f"{rounded} s"


def granted(asked_s: float, granted_s: float | None) -> Verdict:
    """The verdict on a lease: a tenth more or less, and two seconds, are as asked."""
    if granted_s is None:
        return Verdict.UNDECIDED
    return Verdict.HONEST if abs(granted_s - asked_s) <= 0.1 * asked_s + 2.0 else Verdict.LIES


def _word(value: object) -> str:
    if value is None or value == "":
        return "-"
    return str(value).lower() if isinstance(value, bool) else str(value)
