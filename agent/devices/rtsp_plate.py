"""Who answers where a stream is asked for, of a device that has no ONVIF to tell it: the smaller doorplate.

Law: as in ``doorplate``: looked at before a log-in, over the connection that is open, without credentials. A
MAC, or an announcement from the same address, is all there is to see.
"""

from __future__ import annotations

from pathlib import Path

from agent import marks
from agent.devices import identity_sentences
from agent.devices.discovery import reference_at
from agent.devices.doorplate import PROBE_S
from agent.devices.neighbours import NEIGHBOURS, mac_at
from agent.errors import DeviceError, DeviceTrouble
from agent.marks import Marks, Match
from agent.model import Device
from agent.ports import Register


class StreamPlate:
    """The marks around one device's stream, compared with what is known of it."""

    def __init__(self, device: Device, register: Register | None, *, neighbours: Path = NEIGHBOURS) -> None:
        self._device = device
        self._register = register
        self._neighbours = neighbours

    def look(self, where: str) -> bool:
        """Whether nothing speaks against the device: it is recognised, or nothing is known of it yet.

        False when what it is known by is not to be seen. Raises DeviceError OTHER_DEVICE.
        """
        if self._register is None or not self._register.knows(self._device.id):
            return True
        met = self._near()
        opinion = self._register.judge(self._device.id, met)
        if opinion.match is not Match.SAME:
            announced = reference_at(self._device.host, wait_s=PROBE_S)
            met = marks.merged(met, marks.made(reference=announced))
            opinion = self._register.judge(self._device.id, met)
        if opinion.match is Match.OTHER:
            detail = identity_sentences.other_device(where, str(met), opinion.why)
            raise DeviceError(DeviceTrouble.OTHER_DEVICE, self._device.id, detail)
        # channels of one encoder are rows with one MAC: it tells none from the other, and none is a stranger
        return opinion.match is Match.SAME or self._register.bears(self._device.id, met)

    def learn(self) -> None:
        """The device let the box in: at the first time its MAC becomes its mark."""
        if self._register is not None:
            self._register.learn(self._device.id, Marks(), near=self._near())

    def _near(self) -> Marks:
        return marks.made(macs=filter(None, [mac_at(self._device.host, self._neighbours)]))
