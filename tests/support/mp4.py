"""What a clip is, said by Debian's ffprobe and ffmpeg: somebody else's eyes."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from agent.model import Image


@dataclass(frozen=True)
class Probed:
    """A file as ffprobe sees it."""

    streams: int
    codec: str
    width: int
    height: int
    duration_s: float
    pictures: int
    first_is_key: bool
    complaints: str


def probed(content: bytes, folder: Path) -> Probed:
    """Let ffprobe describe a clip and ffmpeg decode it whole."""
    assert shutil.which("ffprobe"), "ffprobe is one of the test's Debian packages"
    path = folder / "clip.mp4"
    path.write_bytes(content)
    asked = ["ffprobe", "-v", "error", "-show_streams", "-show_format", "-show_packets", "-of", "json"]
    told = json.loads(subprocess.run([*asked, str(path)], check=True, capture_output=True).stdout)
    decoded = subprocess.run(
        ["ffmpeg", "-v", "warning", "-xerror", "-i", str(path), "-f", "null", "-"], capture_output=True
    )
    video = told["streams"][0]
    return Probed(
        streams=len(told["streams"]),
        codec=video["codec_name"],
        width=video["width"],
        height=video["height"],
        duration_s=float(told["format"]["duration"]),
        pictures=len(told["packets"]),
        first_is_key=told["packets"][0]["flags"].startswith("K"),
        complaints=decoded.stderr.decode() + ("" if decoded.returncode == 0 else "it does not decode"),
    )


def shown(content: bytes) -> list[tuple[float, Image]]:
    """Every picture of a clip in BGR, with its time."""
    with av.open(io.BytesIO(content)) as container:
        assert isinstance(container, av.container.InputContainer)
        return [
            (float(frame.time or 0.0), np.asarray(frame.to_ndarray(format="bgr24"), np.uint8))
            for frame in container.decode(video=0)
        ]
