"""What the cameras themselves report: notifications to scene events, starts and ends in pairs.

Laws. A property replayed on subscription is state, never an event; but a state that is over ends what was
told to go on. The same start twice is one start. A start whose end never comes is ended by the rule of its
topic (``LONGEST_S``) and says so; what a device says of its own health has no such end and outlives a restart
of the box.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from agent.errors import StoreFull
from agent.metrics import CAMERA_EVENTS, SCENE_EVENTS
from agent.model import CameraEvent, Device, SceneEvent
from agent.ports import EventSubscription, Log, Notebook
from agent.services.watcher import scene_entry
from protocol.words import DEVICE_HEALTH_TOPICS, Phase, SceneTopic, SeenBy
from runtime.clock import Clock

log = logging.getLogger(__name__)

MAX_ACTIVE_S = 300.0
"""What moves: no motion lasts longer without a pause."""
CONDITION_S = 86_400.0
"""What stays: a dark picture lasts a night, a door may stand open all day."""
LONGEST_S: Final[Mapping[SceneTopic, float | None]] = {
    SceneTopic.MOTION: MAX_ACTIVE_S,
    SceneTopic.LINE_CROSSED: MAX_ACTIVE_S,
    SceneTopic.OBJECTS_INSIDE: MAX_ACTIVE_S,
    SceneTopic.LOITERING: MAX_ACTIVE_S,
    SceneTopic.OBJECT_LEFT: MAX_ACTIVE_S,
    SceneTopic.OBJECT_REMOVED: MAX_ACTIVE_S,
    SceneTopic.OBJECT_DETECTED: MAX_ACTIVE_S,
    SceneTopic.COUNTER: MAX_ACTIVE_S,
    SceneTopic.OCCUPANCY: MAX_ACTIVE_S,
    SceneTopic.SCENE_CHANGE: CONDITION_S,
    SceneTopic.TOO_DARK: CONDITION_S,
    SceneTopic.TOO_BRIGHT: CONDITION_S,
    SceneTopic.TOO_BLURRY: CONDITION_S,
    SceneTopic.SIGNAL_LOSS: CONDITION_S,
    SceneTopic.IMPAIRED: CONDITION_S,
    SceneTopic.TAMPER: CONDITION_S,
    SceneTopic.DIGITAL_INPUT: CONDITION_S,
    SceneTopic.RELAY: CONDITION_S,
    SceneTopic.SILENCE: None,
    SceneTopic.TOUR_STOPPED: None,
    **dict.fromkeys(DEVICE_HEALTH_TOPICS, None),
}
"""How long a start may go without its end; None: until the device says so. A failed disk stays failed."""
SOURCES_LIMIT = 64
"""Topics and sources of one camera that are told apart; more are a broken or hostile camera."""
BETWEEN_S = 0.2
"""Pause while one subscription is given back and the next is not there yet."""
COUNT_PAUSE_S = 60.0
"""Counts of a checkpoint are written at most once a minute."""
HEALTH_PAUSE_S = 600.0
"""Health told without an end (a disk error told anew every few seconds) is written at most so often."""
NOTE_TOPIC = "health_episodes"

Hear = Callable[[str, Sequence[CameraEvent], float], Sequence[CameraEvent]]

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
        self._pulsed_s: dict[_Key, float] = {}

    def take(self, event: CameraEvent, *, mono_s: float) -> SceneEvent | None:
        """The scene event this notification makes, or None when it changes nothing."""
        key = (event.topic, event.source)
        if event.initial:
            over = event.active is False and key in self._active
            return self._end(key, event.time, mono_s, reason=_MEANWHILE) if over else None
        if event.active is None:
            return self._pulse(key, event, mono_s)
        if event.active:
            return self._start(key, event, mono_s)
        return self._end(key, event.time, mono_s, reason="")

    def expire(self, now: datetime, *, mono_s: float) -> list[SceneEvent]:
        """End what has been going on for too long."""
        late = [
            (key, longest_s)
            for key, active in self._active.items()
            if (longest_s := LONGEST_S[key[0]]) is not None and mono_s - active.since_s > longest_s
        ]
        ended = (self._end(key, now, mono_s, reason=_no_end(longest_s)) for key, longest_s in late)
        return [event for event in ended if event is not None]

    def lasting(self) -> list[dict[str, str]]:
        """The health episodes that go on, to be remembered over a restart."""
        return [
            {"topic": topic, "source": source, "episode": active.episode, "since": active.since.isoformat()}
            for (topic, source), active in self._active.items()
            if topic in DEVICE_HEALTH_TOPICS
        ]

    def remember(self, lasting: Sequence[Mapping[str, str]], *, now: datetime, mono_s: float) -> None:
        """Go on with what ``lasting`` wrote. Raises ValueError or KeyError for what it did not."""
        for one in lasting[:SOURCES_LIMIT]:
            key = (SceneTopic(one["topic"]), str(one["source"]))
            since = datetime.fromisoformat(one["since"])
            gone_s = max(0.0, (now - since).total_seconds())
            if key[0] in DEVICE_HEALTH_TOPICS:
                self._active[key] = _Active(str(one["episode"]), mono_s - gone_s, since)

    def _pulse(self, key: _Key, event: CameraEvent, mono_s: float) -> SceneEvent | None:
        pause_s = _pulse_pause_s(event)
        if pause_s and not self._due(key, mono_s, pause_s):
            return None
        return SceneEvent(
            topic=event.topic,
            phase=Phase.PULSE,
            seen_by=SeenBy.CAMERA,
            episode=self._new_episode(),
            time=event.time,
            reason=_own_words(event),
            count=event.count,
        )

    def _due(self, key: _Key, mono_s: float, pause_s: float) -> bool:
        if mono_s - self._pulsed_s.get(key, mono_s - pause_s) < pause_s:
            return False
        if len(self._pulsed_s) >= SOURCES_LIMIT and key not in self._pulsed_s:
            return False
        self._pulsed_s[key] = mono_s
        return True

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
            reason=_own_words(event),
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


_MEANWHILE = "失联期间已结束 / ended while the box did not hear the device"


def _no_end(longest_s: float) -> str:
    return f"未收到结束 / no end within {longest_s:.0f} s"


def _pulse_pause_s(event: CameraEvent) -> float:
    if event.count is not None:
        return COUNT_PAUSE_S
    return HEALTH_PAUSE_S if event.topic in DEVICE_HEALTH_TOPICS else 0.0


def _own_words(event: CameraEvent) -> str:
    """How the device itself called it, and of which part: a standard word alone hides what a make meant."""
    return f"{event.said} {event.source}".strip() if event.topic in DEVICE_HEALTH_TOPICS else ""


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
        notebook: Notebook | None = None,
        hear: Hear = lambda _device, events, _began_s: events,
    ) -> None:
        """``hear`` is told of every pull that went well, with the monotonic time at which it began; it
        returns what of it is left to be a scene event."""
        self.device = device
        self._subscription = subscription
        self._log = log_
        self._clock = clock
        self._pairing = CameraEventPairing(new_episode=new_episode)
        self._take_still = take_still
        self._notebook = notebook
        self._noted = "[]"
        self._remember()
        self._hear = hear
        self._between = False

    def step(self) -> float:
        """Wait a few seconds for notifications and write what they mean."""
        if self._between:
            return BETWEEN_S
        began_s = self._clock.monotonic()
        try:
            events: Sequence[CameraEvent] = self._subscription.pull()
        finally:
            self._write(self._pairing.expire(self._clock.now(), mono_s=self._clock.monotonic()))
        for event in self._hear(self.device.id, events, began_s):
            made = self._pairing.take(event, mono_s=self._clock.monotonic())
            CAMERA_EVENTS.labels(
                outcome="initial" if event.initial else "repeated" if made is None else "taken"
            ).inc()
            if made is not None:
                self._write([made])
        self._note()
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
            seen = event.phase is Phase.START and event.topic not in DEVICE_HEALTH_TOPICS
            still = self._take_still(self.device.id) if seen else None
            SCENE_EVENTS.labels(seen_by=event.seen_by).inc()
            self._log.append(scene_entry(event, evidence=still), at=event.time, subject=self.device.id)

    def _note(self) -> None:
        """Write down which failures go on, when that changed: a restart must still hear their end."""
        lasting = json.dumps(self._pairing.lasting())
        if self._notebook is None or lasting == self._noted:
            return
        try:
            self._notebook.note(self.device.id, NOTE_TOPIC, lasting)
        except StoreFull:
            return  # noted at the next pull
        self._noted = lasting

    def _remember(self) -> None:
        noted = None if self._notebook is None else self._notebook.noted(self.device.id, NOTE_TOPIC)
        if noted is None:
            return
        try:
            now, mono_s = self._clock.now(), self._clock.monotonic()
            self._pairing.remember(json.loads(noted), now=now, mono_s=mono_s)
        except (ValueError, KeyError, TypeError):
            log.warning("device=%s its failures noted before the restart cannot be read", self.device.id)
            return
        self._noted = noted
