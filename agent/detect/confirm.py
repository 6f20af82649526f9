"""When findings become events and verdicts. Law: a start, then its end, then the next start.

Pure: times are handed in. Starts need enough findings over enough seconds; ends need quiet for a while. An
event starts when it was first seen and ends when it was last seen, not when that became certain.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from agent.model import Finding, ObjectKind, PictureFault, SceneEvent
from protocol.words import Phase, SceneTopic, SeenBy
from runtime.pace import Pace


@dataclass(frozen=True, slots=True)
class Rule:
    """``needed`` of the last ``of`` opinions over ``confirm_s`` start it, ``hold_s`` of quiet end it."""

    needed: int = 2
    of: int = 3
    confirm_s: float = 0.0
    hold_s: float = 2.0
    gap_s: float = 60.0
    """Longest time between two opinions of one episode."""

    def __post_init__(self) -> None:
        if not 1 <= self.needed <= self.of:
            raise ValueError(f"needed={self.needed} of={self.of}: 1 <= needed <= of")
        if self.confirm_s < 0 or self.hold_s < 0:
            raise ValueError(f"confirm_s={self.confirm_s} hold_s={self.hold_s}: must not be negative")


DEFAULT_CONFIRM_S: Final[Mapping[PictureFault, float]] = {
    PictureFault.DARK: 300.0,
    PictureFault.OVER_BRIGHT: 300.0,
    PictureFault.BLURRED: 1800.0,
    PictureFault.FROZEN: 60.0,
    PictureFault.COVERED: 600.0,
    PictureFault.COLOUR_CAST: 3600.0,
    PictureFault.NOISY: 600.0,
    PictureFault.STRIPED: 600.0,
    PictureFault.LOW_CONTRAST: 1800.0,
    PictureFault.GREY: 3600.0,
    PictureFault.SHAKING: 600.0,
    PictureFault.SCENE_CHANGED: 600.0,
}
"""Confirmation times of the county's video quality diagnosis list."""


_RULES: Final[Mapping[SceneTopic, Rule]] = {
    SceneTopic.LOITERING: Rule(hold_s=6.0),
    SceneTopic.CROWDING: Rule(hold_s=20.0),
    SceneTopic.OBJECT_LEFT: Rule(hold_s=10.0),
    SceneTopic.OBJECT_REMOVED: Rule(hold_s=10.0),
    SceneTopic.SMOKE_SUSPECTED: Rule(hold_s=60.0, gap_s=180.0),
    SceneTopic.LIGHT_LEVEL: Rule(1, 1, hold_s=0.0, gap_s=600.0),
}
"""Of topics whose detectors waited already: what is left is to be sure that it is no flicker."""

TRAFFIC: Final = frozenset({SceneTopic.MOTION, SceneTopic.OBJECT_DETECTED, SceneTopic.LIGHT_LEVEL})
"""What goes on all day in a street, or all night under a lamp."""
PULSES: Final = frozenset({SceneTopic.LINE_CROSSED})
"""What has no end. Each finding is an event at once: its detector tells it once."""
PULSE_BURST, PULSE_EVERY_S = 30, 1.0
"""Pulses of one camera, as for those it tells itself."""


@dataclass(frozen=True, slots=True)
class ConfirmConfig:
    """Rules by what is seen. A fault missing in ``confirm_s`` has its default."""

    motion: Rule = field(default_factory=Rule)
    zone: Rule = field(default_factory=Rule)
    confirm_s: Mapping[PictureFault, float] = field(default_factory=dict)
    fault_needed: int = 3
    fault_of: int = 5
    """A mild fault is not seen at every look: two that disagree are forgiven."""
    clear_s: float = 4.0
    """How long a fault must be away."""

    def rule(self, finding: Finding) -> Rule:
        """The rule for what this finding is about."""
        if finding.fault is not None:
            return self.fault_rule(finding.fault)
        if finding.topic is SceneTopic.MOTION:
            return self.motion
        return _RULES.get(finding.topic, self.zone)

    def fault_rule(self, fault: PictureFault) -> Rule:
        """The rule for a picture fault; short confirmation times need two opinions only."""
        confirm_s = self.confirm_s.get(fault, DEFAULT_CONFIRM_S[fault])
        needed, of = (2, 3) if confirm_s < 15.0 else (self.fault_needed, self.fault_of)
        return Rule(needed, of, confirm_s, self.clear_s)


