"""What a camera's topic means: finds the row of the table for a topic as a device writes it.

Law: a topic that could identify somebody is told before anything of its message is read; a topic nobody
knows is told from one that is known and not ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from functools import lru_cache
from typing import Final

from agent.devices.topic_table import MEANINGS, NOT_OURS, Meaning, Shape, spellings
from protocol.identity import identity_words
from protocol.words import FORBIDDEN_TOPICS

__all__ = ["Kind", "Meaning", "Shape", "identifies_somebody", "kind_of", "meaning", "normalised", "shown"]

_STANDARD_NAMESPACES: Final = ("http://www.onvif.org/ver10/topics",)
_VENDOR_PREFIXES: Final[Mapping[str, str]] = {
    "http://www.axis.com/2009/event/topics": "tnsaxis",
    "http://www.hikvision.com/2011/event/topics": "tnshik",
}
_LONGEST: Final = 128
_IDENTITY_PARTS: Final = (
    *(part.casefold().strip("/") for part in FORBIDDEN_TOPICS),
    "recogni",
    "licenceplate",
    "facedetect",
    "facecapture",
    "anpr",
    "credential",
    "biometric",
    "fingerprint",
)
_SPOKEN_OF: Final = frozenset(
    [
        "name",
        "names",
        "person",
        "persons",
        "people",
        "track",
        "tracks",
        "address",
        "feature",
        "features",
        "audio",
        "voice",
        "phone",
        "mobile",
        "iris",
    ]
)
"""Words that the wire carries in no field, and that a topic may speak of: an auto iris, a people detector."""
_STEP = re.compile(r"[/:]")
_PLATE_READER = re.compile(r"(?<![A-Za-z])A?LPR(?![a-z])")
_PLAIN_STEP = re.compile(r"(?:[A-Za-z][A-Za-z0-9_-]{0,15}:)?[A-Za-z_][A-Za-z0-9_.-]{0,47}")
_DIGITS = re.compile(r"\d+")


class Kind(Enum):
    """What becomes of a message, by its topic alone."""

    IDENTITY = "identity"
    """Faces, plates, cards: dropped unread, counted."""
    MEANT = "meant"
    NOT_OURS = "not_ours"
    UNKNOWN = "unknown"


def normalised(said: str, namespaces: Mapping[str | None, str]) -> str:
    """A topic as the table spells it: no white space, no trailing ``/.``, no prefix but a vendor's own, and
    that only where the vendor's part begins.

    ``namespaces`` are those in force at the Topic element; some makes prefix every step, some only the
    first, and the prefix is theirs to choose.
    """
    steps: list[str] = []
    vendor = ""
    for step in said.strip()[:_LONGEST].split("/"):
        prefix, name = _step(step.strip(), namespaces)
        if name in ("", "."):
            continue
        steps.append(f"{prefix}:{name}" if prefix and prefix != vendor else name)
        vendor = prefix or vendor
    return "/".join(steps)


@lru_cache(maxsize=512)
def kind_of(topic: str) -> Kind:
    """What becomes of a message under a normalised topic."""
    if identifies_somebody(topic):
        return Kind.IDENTITY
    if meaning(topic) is not None:
        return Kind.MEANT
    return Kind.NOT_OURS if any(_fits(topic, known) for known in _NOT_OURS) else Kind.UNKNOWN


@lru_cache(maxsize=512)
def meaning(topic: str) -> Meaning | None:
    """What a normalised topic means to us; None when it is not ours, or unknown."""
    exact = MEANINGS.get(topic)
    if exact is not None:
        return exact
    return next((found for key, found in _GENERAL if _fits(topic, key)), None)


def identifies_somebody(name: str) -> bool:
    """Whether a topic, or an item's name, speaks of faces, plates or cards: nothing of it may be read."""
    bare = name.replace("tns1:", "").casefold()
    if any(part in bare for part in _IDENTITY_PARTS) or _PLATE_READER.search(name):
        return True
    return any(identity_words(step) - _SPOKEN_OF for step in _STEP.split(name))


def shown(topic: str) -> str:
    """A topic of a device fit to be kept: digits and whatever is no plain name are taken out of it, because
    a device may write into a topic what belongs into no book."""
    steps = [step if _PLAIN_STEP.fullmatch(step) else "…" for step in topic.split("/")[:8]]
    return _DIGITS.sub("#", "/".join(steps))


def _fits(topic: str, key: str) -> bool:
    if key.endswith("/**"):
        return topic.startswith(key[:-2])
    steps, wanted = topic.split("/"), key.split("/")
    return len(steps) == len(wanted) and all(w in ("*", s) for s, w in zip(steps, wanted, strict=True))


_GENERAL: Final = tuple((key, meant) for key, meant in MEANINGS.items() if key.endswith("*"))
_NOT_OURS: Final = tuple(spelled for key in NOT_OURS for spelled in spellings(key))


def _step(step: str, namespaces: Mapping[str | None, str]) -> tuple[str, str]:
    """A step's vendor prefix, "" for the standard, and its name."""
    prefix, colon, name = step.rpartition(":")
    if not colon:
        return "", step
    uri = namespaces.get(prefix)
    if uri in _STANDARD_NAMESPACES or prefix == "tns1":
        return "", name
    return _VENDOR_PREFIXES.get(uri or "", prefix), name
