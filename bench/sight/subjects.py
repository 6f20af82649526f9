"""Everybody who looks at the streams: ours, the limits, and the peers' shapes. One subject, one generator.

A subject reads a file as fast as it can and yields, every few seconds of stream, what it fired since. All but
``demux`` judge pictures; what they say of single ones goes through one debouncer, the box's own.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
import numpy.typing as npt

from agent.config import WatchSection
from agent.detect import SceneJudge
from agent.detect.confirm import ConfirmConfig, EventDebouncer, Moment, Rule
from agent.model import Finding, SceneEvent
from agent.services.watcher import confirm_config
from agent.video.cascade import Cascade
from agent.video.gate import DecodeGate, MotionGate
from bench.sight.frigate import Detector, frigate_detector
from bench.sight.scoring import Stretch
from protocol.words import Phase, SceneTopic
from tests.support.footage import play

Grey = npt.NDArray[np.uint8]
Fired = tuple[SceneEvent, ...]
_EPOCH: Final = datetime(2025, 6, 18, tzinfo=UTC)
_SINGLE: Final = ConfirmConfig(motion=Rule(needed=1, of=1, confirm_s=0.0, hold_s=6.0))
"""For those who look every two seconds: one picture is all they have."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a subject fired between two steps, ``at_s`` of the stream."""

    at_s: float
    events: Fired = ()


Subject = Callable[[Path], Iterator[Told]]


def demux(path: Path) -> Iterator[Told]:
    """Read every packet, decode none: the limit."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        base = float(stream.time_base or 0)
        for packet in container.demux(stream):
            if packet.is_keyframe and packet.pts is not None:
                yield Told(packet.pts * base)


def ours(path: Path) -> Iterator[Told]:
    """A file through the box's own pipeline: gate, decoder, judge, debouncer, as configured by default."""
    yield from _played(path, box_gate(), confirm_config(WatchSection()))


def box_gate() -> DecodeGate:
    """What the video room gives a stream."""
    return Cascade()


def keys_only(path: Path) -> Iterator[Told]:
    """Key frames and our background, nothing between them."""
    yield from _played(path, _KeysOnly(), _SINGLE)


def all_at_5_fps(path: Path) -> Iterator[Told]:
    """Everything decoded, our background on five pictures a second."""
    yield from _played(path, _Everything(), confirm_config(WatchSection()))


