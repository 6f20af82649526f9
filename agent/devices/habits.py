"""What a make, model and firmware was found to do otherwise, kept and used at the next contact.

    normal work or a scorecard ──learned──> noted by make ──holds──> spares a refusal at every device of it
                                              └──contradicted, or 30 days old──> forgotten, learned anew

Law: a habit is one of a closed set, each with one use, and a wrong one costs a question, never a device: who
acts on a habit tries the usual way when it fails, and says so. A firmware change is another make.
The way to log in is learned by voice: what is heard of a device before anybody logs in. Two ways under one
voice are none.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from lxml import etree

from agent.devices.redact import quoted
from agent.errors import StoreFull
from agent.model import Identity
from agent.ports import Notebook

HABIT_TOPIC = "habits"
MAKE_TOPIC = "make"
VOICE_TOPIC = "login_by_voice"
_VALID_S = 30 * 86_400.0
_STAMPED_EVERY_S = 86_400.0
_SURE = 3
"""A habit seen so often is no longer doubted because something went otherwise once."""
_MOST_MAKES = 200
_MOST_VOICES = 256
_SEVERAL = "several"


class Habit(StrEnum):
    """What can be learned. Each is used in one place."""

    NO_GET_SERVICES = "no_get_services"
    """GetServices is refused with a fault: GetCapabilities is asked first (old Hikvision, D-Link)."""
    DEAD_MEDIA2 = "dead_media2"
    """Media2 is told of and does not answer: Media alone is used."""
    ABSOLUTE_TIME = "absolute_time"
    """A pull point is asked for until a point in time, not for a duration."""
    LEASE_IN_MINUTES = "lease_in_minutes"
    """Seconds are read as minutes (Bosch): one is asked for, or a forgotten slot is lost for an hour."""
    NO_SYNCHRONIZATION = "no_synchronization"
    """SetSynchronizationPoint is not asked, unless states do not come by themselves."""
    NO_RENEW = "no_renew"
    """Renew is not asked: pulls keep the pull point, or a new one is made."""
    LONGEST_PULL_S = "longest_pull_s"
    """A longer PullMessages is cut off without an answer (Tapo at 10 s). Its value is what is safe."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One habit as it was learned: ``at`` in Unix seconds, ``seen`` how often, up to ``_SURE``."""

    value: float
    at: float
    seen: int


class LooseLeaves:
    """A Notebook that forgets with the process."""

    def __init__(self) -> None:
        self._notes: dict[tuple[str, str], str] = {}

    def note(self, subject: str, topic: str, document: str) -> None:
        self._notes[topic, subject] = document

    def noted(self, subject: str, topic: str) -> str | None:
        return self._notes.get((topic, subject))

    def notes(self, topic: str) -> dict[str, str]:
        return {subject: text for (its, subject), text in self._notes.copy().items() if its == topic}

    def strike(self, subject: str, topic: str) -> None:
        self._notes.pop((topic, subject), None)


class HabitBook:
    """The habits of all makes. Thread-safe."""

    def __init__(self, notebook: Notebook | None = None, *, unix: Callable[[], float] = time.time) -> None:
        """Without a notebook they are known for as long as the book lives."""
        self.notebook: Notebook = LooseLeaves() if notebook is None else notebook
        self.unix = unix
        self.lock = threading.Lock()

    def of(self, device: str) -> Habits:
        """What is known for one device by its ledger id."""
        return Habits(self, device)

    def facts(self, make: str) -> dict[Habit, Fact]:
        """The habits of a make that still count."""
        now = self.unix()
        told = _read(self.notebook.noted(make, HABIT_TOPIC))
        return {habit: fact for habit, fact in told.items() if abs(now - fact.at) < _VALID_S}

    def write(self, make: str, facts: Mapping[Habit, Fact]) -> None:
        """Note the habits of a make, or strike it when there are none."""
        with contextlib.suppress(StoreFull):
            if not facts:
                self.notebook.strike(make, HABIT_TOPIC)
                return
            self._make_room(make)
            written = {habit: [fact.value, fact.at, fact.seen] for habit, fact in facts.items()}
            self.notebook.note(make, HABIT_TOPIC, json.dumps(written))

    def _make_room(self, make: str) -> None:
        there = self.notebook.notes(HABIT_TOPIC)
        if make in there or len(there) < _MOST_MAKES:
            return
        ages = {
            one: max((fact.at for fact in _read(text).values()), default=0.0) for one, text in there.items()
        }
        self.notebook.strike(min(ages, key=ages.__getitem__), HABIT_TOPIC)


