"""A clip of what was seen, with the seconds before it. Law: where there are privacy masks, no packet of the
camera leaves the box; where there are none, no picture is decoded. Never any sound.

Without masks the camera's own packets are written into an MP4 (2 ms of CPU for 15 s of 360p). With masks they
are decoded, painted over and encoded small (330 ms); what cannot be decoded is left out, never passed on.
MP4 is fragmented (ISO/IEC 14496-12, 8.8), its header first, and made in memory: whole, or not at all.
"""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Final

import av
import av.error
import numpy as np
from av.video.stream import VideoStream

from agent.model import Exhibit, ExhibitKind, Image, Polygon
from agent.video.decoder import colour
from agent.video.masks import burnt
from agent.video.ring import Film, Kept, PacketRing
from agent.video.source import MAX_PIXELS

MAX_BYTES: Final = 4 * 1024 * 1024
MAX_S: Final = 60.0
"""From the key frame before it: a stream with rare ones makes a long clip."""
MASKED_WIDTH_PX: Final = 640
MASKED_FPS: Final = 15.0
LATE_S: Final = 1.0
"""Packets that came in time may be read a moment later."""

_TICKS_PER_S: Final = 90_000
_TIME_BASE: Final = Fraction(1, _TICKS_PER_S)
_FORM: Final = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
_BOXES_BYTES: Final = 20_000
_BOX_BYTES: Final = 24
"""What MP4 takes for a clip, and for each of its packets."""
_SEQUENCE_SET: Final = {"h264": (0x1F, 0, 7), "hevc": (0x7E, 1, 33)}
"""Mask, shift and value of the NAL unit type that tells the size of pictures (H.264 7.4.1, H.265 7.4.2.2)."""
_START_CODE: Final = re.compile(rb"\x00\x00\x01")
_ENCODER: Final = {
    "preset": "veryfast",
    "crf": "27",
    "maxrate": "400k",
    "bufsize": "800k",
    "x264-params": "threads=1:bframes=0:keyint=30",
}
_BROKEN: Final = (av.error.FFmpegError, OSError, ValueError)


class Recording:
    """One clip in the making: begun when something is seen, asked now and then, written when it is over."""

    def __init__(
        self, ring: PacketRing, *, since_s: float, until_s: float, masks: Sequence[Polygon] = ()
    ) -> None:
        """What comes between two monotonic times, from the key frame before it."""
        self._ring = ring
        self._until_s = until_s
        self._masks = tuple(masks)
        self._film = ring.since(since_s)
        self._complete = not self._film.packets

    def collect(self, now_s: float) -> bool:
        """Take what came since; True when nothing more will be taken. Call it every second or so."""
        more = None if self._complete else self._ring.after(self._film)
        if more is None:
            self._complete = True
            return True
        if more:
            self._film = Film(
                self._film.run, self._film.codec, self._film.extradata, (*self._film.packets, *more)
            )
        self._complete = now_s >= self._until_s + LATE_S or _bytes_of(self._film.packets) >= MAX_BYTES
        return self._complete

    def exhibit(self) -> Exhibit | None:
        """The clip; None when nothing can be played. With masks a second of 360p takes 22 ms of CPU."""
        film, self._film = self._film, Film(0, self._film.codec, None, ())
        return clip(film, self._masks, until_s=self._until_s)


def clip(film: Film, masks: Sequence[Polygon], *, until_s: float = float("inf")) -> Exhibit | None:
    """What of ``film`` came until ``until_s`` and fits, as what may leave the box; None when nothing does."""
    packets = _fitting(film, until_s)
    if not packets:
        return None
    film = Film(film.run, film.codec, film.extradata, packets)
    try:
        content = _masked(film, masks) if masks else _remuxed(film)
    except _BROKEN:
        return None
    return Exhibit(ExhibitKind.CLIP, content) if content and len(content) <= MAX_BYTES else None


def _fitting(film: Film, until_s: float) -> tuple[Kept, ...]:
    """The packets of one clip: in time, of one picture size, within bytes and seconds."""
    size_bytes, sequence_set = _BOXES_BYTES, b""
    for place, kept in enumerate(film.packets):
        size_bytes += len(kept.content) + _BOX_BYTES
        told = _sequence_set(kept.content, film.codec) if kept.key else b""
        other = bool(told and sequence_set and told != sequence_set)
        late = kept.mono_s > until_s or kept.at_s > film.packets[0].at_s + MAX_S
        if late or other or size_bytes > MAX_BYTES:
            return film.packets[:place]
        sequence_set = sequence_set or told
    return film.packets


def _bytes_of(packets: Sequence[Kept]) -> int:
    return sum(len(kept.content) + _BOX_BYTES for kept in packets)


