"""A file on the way of a stream: the same gate, decoder and judge, as fast as it goes.

What is packed into a file is read whole; what cannot be decoded is left out, as in a stream.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av
import av.error
from av.container import InputContainer
from av.video.stream import VideoStream

from agent.errors import NotVideo
from agent.ports import FrameJudge
from agent.video.cascade import Cascade
from agent.video.decoder import Decoder
from agent.video.gate import DecodeGate, GateState
from agent.video.pipeline import Looked, Pipeline
from agent.video.source import CODECS, MAX_PIXELS
from agent.video.timing import StreamTime

OPTIONS: Final = {"max_pixels": str(MAX_PIXELS), "protocol_whitelist": "file"}
"""A file that names others (a playlist) reaches nothing beyond this machine."""


@dataclass(frozen=True, slots=True)
class PacketFacts:
    """What is known of a packet without decoding it."""

    at_s: float
    """Stream time: the file's, made to grow."""
    size_bytes: int
    key: bool
    surprise: float
    """Of this and the last packets, in deviations; 0.0 where the gate has no opinion."""
    running: bool
    """Whether all packets were decoded when it came."""


@dataclass(frozen=True, slots=True)
class Step:
    """One packet, and the pictures that were judged because of it, with why: mostly none."""

    packet: PacketFacts
    looked: tuple[Looked, ...]


class Replay:
    """Iterates over a file's packets. Afterwards ``counters`` and ``state`` tell what it took."""

    def __init__(
        self,
        path: Path,
        judge: FrameJudge,
        *,
        gate: DecodeGate | None = None,
        shown: Callable[[av.VideoFrame, float], object] = lambda _picture, _at_s: None,
        judged: Callable[[Looked], object] = lambda _looked: None,
    ) -> None:
        """``shown`` is told every decoded picture with its time before, ``judged`` right after."""
        self._shown = shown
        self._judged = judged
        self.gate = gate or Cascade()
        self.counters: Counter[str] = Counter(packets=0, keyframes=0, decoded=0, judged=0)
        self._path = path
        self._judge = judge

    @property
    def state(self) -> GateState:
        """What the gate does and counted."""
        return self.gate.state()

    def __iter__(self) -> Iterator[Step]:
        """Raises NotVideo."""
        try:
            container = av.open(f"file:{self._path}", options=dict(OPTIONS))
        except (av.error.FFmpegError, OSError, ValueError) as error:
            word = type(error).__name__
            raise NotVideo(
                f"无法读取视频文件 {self._path}（{word}） / cannot read the video file {self._path} ({word})"
            ) from error
        with container:
            yield from self._steps(container)

    def _steps(self, container: InputContainer) -> Iterator[Step]:
        stream = next(iter(container.streams.video), None)
        if stream is None or stream.codec_context is None or stream.codec_context.name not in CODECS:
            raise NotVideo(
                f"{self._path} 中没有 H.264 或 H.265 视频 / {self._path} holds no H.264 or H.265 video"
            )
        pipeline = Pipeline(
            Decoder(stream.codec_context.name, stream.codec_context.extradata),
            self.gate,
            self._judge,
            shown=self._show,
            count=self._count,
        )
        times, at_s = StreamTime(), 0.0
        for packet in self._packets(container, stream):
            if packet.pts is None and packet.dts is None:
                at_s += self._untimed(packet, stream)
            else:
                at_s = times.of(packet, at_s)
                self.counters["time_jumps"] += times.jumped
            looked = tuple(self._overheard(pipeline.take(packet, pts_s=at_s, mono_s=at_s)))
            self._count("packets")
            self.counters["keyframes"] += packet.is_keyframe
            self.counters["judged"] += len(looked)
            key = bool(packet.is_keyframe)
            yield Step(PacketFacts(at_s, packet.size, key, self.gate.surprise, self.gate.running), looked)

    def _packets(self, container: InputContainer, stream: VideoStream) -> Iterator[av.Packet[VideoStream]]:
        """As far as the file can be read: where it is damaged it ends."""
        try:
            for packet in container.demux(stream):
                if packet.size:
                    yield packet
        except (av.error.FFmpegError, OSError, IndexError):  # IndexError: a stream that was not there before
            self._count("damaged")

    def _untimed(self, packet: av.Packet[VideoStream], stream: VideoStream) -> float:
        """How long a packet lasts where the file tells no times: a plain stream without a container."""
        self.counters["untimed"] += 1
        if self.counters["untimed"] == 1:
            return 0.0
        if packet.duration and packet.time_base:
            return float(packet.duration * packet.time_base)
        return 1.0 / float(stream.average_rate or stream.base_rate or 25)

    def _overheard(self, looks: Iterator[Looked]) -> Iterator[Looked]:
        for looked in looks:
            self._judged(looked)
            yield looked

    def _show(self, picture: av.VideoFrame, at_s: float) -> None:
        self._count("decoded")
        self._shown(picture, at_s)

    def _count(self, what: str) -> None:
        self.counters[what] += 1