class Habits:
    """The habits of one device's make, as far as it is known which that is. Thread-safe."""

    def __init__(self, book: HabitBook, device: str) -> None:
        self._book = book
        self._device = device
        self._make = book.notebook.noted(device, MAKE_TOPIC)
        self._voice = ""

    @property
    def make(self) -> str | None:
        """``vendor/model/firmware``; None before the device ever said."""
        return self._make

    def identified(self, identity: Identity) -> None:
        """The device said who it is: its make counts from now on."""
        make = make_of(identity)
        if make == self._make:
            return
        self._make = make
        with contextlib.suppress(StoreFull):
            self._book.notebook.note(self._device, MAKE_TOPIC, make)

    def known(self) -> dict[Habit, Fact]:
        """All habits that are held now."""
        return {} if self._make is None else self._book.facts(self._make)

    def holds(self, habit: Habit) -> bool:
        """Whether the make is known to do so."""
        return habit in self.known()

    def value(self, habit: Habit) -> float | None:
        """The figure of a habit; None when it is not held."""
        fact = self.known().get(habit)
        return None if fact is None else fact.value

    def learned(self, habit: Habit, value: float = 1.0) -> None:
        """The device did so now. No effect before it is known who it is."""
        if self._make is None:
            return
        now = self._book.unix()
        with self._book.lock:
            facts = self._book.facts(self._make)
            old = facts.get(habit)
            same = old is not None and old.value == value
            if old is not None and same and old.seen >= _SURE and abs(now - old.at) < _STAMPED_EVERY_S:
                return
            seen = min(_SURE, old.seen + 1) if old is not None and same else 1
            self._book.write(self._make, {**facts, habit: Fact(value, now, seen)})

    def contradicted(self, habit: Habit) -> None:
        """The device did otherwise: what was learned is forgotten."""
        if self._make is None:
            return
        with self._book.lock:
            facts = self._book.facts(self._make)
            if facts.pop(habit, None) is not None:
                self._book.write(self._make, facts)

    def doubted(self, habit: Habit) -> None:
        """It may be wrong: forgotten unless it was seen often, so that it is tried once more."""
        fact = self.known().get(habit)
        if fact is not None and fact.seen < _SURE:
            self.contradicted(habit)

    # --- before anybody logged in ----------------------------------------------------------------

    def heard(self, root: etree._Element, server: str) -> None:
        """An answer that was given without a log-in: by its shape, makes are told apart."""
        if not self._voice:
            self._voice = voice_of(root, server)

    def login_mode(self) -> str | None:
        """How all devices of this voice are logged in to; None when that is not one way."""
        noted = self._book.notebook.noted(self._voice, VOICE_TOPIC) if self._voice else None
        return None if noted == _SEVERAL else noted

    def logged_in(self, mode: str) -> None:
        """A log-in was accepted this way."""
        if not self._voice:
            return
        book = self._book.notebook
        with self._book.lock, contextlib.suppress(StoreFull):
            noted = book.noted(self._voice, VOICE_TOPIC)
            if noted is None and len(book.notes(VOICE_TOPIC)) < _MOST_VOICES:
                book.note(self._voice, VOICE_TOPIC, mode)
            elif noted not in (None, mode, _SEVERAL):
                book.note(self._voice, VOICE_TOPIC, _SEVERAL)


def make_of(identity: Identity) -> str:
    """``vendor/model/firmware``, bounded, without slashes inside; what the notebook calls a make."""
    parts = (identity.vendor, identity.model, identity.firmware)
    return "/".join(quoted(part.replace("/", "_"), longest=60) or "-" for part in parts)


def voice_of(root: etree._Element, server: str) -> str:
    """Twelve hex figures over how an answer is written: prefixes, namespaces, the HTTP server's name."""
    spaces = sorted(f"{prefix}={uri}" for prefix, uri in root.nsmap.items())
    heard = "\n".join([root.prefix or "", *spaces[:64], server[:64]])
    return hashlib.sha256(heard.encode()).hexdigest()[:12]


def _read(document: str | None) -> dict[Habit, Fact]:
    """The facts of a document; what is damaged or unknown is left out."""
    try:
        told = json.loads(document or "{}")
        items = told.items()
    except (ValueError, AttributeError):
        return {}
    found = {}
    for name, fields in items:
        with contextlib.suppress(ValueError, TypeError):
            value, at, seen = fields
            found[Habit(name)] = Fact(float(value), float(at), int(seen))
    return found
