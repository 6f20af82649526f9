"""The box's register beside a device described by hand: it says what may be integrated, and keeps nothing.

Law: a device described on the spot is no row of the ledger. Its log-in is the asker's own business; whether
it is the police's is not, wherever it stands now.
"""

from __future__ import annotations

import contextlib

from agent import hosts
from agent.config import Config
from agent.marks import Marks, Match, Opinion
from agent.model import Device
from agent.outbox.notebook import SqliteNotebook
from agent.ports import Register
from agent.services.register import DeviceRegister
from protocol.words import DeviceClass


class Bystander:
    """Implements Register for one device that is in no ledger; ``box`` knows what the box may only read."""

    def __init__(self, box: Register | None, addresses: frozenset[str]) -> None:
        self._box = box
        self.addresses = addresses
        """Where the box knows an integrated device, listed and followed to."""

    def knows(self, device: str) -> bool:  # noqa: ARG002
        """See Register: nothing is known of who was described."""
        return False

    def judge(self, device: str, met: Marks, *, logged_in: bool = False) -> Opinion:  # noqa: ARG002
        """See Register."""
        return Opinion(Match.UNSURE, "nothing is known of it")

    def bears(self, device: str, met: Marks) -> bool:  # noqa: ARG002
        """See Register."""
        return False

    def may_be_integrated(self, device: str, met: Marks) -> bool:
        """See Register."""
        return self._box is not None and self._box.may_be_integrated(device, met)

    def learn(self, device: str, met: Marks, *, near: Marks) -> None:
        """See Register: the box learns of its own devices alone."""


def beside(config: Config) -> Bystander:
    """What the box of a configuration knows of integrated devices; a name stands for all it resolves to."""
    rows = [
        Device(one.id, one.device_class, one.host, one.port)
        for one in config.devices
        if one.device_class is DeviceClass.INTEGRATED
    ]
    known, register = {row.host for row in rows}, None
    file = config.box.data_dir / "notebook.db"
    if rows and file.exists():
        with contextlib.closing(SqliteNotebook(file)) as notebook:
            register = DeviceRegister(notebook)  # asked from here on for what it holds in memory alone
        register.keep_to(rows)
        places = [register.place_of(row.id) for row in rows]
        known |= {place.host for place in places if place is not None}
    return Bystander(register, frozenset(each for host in known for each in hosts.addresses(host)))
