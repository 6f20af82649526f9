"""Cameras that speak RTSP badly: each is named, none stops the box."""

from __future__ import annotations

import contextlib
import dataclasses
import random
import socket
import threading
import time
from collections.abc import Callable, Sequence
from itertools import pairwise

import psutil
import pytest

from agent.model import KEYS_ONLY, Finding, Frame, SightMode
from agent.video.health import HealthLimits
from protocol.words import Reason, SceneTopic
from tests.agent.video.raw_camera import (
    H264_SDP,
    PASSWORD,
    RawCamera,
    Talk,
    answer,
    clip,
    plays,
    requests,
    sends,
    timed,
)
from tests.agent.video.watching import QUICK, Watching, until

PATIENT = dataclasses.replace(QUICK, limits=HealthLimits(no_packet_s=3.0, no_picture_s=2.0))


def says_nothing(connection: socket.socket) -> None:
    with contextlib.suppress(TimeoutError):
        while connection.recv(4096):
            pass


def hangs_up(connection: socket.socket) -> None:
    connection.recv(4096)


def speaks_http(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>camera</html>")


def redirects(connection: socket.socket) -> None:
    for _, cseq in requests(connection):
        answer(connection, cseq, status="302 Moved", head="Location: rtsp://127.0.0.1:9/elsewhere\r\n")


def hangs_at(verb: str) -> Talk:
    def talk(connection: socket.socket) -> None:
        for method, cseq in requests(connection):
            if method == verb:
                says_nothing(connection)
                return
            answer(connection, cseq, head="Public: OPTIONS, DESCRIBE, SETUP, PLAY\r\n")

    return talk


def drips(connection: socket.socket) -> None:
    connection.recv(4096)
    with contextlib.suppress(OSError):
        for _ in range(600):
            connection.sendall(b"X")
            time.sleep(0.05)


def answers_without_end(connection: socket.socket) -> None:
    for method, cseq in requests(connection):
        if method == "OPTIONS":
            answer(connection, cseq)
            continue
        with contextlib.suppress(OSError):
            connection.sendall(b"RTSP/1.0 200 OK\r\n")
            for _ in range(20_000):
                connection.sendall(b"X-Header: " + b"a" * 8000 + b"\r\n")
        return


def describes(sdp: str) -> Talk:
    return plays(says_nothing, sdp=sdp)


def noise(connection: socket.socket) -> None:
    rng = random.Random(1)
    with contextlib.suppress(OSError):
        for _ in range(300):
            connection.sendall(rng.randbytes(1400))
            time.sleep(0.01)


@pytest.mark.parametrize(
    ("talk", "reasons"),
    [
        (says_nothing, {Reason.NO_STREAM}),
        (hangs_up, {Reason.NO_STREAM}),
        (speaks_http, {Reason.BAD_STREAM}),
        (redirects, {Reason.BAD_STREAM}),
        (hangs_at("DESCRIBE"), {Reason.NO_STREAM}),
        (hangs_at("SETUP"), {Reason.NO_STREAM, Reason.BAD_STREAM}),
        (drips, {Reason.BAD_STREAM}),
        (answers_without_end, {Reason.NO_STREAM, Reason.BAD_STREAM}),
        (describes(""), {Reason.BAD_STREAM}),
        (describes("m=audio 0 RTP/AVP 0\r\na=control:a\r\n"), {Reason.BAD_STREAM}),
        (describes("m=video 0 RTP/AVP 26\r\na=rtpmap:26 JPEG/90000\r\na=control:v\r\n"), {Reason.BAD_STREAM}),
        (describes("m=video 0 RTP/AVP 96\r\na=rtpmap:96 XYZ/90000\r\na=control:v\r\n"), {Reason.BAD_STREAM}),
        (plays(says_nothing), {Reason.NO_STREAM}),
        (plays(noise), {Reason.NO_STREAM, Reason.BAD_STREAM}),
    ],
    ids=[
        "hung",
        "hangs up",
        "http",
        "redirect",
        "hangs at describe",
        "hangs at setup",
        "drips",
        "endless head",
        "empty description",
        "sound only",
        "mjpeg",
        "unknown codec",
        "plays nothing",
        "plays noise",
    ],
)
def test_what_is_wrong_is_named_in_bounded_time_and_memory(
    talk: Callable[[socket.socket], None], reasons: set[Reason]
) -> None:
    before = psutil.Process().memory_info().rss
    with RawCamera(talk) as camera, Watching(camera.device(), camera.url) as seen:
        until(lambda: seen.watch.state().reason in reasons, what=str(seen.watch.state()))
        state = seen.watch.state()
        assert " / " in state.detail
        assert PASSWORD not in state.detail
        began = time.monotonic()
        seen.watch.close()
        assert time.monotonic() - began < 2.1
        until(lambda: not [t for t in threading.enumerate() if t.name == "video-camera-1"], within_s=5)
    assert psutil.Process().memory_info().rss - before < 64e6


def test_nobody_at_the_address_is_no_stream() -> None:
    with RawCamera(says_nothing) as camera:
        device, url = camera.device(), camera.url
    with Watching(device, url) as seen:
        until(lambda: seen.watch.state().reason is Reason.NO_STREAM)
        assert str(device.rtsp_port) in seen.watch.state().detail


def test_a_good_camera_of_this_kind_is_read() -> None:
    """The counter-check: the same server with whole pictures is a good stream."""
    media = sends(timed(clip()), linger_s=1.0)
    with RawCamera(plays(media)) as camera, Watching(camera.device(), camera.url) as seen:
        until(lambda: len(seen.shown) >= 3)
        assert seen.watch.state().up


def test_a_camera_that_closes_after_a_while_is_opened_again() -> None:
    media = sends(timed(clip(frames=20)))

    def closes(connection: socket.socket) -> None:
        media(connection)
        raise OSError

    with RawCamera(plays(closes)) as camera, Watching(camera.device(), camera.url) as seen:
        until(lambda: seen.watch.state().counters["reconnects"] >= 2)
        times = [frame.pts_s for frame, _ in seen.shown]
        assert times == sorted(times)


def test_time_that_runs_backwards_is_counted_and_never_shown() -> None:
    units = timed(clip(frames=60), start_s=5000.0)
    jumbled = [(nals, at_s - (4000.0 if n >= 30 else 0.0)) for n, (nals, at_s) in enumerate(units)]
    with (
        RawCamera(plays(sends(jumbled, linger_s=2.0))) as camera,
        Watching(camera.device(), camera.url) as seen,
    ):
        until(lambda: seen.watch.state().counters["time_jumps"] and len(seen.shown) >= 5)
        times = [frame.pts_s for frame, _ in seen.shown]
    assert times == sorted(times)
    assert times[-1] - times[0] < 60


def test_another_resolution_in_the_middle_is_followed() -> None:
    small, large = clip(frames=20), clip(width=640, height=360, frames=30)
    units: list[tuple[Sequence[bytes], float]] = [*timed(small), *timed(large, start_s=12.0)]
    with (
        RawCamera(plays(sends(units, linger_s=2.0))) as camera,
        Watching(camera.device(), camera.url) as seen,
    ):
        until(lambda: {frame.image.shape for frame, _ in seen.shown} == {(180, 320), (360, 640)})
        state = seen.watch.state()
        assert (state.width, state.height) == (640, 360)
        assert state.counters["resolution_changes"] == 1


def test_key_frames_that_never_come_are_a_bad_stream() -> None:
    units = [(unit.nals, n / 10) for n, unit in enumerate(clip(frames=200).units) if not unit.key]
    with (
        RawCamera(plays(sends(units, pace_s=0.05))) as camera,
        Watching(camera.device(), camera.url, config=PATIENT) as seen,
    ):
        until(lambda: seen.watch.state().reason is Reason.BAD_STREAM, within_s=15)


def test_flipped_bits_and_lost_pieces_do_not_stop_the_reader() -> None:
    """Seconds of damaged pictures, then whole ones: the stream is up again, and nothing was lost for good."""
    rng = random.Random(11)
    material = clip(frames=60)

    def damaged(nals: Sequence[bytes]) -> list[bytes]:
        out = []
        for nal in nals:
            body = bytearray(nal)
            for _ in range(max(1, len(body) // 60)):
                body[rng.randrange(len(body))] ^= 1 << rng.randrange(8)
            if rng.random() < 0.8:
                out.append(bytes(body[: rng.randrange(1, len(body) + 1)]))
        return out or [b"\x09\xf0"]

    units = timed(material)
    broken = [(damaged(nals), at_s) for nals, at_s in units * 3]
    stream = [(nals, 10 + n / 10) for n, (nals, _) in enumerate([*broken, *units, *units])]
    before = psutil.Process().memory_info().rss
    with (
        RawCamera(plays(sends(stream, pace_s=0.01, linger_s=1.0))) as camera,
        Watching(camera.device(), camera.url, config=PATIENT) as seen,
    ):
        until(lambda: seen.watch.state().up and len(seen.shown) >= 6, within_s=20)
    assert psutil.Process().memory_info().rss - before < 64e6


def test_a_hostile_camera_does_not_slow_its_neighbours() -> None:
    media = sends(timed(clip(frames=100)), pace_s=0.05, linger_s=1.0)
    with contextlib.ExitStack() as stack:
        for talk in (says_nothing, drips, answers_without_end, plays(noise), describes(H264_SDP)):
            bad = stack.enter_context(RawCamera(talk))
            stack.enter_context(Watching(bad.device(), bad.url))
        good = stack.enter_context(RawCamera(plays(media)))
        seen = stack.enter_context(Watching(good.device(), good.url))
        until(lambda: len(seen.shown) >= 5)
        assert seen.watch.state().up


def test_a_camera_with_rare_key_frames_is_asked_for_them_then_decoded_at_a_low_rate_and_it_says_so() -> None:
    """Ten stream seconds a second; the camera takes the request and does nothing."""
    asked: list[float] = []
    material = timed(clip(frames=500, gop=250))
    with (
        RawCamera(plays(sends(material, pace_s=0.01, linger_s=2.0))) as camera,
        Watching(camera.device(), camera.url, ask_key=lambda: asked.append(time.monotonic())) as seen,
    ):
        until(lambda: seen.watch.state().mode is SightMode.ASKING)
        until(lambda: seen.watch.state().mode is SightMode.LOW_RATE)
        until(lambda: seen.watch.state().counters["low_rate_checks"] >= 10)
        state = seen.watch.state()
        assert (state.up, state.reason) == (True, Reason.OK)
        assert "关键帧" in state.detail
        assert " / " in state.detail
        assert len(asked) == state.counters["keys_asked"] == 3
    frames = [frame for frame, _ in seen.shown]
    checks = [frame.pts_s for frame in frames if frame.key]
    assert max(b - a for a, b in pairwise(checks)) <= 3.2


def test_a_stream_tells_its_jitter_and_how_far_judging_is_behind() -> None:
    class Slow:
        def judge(self, frame: Frame) -> list[Finding]:
            time.sleep(0.15)
            return []

    units = timed(clip(frames=60))
    with (
        RawCamera(plays(sends(units, pace_s=0.1, linger_s=1.0))) as camera,
        Watching(camera.device(), camera.url, judge=Slow()) as seen,
    ):
        until(lambda: len(seen.shown) >= 3)
        state = seen.watch.state()
    assert 0.14 <= state.lag_s < 2.0
    assert 0.0 < state.jitter_ms < 200.0
    assert state.drift_ppm is None
    assert state.counters["gaps"] == 0


def test_an_allowance_of_key_frames_reads_on_and_decodes_nothing_else() -> None:
    class Restless:
        def judge(self, frame: Frame) -> list[Finding]:
            return [Finding(SceneTopic.MOTION, True, 1.0, "always")]

    units = timed(clip(frames=400))
    with (
        RawCamera(plays(sends(units, pace_s=0.01, linger_s=1.0))) as camera,
        Watching(camera.device(), camera.url, judge=Restless()) as seen,
    ):
        until(lambda: seen.watch.state().running)
        seen.watch.allow(KEYS_ONLY)
        until(lambda: not seen.watch.state().running)
        before = seen.watch.state().counters
        until(lambda: seen.watch.state().counters["packets"] >= before["packets"] + 60)
        after = seen.watch.state().counters
    keys = after["keyframes"] - before["keyframes"]
    assert keys >= 5
    assert after["decoded"] - before["decoded"] <= keys + 1
