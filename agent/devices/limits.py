"""How long, how big, how often: every bound this room keeps, in one place.

Law: no call to a device ends later than its deadline, whatever the device sends or does not send.
Figures measured against hostile devices; a honest camera answers within 0.5 s and 75 kB.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the device room. Tests shorten the times; the sizes stay."""

    total_s: float = 8.0
    """One exchange from connect to the last byte; also the whole ladder of one climb."""
    connect_s: float = 3.0
    answer_bytes: int = 2 * MIB
    picture_bytes: int = 4 * MIB
    markup: int = 100_000
    """Angle brackets and equal signs in one answer: what a tree of it costs in memory."""
    pull_s: float = 5.0
    """PullMessages Timeout. Tapo C225/C320 close the socket after 10 s, so never above 5."""
    lease_s: int = 60
    """Asked termination time of a pull point, sent in seconds: some devices misread minutes."""
    look_s: float = 2.0
    """Who answers at an address, asked without a log-in: an honest device shows it within 0.5 s, over a poor
    line and with TLS within 1.5 s. An announcement is waited for a moment longer."""
    refused_pause_s: float = 600.0
    """After a refused password the account is left alone so long: accounts lock after 5 to 7 tries."""
    upload_s: float = 600.0
    """A firmware image of 40 MB to a camera that writes flash at 100 kB/s."""
    attachment_bytes: int = 64 * MIB
    """Backups and logs that come inside an answer."""
    away_s: float = 300.0
    """How long a device may be away over a restart or a firmware: domes take up to four minutes."""
    unsubscribe_s: float = 2.0
    key_s: float = 2.0
    """Asking for a key frame, waiting for others included: whoever asks has a stream to read meanwhile."""
    keys_every_s: float = 1.5
    """At most one key frame is asked for in so long, whoever asks: whoever watches a stream asks every two
    seconds of the stream's own time, which is not quite the box's."""
    sip_s: float = 2.0
    series_probes: int = 10
    """Probes of the line to a conference endpoint in one climb: at 30 s, one in three seconds."""
    series_gap_s: float = 0.05
    series_wait_s: float = 1.0
    listen_s: float = 3.0
    """How long discovery listens after its last probe."""
    recordings_s: float = 30.0
    """All questions about what one device recorded."""
    search_s: float = 10.0
    """One search of recordings or of their begins and ends."""
    search_keep_s: float = 10.0
    """KeepAliveTime: how long a search lives on the device when the box dies; above ``total_s``."""
    search_wait_s: float = 2.0
    search_idle_s: float = 0.2
    """Pause after an empty page of a search that goes on."""
    search_page: int = 100
    """Results asked for at a time: 100 are 100 kB."""
    search_results: int = 20_000
    """A channel that turns on and off every four minutes for a month has as many."""
    channels: int = 64
    probed_addresses: int = 1024
    """At most so many addresses of each subnet are probed one by one in a discovery."""


class Deadline:
    """A point in monotonic time. Not shared between threads."""

    def __init__(self, seconds: float, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._monotonic = monotonic
        self._end = monotonic() + seconds

    def remaining_s(self) -> float:
        """Seconds left, above 0. Raises TimeoutError when there are none."""
        left = self._end - self._monotonic()
        if left <= 0:
            raise TimeoutError(f"no answer within {self.seconds:g} s")
        return left

    def cut(self, seconds: float) -> Deadline:
        """A deadline so many seconds from now, or this one when it is sooner."""
        left = max(0.0, self._end - self._monotonic())
        return Deadline(min(seconds, left), monotonic=self._monotonic)
