"""Whether video really comes and shows something: one stream watched for some seconds, by hand.

The running box confirms a bad picture over minutes; a trial says what it saw in the seconds it looked.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.app import judge_for
from agent.model import Device, Finding, Frame, PictureFault, StreamState
from agent.ports import DeviceAdapter
from agent.video.room import PyavRoom
from protocol.words import Reason, Rung

_LOOK_S = 3.0
_STEP_S = 0.1
_MOSTLY = 0.5


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
    watch = PyavRoom().watch(
        device, adapter.stream_uri, judge_for(device), eyes.see, refused=adapter.stream_refused
    )
    with contextlib.closing(watch):
        _until(lambda: watch.state().up or watch.state().reason is not Reason.STARTING, wait_s)
        state = watch.state()
        if not state.up:
            reason = Reason.NO_STREAM if state.reason is Reason.STARTING else state.reason
            detail = state.detail or f"{wait_s:g} 秒内没有视频 / no video within {wait_s:g} s"
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


def _until(is_so: Callable[[], bool], seconds: float) -> None:
    ends = time.monotonic() + seconds
    while not is_so() and time.monotonic() < ends:
        time.sleep(_STEP_S)
