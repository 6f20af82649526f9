"""What a PullMessages answer says: read from the raw XML, because zeep loses every topic.

(onvif-zeep 0.2.12 with zeep 4.3: 38 of 38 recorded topics read as None; reading here costs a fifth.)
Law: of an accepted topic only the items of the table are read, of one that could identify somebody nothing;
a property replayed on subscription (``Initialized``) is state, never an event; the time that counts is the
box's own.
"""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from lxml import etree

from agent.devices import strange_topics, topics
from agent.devices.soap import below, child, local_name
from agent.devices.topic_parsers import EVERY_PORT, event_of, health_reading
from agent.devices.topics import Kind
from agent.metrics import EVENT_NOTES
from agent.model import CameraEvent, DeviceReading

_MOST_NAMES = 64
MOST_MESSAGES = 100
"""Asked for by a pull, and read of its answer: what a device tells over that is not read."""
_MOST_ITEMS = 12


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
    deleted: bool = False
    """The property is gone: what it was about was taken away, and is not well by that."""


@dataclass(frozen=True, slots=True)
class Stranger:
    """A message nobody knows: its topic, and its items by name and kind of value, never the value."""

    topic: str
    items: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Told:
    """What one answer said, in order. ``dropped``: messages that could identify somebody, unread."""

    notices: list[Notice] = field(default_factory=list)
    readings: list[DeviceReading] = field(default_factory=list)
    strangers: list[Stranger] = field(default_factory=list)
    dropped: int = 0


def read_told(content: etree._Element, *, now: datetime, tally: Tally) -> Told:
    """The events, kept values and unknown messages of a PullMessagesResponse.

    Counts under ``identity_dropped``, ``topic_not_ours``, ``topic_unknown`` and ``value_unreadable`` what is
    not passed on.
    """
    told = Told()
    for node in _messages(content):
        topic = child(node, "Topic")
        if topic is not None:
            said = topics.normalised(topic.text or "", topic.nsmap)
            _read_one(told, said, child(node, "Message", "Message"), now=now, tally=tally)
    return told


def _read_one(told: Told, said: str, message: etree._Element | None, *, now: datetime, tally: Tally) -> None:
    kind = topics.kind_of(said)
    if kind is Kind.IDENTITY:
        _drop(told, tally)
    elif kind is Kind.NOT_OURS:
        tally.add("topic_not_ours", topics.shown(said))
    elif kind is Kind.UNKNOWN:
        _meet(told, said, message, tally=tally)
    else:
        meant = topics.meaning(said)
        assert meant is not None
        read = None if message is None else event_of(meant, message, said=said, now=now)
        if read is None:
            tally.add("value_unreadable", topics.shown(said))
        elif isinstance(read, DeviceReading):
            told.readings.append(read)
        elif read.source == EVERY_PORT:
            tally.add("topic_not_ours", topics.shown(said))
        else:
            deleted = message is not None and message.get("PropertyOperation") == "Deleted"
            told.notices.append(Notice(said, read, deleted))
            told.readings.extend(filter(None, [health_reading(read)]))


def _drop(told: Told, tally: Tally) -> None:
    told.dropped += 1
    tally.add("identity_dropped")


def _meet(told: Told, said: str, message: etree._Element | None, *, tally: Tally) -> None:
    """An unknown message: kept by its names alone, and not at all when one could identify somebody."""
    names: dict[str, str] = {}
    for part in ("Source", "Key", "Data") if message is not None else ():
        for node in below(message, part)[:_MOST_ITEMS]:
            if local_name(node) in ("SimpleItem", "ElementItem"):
                names[node.get("Name", "")] = strange_topics.kind_of_value(node.get("Value"))
    if any(topics.identifies_somebody(name) for name in names):
        _drop(told, tally)
        return
    topic = topics.shown(said)
    tally.add("topic_unknown", topic)
    items = tuple(
        sorted((strange_topics.shown_name(name), kind) for name, kind in names.items())[:_MOST_ITEMS]
    )
    told.strangers.append(Stranger(topic, items))


def _messages(content: etree._Element) -> Iterator[etree._Element]:
    messages = (node for node in content if local_name(node) == "NotificationMessage")
    return itertools.islice(messages, MOST_MESSAGES)
