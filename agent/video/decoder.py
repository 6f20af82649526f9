"""Pictures out of chosen packets. Law: one decoder, one thread; what is broken never gets out."""

from __future__ import annotations

from typing import Final

import av
import av.error
import cv2
import numpy as np
from av.video.stream import VideoStream

from agent.model import Image
from agent.ports import ChromaJudge, FrameJudge
from agent.video.source import MAX_PIXELS

_PLANAR_8_BIT: Final = frozenset(
    {"yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "gray"}
)

_FULL_RANGE: Final = np.clip((np.arange(256) - 16) * 255.0 / 219.0 + 0.5, 0, 255).astype(np.uint8)
"""Video luma of 16 to 235 (ITU-R BT.601) as grey of 0 to 255."""

_JPEG_RANGE = 2  # AVCOL_RANGE_JPEG


class Decoder:
    """Decodes key frames alone, or a run of frames beginning at one.

    Law: what follows a key frame is decoded in full. Key frames alone are decoded without the loop filter, a
    fifth cheaper; frames that build on one so decoded drift, by 15 grey levels at the end of a GOP by night.
    """

    def __init__(self, codec: str, extradata: bytes | None) -> None:
        self._codec = codec
        self._extradata = extradata
        self._context: av.VideoCodecContext | None = None
        self._in_full = False
        """How the context decodes."""
        self._following = False
        """Whether what follows the last key frame can be decoded."""
        self._first: av.Packet[VideoStream] | None = None
        """The last key frame, where it was decoded alone: a run begins by decoding it anew."""
        self.too_large: tuple[int, int] | None = None
        """Width and height of the last picture, when it was refused for its size."""

    @property
    def following(self) -> bool:
        """Whether the packets after the last decoded one can be decoded."""
        return self._following

    def key(self, packet: av.Packet[VideoStream], *, follow: bool) -> av.VideoFrame | None:
        """Decode a key frame at once; None when it is broken. With ``follow`` in full, because ``next`` will
        go on; without it may, and then decodes it once more."""
        self._following, self._first = False, None
        frames = self._feed(packet, in_full=follow)
        if frames is None:
            return None
        self._following = True
        if not follow:
            self._first = packet
        if not frames:  # held back for reordering: ask for it, then the decoder must begin anew
            frames = self._drain()
            self._following = not follow or self._feed(packet, in_full=True) is not None
        return frames[-1] if frames else None

    def next(self, packet: av.Packet[VideoStream]) -> tuple[av.VideoFrame, ...]:
        """Decode a packet after a key frame; nothing when the run is broken."""
        first, self._first = self._first, None
        if not self._following or (first is not None and self._feed(first, in_full=True) is None):
            self._following = False
            return ()
        frames = self._feed(packet, in_full=True)
        self._following = frames is not None
        return tuple(frames or ())

    def _feed(self, packet: av.Packet[VideoStream], *, in_full: bool) -> list[av.VideoFrame] | None:
        if self._in_full is not in_full:  # one context at a time: each holds pictures
            self._context, self._in_full = None, in_full
        context = self._context = self._context or self._open()
        try:
            frames = context.decode(packet)
        except (av.error.FFmpegError, OSError, ValueError):
            self._context = None  # what it held may be broken too
            size = context.width, context.height
            self.too_large = size if size[0] * size[1] > MAX_PIXELS else None
            return None
        self.too_large = None
        return [frame for frame in frames if not frame.is_corrupt]

    def _drain(self) -> list[av.VideoFrame]:
        context = self._context
        assert context is not None
        try:
            frames = context.decode(None)
            context.flush_buffers()
        except (av.error.FFmpegError, OSError, ValueError):
            self._context = None
            return []
        return [frame for frame in frames if not frame.is_corrupt]

    def _open(self) -> av.VideoCodecContext:
        context = av.VideoCodecContext.create(self._codec, "r")
        assert isinstance(context, av.VideoCodecContext)
        context.extradata = self._extradata
        context.thread_count = 1
        skipped = "none" if self._in_full else "all"
        context.options = {"skip_loop_filter": skipped, "max_pixels": str(MAX_PIXELS), "flags": "+low_delay"}
        return context


def luma(frame: av.VideoFrame) -> Image:
    """The grey picture of a frame, 0 to 255, its own copy, shape (height, width)."""
    if frame.format.name not in _PLANAR_8_BIT:
        frame = frame.reformat(format="yuv420p")
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[
        : frame.height, : frame.width
    ]
    if frame.color_range == _JPEG_RANGE or frame.format.name.startswith(("yuvj", "gray")):
        return np.asarray(rows.copy(), np.uint8)
    return np.asarray(cv2.LUT(rows, _FULL_RANGE), np.uint8)


CHROMA_PX: Final = (80, 45)


def chroma(frame: av.VideoFrame) -> Image | None:
    """U and V of a frame, 128 for grey, shape (45, 80, 2); None where it has no such planes."""
    if frame.format.name not in _PLANAR_8_BIT or len(frame.planes) < 3:
        return None
    small = []
    for plane in (frame.planes[1], frame.planes[2]):
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        part = rows[: plane.height, : plane.width]
        small.append(cv2.resize(part, CHROMA_PX, interpolation=cv2.INTER_AREA))
    return np.stack(small, axis=-1).astype(np.uint8, copy=False)


def asked_chroma(judge: FrameJudge, frame: av.VideoFrame, *, key: bool, at_s: float) -> Image | None:
    """The colours of a key frame, when its judge wants them."""
    asks = key and isinstance(judge, ChromaJudge) and judge.wants_chroma(at_s)
    return chroma(frame) if asks else None


def colour(frame: av.VideoFrame, *, max_width_px: int) -> Image:
    """The picture of a frame in BGR, at most ``max_width_px`` wide."""
    width = min(frame.width, max_width_px)
    height = max(1, round(frame.height * width / frame.width))
    return np.asarray(frame.to_ndarray(format="bgr24", width=width, height=height), np.uint8)
