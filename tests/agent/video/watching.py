"""What the tests of the reader share: short waits, keeping what was shown, waiting with a deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Self

from agent.detect import SceneJudge
from agent.model import Device, Finding, Frame
from agent.ports import FrameJudge
from agent.video import PyavRoom, VideoConfig
from agent.video.health import HealthLimits
from agent.video.reader import StreamReader

QUICK = VideoConfig(
    open_timeout_s=1.5,
    slice_s=0.2,
    limits=HealthLimits(no_packet_s=1.0, no_picture_s=1.5),
    backoff_base_s=0.05,
    backoff_ceiling_s=0.2,
    steady_s=0.5,
    auth_pause_s=60.0,
)


def until(true: Callable[[], object], *, within_s: float = 10.0, what: str = "") -> None:
    """Wait until something holds; fails after the deadline."""
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what or true}"
        time.sleep(0.02)


class Watching:
    """A stream under watch and everything it showed."""

    def __init__(
        self,
        device: Device,
        url: str | Callable[[], str],
        *,
        config: VideoConfig = QUICK,
        judge: FrameJudge | None = None,
        ask_key: Callable[[], object] | None = None,
    ) -> None:
        self._lock = threading.Lock()
        self._shown: list[tuple[Frame, Sequence[Finding]]] = []
        uri = url if callable(url) else lambda: url
        self.watch: StreamReader = PyavRoom(config).watch(
            device, uri, judge or SceneJudge(), self._keep, ask_key=ask_key
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.watch.close()

    @property
    def shown(self) -> list[tuple[Frame, Sequence[Finding]]]:
        with self._lock:
            return list(self._shown)

    def _keep(self, frame: Frame, findings: Sequence[Finding]) -> None:
        with self._lock:
            self._shown.append((frame, findings))
