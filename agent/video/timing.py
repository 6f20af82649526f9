"""A stream's times: its own, that only grow; and what they tell against the box's clock.

Arrival is when a packet was read. Over TCP a packet that is late is one that waited: in the camera, on the
way, or because the box was busy.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import av
from av.video.stream import VideoStream

_JUMP_S: Final = 30.0
"""A stream time further from the last one than this is a new clock, not a pause."""
_WINDOW_S: Final = 10.0
_WINDOWS: Final = 60
"""Ten minutes of least delays: 20 ppm of drift are 12 ms in that time."""
_LEAST_WINDOWS: Final = 6
_LEAST_STEP_S: Final = 0.001
"""No camera sends pictures closer together: shorter steps are parts of one, or no times at all."""
_GAP: Final = 2.5
"""So many usual distances without a picture are a gap: cameras leave out every other picture at night."""
_GAP_LEAST_S: Final = 0.3


class StreamTime:
    """Stream time that only grows. Law: a camera's clock may jump, what we say of it may not go back."""

    def __init__(self) -> None:
        self.jumped = False
        self._shift_s = 0.0
        self._raw_s: float | None = None
        self._tick_s: float | None = None
        self._said_s = 0.0
        self._heard_s = 0.0

    def begin(self) -> None:
        """A new connection has a new clock."""
        self._raw_s = self._tick_s = None

    def of(self, packet: av.Packet[VideoStream], now_s: float) -> float:
        """Seconds of stream time of a packet that arrived at ``now_s``."""
        stamp = packet.pts if packet.pts is not None else packet.dts
        if self._tick_s is None and packet.time_base is not None:
            self._tick_s = float(packet.time_base)  # asked once: it costs more than all the rest here
        if stamp is None or self._tick_s is None:
            self.jumped = False
            return self._said_s
        raw_s = stamp * self._tick_s
        before_s, self._raw_s = self._raw_s, raw_s
        self.jumped = before_s is not None and not -1.0 < raw_s - before_s < _JUMP_S
        if before_s is None or self.jumped:  # go on from what was said, by what the box's own clock says
            self._shift_s = self._said_s + max(now_s - self._heard_s, 0.0) * (self._heard_s > 0) - raw_s
        self._heard_s = now_s
        self._said_s = max(self._said_s, raw_s + self._shift_s)
        return self._said_s


class Arrival:
    """Arrival against stream time, for one connection. Numbers only; bounded."""

    def __init__(self) -> None:
        self.jitter_s = 0.0
        """RFC 3550 6.4.1."""
        self.gaps = 0
        self.lost_frames = 0
        """Pictures that would have filled the gaps."""
        self.begin()

    def begin(self) -> None:
        """A new connection, or a clock that jumped."""
        self._late_s: float | None = None
        self._pts_s = 0.0
        self._usual_s = 0.0
        self._window_s: float | None = None
        self._least: tuple[float, float] | None = None
        self._leasts: deque[tuple[float, float]] = deque(maxlen=_WINDOWS)
        self._lags_s: deque[float] = deque((0.0,), maxlen=2)

    def packet(self, at_s: float, pts_s: float) -> None:
        """A packet of ``pts_s`` was read at ``at_s``."""
        late_s = at_s - pts_s
        if self._late_s is not None:
            self.jitter_s += (abs(late_s - self._late_s) - self.jitter_s) / 16.0
            self._distance(pts_s - self._pts_s)
        self._late_s, self._pts_s = late_s, max(pts_s, self._pts_s)
        if self._window_s is None:
            self._window_s = at_s
        elif at_s - self._window_s >= _WINDOW_S:
            if self._least is not None:
                self._leasts.append(self._least)
            self._least, self._window_s = None, at_s
            self._lags_s.append(0.0)
        if self._least is None or late_s < self._least[1]:
            self._least = (at_s, late_s)

    def judged(self, at_s: float, pts_s: float) -> None:
        """A picture of ``pts_s`` had been judged at ``at_s``."""
        leasts = (*([self._leasts[-1]] if self._leasts else ()), *([self._least] if self._least else ()))
        if leasts:
            self._lags_s[-1] = max(self._lags_s[-1], at_s - pts_s - min(late_s for _, late_s in leasts))

    @property
    def lag_s(self) -> float:
        """How far judged pictures were behind the quickest packets; the most of the last 10 to 20 s."""
        return max(self._lags_s)

    def drift_ppm(self) -> float | None:
        """How much faster the camera's clock goes than the box's: the slope of the least delays."""
        points = list(self._leasts)
        if len(points) < _LEAST_WINDOWS:
            return None
        at_s = sum(x for x, _ in points) / len(points)
        late_s = sum(y for _, y in points) / len(points)
        spread = sum((x - at_s) ** 2 for x, _ in points)
        return -1e6 * sum((x - at_s) * (y - late_s) for x, y in points) / spread if spread > 0 else None

    def _distance(self, step_s: float) -> None:
        if step_s < _LEAST_STEP_S:
            return
        usual_s = self._usual_s
        if usual_s and step_s > max(_GAP * usual_s, _GAP_LEAST_S):
            self.gaps += 1
            self.lost_frames += round(step_s / usual_s) - 1
            return
        self._usual_s = step_s if not usual_s else usual_s + 0.05 * (step_s - usual_s)
