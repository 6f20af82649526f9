"""What is known of one stream. Law: up means a picture was decoded and packets still come.

Thread-safe: the reading thread tells, others ask. Times are monotonic seconds and handed in.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from typing import Final

from agent.errors import DeviceError, DeviceTrouble
from agent.metrics import PICTURES
from agent.model import FULL_ALLOWANCE, Allowance, SightMode, StreamState
from agent.shedding import words_of
from agent.video.gate import GateState
from agent.video.timing import Arrival
from protocol.words import Reason

_AUTH = frozenset({DeviceTrouble.AUTH_FAILED, DeviceTrouble.AUTH_BACKOFF})
_COUNTERS: Final = ("packets", "keyframes", "decoded", "judged", "errors", "reconnects", "time_jumps")
_DECODED, _JUDGED = PICTURES.labels(what="decoded"), PICTURES.labels(what="judged")
_LOW_RATE_WORDS: Final = (
    "关键帧太少，改为每秒解码一帧，更费处理器；请把关键帧间隔设为 2 秒以内 / "
    "key frames are too rare: one picture a second is decoded instead, which costs more; "
    "set the key frame interval to 2 s or less"
)


@dataclass(frozen=True, slots=True)
class HealthLimits:
    """Seconds after which silence has a name."""

    no_packet_s: float = 5.0
    """V01: no packet for so long is no stream."""
    no_picture_s: float = 10.0
    """Packets for so long without a picture are a bad stream."""
    rare_key_s: float = 60.0
    """Except between the key frames of a stream that was up: so far apart they may be."""


class StreamHealth:
    """The state of one stream from what happened to it."""

    def __init__(self, limits: HealthLimits | None = None) -> None:
        self._limits = limits or HealthLimits()
        self._lock = threading.Lock()
        self._counters: Counter[str] = Counter()
        self._trouble: tuple[Reason, str] | None = None
        self._last_packet_s: float | None = None
        self._waiting_since_s: float | None = None
        """When the first packet came after which no picture was decoded."""
        self._key_waits = False
        """Whether a key frame came after the last picture."""
        self._key_gap_s = 0.0
        self._last_key_s: float | None = None
        self._decoded = False
        self._codec, self._width, self._height = "", 0, 0
        self._rate = _Rate()
        self._arrival = Arrival()

    def count(self, counter: str) -> None:
        """One more of something."""
        with self._lock:
            self._counters[counter] += 1

    def opened(self, codec: str) -> None:
        """A connection stands; nothing is known of its pictures yet."""
        with self._lock:
            self._codec = codec
            self._decoded = False
            self._last_packet_s = self._waiting_since_s = self._last_key_s = None
            self._key_gap_s = 0.0
            self._rate = _Rate()
            self._arrival.begin()

    def jumped(self) -> None:
        """The stream's clock jumped: what was measured against it no longer holds."""
        with self._lock:
            self._counters["time_jumps"] += 1
            self._arrival.begin()

    def judged(self, *, at_s: float, pts_s: float) -> None:
        """A picture was judged, and that was done at ``at_s``."""
        with self._lock:
            self._counters["judged"] += 1
            _JUDGED.inc()
            self._arrival.judged(at_s, pts_s)

    def packet(self, *, at_s: float, pts_s: float, size_bytes: int, key: bool) -> None:
        """A packet came."""
        with self._lock:
            self._counters["packets"] += 1
            self._last_packet_s = at_s
            if self._waiting_since_s is None:
                self._waiting_since_s = at_s
            self._rate.packet(pts_s, size_bytes, key=key)
            self._arrival.packet(at_s, pts_s)
            if key:
                self._counters["keyframes"] += 1
                self._key_waits = True
                if self._last_key_s is not None:
                    self._key_gap_s = max(self._key_gap_s, at_s - self._last_key_s)
                self._last_key_s = at_s

    def picture(self, width: int, height: int) -> bool:
        """A picture was decoded; returns whether the stream came up with it."""
        with self._lock:
            self._counters["decoded"] += 1
            _DECODED.inc()
            if self._width and (width, height) != (self._width, self._height):
                self._counters["resolution_changes"] += 1
            self._width, self._height = width, height
            self._waiting_since_s, self._key_waits = None, False
            came_up = not self._decoded or self._trouble is not None
            self._decoded, self._trouble = True, None
            return came_up

    def failed(self, error: DeviceError) -> None:
        """The stream could not be opened, or ended."""
        with self._lock:
            self._counters["errors"] += 1
            self._decoded, self._waiting_since_s = False, None
            reason = Reason.AUTH_FAILED if error.kind in _AUTH else Reason.NO_STREAM
            if error.kind is DeviceTrouble.BAD_STREAM:
                reason = Reason.BAD_STREAM
            self._trouble = (reason, error.detail)

    def starved(self, now_s: float, *, since_s: float) -> bool:
        """Whether no packet came for too long, counted from ``since_s`` when there was none at all."""
        with self._lock:
            return now_s - (self._last_packet_s or since_s) >= self._limits.no_packet_s

    def state(
        self, now_s: float, gate: GateState | None = None, allowance: Allowance = FULL_ALLOWANCE
    ) -> StreamState:
        """The state at ``now_s``, with what the gate says of itself and how much of it may be decoded."""
        gate = gate or GateState()
        with self._lock:
            reason, detail = self._judge(now_s)
            if reason is Reason.OK:
                detail = words_of(allowance) or (_LOW_RATE_WORDS if gate.mode is SightMode.LOW_RATE else "")
            arrival = self._arrival
            drift_ppm = arrival.drift_ppm()
            return StreamState(
                up=reason is Reason.OK,
                reason=reason,
                detail=detail,
                codec=self._codec,
                width=self._width,
                height=self._height,
                fps=self._rate.fps,
                kbps=self._rate.kbps,
                last_packet_mono_s=self._last_packet_s,
                counters={
                    **dict.fromkeys(_COUNTERS, 0),
                    **self._counters,
                    **gate.counters,
                    "gaps": arrival.gaps,
                    "lost_frames": arrival.lost_frames,
                },
                mode=gate.mode,
                running=gate.running,
                jitter_ms=round(arrival.jitter_s * 1000, 2),
                drift_ppm=None if drift_ppm is None else round(drift_ppm, 1),
                lag_s=round(arrival.lag_s, 3),
                allowance=allowance,
            )

    def _judge(self, now_s: float) -> tuple[Reason, str]:
        if self._waiting_since_s is not None and self._no_picture(now_s - self._waiting_since_s):
            return Reason.BAD_STREAM, self._bad_stream_words()
        if self._trouble is not None:
            return self._trouble
        if self._last_packet_s is None:
            return Reason.STARTING, ""
        silent_s = now_s - self._last_packet_s
        if silent_s >= self._limits.no_packet_s:
            return (
                Reason.NO_STREAM,
                f"{silent_s:.0f} 秒没有视频数据，请检查设备 / "
                f"no video packet for {silent_s:.0f} s; check the device",
            )
        return (Reason.OK, "") if self._decoded else (Reason.STARTING, "")

    def _no_picture(self, waiting_s: float) -> bool:
        """A camera may send key frames rarely: one that showed pictures is given time for the next."""
        patient = self._decoded and not self._key_waits
        rare_s = max(self._limits.rare_key_s, 3 * self._key_gap_s) if patient else 0.0
        return waiting_s >= max(self._limits.no_picture_s, rare_s)

    def _bad_stream_words(self) -> str:
        if self._counters["keyframes"] == 0:
            return (
                "有数据但没有关键帧，请检查编码（H.264）和关键帧间隔 / "
                "packets come but no key frame; check encoding (H.264) and key frame interval"
            )
        return (
            "有数据但解不出画面，请检查编码设置 / "
            "packets come but no picture can be decoded; check the encoder settings"
        )


class _Rate:
    """Frames and bits per second of stream time, from one key frame to the next.

    Not from arrival: a camera sends what it has buffered in a burst.
    """

    def __init__(self) -> None:
        self.fps = 0.0
        self.kbps = 0.0
        self._begin_s: float | None = None
        self._packets = 0
        self._bytes = 0

    def packet(self, pts_s: float, size_bytes: int, *, key: bool) -> None:
        span_s = 0.0 if self._begin_s is None else pts_s - self._begin_s
        if key and (self._begin_s is None or not 0.2 <= span_s <= 120.0):
            self._begin_s, self._packets, self._bytes = pts_s, 0, 0
        elif key:
            self.fps = round(self._packets / span_s, 2)
            self.kbps = round(self._bytes * 8 / 1000 / span_s, 1)
            self._begin_s, self._packets, self._bytes = pts_s, 0, 0
        self._packets += 1
        self._bytes += size_bytes
