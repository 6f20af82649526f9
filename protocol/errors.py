"""What can be wrong with a message, in words that a log line, a metric label and a test share."""

from __future__ import annotations

from enum import StrEnum


class Refusal(StrEnum):
    """Why a message was not let in. Bounded: it is a metric label."""

    TOPIC = "topic"
    """The topic is not one of ours, or has an empty or ill-formed segment."""
    FOREIGN = "foreign"
    """Topic, certificate name and entry do not name the same box."""
    OVERSIZE = "oversize"
    """Larger than the limit of its topic; refused before parsing."""
    JSON = "json"
    """Not UTF-8, not I-JSON (a key twice, a number beyond 2**53), too deep, or no object where one is due."""
    TYPE = "type"
    """Unknown message type."""
    VERSION = "version"
    """A known type in a version this side does not speak."""
    SCHEMA = "schema"
    """The fields do not fit the model."""
    IDENTITY = "identity"
    """A field that could carry a face, a plate, a name or an identity number."""
    MAC = "mac"
    """The entry's MAC is missing or is not made with the box's key."""
    CONFLICT = "conflict"
    """The same epoch and sequence came with another body."""


class ProtocolError(ValueError):
    """A message that must not be let in.

    ``who`` is the sender as far as it is known (box id or topic), ``what`` the offending value; both are
    shortened (80 and 120 characters) and printable, so that they can stand in a log line. ``place`` is
    the (epoch, sequence) a refused log entry claims, None when it claims none that could be one.
    """

    def __init__(self, refusal: Refusal, who: str, what: str) -> None:
        self.refusal = refusal
        self.place: tuple[str, int] | None = None
        self.who = _line(who, 80)
        self.what = _line(what, 120)
        super().__init__(f"from={self.who} refused={refusal} what={self.what}")


def _line(text: str, limit: int) -> str:
    shown = "".join(mark if mark.isprintable() else "?" for mark in text[: limit + 1])
    return shown if len(shown) <= limit else shown[: limit - 3] + "..."
