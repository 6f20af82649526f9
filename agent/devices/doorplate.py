"""Who answers at a device's address, found out before a password goes there.

    neighbour table (MAC) ─┐
    GetEndpointReference ──┼──> marks ──> the register: same, cannot tell ──> go on
    unicast probe ─────────┘                            other ──> OTHER_DEVICE, nothing secret was sent

Law: all of it is asked without credentials. A climb always looks; what follows within ``TRUSTED_S`` trusts
that look, unless a connection failed meanwhile: an address cannot change hands without breaking them. A
device that lets the box in is compared again, with everything it tells then.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from agent import marks
from agent.devices import identity_sentences
from agent.devices.discovery import reference_at
from agent.devices.neighbours import NEIGHBOURS, mac_at
from agent.devices.session import Session
from agent.errors import DeviceTrouble
from agent.marks import Marks, Match
from agent.model import Device, Identity
from agent.ports import Register

TRUSTED_S = 40.0
"""Longer than the pause between two climbs: in a steady state only climbs look."""
PROBE_S = 0.3
"""How long an announcement is waited for; on a LAN it comes within 20 ms."""


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
        monotonic: Callable[[], float] = time.monotonic,
        neighbours: Path = NEIGHBOURS,
    ) -> None:
        self._device = device
        self._register = register
        self._monotonic = monotonic
        self._neighbours = neighbours
        self._lock = threading.Lock()
        self._looked_at: float | None = None
        self._tells = True
        self._announces = True

    def require(self, session: Session) -> None:
        """Look, unless somebody just did. Raises DeviceError OTHER_DEVICE, or that nobody answers."""
        with self._lock:
            looked_at = self._looked_at
        if looked_at is None or self._monotonic() - looked_at > TRUSTED_S:
            self.look(session)

    def look(self, session: Session) -> None:
        """Ask who answers. Raises DeviceError OTHER_DEVICE, or that nobody answers."""
        if not self._register.knows(self._device.id):
            return
        self._judge(session, self._shown(session))
        with self._lock:
            self._looked_at = self._monotonic()

    def told(self, session: Session, identity: Identity, *, whole: bool) -> None:
        """Compare what a device tells that let the box in; with ``whole`` identities, learn it.

        Raises DeviceError OTHER_DEVICE.
        """
        met = marks.of_identity(identity)
        self._judge(session, met)
        if whole:
            near = mac_at(self._device.host, self._neighbours)
            self._register.learn(self._device.id, met, near=marks.made(macs=filter(None, [near])))

    def doubt(self) -> None:
        """A connection failed: look anew, by every way there is, before the next question."""
        with self._lock:
            self._looked_at = None
            self._tells = self._announces = True

    def _judge(self, session: Session, met: Marks) -> None:
        opinion = self._register.judge(self._device.id, met)
        if opinion.match is not Match.OTHER:
            return
        self.doubt()
        detail = identity_sentences.other_device(session.where, str(met), opinion.why)
        raise session.error(DeviceTrouble.OTHER_DEVICE, detail)

    def _shown(self, session: Session) -> Marks:
        """Marks that cost no log-in. A way that told nothing is not gone again until there is a doubt."""
        reference = session.reference() if self._tells else ""
        self._tells = bool(reference)
        if not reference and self._announces:
            reference = reference_at(self._device.host, wait_s=PROBE_S)
            self._announces = bool(reference)
        mac = mac_at(self._device.host, self._neighbours)
        return marks.made(reference=reference, macs=filter(None, [mac]))