def _sequence_set(content: bytes, codec: str) -> bytes:
    """The sequence parameter set in a key frame's packet, if it brings one."""
    mask, shift, wanted = _SEQUENCE_SET[codec]
    starts = [match.end() for match in _START_CODE.finditer(content, 0, 4096)]
    for start, following in itertools.zip_longest(starts, starts[1:]):
        if start < len(content) and (content[start] & mask) >> shift == wanted:
            return content[start : None if following is None else following - 3].rstrip(b"\0")
    return b""


def _remuxed(film: Film) -> bytes:
    """The packets as they came, in an MP4. Raises what libav raises where they cannot be."""
    first = (film.extradata or b"") + film.packets[0].content
    file = io.BytesIO()
    with av.open(io.BytesIO(first), format=film.codec) as described, _mp4(file) as container:
        stream = container.add_stream_from_template(described.streams.video[0])
        stream.time_base = _TIME_BASE
        for kept, (shown, decoded) in zip(film.packets, _ticks(film.packets), strict=True):
            packet = av.Packet(kept.content)
            packet.pts, packet.dts, packet.time_base = shown, decoded, _TIME_BASE
            packet.is_keyframe = kept.key
            packet.stream = stream
            container.mux(packet)
    return file.getvalue()


def _ticks(packets: Sequence[Kept]) -> Iterator[tuple[int, int]]:
    """When each packet is shown and decoded, from 0. RTSP tells the one alone: pictures are decoded in order,
    each in time to be shown, as late as that allows."""
    begins_s = min(kept.at_s for kept in packets)
    shown = [round((kept.at_s - begins_s) * _TICKS_PER_S) for kept in packets]
    delay = max(place - own for place, own in zip(sorted(shown), shown, strict=True))
    last = -1
    for own, place in zip(shown, sorted(shown), strict=True):
        last = max(place, last + 1)  # stamps that stand still
        yield max(own + delay, last), last


def _masked(film: Film, masks: Sequence[Polygon]) -> bytes:
    """The pictures of ``film`` painted over, at most 640 wide and 15 a second; nothing when none decodes."""
    shown = _pictures(film)
    first = next(shown, None)
    if first is None:
        return b""
    height, width = (side - side % 2 for side in first[1].shape[:2])
    file = io.BytesIO()
    with _mp4(file) as container:
        stream = container.add_stream("libx264", rate=round(MASKED_FPS), options=dict(_ENCODER))
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = _TIME_BASE
        for at_s, picture in itertools.chain((first,), shown):
            frame = av.VideoFrame.from_ndarray(burnt(picture[:height, :width], masks), format="bgr24")
            frame = frame.reformat(format="yuv420p")
            frame.pts, frame.time_base = round((at_s - first[0]) * _TICKS_PER_S), _TIME_BASE
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def _pictures(film: Film) -> Iterator[tuple[float, Image]]:
    """The decoded pictures in BGR, each of the size of the first and later than the one before."""
    shape: tuple[int, ...] | None = None
    due_s = float("-inf")
    for frame in _decoded(film):
        at_s = float(frame.pts * _TIME_BASE) if frame.pts is not None else due_s
        if at_s < due_s:
            continue
        due_s = at_s + 1 / MASKED_FPS - 0.005
        picture = colour(frame, max_width_px=MASKED_WIDTH_PX)
        shape = shape or picture.shape
        if picture.shape == shape:
            yield at_s, np.ascontiguousarray(picture)


def _decoded(film: Film) -> Iterator[av.VideoFrame]:
    """What decodes; after a broken packet again from the next key frame."""
    context: av.VideoCodecContext | None = None
    for kept, (shown, decoded) in zip(film.packets, _ticks(film.packets), strict=True):
        if kept.key and context is None:
            context = _decoder(film)
        if context is None:
            continue
        packet = av.Packet(kept.content)
        packet.pts, packet.dts, packet.time_base = shown, decoded, _TIME_BASE
        try:
            frames = context.decode(packet)
        except _BROKEN:
            context = None
            continue
        yield from (frame for frame in frames if not frame.is_corrupt)
    if context is not None:
        try:
            yield from (frame for frame in context.decode(None) if not frame.is_corrupt)
        except _BROKEN:
            return


def _decoder(film: Film) -> av.VideoCodecContext:
    context = av.VideoCodecContext.create(film.codec, "r")
    assert isinstance(context, av.VideoCodecContext)
    context.extradata = film.extradata
    context.thread_count = 1
    context.options = {"max_pixels": str(MAX_PIXELS)}
    return context


def _mp4(file: io.BytesIO) -> av.container.OutputContainer:
    return av.open(file, "w", format="mp4", options=dict(_FORM))
