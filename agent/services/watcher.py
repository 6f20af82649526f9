"""What the box's own eyes see: findings of a stream to scene events, picture verdict and stills."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from agent.config import WatchSection
from agent.detect.confirm import ConfirmConfig, EventDebouncer, Moment, PictureState, PictureVerdict, Rule
from agent.errors import AgentError, StoreFull
from agent.metrics import STREAM_LAG, STREAM_MODES, STREAM_TROUBLES, STREAMS, STREAMS_RUNNING
from agent.model import (
    Allowance,
    Device,
    Exhibit,
    Finding,
    Frame,
    Image,
    PictureFault,
    Polygon,
    SceneEvent,
    SightMode,
    StreamState,
)
from agent.ports import DeviceAdapter, FrameJudge, Log, Recording, Stills, StreamWatch, VideoRoom
from agent.services.episodes import Sighting
from agent.services.live_count import Seen
from agent.services.scene_book import SceneBook
from protocol.words import Phase, Reason
from runtime.clock import Clock
from runtime.together import together

log = logging.getLogger(__name__)

POLL_S = 0.5
CLOSE_S = 3.0
"""For all streams together; each takes 2 s where the video library hangs in an opening."""
ASKERS = 2
"""Devices asked for a key frame at once; each takes 2 s at most and is asked every 2 s at most."""
STREAM_STATES = (Reason.OK, Reason.STARTING, Reason.NO_STREAM, Reason.BAD_STREAM, Reason.AUTH_FAILED)


def confirm_config(watch: WatchSection) -> ConfirmConfig:
    """The debouncing rules of a configuration."""
    moving = Rule(confirm_s=watch.motion_confirm_s, hold_s=watch.motion_hold_s)
    return ConfirmConfig(
        motion=moving,
        zone=moving,
        confirm_s={
            PictureFault.COVERED: watch.covered_confirm_s,
            PictureFault.DARK: watch.dark_confirm_s,
            PictureFault.OVER_BRIGHT: watch.dark_confirm_s,
            PictureFault.FROZEN: watch.frozen_confirm_s,
            PictureFault.BLURRED: watch.blurred_confirm_s,
            PictureFault.LOW_CONTRAST: watch.blurred_confirm_s,
            PictureFault.NOISY: watch.disturbed_confirm_s,
            PictureFault.STRIPED: watch.disturbed_confirm_s,
            PictureFault.SHAKING: watch.disturbed_confirm_s,
            PictureFault.SCENE_CHANGED: watch.moved_confirm_s,
            PictureFault.COLOUR_CAST: watch.colour_confirm_s,
            PictureFault.GREY: watch.colour_confirm_s,
        },
        clear_s=watch.clear_confirm_s,
    )


@dataclass(frozen=True, slots=True)
class Sight:
    """What one camera shows right now."""

    stream: StreamState
    picture: PictureState


class Watcher:
    """All streams of the box. ``on_change`` is told the device whose stream or picture changed."""

    def __init__(
        self,
        room: VideoRoom,
        *,
        log_: Log,
        stills: Stills,
        show: Callable[[Image, Sequence[Polygon]], Exhibit],
        judge_for: Callable[[Device], FrameJudge],
        new_episode: Callable[[], str],
        clock: Clock,
        watch: WatchSection,
        on_change: Callable[[str], object],
        book: SceneBook | None = None,
    ) -> None:
        """Without ``book`` what the box sees stands alone."""
        self._room = room
        self._book = book or SceneBook(log_=log_, clock=clock)
        self._stills = stills
        self._show = show
        self._judge_for = judge_for
        self._new_episode = new_episode
        self._clock = clock
        self._watch = watch
        self._on_change = on_change
        self._lock = threading.Lock()
        self._eyes: dict[str, _Eye] = {}
        self._askers = ThreadPoolExecutor(ASKERS, thread_name_prefix="ask-key")

    def add(self, device: Device, adapter: DeviceAdapter) -> None:
        """Start watching a device's stream."""
        eye = _Eye(self, device, self._watch)
        with self._lock:
            self._eyes[device.id] = eye
        eye.watch = self._opened(eye, adapter)

    def rebind(self, device: Device, adapter: DeviceAdapter) -> None:
        """The device has another address or log-in: read its stream there. Episodes, zones, verdict stay."""
        eye = self._eyes.get(device.id)
        if eye is None:
            return
        before, eye.device = eye.watch, device
        if before is not None:
            before.close()
        eye.watch = self._opened(eye, adapter)
        if self._eyes.get(device.id) is not eye:
            eye.watch.close()  # the box stopped meanwhile

    def remove(self, device: str) -> None:
        """Watch it no more; what goes on in its picture is ended where it was last seen."""
        with self._lock:
            eye = self._eyes.pop(device, None)
        if eye is None:
            return
        if eye.watch is not None:
            eye.watch.close()
        self.write(eye.device, eye.debouncer.close(), None)

    def sight(self, device: str) -> Sight | None:
        """What is known of a device's stream and picture; None when it is not watched."""
        eye = self._eyes.get(device)
        if eye is None or eye.watch is None:
            return None
        return Sight(eye.watch.state(), eye.picture)

    def take_still(self, device: str) -> str | None:
        """Keep the last picture for upload; returns its SHA-256, None when there is no fresh one."""
        eye = self._eyes.get(device)
        image = eye.watch.still() if eye is not None and eye.watch is not None else None
        return self._keep(eye.device, image) if eye is not None and image is not None else None

    def picture(self, device: str) -> Image | None:
        """The last picture, BGR, no masks in it: not to be shown as it is. None without a fresh one."""
        eye = self._eyes.get(device)
        return eye.watch.still() if eye is not None and eye.watch is not None else None

    def record(self, device: str, since_s: float, until_s: float) -> Recording | None:
        """Begin a clip of a device's stream; None when it is not watched."""
        eye = self._eyes.get(device)
        return eye.watch.record(since_s=since_s, until_s=until_s) if eye and eye.watch else None

    def retry(self, device: str) -> None:
        """The ladder says the device is back: connect to its stream now."""
        eye = self._eyes.get(device)
        if eye is not None and eye.watch is not None and not eye.watch.state().up:
            eye.watch.retry()

    def seen(self) -> Sequence[Seen]:
        """Every stream that is watched, as it is now."""
        with self._lock:
            eyes = list(self._eyes.values())
        return [
            Seen(eye.device, watch.state(), eye.incident) for eye in eyes if (watch := eye.watch) is not None
        ]

    def allow(self, device: str, allowance: Allowance) -> None:
        """Judge a device's stream no more than this from now on; no effect when it is not watched."""
        eye = self._eyes.get(device)
        if eye is not None and eye.watch is not None:
            eye.watch.allow(allowance)

    def step(self) -> float:
        """Compare every stream with what it was, end what should end, take stills that are due."""
        with self._lock:
            eyes = list(self._eyes.values())
        counts = dict.fromkeys(STREAM_STATES, 0)
        up: list[StreamState] = []
        for eye in eyes:
            state = eye.watch.state() if eye.watch is not None else None
            if state is not None:
                counts[state.reason] = counts.get(state.reason, 0) + 1
                up += [state] if state.up else []
                self._look_at(eye, state)
        for reason in STREAM_STATES:
            STREAMS.labels(state=reason).set(counts[reason])
        _measure(up)
        return POLL_S

    def close(self) -> None:
        """Stop reading; episodes that run are ended where they were last seen."""
        with self._lock:
            eyes, self._eyes = list(self._eyes.values()), {}
        watches = [eye.watch for eye in eyes if eye.watch is not None]
        together("close-streams", [watch.close for watch in watches], within_s=CLOSE_S)
        self._askers.shutdown(cancel_futures=True)
        for eye in eyes:
            with contextlib.suppress(StoreFull):  # the page owes it
                self.write(eye.device, eye.debouncer.close(), None)

    def write(self, device: Device, events: Sequence[SceneEvent], image: Image | None) -> None:
        """Scene events to the scene book; a start carries the still that shows it. Raises StoreFull: then the
        book owes them."""
        if events:
            sightings = [Sighting(event, self._shown_by(event, device, image)) for event in events]
            self._book.page(device.id).tell(sightings)

    def changed(self, device: Device) -> None:
        self._on_change(device.id)

    def now(self, mono_s: float) -> Moment:
        return Moment(mono_s, self._clock.now())

    def new_episode(self) -> str:
        return self._new_episode()

    def _opened(self, eye: _Eye, adapter: DeviceAdapter) -> StreamWatch:
        return self._room.watch(
            eye.device,
            adapter.stream_uri,
            self._judge_for(eye.device),
            eye.on_findings,
            refused=adapter.stream_refused,
            ask_key=(lambda: self._ask_key(adapter)) if eye.device.writable else None,
        )

    def _ask_key(self, adapter: DeviceAdapter) -> None:
        """Hand over to a thread: the device may take 2 s, and its stream is read meanwhile. Whether it brings
        a key frame shows in the stream."""
        with contextlib.suppress(RuntimeError):  # the box stops
            self._askers.submit(adapter.ask_key)

    def _shown_by(self, event: SceneEvent, device: Device, image: Image | None) -> str | None:
        return None if image is None or event.phase is Phase.END else self._keep(device, image)

    def _keep(self, device: Device, image: Image) -> str | None:
        """The only way of a picture out of the box: its masks are the device's."""
        return self._stills.keep(
            self._show(image, device.privacy_masks), device=device.id, at=self._clock.now()
        )

    def _look_at(self, eye: _Eye, state: StreamState) -> None:
        now = self.now(self._clock.monotonic())
        if state.reason != eye.last_reason:
            eye.last_reason = state.reason
            log.info("device=%s stream=%s %s", eye.device.id, state.reason, state.detail)
            if not state.up and state.reason is not Reason.STARTING:
                STREAM_TROUBLES.labels(reason=state.reason).inc()
            self.changed(eye.device)
        if not state.up:
            with eye.lock:
                ended = eye.debouncer.wait(now)
            self.write(eye.device, ended, None)
        elif now.mono_s >= eye.next_still_s and self.take_still(eye.device.id) is not None:
            eye.next_still_s = now.mono_s + self._watch.still_interval_s


