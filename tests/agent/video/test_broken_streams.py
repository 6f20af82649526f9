"""Pictures that are wrong in one way each: what the box says, and that it stays up and small.

Truncated and flipped pictures, other resolutions in mid-stream and times that run backwards are in
``test_hostile_streams``; mutations without end are ``make fuzz-sight``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np
import psutil
import pytest

from agent.detect import SceneJudge
from agent.errors import NotVideo
from agent.model import SightMode
from agent.video.decoder import Decoder
from agent.video.gate import MotionGate
from agent.video.pipeline import KEPT_BYTES, Pipeline
from agent.video.replay import Replay
from protocol.words import Reason
from simulator.video.model import Codec
from tests.agent.video.raw_camera import H264_SDP, H265_SDP, RawCamera, clip, plays, sends, timed
from tests.agent.video.test_hostile_streams import PATIENT
from tests.agent.video.watching import Watching, until
from tests.support.footage import encode

GROWTH_BYTES = 64e6


def grew(before: int) -> float:
    return float(psutil.Process().memory_info().rss - before)


@cache
def eight_k(codec: str) -> tuple[tuple[bytes, ...], ...]:
    """Three pictures of 7680x4320, black: NAL units of each."""
    context = av.VideoCodecContext.create(codec, "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = 7680, 4320, "yuv420p"
    context.time_base, context.framerate = Fraction(1, 10), Fraction(10)
    context.options = {"preset": "ultrafast", "x264-params": "keyint=1:annexb=1:threads=1"}
    picture = av.VideoFrame.from_ndarray(np.zeros((4320 * 3 // 2, 7680), np.uint8), format="yuv420p")
    packets = []
    for number in range(3):
        picture.pts = number
        packets += context.encode(picture)
    packets += context.encode(None)
    return tuple(_nals(bytes(packet)) for packet in packets)


def _nals(annexb: bytes) -> tuple[bytes, ...]:
    return tuple(nal.strip(b"\0") for nal in annexb.split(b"\0\0\1") if nal.strip(b"\0"))


def repeated(units: Sequence[Sequence[bytes]], times: int) -> Iterator[tuple[Sequence[bytes], float]]:
    for number in range(times):
        yield units[number % len(units)], 10.0 + number / 10


def test_8k_pictures_are_named_and_never_decoded() -> None:
    units = list(repeated(eight_k("libx264"), 60))
    before = psutil.Process().memory_info().rss
    with (
        RawCamera(plays(sends(units, pace_s=0.05))) as camera,
        Watching(camera.device(), camera.url, config=PATIENT) as seen,
    ):
        until(lambda: seen.watch.state().reason is Reason.BAD_STREAM, within_s=15)
        state = seen.watch.state()
        assert "7680x4320" in state.detail
        assert "子码流" in state.detail
        assert seen.shown == []
    assert grew(before) < GROWTH_BYTES


def test_one_damaged_size_among_good_pictures_is_passed_over() -> None:
    good = timed(clip(frames=40))
    units = [*good[:10], (eight_k("libx264")[0], 10.95), *good[10:]]
    with (
        RawCamera(plays(sends(units, linger_s=2.0))) as camera,
        Watching(camera.device(), camera.url, config=PATIENT) as seen,
    ):
        until(lambda: len(seen.shown) >= 4)
        state = seen.watch.state()
        assert state.up
        assert state.counters["reconnects"] == 0
        assert state.counters["broken_keyframes"] == 1


@pytest.mark.parametrize(("said", "sent"), [(H264_SDP, Codec.H265), (H265_SDP, Codec.H264)])
def test_another_codec_than_announced_is_a_bad_stream(said: str, sent: Codec) -> None:
    units = [(nals, n / 10) for n, (nals, _) in enumerate(timed(clip(frames=40, codec=sent)) * 4)]
    before = psutil.Process().memory_info().rss
    with (
        RawCamera(plays(sends(units, pace_s=0.04, codec=sent), sdp=said)) as camera,
        Watching(camera.device(), camera.url, config=PATIENT) as seen,
    ):
        until(lambda: seen.watch.state().reason is Reason.BAD_STREAM, within_s=15)
        assert "编码" in seen.watch.state().detail
        assert seen.shown == []
    assert grew(before) < GROWTH_BYTES


def test_a_gop_without_end_is_looked_at_by_the_second_and_says_so() -> None:
    endless = clip(frames=120, gop=1000)
    units = [(unit.nals, 10.0 + n / 10) for n, unit in enumerate(endless.units)]
    assert [unit.key for unit in endless.units].count(True) == 1
    before = psutil.Process().memory_info().rss
    with (
        RawCamera(plays(sends(units, linger_s=2.0))) as camera,
        Watching(camera.device(), camera.url, config=PATIENT) as seen,
    ):
        until(lambda: seen.watch.state().mode is SightMode.LOW_RATE)
        until(lambda: len(seen.shown) >= 5)
        state = seen.watch.state()
        assert state.up
        assert "关键帧太少" in state.detail
    assert grew(before) < GROWTH_BYTES


def test_a_gop_without_end_keeps_no_more_than_it_may(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    noise = (rng.integers(0, 255, (360, 640)).astype(np.uint8) for _ in range(25))
    path = encode(noise, tmp_path / "endless.mkv", gop_s=1000.0, kbps=20_000)
    dropped: list[str] = []
    heard_bytes = 0
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        decoder = Decoder(stream.codec_context.name, stream.codec_context.extradata)
        pipeline = Pipeline(decoder, MotionGate(), SceneJudge(), count=dropped.append)
        for number, packet in enumerate(one for one in container.demux(stream) if one.size):
            list(pipeline.take(packet, pts_s=number / 10, mono_s=number / 10))
            heard_bytes += packet.size
            assert pipeline.kept_bytes <= KEPT_BYTES
    assert heard_bytes > KEPT_BYTES
    assert dropped == ["kept_dropped"]


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts", "h264"])
def test_a_file_cut_short_is_shown_as_far_as_it_goes(tmp_path: Path, ending: str) -> None:
    pictures = [np.full((96, 160), 40 + number, np.uint8) for number in range(40)]
    whole = encode(pictures, tmp_path / f"whole.{ending}").read_bytes()
    cut = tmp_path / f"cut.{ending}"
    cut.write_bytes(whole[: len(whole) * 2 // 3])
    replay = Replay(cut, SceneJudge())
    try:
        steps = list(replay)
    except NotVideo as error:  # an MP4's index stands at its end
        assert ending == "mp4"
        assert " / " in str(error) or "）/ " in str(error)
        return
    assert steps
    assert replay.counters["judged"] >= 1


def test_a_file_of_8k_is_passed_over_picture_by_picture(tmp_path: Path) -> None:
    path = tmp_path / "large.h264"
    path.write_bytes(b"".join(b"\0\0\0\1" + nal for unit in eight_k("libx264") for nal in unit))
    replay = Replay(path, SceneJudge())
    assert [step.looked for step in replay] == [()] * 3
    assert replay.counters["broken_keyframes"] == 3
    assert replay.counters["decoded"] == 0
