"""One stream's way from packets to findings: gate, decoder, judge. Law: what is kept of a GOP is bounded in
bytes and in what decoding it would cost.

Live streams and files go the same way. A packet that is not decoded is kept until the next key frame, so that
a gate that wakes in the middle of a GOP need not wait for its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import av
from av.video.stream import VideoStream

from agent.model import Finding, Frame
from agent.ports import FrameJudge, RunJudge
from agent.video.decoder import Decoder, asked_chroma, luma
from agent.video.gate import DecodeGate, Why
from protocol.words import SceneTopic

KEPT_BYTES: Final = 1_000_000
"""Four seconds of 1280x720 at 2 Mb/s."""
KEPT_PIXELS: Final = 64_000_000
"""Four seconds of 1280x720 at 15 fps; decoding them takes some 0.2 s (performance.md E1: 42 ms/s)."""
_UNKNOWN_PIXELS: Final = 1_000_000
_LEAST_PIXELS: Final = 64_000
"""So that a tiny picture does not mean a thousand packets."""


@dataclass(frozen=True, slots=True)
class Looked:
    """One picture that was judged."""

    frame: Frame
    findings: Sequence[Finding]
    why: Why

    @property
    def motion(self) -> Finding | None:
        """The motion finding; None when it could not be told."""
        return next((f for f in self.findings if f.topic is SceneTopic.MOTION), None)


class _Kept(NamedTuple):
    packet: av.Packet[VideoStream]
    pts_s: float
    mono_s: float


class Pipeline:
    """One connection's packets. One thread. ``shown`` is told every decoded picture with its arrival, before
    it is judged; ``count`` what went wrong or was left out (broken_keyframes, kept_dropped)."""

    def __init__(
        self,
        decoder: Decoder,
        gate: DecodeGate,
        judge: FrameJudge,
        *,
        shown: Callable[[av.VideoFrame, float], object] = lambda _picture, _mono_s: None,
        count: Callable[[str], object] = lambda _what: None,
    ) -> None:
        self._decoder = decoder
        self._gate = gate
        self._judge = judge
        self._shown = shown
        self._count = count
        self._kept: list[_Kept] = []
        self._kept_bytes = 0
        self._complete = False
        """Whether all packets since the last decoded one, or since a key frame, are kept."""
        self._pixels = _UNKNOWN_PIXELS
        gate.begin()

    @property
    def kept_bytes(self) -> int:
        """Of packets that wait for a reason to be decoded."""
        return self._kept_bytes

    def take(self, packet: av.Packet[VideoStream], *, pts_s: float, mono_s: float) -> Iterator[Looked]:
        """Every picture that is judged because of this packet, in order. To be run to its end."""
        key = bool(packet.is_keyframe)
        if key:
            self._forget(complete=True)
        room = self._room(packet.size)
        if not self._gate.hear(pts_s, size_bytes=packet.size, key=key, room=room):
            self._keep(_Kept(packet, pts_s, mono_s), room=room)
            return
        waiting = self._kept if self._complete else []
        able = self._complete and (key or bool(waiting) or self._decoder.following)
        self._forget(complete=able)
        if not able:
            return
        for kept in (*waiting, _Kept(packet, pts_s, mono_s)):
            yield from self._decode(kept)

    def _room(self, size_bytes: int) -> bool:
        pixels = (len(self._kept) + 1) * self._pixels
        return self._kept_bytes + size_bytes <= KEPT_BYTES and pixels <= KEPT_PIXELS

    def _keep(self, kept: _Kept, *, room: bool) -> None:
        if not self._complete:
            return
        if not room:
            self._count("kept_dropped")
            self._forget(complete=False)
            return
        self._kept.append(kept)
        self._kept_bytes += kept.packet.size

    def _forget(self, *, complete: bool) -> None:
        self._kept, self._kept_bytes, self._complete = [], 0, complete

    def _decode(self, kept: _Kept) -> Iterator[Looked]:
        key = bool(kept.packet.is_keyframe)
        if key:
            frame = self._decoder.key(kept.packet, follow=self._gate.running)
            if frame is None:
                self._count("broken_keyframes")
            pictures: Sequence[av.VideoFrame] = () if frame is None else (frame,)
        else:
            pictures = self._decoder.next(kept.packet)
        self._complete = self._decoder.following
        for picture in pictures:
            self._pixels = max(picture.width * picture.height, _LEAST_PIXELS)
            self._shown(picture, kept.mono_s)
            why = self._gate.judges(kept.pts_s, key=key)
            if why is not None:
                yield self._judged(picture, kept, why)

    def _judged(self, picture: av.VideoFrame, kept: _Kept, why: Why) -> Looked:
        own = why in (Why.KEY, Why.LOW_RATE)  # where key frames are too rare, the others must teach the judge
        chroma = asked_chroma(self._judge, picture, key=own, at_s=kept.mono_s)
        frame = Frame(luma(picture), kept.pts_s, kept.mono_s, own, chroma)
        looked = Looked(frame, self._judge.judge(frame), why)
        motion = looked.motion
        follow = not isinstance(self._judge, RunJudge) or self._judge.wants_run
        self._gate.saw(moving=None if motion is None else motion.present, key=own, follow=follow)
        return looked
