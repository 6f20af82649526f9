"""One device's episodes, made of what its camera says and what the box sees. Pure: times are handed in.

Laws. A start, then its end, then the next start, for each kind of thing and each zone. What both sources say
of one kind, overlapping or within ``join_s``, is one episode: who comes first starts it, the other joins, and
it is over when both are. A source is in an episode once at a time: two rules of a camera that fire together
are two episodes. An end is told ``cool_down_s`` after it became certain, with the time at which it was seen;
a start in between goes on with the episode, until that is ``longest_s`` old. Zones of the box keep apart; a
camera names none of them, so its word joins whichever is there, and the box joins a camera's episode unless
the zone decides what it means. A pulse of the camera has no end to wait for: it is told at once, and what the
box starts right after has its id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from agent.model import SceneEvent
from protocol.words import DEVICE_HEALTH_TOPICS, Phase, SceneTopic, SeenBy

APART: Final = DEVICE_HEALTH_TOPICS | {
    SceneTopic.SIGNAL_LOSS,
    SceneTopic.COUNTER,
    SceneTopic.OCCUPANCY,
    SceneTopic.DIGITAL_INPUT,
    SceneTopic.RELAY,
    SceneTopic.SILENCE,
    SceneTopic.TOUR_STOPPED,
    SceneTopic.PTZ_STUCK,
}
"""What only one source can tell, or tells of several parts under one topic: never merged, ended at once."""
ZONE_DECIDES: Final = frozenset({SceneTopic.OBJECTS_INSIDE})
"""Inside a zone of the box it is an intrusion, anywhere else a fact: the box's start must be told."""


@dataclass(frozen=True, slots=True)
class Merging:
    """When two things are one. All 0: nothing is merged after its end, and every end is told at once."""

    join_s: float = 3.0
    """So long after the end of one source's word the other's still belongs to it."""
    cool_down_s: float = 10.0
    longest_s: float = 300.0
    """An episode older than this is not gone on with: a busy road would have one episode a day."""

    @property
    def linger_s(self) -> float:
        """How long an end waits to be told."""
        return max(self.join_s, self.cool_down_s)


AT_ONCE: Final = Merging(join_s=0.0, cool_down_s=0.0)


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one source says: an event, the still that shows it, and what must be noted to know it again."""

    event: SceneEvent
    evidence: str | None = None
    noted: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """What the log is told: one event of the book."""

    event: SceneEvent
    sources: tuple[SeenBy, ...]
    evidence: str | None = None


@dataclass(slots=True, eq=False)
class Running:
    """An episode whose start was told and whose end was not."""

    start: SceneEvent
    """As it was told; its ``episode`` is the book's."""
    sources: tuple[SeenBy, ...]
    members: dict[str, SeenBy] = field(default_factory=dict)
    """Who still says so: the sources' own episodes."""
    ends: list[SceneEvent] = field(default_factory=list)
    """The last end of each source."""
    clearest: SceneEvent | None = None
    """The event with the highest score so far."""
    zone: str = ""
    evidence: str | None = None
    noted: Mapping[str, str] | None = None
    over_s: float | None = None
    """When the last source's end became certain; None while somebody says so."""

    def joined(self, sighting: Sighting) -> None:
        """Another source's start, or one's next."""
        event = sighting.event
        if event.seen_by not in self.sources:
            self.sources = (*self.sources, event.seen_by)
        self.zone = self.zone or event.zone
        self.evidence = self.evidence or sighting.evidence
        self.noted = sighting.noted or self.noted
        self._weigh(event)

    def ended(self, event: SceneEvent) -> None:
        """One source's end."""
        self.ends = [end for end in self.ends if end.seen_by is not event.seen_by] + [event]
        self._weigh(event)

    def end(self) -> SceneEvent:
        """The end of it all: what was seen counts before what was supposed, and of that the latest."""
        seen = [end for end in self.ends if not end.supposed] or self.ends
        last = max(seen, key=lambda end: end.mono_s)
        best = self.clearest or last
        known = last.duration_s is not None
        return replace(
            last,
            phase=Phase.END,
            seen_by=self.start.seen_by,
            episode=self.start.episode,
            time=last.time if last.mono_s >= self.start.mono_s else self.start.time,
            score=best.score,
            box=best.box,
            zone=self.zone,
            reason="; ".join(dict.fromkeys(one.reason for one in (best, last) if one.reason)),
            duration_s=max(0.0, last.mono_s - self.start.mono_s) if known else None,
        )

    def _weigh(self, event: SceneEvent) -> None:
        if event.score is None:
            return
        if self.clearest is None or event.score >= (self.clearest.score or 0.0):
            self.clearest = event


def _always(_episode: str, _due_for_s: float) -> bool:
    return True


