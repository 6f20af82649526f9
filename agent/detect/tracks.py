"""Which blob of this frame is which of the last: nearest first. Law: few tracks, short lives, no memory.

A track is a number and where it was last seen. It dies with what it followed, is never recognised again, and
never leaves the judge: trajectories are not kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from agent.detect.background import HEIGHT_PX, WIDTH_PX, Blob
from agent.model import Rectangle

MOST_TRACKS: Final = 24
LOST_S: Final = 4.5
"""Not seen for so long it is gone: two key frames of 2 s."""
ASPECT: Final = 16 / 9
"""Distances count in heights of the picture."""
_NEAR = 0.06
_SPEED_PER_S = 0.5
"""A car across the road: the width of the picture in three to four seconds."""
_LONGEST_STEP = 0.45
_FEET_RATIO = 0.2

Point = tuple[float, float]


@dataclass(slots=True)
class Track:
    """One thing followed. ``feet`` in shares of width and height."""

    number: int
    blob: Blob
    feet: Point
    last_s: float
    velocity: Point = (0.0, 0.0)
    """Shares a second."""
    sightings: int = 1


class Tracker:
    """Follows the blobs of one view."""

    def __init__(self) -> None:
        self._tracks: list[Track] = []
        self._number = 0

    @property
    def numbers(self) -> frozenset[int]:
        """Of what is alive: whoever keeps something by number forgets the others."""
        return frozenset(track.number for track in self._tracks)

    def follow(self, blobs: Sequence[Blob], *, at_s: float) -> tuple[Track, ...]:
        """The tracks seen in this frame, old ones moved on and new ones begun; the largest 24 blobs count."""
        self._tracks = [track for track in self._tracks if at_s - track.last_s <= LOST_S]
        blobs = blobs[:MOST_TRACKS]
        feet = [feet_of(blob) for blob in blobs]
        pairs = sorted(
            (cost, place, number)
            for place, blob in enumerate(blobs)
            for number, track in enumerate(self._tracks)
            if (cost := _cost(track, blob, feet[place], at_s)) is not None
        )
        taken: dict[int, Track] = {}
        used: set[int] = set()
        for _, place, number in pairs:
            if place not in taken and number not in used:
                used.add(number)
                taken[place] = self._tracks[number]
                _move(self._tracks[number], blobs[place], feet[place], at_s)
        for place, blob in enumerate(blobs):
            if place not in taken and (fresh := self._begin(blob, feet[place], at_s)) is not None:
                taken[place] = fresh
        return tuple(taken[place] for place in sorted(taken))

    def forget(self) -> None:
        """The view is another: nothing is followed into it."""
        self._tracks = []

    def _begin(self, blob: Blob, feet: Point, at_s: float) -> Track | None:
        if len(self._tracks) >= MOST_TRACKS:
            return None
        self._number += 1
        track = Track(self._number, blob, feet, at_s)
        self._tracks.append(track)
        return track


def feet_of(blob: Blob) -> Point:
    """Where a blob touches the ground: the middle of its lowest part."""
    rows = np.flatnonzero(blob.mask.any(axis=1))
    bottom = int(rows[-1])
    first = bottom - int(_FEET_RATIO * (bottom - int(rows[0])))
    columns = np.nonzero(blob.mask[first : bottom + 1])[1]
    return ((float(columns.mean()) + 0.5) / WIDTH_PX, (bottom + 1) / HEIGHT_PX)


def distance(a: Point, b: Point) -> float:
    """In heights of a picture of 16:9."""
    return math.hypot((a[0] - b[0]) * ASPECT, a[1] - b[1])


def overlap(a: Rectangle, b: Rectangle) -> float:
    """Share of both boxes together that both have, 0 to 1."""
    width = min(a.right, b.right) - max(a.left, b.left)
    height = min(a.bottom, b.bottom) - max(a.top, b.top)
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / (_area(a) + _area(b) - width * height)


def _area(box: Rectangle) -> float:
    return (box.right - box.left) * (box.bottom - box.top)


def _cost(track: Track, blob: Blob, feet: Point, at_s: float) -> float | None:
    """How ill a blob fits a track; None: it cannot be it."""
    elapsed_s = at_s - track.last_s
    ahead = min(elapsed_s, 1.0)
    expected = (track.feet[0] + track.velocity[0] * ahead, track.feet[1] + track.velocity[1] * ahead)
    away = min(distance(expected, feet), distance(track.feet, feet))
    shared = overlap(track.blob.box, blob.box)
    if away > min(_NEAR + _SPEED_PER_S * elapsed_s, _LONGEST_STEP) and shared < 0.2:
        return None
    size = blob.area_ratio / max(track.blob.area_ratio, 1e-6)
    if not 1 / 8 <= size <= 8:
        return None
    return away + 0.1 * abs(math.log2(size)) - 0.3 * shared


def _move(track: Track, blob: Blob, feet: Point, at_s: float) -> None:
    elapsed_s = at_s - track.last_s
    if elapsed_s > 0:
        fresh = ((feet[0] - track.feet[0]) / elapsed_s, (feet[1] - track.feet[1]) / elapsed_s)
        half = 0.5 if track.sightings > 1 else 1.0
        track.velocity = (
            track.velocity[0] + half * (fresh[0] - track.velocity[0]),
            track.velocity[1] + half * (fresh[1] - track.velocity[1]),
        )
    track.blob, track.feet, track.last_s = blob, feet, at_s
    track.sightings += 1
