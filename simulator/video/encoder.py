"""Raw pictures in, a camera-like clip out: fixed GOP, no B frames, parameter sets before every key frame."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import av
import numpy as np
import numpy.typing as npt

from simulator.video.clip import AccessUnit, Clip, nal_type
from simulator.video.model import Codec, ProfileSpec, Sighting, VideoError

I420 = npt.NDArray[np.uint8]
"""A picture as (height * 3 / 2, width) bytes: Y, then U, then V."""

_BITS_PER_PIXEL_S = 0.55  # key frames, however many pictures a second
_BITS_PER_PIXEL = 0.07  # every picture: together 1.5 Mb/s at 1280x720@15 and 0.3 Mb/s at 640x360@10
_LIBRARY = {Codec.H264: "libx264", Codec.H265: "libx265"}
_DROPPED = {Codec.H264: frozenset({6, 9}), Codec.H265: frozenset({35, 39, 40})}  # SEI and delimiters


def bitrate_bps(profile: ProfileSpec) -> int:
    """The constant rate of a profile."""
    return int(profile.width * profile.height * (profile.fps * _BITS_PER_PIXEL + _BITS_PER_PIXEL_S))


def encode(
    pictures: Iterable[I420],
    profile: ProfileSpec,
    *,
    sightings: tuple[Sighting, ...] = (),
    still: bool = False,
) -> Clip:
    """Encode `pictures` as `profile` says; `still` codes every key frame of a frozen picture alike.

    Raises VideoError when there is no picture or the encoder refuses.
    """
    units: list[AccessUnit] = []
    try:
        context = _context(profile, still=still)
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
            frame.pts = number
            frame.time_base = Fraction(1, profile.fps)
            units += [access_unit(bytes(packet), profile.codec) for packet in context.encode(frame)]
        if units or context.is_open:
            units += [access_unit(bytes(packet), profile.codec) for packet in context.encode(None)]
    except av.FFmpegError as error:
        raise VideoError(f"{profile.codec} {profile.width}x{profile.height}: {error}") from error
    if not units:
        raise VideoError(f"{profile.codec} {profile.width}x{profile.height}: no picture to encode")
    return Clip(
        codec=profile.codec,
        width=profile.width,
        height=profile.height,
        fps=profile.fps,
        gop=profile.gop,
        units=tuple(units),
        sightings=sightings,
    )


def access_unit(annexb: bytes, codec: Codec) -> AccessUnit:
    """Split one coded picture at its start codes; what the encoder says about itself (SEI) is left out."""
    nals = tuple(nal for nal in split_annexb(annexb) if nal_type(nal, codec) not in _DROPPED[codec])
    if codec is Codec.H264:
        return AccessUnit(nals, any(nal_type(nal, codec) == 5 for nal in nals))
    return AccessUnit(nals, any(16 <= nal_type(nal, codec) <= 21 for nal in nals))


def split_annexb(stream: bytes) -> list[bytes]:
    """The NAL units of a byte stream (H.264 annex B); empty units are dropped."""
    return [nal for part in stream.split(b"\0\0\1") if (nal := part.rstrip(b"\0"))]


def _context(profile: ProfileSpec, *, still: bool) -> av.VideoCodecContext:
    context = av.CodecContext.create(_LIBRARY[profile.codec], "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = profile.width, profile.height, "yuv420p"
    context.framerate = Fraction(profile.fps)
    context.time_base = Fraction(1, profile.fps)
    context.gop_size = profile.gop
    context.max_b_frames = 0
    context.thread_count = 1
    rate_kbps = bitrate_bps(profile) // 1000
    common = f"keyint={profile.gop}:min-keyint={profile.gop}:scenecut=0:bframes=0:repeat-headers=1"
    if still:
        common += ":qp=38:ipratio=4"  # good key frames, and nothing worth coding after them
    else:
        context.bit_rate = rate_kbps * 1000
        common += f":vbv-maxrate={int(rate_kbps * 1.3)}:vbv-bufsize={rate_kbps}"
    if profile.codec is Codec.H264:
        tools = (
            f"{common}:cabac=1:no-deblock=0:deblock=0,0:threads=1"  # as cameras have; the preset has them off
        )
        context.options = {"preset": "ultrafast", "profile": "main", "x264-params": tools}
    else:
        quiet = f"{common}:open-gop=0:log-level=none:pools=none:frame-threads=1:info=0"
        context.options = {"preset": "ultrafast", "x265-params": quiet}
    return context
