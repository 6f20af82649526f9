"""What a camera's zones make of what is not background. Law: a zone tells the same whether or not others are.

Tracks, stays and counts live here, for this run of the box alone; what leaves are findings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

import numpy as np

from agent.detect.background import HEIGHT_PX, WIDTH_PX, Attention, Background, Blob, Foreground
from agent.detect.crowd import CrowdJudge
from agent.detect.dwell import DwellJudge
from agent.detect.lamps import LampJudge, WholeLight
from agent.detect.left_objects import LeftObjects
from agent.detect.lines import LineCounter
from agent.detect.tracks import Tracker
from agent.detect.zones import ZoneMask
from agent.hours import holds
from agent.model import Finding, Frame, Zone, ZoneKind
from protocol.words import SceneTopic

_CLOCK_S = 5.0
"""Schedules have minutes: so often is enough."""
_CROWD_ABSORB_S = 600.0
_BEYOND_S = 60.0
"""What is waited for is absorbed so much later than told."""

_ASLEEP = "outside its schedule"

Wall = Callable[[float], datetime]


@dataclass(frozen=True, slots=True)
class WallTime:
    """Which time of day a frame has: ``at`` makes an aware time of its monotonic seconds."""

    at: Wall = field(default=lambda mono_s: datetime.fromtimestamp(mono_s, UTC))
    zone: tzinfo = UTC


class SceneRules:
    """The zones of one camera."""

    def __init__(
        self, zones: Iterable[Zone], wall: WallTime | None = None, *, absorb_s: float = 180.0
    ) -> None:
        self._wall = wall or WallTime()
        self._absorb_s = absorb_s
        areas = [ZoneMask.of(zone) for zone in zones if zone.kind is not ZoneKind.LINE]
        self._light = WholeLight()
        of = {kind: [zone for zone in areas if zone.zone.kind is kind] for kind in ZoneKind}
        self._ignored = of[ZoneKind.IGNORE] + of[ZoneKind.PRIVACY]
        self._motion = of[ZoneKind.MOTION]
        self._presence = [zone for zone in of[ZoneKind.PRESENCE] if zone.zone.closed]
        self._dwell = [DwellJudge(zone) for zone in of[ZoneKind.DWELL]]
        self._crowd = [CrowdJudge(zone) for zone in of[ZoneKind.CROWD]]
        self._watch = [LeftObjects(zone) for zone in of[ZoneKind.WATCH]]
        self._lamps = [LampJudge(zone) for zone in of[ZoneKind.LAMP]]
        self._lines = [LineCounter(zone) for zone in zones if zone.kind is ZoneKind.LINE]
        self._areas = areas
        self._forgetters: tuple[Callable[[], None], ...] = (
            *(one.forget for one in self._dwell),
            *(one.forget for one in self._crowd),
            *(one.forget for one in self._lines),
            *(one.forget for one in self._lamps),
            self._light.forget,
        )
        self._scheduled = [zone for zone in zones if zone.hours]
        self._asleep: frozenset[str] = frozenset()
        followed = (ZoneKind.LINE, ZoneKind.DWELL)
        self._following = frozenset(
            zone.name
            for zone in zones
            if zone.kind in followed or (zone.kind is ZoneKind.PRESENCE and zone.closed)
        )
        self._clock_s: float | None = None
        self._tracker = Tracker()
        self.attention = self._attention()

    @property
    def follows(self) -> bool:
        """Whether a rule that is awake needs every picture of what moves: who crosses, who stays, who comes
        where nobody may be."""
        return bool(self._following - self._asleep)

    def wake(self, frame: Frame) -> bool:
        """Look at the clock; returns whether ``attention`` became another."""
        if not self._scheduled:
            return False
        if self._clock_s is not None and 0 <= frame.mono_s - self._clock_s < _CLOCK_S:
            return False
        self._clock_s = frame.mono_s
        now = self._wall.at(frame.mono_s)
        asleep = frozenset(
            zone.name for zone in self._scheduled if not holds(zone.hours, now, self._wall.zone)
        )
        if asleep == self._asleep:
            return False
        self._asleep = asleep
        self.attention = self._attention()
        return True

    def judge(self, seen: Foreground, background: Background, frame: Frame) -> tuple[Finding, ...]:
        """Opinions about a frame that could be compared with the background."""
        at_s = frame.mono_s
        light = self._lights(seen, frame) if frame.key else ()
        if not seen.blobs:
            self._tracker.follow((), at_s=at_s)
            return (*self._quiet(_why_nothing(seen), at_s=at_s), *light)
        return (
            *self._moving(seen.blobs),
            *(self._inside(zone, seen.blobs) for zone in self._presence),
            *self._followed(seen.blobs, at_s=at_s),
            *(
                crowd.see(seen.blobs, at_s=at_s)
                if self._awake(crowd.zone)
                else _out_of_hours(SceneTopic.CROWDING, crowd.zone)
                for crowd in self._crowd
            ),
            *self._left(seen, background, at_s=at_s),
            *light,
        )

    def blind(self, reason: str) -> tuple[Finding, ...]:
        """Nothing can be seen: whatever goes on is not told to go on, and nothing is followed through."""
        self._tracker.forget()
        for forget in self._forgetters:
            forget()
        return self._absent(reason)

    def _quiet(self, reason: str, *, at_s: float) -> tuple[Finding, ...]:
        for crowd in self._crowd:
            crowd.see((), at_s=at_s)
        return self._absent(reason)

    def _absent(self, reason: str) -> tuple[Finding, ...]:
        told: list[tuple[SceneTopic, ZoneMask]] = [
            *((SceneTopic.MOTION, zone) for zone in self._motion),
            *((SceneTopic.OBJECTS_INSIDE, zone) for zone in self._presence),
            *((SceneTopic.LOITERING, dwell.zone) for dwell in self._dwell),
            *((SceneTopic.CROWDING, crowd.zone) for crowd in self._crowd),
            *((SceneTopic.OBJECT_LEFT, watch.zone) for watch in self._watch),
            *((SceneTopic.OBJECT_REMOVED, watch.zone) for watch in self._watch),
        ]
        return (
            Finding(SceneTopic.MOTION, False, 0.0, reason),
            *(Finding(topic, False, 0.0, reason, zone=zone.zone.name) for topic, zone in told),
        )

    def _moving(self, blobs: Sequence[Blob]) -> tuple[Finding, ...]:
        """Motion anywhere; where there are motion zones it is state alone, and theirs are the events."""
        largest = blobs[0]
        reason = (
            f"{len(blobs)} moving, largest {largest.area_ratio:.2%} of the picture, "
            f"{largest.contrast:.0f} levels"
        )
        anywhere = Finding(
            SceneTopic.MOTION, True, largest.strength, reason, box=largest.box, state=bool(self._motion)
        )
        return (anywhere, *(self._within(zone, blobs) for zone in self._motion))

    def _within(self, zone: ZoneMask, blobs: Sequence[Blob]) -> Finding:
        name = zone.zone.name
        blob = next((one for one in blobs if zone.touches(one)), None) if self._awake(zone) else None
        if blob is None:
            reason = "nothing moves inside" if self._awake(zone) else _ASLEEP
            return Finding(SceneTopic.MOTION, False, 0.0, reason, zone=name)
        reason = f"{blob.area_ratio:.2%} of the picture moves inside, {blob.contrast:.0f} levels"
        return Finding(SceneTopic.MOTION, True, blob.strength, reason, box=blob.box, zone=name)

    def _inside(self, zone: ZoneMask, blobs: Sequence[Blob]) -> Finding:
        name = zone.zone.name
        blob = next((one for one in blobs if zone.counts(one)), None) if self._awake(zone) else None
        if blob is None:
            reason = "nothing inside" if self._awake(zone) else _ASLEEP
            return Finding(SceneTopic.OBJECTS_INSIDE, False, 0.0, reason, zone=name)
        reason = f"{blob.area_ratio:.2%} of the picture stands inside"
        return Finding(SceneTopic.OBJECTS_INSIDE, True, blob.strength, reason, box=blob.box, zone=name)

    def _followed(self, blobs: Sequence[Blob], *, at_s: float) -> tuple[Finding, ...]:
        """Lines and stays. Nothing is followed for a camera that has neither."""
        if not self._lines and not self._dwell:
            return ()
        tracks, alive = self._tracker.follow(blobs, at_s=at_s), self._tracker.numbers
        crossed = [
            finding
            for line in self._lines
            for finding in line.see([t for t in tracks if _fits_line(line.zone, t.blob)], alive=alive)
            if line.zone.name not in self._asleep
        ]
        stays = (
            one.see(tracks, alive=alive, at_s=at_s)
            if self._awake(one.zone)
            else _out_of_hours(SceneTopic.LOITERING, one.zone)
            for one in self._dwell
        )
        return (*crossed, *stays)

    def _left(self, seen: Foreground, background: Background, *, at_s: float) -> tuple[Finding, ...]:
        grey = seen.grey
        if grey is None:
            return ()
        return tuple(
            finding
            for watch in self._watch
            for finding in (
                watch.see(background, seen.blobs, grey, at_s=at_s)
                if self._awake(watch.zone)
                else watch.nothing(_ASLEEP)
            )
        )

    def _lights(self, seen: Foreground, frame: Frame) -> tuple[Finding, ...]:
        if seen.grey is None:
            return ()
        lamps = (
            finding
            for lamp in self._lamps
            for finding in lamp.see(seen.grey, at_s=frame.mono_s)
            if self._awake(lamp.zone)
        )
        return (*lamps, *self._light.see(seen.grey))

    def _awake(self, zone: ZoneMask) -> bool:
        return zone.zone.name not in self._asleep

    def _attention(self) -> Attention:
        hidden = [zone.mask for zone in self._ignored if self._awake(zone)]
        factors = [zone for zone in self._areas if zone.zone.contrast_factor < 1.0 and self._awake(zone)]
        later = [
            *((zone, zone.zone.dwell_s + _BEYOND_S) for zone in (one.zone for one in self._dwell)),
            *((zone, zone.zone.watch_s + _BEYOND_S) for zone in (one.zone for one in self._watch)),
            *((one.zone, _CROWD_ABSORB_S) for one in self._crowd),
        ]
        shape = (HEIGHT_PX, WIDTH_PX)
        factor = np.ones(shape, np.float32)
        for zone in factors:
            factor[zone.mask] = np.minimum(factor[zone.mask], zone.zone.contrast_factor)
        absorb_s = np.full(shape, self._absorb_s, np.float32)
        for zone, seconds in later:
            absorb_s[zone.mask] = np.maximum(absorb_s[zone.mask], seconds)
        return Attention(
            judged=(~np.logical_or.reduce(hidden)).astype(np.uint8) if hidden else None,
            factor=factor if factors else None,
            absorb_s=absorb_s if later else None,
        )


def _fits_line(zone: Zone, blob: Blob) -> bool:
    enough = zone.contrast_factor <= 1.0 or blob.contrast >= 14.0 * zone.contrast_factor
    return enough and zone.least_ratio <= blob.area_ratio <= zone.most_ratio


def _out_of_hours(topic: SceneTopic, zone: ZoneMask) -> Finding:
    return Finding(topic, False, 0.0, _ASLEEP, zone=zone.zone.name)


def _why_nothing(seen: Foreground) -> str:
    if seen.global_change:
        return f"the light changed in {seen.changed_ratio:.0%} of the picture"
    if seen.light_ratio:
        return f"only the light changed, in {seen.light_ratio:.1%} of the picture"
    return ""
