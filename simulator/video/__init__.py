"""Pictures that move: rendered scenes and files, encoded as cameras do, served over RTSP and as snapshots."""

from simulator.video.channel import Channel
from simulator.video.library import Library
from simulator.video.model import Codec, Picture, ProfileSpec, Reel, Sighting, VideoError
from simulator.video.rtsp import RtspServer
from simulator.video.scenes import SCENES, Scene
from simulator.video.showreel import render

__all__ = [
    "SCENES",
    "Channel",
    "Codec",
    "Library",
    "Picture",
    "ProfileSpec",
    "Reel",
    "RtspServer",
    "Scene",
    "Sighting",
    "VideoError",
    "render",
]
