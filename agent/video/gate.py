"""Which packets are decoded, which pictures judged: the contract, and the simple way. Law: key frames always,
others only on suspicion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from agent.model import Allowance, SightMode


class Why(StrEnum):
    """Why a picture was judged."""

    KEY = "key_frame"
    RUN = "run"
    """Something is there."""
    ALARM = "packets"
    """The packets were surprising."""
    LOW_RATE = "low_rate"
    """It stands for a key frame that is late or asked for in vain."""


@dataclass(frozen=True, slots=True)
class GateState:
    """What a gate does right now, and what it counted; the names are bounded."""

    mode: SightMode = SightMode.KEYS
    running: bool = False
    counters: Mapping[str, int] = field(default_factory=dict)


class DecodeGate(Protocol):
    """Decides for one stream, packet by packet, in their order. One thread, but for ``allow``, ``state``."""

    @property
    def running(self) -> bool:
        """Whether every packet is decoded now."""
        ...

    @property
    def surprise(self) -> float:
        """How far the last packets are over the usual, in deviations; 0.0 without an opinion."""
        ...

    def begin(self) -> None:
        """A new connection begins: the next packets have nothing to do with the last ones."""
        ...

    def hear(self, pts_s: float, *, size_bytes: int, key: bool, room: bool) -> bool:
        """Whether this packet is decoded, with all it needs. ``room``: it could be kept for later instead."""
        ...

    def judges(self, pts_s: float, *, key: bool) -> Why | None:
        """Why this decoded picture is judged; None when it is not."""
        ...

    def saw(self, *, moving: bool | None, key: bool, follow: bool = True) -> None:
        """What the judge said of the picture just judged; None when it could not tell. Without ``follow``
        what moves need not be seen in every picture."""
        ...

    def allow(self, allowance: Allowance) -> None:
        """From now on decode no more than this."""
        ...

    def state(self) -> GateState:
        """What it does right now."""
        ...


class MotionGate:
    """Key frames; after motion all pictures, judged at ``max_fps``, until ``quiet_keys`` are quiet."""

    surprise = 0.0

    def __init__(self, *, max_fps: float = 5.0, quiet_keys: int = 2) -> None:
        self._period_s = 1.0 / max_fps
        self._quiet_keys = quiet_keys
        self._quiet = quiet_keys
        self._judged_s = float("-inf")

    @property
    def running(self) -> bool:
        """Whether every packet is decoded now."""
        return self._quiet < self._quiet_keys

    def begin(self) -> None:
        """Nothing is remembered of packets."""

    def admits(self, *, key: bool) -> bool:
        """Whether a packet of this kind is decoded now."""
        return key or self.running

    def hear(self, pts_s: float, *, size_bytes: int, key: bool, room: bool) -> bool:  # noqa: ARG002
        """Sizes and times tell it nothing."""
        return self.admits(key=key)

    def judges(self, pts_s: float, *, key: bool) -> Why | None:
        """Key frames, and the others at most ``max_fps``."""
        if not key and self._judged_s <= pts_s < self._judged_s + self._period_s - 0.005:
            return None
        self._judged_s = pts_s
        return Why.KEY if key else Why.RUN

    def saw(self, *, moving: bool | None, key: bool, follow: bool = True) -> None:  # noqa: ARG002
        """Motion opens it; quiet key frames close it."""
        if moving:
            self._quiet = 0
        elif key:
            self._quiet = min(self._quiet + 1, self._quiet_keys)

    def allow(self, allowance: Allowance) -> None:
        """Takes the rate alone."""
        self._period_s = 1.0 / allowance.max_fps

    def state(self) -> GateState:
        """Whether it runs."""
        return GateState(running=self.running)
