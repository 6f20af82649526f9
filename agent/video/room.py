"""Opens streams: one reader for each that is watched."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2

from agent.model import Device, Finding, Frame
from agent.ports import FrameJudge
from agent.video.cascade import Cascade
from agent.video.gate import DecodeGate
from agent.video.hearings import Hearings
from agent.video.key_frames import AskKey, PacedAsking
from agent.video.reader import StreamReader, VideoConfig
from runtime.clock import Clock, SystemClock

cv2.setNumThreads(1)  # a stream has its thread; OpenCV's own would wake for pictures of 160x90

__all__ = ["PyavRoom", "VideoConfig"]


class PyavRoom:
    """A VideoRoom on libav."""

    def __init__(
        self,
        config: VideoConfig | None = None,
        *,
        clock: Clock | None = None,
        gate: Callable[[], DecodeGate] | None = None,
        hearings: Hearings | None = None,
    ) -> None:
        """``hearings`` has what was measured of the packet gates before; without it they begin anew."""
        self._config = config or VideoConfig()
        self._clock = clock or SystemClock()
        self._gate = gate
        self._hearings = hearings

    def watch(
        self,
        device: Device,
        uri: Callable[[], str],
        judge: FrameJudge,
        on_findings: Callable[[Frame, Sequence[Finding]], None],
        *,
        refused: Callable[[], object] = lambda: None,
        ask_key: AskKey | None = None,
    ) -> StreamReader:
        """Start reading. ``uri`` is asked anew at every connect and may raise DeviceError; ``ask_key`` hands
        a request for a key frame over to the device room, and returns at once."""
        ask = None if ask_key is None else PacedAsking(ask_key, monotonic=self._clock.monotonic)
        known = None if self._hearings is None else self._hearings.of(device.id)
        gate = self._gate() if self._gate else Cascade(ask_key=ask, hour=self._hour, agreement=known)
        return StreamReader(
            device,
            uri,
            judge,
            on_findings,
            refused=refused,
            gate=gate,
            config=self._config,
            clock=self._clock,
        )

    def _hour(self) -> int:
        return self._clock.now().hour
