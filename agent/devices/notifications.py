"""What a PullMessages answer says: read from the raw XML, because zeep loses every topic.

(onvif-zeep 0.2.12 with zeep 4.3: 38 of 38 recorded topics read as None; reading here costs a fifth.)
Law: of an accepted topic only the items of the table are read; a property replayed on subscription
(``Initialized``) is state, never an event; the time that counts is the box's own.
"""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from lxml import etree

from agent.devices import topics
from agent.devices.redact import quoted
from agent.devices.soap import below, child, local_name
from agent.devices.topics import Meaning, Shape
from agent.metrics import EVENT_NOTES
from agent.model import CameraEvent

_MOST_NAMES = 64
_MOST_MESSAGES = 512
_SOURCES = (
    "Source",
    "VideoSourceConfigurationToken",
    "VideoSourceToken",
    "VideoSource",
    "InputToken",
    "AlarmInToken",
    "Token",
)
"""Source items that name a lens or an input. Others (rules, areas) are free text and stay behind."""
_SERIES = (*_SOURCES, "Rule", "RuleName", "VideoAnalyticsConfigurationToken")
"""Source items that tell the counters of one device apart. Only a hash of them is kept."""
_TRUE = frozenset({"true", "1", "active", "on", "yes"})
_FALSE = frozenset({"false", "0", "inactive", "off", "no"})


class Tally:
    """What was seen and not passed on, counted by kind and topic. Thread-safe; names are bounded."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def add(self, kind: str, name: str = "") -> None:
        """Count one. Past 64 names of a kind the rest is counted under ``other``."""
        with self._lock:
            if name and (kind, name) not in self._counts:
                names = sum(1 for known, _ in self._counts if known == kind)
                name = name if names < _MOST_NAMES else "other"
            self._counts[kind, name] += 1
        EVENT_NOTES.labels(kind=kind).inc()

    def counts(self) -> Mapping[tuple[str, str], int]:
        """(kind, name) to count, a copy."""
        with self._lock:
            return dict(self._counts)

    def total(self, kind: str) -> int:
        """How many of one kind."""
        with self._lock:
            return sum(count for (known, _), count in self._counts.items() if known == kind)


@dataclass(frozen=True, slots=True)
class Notice:
    """One camera event and the topic it came under, as the device spells it (normalised)."""

    said: str
    event: CameraEvent


def read_notices(content: etree._Element, *, now: datetime, tally: Tally) -> Sequence[Notice]:
    """The scene events of a PullMessagesResponse, in order.

    Counts under ``identity_dropped``, ``topic_unknown`` and ``value_unreadable`` what is not passed on.
    """
    found: list[Notice] = []
    for message in _messages(content):
        topic = child(message, "Topic")
        if topic is None:
            continue
        said = topics.normalised(topic.text or "", topic.nsmap)
        if topics.identifies_somebody(said):
            tally.add("identity_dropped")
            continue
        meant = topics.meaning(said)
        if meant is None:
            tally.add("topic_unknown", quoted(said, longest=96))
            continue
        event = _event(meant, child(message, "Message", "Message"), now=now)
        if event is None:
            tally.add("value_unreadable", quoted(said, longest=96))
            continue
        found.append(Notice(said, event))
    return found


def _messages(content: etree._Element) -> Iterator[etree._Element]:
    seen = 0
    for node in content:
        if local_name(node) == "NotificationMessage" and seen < _MOST_MESSAGES:
            seen += 1
            yield node


def _event(meant: Meaning, message: etree._Element | None, *, now: datetime) -> CameraEvent | None:
    if message is None:
        return None
    operation = message.get("PropertyOperation", "")
    items = _items(message, "Data")
    said = next((items[name.casefold()] for name in meant.items if name.casefold() in items), None)
    active: bool | None = None
    count: int | None = None
    if meant.shape is Shape.STATE:
        active = False if operation == "Deleted" else _truth(said)
        if active is None:
            return None
    elif meant.shape is Shape.COUNT:
        count = _count(said)
        if count is None:
            return None
    return CameraEvent(
        topic=meant.topic,
        active=active,
        initial=operation == "Initialized",
        time=now,
        device_time=_usable_time(message.get("UtcTime", "")),
        source=_source(message),
        count=count,
        series="" if count is None else _series(message),
    )


def _items(message: etree._Element, part: str) -> dict[str, str]:
    """Name (case folded) to value of the simple items of Source or Data."""
    return {
        node.get("Name", "").casefold(): node.get("Value", "").strip()
        for node in below(message, part)
        if local_name(node) == "SimpleItem"
    }


def _source(message: etree._Element) -> str:
    items = _items(message, "Source")
    found = next((items[name.casefold()] for name in _SOURCES if items.get(name.casefold())), "")
    return quoted(found, longest=64)


def _series(message: etree._Element) -> str:
    """A mark of the counter: 12 hex digits over lens and rule. Other items (objects, plates) are not read."""
    items = _items(message, "Source")
    told = "\n".join(f"{name}={items[name.casefold()]}" for name in _SERIES if items.get(name.casefold()))
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def _truth(said: str | None) -> bool | None:
    word = (said or "").casefold()
    if word in _TRUE:
        return True
    return False if word in _FALSE else None


def _count(said: str | None) -> int | None:
    try:
        read = int(float(said or ""))
    except (ValueError, OverflowError):
        return None
    return read if 0 <= read < 1_000_000_000 else None


def _usable_time(said: str) -> datetime | None:
    """The device's time, None where it is none: ``0000-00-00T00:00:00Z`` (Hikvision), 1970 (never)."""
    try:
        told = datetime.fromisoformat(said.strip())
        told = told.replace(tzinfo=UTC) if told.tzinfo is None else told.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return told if told.year >= 2000 else None
