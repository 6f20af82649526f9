"""The video room's rules without a stream: gate, health, addresses, stills."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from agent.errors import DeviceError, DeviceTrouble
from agent.model import Device, Secret
from agent.video.address import StreamAddress
from agent.video.gate import MotionGate
from agent.video.health import StreamHealth
from agent.video.stills import jpeg
from protocol.words import DeviceClass, Reason

CAMERA = Device(
    "gate-1", DeviceClass.SMART_CAMERA, "10.0.0.9", username="us:er", password=Secret("p@ss:w/o#r%d ?&")
)


def test_the_gate_opens_with_motion_and_closes_after_two_quiet_key_frames() -> None:
    gate = MotionGate()
    story = []
    for moving in (False, True, True, False, False, False):
        assert gate.admits(key=True)
        gate.saw(moving=moving, key=True)
        story.append(gate.admits(key=False))
    assert story == [False, True, True, True, False, False]


def test_quiet_between_key_frames_does_not_close_the_gate() -> None:
    gate = MotionGate()
    gate.saw(moving=True, key=True)
    for _ in range(50):
        gate.saw(moving=False, key=False)
    assert gate.running


def test_five_pictures_a_second_are_judged_and_every_key_frame() -> None:
    gate = MotionGate(max_fps=5)
    judged = [n for n in range(50) if gate.judges(n / 25, key=False)]
    assert judged == list(range(0, 50, 5))
    assert gate.judges(49.5 / 25, key=True)


def test_time_that_goes_back_does_not_shut_the_gate() -> None:
    gate = MotionGate()
    assert gate.judges(1000.0, key=False)
    assert gate.judges(3.0, key=False)


def packets(health: StreamHealth, begin_s: float, end_s: float, *, keys: bool = True) -> None:
    for number in range(int(begin_s * 10), int(end_s * 10)):
        health.packet(at_s=number / 10, pts_s=number / 10, size_bytes=2500, key=keys and number % 20 == 0)


def test_a_stream_is_starting_then_up_then_silent() -> None:
    health = StreamHealth()
    assert health.state(0).reason is Reason.STARTING
    health.opened("h264")
    packets(health, 0, 4)
    assert health.state(4).reason is Reason.STARTING
    assert health.picture(640, 360)
    assert health.state(4.5).up
    assert health.state(8.8).up
    assert health.state(9.0).reason is Reason.NO_STREAM


def test_packets_without_a_picture_for_ten_seconds_are_a_bad_stream() -> None:
    health = StreamHealth()
    health.opened("h264")
    packets(health, 0, 10)
    assert health.state(9.9).reason is Reason.STARTING
    packets(health, 10, 11)
    assert health.state(11).reason is Reason.BAD_STREAM
    assert "picture" in health.state(11).detail
    health.picture(640, 360)
    assert health.state(11.5).up


def test_a_camera_with_rare_key_frames_is_given_three_of_its_intervals() -> None:
    health = StreamHealth()
    health.opened("h264")
    for number in range(70):
        key = number % 12 == 0
        health.packet(at_s=float(number), pts_s=float(number), size_bytes=100, key=key)
        if key:
            health.picture(640, 360)
        assert number < 1 or health.state(number + 0.5).up


def test_rates_are_of_stream_time_not_of_arrival() -> None:
    health = StreamHealth()
    health.opened("h264")
    for number in range(61):  # a burst: six seconds of video in one moment
        health.packet(at_s=5.0, pts_s=number / 10, size_bytes=2500, key=number % 20 == 0)
    state = health.state(5.0)
    assert state.fps == 10.0
    assert state.kbps == 200.0


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (DeviceTrouble.AUTH_FAILED, Reason.AUTH_FAILED),
        (DeviceTrouble.AUTH_BACKOFF, Reason.AUTH_FAILED),
        (DeviceTrouble.BAD_STREAM, Reason.BAD_STREAM),
        (DeviceTrouble.NO_STREAM, Reason.NO_STREAM),
        (DeviceTrouble.UNREACHABLE, Reason.NO_STREAM),
    ],
)
def test_a_failure_stays_until_there_is_a_picture(trouble: DeviceTrouble, reason: Reason) -> None:
    health = StreamHealth()
    health.failed(DeviceError(trouble, "gate-1", "原因 / why"))
    assert (health.state(0).reason, health.state(0).detail) == (reason, "原因 / why")
    health.opened("h264")
    packets(health, 0, 1)
    assert health.state(1).reason is reason
    health.picture(640, 360)
    assert health.state(1).up


def test_credentials_are_in_the_opened_address_only() -> None:
    address = StreamAddress.of(CAMERA, "rtsp://old:secret@10.0.0.9/cam?channel=1&subtype=1")
    assert address.plain == "rtsp://10.0.0.9:554/cam?channel=1&subtype=1"
    assert address.opened() == (
        "rtsp://us%3Aer:p%40ss%3Aw%2Fo%23r%25d%20%3F%26@10.0.0.9:554/cam?channel=1&subtype=1"
    )
    assert "p@ss" not in repr(address)


def test_an_address_of_ipv6_keeps_its_brackets() -> None:
    assert StreamAddress.of(CAMERA, "rtsp://[fe80::1]:8554/a").plain == "rtsp://[fe80::1]:8554/a"


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "live",
        "http://10.0.0.9/live",
        "file:///etc/passwd",
        "rtsp://",
        "rtsp://10.0.0.9:99999/x",
        "rtsp://[::1/x",
        "rtsp://10.0.0.9/a\r\nX: y",
        "rtsp://10.0.0.9/a b",
    ],
)
def test_what_is_no_rtsp_address_is_refused_without_repeating_it(uri: str) -> None:
    with pytest.raises(DeviceError) as caught:
        StreamAddress.of(CAMERA, uri)
    assert caught.value.kind is DeviceTrouble.BAD_STREAM
    assert not uri or uri not in str(caught.value)


@pytest.mark.parametrize("shape", [(1080, 1920, 3), (360, 640), (2000, 100, 3), (1, 1), (3, 5000, 3)])
def test_a_still_is_small_and_carries_nothing_but_its_picture(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    encoded = jpeg(rng.integers(0, 255, shape).astype(np.uint8))
    assert len(encoded) < 200_000
    assert b"Exif" not in encoded
    decoded = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_UNCHANGED)
    assert decoded is not None
    assert decoded.shape[1] <= 640


def test_an_empty_picture_has_no_still() -> None:
    with pytest.raises(ValueError, match="no pixels"):
        jpeg(np.zeros((0, 10), np.uint8))
