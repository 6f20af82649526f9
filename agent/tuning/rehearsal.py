"""A recording through the box's own gate, decoder, judge and rules, and all that was decided on the way.

Law: what it tells is what the box would tell; it adds nothing and leaves nothing out. Times are the file's.
"""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Final

import av
import cv2
import numpy as np

from agent.config import COUNTY
from agent.detect.background import Foreground
from agent.detect.confirm import PULSES, EventDebouncer, Moment
from agent.detect.for_device import judge_for
from agent.detect.object_model import ObjectDesk
from agent.detect.rules import WallTime
from agent.detect.vqd.sun import daylight
from agent.errors import NotVideo
from agent.model import (
    FULL_ALLOWANCE,
    Allowance,
    Device,
    Finding,
    Frame,
    Image,
    Rectangle,
    SceneEvent,
    SightMode,
)
from agent.services.watcher import confirm_config
from agent.tuning.film import Film, FilmError, FilmTrouble
from agent.tuning.reasons import kind_of
from agent.tuning.timeline import Timeline
from agent.tuning.trial_values import Thresholds
from agent.video.agreement import Hearing
from agent.video.cascade import Cascade
from agent.video.decoder import colour
from agent.video.masks import burnt
from agent.video.pipeline import Looked
from agent.video.replay import Replay, Step
from protocol.words import DeviceClass, Phase, SceneTopic

MOST_EVENTS: Final = 10_000
MOST_GLIMPSES: Final = 2_000
MOST_REASONS: Final = 200
THUMB_WIDTH_PX, STILL_WIDTH_PX = 240, 960
MOST_THUMBS: Final = 80


class Act(StrEnum):
    """What is told of, in the order it happened."""

    KEY = "key_frame"
    RUN = "run"
    ALARM = "packets"
    LOW_RATE = "low_rate"
    UNHEEDED = "alarm_unheeded"
    """Packets were surprising, and nothing was decoded for it."""
    FALSE = "alarm_false"
    """A run that surprising packets began showed nothing."""
    BROKEN = "broken_key_frame"
    SHED = "alarm_shed"
    """Packets were surprising, and the allowance leaves no decoding for it."""
    MODE = "mode"
    """Key frames became too rare, or often enough."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One thing that was decided, and why."""

    at_s: float
    act: Act
    surprise: float
    """The most the packets were over the usual since the last decision, in deviations."""
    findings: tuple[Finding, ...] = ()
    learning: bool = False
    """The picture taught the background; nothing can be told yet."""
    ratio: float = 0.0
    """The largest thing that moved, as share of the picture."""
    changed_ratio: float | None = None
    """All that differs from the background, noise included; None when it was not compared."""
    events: tuple[SceneEvent, ...] = ()
    mode: SightMode = SightMode.KEYS
    allowance: Allowance = FULL_ALLOWANCE

    @property
    def judged(self) -> bool:
        """Whether a picture was judged."""
        return self.act in _JUDGED


_JUDGED: Final = frozenset({Act.KEY, Act.RUN, Act.ALARM, Act.LOW_RATE})


@dataclass(slots=True)
class Happening:
    """One event of the recording."""

    topic: SceneTopic
    zone: str
    start_s: float
    """When it was first seen."""
    told_s: float
    """When it became certain: the moment the box tells it."""
    end_s: float | None
    """When it was last seen; None for what has no duration."""
    score: float
    reason: str
    box: Rectangle | None
    cut_off: bool = False
    """It still went on when the recording ended."""
    picture: Image | None = None
    """What the box would show of it, BGR, small, masks black."""
    picture_box: Rectangle | None = None
    """Where it is in that picture; ``box`` is where it was clearest."""


@dataclass(frozen=True, slots=True)
class Glimpse:
    """Something seen that did not become an event: too short, or too seldom."""

    topic: SceneTopic
    zone: str
    at_s: float
    score: float
    reason: str


