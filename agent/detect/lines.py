"""Who crosses a line, and which way. Law: only who was clearly on one side, and then clearly on the other.

Who goes from the line's first point to its last has side a on the left and side b on the right.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Set
from dataclasses import dataclass

from agent.detect.tracks import ASPECT, Point, Track
from agent.model import Finding, LineDirection, Zone
from protocol.words import SceneTopic

_CLEAR = 0.015
"""Distance from the line, in heights of the picture, from which on a side is certain."""
_SIGHTINGS = 2
"""So often something is seen on the first side, and on the second, before it has crossed."""

_WAYS = {1: ("a→b", LineDirection.A_TO_B), -1: ("b→a", LineDirection.B_TO_A)}


@dataclass(slots=True)
class _Side:
    """Where a track was clear of the line, and where it may have come to."""

    at: Point
    sightings: int = 1
    over: int = 0
    """1 or -1 while it seems to have crossed a→b or b→a."""
    over_sightings: int = 0


class LineCounter:
    """One line."""

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        self._corners = tuple((x * ASPECT, y) for x, y in zone.corners)
        self._sides: dict[int, _Side] = {}

    def see(self, tracks: Iterable[Track], *, alive: Set[int]) -> tuple[Finding, ...]:
        """A finding for each that crossed now, the way it went. Each is a pulse: it has no end."""
        self._sides = {number: side for number, side in self._sides.items() if number in alive}
        crossed = ((track, way) for track in tracks if (way := self._step(track)) != 0)
        return tuple(
            self._finding(track, way)
            for track, way in crossed
            if self.zone.direction in (LineDirection.BOTH, _WAYS[way][1])
        )

    def forget(self) -> None:
        """The view is another."""
        self._sides = {}

    def _step(self, track: Track) -> int:
        """1 when it has now crossed a→b, -1 for b→a, 0 otherwise."""
        here = (track.feet[0] * ASPECT, track.feet[1])
        if min(_away(here, a, b) for a, b in itertools.pairwise(self._corners)) < _CLEAR:
            return 0
        side = self._sides.get(track.number)
        if side is None:
            self._sides[track.number] = _Side(here)
            return 0
        way = crossings(self._corners, side.at, here)
        if way == 0:
            side.at, side.over, side.over_sightings = here, 0, 0
            side.sightings += 1
            return 0
        side.over_sightings = side.over_sightings + 1 if side.over == way else 1
        side.over = way
        if side.over_sightings < _SIGHTINGS:
            return 0
        certain = side.sightings >= _SIGHTINGS
        self._sides[track.number] = _Side(here, sightings=_SIGHTINGS)
        return way if certain else 0

    def _finding(self, track: Track, way: int) -> Finding:
        blob = track.blob
        reason = f"crossed {_WAYS[way][0]}, {blob.area_ratio:.2%} of the picture, {blob.contrast:.0f} levels"
        return Finding(
            SceneTopic.LINE_CROSSED, True, blob.strength, reason, box=blob.box, zone=self.zone.name
        )


def crossings(line: tuple[Point, ...], start: Point, end: Point) -> int:
    """How a straight way crosses a polyline in sum: 1 from left to right, -1 from right to left, else 0."""
    total = sum(_crossing(a, b, start, end) for a, b in itertools.pairwise(line))
    return max(-1, min(1, total))


def _crossing(a: Point, b: Point, start: Point, end: Point) -> int:
    before, after = _turn(a, b, start), _turn(a, b, end)
    if (
        before == 0 or after == 0 or (before > 0) == (after > 0)
    ):  # one that begins or ends on it has not crossed
        return 0
    here, there = sorted((start, end))  # so that the way back meets the same points in the same place
    first, last = _turn(here, there, a), _turn(here, there, b)
    if (first > 0) == (last > 0):
        return 0
    return 1 if after > 0 else -1


def _turn(a: Point, b: Point, point: Point) -> float:
    """Above 0 right of the way from a to b; rows count downwards."""
    return (b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0])


def _away(point: Point, a: Point, b: Point) -> float:
    """Distance of a point from the piece of line from a to b."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    length = dx * dx + dy * dy
    share = 0.0 if length == 0 else ((point[0] - a[0]) * dx + (point[1] - a[1]) * dy) / length
    share = max(0.0, min(1.0, share))
    return float(((point[0] - a[0] - share * dx) ** 2 + (point[1] - a[1] - share * dy) ** 2) ** 0.5)
