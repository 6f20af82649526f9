"""A stream's log-in: who is shown the password, in what form, and how often ladder and video try it."""

from __future__ import annotations

import re
import socket
import threading
from pathlib import Path

import pytest

from agent.detect import SceneJudge
from agent.devices import OnvifRoom, rtsp_plate
from agent.devices.habits import LooseLeaves
from agent.devices.rtsp_plate import StreamPlate
from agent.errors import DeviceError, DeviceTrouble
from agent.marks import Marks, made
from agent.model import Device
from agent.ports import DeviceAdapter
from agent.services.register import DeviceRegister
from agent.video import PyavRoom
from protocol.words import Reason, Rung
from tests.agent.devices.builders import PASSWORD, QUICK, a_device
from tests.agent.video.watching import QUICK as QUICK_VIDEO
from tests.agent.video.watching import until
from tests.support.hostile import Hostile, Speech
from tests.support.virtual_county import entry, running

MAC, OTHER_MAC = "28-57-BE-00-00-01", "00-11-22-33-44-55"
BASIC = 'Basic realm="x"'
DIGEST = 'Digest realm="x", nonce="n"'


class Door:
    """Asks for a log-in in a given way and takes it, or not; keeps each that came."""

    def __init__(self, challenge: str, *, takes: bool = True) -> None:
        self._challenge = challenge
        self._takes = takes
        self.logins: list[str] = []

    def speech(self) -> Speech:
        def speak(sock: socket.socket, _stop: threading.Event) -> None:
            sock.sendall(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nServer: Cam/1\r\n\r\n")
            data = b""
            while piece := sock.recv(4096):
                data += piece
                while b"\r\n\r\n" in data:
                    head, _, data = data.partition(b"\r\n\r\n")
                    sock.sendall(self._answer(head.decode()))

        return speak

    def _answer(self, head: str) -> bytes:
        number = re.findall(r"(?im)^cseq: *(\d+)", head)[0]
        shown = re.findall(r"(?im)^authorization: *(\S+)", head)
        self.logins += shown
        if (shown and self._takes) or head.startswith("OPTIONS"):
            return f"RTSP/1.0 200 OK\r\nCSeq: {number}\r\n\r\n".encode()
        return (
            f"RTSP/1.0 401 Unauthorized\r\nCSeq: {number}\r\nWWW-Authenticate: {self._challenge}\r\n\r\n"
        ).encode()


def table(folder: Path, mac: str = "") -> Path:
    """The kernel's neighbour table with 127.0.0.1 at ``mac``; with nobody when that is empty."""
    file = folder / "arp"
    row = f"127.0.0.1 0x1 0x2 {mac.replace('-', ':').lower()} * eth0\n" if mac else ""
    file.write_text(f"IP address HW type Flags HW address Mask Device\n{row}", "ascii")
    return file


@pytest.fixture
def silent_lan(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody announces itself at the address."""
    monkeypatch.setattr(rtsp_plate, "reference_at", lambda _host, *, wait_s: "")


def registered(*, known: Marks | None = None) -> DeviceRegister:
    register = DeviceRegister(LooseLeaves())
    if known is not None:
        register.seed("cam", known)
    return register


def row(port: int, *, password: str = PASSWORD, rtsp_basic: bool | None = None) -> Device:
    return a_device(rtsp_port=port, stream_path="/live", password=password, rtsp_basic=rtsp_basic)


@pytest.mark.usefixtures("silent_lan")
@pytest.mark.parametrize(
    ("known", "rtsp_basic", "let_in"),
    [
        (False, None, True),
        (False, False, False),
        (True, None, False),
        (True, True, True),
        (True, False, False),
    ],
)
def test_basic_goes_to_whom_nothing_speaks_against(
    known: bool, rtsp_basic: bool | None, let_in: bool
) -> None:
    door = Door(BASIC)
    register = registered(known=made(macs=[MAC]) if known else None)
    with Hostile(door.speech()) as video:
        adapter = OnvifRoom(limits=QUICK, register=register).open(row(video.port, rtsp_basic=rtsp_basic))
        evidence = adapter.climb()
        if not let_in:
            with pytest.raises(DeviceError) as caught:
                adapter.stream_uri()
            assert caught.value.kind is DeviceTrouble.AUTH_FAILED
    assert door.logins == (["Basic"] if let_in else [])
    expected = (Rung.AUTHENTICATED, Reason.OK) if let_in else (Rung.REACHABLE, Reason.AUTH_FAILED)
    assert (evidence.rung, evidence.reason) == expected, evidence.detail
    assert let_in or "rtsp_basic" in evidence.detail


@pytest.mark.usefixtures("silent_lan")
def test_a_known_device_that_shows_nothing_is_still_asked_by_digest() -> None:
    door = Door(DIGEST)
    with Hostile(door.speech()) as video:
        adapter = OnvifRoom(limits=QUICK, register=registered(known=made(macs=[MAC]))).open(row(video.port))
        assert adapter.climb().reason is Reason.OK
    assert door.logins == ["Digest"]


@pytest.mark.usefixtures("silent_lan")
@pytest.mark.parametrize("challenge", [BASIC, DIGEST])
def test_another_mac_gets_no_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, challenge: str
) -> None:
    monkeypatch.setattr(rtsp_plate, "mac_at", lambda _host, _file: OTHER_MAC)
    door = Door(challenge)
    with Hostile(door.speech()) as video:
        adapter = OnvifRoom(limits=QUICK, register=registered(known=made(macs=[MAC]))).open(row(video.port))
        evidence = adapter.climb()
        assert (evidence.rung, evidence.reason) == (Rung.UNREACHABLE, Reason.OTHER_DEVICE)
        with pytest.raises(DeviceError) as caught:
            adapter.stream_uri()
        assert caught.value.kind is DeviceTrouble.OTHER_DEVICE
    assert door.logins == []


@pytest.mark.usefixtures("silent_lan")
def test_the_mac_of_the_first_success_is_the_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = [MAC]
    monkeypatch.setattr(rtsp_plate, "mac_at", lambda _host, _file: seen[-1])
    register = registered()
    refusing, letting = Door(DIGEST, takes=False), Door(DIGEST)
    with Hostile(refusing.speech()) as video:
        OnvifRoom(limits=QUICK, register=register).open(row(video.port)).climb()
    assert not register.knows("cam")
    with Hostile(letting.speech()) as video:
        adapter = OnvifRoom(limits=QUICK, register=register).open(row(video.port))
        assert adapter.climb().reason is Reason.OK
        assert register.marks_of("cam") == made(macs=[MAC])
        assert adapter.climb().reason is Reason.OK
        seen.append(OTHER_MAC)
        assert adapter.climb().reason is Reason.OTHER_DEVICE


@pytest.mark.usefixtures("silent_lan")
def test_the_channels_of_one_encoder_share_its_mac(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtsp_plate, "mac_at", lambda _host, _file: MAC)
    register, door = registered(known=made(macs=[MAC])), Door(BASIC)
    register.seed("channel-2", made(macs=[MAC]))
    with Hostile(door.speech()) as video:
        adapter = OnvifRoom(limits=QUICK, register=register).open(row(video.port))
        assert adapter.climb().reason is Reason.OK
    assert door.logins == ["Basic"]


@pytest.mark.usefixtures("silent_lan")
def test_the_plate_reads_the_kernels_table(tmp_path: Path) -> None:
    device, register = row(554), registered(known=made(macs=[MAC]))

    def look(mac: str) -> bool:
        return StreamPlate(device, register, neighbours=table(tmp_path, mac)).look("cam")

    assert look(MAC)
    assert not look("")
    with pytest.raises(DeviceError) as caught:
        look(OTHER_MAC)
    assert caught.value.kind is DeviceTrouble.OTHER_DEVICE


def watched(device: Device, adapter: DeviceAdapter) -> Reason:
    """What comes of watching the stream once."""
    watch = PyavRoom(QUICK_VIDEO).watch(
        device, adapter.stream_uri, SceneJudge(), lambda _f, _g: None, refused=adapter.stream_refused
    )
    try:
        until(lambda: watch.state().reason is not Reason.STARTING)
        return watch.state().reason
    finally:
        watch.close()


@pytest.mark.parametrize("ladder_first", [True, False])
def test_ladder_and_video_try_a_wrong_password_once_over_six_restarts(ladder_first: bool) -> None:
    door, notes = Door(DIGEST, takes=False), LooseLeaves()
    with Hostile(door.speech()) as video:
        device = row(video.port)
        for _restart in range(6):
            adapter = OnvifRoom(limits=QUICK, notebook=notes).open(device)
            if ladder_first:
                adapter.climb()
            assert watched(device, adapter) is Reason.AUTH_FAILED
            adapter.climb()
    assert len(door.logins) == 1, door.logins


def test_a_stream_with_another_account_rests_alone_and_over_restarts() -> None:
    notes = LooseLeaves()
    with running(entry("cam", http_port=18081, personality="hik-like", password=PASSWORD)) as county:
        device = a_device(county.device("cam").ip, 18081)
        adapter = OnvifRoom(limits=QUICK, notebook=notes).open(device)
        assert adapter.stream_uri().startswith("rtsp://")
        adapter.stream_refused()
        again = OnvifRoom(limits=QUICK, notebook=notes).open(device)
        for one in (adapter, again):
            with pytest.raises(DeviceError) as caught:
                one.stream_uri()
            assert caught.value.kind is DeviceTrouble.AUTH_BACKOFF
            assert one.climb().reason is Reason.OK
        again.forget_failures()
        assert again.stream_uri().startswith("rtsp://")
        adapter.close()
        again.close()
