"""What a stream really is, by its packets: codec, size, frame rate, key frame distance. Nothing is decoded.

Law: times are the stream's own, never those of arrival: a camera sends what it kept in one burst. It ends
within its time, and after so many packets.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from itertools import pairwise

from agent.model import Device, StreamMeasure
from agent.video.address import StreamAddress
from agent.video.knock import knock, may_have_password
from agent.video.source import RtspSource

_OPEN_S = 10.0
_SLICE_S = 0.5
_MOST_PACKETS = 2_000
_KEYS = 3
"""Two distances: enough to tell."""
_LEAST_S = 2.0


def measure(device: Device, uri: str, *, seconds: float = 12.0) -> StreamMeasure:
    """Read a stream for ``seconds`` at most, less when its key frames come often. Raises DeviceError."""
    address = StreamAddress.of(device, uri)
    login = knock(address, timeout_s=_OPEN_S, stopping=lambda: False)
    assert login is not None, "nobody stops it"
    with_password = may_have_password(device, login)
    source = RtspSource(address, with_password=with_password, open_timeout_s=_OPEN_S, slice_s=_SLICE_S)
    try:
        times, keys = _read(source, seconds)
        width, height = source.size
        codec = {"hevc": "H265"}.get(source.codec, source.codec.upper())
    finally:
        source.close()
    return StreamMeasure(codec, width, height, rate(times), distance(keys), _spread(times))


def rate(times: Sequence[float]) -> float:
    """Frames in a second, by the usual distance of two; 0 when there are fewer than two."""
    steps = [after - before for before, after in pairwise(times) if after > before]
    return 1 / statistics.median(steps) if steps else 0.0


def distance(keys: Sequence[float]) -> float | None:
    """The usual distance of key frames."""
    steps = [after - before for before, after in pairwise(keys) if after > before]
    return statistics.median(steps) if steps else None


def _read(source: RtspSource, seconds: float) -> tuple[list[float], list[float]]:
    times: list[float] = []
    keys: list[float] = []
    ends = time.monotonic() + seconds
    while time.monotonic() < ends and len(times) < _MOST_PACKETS:
        packet = source.read()
        if packet is None or packet.pts is None or packet.time_base is None:
            continue
        at = float(packet.pts * packet.time_base)
        times.append(at)
        if packet.is_keyframe:
            keys.append(at)
        if len(keys) >= _KEYS and _spread(times) >= _LEAST_S:
            break
    return times, keys


def _spread(times: Sequence[float]) -> float:
    return max(times) - min(times) if times else 0.0
