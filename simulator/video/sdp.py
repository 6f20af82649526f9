"""What a stream is, told before it flows: SDP (RFC 4566) with the parameter sets of H.264 and H.265."""

from __future__ import annotations

import base64

from simulator.video.clip import Clip
from simulator.video.model import Codec
from simulator.video.rtp import CLOCK_HZ, PAYLOAD_TYPE

TRACK = "trackID=1"
"""The control name of the only medium."""


def describe(clip: Clip, *, host: str, session_id: int, garbage: bool = False) -> bytes:
    """The SDP of a profile that shows `clip`; with `garbage` it has no parameter sets to tell."""
    name = "H264" if clip.codec is Codec.H264 else "H265"
    lines = [
        "v=0",
        f"o=- {session_id} 1 IN IP4 {host}",
        "s=Media Presentation",
        f"c=IN IP4 {host}",
        "t=0 0",
        "a=control:*",
        "a=range:npt=now-",
        f"m=video 0 RTP/AVP {PAYLOAD_TYPE}",
        f"a=rtpmap:{PAYLOAD_TYPE} {name}/{CLOCK_HZ}",
        f"a=fmtp:{PAYLOAD_TYPE} {_format(clip, garbage=garbage)}",
        f"a=framerate:{clip.fps}",
        f"a=x-dimensions:{clip.width},{clip.height}",
        f"a=control:{TRACK}",
        "a=recvonly",
    ]
    return ("\r\n".join(lines) + "\r\n").encode()


def _format(clip: Clip, *, garbage: bool) -> str:
    if clip.codec is Codec.H265:  # RFC 7798 7.1
        if garbage:
            return "tx-mode=SRST"
        names = ("sprop-vps", "sprop-sps", "sprop-pps")
        return "; ".join(f"{n}={_b64(s)}" for n, s in zip(names, clip.parameter_sets, strict=False))
    if garbage:
        return "packetization-mode=1"
    sps = clip.parameter_sets[0]
    sets = ",".join(map(_b64, clip.parameter_sets))
    return f"packetization-mode=1; profile-level-id={sps[1:4].hex().upper()}; sprop-parameter-sets={sets}"


def _b64(nal: bytes) -> str:
    return base64.b64encode(nal).decode()