class _Eye:
    """One stream's debouncing and verdict. ``on_findings`` runs on the video room's thread."""

    def __init__(self, watcher: Watcher, device: Device, watch: WatchSection) -> None:
        rules = confirm_config(watch)
        self.device = device
        self.watch: StreamWatch | None = None
        self.lock = threading.Lock()
        self.debouncer = EventDebouncer(rules, new_episode=watcher.new_episode)
        self.last_reason: Reason | None = None
        self.next_still_s = 0.0
        self._verdict = PictureVerdict(rules)
        self._watcher = watcher
        self._reported: PictureFault | None = None
        self._judged = False

    @property
    def picture(self) -> PictureState:
        return self._verdict.state

    @property
    def incident(self) -> bool:
        """Whether more than motion goes on in its picture now."""
        with self.lock:
            return self.debouncer.incident

    def on_findings(self, frame: Frame, findings: Sequence[Finding]) -> None:
        """Never raises: the video thread must go on."""
        try:
            self._take(frame, findings)
        except AgentError as error:
            log.warning("device=%s findings not written: %s", self.device.id, error)

    def _take(self, frame: Frame, findings: Sequence[Finding]) -> None:
        now = self._watcher.now(frame.mono_s)
        with self.lock:
            events = self.debouncer.see(findings, now)
            state = self._verdict.see(findings, now)
        if events:
            still = self.watch.still() if self.watch is not None else None
            self._watcher.write(self.device, events, still if still is not None else frame.image)
        if (state.fault, state.judged) != (self._reported, self._judged):
            self._reported, self._judged = state.fault, state.judged
            self._watcher.changed(self.device)


def _measure(up: Sequence[StreamState]) -> None:
    """What looking costs and how late it is, over all streams that are up."""
    for mode in SightMode:
        STREAM_MODES.labels(mode=mode).set(sum(state.mode is mode for state in up))
    STREAMS_RUNNING.set(sum(state.running for state in up))
    STREAM_LAG.set(max((state.lag_s for state in up), default=0.0))
