"""Topics nobody knows yet, kept so that support can extend the table.

Law: kept are names and counts, never a value; a device that invents topics without end costs ``TOPICS`` rows
and is counted beyond. Of a topic that could identify somebody nothing arrives here.
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
    """What one device told that nobody knows; ``beyond`` counts messages of topics past the bound."""

    topics: tuple[StrangeTopic, ...] = ()
    beyond: int = 0


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


class StrangeBook:
    """The unknown topics of all devices. Thread-safe."""

    def __init__(self, notebook: Notebook | None = None) -> None:
        self._notebook = notebook
        self._books: dict[str, tuple[Page, dict[str, StrangeTopic], int]] = {}
        self._lock = threading.Lock()

    def add(self, device: str, met: Iterable[_Met], *, now: datetime) -> None:
        """Count messages; a topic met for the first time is written soon, counts now and then."""
        with self._lock:
            opened = self._opened(device)
            if opened is None:
                return
            page, known, beyond = opened
            new = False
            for one in met:
                held = known.get(one.topic)
                if held is not None:
                    known[one.topic] = replace(held, count=held.count + 1, last=now)
                elif len(known) < TOPICS:
                    known[one.topic] = StrangeTopic(one.topic, one.items, 1, now, now)
                    new = True
                else:
                    beyond += 1
            self._books[device] = (page, known, beyond)
            if page.due(urgent=new):
                page.write(_document(known, beyond))

    def flush(self, device: str) -> None:
        """Write what is known of a device, if anything."""
        with self._lock:
            held = self._books.get(device)
            if held is not None:
                held[0].write(_document(held[1], held[2]))

    def of(self, device: str) -> Strangers:
        """What a device told that nobody knows, the most frequent first."""
        with self._lock:
            held = self._books.get(device)
        if held is not None:
            return _sorted(held[1], held[2])
        return _sorted(*_read(Page(self._notebook, device, NOTE_TOPIC).read()))

    def all(self) -> Mapping[str, Strangers]:
        """The same of every device that told something."""
        notes = {} if self._notebook is None else self._notebook.notes(NOTE_TOPIC)
        found = {device: _sorted(*_read(parsed(text))) for device, text in notes.items()}
        with self._lock:
            held = dict(self._books)
        return {**found, **{device: _sorted(known, beyond) for device, (_, known, beyond) in held.items()}}

    def _opened(self, device: str) -> tuple[Page, dict[str, StrangeTopic], int] | None:
        held = self._books.get(device)
        if held is not None or len(self._books) >= DEVICES:
            return held
        page = Page(self._notebook, device, NOTE_TOPIC)
        return (page, *_read(page.read()))


def _sorted(known: Mapping[str, StrangeTopic], beyond: int) -> Strangers:
    return Strangers(tuple(sorted(known.values(), key=lambda one: (-one.count, one.topic))), beyond)


def _document(known: Mapping[str, StrangeTopic], beyond: int) -> dict[str, object]:
    rows = [
        [
            one.topic,
            [list(item) for item in one.items],
            one.count,
            one.first.isoformat(),
            one.last.isoformat(),
        ]
        for one in known.values()
    ]
    return {"topics": rows, "beyond": beyond}


def _read(document: Mapping[str, object]) -> tuple[dict[str, StrangeTopic], int]:
    """What was written; a row that cannot be read is left out."""
    rows, beyond = document.get("topics"), document.get("beyond")
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
    return known, beyond if isinstance(beyond, int) else 0