@dataclass(slots=True)
class Outcome:
    """What a recording came to."""

    stream_s: float = 0.0
    packets: int = 0
    keyframes: int = 0
    decoded: int = 0
    judged: int = 0
    cpu_s: float = 0.0
    """Of reading, decoding and judging; without what only the report needs."""
    open_s: float = 0.0
    """Stream time in which every packet was decoded."""
    damaged: bool = False
    """The file could be read only as far as ``stream_s``."""
    untimed: bool = False
    """The file tells no times: they are by its frame rate, as far as it tells one."""
    time_jumps: int = 0
    """Pauses and new clocks in the file: later times go on without them."""
    stopped: bool = False
    """Whoever watched did not wait for the end."""
    gate: dict[str, int] = field(default_factory=dict)
    """What the cascade counted."""
    left_out: dict[str, int] = field(default_factory=dict)
    """Of what came: broken_keyframes, kept_dropped."""
    mode: SightMode = SightMode.KEYS
    hearing: Hearing = Hearing.UNTRIED
    events: list[Happening] = field(default_factory=list)
    events_omitted: int = 0
    held_back: int = 0
    """Line crossings there was no room for."""
    glimpses: list[Glimpse] = field(default_factory=list)
    """The first of them; ``glimpsed`` counts all, by topic and zone."""
    glimpsed: Counter[tuple[SceneTopic, str]] = field(default_factory=Counter)
    absent: Counter[tuple[SceneTopic, str, str]] = field(default_factory=Counter)
    """Why nothing was told, by topic, zone and reason without its numbers: pictures."""
    examples: dict[str, str] = field(default_factory=dict)
    """Of each such reason the first as it was said."""
    still: Image | None = None
    """The place, BGR, masks black; a quiet picture where there was one."""

    @property
    def cpu_ms_per_s(self) -> float:
        """Milliseconds of CPU a second of stream."""
        return 1000.0 * self.cpu_s / self.stream_s if self.stream_s else 0.0

    @property
    def open_ratio(self) -> float:
        """Share of the time in which every packet was decoded."""
        return self.open_s / self.stream_s if self.stream_s else 0.0


