"""A scene as an MP4 with its truth beside it, to look at and to judge detectors by."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av

from simulator.video.clip import Clip, write_whole
from simulator.video.film import LABEL_RATIO, TEXT_RATIO, bake
from simulator.video.model import Codec, Picture, ProfileSpec, Reel

DEFAULT_PROFILE = ProfileSpec("main", 1280, 720, 15, 30)


def render(
    scene: str,
    out: Path,
    *,
    profile: ProfileSpec = DEFAULT_PROFILE,
    picture: Picture = Picture.NORMAL,
    action: str | None = None,
) -> Path:
    """Write `out` and OUT.truth.json (returned).

    Raises VideoError for an unknown scene, KeyError for an unknown action.
    """
    clip = bake(Reel(scene, profile, picture, action))
    _write_mp4(clip, out)
    truth = out.with_suffix(".truth.json")
    write_whole(
        truth, json.dumps(truth_record(clip, scene=scene, picture=picture, action=action), indent=1).encode()
    )
    return truth


def truth_record(clip: Clip, *, scene: str, picture: Picture, action: str | None) -> dict[str, object]:
    """The truth of a clip: seconds, and boxes as ratios of the picture."""
    return {
        "scene": scene,
        "action": action,
        "picture": str(picture),
        "unit": "s",
        "seconds": clip.seconds,
        "size": [clip.width, clip.height],
        "fps": clip.fps,
        "burnt_in": [list(TEXT_RATIO), list(LABEL_RATIO)],
        "seen": [sighting.as_json() for sighting in clip.sightings],
    }


def _write_mp4(clip: Clip, out: Path) -> None:
    """The very packets that are streamed, in a container."""
    out.parent.mkdir(parents=True, exist_ok=True)
    name = "h264" if clip.codec is Codec.H264 else "hevc"
    with av.open(str(out), "w", format="mp4") as container:
        stream = container.add_stream(name, rate=clip.fps)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = clip.width, clip.height, "yuv420p"
        stream.time_base = Fraction(1, clip.fps)
        stream.codec_context.extradata = b"".join(b"\0\0\0\1" + nal for nal in clip.parameter_sets)
        for index, unit in enumerate(clip.units):
            packet = av.Packet(clip.annexb(index))
            packet.stream = stream
            packet.pts = packet.dts = index
            packet.duration = 1
            packet.time_base = Fraction(1, clip.fps)
            packet.is_keyframe = unit.key
            container.mux(packet)
