"""Who answers at a device's address, found out before a password goes there.

    neighbour table (MAC) ─┐
    GetEndpointReference ──┼──> marks ──> the register: same, cannot tell ──> go on
    unicast probe ─────────┘                            other ──> OTHER_DEVICE, nothing secret was sent

Law: all of it is asked without credentials, on the connection over which a log-in would follow, and anew on
each connection: an address cannot change hands without breaking them. A device that lets the box in is
compared again, with everything it tells then and the MAC at its address: one that hides its serial number or
has another MAC is another one. The password in clear goes only to one that is surely the same.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

from agent import marks
from agent.devices import identity_sentences
from agent.devices.discovery import reference_at
from agent.devices.identity import read_device_information
from agent.devices.neighbours import NEIGHBOURS, mac_at
from agent.devices.session import Session
from agent.errors import DeviceError, DeviceTrouble
from agent.marks import Marks, Match
from agent.model import Device, Identity
from agent.ports import Register

SILENT_LOOKS = 1
"""One failing climb is no news; after it a device whose discovery was switched off is believed."""
SILENT_S = 60.0
"""And not before: ladder and events look within the same second, and a device that starts up has its web
server some time before its discovery. A password sent into that gap would go to whoever took the address."""
PROBE_S = 0.3
"""How long an announcement is waited for; on a LAN it comes within 20 ms."""
DOUBTED_S = 2.0
"""And how long once more by a device that used to announce itself, before its silence is believed."""


def shown_marks(session: Session, *, neighbours: Path = NEIGHBOURS) -> Marks:
    """What whoever answers shows to strangers. Raises DeviceError when nobody answers."""
    host = session.device.host
    reference = session.reference() or reference_at(host, wait_s=PROBE_S)
    return marks.made(reference=reference, macs=filter(None, [mac_at(host, neighbours)]))


class Doorplate:
    """What one device shows to strangers, compared with what is known of it. Thread-safe."""

    def __init__(
        self,
        device: Device,
        register: Register,
        *,
        neighbours: Path = NEIGHBOURS,
    ) -> None:
        self._device = device
        self._register = register
        self._neighbours = neighbours
        self._lock = threading.Lock()
        self._tells = True
        self._announces = True
        self._last_shown: Marks | None = None
        self._heard: Marks | None = None
        """What it told after a log-in while nothing was known of it; None before it was asked."""
        self._sure = False
        self._silent_looks: int | None = None
        """Looks in a row without a reference since there was one; None before there ever was."""
        self._silent_since_s = 0.0

    def look(self, session: Session) -> None:
        """Ask who answers. Raises DeviceError OTHER_DEVICE, or that nobody answers."""
        known = self._register.knows(self._device.id)
        self._sure = False
        match = self._judge(session, self._shown(session))
        self._sure = match is Match.SAME or not known

    @property
    def is_sure(self) -> bool:
        """Whether the last look showed the device itself, or nothing is known to compare it with."""
        return self._sure

    @property
    def may_be_integrated(self) -> bool:
        """Whether the device may be one that the ledger has as integrated, by what is known and was shown."""
        shown = marks.merged(self._heard or Marks(), self._last_shown or Marks())
        return self._register.may_be_integrated(self._device.id, shown)

    def before_write(self, session: Session) -> None:
        """Have a device of which nothing is known tell its serial number, once: not every make shows anything
        to strangers. Raises DeviceError; one that has no such answer is written to as it is."""
        if self._heard is not None or self._register.knows(self._device.id):
            return
        try:
            self._heard = marks.of_identity(read_device_information(session))
        except DeviceError as error:
            if error.kind not in (DeviceTrouble.NOT_SUPPORTED, DeviceTrouble.BAD_ANSWER):
                raise
            self._heard = Marks()

    def told(self, session: Session, identity: Identity) -> None:
        """Compare what a device tells that let the box in, and learn it. Raises DeviceError OTHER_DEVICE."""
        shown = self._last_shown or self._shown(session)
        met = marks.merged(replace(shown, macs=frozenset()), marks.of_identity(identity))
        near = replace(shown, references=frozenset())
        first = not self._register.knows(self._device.id)
        self._judge(session, met)
        if near.macs:
            self._judge(session, replace(met, macs=near.macs), logged_in=True)
        else:
            self._judge(session, met, logged_in=True)
        self._register.learn(self._device.id, marks.merged(met, near) if first else met, near=near)

    def doubt(self) -> None:
        """A connection failed: look anew, by every way there is, before the next question."""
        with self._lock:
            self._tells = self._announces = True
            self._last_shown = self._heard = None

    def _judge(self, session: Session, met: Marks, *, logged_in: bool = False) -> Match:
        opinion = self._register.judge(self._device.id, met, logged_in=logged_in)
        if opinion.match is not Match.OTHER:
            return opinion.match
        self.doubt()
        detail = identity_sentences.other_device(session.where, str(met), opinion.why)
        raise session.error(DeviceTrouble.OTHER_DEVICE, detail)

    def _shown(self, session: Session) -> Marks:
        """Marks that cost no log-in. A way that told nothing is not gone again until there is a doubt."""
        told = session.reference() if self._tells else ""
        self._tells = bool(told)
        # behind port forwarding it is the router's, and that of all the others there
        near = None if self._device.port_forwarded else mac_at(self._device.host, self._neighbours)
        macs = [] if near is None else [near]
        shown = marks.made(reference=told, macs=macs)
        if self._announces and (not shown.references or self._is_other(shown)):
            fell_silent = bool(self._silent_looks)
            announced = reference_at(self._device.host, wait_s=DOUBTED_S if fell_silent else PROBE_S)
            self._announces = bool(announced)
            shown = marks.made(references=[told, announced], macs=macs)
        self._require_shown(session, bool(shown.references))
        self._last_shown = shown
        return shown

    def _is_other(self, met: Marks) -> bool:
        return self._register.judge(self._device.id, met).match is Match.OTHER

    def _require_shown(self, session: Session, shows: bool) -> None:
        """Raises DeviceError for a device that used to show its reference and does not: it may be another one
        that starts up, whose web server is there before its discovery is. After some looks it is believed."""
        with self._lock:
            if shows:
                self._silent_looks = 0
            elif self._silent_looks is not None:
                if self._silent_looks == 0:
                    self._silent_since_s = time.monotonic()
                self._silent_looks += 1
            silent = self._silent_looks or 0
            early = time.monotonic() - self._silent_since_s < SILENT_S
        if silent > 0 and (silent <= SILENT_LOOKS or early):
            self.doubt()
            raise session.error(DeviceTrouble.HUNG, identity_sentences.shows_nothing(session.where))
