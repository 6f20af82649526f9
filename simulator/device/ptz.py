"""Decides where a dome looks: presets, continuous and absolute moves, tours.

Law: the position is a function of time; nothing runs while the head stands still or while it moves. Whoever
moves the head by hand pauses its tour.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from simulator.device.place import SPEED_PER_S, Position
from simulator.device.tours import PresetTour, Tours, TourState, on_the_way

MAX_TOURS = 8


class NoPreset(KeyError):
    """The preset does not exist, or no more can be stored."""


class Head:
    """The moving head of a dome."""

    def __init__(self, *, max_presets: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._max_presets = max_presets
        self._from = Position()
        self._velocity = Position()
        self._since = monotonic()
        self._for_s = 0.0
        self._stuck: Position | None = None
        self.tours = Tours(most=MAX_TOURS)
        self.home = Position()
        self._loose_at: Position | None = None
        self.presets: dict[str, tuple[str, Position]] = {
            "1": ("gate", Position(-0.5, 0.1, 0.0)),
            "2": ("road", Position(0.3, -0.1, 0.4)),
            "3": ("yard", Position(0.8, 0.2, 0.1)),
        }

    def position(self) -> Position:
        """Where the head looks now."""
        return self._stuck or self._way()[0]

    def _way(self) -> tuple[Position, bool]:
        """Where a head that moves freely looks now, and whether it moves."""
        tour = self.tours.running()
        if tour is not None:
            places = [(self.presets[s.preset][1], s.stay_s) for s in tour.stops if s.preset in self.presets]
            return on_the_way(tour.begin, places, self._monotonic() - tour.since)
        seconds = min(self._monotonic() - self._since, self._for_s)
        v, start = self._velocity, self._from
        there = Position(
            start.pan + v.pan * seconds, start.tilt + v.tilt * seconds, start.zoom + v.zoom * seconds
        ).limited()
        return there, self._velocity != Position() and self._monotonic() - self._since < self._for_s

    def sight(self) -> Position:
        """Where the lens really points: not where the head says when it came loose."""
        return self._loose_at or self.position()

    def come_loose(self, loose: bool) -> None:
        """Let the motor turn without the lens, or take it along again."""
        if loose != (self._loose_at is not None):
            self._loose_at = self.position() if loose else None

    def moving(self) -> bool:
        """Whether the head is on its way."""
        return self._stuck is None and self._way()[1]

    def get_stuck(self, stuck: bool) -> None:
        """The gear jams or is freed: a jammed head obeys in words and stays where it is."""
        if not stuck:
            self._stuck = None
        elif self._stuck is None:
            self._stuck = self._way()[0]

    def start_tour(self, token: str) -> PresetTour:
        """Let a tour run from where the head is; raises NoTour."""
        self.tours.start(token, now=self._monotonic(), at=self.position())
        return self.tours.find(token)

    def leave_tour(self, state: TourState = TourState.IDLE) -> None:
        """The tour ends or is paused; the head stands where it is."""
        here = self._way()[0]
        self.tours.interrupt(state)
        self._from, self._velocity, self._for_s = here, Position(), 0.0

    def restart(self) -> None:
        """As after power: at home, and a tour that starts by itself runs."""
        self.tours.interrupt(TourState.IDLE)
        self._from, self._velocity, self._for_s = self.home, Position(), 0.0
        automatic = next((tour for tour in self.tours.all() if tour.autostart and tour.stops), None)
        if automatic is not None:
            self.start_tour(automatic.token)

    def drive(self, velocity: Position, for_s: float) -> None:
        """ContinuousMove: velocities -1..1, ended by `for_s` or by `stop`."""
        scaled = Position(*(SPEED_PER_S * v for v in (velocity.pan, velocity.tilt, velocity.zoom)))
        self._start(scaled, for_s)

    def go(self, target: Position) -> float:
        """AbsoluteMove; answers in how many seconds the head is there."""
        here, goal = self._way()[0], target.limited()
        way = math.dist((here.pan, here.tilt, here.zoom), (goal.pan, goal.tilt, goal.zoom))
        seconds = way / SPEED_PER_S
        if seconds:
            steps = (goal.pan - here.pan, goal.tilt - here.tilt, goal.zoom - here.zoom)
            self._start(Position(*(step / seconds for step in steps)), seconds)
        else:
            self.stop()
        return seconds

    def stop(self) -> None:
        """Stand still where the head is."""
        self._start(Position(), 0.0)

    def goto_preset(self, token: str) -> float:
        """Move to a preset; NoPreset when there is none of this token."""
        if token not in self.presets:
            raise NoPreset(token)
        return self.go(self.presets[token][1])

    def set_preset(self, name: str | None, token: str | None) -> str:
        """Store the present position; NoPreset when the token is unknown or all places are taken."""
        if token is not None and token not in self.presets:
            raise NoPreset(token)
        if token is None and len(self.presets) >= self._max_presets:
            raise NoPreset("all places are taken")
        chosen = token or next(
            str(number) for number in range(1, self._max_presets + 1) if str(number) not in self.presets
        )
        kept = self.presets.get(chosen, (f"preset {chosen}",))[0]
        self.presets[chosen] = (name or kept, self.position())
        return chosen

    def remove_preset(self, token: str) -> None:
        """Forget a preset; NoPreset when there is none of this token."""
        if self.presets.pop(token, None) is None:
            raise NoPreset(token)

    def _start(self, velocity: Position, for_s: float) -> None:
        here = self._way()[0]
        self.tours.interrupt(TourState.PAUSED)
        self._from = here
        self._velocity, self._since, self._for_s = velocity, self._monotonic(), for_s