class Rehearsal:
    """One recording, once. Iterate over its decisions; ``outcome`` and ``timeline`` fill on the way."""

    def __init__(
        self,
        film: Film,
        thresholds: Thresholds,
        *,
        device_class: DeviceClass = DeviceClass.SMART_CAMERA,
        begins: datetime | None = None,
        zone: tzinfo = UTC,
        location: tuple[float, float] = COUNTY,
        allowance: Allowance = FULL_ALLOWANCE,
        objects: ObjectDesk | None = None,
        pictures: bool = False,
    ) -> None:
        """``begins``: the time of day of its first picture (aware). Without it schedules always hold, and
        nobody knows whether it is day. ``location``: latitude and longitude.
        ``pictures``: keep a still and small pictures of events."""
        zones = tuple(section.zone() for section in thresholds.zones)
        if begins is None:
            zones = tuple(replace(one, hours=()) for one in zones)
        self._location = location
        self._begins = begins or datetime(2000, 1, 1, tzinfo=UTC)
        device = Device(id="recording", device_class=device_class, host="", zones=zones)
        self._judge = judge_for(
            device,
            wall=WallTime(self._wall, zone),
            objects=objects,
            daylight=self._daylight if begins is not None else lambda: None,
            config=thresholds.detect,
        )
        self._gate = Cascade(thresholds.gate, hour=lambda: self._wall(self._now_s).astimezone(zone).hour)
        self._gate.allow(allowance)
        self._allowance = allowance
        numbers = itertools.count(1)
        self._debouncer = EventDebouncer(
            confirm_config(thresholds.watch), new_episode=lambda: str(next(numbers))
        )
        self._masks = device.privacy_masks
        self._pictures = pictures
        self._replay = Replay(
            film.path, self._judge, gate=self._gate, shown=self._show, judged=self._overhear
        )
        self._film = film
        self._now_s = 0.0
        self._shown: av.VideoFrame | None = None
        self._overheard: list[tuple[Foreground | None, Image | None]] = []
        """Of the packet in hand: what each judged picture showed, and how it looked."""
        self._going: dict[str, Happening] = {}
        self._open: set[tuple[SceneTopic, str]] = set()
        self._quiet_still = False
        self._thumbs = 0
        self._apart_s = 0.0
        self._unfinished = True
        self.timeline = Timeline()
        self.outcome = Outcome()

    def decisions(self) -> Generator[Decision]:
        """Everything that was decided, in order. Raises FilmError. Not run to its end, what was seen until
        then stays told."""
        began_s = time.process_time()
        outside_s = 0.0
        teller = _Teller(self._gate, self._allowance)
        try:
            for step in self._replay:
                for decision in self._step(step, teller):
                    paused_s = time.process_time()
                    yield decision
                    outside_s += time.process_time() - paused_s
            self._unfinished = False
        except NotVideo as error:
            gone = FilmTrouble.NOT_VIDEO if self._film.path.exists() else FilmTrouble.VANISHED
            raise FilmError(gone, self._film.path) from error
        finally:
            self.outcome.cpu_s = time.process_time() - began_s - outside_s - self._apart_s
            self._finish()
        counters = self._replay.counters
        if not counters["packets"]:
            raise FilmError(FilmTrouble.NOT_VIDEO, self._film.path)
        if not counters["decoded"]:
            none = counters["keyframes"] == 0
            raise FilmError(FilmTrouble.NO_KEY_FRAME if none else FilmTrouble.UNDECODABLE, self._film.path)

    def _step(self, step: Step, teller: _Teller) -> Iterator[Decision]:
        packet = step.packet
        passed_s = packet.at_s - self._now_s
        if self._gate.running and 0.0 < passed_s < 5.0:
            self.outcome.open_s += passed_s
        self._now_s = packet.at_s
        self.timeline.packet(packet)
        for act in teller.heard(broken=self._replay.counters["broken_keyframes"]):
            yield teller.told(packet.at_s, act)
        overheard, self._overheard = self._overheard, []
        for looked, (seen, picture) in zip(step.looked, overheard, strict=True):
            yield self._looked(looked, seen, picture, teller)

    def _looked(
        self, looked: Looked, seen: Foreground | None, picture: Image | None, teller: _Teller
    ) -> Decision:
        frame = looked.frame
        events = self._debouncer.see(looked.findings, Moment(frame.mono_s, self._wall(frame.pts_s)))
        for event in events:
            box = next((f.box for f in looked.findings if _about(f) == _about(event)), None)
            self._happen(event, told_s=frame.pts_s, picture=picture, box=box)
        self._note(looked)
        ratio = seen.blobs[0].area_ratio if seen is not None and seen.blobs else 0.0
        moving = looked.motion is not None and looked.motion.present
        self.timeline.judged(frame.pts_s, looked.why, ratio=ratio, moving=moving)
        return replace(
            teller.told(frame.pts_s, Act(looked.why.value)),
            findings=tuple(looked.findings),
            learning=looked.motion is None and seen is not None and seen.learning,
            ratio=ratio,
            changed_ratio=None if seen is None or seen.learning else seen.changed_ratio,
            events=events,
        )

    def _note(self, looked: Looked) -> None:
        """Keep why not, and what was only glimpsed."""
        outcome = self.outcome
        for finding in looked.findings:
            if finding.state:
                continue
            if not finding.present:
                key = (finding.topic, finding.zone, kind_of(finding.reason))
                if key in outcome.absent or len(outcome.absent) < MOST_REASONS:
                    outcome.absent[key] += 1
                    outcome.examples.setdefault(key[2], finding.reason)
            elif (finding.topic, finding.zone) not in self._open and finding.topic not in PULSES:
                self._glimpse(finding, looked.frame.pts_s)

    def _glimpse(self, finding: Finding, at_s: float) -> None:
        self.outcome.glimpsed[finding.topic, finding.zone] += 1
        if len(self.outcome.glimpses) < MOST_GLIMPSES:
            one = Glimpse(finding.topic, finding.zone, at_s, finding.score, finding.reason)
            self.outcome.glimpses.append(one)

    def _became(self, event: SceneEvent, since_s: float) -> None:
        """What was only glimpsed since then is an event after all."""
        outcome, about = self.outcome, (event.topic, event.zone)
        kept = [g for g in outcome.glimpses if (g.topic, g.zone) != about or g.at_s < since_s - 0.001]
        outcome.glimpsed[about] -= len(outcome.glimpses) - len(kept)
        outcome.glimpses = kept
        self._open.add(about)

    def _happen(
        self,
        event: SceneEvent,
        *,
        told_s: float,
        picture: Image | None = None,
        box: Rectangle | None = None,
    ) -> None:
        at_s = (event.time - self._begins).total_seconds()
        if event.phase is Phase.END:
            going = self._going.pop(event.episode, None)
            self._open.discard((event.topic, event.zone))
            if going is not None:
                going.end_s = at_s
                going.score, going.reason, going.box = event.score or 0.0, event.reason, event.box
            return
        happening = Happening(
            event.topic, event.zone, at_s, told_s, None, event.score or 0.0, event.reason, event.box
        )
        if picture is not None and self._thumbs < MOST_THUMBS:
            self._thumbs += 1
            happening.picture, happening.picture_box = picture, box
        if event.phase is Phase.START:
            self._going[event.episode] = happening
            self._became(event, at_s)
        if len(self.outcome.events) >= MOST_EVENTS:
            self.outcome.events_omitted += 1
            return
        self.outcome.events.append(happening)

    def _finish(self) -> None:
        outcome, counters = self.outcome, self._replay.counters
        for event in self._debouncer.close():
            going = self._going.get(event.episode)
            if going is not None:
                going.cut_off = True
            self._happen(event, told_s=self._now_s)
        outcome.glimpsed = +outcome.glimpsed
        state = self._gate.state()
        outcome.stream_s = self.timeline.end_s
        outcome.packets, outcome.keyframes = counters["packets"], counters["keyframes"]
        outcome.decoded, outcome.judged = counters["decoded"], counters["judged"]
        outcome.damaged = bool(counters["damaged"]) or self._ends_early()
        outcome.time_jumps = counters["time_jumps"]
        outcome.untimed = bool(counters["untimed"])
        outcome.gate = dict(state.counters)
        outcome.left_out = {name: counters[name] for name in ("broken_keyframes", "kept_dropped")}
        outcome.mode, outcome.hearing = state.mode, self._gate.hearing
        outcome.held_back = self._debouncer.held_back
        self._shown = None

    def _ends_early(self) -> bool:
        """Whether the file was cut off: its head tells more time than there is, and none was left out."""
        told_s = self._film.duration_s
        if told_s is None or self._replay.counters["time_jumps"] or self._unfinished:
            return False
        return self.timeline.end_s < 0.9 * told_s - 2.0

    # --- pictures ------------------------------------------------------------------------------

    def _show(self, picture: av.VideoFrame, _at_s: float) -> None:
        self._shown = picture

    def _overhear(self, looked: Looked) -> None:
        """A picture was judged just now: keep what is gone with the next one."""
        picture = None
        if self._pictures:
            began_s = time.process_time()
            picture = self._looked_like(looked.frame, looked.findings)
            self._apart_s += time.process_time() - began_s
        self._overheard.append((self._judge.seen, picture))

    def _looked_like(self, frame: Frame, findings: Sequence[Finding]) -> Image | None:
        """A small picture where something was found; the still is taken on the way."""
        if self._shown is None:
            return None
        found = any(one.present and not one.state for one in findings)
        quiet = frame.key and not found and self._judge.seen is not None and not self._judge.seen.learning
        if self.outcome.still is None or (quiet and not self._quiet_still):
            self.outcome.still = self._masked(STILL_WIDTH_PX)
            self._quiet_still = quiet
        return self._masked(THUMB_WIDTH_PX) if found and self._thumbs < MOST_THUMBS else None

    def _masked(self, width_px: int) -> Image:
        assert self._shown is not None
        if not self._masks:
            return colour(self._shown, max_width_px=width_px)
        # masked before it is made small: a pixel of the small picture holds several of the large one
        whole = burnt(colour(self._shown, max_width_px=self._shown.width), self._masks)
        height, width = whole.shape[:2]
        if width <= width_px:
            return whole
        size = (width_px, max(1, round(height * width_px / width)))
        return np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA), np.uint8)

    def _daylight(self) -> bool | None:
        latitude, longitude = self._location
        return daylight(self._wall(self._now_s), latitude=latitude, longitude=longitude)

    def _wall(self, at_s: float) -> datetime:
        return self._begins + timedelta(seconds=at_s)


