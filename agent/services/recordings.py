"""What recorders and cards keep, asked once a day, one device at a time, and written to the log.

Laws. A device is asked at its own time of day, which follows from its id, so that a village's recorders are
not all searched at once. What changed is asked again soon; a device that offers no recording is left alone
for a week. Every answer of the daily round is written; others only when they say something new.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from agent.errors import DeviceError, StoreFull
from agent.model import Device, RecordedChannel, RecordingReport
from agent.ports import Log, Notebook
from protocol.messages import RecordingGap, RecordingState
from runtime.clock import Clock

log = logging.getLogger(__name__)

NOTE_TOPIC = "recordings"
WINDOW_DAYS = 30
DAY_S = 86_400.0
WEEK_S = 7 * DAY_S
SOON_S = 600.0
"""A change is asked about again after so long: is it still so?"""
AGAIN_S = 3600.0
"""After a device did not answer."""
FIRST_S = 120.0
"""After a start, when the cameras and the box itself are busy coming up."""
FIRST_SPREAD_S = 3600.0
_LONGEST_PAUSE_S = 5.0
_TEXT = 200

Read = Callable[[Device, int, threading.Event], RecordingReport]
"""Asks a device for the recordings of so many days, until the event is set. Raises DeviceError."""
Mark = tuple[object, ...]


@dataclass(slots=True)
class _Client:
    device: Device
    daily_s: float
    """When its round is due: what is read then is written in any case."""
    extra_s: float = math.inf
    """When it is asked beside its round."""
    failures: int = 0
    marks: dict[str, Mark] = field(default_factory=dict)
    """What was last told, by channel."""

    @property
    def due_s(self) -> float:
        return min(self.daily_s, self.extra_s)


class RecordingRounds:
    """``step`` runs on one worker; the rest may be called from any thread."""

    def __init__(self, read: Read, *, log_: Log, notebook: Notebook, clock: Clock) -> None:
        self._read = read
        self._log = log_
        self._notebook = notebook
        self._clock = clock
        self.on_sooner: Callable[[], None] = lambda: None
        """Called when something became due at once: the worker's pause can be cut short."""
        self._clients: dict[str, _Client] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def add(self, device: Device) -> None:
        """Ask one more device. Conference endpoints and streams without ONVIF have nothing to tell, and a
        recorder that stands in the ledger once a channel tells all its channels to the first row."""
        if device.is_conference or device.stream_path is not None:
            return
        due_s = self._clock.monotonic() + self._first_pause_s(device.id)
        with self._lock:
            for other in self._clients.values():
                if (other.device.host, other.device.port) == (device.host, device.port):
                    log.info("device=%s recordings are told by device=%s", device.id, other.device.id)
                    return
            self._clients[device.id] = _Client(device, due_s)

    def rebind(self, device: Device) -> None:
        """The device has another address or log-in: it is asked there from now on."""
        with self._lock:
            client = self._clients.get(device.id)
            if client is not None:
                client.device = device

    def remove(self, device: str) -> None:
        """Ask it no more."""
        with self._lock:
            self._clients.pop(device, None)

    def nudge(self, device: str) -> None:
        """Something about the device's disk changed: ask soon, write what is new."""
        with self._lock:
            client = self._clients.get(device)
            if client is not None:
                client.extra_s = min(client.extra_s, self._clock.monotonic())
        self.on_sooner()

    def ask_now(self, device: str) -> bool:
        """Ask at the next turn and write the answer; False when the device is not one that is asked."""
        with self._lock:
            client = self._clients.get(device)
            if client is None:
                return False
            client.daily_s = self._clock.monotonic()
        self.on_sooner()
        return True

    def close(self) -> None:
        """The box stops: a reading that is going on ends early, and nothing is written any more."""
        self._stop.set()

    def step(self) -> float:
        """Ask one device that is due; seconds until the next. Raises StoreFull, and asks again later."""
        client, pause_s = self._due()
        if client is None or self._stop.is_set():
            return pause_s
        is_round = client.daily_s <= self._clock.monotonic()
        try:
            report = self._read(client.device, WINDOW_DAYS, self._stop)
        except DeviceError as error:
            self._failed(client, error, is_round=is_round)
            return 0.0
        if not self._stop.is_set():
            self._told(client, report, is_round=is_round)
        return 0.0

    # --- when ----------------------------------------------------------------------------------------

    def _due(self) -> tuple[_Client | None, float]:
        with self._lock:
            first = min(self._clients.values(), key=lambda one: one.due_s, default=None)
        left_s = _LONGEST_PAUSE_S if first is None else first.due_s - self._clock.monotonic()
        return (first, 0.0) if left_s <= 0 else (None, min(left_s, _LONGEST_PAUSE_S))

    def _plan(self, client: _Client, *, round_in_s: float | None, extra_in_s: float = math.inf) -> None:
        """``round_in_s`` None leaves the round where it is."""
        now_s = self._clock.monotonic()
        with self._lock:
            client.extra_s = now_s + extra_in_s
            if round_in_s is not None:
                client.daily_s = now_s + round_in_s

    def _first_pause_s(self, device: str) -> float:
        """After a start: at its time when it was asked within its day or week, else within the hour."""
        asked, offered = self._noted(device)
        spread_s = FIRST_S + _share_of(device) * FIRST_SPREAD_S
        if asked is None:
            return spread_s
        since_s = (self._clock.now() - asked).total_seconds()
        every_s = DAY_S if offered else WEEK_S
        if not 0 <= since_s < every_s:
            return spread_s
        return self._until_its_time_s(device) if offered else max(FIRST_S, every_s - since_s)

    def _until_its_time_s(self, device: str) -> float:
        """Seconds until the device's own time of day, at least an hour: 0 to 24 h of UTC by its id."""
        now = self._clock.now()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        its_time = midnight + timedelta(seconds=_share_of(device) * DAY_S)
        left_s = (its_time - now).total_seconds() % DAY_S
        return left_s if left_s >= AGAIN_S else left_s + DAY_S

    # --- what ----------------------------------------------------------------------------------------

    def _failed(self, client: _Client, error: DeviceError, *, is_round: bool) -> None:
        if client.failures == 0:
            log.info("device=%s recordings not told: %s %s", client.device.id, error.kind, error.detail)
        client.failures += 1
        again_s = AGAIN_S if error.kind.retryable else self._until_its_time_s(client.device.id)
        self._plan(client, round_in_s=again_s if is_round else None)

    def _told(self, client: _Client, report: RecordingReport, *, is_round: bool) -> None:
        device = client.device.id
        if client.failures:
            log.info("device=%s recordings told again after %d failures", device, client.failures)
            client.failures = 0
        before, states = client.marks, states_of(report)
        changed = [state for state in states if before.get(state.channel) != _mark(state)]
        try:
            for state in states if is_round else changed:
                self._log.append(state, at=self._clock.now(), subject=device, severity=_severity(state))
        except StoreFull:
            self._plan(client, round_in_s=SOON_S)
            raise
        client.marks = {state.channel: _mark(state) for state in states}
        for state in changed:
            _say(device, state)
        if not is_round:
            self._plan(client, round_in_s=None)
            return
        self._note(device, report)
        self._plan(
            client,
            round_in_s=self._until_its_time_s(device) if report.offered else WEEK_S,
            extra_in_s=SOON_S if before and changed else math.inf,
        )

    # --- memory --------------------------------------------------------------------------------------

    def _note(self, device: str, report: RecordingReport) -> None:
        document = {"asked": self._clock.now().isoformat(), "offered": report.offered}
        try:
            self._notebook.note(device, NOTE_TOPIC, json.dumps(document))
        except StoreFull:
            log.warning("device=%s the disk is full: after a start it is asked again too early", device)

    def _noted(self, device: str) -> tuple[datetime | None, bool]:
        document = self._notebook.noted(device, NOTE_TOPIC)
        try:
            read = json.loads(document or "{}")
            asked = datetime.fromisoformat(read["asked"]).astimezone(UTC)
            return asked, bool(read["offered"])
        except (ValueError, KeyError, TypeError, OverflowError):
            return None, True


