"""To whom the video room shows a password, and in what form: raw servers that ask for it in every way."""

from __future__ import annotations

import base64
import re
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from agent.detect import SceneJudge
from agent.errors import DeviceError, DeviceTrouble
from agent.model import Device
from agent.video import PyavRoom
from agent.video.address import StreamAddress
from agent.video.knock import Login, knock, may_have_password
from agent.video.source import RtspSource
from protocol.words import DeviceClass, Reason
from tests.agent.video.raw_camera import PASSWORD, RawCamera, answer
from tests.agent.video.watching import QUICK, until

BASIC = 'Basic realm="x"'
DIGEST = 'Digest realm="x", nonce="n"'
CLEAR = base64.b64encode(f"box:{PASSWORD}".encode())

Asks = Callable[[str, str], Sequence[str]]
"""Method and Authorization ("" without) to the WWW-Authenticate lines; none lets in."""


class Guard:
    """A camera that asks for log-ins as told, and lets nobody in. Keeps what it was sent."""

    def __init__(self, asks: Asks) -> None:
        self._asks = asks
        self._lock = threading.Lock()
        self.heads: list[str] = []

    def talk(self, connection: socket.socket) -> None:
        data = b""
        while piece := connection.recv(4096):
            data += piece
            while b"\r\n\r\n" in data:
                head, _, data = data.partition(b"\r\n\r\n")
                self._answer(connection, head.decode())

    def _answer(self, connection: socket.socket, head: str) -> None:
        with self._lock:
            self.heads.append(head)
        number = re.findall(r"(?im)^cseq: *(\d+)", head)[0]
        method = head.split(" ", 1)[0]
        asked = self._asks(method, "".join(re.findall(r"(?im)^authorization: *(\S+)", head)))
        if asked:
            lines = "".join(f"WWW-Authenticate: {line}\r\n" for line in asked)
            answer(connection, number, status="401 Unauthorized", head=lines)
        elif method == "DESCRIBE":
            sdp = "v=0\r\no=- 1 1 IN IP4 0\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
            sdp += "a=rtpmap:96 H264/90000\r\na=control:track\r\n"
            answer(connection, number, head="Content-Type: application/sdp\r\n", body=sdp)
        else:
            answer(connection, number, head="Public: DESCRIBE\r\n")

    @property
    def logins(self) -> list[str]:
        """The scheme of each log-in that came, in order."""
        with self._lock:
            return re.findall(r"(?im)^authorization: *(\S+)", "\r\n".join(self.heads))

    def saw_the_password(self) -> bool:
        with self._lock:
            return any(CLEAR.decode() in head or PASSWORD in head for head in self.heads)


def describes(*challenges: str) -> Asks:
    """Only DESCRIBE and what follows is guarded."""
    return lambda method, _shown: () if method == "OPTIONS" else challenges


def opened(device: Device, camera: RawCamera) -> DeviceTrouble:
    """What comes of opening the stream as the reader does."""
    address = StreamAddress.of(device, camera.url)
    login = knock(address, timeout_s=3, stopping=lambda: False)
    assert login is not None
    with pytest.raises(DeviceError) as failed:
        shown = may_have_password(device, login)
        RtspSource(address, with_password=shown, open_timeout_s=3, slice_s=0.2)
    assert PASSWORD not in str(failed.value)
    return failed.value.kind


@pytest.mark.parametrize(
    "challenges", [[DIGEST], [DIGEST, BASIC], [BASIC, DIGEST], [f"{DIGEST}, {BASIC}"]], ids=str
)
def test_digest_is_answered_with_digest_whatever_else_is_offered(challenges: list[str]) -> None:
    guard = Guard(describes(*challenges))
    with RawCamera(guard.talk) as camera:
        assert opened(replace(camera.device(), tls=True), camera) is DeviceTrouble.AUTH_FAILED
    assert guard.logins == ["Digest"]


def test_a_digest_that_was_refused_is_not_followed_by_basic() -> None:
    guard = Guard(lambda method, shown: () if method == "OPTIONS" else [BASIC] if shown else [DIGEST])
    with RawCamera(guard.talk) as camera:
        assert opened(replace(camera.device(), tls=True), camera) is DeviceTrouble.AUTH_FAILED
    assert guard.logins == ["Digest"]


@pytest.mark.parametrize(
    "asks",
    [
        describes(BASIC),
        describes(f"{BASIC}, {DIGEST}"),  # in one line: libav reads its first word
        lambda method, _shown: [BASIC] if method == "OPTIONS" else [DIGEST],
        lambda method, _shown: [BASIC] if method == "SETUP" else (),
        describes("Bearer x"),
    ],
    ids=["basic", "one line", "options", "setup", "unknown"],
)
@pytest.mark.parametrize("forbids", [{"tls": True}, {"rtsp_basic": False}], ids=str)
def test_no_password_goes_out_in_clear_where_it_may_not(asks: Asks, forbids: dict[str, bool]) -> None:
    guard = Guard(asks)
    with RawCamera(guard.talk) as camera:
        device = replace(camera.device(), **forbids)  # type: ignore[arg-type]
        assert opened(device, camera) is DeviceTrouble.AUTH_FAILED
    assert guard.logins == []
    assert not guard.saw_the_password()


def test_a_plain_camera_that_knows_only_basic_works() -> None:
    guard = Guard(describes(BASIC))
    with RawCamera(guard.talk) as camera:
        assert opened(camera.device(), camera) is DeviceTrouble.AUTH_FAILED
    assert guard.logins == ["Basic"]


def test_what_asks_only_later_counts_as_basic() -> None:
    device = Device("camera-1", DeviceClass.SMART_CAMERA, "127.0.0.1")
    assert may_have_password(device, Login.NONE)
    assert not may_have_password(replace(device, tls=True), Login.NONE)
    assert not may_have_password(replace(device, rtsp_basic=False), Login.NONE)
    assert not may_have_password(replace(device, stream_path="/live"), Login.NONE)
    assert may_have_password(replace(device, stream_path="/live", rtsp_basic=True), Login.NONE)


def test_a_refused_stream_is_told_once_and_left_alone() -> None:
    guard, told = Guard(describes(DIGEST)), threading.Semaphore(0)
    with RawCamera(guard.talk) as camera:
        watch = PyavRoom(QUICK).watch(
            camera.device(),
            lambda: camera.url,
            SceneJudge(),
            lambda _frame, _findings: None,
            refused=told.release,
        )
        try:
            assert told.acquire(timeout=10)
            until(lambda: watch.state().reason is Reason.AUTH_FAILED)
            assert not told.acquire(timeout=0.5)
        finally:
            watch.close()
    assert guard.logins == ["Digest"]


def test_a_stream_that_may_not_be_logged_in_to_counts_as_no_refusal() -> None:
    guard, told = Guard(describes(BASIC)), threading.Semaphore(0)
    with RawCamera(guard.talk) as camera:
        watch = PyavRoom(QUICK).watch(
            replace(camera.device(), tls=True),
            lambda: camera.url,
            SceneJudge(),
            lambda _frame, _findings: None,
            refused=told.release,
        )
        try:
            until(lambda: watch.state().reason is Reason.AUTH_FAILED)
            assert "digest" in watch.state().detail
        finally:
            watch.close()
    assert not told.acquire(blocking=False)
    assert guard.logins == []
