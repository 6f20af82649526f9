"""Whether the box reads the analysis stream of a device, or the sub-stream as before.

    noted and verified ──given──> read
                           └── asked for again and again, or gone ──> the sub-stream, for an hour

Law: nobody waits for a stream that does not come: whoever asks for its address three times in five minutes
did not get it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence

from agent.devices.analysis.notes import AnalysisNotes
from agent.devices.analysis.wish import NAME
from agent.devices.profiles import watched
from agent.model import MediaProfile

_TRIES = 3
_TRIES_WITHIN_S = 300.0
_RESTS_S = 3600.0


class AnalysisChoice:
    """The choice for one device. Not thread-safe: the adapter's lock is held."""

    def __init__(
        self, notes: AnalysisNotes, device: str, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._notes = notes
        self._device = device
        self._monotonic = monotonic
        self._given: deque[float] = deque(maxlen=_TRIES)
        self._rests_until = 0.0
        self._missed = ""

    def preferred(self, profiles: Sequence[MediaProfile]) -> MediaProfile | None:
        """The analysis profile when it is there and works."""
        if self._monotonic() < self._rests_until:
            return None
        note = self._notes.read(self._device)
        if note is None or not note.verified:
            return None
        return next((one for one in profiles if one.token == note.profile), None)

    def is_news(self, profiles: Sequence[MediaProfile]) -> bool:
        """Whether one is noted that ``profiles`` do not have: true once, for they may be old."""
        note = self._notes.read(self._device)
        noted = note.profile if note is not None and note.verified else ""
        if not noted or noted == self._missed or any(one.token == noted for one in profiles):
            return False
        self._missed = noted
        return True

    def usual(self, profiles: Sequence[MediaProfile]) -> MediaProfile | None:
        """The stream to watch without it."""
        others = [one for one in profiles if one.name != NAME]
        return watched(others) or watched(profiles)

    def given(self) -> None:
        """The address of the analysis stream was asked for and given."""
        now = self._monotonic()
        self._given.append(now)
        if len(self._given) == _TRIES and now - self._given[0] <= _TRIES_WITHIN_S:
            self.failed()

    def failed(self) -> None:
        """The device does not give it: the sub-stream for a while."""
        self._given.clear()
        self._rests_until = self._monotonic() + _RESTS_S
