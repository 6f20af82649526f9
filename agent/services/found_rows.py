"""Which rows that discovery made are kept: those that ever let the box in, and those that are still seen.

    found ──lets the box in once──> proved: kept until a person forgets it
      └──never, and not seen for ABSENT_S──┐
    devices forget ────────────────────────┴──noted──> let go: store, notebook, every service

Law: a neighbour that changes its address or its reference costs ``MOST_UNPROVED`` rows at the most. Absence
is counted while the box runs, by the monotonic clock: a box that was off and a clock that jumps forget
nobody. What is noted is carried out, by this process or the next. The rest of a refused password outlives
its row: who is found again is not tried anew before it is over.
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from agent.errors import StoreFull
from agent.model import Device, Evidence
from agent.ports import Found, Log, Notebook
from agent.services import moving_words
from agent.services.register import DeviceRegister, Parting
from protocol.messages import BoxEvent
from protocol.words import Reason, Rung
from runtime.clock import Clock

log = logging.getLogger(__name__)

MOST_UNPROVED = 64
"""Rows of devices that never let the box in; a box is made for as many devices in all."""
ABSENT_S = 86_400.0
STEP_S = 2.0
NOTE_S = 3600.0
"""How often growing absence is written down: the disk lasts years."""
ROW_TOPIC = "found_row"

LetGo = Callable[[str], Device | None]
"""Takes a row out of store, care and register (``parted``); the device, None when it was not under care.
Raises StoreFull: what was done stays done, and it is called again."""


@dataclass(slots=True)
class _Row:
    let_in: bool
    absent_s: float = 0.0
    noted_s: float = 0.0
    """``absent_s`` as it stands on the disk."""


class FoundRows:
    """``step`` runs on one worker; the rest may be called from any thread."""

    def __init__(
        self,
        register: DeviceRegister,
        notebook: Notebook,
        *,
        let_go: LetGo,
        log_: Log,
        clock: Clock,
        listed: frozenset[str] = frozenset(),
    ) -> None:
        """``listed`` are the ids of the configuration: they are never let go."""
        self._register = register
        self._notebook = notebook
        self._let_go = let_go
        self._log = log_
        self._clock = clock
        self._listed = listed
        self._lock = threading.Lock()
        self._rows: dict[str, _Row] = {}
        self._owed: list[str] = []
        self._stepped_s = clock.monotonic()

    def add(self, device: str, *, new: bool = False) -> None:
        """Keep count of one more row. One of an older version counts as proved when its device was met."""
        row = None if new else _read(self._notebook.noted(device, ROW_TOPIC))
        if row is None:
            row = _Row(let_in=not new and self._register.place_of(device) is not None)
            self._note(device, row)
        with self._lock:
            self._rows[device] = row

    @property
    def room(self) -> int:
        """How many rows may still be made of devices that never let the box in."""
        with self._lock:
            return max(0, MOST_UNPROVED - sum(not row.let_in for row in self._rows.values()))

    def heard(self, device: str, evidence: Evidence) -> None:
        """Take the outcome of a climb: whoever answers as this device is there."""
        with self._lock:
            row = self._rows.get(device)
            if row is None or row.let_in or evidence.rung.height <= Rung.UNREACHABLE.height:
                return
            row.absent_s = 0.0
            row.let_in = evidence.reason is Reason.OK
        if row.let_in:
            self._note(device, row)

    def announced(self, found: Iterable[Found]) -> None:
        """Take what a search met: a row whose marks were announced is there, wherever it is."""
        met = [moving_words.marks_of(one) for one in found]
        with self._lock:
            unproved = [(name, row) for name, row in self._rows.items() if not row.let_in]
        for name, row in unproved:
            if any(self._register.bears(name, marks) for marks in met):
                row.absent_s = 0.0

    def step(self) -> float:
        """Count absence, and let go whom nobody sees or an operator forgot. Raises StoreFull, and goes on
        with it later."""
        self._count()
        for name, why in self._register.partings().items():
            if name in self._listed:
                self._register.stays(name)
            else:
                self._part(name, why)
        for name in self._register.bygone():
            self._end(name)
        self._tell()
        return STEP_S

    def _count(self) -> None:
        now_s = self._clock.monotonic()
        passed_s, self._stepped_s = now_s - self._stepped_s, now_s
        with self._lock:
            rows = [(name, row) for name, row in self._rows.items() if not row.let_in]
        for name, row in rows:
            row.absent_s += passed_s
            if row.absent_s >= ABSENT_S:
                self._register.part(name, Parting.UNSEEN)
            elif row.absent_s - row.noted_s >= NOTE_S or row.noted_s > row.absent_s:
                self._note(name, row)

    def _part(self, name: str, why: Parting) -> None:
        with self._lock:
            self._rows.pop(name, None)
        device = self._let_go(name)
        where = "" if device is None else f"{device.host}:{device.port}"
        unseen_h = round(ABSENT_S / 3600) if why is Parting.UNSEEN else None
        self._owed.append(moving_words.forgotten(name, where, unseen_h=unseen_h))
        log.warning("device=%s at %s is taken out of the ledger: %s", name, where, why)

    def _end(self, name: str) -> None:
        """The rest of its password is over too: nothing of it is left, unless it was found again."""
        with self._lock:
            is_back = name in self._rows
        if is_back:
            self._register.stays(name)
        else:
            self._notebook.strike_all(name)

    def _tell(self) -> None:
        while self._owed:
            event = BoxEvent(what="device_forgotten", detail=self._owed[0])
            self._log.append(event, at=self._clock.now())
            self._owed.pop(0)

    def _note(self, device: str, row: _Row) -> None:
        document = json.dumps({"let_in": row.let_in, "absent_s": round(row.absent_s)})
        with contextlib.suppress(StoreFull):
            self._notebook.note(device, ROW_TOPIC, document)
            row.noted_s = row.absent_s


def _read(document: str | None) -> _Row | None:
    """A row as it was noted; None for one that is damaged or was not noted."""
    try:
        told = json.loads(document or "")
        absent_s = min(max(0.0, float(told["absent_s"])), ABSENT_S)
        return _Row(told["let_in"] is True, absent_s, absent_s)
    except (ValueError, KeyError, TypeError):
        return None
