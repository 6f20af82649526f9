"""Whether video really comes and shows something: one stream watched for some seconds, by hand.

The running box confirms a bad picture over minutes; a trial says what it saw in the seconds it looked.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from agent.detect.for_device import judge_for
from agent.devices import sentences
from agent.devices.address import bracketed
from agent.devices.witness import telling_of
from agent.errors import DeviceError
from agent.model import Device, Finding, Frame, PictureFault, StreamState
from agent.ports import DeviceAdapter
from agent.video.room import PyavRoom
from protocol.words import Reason, Rung

_LOOK_S = 3.0
_STEP_S = 0.1
_MOSTLY = 0.5
_KNOCK_S = 3.0
_RTSP = 554


@dataclass(frozen=True, slots=True)
class Trial:
    """How far the ladder goes above ``authenticated``."""

    rung: Rung
    reason: Reason
    detail: str
    stream: StreamState
    frames: int


class _Eyes:
    """Counts what is found; called from the video room's thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.frames = 0
        self.faults: Counter[PictureFault] = Counter()

    def see(self, _frame: Frame, findings: Sequence[Finding]) -> None:
        with self._lock:
            self.frames += 1
            self.faults.update(one.fault for one in findings if one.present and one.fault is not None)

    def worst(self) -> PictureFault | None:
        with self._lock:
            for fault, times in self.faults.most_common(1):
                return fault if times > self.frames * _MOSTLY else None
        return None


def watch_stream(device: Device, adapter: DeviceAdapter, *, wait_s: float) -> Trial:
    """Wait at most ``wait_s`` for the stream, then look at it for some seconds."""
    eyes = _Eyes()
    asked = _knocked(adapter)
    watch = PyavRoom().watch(
        device, adapter.stream_uri, judge_for(device), eyes.see, refused=adapter.stream_refused
    )
    with contextlib.closing(watch):
        _until(lambda: watch.state().up or watch.state().reason is not Reason.STARTING, wait_s)
        state = watch.state()
        if not state.up:
            reason = Reason.NO_STREAM if state.reason is Reason.STARTING else state.reason
            detail = state.detail or sentences.no_video(wait_s)
            detail = detail if asked is None else _with_way_out(device, asked, detail)
            return Trial(Rung.AUTHENTICATED, reason, detail, state, eyes.frames)
        _until(lambda: eyes.frames > 0, wait_s)
        time.sleep(_LOOK_S)
        state = watch.state()
    fault = eyes.worst()
    picture = f"{state.codec} {state.width}x{state.height} {state.fps:.1f} fps {state.kbps:.0f} kbit/s"
    if eyes.frames == 0:
        told = f"{picture}: 没有能解码的画面 / nothing that can be decoded"
        return Trial(Rung.AUTHENTICATED, Reason.BAD_STREAM, told, state, 0)
    if fault is not None:
        return Trial(Rung.STREAMING, fault.reason, picture, state, eyes.frames)
    return Trial(Rung.PICTURE_OK, Reason.OK, picture, state, eyes.frames)


def knock(host: str, port: int) -> bool:
    """Whether a port takes a connection; told as an exchange."""
    with (
        contextlib.suppress(OSError),
        telling_of("TCP connect", f"{bracketed(host)}:{port}") as told,
        socket.create_connection((host, port), timeout=_KNOCK_S),
    ):
        told.heard("已连上 connected")
        return True
    return False


def _knocked(adapter: DeviceAdapter) -> tuple[int, bool] | None:
    """The port of the stream and whether it takes a connection; None where no stream is told."""
    try:
        uri = urlsplit(adapter.stream_uri())
    except DeviceError:
        return None
    port = uri.port or _RTSP
    return port, knock(uri.hostname or "", port)


def _with_way_out(device: Device, asked: tuple[int, bool], detail: str) -> str:
    """What to do when the returned port is dead and the enrolled one answers."""
    port, answers = asked
    if answers or port == device.rtsp_port or not knock(device.host, device.rtsp_port):
        return detail
    return sentences.port_dead(detail, device.rtsp_port)


def _until(is_so: Callable[[], bool], seconds: float) -> None:
    ends = time.monotonic() + seconds
    while not is_so() and time.monotonic() < ends:
        time.sleep(_STEP_S)
