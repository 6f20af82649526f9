"""What is kept of a GOP is bounded; what is lost, doubled or out of order stops nothing."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

from agent.model import Finding, Frame
from agent.video import pipeline as pipeline_module
from agent.video.cascade import Cascade
from agent.video.decoder import Decoder
from agent.video.gate import MotionGate
from agent.video.pipeline import KEPT_BYTES, Pipeline
from tests.support.footage import encode

Packets = list["av.Packet[VideoStream]"]
GOP = 20


class Wakes(MotionGate):
    """Decodes one packet, the one numbered so."""

    def __init__(self, number: int, *, keys: bool = True) -> None:
        super().__init__(max_fps=50.0)
        self._left, self._keys = number, keys

    def hear(self, pts_s: float, *, size_bytes: int, key: bool, room: bool) -> bool:
        """Counts down."""
        self._left -= 1
        return (key and self._keys) or self._left == -1


class Silent:
    """Finds nothing; keeps what it was shown."""

    def __init__(self) -> None:
        self.shown: list[Frame] = []

    def judge(self, frame: Frame) -> list[Finding]:
        self.shown.append(frame)
        return []


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, bytes | None, Packets]:
    ramp = np.tile(np.linspace(0, 200, 320), (180, 1)).astype(np.uint8)

    def walk() -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
        pictures = []
        for number in range(5 * GOP):
            picture = ramp.copy()
            picture[60:120, 2 * number : 2 * number + 40] = 255
            pictures.append(picture)
        return pictures

    path: Path = encode(walk(), tmp_path_factory.mktemp("walk") / "walk.mp4", fps=10, gop_s=GOP / 10)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        found = [packet for packet in container.demux(stream) if packet.size]
        return stream.codec_context.name, stream.codec_context.extradata, found


def through(
    source: tuple[str, bytes | None, Packets], gate: MotionGate | Cascade, packets: Packets | None = None
) -> tuple[Silent, Counter[str], Pipeline]:
    codec, extradata, found = source
    judge, counts = Silent(), Counter[str]()
    pipeline = Pipeline(Decoder(codec, extradata), gate, judge, count=lambda what: counts.update([what]))
    for number, packet in enumerate(found if packets is None else packets):
        for _ in pipeline.take(packet, pts_s=number / 10, mono_s=100 + number / 10):
            pass
        assert pipeline.kept_bytes <= KEPT_BYTES
    return judge, counts, pipeline


def test_a_gate_that_wakes_in_the_middle_sees_what_just_passed(
    source: tuple[str, bytes | None, Packets],
) -> None:
    judge, _, _ = through(source, Wakes(GOP + 15))
    times = [round(frame.pts_s * 10) for frame in judge.shown]
    assert times == [0, *range(GOP, GOP + 16), 2 * GOP, 3 * GOP, 4 * GOP]
    late = next(frame for frame in judge.shown if round(frame.pts_s * 10) == GOP + 15)
    assert late.mono_s == pytest.approx(100 + late.pts_s)
    bright = np.flatnonzero(late.image[90] > 240)
    assert abs(int(bright[0]) - 2 * (GOP + 15)) <= 3, "the picture of that packet, not another"


def test_also_when_the_key_frame_itself_was_let_pass(source: tuple[str, bytes | None, Packets]) -> None:
    judge, _, _ = through(source, Wakes(GOP + 5, keys=False))
    assert [round(frame.pts_s * 10) for frame in judge.shown] == list(range(GOP, GOP + 6))
    assert [frame.key for frame in judge.shown] == [True] + [False] * 5


@pytest.mark.parametrize("bound", ["KEPT_BYTES", "KEPT_PIXELS"])
def test_what_cannot_be_kept_is_not_decoded_before_the_next_key_frame(
    source: tuple[str, bytes | None, Packets], bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = {"KEPT_BYTES": 600, "KEPT_PIXELS": 5 * 320 * 180}[bound]
    monkeypatch.setattr(pipeline_module, bound, small)
    judge, counts, pipeline = through(source, Wakes(GOP + 15))
    assert [round(frame.pts_s * 10) for frame in judge.shown] == [n * GOP for n in range(5)]
    assert counts["kept_dropped"] >= 4
    assert pipeline.kept_bytes <= small


def test_a_broken_key_frame_is_counted_and_its_gop_left_out(
    source: tuple[str, bytes | None, Packets],
) -> None:
    found = list(source[2])
    broken = cast("av.Packet[VideoStream]", av.Packet(b"\0\0\0\x05\x65" + bytes(40)))
    broken.is_keyframe = True
    found[GOP] = broken
    judge, counts, _ = through(source, Wakes(GOP + 5), found)
    assert counts["broken_keyframes"] == 1
    assert [round(frame.pts_s * 10) for frame in judge.shown] == [0, 2 * GOP, 3 * GOP, 4 * GOP]


def test_lost_doubled_and_shuffled_packets_stop_nothing(source: tuple[str, bytes | None, Packets]) -> None:
    rng = random.Random(7)
    for _ in range(15):
        cascade = Cascade()
        played: Packets = []
        for packet in source[2]:
            if rng.random() < 0.15:
                continue
            played += [packet] * rng.choice((1, 1, 1, 2))
        for _ in range(10):
            one = rng.randrange(len(played))
            played.insert(rng.randrange(len(played)), played[one])
        through(source, cascade, played)
        judge, _, _ = through(source, cascade)
        assert {0, GOP} <= {round(frame.pts_s * 10) for frame in judge.shown}, "and all is well again"


def test_a_stream_that_changes_its_size_is_followed(
    source: tuple[str, bytes | None, Packets], tmp_path: Path
) -> None:
    """As in a stream: each key frame brings its own parameter sets."""
    sizes = []
    packets: Packets = []
    for number, (width, height) in enumerate(((320, 180), (640, 360), (160, 90))):
        rng = np.random.default_rng(number)
        pictures = [rng.integers(0, 255, (height, width)).astype(np.uint8) for _ in range(12)]
        path = encode(pictures, tmp_path / f"{number}.h264", gop_s=0.6)
        with av.open(str(path)) as container:
            packets += [packet for packet in container.demux(container.streams.video[0]) if packet.size]
    judge, _, _ = through((source[0], None, []), Cascade(), packets)
    sizes = list(dict.fromkeys(frame.image.shape for frame in judge.shown))
    assert sizes == [(180, 320), (360, 640), (90, 160)]
