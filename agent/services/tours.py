"""Heads that should be on tour: looked at on a slow round, a tour that stopped goes to the log.

Law: one head at a time, one look in about twenty seconds, never at an even pace (a tour of the same pace
would always be met at the same spot), and closely where it seems to stand. What an earlier process left open
is closed by what the next one sees.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from agent.errors import DeviceError, DeviceTrouble
from agent.metrics import SCENE_EVENTS, TOURS_STOPPED
from agent.model import Device, HeadSight, SceneEvent
from agent.ports import HeadWatch, Log, Notebook
from agent.services.scene_book import scene_entry
from agent.services.tour_judge import TourChange, TourJudge
from protocol.words import DeviceClass, Phase, SceneTopic, SeenBy
from runtime.clock import Clock

log = logging.getLogger(__name__)

CLASSES = frozenset({DeviceClass.LOOKOUT, DeviceClass.PTZ_DOME})
NOTE_TOPIC = "tour_stopped"
LOOK_S = 20.0
CLOSE_LOOK_S = 2.0
JITTER = 0.25
AGAIN_S = 60.0
"""To the next look at a device that could not be asked."""
BLIND_S = 1800.0
"""To the next look at one that tells nothing to judge by, or has no tour."""
IDLE_S = 0.5


@dataclass(slots=True)
class _Head:
    device: Device
    open_: Callable[[Device], HeadWatch]
    watch: HeadWatch
    judge: TourJudge
    due_s: float
    said: list[TourChange] = field(default_factory=list)
    told_blind: bool = False


class TourWatch:
    """All heads of the box. ``step`` runs on one worker."""

    def __init__(
        self,
        *,
        log_: Log,
        notebook: Notebook,
        clock: Clock,
        new_episode: Callable[[], str],
        look_s: float = LOOK_S,
        chance: random.Random | None = None,
    ) -> None:
        self._log = log_
        self._notebook = notebook
        self._clock = clock
        self._new_episode = new_episode
        self._look_s = look_s
        self._chance = chance or random.Random()
        self._heads: dict[str, _Head] = {}
        self._lock = threading.Lock()

    def add(self, device: Device, open_: Callable[[Device], HeadWatch]) -> None:
        """Watch one more head from now on; no effect for classes without one. Raises DeviceError."""
        if device.device_class not in CLASSES:
            return
        judge = TourJudge(
            always=device.device_class is DeviceClass.LOOKOUT,
            new_episode=self._new_episode,
            episode=self._notebook.noted(device.id, NOTE_TOPIC),
        )
        head = _Head(device, open_, open_(device), judge, self._clock.monotonic())
        with self._lock:
            self._heads[device.id] = head

    def rebind(self, device: Device) -> None:
        """The device has another address or log-in: look there from now on. What was judged stays."""
        with self._lock:
            head = self._heads.get(device.id)
            if head is None:
                return
            old, head.watch, head.device = head.watch, head.open_(device), device
            head.due_s = self._clock.monotonic()
        old.close()

    def remove(self, device: str) -> None:
        """Look at it no more."""
        with self._lock:
            head = self._heads.pop(device, None)
        if head is not None:
            head.watch.close()

    def step(self) -> float:
        """Look at the head that is due first, or wait for it. Raises StoreFull; what it held up is owed."""
        with self._lock:
            heads = list(self._heads.values())
        for owing in heads:
            self._write(owing)
        head = min(heads, key=lambda one: one.due_s, default=None)
        mono_s = self._clock.monotonic()
        if head is None or head.due_s > mono_s:
            return IDLE_S if head is None else min(IDLE_S, head.due_s - mono_s)
        self._look(head)
        self._write(head)
        TOURS_STOPPED.set(sum(one.judge.episode is not None for one in heads))
        return 0.0

    def close(self) -> None:
        """Drop all connections; open episodes stay open for the next process."""
        with self._lock:
            heads, self._heads = list(self._heads.values()), {}
        for head in heads:
            head.watch.close()

    def _look(self, head: _Head) -> None:
        sight: HeadSight | None = None
        pause_s = self._look_s
        try:
            sight = head.watch.look()
            pause_s = self._look_s if sight.tours or head.judge.episode or _is_lookout(head) else BLIND_S
        except DeviceError as error:
            pause_s = BLIND_S if error.kind is DeviceTrouble.NOT_SUPPORTED else AGAIN_S
            log.debug("device=%s head not looked at: %s", head.device.id, error)
            if error.kind is DeviceTrouble.NOT_SUPPORTED:
                self._tell_blind(head)
        change = head.judge.see(sight, mono_s=self._clock.monotonic(), now=self._clock.now())
        if sight is not None and head.judge.blind and (sight.tours or _is_lookout(head)):
            pause_s = BLIND_S
            self._tell_blind(head)
        if head.judge.suspicious:
            pause_s = CLOSE_LOOK_S
        if change is not None:
            head.said.append(change)
        head.due_s = self._clock.monotonic() + pause_s * self._chance.uniform(1 - JITTER, 1 + JITTER)

    def _tell_blind(self, head: _Head) -> None:
        if not head.told_blind:
            head.told_blind = True
            log.warning(
                "device=%s tells neither where it looks nor of its tours: its tour is not watched",
                head.device.id,
            )

    def _write(self, head: _Head) -> None:
        while head.said:
            said = head.said[0]
            started = said.phase is Phase.START
            event = SceneEvent(
                topic=SceneTopic.TOUR_STOPPED,
                phase=said.phase,
                seen_by=SeenBy.BOX,
                episode=said.episode,
                time=said.at,
                reason=said.reason,
                duration_s=said.duration_s,
            )
            severity = "WARN" if started else "INFO"
            self._log.append(scene_entry(event), at=said.at, subject=head.device.id, severity=severity)
            head.said.pop(0)
            if started:
                self._notebook.note(head.device.id, NOTE_TOPIC, said.episode)
            else:
                self._notebook.strike(head.device.id, NOTE_TOPIC)
            SCENE_EVENTS.labels(seen_by=SeenBy.BOX).inc()
            log.info("device=%s tour %s: %s", head.device.id, said.phase, said.reason)


def _is_lookout(head: _Head) -> bool:
    return head.device.device_class is DeviceClass.LOOKOUT
