"""How a camera encodes: fixed GOP, no B frames, constant or variable rate."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.video.stream import VideoStream

I420 = npt.NDArray[np.uint8]
"""Y, then U, then V: (height * 3 / 2, width)."""


@dataclass(frozen=True, slots=True)
class Form:
    """How a stream is encoded. ``rate_kbps`` is constant; 0 lets the rate follow the picture."""

    width: int
    height: int
    fps: int
    gop_s: float
    rate_kbps: int

    def __str__(self) -> str:
        rate = f"{self.rate_kbps} kb/s" if self.rate_kbps else "variable rate"
        return f"{self.width}x{self.height}@{self.fps} GOP {self.gop_s:g} s {rate}"


CONSTANT = Form(640, 360, 15, 2.0, 512)
VARIABLE = Form(640, 360, 15, 2.0, 0)
BIG = Form(1280, 720, 15, 2.0, 2048)
ANALYSIS = Form(320, 180, 8, 1.0, 128)


class Recorder:
    """Encodes as a camera: fixed GOP, no B frames, constant or variable rate. The file appears when whole."""

    def __init__(self, path: Path, form: Form) -> None:
        self._path, self._form, self._count = path, form, 0
        self._part = path.with_suffix(".part")
        self._container = av.open(str(self._part), "w", format="mp4")
        gop = round(form.fps * form.gop_s)
        x264 = f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes=0:threads=1"
        if form.rate_kbps:
            x264 += f":vbv-maxrate={form.rate_kbps * 13 // 10}:vbv-bufsize={form.rate_kbps}"
        else:
            x264 += ":crf=26:vbv-maxrate=2000:vbv-bufsize=2000"
        options = {"preset": "superfast", "profile": "main", "x264-params": x264}
        stream = self._container.add_stream("libx264", rate=form.fps, options=options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = form.width, form.height, "yuv420p"
        if form.rate_kbps:
            stream.bit_rate = form.rate_kbps * 1000
        self._stream = stream

    def add(self, planes: I420) -> None:
        """The next picture."""
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts, frame.time_base = self._count, Fraction(1, self._form.fps)
        self._container.mux(self._stream.encode(frame))
        self._count += 1

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, kind: object, *_rest: object) -> None:
        if kind is None:
            self._container.mux(self._stream.encode(None))
        self._container.close()
        if kind is None:
            self._part.replace(self._path)


def shrunk(planes: I420, form: Form) -> I420:
    """A picture at the size of a form."""
    height, width = planes.shape[0] * 2 // 3, planes.shape[1]
    size = (form.width // 2, form.height // 2)
    luma = cv2.resize(planes[:height], (form.width, form.height), interpolation=cv2.INTER_AREA)
    colours = planes[height:].reshape(2, height // 2, width // 2)
    small = [luma.ravel(), *(cv2.resize(c, size, interpolation=cv2.INTER_AREA).ravel() for c in colours)]
    return np.concatenate(small).astype(np.uint8).reshape(form.height * 3 // 2, form.width)
