"""Climbs the ladder of every device again and again, and writes down what changed."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from agent.config import WatchSection
from agent.metrics import CLIMB_SECONDS, CLIMBS, DEVICES
from agent.model import Device, Evidence, Identity
from agent.ports import DeviceAdapter, Log
from agent.services.standing import STARTING, Standing, StandingTracker, judge
from agent.services.turns import Turns
from agent.services.watcher import Watcher
from protocol.messages import DeviceGauge, DeviceHealth, DeviceIdentity
from protocol.words import RUNGS, Reason, Rung
from runtime.clock import Clock

log = logging.getLogger(__name__)

CLOCK_LIMIT_S = 10.0
"""Video devices: domain 2.5, 时钟准确率."""
NUDGE_PAUSE_S = 1.0
"""Between two climbs of one device however often something changes."""
TEXT_LIMIT = 80
"""Characters of what a device says of itself: 20 texts of 4 bytes a character fit one entry."""
FULL_GAUGES_EVERY = 10
"""Heartbeats may be lost, so every tenth carries the gauges of all devices."""


@dataclass(slots=True)
class _Patient:
    device: Device
    adapter: DeviceAdapter
    tracker: StandingTracker
    evidence: Evidence | None = None
    identity: Identity | None = None
    owed: Standing | None = None
    """The standing before a change that could not be written down yet."""
    clock_off: bool = False
    clock_votes: int = 0
    busy: bool = False
    gone: bool = False
    nudged: bool = False
    taken_s: float = 0.0
    last_climb_s: float = field(default=-1e9)


class Prober:
    """``turns.THREADS`` workers call ``step``; each climbs one device at a time."""

    def __init__(
        self, *, log_: Log, clock: Clock, watch: WatchSection, watcher: Watcher | None = None
    ) -> None:
        self._log = log_
        self._clock = clock
        self._watch = watch
        self.watcher = watcher
        self.on_back: Callable[[str], object] = lambda _device: None
        """Told the device that climbs higher than it stands: whoever waits for it need not wait longer."""
        self.heard: Callable[[str, Evidence], bool] = lambda _device, _evidence: False
        """Told every climb's outcome; True when the verdict should wait for a look at who answers there."""
        self._interval_s = watch.ladder_interval_s
        self._lock = threading.Lock()
        self._patients: dict[str, _Patient] = {}
        self._turns = Turns()
        self._wake = threading.Condition(self._lock)
        self._sent_gauges: dict[str, DeviceGauge] = {}
        self._heartbeats = 0

    def add(self, device: Device, adapter: DeviceAdapter) -> None:
        """Watch over one more device, from now on."""
        tracker = StandingTracker(
            failures_to_enter=self._watch.failures_to_enter, successes_to_leave=self._watch.successes_to_leave
        )
        now_s = self._clock.monotonic()
        with self._lock:
            patient = self._patients[device.id] = _Patient(device, adapter, tracker)
            self._plan(patient, now_s)

    def rebind(self, device: Device, adapter: DeviceAdapter) -> None:
        """The device has another address or log-in: climb there from now on. Its standing stays."""
        with self._lock:
            patient = self._patients.get(device.id)
            if patient is None:
                adapter.close()
                return
            old, patient.adapter, patient.device = patient.adapter, adapter, device
            busy = patient.busy
            if busy:
                patient.nudged = True  # the climb that is under way counts for nothing and closes ``old``
            else:
                self._plan(patient, self._clock.monotonic())
        if not busy:
            old.close()

    def remove(self, device: str) -> None:
        """Climb it no more. What a climb under way finds counts for nothing, and closes its adapter."""
        with self._lock:
            patient = self._patients.pop(device, None)
            if patient is None:
                return
            patient.gone = True
            self._turns.forget(device)
            busy = patient.busy
        if not busy:
            patient.adapter.close()

    def set_interval(self, seconds: float) -> None:
        """Change the pause between two climbs, from the next climb on."""
        self._interval_s = seconds

    def nudge(self, device: str) -> bool:
        """Something about the device changed: look now. False when it is unknown."""
        with self._lock:
            patient = self._patients.get(device)
            if patient is None:
                return False
            patient.nudged = True
            if not patient.busy:
                self._plan(patient, max(self._clock.monotonic(), patient.last_climb_s + NUDGE_PAUSE_S))
        return True

    def restate(self) -> None:
        """The county lost entries of this box for good: say anew where every device stands."""
        for patient in list(self._patients.values()):
            if patient.tracker.current is not STARTING and patient.owed is None:
                patient.owed = patient.tracker.current
            self.nudge(patient.device.id)

    def standing(self, device: str) -> Standing | None:
        patient = self._patients.get(device)
        return None if patient is None else patient.tracker.current

    def clock_error_s(self, device: str) -> float | None:
        """Device clock minus box clock at the last climb; None when it was not told."""
        patient = self._patients.get(device)
        return None if patient is None or patient.evidence is None else patient.evidence.clock_error_s

    def gauges(self) -> dict[str, DeviceGauge]:
        """What changed since the last heartbeat; everything at every tenth."""
        self._heartbeats += 1
        now = {name: self._gauge(patient) for name, patient in list(self._patients.items())}
        if self._heartbeats % FULL_GAUGES_EVERY == 1:
            self._sent_gauges = {}
        changed = {name: gauge for name, gauge in now.items() if self._sent_gauges.get(name) != gauge}
        self._sent_gauges = now
        heights = Counter(patient.tracker.current.rung for patient in list(self._patients.values()))
        for rung in RUNGS:
            DEVICES.labels(rung=rung).set(heights[rung])
        return changed

    def close(self) -> None:
        for patient in list(self._patients.values()):
            patient.adapter.close()

    # --- the loop ------------------------------------------------------------------------------

    def step(self) -> float:
        """Climb one device that is due, or wait up to half a second for one."""
        patient = self._take()
        if patient is None:
            return 0.0
        adapter = patient.adapter
        try:
            with CLIMB_SECONDS.time():
                evidence = adapter.climb()
            CLIMBS.labels(reason=evidence.reason).inc()
            if patient.adapter is adapter and not patient.gone:
                if self.heard(patient.device.id, evidence):
                    patient.nudged = True
                else:
                    self._weigh(patient, evidence)
        finally:
            if patient.adapter is not adapter or patient.gone:
                adapter.close()
            self._give_back(patient)
        return 0.0

    def _take(self) -> _Patient | None:
        with self._lock:
            now_s = self._clock.monotonic()
            name = self._turns.take(now_s)
            if name is None:
                due_s = self._turns.next_s()
                self._wake.wait(0.5 if due_s is None else min(0.5, due_s - now_s))
                return None
            patient = self._patients[name]
            patient.busy = True
            patient.nudged = False
            patient.taken_s = now_s
            return patient

    def _give_back(self, patient: _Patient) -> None:
        with self._lock:
            now_s = self._clock.monotonic()
            patient.busy = False
            patient.last_climb_s = now_s
            self._turns.done(patient.device.id, took_s=now_s - patient.taken_s)
            if patient.gone:
                patient.adapter.close()
                return
            if patient.nudged:
                pause_s = NUDGE_PAUSE_S
            elif patient.tracker.undecided or patient.clock_votes or patient.owed is not None:
                pause_s = min(self._watch.retry_interval_s, self._interval_s)
            else:
                pause_s = self._interval_s
            self._plan(patient, now_s + pause_s)

    def _plan(self, patient: _Patient, due_s: float) -> None:
        self._turns.plan(patient.device.id, due_s)
        self._wake.notify()

    # --- judging -------------------------------------------------------------------------------

    def _weigh(self, patient: _Patient, evidence: Evidence) -> None:
        patient.evidence = evidence
        if evidence.identity is not None and evidence.identity != patient.identity:
            self._write_identity(patient.device, evidence.identity)
            patient.identity = evidence.identity
        came_back = (
            evidence.reason is Reason.OK and patient.tracker.current.rung.height < evidence.rung.height
        )
        if came_back and self.watcher is not None:
            self.watcher.retry(patient.device.id)
        if came_back:
            self.on_back(patient.device.id)
        sight = self.watcher.sight(patient.device.id) if self.watcher is not None else None
        unjudged = sight is not None and sight.stream.reason is Reason.OK and not sight.picture.judged
        if unjudged and evidence.reason is Reason.OK:
            return  # the stream came just now: wait for the first opinion about its picture
        standing = judge(
            patient.device,
            evidence,
            sight.stream if sight is not None else None,
            sight.picture.fault if sight is not None else None,
        )
        if standing is None:
            return
        before = patient.tracker.current
        changed = patient.tracker.observe(standing)
        clock_turned = patient.tracker.current is not STARTING and self._clock_turned(patient, evidence)
        if (changed is not None or clock_turned) and patient.owed is None:
            patient.owed = before
        if patient.owed is not None:
            self._write_health(patient, patient.owed)  # StoreFull: owed until a later climb
            patient.owed = None

    def _clock_turned(self, patient: _Patient, evidence: Evidence) -> bool:
        """Whether the device's clock went wrong or right, seen twice in a row."""
        if (
            evidence.clock_error_s is None
            or (abs(evidence.clock_error_s) > CLOCK_LIMIT_S) == patient.clock_off
        ):
            patient.clock_votes = 0
            return False
        patient.clock_votes += 1
        if patient.clock_votes < 2:
            return False
        patient.clock_votes = 0
        patient.clock_off = not patient.clock_off
        return True

    def _write_health(self, patient: _Patient, before: Standing) -> None:
        standing = patient.tracker.current
        evidence = None
        # A fault of the picture is shown by a still, and so is its end: the page must not keep the old one.
        if standing.rung.height >= Rung.STREAMING.height and self.watcher is not None:
            evidence = self.watcher.take_still(patient.device.id)
        log.info(
            "device=%s rung=%s reason=%s was=%s/%s %s",
            patient.device.id,
            standing.rung,
            standing.reason,
            before.rung,
            before.reason,
            standing.detail,
        )
        error_s = patient.evidence.clock_error_s if patient.evidence is not None else None
        self._log.append(
            DeviceHealth(
                rung=standing.rung,
                reason=standing.reason,
                detail=standing.detail[:200],
                previous_rung=None if before is STARTING else before.rung,
                clock_error_ms=None if error_s is None else int(error_s * 1000),
                evidence=evidence,
            ),
            at=self._clock.now(),
            subject=patient.device.id,
            severity="INFO" if standing.reason is Reason.OK else "WARN",
        )

    def _write_identity(self, device: Device, identity: Identity) -> None:
        self._log.append(
            DeviceIdentity(
                device_class=device.device_class,
                title=device.title,
                gb_code=device.gb_code,
                vendor=identity.vendor[:TEXT_LIMIT],
                model=identity.model[:TEXT_LIMIT],
                firmware=identity.firmware[:TEXT_LIMIT],
                serial=identity.serial[:TEXT_LIMIT],
                mac_address=identity.mac_address,
                profiles=tuple(str(profile)[:TEXT_LIMIT] for profile in identity.profiles[:16]),
            ),
            at=self._clock.now(),
            subject=device.id,
        )

    def _gauge(self, patient: _Patient) -> DeviceGauge:
        sight = self.watcher.sight(patient.device.id) if self.watcher is not None else None
        error_s = patient.evidence.clock_error_s if patient.evidence is not None else None
        line = patient.evidence.line if patient.evidence is not None else None
        return DeviceGauge(
            rung=patient.tracker.current.rung,
            loss_ratio=None if line is None else line.loss_ratio,
            delay_ms=None if line is None or line.delay_ms is None else round(line.delay_ms, 1),
            jitter_ms=None if line is None or line.jitter_ms is None else round(line.jitter_ms, 1),
            clock_error_ms=None if error_s is None else round(error_s) * 1000,
            stream_kbps=None if sight is None else 50 * round(sight.stream.kbps / 50),
            stream_fps=None if sight is None else float(round(sight.stream.fps)),
        )
