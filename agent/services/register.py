"""The marks and whereabouts of the ledger's devices, by ledger id, kept in the notebook.

Law: marks change only by a device that is recognised by those it had; what two rows share is found and told,
never merged. Where a device was last is kept beside, so that a restart begins where the device is.
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from agent import marks
from agent.errors import StoreFull
from agent.marks import Marks, Match, Opinion
from agent.model import Device
from agent.ports import Notebook
from protocol.words import DeviceClass

log = logging.getLogger(__name__)

MARKS_TOPIC = "marks"
PLACE_TOPIC = "whereabouts"
FOUND_TOPIC = "found"
ACCEPT_TOPIC = "accept"
ACCEPT_S = 86_400.0
"""How long an operator's word holds that a device was replaced."""
SEEN_EVERY_S = 3600.0
"""How often the time of a device that stays where it is is written down: the disk lasts years."""


PARTING_TOPIC = "parting"
RESTS = ("login_rest", "stream_rest")
"""Topics of refused passwords: kept for a while when a row goes, for its device may be found again."""
REST_S = 900.0
"""How long: longer than a refused password rests."""


class Parting(StrEnum):
    """Why a row that discovery made is to go."""

    BY_HAND = "by_hand"
    UNSEEN = "unseen"


_PARTINGS = frozenset(map(str, Parting))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a device was last, and the address of the configuration from which it went there."""

    host: str
    port: int
    seen_unix: float = 0.0
    from_host: str = ""
    from_port: int = 0


class DeviceRegister:
    """Implements Register over a Notebook. Thread-safe."""

    def __init__(self, notebook: Notebook, *, unix: Callable[[], float] = time.time) -> None:
        self._notebook = notebook
        self._unix = unix
        self._lock = threading.Lock()
        read = {name: marks.read(document) for name, document in notebook.notes(MARKS_TOPIC).items()}
        self._marks = {name: known for name, known in read.items() if known is not None}
        places = {name: _place(document) for name, document in notebook.notes(PLACE_TOPIC).items()}
        self._places = {name: place for name, place in places.items() if place is not None}
        self._present: frozenset[str] | None = None
        self._integrated: frozenset[str] = frozenset()
        self._unclassified: frozenset[str] = frozenset()
        self._accepted: set[str] = set()
        """Rows whose device the operator accepts, whoever it is, until it is learnt."""
        self._common = marks.common_of(self._marks.values())

    def keep_to(self, devices: Iterable[Device]) -> None:
        """Only these are in the ledger: what is kept of others stays on the disk and decides nothing."""
        rows = tuple(devices)
        integrated = (row.id for row in rows if row.device_class is DeviceClass.INTEGRATED)
        with self._lock:
            self._present = frozenset(row.id for row in rows)
            self._integrated = frozenset(integrated)
            self._unclassified = frozenset(row.id for row in rows if not row.classified)
            self._common = marks.common_of(self._rows().values())

    def knows(self, device: str) -> bool:
        known = self._marks.get(device)
        return known is not None and not known.is_empty

    def judge(self, device: str, met: Marks, *, logged_in: bool = False) -> Opinion:
        with self._lock:
            known = self._marks.get(device)
            if known is None or known.is_empty:
                return self._of_unknown(device, met)
            opinion = self._opinion(known, met, logged_in=logged_in)
            if opinion.match is not Match.OTHER or not self._read_anew(device):
                return opinion
            known = self._marks.get(device, Marks())
            if known.is_empty:
                return Opinion(Match.UNSURE, "whoever answers is accepted")
            return self._opinion(known, met, logged_in=logged_in)

    def _opinion(self, known: Marks, met: Marks, *, logged_in: bool) -> Opinion:
        opinion = marks.compare(known, met, common=self._common)
        return marks.after_log_in(known, met, opinion) if logged_in else opinion

    def _of_unknown(self, device: str, met: Marks) -> Opinion:
        """A row of which nothing is known gets no device that is another row's, unless it is accepted."""
        bearer = next((name for name in self._rows() if self._is_of(name, device, met)), None)
        if bearer is not None and device not in self._accepted:
            self._take_up_word(device)
        if bearer is not None and device not in self._accepted:
            return Opinion(Match.OTHER, f"= {bearer}")
        return Opinion(Match.UNSURE, "nothing is known of it")

    def _is_of(self, row: str, device: str, met: Marks) -> bool:
        """Whether ``met`` is surely the device of another ``row`` that a person entered, by what strangers
        see: one serial is a whole batch's now and then; behind one router all have one MAC."""
        known = self._marks[row]
        if row == device or row in self._unclassified:
            return False
        references, macs = known.references & met.references, known.macs & met.macs
        if not references and (not macs or (known.references and met.references)):
            return False
        return marks.compare(known, met, common=self._common).match is Match.SAME

    def may_be_integrated(self, device: str, met: Marks) -> bool:
        """See Register."""
        with self._lock:
            own = marks.merged(self._marks.get(device, Marks()), met)
            police = [
                self._marks[name] for name in self._integrated if name != device and name in self._marks
            ]
        return any(marks.may_be(known, own) for known in police)

    def bears(self, device: str, met: Marks) -> bool:
        known = self._marks.get(device, Marks())
        return bool(known.references & met.references or known.macs & met.macs)

    def accept(self, device: str) -> None:
        """The operator says: the device was replaced, whoever lets the box in at its address is it now.

        Taken up by whichever process next meets another device there, within ``ACCEPT_S``.
        """
        self._notebook.note(device, ACCEPT_TOPIC, f"{self._unix() + ACCEPT_S:.0f}")

    def _read_anew(self, device: str) -> bool:
        """Before a device is called another one: what the operator accepted or another process learnt counts.
        True when something is different from before."""
        self._take_up_word(device)
        document = self._notebook.noted(device, MARKS_TOPIC)
        fresh = (marks.read(document) if document is not None else None) or Marks()
        before, self._marks[device] = self._marks.get(device), fresh
        self._common = marks.common_of(self._rows().values())
        return fresh != before

    def _take_up_word(self, device: str) -> None:
        """Where the operator accepts another device: forget the marks of the one before."""
        until = self._notebook.noted(device, ACCEPT_TOPIC)
        if until is None:
            return
        with contextlib.suppress(StoreFull):
            self._notebook.strike(device, ACCEPT_TOPIC)
            if until.isdigit() and 0 < int(until) - self._unix() <= ACCEPT_S + 1:
                self._notebook.strike(device, MARKS_TOPIC)
                self._accepted.add(device)
                log.warning("device=%s marks are forgotten: the operator accepts another device", device)

    def learn(self, device: str, met: Marks, *, near: Marks) -> None:
        with self._lock:
            known = self._marks.get(device, Marks())
            if not known.is_empty and marks.compare(known, met).match is not Match.SAME:
                return
            after = marks.merged(known, met)
            if not known.macs and not met.macs:
                after = marks.merged(after, near)
            if after == known or after.is_empty:
                return
            self._marks[device] = after
            self._accepted.discard(device)
            self._common = marks.common_of(self._rows().values())
        log.info("device=%s marks=%s", device, after)
        self._note(device, MARKS_TOPIC, marks.written(after))

    def seed(self, device: str, met: Marks) -> None:
        """What discovery told of a device before anybody logged in to it; no effect once more is known."""
        if not self.knows(device):
            self.learn(device, met, near=Marks())

    def remember_found(self, device: str, document: str) -> None:
        """This row was made by discovery, as ``document`` has it: the command line lists it beside the
        configured ones."""
        if self._notebook.noted(device, FOUND_TOPIC) != document:
            self._note(device, FOUND_TOPIC, document)

    def found(self) -> Mapping[str, str]:
        """The documents of the rows that discovery made, by id."""
        return self._notebook.notes(FOUND_TOPIC)

    # --- rows that go ---------------------------------------------------------------------------

    def part(self, device: str, why: Parting) -> None:
        """A row that discovery made is to go: the box carries it out, now or at its next start. Raises
        StoreFull."""
        self._notebook.note(device, PARTING_TOPIC, why)
        self._notebook.strike(device, FOUND_TOPIC)

    def partings(self) -> Mapping[str, Parting]:
        """The rows that are to go."""
        noted = self._notebook.notes(PARTING_TOPIC)
        return {name: Parting(why) for name, why in noted.items() if why in _PARTINGS}

    def parted(self, device: str) -> None:
        """The row is gone: forget what was known of its device, but for the rest of a refused password.
        Raises StoreFull."""
        with self._lock:
            self._marks.pop(device, None)
            self._places.pop(device, None)
            self._common = marks.common_of(self._rows().values())
        self._notebook.strike_all(device, but=(PARTING_TOPIC, *RESTS))
        self._notebook.note(device, PARTING_TOPIC, f"{self._unix() + REST_S:.0f}")

    def bygone(self) -> Sequence[str]:
        """Rows that went so long ago that no password of theirs rests any more."""
        noted = self._notebook.notes(PARTING_TOPIC)
        return [name for name, until in noted.items() if until not in _PARTINGS and not self._rests(until)]

    def stays(self, device: str) -> None:
        """A row is not to go, or is back. Raises StoreFull."""
        self._notebook.strike(device, PARTING_TOPIC)

    def _rests(self, until: str) -> bool:
        return until.isdecimal() and len(until) < 20 and 0 < int(until) - self._unix() <= REST_S + 1

    def ledger(self) -> Mapping[str, Marks]:
        """The marks of all devices of the ledger."""
        with self._lock:
            return self._rows()

    def shared(self) -> Mapping[str, tuple[str, ...]]:
        """Marks that several rows bear, with the rows: clones, or one device listed twice."""
        bearers: dict[str, list[str]] = {}
        for name, known in self.ledger().items():
            for mark in (*known.references, *known.macs):
                bearers.setdefault(mark, []).append(name)
        return {mark: tuple(names) for mark, names in bearers.items() if len(names) > 1}

    def marks_of(self, device: str) -> Marks:
        """Empty when nothing is known."""
        return self._marks.get(device, Marks())

    def place_of(self, device: str) -> Place | None:
        """Where a device was last; None when it never was met."""
        return self._places.get(device)

    def seen(self, device: str, place: Place) -> None:
        """The device answered there. Written when it is elsewhere than before, else once in an hour."""
        before = self._places.get(device)
        stays = before is not None and _address(before) == _address(place)
        if stays and before is not None and 0 <= place.seen_unix - before.seen_unix < SEEN_EVERY_S:
            return
        self._places[device] = place
        document = {name: getattr(place, name) for name in Place.__dataclass_fields__}
        self._note(device, PLACE_TOPIC, json.dumps(document))

    def _rows(self) -> dict[str, Marks]:
        present = self._present
        return {name: known for name, known in self._marks.items() if present is None or name in present}

    def _note(self, device: str, topic: str, document: str) -> None:
        with contextlib.suppress(StoreFull):
            self._notebook.note(device, topic, document)


def _address(place: Place) -> tuple[str, int, str, int]:
    return place.host, place.port, place.from_host, place.from_port


def _place(document: str) -> Place | None:
    try:
        told = json.loads(document)
        return Place(
            str(told["host"]),
            int(told["port"]),
            float(told["seen_unix"]),
            str(told["from_host"]),
            int(told["from_port"]),
        )
    except (ValueError, KeyError, TypeError):
        return None
