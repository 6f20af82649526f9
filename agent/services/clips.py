"""Clips of episodes: ordered when one begins, written when its seconds are over, on a thread of their own.

Law: nothing waits for a clip for long, and clips are few. At most one at a time of a device and ``MOST_OPEN``
of the box, each bounded by the video room; a device that has many events gets a clip of some of them. Without
one the still shows it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from agent.metrics import CLIPS
from agent.ports import Recording, Stills
from agent.services.episodes import APART
from protocol.words import SceneTopic
from runtime.clock import Clock
from runtime.pace import Pace

log = logging.getLogger(__name__)

MOST_OPEN: Final = 8
BURST, EVERY_S = 6, 300.0
"""Clips of one device: a clip is some 1 MB on the village's line, a still 40 KB."""
COLLECT_S: Final = 1.0
OVERDUE_S: Final = 30.0
"""So long after its last second a clip is waited for at most."""
REACH_S: Final = 5.0
"""What was first seen longer ago than this is no longer in memory: the clip shows how it was confirmed."""
WITHOUT: Final = APART | frozenset(
    {
        SceneTopic.MOTION,
        SceneTopic.TOO_DARK,
        SceneTopic.TOO_BRIGHT,
        SceneTopic.TOO_BLURRY,
        SceneTopic.IMPAIRED,
        SceneTopic.LIGHT_LEVEL,
    }
)
"""Mere motion has its still, and a clip of each would fill the line; the dark shows nothing in a clip."""


@dataclass(frozen=True, slots=True)
class ClipTimes:
    """Seconds before and after the start of an episode; none of both is no clip."""

    before_s: float = 0.0
    after_s: float = 0.0

    @property
    def wanted(self) -> bool:
        return self.before_s > 0 or self.after_s > 0


@dataclass(frozen=True, slots=True)
class _Order:
    device: str
    episode: str
    at: datetime
    recording: Recording


class ClipDesk:
    """Takes orders from any thread; ``step`` runs on one."""

    def __init__(
        self,
        record: Callable[[str, float, float], Recording | None],
        *,
        stills: Stills,
        clock: Clock,
        times: ClipTimes,
    ) -> None:
        """``record(device, since_s, until_s)`` begins a clip; None where there is no stream."""
        self._record = record
        self._stills = stills
        self._clock = clock
        self._times = times
        self._lock = threading.Lock()
        self._open: dict[str, _Order] = {}
        self._done: dict[str, str | None] = {}
        self._paces: dict[str, Pace] = {}

    def order(self, device: str, episode: str, *, topic: SceneTopic, at: datetime, mono_s: float) -> None:
        """Make a clip of an episode that began at ``at``, if it gets one."""
        if not self._times.wanted or topic in WITHOUT:
            return
        now_s = self._clock.monotonic()
        begins_s = max(mono_s, now_s - REACH_S)
        with self._lock:
            pace = self._paces.setdefault(device, Pace(burst=BURST, every_s=EVERY_S))
            busy = len(self._open) >= MOST_OPEN or any(one.device == device for one in self._open.values())
            if busy or pace.wait_s(now_s) > 0:
                CLIPS.labels(outcome="held_back").inc()
                return
            recording = self._record(device, begins_s - self._times.before_s, begins_s + self._times.after_s)
            if recording is None:
                CLIPS.labels(outcome="no_stream").inc()
                return
            pace.take(now_s)
            self._open[episode] = _Order(device, episode, at, recording)

    def pending(self, episode: str) -> bool:
        """Whether a clip of it is being made."""
        with self._lock:
            return episode in self._open

    def take(self, episode: str) -> str | None:
        """The SHA-256 of the clip of an episode that is over; None when there is none. It is told once."""
        with self._lock:
            self._open.pop(episode, None)
            return self._done.pop(episode, None)

    def step(self) -> float:
        """Collect what came for each clip, and write those whose time is over."""
        with self._lock:
            orders = list(self._open.values())
        for order in orders:
            if order.recording.collect(self._clock.monotonic()):
                self._finish(order)
        return COLLECT_S

    def close(self) -> None:
        """The box stops: what is not written is given up."""
        with self._lock:
            self._open.clear()

    def _finish(self, order: _Order) -> None:
        exhibit = order.recording.exhibit()
        kept = None if exhibit is None else self._stills.keep(exhibit, device=order.device, at=order.at)
        CLIPS.labels(outcome="nothing" if exhibit is None else "refused" if kept is None else "kept").inc()
        log.info("device=%s episode=%s clip=%s", order.device, order.episode, kept)
        with self._lock:
            if self._open.pop(order.episode, None) is not None and kept is not None:
                self._done[order.episode] = kept
