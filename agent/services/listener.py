"""What the cameras themselves report: notifications to scene events, starts and ends in pairs.

Laws. A property replayed on subscription is state, never an event. The same start twice is one start.
A start whose end never comes is ended after ``MAX_ACTIVE_S`` and says so.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from agent.metrics import CAMERA_EVENTS, SCENE_EVENTS
from agent.model import CameraEvent, Device, SceneEvent
from agent.ports import EventSubscription, Log
from agent.services.watcher import scene_entry
from protocol.words import Phase, SceneTopic, SeenBy
from runtime.clock import Clock

log = logging.getLogger(__name__)

MAX_ACTIVE_S = 300.0
SOURCES_LIMIT = 64
"""Topics and sources of one camera that are told apart; more are a broken or hostile camera."""
BETWEEN_S = 0.2
"""Pause while one subscription is given back and the next is not there yet."""
COUNT_PAUSE_S = 60.0
"""Counts of a checkpoint are written at most once a minute."""

_Key = tuple[SceneTopic, str]


@dataclass(frozen=True, slots=True)
class _Active:
    episode: str
    since_s: float
    since: datetime


class CameraEventPairing:
    """One camera's notifications to paired scene events. Pure: times are handed in."""

    def __init__(self, *, new_episode: Callable[[], str]) -> None:
        self._new_episode = new_episode
        self._active: dict[_Key, _Active] = {}
        self._counted_s: dict[_Key, float] = {}

    def take(self, event: CameraEvent, *, mono_s: float) -> SceneEvent | None:
        """The scene event this notification makes, or None when it changes nothing."""
        key = (event.topic, event.source)
        if event.initial:
            return None
        if event.active is None:
            return self._pulse(key, event, mono_s)
        if event.active:
            return self._start(key, event, mono_s)
        return self._end(key, event.time, mono_s, reason="")

    def expire(self, now: datetime, *, mono_s: float) -> list[SceneEvent]:
        """End what has been going on for too long."""
        late = [key for key, active in self._active.items() if mono_s - active.since_s > MAX_ACTIVE_S]
        ended = (self._end(key, now, mono_s, reason="no end within 300 s / 未收到结束") for key in late)
        return [event for event in ended if event is not None]

    def _pulse(self, key: _Key, event: CameraEvent, mono_s: float) -> SceneEvent | None:
        if event.count is not None:
            if mono_s - self._counted_s.get(key, -COUNT_PAUSE_S) < COUNT_PAUSE_S:
                return None
            if len(self._counted_s) >= SOURCES_LIMIT and key not in self._counted_s:
                return None
            self._counted_s[key] = mono_s
        return SceneEvent(
            topic=event.topic,
            phase=Phase.PULSE,
            seen_by=SeenBy.CAMERA,
            episode=self._new_episode(),
            time=event.time,
            count=event.count,
        )

    def _start(self, key: _Key, event: CameraEvent, mono_s: float) -> SceneEvent | None:
        if key in self._active or len(self._active) >= SOURCES_LIMIT:
            return None
        self._active[key] = _Active(self._new_episode(), mono_s, event.time)
        return SceneEvent(
            topic=event.topic,
            phase=Phase.START,
            seen_by=SeenBy.CAMERA,
            episode=self._active[key].episode,
            time=event.time,
        )

    def _end(self, key: _Key, at: datetime, mono_s: float, *, reason: str) -> SceneEvent | None:
        active = self._active.pop(key, None)
        if active is None:
            return None
        return SceneEvent(
            topic=key[0],
            phase=Phase.END,
            seen_by=SeenBy.CAMERA,
            episode=active.episode,
            time=at,
            reason=reason,
            duration_s=mono_s - active.since_s,
        )


class Listener:
    """One camera's pull point; its ``step`` runs on a worker of its own and raises DeviceError."""

    def __init__(
        self,
        device: Device,
        subscription: EventSubscription,
        *,
        log_: Log,
        clock: Clock,
        new_episode: Callable[[], str],
        take_still: Callable[[str], str | None] = lambda _device: None,
    ) -> None:
        self.device = device
        self._subscription = subscription
        self._log = log_
        self._clock = clock
        self._pairing = CameraEventPairing(new_episode=new_episode)
        self._take_still = take_still
        self._between = False

    def step(self) -> float:
        """Wait a few seconds for notifications and write what they mean."""
        if self._between:
            return BETWEEN_S
        try:
            events: Sequence[CameraEvent] = self._subscription.pull()
        finally:
            self._write(self._pairing.expire(self._clock.now(), mono_s=self._clock.monotonic()))
        for event in events:
            made = self._pairing.take(event, mono_s=self._clock.monotonic())
            CAMERA_EVENTS.labels(
                outcome="initial" if event.initial else "repeated" if made is None else "taken"
            ).inc()
            if made is not None:
                self._write([made])
        return 0.0

    def rebind(self, device: Device, subscription: EventSubscription) -> None:
        """The device has another address or log-in: listen there. What goes on goes on."""
        self._between = True
        try:
            self._subscription.close()  # first: the slot it gives back must not be the new one's
        finally:
            self._subscription, self.device = subscription, device
            self._between = False

    def close(self) -> None:
        self._subscription.close()

    def _write(self, events: Sequence[SceneEvent]) -> None:
        for event in events:
            still = self._take_still(self.device.id) if event.phase is Phase.START else None
            SCENE_EVENTS.labels(seen_by=event.seen_by).inc()
            self._log.append(scene_entry(event, evidence=still), at=event.time, subject=self.device.id)
