"""Decides where a head on tour looks: preset tours, their states, and the way round them.

Law: the position on a tour is a function of the time since it started; nothing runs meanwhile.
Source: ONVIF PTZ 5.8 (preset tours).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from simulator.device.place import SPEED_PER_S, Position

LEAST_STAY_S, MOST_STAY_S = 1.0, 3600.0
DEFAULT_STAY_S = 10.0


class TourState(StrEnum):
    """As the standard spells them."""

    IDLE = "Idle"
    TOURING = "Touring"
    PAUSED = "Paused"


@dataclass(frozen=True, slots=True)
class Stop:
    """One spot of a tour: a preset's token, and how long the head looks there."""

    preset: str
    stay_s: float = DEFAULT_STAY_S


@dataclass(slots=True)
class PresetTour:
    """One tour as the device keeps it. ``since`` is when it was started, on the head's clock."""

    token: str
    name: str = ""
    autostart: bool = False
    stops: tuple[Stop, ...] = ()
    state: TourState = TourState.IDLE
    since: float = 0.0
    begin: Position = field(default_factory=Position)


class NoTour(KeyError):
    """There is no tour of this token, or no more can be made."""


def on_the_way(
    begin: Position, places: Sequence[tuple[Position, float]], seconds: float
) -> tuple[Position, bool]:
    """Where a head is that left ``begin`` so many seconds ago for a round of (place, stay); whether it moves.

    The first leg leads from ``begin`` to the first place; then the round goes on for ever.
    """
    if not places:
        return begin, False
    here, left = begin, seconds
    round_s = sum(_way_s(places[i - 1][0], place) + stay for i, (place, stay) in enumerate(places))
    first_s = _way_s(begin, places[0][0]) + places[0][1]
    number = 0
    if left > first_s:
        here, number = places[0][0], 1
        left = math.fmod(left - first_s, round_s) if round_s > 0 else 0.0
    while True:
        place, stay = places[number % len(places)]
        way_s = _way_s(here, place)
        if left < way_s:
            return _between(here, place, left / way_s), True
        if left < way_s + stay or round_s <= 0:
            return place, False
        here, number, left = place, number + 1, left - way_s - stay


def _way_s(start: Position, goal: Position) -> float:
    way = math.dist((start.pan, start.tilt, start.zoom), (goal.pan, goal.tilt, goal.zoom))
    return way / SPEED_PER_S


def _between(start: Position, goal: Position, share: float) -> Position:
    return Position(
        start.pan + (goal.pan - start.pan) * share,
        start.tilt + (goal.tilt - start.tilt) * share,
        start.zoom + (goal.zoom - start.zoom) * share,
    )


class Tours:
    """All tours of one head; at most one runs."""

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._tours: dict[str, PresetTour] = {}

    def all(self) -> list[PresetTour]:
        """In the order in which they were made."""
        return list(self._tours.values())

    def find(self, token: str) -> PresetTour:
        """Raises NoTour."""
        if token not in self._tours:
            raise NoTour(token)
        return self._tours[token]

    def create(self) -> PresetTour:
        """An empty tour; raises NoTour when all places are taken."""
        if len(self._tours) >= self._most:
            raise NoTour("all places are taken")
        number = next(n for n in range(1, self._most + 1) if f"Tour_{n}" not in self._tours)
        made = PresetTour(f"Tour_{number}", f"tour {number}")
        self._tours[made.token] = made
        return made

    def modify(self, token: str, *, name: str, autostart: bool, stops: tuple[Stop, ...]) -> None:
        """What is kept of a tour; one that runs goes on with the new stops. Raises NoTour."""
        tour = self.find(token)
        self._tours[token] = replace(tour, name=name, autostart=autostart, stops=stops)

    def remove(self, token: str) -> None:
        """Forget a tour; raises NoTour."""
        self.find(token)
        del self._tours[token]

    def running(self) -> PresetTour | None:
        """The tour that runs."""
        return next((one for one in self._tours.values() if one.state is TourState.TOURING), None)

    def start(self, token: str, *, now: float, at: Position) -> None:
        """Let one run from where the head is; raises NoTour when there is none or it has no stop."""
        tour = self.find(token)
        if not tour.stops:
            raise NoTour(f"{token} has no stop")
        for other in self._tours.values():
            other.state = TourState.IDLE
        tour.state, tour.since, tour.begin = TourState.TOURING, now, at

    def interrupt(self, state: TourState) -> None:
        """Somebody moves the head or stops the tour: the one that runs (or is paused) takes ``state``."""
        for tour in self._tours.values():
            if tour.state is TourState.TOURING or (
                state is TourState.IDLE and tour.state is TourState.PAUSED
            ):
                tour.state = state