@dataclass(frozen=True, slots=True)
class Moment:
    """One point in time on both clocks: monotonic seconds measure, the wall time only stamps."""

    mono_s: float
    time: datetime


@dataclass(frozen=True, slots=True)
class Turn:
    """An episode began (START) or ended (END): first and last seen, and the clearest finding."""

    phase: Phase
    first: Moment
    last: Moment
    best: Finding


class Episode:
    """The life of one thing that may be seen: quiet, suspected, confirmed, quiet again."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._recent: deque[bool] = deque(maxlen=rule.of)
        self._seen: Turn | None = None
        """First, last and best since it is suspected or confirmed; None when quiet."""
        self._confirmed = False

    @property
    def confirmed(self) -> Turn | None:
        """What is going on right now, None when nothing is confirmed."""
        return self._seen if self._confirmed else None

    def see(self, finding: Finding, now: Moment) -> tuple[Turn, ...]:
        """Take one opinion. What was quiet for too long before it is over; the opinion then counts anew."""
        was_quiet = bool(self._recent) and not self._recent[-1]
        bears_s = self._rule.hold_s if was_quiet else max(self._rule.gap_s, self._rule.hold_s)
        ended = self.wait(now, bears_s=bears_s) if self._confirmed or not was_quiet else ()
        self._recent.append(finding.present)
        return (*ended, *(self._present(finding, now) if finding.present else self._absent(now)))

    def wait(self, now: Moment, *, bears_s: float | None = None) -> tuple[Turn, ...]:
        """Time passed without an opinion; what was last seen ``hold_s`` ago or longer is over."""
        if self._seen is None:
            return ()
        quiet_s = now.mono_s - self._seen.last.mono_s
        return self.stop() if quiet_s >= (self._rule.hold_s if bears_s is None else bears_s) else ()

    def stop(self) -> tuple[Turn, ...]:
        """Whatever is going on ends where it was last seen."""
        seen, was_confirmed = self._seen, self._confirmed
        self._seen, self._confirmed = None, False
        self._recent.clear()
        return (replace(seen, phase=Phase.END),) if seen is not None and was_confirmed else ()

    def _present(self, finding: Finding, now: Moment) -> tuple[Turn, ...]:
        if self._seen is None:
            self._seen = Turn(Phase.START, now, now, finding)
        best = finding if finding.score > self._seen.best.score else self._seen.best
        self._seen = replace(self._seen, last=now, best=best)
        if self._confirmed or sum(self._recent) < self._rule.needed:
            return ()
        if now.mono_s - self._seen.first.mono_s < self._rule.confirm_s:
            return ()
        self._confirmed = True
        return (self._seen,)

    def _absent(self, now: Moment) -> tuple[Turn, ...]:
        if self._confirmed:
            return self.wait(now)
        if self._recent.count(False) > self._rule.of - self._rule.needed:
            return self.stop()
        return ()


_Key = tuple[SceneTopic, str, PictureFault | None, ObjectKind | None]
"""Topic, zone, fault, and for what an object model told, the kind: a person and a car are two episodes."""


class EventDebouncer:
    """Turns the findings of one camera into scene events seen by the box.

    ``new_episode`` makes the id that ties an end to its start; it is called once a start.
    """

    def __init__(self, config: ConfirmConfig | None = None, *, new_episode: Callable[[], str]) -> None:
        self._config = config or ConfirmConfig()
        self._new_episode = new_episode
        self._episodes: dict[_Key, Episode] = {}
        self._ids: dict[_Key, str] = {}
        self._pace = Pace(burst=PULSE_BURST, every_s=PULSE_EVERY_S)
        self.held_back = 0
        """Pulses there was no room for, so far."""

    @property
    def incident(self) -> bool:
        """Whether more than traffic goes on now; faults of the picture are none."""
        return any(fault is None and topic not in TRAFFIC for topic, _, fault, _ in self._ids)

    def see(self, findings: Iterable[Finding], now: Moment) -> tuple[SceneEvent, ...]:
        """Take the findings of one frame."""
        events: list[SceneEvent] = []
        for finding in findings:
            if finding.state:
                continue
            if finding.topic in PULSES:
                events += self._pulse(finding, now)
                continue
            kind = finding.kind if finding.topic is SceneTopic.OBJECT_DETECTED else None
            key = (finding.topic, finding.zone, finding.fault, kind)
            if key not in self._episodes:
                if not finding.present:
                    continue
                self._episodes[key] = Episode(self._config.rule(finding))
            events += (self._event(key, turn) for turn in self._episodes[key].see(finding, now))
        return tuple(events)

    def wait(self, now: Moment) -> tuple[SceneEvent, ...]:
        """No frame comes: call this while the stream is gone, so that what was going on ends."""
        return tuple(
            self._event(k, turn) for k, episode in self._episodes.items() for turn in episode.wait(now)
        )

    def close(self) -> tuple[SceneEvent, ...]:
        """Watching stops: what is going on ends where it was last seen."""
        return tuple(self._event(k, turn) for k, episode in self._episodes.items() for turn in episode.stop())

    def _pulse(self, finding: Finding, now: Moment) -> tuple[SceneEvent, ...]:
        if not finding.present:
            return ()
        if self._pace.wait_s(now.mono_s) > 0:
            self.held_back += 1
            return ()
        self._pace.take(now.mono_s)
        return (
            SceneEvent(
                topic=finding.topic,
                phase=Phase.PULSE,
                seen_by=SeenBy.BOX,
                episode=self._new_episode(),
                time=now.time,
                score=finding.score,
                reason=finding.reason,
                box=finding.box,
                zone=finding.zone,
            ),
        )

    def _event(self, key: _Key, turn: Turn) -> SceneEvent:
        topic, zone, _, _ = key
        start = turn.phase is Phase.START
        if start:
            self._ids[key] = self._new_episode()
        return SceneEvent(
            topic=topic,
            phase=turn.phase,
            seen_by=SeenBy.BOX,
            episode=self._ids[key] if start else self._ids.pop(key),
            time=turn.first.time if start else turn.last.time,
            score=turn.best.score,
            reason=turn.best.reason,
            box=turn.best.box,
            zone=zone,
            duration_s=None if start else turn.last.mono_s - turn.first.mono_s,
            mono_s=turn.first.mono_s if start else turn.last.mono_s,
        )


@dataclass(frozen=True, slots=True)
class PictureState:
    """What is confirmed to be wrong with a picture. ``since`` is when the fault was first seen."""

    judged: bool = False
    """False until the first opinion about the picture came."""
    fault: PictureFault | None = None
    since: datetime | None = None
    reason: str = ""


class PictureVerdict:
    """The confirmed fault of one camera's picture; of several, the one that hides the others."""

    def __init__(self, config: ConfirmConfig | None = None) -> None:
        config = config or ConfirmConfig()
        self._episodes = {fault: Episode(config.fault_rule(fault)) for fault in _WORST_FIRST}
        self._judged = False

    @property
    def state(self) -> PictureState:
        """The verdict as of the last opinion."""
        for fault, episode in self._episodes.items():
            if (going := episode.confirmed) is not None:
                return PictureState(self._judged, fault, going.first.time, going.best.reason)
        return PictureState(self._judged)

    def see(self, findings: Iterable[Finding], now: Moment) -> PictureState:
        """Take the findings of one frame; returns the verdict after it."""
        for finding in findings:
            if finding.fault is not None:
                self._judged = True
                self._episodes[finding.fault].see(finding, now)
        return self.state


_WORST_FIRST: Final = (
    PictureFault.COVERED,
    PictureFault.DARK,
    PictureFault.OVER_BRIGHT,
    PictureFault.FROZEN,
    PictureFault.NOISY,
    PictureFault.STRIPED,
    PictureFault.SHAKING,
    PictureFault.SCENE_CHANGED,
    PictureFault.BLURRED,
    PictureFault.LOW_CONTRAST,
    PictureFault.GREY,
    PictureFault.COLOUR_CAST,
)
