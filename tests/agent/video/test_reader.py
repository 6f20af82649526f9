"""A stream is read, judged, lost and found again."""

from __future__ import annotations

import dataclasses
import gc
import logging
import os
import threading
import time
import traceback
from collections.abc import Iterator

import psutil
import pytest

from agent.errors import DeviceError, DeviceTrouble
from agent.model import Finding, Frame
from agent.video import VideoConfig
from agent.video.health import HealthLimits
from protocol.words import Reason, SceneTopic
from simulator.video import ProfileSpec
from tests.agent.video.watching import QUICK, Watching, until
from tests.support.studio import Studio, StudioCamera

FAST = ProfileSpec("fast", 640, 360, 10, 5)


@pytest.fixture
def camera(studio: Studio) -> StudioCamera:
    return studio.camera(scene="gate-day", profiles=(FAST,), password="p@ss:w/o#r%d ?&")


def test_a_stream_comes_up_with_size_codec_and_rate(camera: StudioCamera) -> None:
    with Watching(camera.device(), camera.url) as seen:
        until(lambda: len(seen.shown) >= 5)
        state = seen.watch.state()
        assert (state.up, state.reason, state.detail) == (True, Reason.OK, "")
        assert (state.codec, state.width, state.height) == ("h264", 640, 360)
        assert state.fps == pytest.approx(10, abs=0.5)
        assert 50 < state.kbps < 1500
        still = seen.watch.still()
        assert still is not None
        assert still.shape == (360, 640, 3)


def test_only_key_frames_are_decoded_while_nothing_moves(camera: StudioCamera) -> None:
    with Watching(camera.device(), camera.url) as seen:
        until(lambda: len(seen.shown) >= 6)
        counters = seen.watch.state().counters
        assert all(frame.key for frame, _ in seen.shown)
        assert counters["decoded"] <= counters["keyframes"]
        assert counters["packets"] >= 5 * (counters["decoded"] - 1)


def test_frames_come_in_order_at_most_five_a_second_while_something_moves(studio: Studio) -> None:
    camera = studio.camera(scene="street-day", profiles=(FAST,))

    class Restless:
        def judge(self, frame: Frame) -> list[Finding]:
            return [Finding(SceneTopic.MOTION, True, 1.0, "always")]

    with Watching(camera.device(), camera.url, judge=Restless()) as seen:
        until(lambda: len(seen.shown) >= 12)
        frames = [frame for frame, _ in seen.shown]
    times = [frame.pts_s for frame in frames]
    assert times == sorted(times)
    assert any(not frame.key for frame in frames)
    assert len(times) / (times[-1] - times[0]) <= 7.5  # five a second and the key frames between


def test_a_camera_pulled_off_is_no_stream_and_comes_back_by_itself(camera: StudioCamera) -> None:
    with Watching(camera.device(), camera.url) as seen:
        until(lambda: seen.watch.state().up)
        camera.unplug()
        until(lambda: seen.watch.state().reason is Reason.NO_STREAM)
        assert str(camera.server.port) in seen.watch.state().detail or seen.watch.state().detail
        camera.plug_in()
        until(lambda: seen.watch.state().up)
        assert seen.watch.state().counters["reconnects"] >= 1


def test_a_camera_that_hangs_in_the_middle_is_no_stream(camera: StudioCamera) -> None:
    with Watching(camera.device(), camera.url) as seen:
        until(lambda: seen.watch.state().up)
        camera.switch(hung=True)
        until(lambda: seen.watch.state().reason is Reason.NO_STREAM)
        camera.switch(hung=False)
        until(lambda: seen.watch.state().up)


def test_a_refused_password_is_tried_once(camera: StudioCamera) -> None:
    camera.switch(credentials_refused=True)
    before = camera.server.auth_failures
    with Watching(camera.device(), camera.url) as seen:
        until(lambda: seen.watch.state().reason is Reason.AUTH_FAILED)
        time.sleep(1.0)  # long enough for five tries at the back-off of these tests
        assert camera.server.auth_failures - before == 1
        assert "密码" in seen.watch.state().detail


def test_a_stream_that_is_not_there_says_so(camera: StudioCamera) -> None:
    camera.switch(no_stream=True)
    with Watching(camera.device(), camera.url) as seen:
        until(lambda: seen.watch.state().reason is Reason.NO_STREAM)
        assert "404" in seen.watch.state().detail


def test_h265_is_read_too(camera: StudioCamera) -> None:
    camera.switch(h265=True)
    with Watching(camera.device(), camera.url) as seen:
        until(lambda: len(seen.shown) >= 3, within_s=40)
        assert seen.watch.state().codec == "hevc"