class _Teller:
    """Turns what the cascade counts into decisions."""

    def __init__(self, gate: Cascade, allowance: Allowance) -> None:
        self._gate = gate
        self._allowance = allowance
        self._surprise = 0.0
        self._broken = 0
        self._mode = SightMode.KEYS
        self._alarms = self._unheeded = self._false = 0

    def heard(self, *, broken: int) -> Sequence[Act]:
        """What was decided at a packet, beside judging pictures."""
        self._surprise = max(self._surprise, self._gate.surprise)
        state = self._gate.state()
        unheeded, false = state.counters["alarms_unheeded"], state.counters["alarms_false"]
        alarms = state.counters["alarms"]
        acts = []
        if state.mode is not self._mode:
            acts.append(Act.MODE)
        if unheeded > self._unheeded:
            acts.append(Act.UNHEEDED)
        if alarms > self._alarms and not self._allowance.runs:
            acts.append(Act.SHED)
        if false > self._false:
            acts.append(Act.FALSE)
        if broken > self._broken:
            acts.append(Act.BROKEN)
        self._mode, self._alarms, self._unheeded = state.mode, alarms, unheeded
        self._false, self._broken = false, broken
        return acts

    def told(self, at_s: float, act: Act) -> Decision:
        """A decision; what the packets said since the last one goes with it."""
        surprise, self._surprise = self._surprise, 0.0
        return Decision(at_s, act, surprise, mode=self._mode, allowance=self._allowance)


def _about(one: Finding | SceneEvent) -> tuple[SceneTopic, str]:
    return one.topic, one.zone
