"""Topics nobody knows yet, kept so that support can extend the table.

Law: kept are names and counts, never a value; a device that invents topics without end costs ``TOPICS`` rows
and is counted beyond. Of a message that could identify somebody nothing arrives here but that it came.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, Protocol

from agent.devices.page import Page, parsed
from agent.ports import Notebook

NOTE_TOPIC: Final = "strange_topics"
TOPICS: Final = 32
DEVICES: Final = 256
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,39}")
_DIGITS = re.compile(r"\d+")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S{0,12}")
_NUMBER = re.compile(r"[+-]?\d{1,12}(\.\d{1,12})?")


class _Met(Protocol):
    """A message nobody knows: topic fit to be kept, and (item name, kind of value)."""

    @property
    def topic(self) -> str: ...

    @property
    def items(self) -> tuple[tuple[str, str], ...]: ...


@dataclass(frozen=True, slots=True)
class StrangeTopic:
    """One unknown topic of a device. ``items`` are of its first message: name to kind of value."""

    topic: str
    items: tuple[tuple[str, str], ...]
    count: int
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Strangers:
    """What one device told that nobody knows; ``beyond`` counts messages of topics past the bound,
    ``dropped`` those that could identify somebody."""

    topics: tuple[StrangeTopic, ...] = ()
    beyond: int = 0
    dropped: int = 0


def kind_of_value(value: str | None) -> str:
    """``boolean``, ``number``, ``time``, ``text``, ``empty`` or ``element``: never the value itself."""
    if value is None:
        return "element"
    said = value.strip()
    if said.casefold() in ("true", "false"):
        return "boolean"
    if _NUMBER.fullmatch(said):
        return "number"
    if _MOMENT.fullmatch(said):
        return "time"
    return "text" if said else "empty"


def shown_name(name: str) -> str:
    """An item's name fit to be kept: plain, without digits."""
    return _DIGITS.sub("#", name) if _NAME.fullmatch(name) else "…"


@dataclass(slots=True)
class _Book:
    page: Page
    known: dict[str, StrangeTopic]
    beyond: int = 0
    dropped: int = 0

    def meet(self, one: _Met, now: datetime) -> bool:
        """Count one message; whether its topic is met for the first time."""
        held = self.known.get(one.topic)
        if held is not None:
            self.known[one.topic] = replace(held, count=held.count + 1, last=now)
            return False
        if len(self.known) >= TOPICS:
            self.beyond += 1
            return False
        self.known[one.topic] = StrangeTopic(one.topic, one.items, 1, now, now)
        return True

    def told(self) -> Strangers:
        rows = sorted(self.known.values(), key=lambda one: (-one.count, one.topic))
        return Strangers(tuple(rows), self.beyond, self.dropped)

    def document(self) -> dict[str, object]:
        rows = [
            [one.topic, [*map(list, one.items)], one.count, one.first.isoformat(), one.last.isoformat()]
            for one in self.known.values()
        ]
        return {"topics": rows, "beyond": self.beyond, "dropped": self.dropped}


class StrangeBook:
    """The unknown topics of all devices. Thread-safe."""

    def __init__(self, notebook: Notebook | None = None) -> None:
        self._notebook = notebook
        self._books: dict[str, _Book] = {}
        self._lock = threading.Lock()

    def add(self, device: str, met: Iterable[_Met], *, now: datetime, dropped: int = 0) -> None:
        """Count messages; a topic met for the first time is written soon, counts now and then."""
        with self._lock:
            book = self._books.get(device)
            if book is None:
                if len(self._books) >= DEVICES:
                    return
                page = Page(self._notebook, device, NOTE_TOPIC)
                book = self._books[device] = _read(page.read(), page)
            book.dropped += dropped
            new = [one for one in met if book.meet(one, now)]
            if book.page.due(urgent=bool(new)):
                book.page.write(book.document())

    def forget(self, device: str) -> None:
        """The device is no longer looked after."""
        with self._lock:
            self._books.pop(device, None)

    def flush(self, device: str) -> None:
        """Write what is known of a device, if anything."""
        with self._lock:
            book = self._books.get(device)
            if book is not None:
                book.page.write(book.document())

    def of(self, device: str) -> Strangers:
        """What a device told that nobody knows, the most frequent first."""
        return self.all().get(device, Strangers())

    def all(self) -> Mapping[str, Strangers]:
        """The same of every device that told something."""
        notes = {} if self._notebook is None else self._notebook.notes(NOTE_TOPIC)
        found = {
            name: _read(parsed(text), Page(None, name, NOTE_TOPIC)).told() for name, text in notes.items()
        }
        with self._lock:
            return {**found, **{name: book.told() for name, book in self._books.items()}}


def _read(document: Mapping[str, object], page: Page) -> _Book:
    """What was written; a row that cannot be read is left out."""
    rows = document.get("topics")
    known: dict[str, StrangeTopic] = {}
    for row in rows[:TOPICS] if isinstance(rows, list) else ():
        try:
            topic, items, count, first, last = row
            known[str(topic)] = StrangeTopic(
                str(topic),
                tuple((str(name), str(kind)) for name, kind in items),
                int(count),
                datetime.fromisoformat(first).astimezone(UTC),
                datetime.fromisoformat(last).astimezone(UTC),
            )
        except (TypeError, ValueError):
            continue
    return _Book(page, known, _number(document.get("beyond")), _number(document.get("dropped")))


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
