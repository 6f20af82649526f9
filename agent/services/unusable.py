"""Tells of devices that a search found and cannot take in: once for each address and kind, bounded.

Law: what was told is remembered while the box runs; a device that changes its kind is told anew.
"""

from __future__ import annotations

import logging

from agent.ports import Log, Unusable
from protocol.messages import BoxEvent
from runtime.clock import Clock

log = logging.getLogger(__name__)

MOST_TOLD = 512
_DETAIL = 200


class UnusableDevices:
    """Writes ``device_unusable``: address, kind, make where one is known, what to do. One thread."""

    def __init__(self, *, log_: Log, clock: Clock) -> None:
        self._log = log_
        self._clock = clock
        self._told: set[tuple[str, str]] = set()

    def tell(self, one: Unusable) -> None:
        """Write it once; past ``MOST_TOLD`` nothing more is told until the box starts anew."""
        key = (one.host, one.kind)
        if key in self._told or len(self._told) >= MOST_TOLD:
            return
        self._told.add(key)
        words = [one.host, one.kind, *([one.make_hint] if one.make_hint else []), one.detail]
        log.warning("host=%s kind=%s found, not taken in", one.host, one.kind)
        event = BoxEvent(what="device_unusable", detail=" ".join(words)[:_DETAIL])
        self._log.append(event, at=self._clock.now(), severity="WARN")