def states_of(report: RecordingReport) -> list[RecordingState]:
    """The entries of one report: one a channel, one alone when there is none."""
    if not report.channels:
        state = RecordingState(
            offered=report.offered,
            disk=report.disk.value,
            window_days=report.window_days,
            detail=report.detail[:_TEXT],
        )
        return [state]
    return [_state(report, one) for one in report.channels]


def _state(report: RecordingReport, channel: RecordedChannel) -> RecordingState:
    detail = "; ".join(filter(None, (channel.detail, report.detail)))
    return RecordingState(
        offered=True,
        channel=channel.channel[:_TEXT],
        disk=report.disk.value,
        recording=channel.recording,
        oldest=channel.oldest,
        newest=channel.newest,
        window_days=report.window_days,
        recorded_days=channel.recorded_days,
        recorded_ratio=None if channel.recorded_ratio is None else round(channel.recorded_ratio, 4),
        gaps=tuple(RecordingGap(begins=one.begins, ends=one.ends) for one in channel.gaps),
        gaps_omitted=channel.gaps_omitted,
        detail=detail[:_TEXT],
    )


def _mark(state: RecordingState) -> Mark:
    """What makes an entry new. Times move with every asking and are not in it."""
    return (state.offered, state.disk, state.recording, len(state.gaps) + state.gaps_omitted)


def _say(device: str, state: RecordingState) -> None:
    log.info(
        "device=%s channel=%s offered=%s recording=%s disk=%s days=%s gaps=%d",
        device,
        state.channel,
        state.offered,
        state.recording,
        state.disk,
        state.recorded_days,
        len(state.gaps) + state.gaps_omitted,
    )


def _severity(state: RecordingState) -> str:
    troubled = state.recording is False or state.disk in ("full", "error")
    return "WARN" if troubled else "INFO"


def _share_of(device: str) -> float:
    """A share of the day, the same for a device for ever, spread evenly over devices."""
    return int.from_bytes(hashlib.sha256(device.encode()).digest()[:4], "big") / 2**32