def mog2(path: Path) -> Iterator[Told]:
    """Everything decoded, MOG2 on every picture at a quarter of its size."""
    debouncer = _Debouncer(confirm_config(WatchSection()))
    model = cv2.createBackgroundSubtractorMOG2(detectShadows=False)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        stream.codec_context.thread_count = 1
        for frame in container.decode(stream):
            plane = frame.planes[0]
            rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
            quarter = (frame.width // 4, frame.height // 4)
            small = cv2.resize(rows[: frame.height, : frame.width], quarter, interpolation=cv2.INTER_AREA)
            front = cv2.morphologyEx(model.apply(small), cv2.MORPH_OPEN, _CROSS)
            moving = bool(cv2.countNonZero(front) > 0.0005 * front.size)
            yield debouncer.take(float(frame.time or 0.0), moving=moving)
    yield debouncer.close()


def frigate_shape(path: Path) -> Iterator[Told]:
    """A decoder process, raw pictures at 5 fps through a pipe, a running average in this one.

    Frigate's own detector where FRIGATE_SRC names its source, else a plain one of that kind.
    """
    debouncer = _Debouncer(confirm_config(WatchSection()))
    width, height = _size(path)
    command = [
        *("ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-threads", "1", "-i", str(path)),
        *("-r", "5", "-vf", f"fps=5,scale={width}:{height}", "-threads", "1"),
        *("-f", "rawvideo", "-pix_fmt", "yuv420p", "pipe:1"),
    ]
    detector: Detector = frigate_detector(width, height) or PlainDetector(width, height)
    size = width * height * 3 // 2
    none = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=none, stdout=subprocess.PIPE, stderr=none) as child:
        assert child.stdout is not None
        for number in count():
            raw = child.stdout.read(size)
            if len(raw) < size:
                break
            planes = np.frombuffer(raw, np.uint8).reshape(height * 3 // 2, width)
            yield debouncer.take(number / 5, moving=bool(detector.detect(planes)))
        child.stdout.close()
    yield debouncer.close()


class PlainDetector:
    """A running average of small pictures, and what differs from it: what most recorders do."""

    def __init__(self, width: int, height: int) -> None:
        self._height = height
        self._size = (100 * width // height, 100)
        self._mean: npt.NDArray[np.float32] | None = None

    def detect(self, frame: Grey) -> list[tuple[int, int, int, int]]:
        """Boxes in the small picture."""
        small = cv2.resize(frame[: self._height], self._size, interpolation=cv2.INTER_NEAREST)
        small = cv2.GaussianBlur(cv2.normalize(small, small.copy(), 0, 255, cv2.NORM_MINMAX), (3, 3), 1.0)
        if self._mean is None:
            self._mean = small.astype(np.float32)
        apart = cv2.absdiff(small, cv2.convertScaleAbs(self._mean))
        _, changed = cv2.threshold(apart, 30, 255, cv2.THRESH_BINARY)
        count_, _, stats, _ = cv2.connectedComponentsWithStats(cv2.dilate(changed, _CROSS))
        cv2.accumulateWeighted(small, self._mean, 0.01)
        return [(int(x), int(y), int(x + w), int(y + h)) for x, y, w, h, area in stats[1:count_] if area > 10]


SUBJECTS: Final[dict[str, Subject]] = {
    "demux": demux,
    "ours": ours,
    "keys": keys_only,
    "5fps": all_at_5_fps,
    "mog2": mog2,
    "frigate": frigate_shape,
}


@dataclass(slots=True)
class Runs:
    """Gathers what is fired: a run lasts from when motion was said to when it was last seen."""

    runs: list[Stretch] = field(default_factory=list)
    _since_s: float | None = None

    def take(self, told: Told) -> None:
        """What came with one step."""
        for event in told.events:
            if event.topic is not SceneTopic.MOTION:
                continue
            if event.phase is Phase.START:
                self._since_s = told.at_s
            elif self._since_s is not None:
                seen_s = (event.time - _EPOCH).total_seconds()
                self.runs.append(Stretch(self._since_s, max(seen_s, self._since_s)))
                self._since_s = None

    def finish(self, at_s: float) -> list[Stretch]:
        """All runs; one that goes on ends here."""
        if self._since_s is not None:
            self.runs.append(Stretch(self._since_s, at_s))
            self._since_s = None
        return self.runs


class _Debouncer:
    """The box's debouncer on stream time."""

    def __init__(self, rules: ConfirmConfig) -> None:
        numbers = count()
        self._debouncer = EventDebouncer(rules, new_episode=lambda: str(next(numbers)))
        self._at_s = 0.0

    def see(self, at_s: float, findings: tuple[Finding, ...]) -> Told:
        """Take the findings of one picture."""
        self._at_s = at_s
        stamp = datetime.fromtimestamp(_EPOCH.timestamp() + at_s, UTC)
        return Told(at_s, self._debouncer.see(findings, Moment(at_s, stamp)))

    def take(self, at_s: float, *, moving: bool) -> Told:
        """Take a plain yes or no."""
        return self.see(at_s, (Finding(SceneTopic.MOTION, moving, 1.0 if moving else 0.0, ""),))

    def close(self) -> Told:
        """The stream is over: what goes on ended when it was last seen."""
        return Told(self._at_s, self._debouncer.close())


class _KeysOnly(MotionGate):
    def admits(self, *, key: bool) -> bool:
        return key


class _Everything(MotionGate):
    def admits(self, *, key: bool) -> bool:  # noqa: ARG002 - the port's signature
        return True


def _played(path: Path, gate: DecodeGate, rules: ConfirmConfig) -> Iterator[Told]:
    debouncer = _Debouncer(rules)
    for frame, opinions in play(path, SceneJudge(), gate):
        yield debouncer.see(frame.mono_s, tuple(opinions.findings))
    yield debouncer.close()


def _size(path: Path) -> tuple[int, int]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return stream.width, stream.height


_CROSS: Final = cv2.getStructuringElement(cv2.MORPH_RECT, (3, 3))
