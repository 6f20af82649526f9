"""What the cameras themselves report: notifications to scene events, starts and ends in pairs.

Laws. A property replayed on subscription is state, never an event; but a state that is over ends what was
told to go on. The same start twice is one start. A start whose end never comes is ended by the rule of its
topic (``LONGEST_S``) and says so; what a device says of its own health has no such end and outlives a restart
of the box. What moves ends with the box: at its stop, or at the next start after a power cut.
A device begins things at a bounded pace, whatever it tells: what is too much is held back and counted, what
has begun is always ended, and a state that is held back is told once there is room, if it still holds then.
What the disk refuses is owed, in order.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from agent.errors import DeviceError, StoreFull
from agent.metrics import CAMERA_EVENTS
from agent.model import CameraEvent, Device, SceneEvent
from agent.ports import EventSubscription, Log, Notebook
from agent.services.episodes import Sighting
from agent.services.scene_book import (
    BEGIN_BURST,
    BEGIN_EVERY_S,
    OWED_LIMIT,
    RESTARTED,
    SceneBook,
)
from protocol.words import DEVICE_HEALTH_TOPICS, Phase, SceneTopic, SeenBy
from runtime.clock import Clock
from runtime.pace import Pace

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
    SceneTopic.CROWDING: MAX_ACTIVE_S,
    SceneTopic.SMOKE_SUSPECTED: CONDITION_S,
    SceneTopic.LIGHT_LEVEL: CONDITION_S,
    SceneTopic.SCENE_CHANGE: CONDITION_S,
    SceneTopic.TOO_DARK: CONDITION_S,
    SceneTopic.TOO_BRIGHT: CONDITION_S,
    SceneTopic.TOO_BLURRY: CONDITION_S,
    SceneTopic.SIGNAL_LOSS: CONDITION_S,
    SceneTopic.IMPAIRED: CONDITION_S,
    SceneTopic.TAMPER: CONDITION_S,
    SceneTopic.DIGITAL_INPUT: CONDITION_S,
    SceneTopic.RELAY: CONDITION_S,
    SceneTopic.FROZEN: CONDITION_S,
    SceneTopic.COLOUR_CAST: CONDITION_S,
    SceneTopic.NOISE: CONDITION_S,
    SceneTopic.STRIPES: CONDITION_S,
    SceneTopic.LOW_CONTRAST: CONDITION_S,
    SceneTopic.GREY_BY_DAY: CONDITION_S,
    SceneTopic.SHAKE: CONDITION_S,
    SceneTopic.SILENCE: None,
    SceneTopic.TOUR_STOPPED: None,
    SceneTopic.PTZ_STUCK: None,
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
STILL_BURST, STILL_EVERY_S = 20, 3.0
"""Stills asked of one device's stream: two of one second show the same."""
HELD_BACK_SAID_S = 60.0

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
        self._budget = Pace(burst=BEGIN_BURST, every_s=BEGIN_EVERY_S)
        self._late: dict[_Key, tuple[CameraEvent, float]] = {}
        self.held_back = 0
        """How many starts and pulses there was no room for, so far."""

    def take(self, event: CameraEvent, *, mono_s: float, room: bool = True) -> SceneEvent | None:
        """The scene event this notification makes, or None when it changes nothing or is held back.

        Without ``room`` nothing begins.
        """
        key = (event.topic, event.source)
        if event.active is False:
            self._late.pop(key, None)
            return self._end(key, event.time, mono_s, reason=_MEANWHILE if event.initial else "")
        if event.initial:
            return None
        if event.active is None:
            return self._pulse(key, event, mono_s, room=room)
        return self._start(key, event, mono_s, room=room)

    def begin_late(self, *, mono_s: float, room: bool = True) -> list[SceneEvent]:
        """Starts that were held back and still go on, as far as there is room now; health first."""
        begun = []
        for key in sorted(self._late, key=lambda key: key[0] not in DEVICE_HEALTH_TOPICS):
            if not self._may_begin(mono_s, room=room):
                break
            event, since_s = self._late.pop(key)
            begun.append(self._begin(key, event, since_s))
        return begun

    def end_moving(self, now: datetime, *, mono_s: float, reason: str, seen: bool) -> list[SceneEvent]:
        """End all that moves: nobody will hear its end. Not ``seen``: how long it was is not known."""
        moving = [key for key in self._active if LONGEST_S[key[0]] == MAX_ACTIVE_S]
        ended = (self._end(key, now, mono_s, reason=reason) for key in moving)
        return [event if seen else replace(event, duration_s=None) for event in ended if event is not None]

    def expire(self, now: datetime, *, mono_s: float) -> list[SceneEvent]:
        """End what has been going on for too long."""
        late = [
            (key, longest_s)
            for key, active in self._active.items()
            if (longest_s := LONGEST_S[key[0]]) is not None and mono_s - active.since_s > longest_s
        ]
        ended = (self._end(key, now, mono_s, reason=_no_end(longest_s)) for key, longest_s in late)
        return [event for event in ended if event is not None]

    def lasting(self) -> dict[str, dict[str, str]]:
        """What goes on, by episode, to be remembered over a restart."""
        return {
            active.episode: {
                "topic": topic,
                "source": source,
                "episode": active.episode,
                "since": active.since.isoformat(),
            }
            for (topic, source), active in self._active.items()
        }

    def remember(self, lasting: Sequence[Mapping[str, str]], *, now: datetime, mono_s: float) -> None:
        """Go on with what ``lasting`` wrote, all or nothing. Raises ValueError, KeyError or TypeError for
        what it did not."""
        remembered: dict[_Key, _Active] = {}
        for one in lasting[:SOURCES_LIMIT]:
            since = datetime.fromisoformat(one["since"])
            gone_s = max(0.0, (now - since).total_seconds())
            key = (SceneTopic(one["topic"]), str(one["source"]))
            remembered[key] = _Active(str(one["episode"]), mono_s - gone_s, since)
        self._active.update(remembered)

    def _may_begin(self, mono_s: float, *, room: bool) -> bool:
        if not room or self._budget.wait_s(mono_s) > 0:
            return False
        self._budget.take(mono_s)
        return True

    def _pulse(self, key: _Key, event: CameraEvent, mono_s: float, *, room: bool) -> SceneEvent | None:
        pause_s = _pulse_pause_s(event)
        if pause_s and not self._due(key, mono_s, pause_s):
            return None
        if not self._may_begin(mono_s, room=room):
            self.held_back += 1
            return None
        if pause_s:
            self._pulsed_s[key] = mono_s
        return SceneEvent(
            topic=event.topic,
            phase=Phase.PULSE,
            seen_by=SeenBy.CAMERA,
            episode=self._new_episode(),
            time=event.time,
            reason=_own_words(event),
            count=event.count,
            mono_s=mono_s,
        )

    def _due(self, key: _Key, mono_s: float, pause_s: float) -> bool:
        if mono_s - self._pulsed_s.get(key, mono_s - pause_s) < pause_s:
            return False
        return len(self._pulsed_s) < SOURCES_LIMIT or key in self._pulsed_s

    def _start(self, key: _Key, event: CameraEvent, mono_s: float, *, room: bool) -> SceneEvent | None:
        if key in self._active or key in self._late or len(self._active) + len(self._late) >= SOURCES_LIMIT:
            return None
        if self._may_begin(mono_s, room=room):
            return self._begin(key, event, mono_s)
        self.held_back += 1
        self._late[key] = event, mono_s
        return None

    def _begin(self, key: _Key, event: CameraEvent, since_s: float) -> SceneEvent:
        self._active[key] = _Active(self._new_episode(), since_s, event.time)
        return SceneEvent(
            topic=event.topic,
            phase=Phase.START,
            seen_by=SeenBy.CAMERA,
            episode=self._active[key].episode,
            time=event.time,
            reason=_own_words(event),
            mono_s=since_s,
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
            mono_s=mono_s,
            supposed=bool(reason),
        )


