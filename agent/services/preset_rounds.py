"""Heads checked now and then for whether they turn to their presets (V13). Off unless configured.

Laws. One head at a time, never more often than configured, and never one that may not be written to. What an
earlier process found is ended by what the next one sees; a check that cannot tell changes nothing.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass

from agent.config import QualitySection
from agent.errors import DeviceError
from agent.metrics import HEADS_STUCK, PRESET_CHECKS, SCENE_EVENTS
from agent.model import Device, SceneEvent
from agent.ports import Log, Notebook
from agent.services.preset_truth import Outcome, Truth
from agent.services.scene_book import scene_entry
from protocol.words import DeviceClass, Phase, SceneTopic, SeenBy
from runtime.clock import Clock

log = logging.getLogger(__name__)

NOTE_TOPIC = "ptz_stuck"
IDLE_S = 5.0
AGAIN_S = 3600.0
"""To the next try at a head that was not moved: it was in use, or showed too little."""
_UNDECIDED = frozenset({Outcome.IN_USE, Outcome.UNTOLD})


@dataclass(slots=True)
class _Head:
    device: Device
    due_s: float
    episode: str | None
    owed: SceneEvent | None = None


class PresetRounds:
    """All heads of the box. ``step`` runs on one worker."""

    def __init__(
        self,
        check: Callable[[Device], Truth],
        *,
        section: QualitySection,
        log_: Log,
        notebook: Notebook,
        clock: Clock,
        new_episode: Callable[[], str],
        chance: random.Random | None = None,
    ) -> None:
        """``check`` moves the head; it raises DeviceError."""
        self._check = check
        self._section = section
        self._log = log_
        self._notebook = notebook
        self._clock = clock
        self._new_episode = new_episode
        self._chance = chance or random.Random()
        self._heads: dict[str, _Head] = {}
        self._lock = threading.Lock()

    @property
    def _pause_s(self) -> float:
        return self._section.ptz_check_h * 3600.0

    def add(self, device: Device) -> None:
        """Check one more head; no effect where that is not configured, or it may not be moved."""
        classes = {DeviceClass.PTZ_DOME}
        if self._section.ptz_check_lookouts:
            classes.add(DeviceClass.LOOKOUT)
        wanted = self._section.ptz_check_h > 0 and device.stream_path is None
        if not wanted or device.device_class not in classes or not device.writable:
            return
        due_s = self._clock.monotonic() + self._pause_s * self._chance.uniform(0.25, 1.0)
        with self._lock:
            self._heads[device.id] = _Head(device, due_s, self._notebook.noted(device.id, NOTE_TOPIC))

    def rebind(self, device: Device) -> None:
        """It has another address or log-in."""
        with self._lock:
            head = self._heads.get(device.id)
            if head is not None:
                head.device = device

    def remove(self, device: str) -> None:
        """Check it no more."""
        with self._lock:
            self._heads.pop(device, None)

    def step(self) -> float:
        """Check the head that is due first. Raises StoreFull; what it held up is owed."""
        with self._lock:
            heads = list(self._heads.values())
        for owing in heads:
            self._write(owing)
        HEADS_STUCK.set(sum(one.episode is not None for one in heads))
        head = min(heads, key=lambda one: one.due_s, default=None)
        if head is None or head.due_s > self._clock.monotonic():
            return IDLE_S
        self._look(head)
        self._write(head)
        return 0.0

    def _look(self, head: _Head) -> None:
        head.due_s = self._clock.monotonic() + self._pause_s  # also where it ends in an error of ours
        try:
            truth = self._check(head.device)
        except DeviceError as error:
            PRESET_CHECKS.labels(outcome=error.kind).inc()
            log.info("device=%s head not checked: %s", head.device.id, error)
            head.due_s = self._clock.monotonic() + max(AGAIN_S, self._pause_s)
            return
        PRESET_CHECKS.labels(outcome=truth.outcome).inc()
        log.info("device=%s head %s: %s", head.device.id, truth.outcome, truth.reason)
        if not truth.back:
            log.warning("device=%s its head is not back where it was before its check", head.device.id)
        unmoved = truth.tries == 0 and truth.outcome in _UNDECIDED
        pause_s = min(AGAIN_S, self._pause_s) if unmoved else self._pause_s
        head.due_s = self._clock.monotonic() + pause_s
        if truth.outcome is Outcome.STUCK and head.episode is None:
            head.episode = self._new_episode()
            head.owed = self._event(head.episode, Phase.START, truth.reason)
        elif truth.outcome is Outcome.HONEST and head.episode is not None:
            head.owed = self._event(head.episode, Phase.END, truth.reason)
            head.episode = None

    def _event(self, episode: str, phase: Phase, reason: str) -> SceneEvent:
        return SceneEvent(
            topic=SceneTopic.PTZ_STUCK,
            phase=phase,
            seen_by=SeenBy.BOX,
            episode=episode,
            time=self._clock.now(),
            reason=reason,
        )

    def _write(self, head: _Head) -> None:
        event = head.owed
        if event is None:
            return
        started = event.phase is Phase.START
        severity = "WARN" if started else "INFO"
        self._log.append(scene_entry(event), at=event.time, subject=head.device.id, severity=severity)
        head.owed = None
        if started:
            self._notebook.note(head.device.id, NOTE_TOPIC, event.episode)
        else:
            self._notebook.strike(head.device.id, NOTE_TOPIC)
        SCENE_EVENTS.labels(seen_by=SeenBy.BOX).inc()
