"""What devices say of their disks and cards in their own events. Pure but for the lock.

Law: a disk is told to be ok only when the device said that no storage failed; without a word it is unknown.
GetStorageConfigurations says where is recorded, never whether it works: it is not asked.
Topics from recorded GetEventProperties answers of Hikvision and Axis, and from ONVIF Core (StorageFailure).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

from lxml import etree

from agent.devices.redact import quoted
from agent.devices.soap import below, child, local_name
from agent.devices.topics import normalised
from agent.model import Disk

_STATES: Final = frozenset(
    {
        "Device/HardwareFailure/StorageFailure",  # Failed
        "tnsaxis:HardwareFailure/StorageFailure",  # disruption
        "tnsaxis:Storage/Disruption",
    }
)
_PULSES: Final[Mapping[str, Disk]] = {
    "Device/HardwareFailure/tnshik:HardDiskError": Disk.ERROR,
    "Device/HardwareFailure/tnshik:HardDiskUnformat": Disk.ERROR,
    "Device/HardwareFailure/tnshik:HardDiskFull": Disk.FULL,
    "Device/HardwareFailure/tnsn:HardDiskError": Disk.ERROR,
    "Device/HardwareFailure/tnsn:HardDiskUnformat": Disk.ERROR,
    "Device/HardwareFailure/tnsn:HardDiskFull": Disk.FULL,
}
"""Without an end: the device says it again while it lasts."""
_ITEMS = ("failed", "disruption", "state", "value")
_TRUE, _FALSE = ("true", "1"), ("false", "0")
_PULSE_LASTS_S: Final = 26 * 3600.0
"""A pulse counts until the next day's reading has seen it."""
_MOST_WORDS: Final = 32
"""Disks of one device that are told apart."""

_Key = tuple[str, str]


class StorageWatch:
    """The last word of every device about each of its disks. Thread-safe; bounded."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.on_change: Callable[[str], None] = lambda _device: None
        """Called with a ledger id when the state of its disks changed; from whichever thread read it."""
        self._monotonic = monotonic
        self._words: dict[str, dict[_Key, tuple[Disk, float | None]]] = {}
        self._lock = threading.Lock()

    def read(self, device: str, content: etree._Element) -> None:
        """Take what a PullMessages answer says of storage."""
        words = [word for node in content if (word := _word(node)) is not None]
        if not words:
            return
        before = self.disk(device)
        with self._lock:
            known = self._words.setdefault(device, {})
            for key, disk, ends in words:
                if key in known or len(known) < _MOST_WORDS:
                    known[key] = (disk, self._monotonic() + _PULSE_LASTS_S if ends else None)
        if self.disk(device) is not before:
            self.on_change(device)

    def disk(self, device: str) -> Disk:
        """The worst that is known of the device's disks."""
        now = self._monotonic()
        with self._lock:
            words = self._words.get(device, {})
            known = {disk for disk, ends in words.values() if ends is None or ends > now}
        return next((disk for disk in (Disk.ERROR, Disk.FULL, Disk.OK) if disk in known), Disk.UNKNOWN)


def _word(node: etree._Element) -> tuple[_Key, Disk, bool] | None:
    """(which disk, its state, whether the word wears off) of one notification; None when not of storage."""
    if local_name(node) != "NotificationMessage":
        return None
    topic, message = child(node, "Topic"), child(node, "Message", "Message")
    if topic is None or message is None:
        return None
    said = normalised(topic.text or "", topic.nsmap)
    pulse = _PULSES.get(said)
    source = ",".join((one.get("Value") or "").strip() for one in below(message, "Source"))
    key = (said, quoted(source, longest=64))
    if pulse is not None:
        return key, pulse, True
    if said not in _STATES:
        return None
    if message.get("PropertyOperation") == "Deleted":
        return key, Disk.UNKNOWN, False
    for item in below(message, "Data"):
        if (item.get("Name") or "").casefold() in _ITEMS:
            word = (item.get("Value") or "").strip().casefold()
            if word in _TRUE or word in _FALSE:
                return key, Disk.ERROR if word in _TRUE else Disk.OK, False
    return None
