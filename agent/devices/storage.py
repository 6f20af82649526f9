"""What devices say of their disks and cards in their own events. Pure but for the lock.

Law: a disk is told to be ok only when the device said that no storage failed; without a word it is unknown.
GetStorageConfigurations says where is recorded, never whether it works: it is not asked.
Which topics speak of storage is in ``topic_table``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from agent.devices.notifications import Notice
from agent.model import Disk
from protocol.words import SceneTopic

_BAD: Final[Mapping[SceneTopic, Disk]] = {
    SceneTopic.STORAGE_FAILURE: Disk.ERROR,
    SceneTopic.STORAGE_FULL: Disk.FULL,
}
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

    def take(self, device: str, notices: Iterable[Notice]) -> None:
        """Take what one answer's notices say of storage."""
        words = [word for notice in notices if (word := _word(notice)) is not None]
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

    def forget(self, device: str) -> None:
        """The device is no longer looked after."""
        with self._lock:
            self._words.pop(device, None)

    def disk(self, device: str) -> Disk:
        """The worst that is known of the device's disks."""
        now = self._monotonic()
        with self._lock:
            words = self._words.get(device, {})
            known = {disk for disk, ends in words.values() if ends is None or ends > now}
        return next((disk for disk in (Disk.ERROR, Disk.FULL, Disk.OK) if disk in known), Disk.UNKNOWN)


def _word(notice: Notice) -> tuple[_Key, Disk, bool] | None:
    """(which disk, its state, whether the word wears off) of one notice; None when not of storage."""
    event = notice.event
    bad = _BAD.get(event.topic)
    if bad is None:
        return None
    key = (notice.said, event.source)
    if event.active is None:
        return key, bad, True
    if event.active:
        return key, bad, False
    is_well = bad is Disk.ERROR and not notice.deleted
    return key, Disk.OK if is_well else Disk.UNKNOWN, False
