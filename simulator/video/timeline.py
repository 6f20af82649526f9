"""What a camera shows when: a chain of segments in wall time. Pure; the clock is the caller's.

Laws: segments neither overlap nor leave holes; the last one is a loop without end; what was shown stays.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from simulator.video.model import Picture

_SLACK_S = 1e-6  # what float arithmetic on unix seconds may be off


@dataclass(slots=True, eq=False)
class Segment:
    """From `start` to `end` (None: for ever) the camera shows one loop or action, from `offset_s` into it."""

    start: float
    picture: Picture
    action: str | None
    offset_s: float
    end: float | None = None
    next: Segment | None = None

    def lasts(self) -> float:
        """Seconds from start to end."""
        return math.inf if self.end is None else self.end - self.start


class Timeline:
    """The segments of one camera from `start` on."""

    def __init__(self, *, start: float, offset_s: float = 0.0, keep_s: float = 3600.0) -> None:
        first = Segment(start=start, picture=Picture.NORMAL, action=None, offset_s=offset_s)
        self._segments = [first]
        self._keep_s = keep_s

    def __iter__(self) -> Iterator[Segment]:
        return iter(self._segments)

    @property
    def last(self) -> Segment:
        """The loop that runs when everything planned is over."""
        return self._segments[-1]

    def at(self, now: float) -> Segment:
        """The segment shown at `now` (the first one for moments before it)."""
        for segment in reversed(self._segments):
            if segment.start <= now + _SLACK_S:
                return segment
        return self._segments[0]

    def next_frame_time(self, now: float, fps: int) -> float:
        """When the first frame after `now` is shown by a profile of `fps`."""
        segment = self.at(now)
        number = math.floor((now - segment.start) * fps + _SLACK_S * fps) + 1
        return segment.start + max(0, number) / fps

    def show(self, picture: Picture, at: float, *, anchored: Callable[[Segment, float], float]) -> None:
        """From `at` on everything is shown with `picture`; plans stay.

        `anchored(segment, at)` is the offset in the segment's clip at which to go on (a key frame).
        """
        current = self.at(at)
        position = self._segments.index(current)
        planned = self._segments[position + 1 :]
        del self._segments[position + 1 :]
        going_on = Segment(at, picture, current.action, anchored(current, at), end=current.end)
        current.end = at
        for segment in (going_on, *planned):
            segment.picture = picture
            self._append(segment)
        self._forget(at)

    def play(self, action: str, at: float, seconds: float) -> None:
        """Show the action at `at`, which lies in the last segment, then the loop from its beginning."""
        last = self.last
        if at < last.start - _SLACK_S:
            raise ValueError(f"action {action!r} at {at}: before the last segment's start {last.start}")
        last.end = at
        self._append(Segment(at, last.picture, action, 0.0, end=at + seconds))
        self._append(Segment(at + seconds, last.picture, None, 0.0))
        self._forget(at)

    def _append(self, segment: Segment) -> None:
        segment.next = None
        self._segments[-1].next = segment
        self._segments.append(segment)

    def _forget(self, now: float) -> None:
        while len(self._segments) > 1 and (self._segments[0].end or now) < now - self._keep_s:
            self._segments.pop(0)
