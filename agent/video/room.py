"""Opens streams: one reader for each that is watched."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2

from agent.model import Device, Finding, Frame
from agent.ports import FrameJudge
from agent.video.gate import DecodeGate, MotionGate
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
        gate: Callable[[], DecodeGate] = MotionGate,
    ) -> None:
        self._config = config or VideoConfig()
        self._clock = clock or SystemClock()
        self._gate = gate

    def watch(
        self,
        device: Device,
        uri: Callable[[], str],
        judge: FrameJudge,
        on_findings: Callable[[Frame, Sequence[Finding]], None],
        *,
        refused: Callable[[], object] = lambda: None,
    ) -> StreamReader:
        """Start reading. ``uri`` is asked anew at every connect and may raise DeviceError."""
        return StreamReader(
            device,
            uri,
            judge,
            on_findings,
            refused=refused,
            gate=self._gate(),
            config=self._config,
            clock=self._clock,
        )
