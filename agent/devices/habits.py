"""What a make, model and firmware was found to do otherwise, kept and used at the next contact.

    normal work or a scorecard ──learned──> noted by make ──holds──> spares a refusal at every device of it
                                              └──contradicted, or 30 days old──> forgotten, learned anew

Law: a habit is one of a closed set, each with one use, and a wrong one costs a question, never a device: who
acts on a habit tries the usual way when it fails, and says so. A firmware change is another make.
Law: a make is a device's own claim. What one device taught counts for itself at once, and for the others of
the make only when a second one taught it too; nobody teaches of more than four makes a day.
The way to log in is learned by voice: what is heard of a device before anybody logs in. Two ways under one
voice are none.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
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
_TEACHERS = 2
"""So many devices must show a habit before it counts for a third."""
_MOST_TEACHERS = 4
_MOST_NEW_MAKES = 4
_NEW_MAKES_S = 86_400.0
"""Makes that one device teaches of first, within a day of the wall clock: a firmware update is one."""


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
    NO_KEY_ON_DEMAND = "no_key_on_demand"
    """SetSynchronizationPoint of Media is refused: no key frame is asked for, but once a day."""
    LONGEST_PULL_S = "longest_pull_s"
    """A longer PullMessages is cut off without an answer (Tapo at 10 s). Its value is what is safe."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One habit as it was learned: ``at`` in Unix seconds, ``seen`` how often, up to ``_SURE``.

    ``taught`` holds the value by ledger id of the devices that showed it, the latest few.
    """

    value: float
    at: float
    seen: int
    taught: Mapping[str, float] = field(default_factory=dict)

    def for_(self, device: str) -> Fact | None:
        """The fact as it counts for one device: its own, else the mildest of those that others agree on."""
        if device in self.taught:
            return replace(self, value=self.taught[device])
        return replace(self, value=max(self.taught.values())) if len(self.taught) >= _TEACHERS else None


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

    def strike_all(self, subject: str, *, but: Collection[str] = ()) -> None:
        for topic, its in [key for key in self._notes.copy() if key[1] == subject and key[0] not in but]:
            self._notes.pop((topic, its), None)


class HabitBook:
    """The habits of all makes. Thread-safe."""

    def __init__(self, notebook: Notebook | None = None, *, unix: Callable[[], float] = time.time) -> None:
        """Without a notebook they are known for as long as the book lives."""
        self.notebook: Notebook = LooseLeaves() if notebook is None else notebook
        self.unix = unix
        self.lock = threading.Lock()
        self._new_makes: dict[str, list[float]] = {}

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
            written = {
                habit: [fact.value, fact.at, fact.seen, dict(fact.taught)] for habit, fact in facts.items()
            }
            self.notebook.note(make, HABIT_TOPIC, json.dumps(written))

    def forget(self, device: str) -> None:
        """The device is no longer looked after: of what makes it taught is not counted any more."""
        with self.lock:
            self._new_makes.pop(device, None)

    def may_teach(self, device: str, make: str) -> bool:
        """Whether ``device`` may teach of ``make``; counts it when the make is new. Under the lock."""
        if self.notebook.noted(make, HABIT_TOPIC) is not None:
            return True
        now = self.unix()
        lately = [at for at in self._new_makes.get(device, []) if abs(now - at) < _NEW_MAKES_S]
        if len(lately) >= _MOST_NEW_MAKES:
            return False
        self._new_makes[device] = [*lately, now]
        return True

    def _make_room(self, make: str) -> None:
        """Strike a make: one that a single device taught before one that several did, then the oldest."""
        there = self.notebook.notes(HABIT_TOPIC)
        if make in there or len(there) < _MOST_MAKES:
            return

        def worth(one: str) -> tuple[bool, float]:
            facts = _read(there[one]).values()
            shared = any(len(fact.taught) >= _TEACHERS for fact in facts)
            return shared, max((fact.at for fact in facts), default=0.0)

        self.notebook.strike(min(there, key=worth), HABIT_TOPIC)


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
        """All habits that are held now, for this device."""
        if self._make is None:
            return {}
        counted = {habit: fact.for_(self._device) for habit, fact in self._book.facts(self._make).items()}
        return {habit: fact for habit, fact in counted.items() if fact is not None}

    def holds(self, habit: Habit) -> bool:
        """Whether the make is known to do so."""
        return habit in self.known()

    def value(self, habit: Habit) -> float | None:
        """The figure of a habit; None when it is not held."""
        fact = self.known().get(habit)
        return None if fact is None else fact.value

    def age_s(self, habit: Habit) -> float | None:
        """How long ago a habit was seen; None when it is not held."""
        fact = self.known().get(habit)
        return None if fact is None else abs(self._book.unix() - fact.at)

    def learned(self, habit: Habit, value: float = 1.0) -> None:
        """The device did so now. No effect before it is known who it is."""
        if self._make is None:
            return
        now = self._book.unix()
        with self._book.lock:
            facts = self._book.facts(self._make)
            old = facts.get(habit) or Fact(value, now, 0)
            same = old.taught.get(self._device) == value
            if same and old.seen >= _SURE and abs(now - old.at) < _STAMPED_EVERY_S:
                return
            if not self._book.may_teach(self._device, self._make):
                return
            others = [item for item in old.taught.items() if item[0] != self._device]
            taught = {**dict(others[-(_MOST_TEACHERS - 1) :]), self._device: value}
            changed = self._device in old.taught and not same
            seen = 1 if changed else min(_SURE, old.seen + 1)
            self._book.write(self._make, {**facts, habit: Fact(value, now, seen, taught)})

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
        with contextlib.suppress(ValueError, TypeError, AttributeError):
            value, at, seen, told = fields
            taught = {str(device): float(its) for device, its in list(told.items())[-_MOST_TEACHERS:]}
            found[Habit(name)] = Fact(float(value), float(at), int(seen), taught)
    return found
