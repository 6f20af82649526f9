"""Decides where a dome looks: presets, continuous and absolute moves.

Law: the position is a function of time; nothing runs while the head stands still or while it moves.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

SPEED_PER_S = 0.5  # generic units a second at full speed


@dataclass(frozen=True, slots=True)
class Position:
    """Generic position space: pan and tilt -1..1, zoom 0..1."""

    pan: float = 0.0
    tilt: float = 0.0
    zoom: float = 0.0

    def limited(self) -> Position:
        """The nearest position the head can take."""
        return Position(_limit(self.pan, -1), _limit(self.tilt, -1), _limit(self.zoom, 0))


def _limit(value: float, low: float) -> float:
    return max(low, min(1.0, value))


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
        self.home = Position()
        self._stuck_at: Position | None = None
        self.presets: dict[str, tuple[str, Position]] = {
            "1": ("gate", Position(-0.5, 0.1, 0.0)),
            "2": ("road", Position(0.3, -0.1, 0.4)),
            "3": ("yard", Position(0.8, 0.2, 0.1)),
        }

    def position(self) -> Position:
        """Where the head looks now."""
        seconds = min(self._monotonic() - self._since, self._for_s)
        v, start = self._velocity, self._from
        return Position(
            start.pan + v.pan * seconds, start.tilt + v.tilt * seconds, start.zoom + v.zoom * seconds
        ).limited()

    def sight(self) -> Position:
        """Where the lens really points: not where the head says when it is stuck."""
        return self._stuck_at or self.position()

    def stick(self, stuck: bool) -> None:
        """Let the motor turn without the lens, or take it along again."""
        if stuck != (self._stuck_at is not None):
            self._stuck_at = self.position() if stuck else None

    def moving(self) -> bool:
        """Whether the head is on its way."""
        return self._velocity != Position() and self._monotonic() - self._since < self._for_s

    def drive(self, velocity: Position, for_s: float) -> None:
        """ContinuousMove: velocities -1..1, ended by `for_s` or by `stop`."""
        scaled = Position(*(SPEED_PER_S * v for v in (velocity.pan, velocity.tilt, velocity.zoom)))
        self._start(scaled, for_s)

    def go(self, target: Position) -> float:
        """AbsoluteMove; answers in how many seconds the head is there."""
        here, goal = self.position(), target.limited()
        way = math.dist((here.pan, here.tilt, here.zoom), (goal.pan, goal.tilt, goal.zoom))
        seconds = way / SPEED_PER_S
        if seconds:
            steps = (goal.pan - here.pan, goal.tilt - here.tilt, goal.zoom - here.zoom)
            self._start(Position(*(step / seconds for step in steps)), seconds)
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
        self._from = self.position()
        self._velocity, self._since, self._for_s = velocity, self._monotonic(), for_s
