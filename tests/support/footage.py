"""Moving pictures for tests: encoded as cameras do, decoded as the box does, with their truth."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.video.stream import VideoStream

from agent.model import Finding, Frame
from agent.ports import FrameJudge
from agent.video.gate import DecodeGate
from agent.video.replay import Replay
from protocol.words import SceneTopic

Picture = npt.NDArray[np.uint8]


def folder() -> Path:
    """Where the footage is; it may not exist."""
    root = Path(os.environ.get("OUTPOST_DATA", Path(__file__).parents[3] / "shared" / "data"))
    return root / "footage"


@dataclass(frozen=True)
class Truth:
    """What a clip shows, in its seconds: stretches without anybody, and visits from entering to leaving."""

    empty: tuple[tuple[float, float], ...]
    visits: tuple[tuple[float, float], ...]

    @classmethod
    def of(cls, clip: str) -> Truth:
        """The truth written beside the footage."""
        record = json.loads((folder() / "truth.json").read_text(encoding="utf-8"))[clip]
        gone = record["gone"] or [float("inf")]
        return cls(tuple((a, b) for a, b in record["empty"]), tuple(zip(record["enter"], gone, strict=True)))


def encode(
    pictures: Iterable[Picture],
    path: Path,
    *,
    fps: int = 10,
    gop_s: float = 2.0,
    codec: str = "libx264",
    kbps: int = 300,
    options: dict[str, str] | None = None,
) -> Path:
    """Write pictures (grey or BGR) as a camera would: fixed GOP, no B frames, constant rate."""
    supply = iter(pictures)
    first = next(supply)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps, options=options or _camera_like(int(fps * gop_s)))
        assert isinstance(stream, VideoStream)
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = kbps * 1000
        for number, picture in enumerate(chain((first,), supply)):
            form = "gray" if picture.ndim == 2 else "bgr24"
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format=form)
            frame = frame.reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _camera_like(gop: int) -> dict[str, str]:
    x264 = f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes=0:threads=1"
    return {"preset": "superfast", "profile": "main", "x264-params": x264}


def pictures(path: Path, *, width: int = 640, height: int = 360, fps: float = 10.0) -> Iterator[Picture]:
    """The pictures of any video file in BGR, scaled, at a steady rate."""
    with av.open(str(path)) as container:
        due_s = 0.0
        for frame in container.decode(video=0):
            while frame.time is not None and frame.time >= due_s - 1e-6:
                yield np.asarray(frame.to_ndarray(format="bgr24", width=width, height=height), np.uint8)
                due_s += 1.0 / fps


@dataclass(frozen=True)
class Opinions:
    """What a judge said of one picture of a file."""

    at_s: float
    key: bool
    findings: Sequence[Finding]

    @property
    def motion(self) -> Finding | None:
        """The motion finding, None when it could not be told."""
        return next((f for f in self.findings if f.topic is SceneTopic.MOTION), None)

    @property
    def moving(self) -> bool:
        return self.motion is not None and self.motion.present


def play(path: Path, judge: FrameJudge, gate: DecodeGate | None = None) -> Iterator[tuple[Frame, Opinions]]:
    """Send a file through the box's own gate, decoder and judge, as fast as it goes; times are the file's."""
    for step in Replay(path, judge, gate=gate):
        for looked in step.looked:
            yield looked.frame, Opinions(looked.frame.pts_s, looked.frame.key, looked.findings)