class Episodes:
    """The running episodes of one device."""

    def __init__(self, merging: Merging | None = None) -> None:
        self._merging = merging or Merging()
        self._running: list[Running] = []
        """In the order of their starts."""
        self._pulses: dict[SceneTopic, tuple[SceneEvent, float]] = {}

    @property
    def running(self) -> Sequence[Running]:
        """What was told to go on, in the order of its starts."""
        return tuple(self._running)

    def resume(self, running: Running) -> None:
        """Go on with what an earlier process told."""
        self._running.append(running)

    def begins(self, event: SceneEvent, *, mono_s: float) -> bool:
        """Whether this start or pulse would be told as something new."""
        return event.phase is not Phase.END and self._joinable(event, mono_s) is None

    def take(self, sighting: Sighting, *, mono_s: float) -> Sequence[Told]:
        """What the log is told because of this, in order. An end whose start was never taken says nothing."""
        if sighting.event.phase is Phase.START:
            return self._start(sighting, mono_s)
        if sighting.event.phase is Phase.END:
            return self._end(sighting.event, mono_s)
        return self._pulse(sighting, mono_s)

    def due(self, *, mono_s: float, ready: Callable[[str, float], bool] = _always) -> list[Told]:
        """Ends whose time has come. ``ready`` may hold one up; it is given the episode, and for how long the
        end has been due."""
        linger_s = self._merging.linger_s
        return self._close(
            one
            for one in self._running
            if one.over_s is not None
            and mono_s - one.over_s >= linger_s
            and ready(one.start.episode, mono_s - one.over_s - linger_s)
        )

    def close(self) -> list[Told]:
        """The box stops: what is over is told now; what somebody still says stays open."""
        return self._close(one for one in self._running if one.over_s is not None)

    def _start(self, sighting: Sighting, mono_s: float) -> Sequence[Told]:
        event = sighting.event
        found = self._joinable(event, mono_s)
        if found is not None:
            found.members[event.episode] = event.seen_by
            found.over_s = None
            found.joined(sighting)
            return ()
        ended = self._close(one for one in self._running if _lies_before(one, event))
        pulse = self._pulsed(event, mono_s)
        start = event if pulse is None else replace(event, episode=pulse.episode)
        sources = (event.seen_by,) if pulse is None else (pulse.seen_by, event.seen_by)
        running = Running(
            start, sources, {event.episode: event.seen_by}, zone=event.zone, noted=sighting.noted
        )
        running.joined(replace(sighting, evidence=None))
        self._running.append(running)
        return (*ended, Told(start, sources, sighting.evidence))

    def _end(self, event: SceneEvent, mono_s: float) -> Sequence[Told]:
        found = next((one for one in self._running if event.episode in one.members), None)
        if found is None:
            return ()
        del found.members[event.episode]
        found.ended(event)
        if found.members:
            return ()
        found.over_s = mono_s
        at_once = event.topic in APART or not self._merging.linger_s
        return self._close([found]) if at_once else ()

    def _pulse(self, sighting: Sighting, mono_s: float) -> Sequence[Told]:
        event = sighting.event
        found = self._joinable(event, mono_s)
        if found is not None:
            found.joined(sighting)
            return ()
        if event.topic not in APART and event.count is None:
            self._pulses[event.topic] = event, mono_s
        return (Told(event, (event.seen_by,), sighting.evidence),)

    def _pulsed(self, start: SceneEvent, mono_s: float) -> SceneEvent | None:
        """The other source's pulse right before this start; it is taken once."""
        pulse, at_s = self._pulses.get(start.topic, (None, 0.0))
        if pulse is None or pulse.seen_by is start.seen_by or start.topic in ZONE_DECIDES:
            return None
        del self._pulses[start.topic]
        return pulse if mono_s - at_s < self._merging.join_s else None

    def _joinable(self, event: SceneEvent, mono_s: float) -> Running | None:
        """The episode this start or pulse belongs to: one of its own zone before one that names none."""
        if event.topic in APART or event.count is not None:
            return None
        fit = [one for one in self._running if self._fits(one, event, mono_s)]
        return next((one for one in fit if one.zone == event.zone), fit[0] if fit else None)

    def _fits(self, one: Running, event: SceneEvent, mono_s: float) -> bool:
        if one.start.topic is not event.topic or not _same_place(one, event):
            return False
        if event.seen_by in one.members.values():
            return False
        again = event.seen_by in one.sources
        if again and event.phase is Phase.PULSE:
            return False
        if one.over_s is None:
            return True
        if again and mono_s - one.start.mono_s > self._merging.longest_s:
            return False
        waits_s = self._merging.cool_down_s if again else self._merging.linger_s
        return mono_s - one.over_s < waits_s

    def _close(self, some: Iterable[Running]) -> list[Told]:
        closed = list(some)
        self._running = [one for one in self._running if one not in closed]
        return [Told(one.end(), one.sources, one.evidence) for one in closed]


def _same_place(one: Running, event: SceneEvent) -> bool:
    if event.seen_by is SeenBy.CAMERA or one.zone == event.zone:
        return True
    return not one.zone and SeenBy.BOX not in one.sources and event.topic not in ZONE_DECIDES


def _lies_before(one: Running, start: SceneEvent) -> bool:
    """Whether this one is over and would be followed by ``start``: its end is told first."""
    same = one.start.topic is start.topic and one.zone == start.zone
    return same and one.over_s is not None
