"""Which packets are decoded, which pictures judged. Law: key frames always, others only on suspicion."""

from __future__ import annotations

from typing import Protocol


class DecodeGate(Protocol):
    """Decides for one stream, packet by packet, in their order."""

    @property
    def running(self) -> bool:
        """Whether the packets after a key frame are decoded too."""
        ...

    def admits(self, *, key: bool) -> bool:
        """Whether this packet is decoded."""
        ...

    def judges(self, pts_s: float, *, key: bool) -> bool:
        """Whether this decoded picture is judged."""
        ...

    def saw(self, *, moving: bool, key: bool) -> None:
        """What the judge said of the picture just judged."""
        ...


class MotionGate:
    """Key frames; after motion all pictures, judged at ``max_fps``, until ``quiet_keys`` are quiet."""

    def __init__(self, *, max_fps: float = 5.0, quiet_keys: int = 2) -> None:
        self._period_s = 1.0 / max_fps
        self._quiet_keys = quiet_keys
        self._quiet = quiet_keys
        self._judged_s = float("-inf")

    @property
    def running(self) -> bool:
        return self._quiet < self._quiet_keys

    def admits(self, *, key: bool) -> bool:
        return key or self.running

    def judges(self, pts_s: float, *, key: bool) -> bool:
        due = key or not self._judged_s <= pts_s < self._judged_s + self._period_s - 0.005
        if due:
            self._judged_s = pts_s
        return due

    def saw(self, *, moving: bool, key: bool) -> None:
        if moving:
            self._quiet = 0
        elif key:
            self._quiet = min(self._quiet + 1, self._quiet_keys)
