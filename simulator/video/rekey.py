"""A key frame at any moment: the rest of a baked group of pictures is coded anew, from its first picture on.

Law: what is shown does not change, only how it is coded: a real key frame of that very picture, with what it
costs in bits, and pictures after it that refer to it. The clip goes on with its own next key frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import av
import numpy as np

from simulator.video.clip import Clip
from simulator.video.encoder import I420, encode
from simulator.video.model import Codec, ProfileSpec, VideoError
from simulator.video.rtp import Packets
from simulator.video.timeline import Segment

_DECODERS = {Codec.H264: "h264", Codec.H265: "hevc"}


@dataclass(frozen=True, slots=True)
class Splice:
    """Frames of one segment, from the ``first``th on, coded anew in place of those of ``clip``."""

    segment: Segment
    clip: Clip
    first: int
    recoded: Clip

    def packets(self, segment: Segment, clip: Clip, number: int) -> Packets | None:
        """The packets of a frame; None for one that is not of this splice."""
        if segment is not self.segment or clip is not self.clip:
            return None
        at = number - self.first
        return self.recoded.packets(at) if 0 <= at < len(self.recoded.units) else None


def rest_of_group(clip: Clip, index: int) -> int:
    """How many frames from ``index`` on come before the next key frame, or the end of the clip."""
    end = index + 1
    while end < len(clip.units) and not clip.units[end].key:
        end += 1
    return end - index


def recode(clip: Clip, index: int, count: int) -> Clip:
    """``count`` frames from ``index`` on, the first one a key frame. Raises VideoError."""
    profile = ProfileSpec("rekey", clip.width, clip.height, clip.fps, max(clip.gop, count), clip.codec)
    return encode(_pictures(clip, index, count), profile)


def _pictures(clip: Clip, index: int, count: int) -> Iterator[I420]:
    decoder = av.CodecContext.create(_DECODERS[clip.codec], "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.thread_count = 1
    first = clip.key_before[index]
    frames = [
        frame
        for number in range(first, index + count)
        for frame in decoder.decode(av.Packet(clip.annexb(number)))
    ]
    frames += decoder.decode(None)
    if len(frames) != index + count - first:
        raise VideoError(f"{len(frames)} of {index + count - first} pictures could be decoded")
    for frame in frames[index - first :]:
        yield np.asarray(frame.to_ndarray(format="yuv420p"), np.uint8)
