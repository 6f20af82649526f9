"""Decides what a position of a head is: ONVIF's generic spaces."""

from __future__ import annotations

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
