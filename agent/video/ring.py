"""The last seconds of one stream as they came: compressed packets, for clips that begin before their event.

Laws. The first packet is a key frame, always: what could not be played is not kept. Bytes are bounded hard,
seconds by whole groups of pictures: as many as reach ``seconds`` back, and the one in which that lies. A new
connection or a clock that jumps begins anew, for nothing kept before it goes on.

Packets are copied out of libav's buffers: those are up to half again as large as what is in them, and hold
their container. All of it costs 0.03 ms of CPU per stream second (15 packets of 4 KB); demuxing costs 0.10.
"""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import av
from av.video.stream import VideoStream

OVERHEAD_BYTES: Final = 200
"""What Python takes for one packet beside its content: empty packets are bounded by it too."""
_BACK_S, _AHEAD_S = 1.0, 30.0
"""A packet so far before or after the last one has another clock."""


@dataclass(frozen=True, slots=True)
class RingBounds:
    """What one stream may keep. ``seconds`` 0 keeps nothing."""

    seconds: float = 15.0
    size_bytes: int = 3_000_000
    """A stream with its decoder and background takes some 3 MB, and shall stay below 8."""


class Kept(NamedTuple):
    """One compressed picture."""

    number: int
    """Place in its run, without holes."""
    content: bytes
    """Annex B (H.264, H.265), as libav's RTSP gives it."""
    at_s: float
    """Stream time of showing it."""
    mono_s: float
    """When it came."""
    key: bool


@dataclass(frozen=True, slots=True)
class Film:
    """Packets in the order in which they are decoded, the first a key frame; none when nothing was kept."""

    run: int
    codec: str
    """``h264`` or ``hevc``."""
    extradata: bytes | None
    """Parameter sets the description of the stream brought, if any."""
    packets: tuple[Kept, ...]


class PacketRing:
    """Fed by the thread that reads the stream; any thread takes film out of it."""

    def __init__(self, bounds: RingBounds | None = None) -> None:
        self._bounds = bounds or RingBounds()
        self._lock = threading.Lock()
        self._run = 0
        self._codec = ""
        self._extradata: bytes | None = None
        self._packets: deque[Kept] = deque()
        self._keys: deque[Kept] = deque()
        self._size_bytes = 0
        self._number = 0
        self._last_s: float | None = None
        self._tick_s: float | None = None

    @property
    def size_bytes(self) -> int:
        """What is kept, with the overhead of each packet."""
        with self._lock:
            return self._size_bytes

    def begin(self, codec: str, extradata: bytes | None) -> None:
        """A new connection: forget what came over the last one."""
        with self._lock:
            self._anew()
            self._codec, self._extradata, self._tick_s = codec, extradata, None

    def add(self, packet: av.Packet[VideoStream], mono_s: float) -> None:
        """Keep a packet that came at ``mono_s``, if it can be played from what is kept."""
        if self._bounds.seconds <= 0:
            return
        key = packet.is_keyframe
        with self._lock:
            at_s = self._in_step(self._shown_s(packet))
            if not key and not self._packets:
                return
            kept = Kept(self._number, bytes(packet), at_s, mono_s, key)
            self._number += 1
            self._packets.append(kept)
            self._size_bytes += _size_bytes(kept)
            if key:
                self._keys.append(kept)
            self._shorten(mono_s)

    def since(self, mono_s: float) -> Film:
        """What came from ``mono_s`` on, from the key frame at or before it, or from the first one kept."""
        with self._lock:
            first = next((key for key in reversed(self._keys) if key.mono_s <= mono_s), None)
            first = first or (self._keys[0] if self._keys else None)
            found = () if first is None else self._from(first.number)
            return Film(self._run, self._codec, self._extradata, found)

    def after(self, film: Film) -> Sequence[Kept] | None:
        """What follows the last packet of ``film``; None when nothing kept follows it without a hole."""
        with self._lock:
            if film.run != self._run or not film.packets or not self._packets:
                return None
            number = film.packets[-1].number + 1
            return None if number < self._packets[0].number else self._from(number)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._anew()

    def _from(self, number: int) -> tuple[Kept, ...]:
        skipped = number - self._packets[0].number
        return tuple(itertools.islice(self._packets, skipped, None))

    def _shown_s(self, packet: av.Packet[VideoStream]) -> float | None:
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is None:
            return None
        if self._tick_s is None:  # one for a stream; a fraction made for each packet would cost most of this
            self._tick_s = float(packet.time_base or 0)
        return stamp * self._tick_s

    def _in_step(self, at_s: float | None) -> float:
        """Stream time of a packet; one without a stamp is shown with the last one."""
        last_s = self._last_s
        if at_s is None:
            at_s = last_s or 0.0
        if last_s is not None and not last_s - _BACK_S <= at_s <= last_s + _AHEAD_S:
            self._anew()
        self._last_s = at_s
        return at_s

    def _shorten(self, now_s: float) -> None:
        """Give up the oldest groups of pictures; one that is too large alone cannot be kept at all."""
        while self._packets and (
            self._size_bytes > self._bounds.size_bytes
            or (len(self._keys) > 1 and self._keys[1].mono_s <= now_s - self._bounds.seconds)
        ):
            self._keys.popleft()
            until = self._keys[0].number if self._keys else self._number
            while self._packets and self._packets[0].number < until:
                self._size_bytes -= _size_bytes(self._packets.popleft())

    def _anew(self) -> None:
        self._run += 1
        self._packets.clear()
        self._keys.clear()
        self._size_bytes = 0
        self._number = 0
        self._last_s = None


def _size_bytes(kept: Kept) -> int:
    return len(kept.content) + OVERHEAD_BYTES