_MEANWHILE = "失联期间已结束 / ended while the box did not hear the device"
_STOPPED = "前哨停机，结束未见 / the box stopped, the end was not seen"


def _no_end(longest_s: float) -> str:
    return f"{longest_s:.0f} 秒内未收到结束 / no end within {longest_s:.0f} s"


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
        book: SceneBook | None = None,
    ) -> None:
        """``hear`` is told of every pull that went well, with the monotonic time at which it began; it
        returns what of it is left to be a scene event. Without ``book`` the camera's word stands alone."""
        self.device = device
        self._subscription = subscription
        self._clock = clock
        self._pairing = CameraEventPairing(new_episode=new_episode)
        self._take_still = take_still
        self._page = (book or SceneBook(log_=log_, clock=clock, notebook=notebook)).page(device.id)
        self._lock = threading.Lock()
        self._closed = False
        self._heard: list[Sighting] = []
        """What the page was not told yet."""
        self._stills = Pace(burst=STILL_BURST, every_s=STILL_EVERY_S)
        self._stills_held_back = 0
        self._said = (0, 0)
        self._said_s: float | None = None
        self._remember()
        self._hear = hear
        self._between = False

    def step(self) -> float:
        """Wait a few seconds for notifications and write what they mean.

        Raises DeviceError, and StoreFull: what that held up is owed, and written by a later step.
        """
        if self._between:
            return BETWEEN_S
        began_s = self._clock.monotonic()
        try:
            pulled: Sequence[CameraEvent] = self._subscription.pull()
        except DeviceError:
            self._take(())
            raise
        self._take(self._hear(self.device.id, pulled, began_s))
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
        """End what moves, then give the subscription back; idempotent."""
        with self._lock:
            if not self._closed:
                self._closed = True
                now, mono_s = self._clock.now(), self._clock.monotonic()
                self._owe(self._pairing.end_moving(now, mono_s=mono_s, reason=_STOPPED, seen=True))
                with contextlib.suppress(StoreFull):  # then the next start ends what is noted
                    self._tell()
        self._subscription.close()

    def _take(self, events: Sequence[CameraEvent]) -> None:
        """Write what is over, what was late, and what ``events`` mean. Raises StoreFull."""
        with self._lock:
            if self._closed:
                return
            mono_s = self._clock.monotonic()
            self._owe(self._pairing.expire(self._clock.now(), mono_s=mono_s))
            self._owe(self._pairing.begin_late(mono_s=mono_s, room=self._room))
            for event in events:
                self._owe(self._made(event, mono_s))
            self._say_held_back(mono_s)
            self._tell()

    def _made(self, event: CameraEvent, mono_s: float) -> Sequence[SceneEvent]:
        held_back = self._pairing.held_back
        made = self._pairing.take(event, mono_s=mono_s, room=self._room)
        outcome = "initial" if event.initial else "repeated" if made is None else "taken"
        if self._pairing.held_back > held_back:
            outcome = "held_back"
        CAMERA_EVENTS.labels(outcome=outcome).inc()
        return () if made is None else (made,)

    @property
    def _room(self) -> bool:
        return len(self._heard) + self._page.owed < OWED_LIMIT

    def _owe(self, events: Sequence[SceneEvent]) -> None:
        for event in events:
            starts = event.phase is Phase.START
            still = self._still() if starts and event.topic not in DEVICE_HEALTH_TOPICS else None
            noted = self._pairing.lasting().get(event.episode) if starts else None
            self._heard.append(Sighting(event, still, noted))

    def _still(self) -> str | None:
        mono_s = self._clock.monotonic()
        if self._stills.wait_s(mono_s) > 0:
            self._stills_held_back += 1
            return None
        self._stills.take(mono_s)
        return self._take_still(self.device.id)

    def _tell(self) -> None:
        """Tell the page what was heard. Raises StoreFull: then the page owes it."""
        heard, self._heard = self._heard, []
        self._page.tell(heard)

    def _say_held_back(self, mono_s: float) -> None:
        """One line a minute for what was held back; stills alone are a busy road, and no fault."""
        events, stills = self._pairing.held_back - self._said[0], self._stills_held_back - self._said[1]
        lately = self._said_s is not None and mono_s - self._said_s < HELD_BACK_SAID_S
        if not events or lately:
            return
        log.warning(
            "device=%s tells too much: %d starts or pulses and %d stills held back",
            self.device.id,
            events,
            stills,
        )
        self._said, self._said_s = (self._pairing.held_back, self._stills_held_back), mono_s

    def _remember(self) -> None:
        """Go on with what the page remembers of this camera; what moved then is over."""
        now, mono_s = self._clock.now(), self._clock.monotonic()
        try:
            self._pairing.remember(self._page.remembered, now=now, mono_s=mono_s)
        except (ValueError, KeyError, TypeError):
            log.warning("device=%s what was noted before the restart cannot be read", self.device.id)
            return
        self._owe(self._pairing.end_moving(now, mono_s=mono_s, reason=RESTARTED, seen=False))