def test_garbage_instead_of_video_is_a_bad_stream(camera: StudioCamera) -> None:
    camera.switch(garbage=True)
    config = dataclasses.replace(QUICK, limits=HealthLimits(no_packet_s=3.0, no_picture_s=3.0))
    with Watching(camera.device(), camera.url, config=config) as seen:
        until(lambda: seen.watch.state().reason is Reason.BAD_STREAM, within_s=20)
        assert seen.shown == []
        camera.switch(garbage=False)
        camera.unplug()
        camera.plug_in()
        until(lambda: seen.watch.state().up)


def test_an_address_the_device_does_not_give_is_asked_for_again(camera: StudioCamera) -> None:
    answers: Iterator[DeviceError | str] = iter(
        [
            DeviceError(DeviceTrouble.HUNG, "camera-1", "设备不应答 / the device does not answer"),
            "http://127.0.0.1/video.mjpeg",
            "rtsp://[::1/live",
        ]
    )

    def uri() -> str:
        said = next(answers, camera.url)
        if isinstance(said, DeviceError):
            raise said
        return said

    with Watching(camera.device(), uri) as seen:
        until(lambda: seen.watch.state().up)
        assert seen.watch.state().counters["errors"] == 3


def test_a_wrong_password_at_the_device_is_a_refused_stream(camera: StudioCamera) -> None:
    def uri() -> str:
        raise DeviceError(DeviceTrouble.AUTH_BACKOFF, "camera-1", "稍后再试 / later")

    with Watching(camera.device(), uri) as seen:
        until(lambda: seen.watch.state().reason is Reason.AUTH_FAILED)


def test_credentials_are_in_no_message_state_or_log(
    camera: StudioCamera, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    told: list[str] = []
    camera.switch(credentials_refused=True)
    with Watching(camera.device(), "rtsp://other:sekret@127.0.0.1:" + camera.url.rsplit(":", 1)[1]) as seen:
        until(lambda: seen.watch.state().reason is Reason.AUTH_FAILED)
        told += [repr(seen.watch.state())]
    camera.switch(credentials_refused=False, no_stream=True)
    with Watching(camera.device(), camera.url) as seen:
        until(lambda: seen.watch.state().reason is Reason.NO_STREAM)
        told += [repr(seen.watch.state())]
    told += [record.getMessage() for record in caplog.records]
    told += ["".join(traceback.format_exception(r.exc_info[1])) for r in caplog.records if r.exc_info]
    told += list(capfd.readouterr())
    everything = "\n".join(told)
    assert "camera-1" in everything
    for secret in ("p@ss", "p%40ss", "sekret"):
        assert secret not in everything


def test_a_judge_that_fails_is_logged_and_the_stream_goes_on(
    camera: StudioCamera, caplog: pytest.LogCaptureFixture
) -> None:
    class Clumsy:
        calls = 0

        def judge(self, frame: Frame) -> list[Finding]:
            self.calls += 1
            if self.calls == 2:
                raise RuntimeError("planted")
            return []

    with Watching(camera.device(), camera.url, judge=Clumsy()) as seen:
        until(lambda: len(seen.shown) >= 3)
        assert seen.watch.state().up
    assert "planted" in caplog.text


@pytest.mark.parametrize("hung_after_s", [0.0, 0.6])
def test_closing_takes_less_than_two_seconds_even_when_the_camera_hangs(
    camera: StudioCamera, hung_after_s: float
) -> None:
    patient = VideoConfig()
    if not hung_after_s:
        camera.switch(hung=True)
    with Watching(camera.device(), camera.url, config=patient) as seen:
        if hung_after_s:
            until(lambda: seen.watch.state().up)
            camera.switch(hung=True)
        time.sleep(0.3)
        began = time.monotonic()
        seen.watch.close()
        assert time.monotonic() - began < 2.0
    assert not [t for t in threading.enumerate() if t.name == "video-camera-1"]


def test_a_stream_takes_less_than_eight_megabytes(studio: Studio) -> None:
    """Sixteen readers of one camera, each with its judge; the first ones pay for what is shared."""
    camera = studio.camera(scene="gate-day", profiles=(FAST,))
    process = psutil.Process(os.getpid())

    def watched(count: int) -> list[Watching]:
        watching = [Watching(camera.device(f"camera-{n}"), camera.url) for n in range(count)]
        until(lambda: all(len(seen.shown) >= 5 for seen in watching), within_s=40)
        gc.collect()
        return watching

    readers = watched(4)
    before = process.memory_info().rss
    readers += watched(12)
    grown = (process.memory_info().rss - before) / 12 / 1e6
    for reader in readers:
        reader.watch.close()
    assert grown < 8, f"{grown:.1f} MB a stream"


def test_a_still_grows_old(camera: StudioCamera) -> None:
    with Watching(
        camera.device(), camera.url, config=dataclasses.replace(QUICK, still_max_age_s=0.5)
    ) as seen:
        until(lambda: seen.watch.still() is not None)
        camera.switch(hung=True)
        until(lambda: seen.watch.still() is None)
        camera.switch(hung=False)
