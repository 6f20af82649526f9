"""Small readers by shape: what one notification says, once its topic is known to mean something.

Law: only the items that the topic's row names are read; a value that does not fit its shape is none at all.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from lxml import etree

from agent.devices.redact import quoted
from agent.devices.soap import below, local_name
from agent.devices.topic_table import SCENE_SHAPES, Meaning, Shape
from agent.model import CameraEvent, DeviceReading
from protocol.words import DEVICE_HEALTH_TOPICS

_TRUE = frozenset({"true", "1", "active", "on", "yes"})
_FALSE = frozenset({"false", "0", "inactive", "off", "no"})
_MOST_ITEMS = 32
_SERIES = ("Rule", "RuleName", "VideoAnalyticsConfigurationToken")
"""Source items that, beside the lens, tell the counters of one device apart. Only a hash of them is kept."""
EVERY_PORT: Final = "-1"
"""Axis tells every port and, once more, any of them: the second is no port."""


def event_of(
    meant: Meaning, message: etree._Element, *, said: str, now: datetime
) -> CameraEvent | DeviceReading | None:
    """The event or the kept value of one ``tt:Message``; None when its value cannot be read."""
    operation = message.get("PropertyOperation", "")
    value = value_of(message, meant)
    source = source_of(message, meant)
    if meant.shape not in SCENE_SHAPES:
        return _reading(meant, value, source=source, now=now)
    assert meant.topic is not None
    active: bool | None = None
    count: int | None = None
    if meant.shape is Shape.COUNT:
        count = count_of(value)
        if count is None:
            return None
    elif meant.shape is not Shape.PULSE:
        active = _active(meant.shape, value, operation)
        if active is None and (value is not None or meant.shape is Shape.STATE):
            return None
    return CameraEvent(
        topic=meant.topic,
        active=active,
        initial=operation == "Initialized",
        time=now,
        device_time=usable_time(message.get("UtcTime", "")),
        source=source,
        count=count,
        said=said,
        series="" if count is None else series_of(message, meant),
    )


def health_reading(event: CameraEvent) -> DeviceReading | None:
    """What a device says of its own health is kept too, for a state replayed on subscription is no event."""
    if event.topic not in DEVICE_HEALTH_TOPICS or event.active is None:
        return None
    return DeviceReading(str(event.topic), event.active, event.time, source=event.source)


def truth_of(said: str | None) -> bool | None:
    """``true``, ``1``, ``active`` and their like; None for anything else."""
    word = (said or "").casefold()
    if word in _TRUE:
        return True
    return False if word in _FALSE else None


def count_of(said: str | None) -> int | None:
    """A count from 0 below a thousand million; None for anything else."""
    read = number_of(said)
    return int(read) if read is not None and 0 <= read < 1_000_000_000 else None


def number_of(said: str | None) -> float | None:
    """A finite number below a thousand million either way."""
    try:
        read = float(said or "")
    except ValueError:
        return None
    return read if math.isfinite(read) and abs(read) <= 1e9 else None


def moment_of(said: str | None) -> datetime | None:
    """A point in time with its zone (UTC when it names none). Raises ValueError for what is none."""
    if (said or "").startswith("0000-00-00"):
        return None
    try:
        told = datetime.fromisoformat((said or "").strip())
        told = told.replace(tzinfo=UTC) if told.tzinfo is None else told.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(said) from error
    return told if told.year >= 2000 else None


def usable_time(said: str) -> datetime | None:
    """The device's time, None where it is none: ``0000-00-00T00:00:00Z`` (Hikvision), 1970 (never)."""
    try:
        return moment_of(said)
    except ValueError:
        return None


def percent_of(value: float, *, says_percent: bool) -> float:
    """A usage in percent. Pelco says 0.44 and means 44 %, TRENDnet says 75: what is at most 1 is a share,
    unless the device is known to count in percent."""
    return value if says_percent or value > 1.0 else value * 100.0


def source_of(message: etree._Element, meant: Meaning) -> str:
    """Which lens, input or part it is about; "" where it is not said."""
    return source_name(token_of(message, meant))


def source_name(token: str) -> str:
    """A token as it is told to people and to the centre: in events, in settings, in lists of contacts."""
    return quoted(token, longest=64)


def token_of(message: etree._Element, meant: Meaning) -> str:
    """The device's own token of the lens, input or part, as it stands; "" where it is not said."""
    items = items_of(message, "Source")
    return next((items[name.casefold()] for name in meant.sources if items.get(name.casefold())), "")


def series_of(message: etree._Element, meant: Meaning) -> str:
    """A mark of one counter: 12 hex digits over lens and rule. Objects and plates are not read."""
    items = items_of(message, "Source")
    names = (*meant.sources, *_SERIES)
    told = "\n".join(f"{name}={items[name.casefold()]}" for name in names if items.get(name.casefold()))
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def value_of(message: etree._Element, meant: Meaning) -> str | None:
    """The item of Data that the topic's row names; None when there is none."""
    items: Mapping[str, str] = items_of(message, "Data") if meant.items else {}
    return next((items[name.casefold()] for name in meant.items if name.casefold() in items), None)


def items_of(message: etree._Element, part: str) -> dict[str, str]:
    """Name (case folded) to value of the items of Source, Key or Data; ``Link/Speed`` for a leaf inside."""
    items: dict[str, str] = {}
    for node in below(message, part)[:_MOST_ITEMS]:
        name = node.get("Name", "").casefold()
        if local_name(node) == "SimpleItem":
            items[name] = node.get("Value", "").strip()
        elif local_name(node) == "ElementItem":
            for leaf in list(node.iter(etree.Element))[1:_MOST_ITEMS]:
                items.setdefault(f"{name}/{local_name(leaf).casefold()}", (leaf.text or "").strip())
    return items


def _active(shape: Shape, value: str | None, operation: str) -> bool | None:
    if operation == "Deleted":
        return False
    if value is None and shape is Shape.PRESENCE and operation:
        return True
    return truth_of(value)


def _reading(meant: Meaning, value: str | None, *, source: str, now: datetime) -> DeviceReading | None:
    read: float | bool | datetime | None
    if meant.shape is Shape.MOMENT:
        try:
            read = moment_of(value)
        except ValueError:
            return None
    else:
        read = truth_of(value) if meant.shape is Shape.FLAG else number_of(value)
        if read is None or (meant.shape is Shape.USAGE and not 0 <= read <= 100):
            return None
    return DeviceReading(meant.name, read, now, unit=meant.unit, source=source)
