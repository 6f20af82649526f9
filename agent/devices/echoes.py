"""One happening told under two topics is told once: MotionAlarm and CellMotionDetector/Motion of one lens.

Law: who comes first leads, and the happening is told with its source; whoever joins within
``JOINED_WITHIN_S`` under another topic is an echo, over as many pulls as it takes; the first end ends it,
later ends are echoes.
Pure: times are handed in, in monotonic seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from agent.model import CameraEvent
from protocol.words import SceneTopic

JOINED_WITHIN_S: Final = 2.0
FORGOTTEN_AFTER_S: Final = 10.0
"""An echo that has not ended so long after the happening did tells of a new one."""
HAPPENINGS: Final = 64
"""At most so many are followed; the oldest is let go."""

_Teller = tuple[str, str]


@dataclass(slots=True)
class _Happening:
    topic: SceneTopic
    leader: _Teller
    began_s: float
    tellers: set[_Teller] = field(default_factory=set)
    ended_s: float | None = None


class Echoes:
    """What one device is telling at the moment, and under which topics."""

    def __init__(self) -> None:
        self._happenings: list[_Happening] = []
        self._pulses: dict[SceneTopic, tuple[str, float]] = {}

    def pass_on(self, event: CameraEvent, *, now_s: float) -> CameraEvent | None:
        """The event as it is to be told, None when it is an echo."""
        self._forget(now_s)
        if event.count is not None or (event.initial and event.active is not False):
            return event
        teller = (event.said, event.source)
        if event.active is None:
            return None if self._pulse_echoes(event, now_s) else event
        return self._started(event, teller, now_s) if event.active else self._ended(event, teller, now_s)

    def _pulse_echoes(self, event: CameraEvent, now_s: float) -> bool:
        said, at_s = self._pulses.get(event.topic, (event.said, now_s))
        if said != event.said and now_s - at_s <= JOINED_WITHIN_S:
            return True
        self._pulses[event.topic] = (event.said, now_s)
        return False

    def _started(self, event: CameraEvent, teller: _Teller, now_s: float) -> CameraEvent | None:
        known = self._told_by(event.topic, teller)
        if known is not None:
            return event if known.ended_s is None and known.leader == teller else None
        for one in reversed(self._happenings):
            if self._echoes(one, event, now_s):
                one.tellers.add(teller)
                return None
        self._happenings = self._happenings[-HAPPENINGS + 1 :]
        self._happenings.append(_Happening(event.topic, teller, now_s, {teller}))
        return event

    def _ended(self, event: CameraEvent, teller: _Teller, now_s: float) -> CameraEvent | None:
        known = self._told_by(event.topic, teller)
        if known is None:
            return event
        known.tellers.discard(teller)
        if known.ended_s is not None:
            return None
        known.ended_s = now_s
        return replace(event, source=known.leader[1])

    def _told_by(self, topic: SceneTopic, teller: _Teller) -> _Happening | None:
        return next((one for one in self._happenings if one.topic is topic and teller in one.tellers), None)

    @staticmethod
    def _echoes(one: _Happening, event: CameraEvent, now_s: float) -> bool:
        """The same thing seen by another rule; another lens would come under the same topic."""
        return (
            one.topic is event.topic
            and now_s - one.began_s <= JOINED_WITHIN_S
            and all(said != event.said for said, _ in one.tellers | {one.leader})
        )

    def _forget(self, now_s: float) -> None:
        self._happenings = [
            one
            for one in self._happenings
            if one.ended_s is None
            or now_s - one.began_s <= JOINED_WITHIN_S
            or (one.tellers and now_s - one.ended_s <= FORGOTTEN_AFTER_S)
        ]
