"""How much less each stream is looked at when the box is at its bounds. Law: pure; streams that matter more
are never judged less than others, what was shed first comes back last, and packets are always read.

A level is one number for the whole box. Each rank of streams begins to be judged less some levels later than
the rank before it, and then goes down the same steps. The throttle moves the level: down when the load is
above its bound, back one plan at a time when it was calm long enough, and more slowly each time that a step
back brought the load up again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final

from agent.model import FEWER_FRAMES, FULL_ALLOWANCE, KEYS_ONLY, Allowance, Device, ZoneKind
from protocol.words import DeviceClass


@dataclass(frozen=True, slots=True)
class Step:
    """One way of judging a stream; ``name`` is its metric label."""

    name: str
    allowance: Allowance
    words: str


STEPS: Final = (
    Step("full", FULL_ALLOWANCE, "照常 / in full"),
    Step("fewer_frames", FEWER_FRAMES, "少判帧 / fewer frames"),
    Step(
        "key_runs",
        Allowance(max_fps=2.0, alarms=False),
        "关键帧有动静才解码 / runs only where key frames say so",
    ),
    Step("keys", KEYS_ONLY, "只看关键帧 / key frames only"),
    Step("every_2nd_key", Allowance(runs=False, every_key=2), "隔一个关键帧看一次 / every 2nd key frame"),
    Step("every_5th_key", Allowance(runs=False, every_key=5), "每五个关键帧看一次 / every 5th key frame"),
)
_KEYS: Final = next(number for number, step in enumerate(STEPS) if step.allowance == KEYS_ONLY)


class Rank(IntEnum):
    """What a stream is kept for; the higher, the longer."""

    COUNTED = 0
    """Checkpoints and face-capture systems are kept for health and counts, integrated cameras are watched by
    the police."""
    CAMERA = 1
    LOOKOUT = 2
    """Smoke is found by nobody else."""
    GUARDED = 3
    """A closed zone, a line, a place where nobody may stay: found by looking alone."""
    INCIDENT = 4
    """Something more than motion is going on in its picture now."""


_BEGINS_AFTER: Final[Mapping[Rank, int]] = {
    Rank.COUNTED: 0,
    Rank.CAMERA: 1,
    Rank.LOOKOUT: 3,
    Rank.GUARDED: 4,
    Rank.INCIDENT: 6,
}
"""Levels at which a rank is still judged in full."""
MOST_LEVEL: Final = max(_BEGINS_AFTER.values()) + len(STEPS) - 1
_GUARDING: Final = frozenset(
    {ZoneKind.PRESENCE, ZoneKind.DWELL, ZoneKind.CROWD, ZoneKind.LINE, ZoneKind.WATCH}
)
_COUNTED_CLASSES: Final = frozenset(
    {DeviceClass.MICRO_CHECKPOINT, DeviceClass.FACE_CAPTURE, DeviceClass.INTEGRATED}
)


def rank_of(device: Device, *, incident: bool) -> Rank:
    """The rank of a device's stream at this moment."""
    if incident:
        return Rank.INCIDENT
    if any(zone.closed and zone.kind in _GUARDING for zone in device.zones):
        return Rank.GUARDED
    if device.device_class is DeviceClass.LOOKOUT:
        return Rank.LOOKOUT
    return Rank.COUNTED if device.device_class in _COUNTED_CLASSES else Rank.CAMERA


def step_at(level: int, rank: Rank) -> int:
    """Index into STEPS of a rank at a level."""
    return min(max(level - _BEGINS_AFTER[rank], 0), len(STEPS) - 1)


def _plan(level: int, ranks: Collection[Rank]) -> tuple[int, ...]:
    return tuple(step_at(level, rank) for rank in sorted(set(ranks)))


def less(level: int, ranks: Collection[Rank], *, most: int = MOST_LEVEL) -> int:
    """The next level at which any of these ranks is judged less; the same one when there is none."""
    return next((at for at in range(level + 1, most + 1) if _plan(at, ranks) != _plan(level, ranks)), level)


def more(level: int, ranks: Collection[Rank]) -> int:
    """The nearest level at which any of these ranks is judged more, the lowest of those like it."""
    now = _plan(level, ranks)
    nearest = next((plan for at in range(level - 1, -1, -1) if (plan := _plan(at, ranks)) != now), now)
    return next(at for at in range(level + 1) if _plan(at, ranks) == nearest)


def keys_level(ranks: Collection[Rank]) -> int:
    """The level from which every one of these ranks is at key frames only: less frees no memory."""
    return max((_BEGINS_AFTER[rank] + _KEYS for rank in set(ranks)), default=0)


class Cause(StrEnum):
    """What is at its bound."""

    CPU = "cpu"
    LAG = "lag"
    """Pictures are judged late: others have the processor."""
    MEMORY = "memory"


_CALM: Final[Mapping[Cause, float]] = {Cause.CPU: 0.8, Cause.LAG: 0.5, Cause.MEMORY: 0.95}
"""Share of its bound below which a load is calm. Memory that was taken is given back in part only."""


@dataclass(frozen=True, slots=True)
class Load:
    """What was used in a window against what may be, in the same unit."""

    cause: Cause
    used: float
    bound: float

    @property
    def ratio(self) -> float:
        return self.used / self.bound

    @property
    def over(self) -> bool:
        return self.ratio > 1.0

    @property
    def calm(self) -> bool:
        return self.ratio < _CALM[self.cause]


@dataclass(frozen=True, slots=True)
class ThrottleConfig:
    """Seconds."""

    window_s: float = 10.0
    """Loads are means over so long, and the level changes no sooner after a change."""
    calm_s: float = 30.0
    """How long it must have been calm before the level goes back."""
    calm_most_s: float = 300.0
    """The same after steps back that did not last: each doubles it."""
    grace_s: float = 30.0
    """After the start: opening 64 streams costs more than reading them."""


class Throttle:
    """The level of one box. One thread."""

    def __init__(self, config: ThrottleConfig | None = None, *, at_s: float) -> None:
        self._config = config = config or ThrottleConfig()
        self.level = 0
        self.cause = Cause.CPU
        """Of the last shedding."""
        self._may_s = at_s + config.grace_s
        self._calm_since_s: float | None = None
        self._back_s: float | None = None
        """When the level last went back, until that has lasted."""
        self._sore: int | None = None
        """The level to which it went back and where the load was above its bound again."""
        self._sore_wait_s = config.calm_s

    def step(self, at_s: float, loads: Sequence[Load], ranks: Collection[Rank]) -> bool:
        """Take the loads of the window that ends at ``at_s``; returns whether the level changed."""
        worst = max(loads, key=lambda load: load.ratio)
        if not all(load.calm for load in loads):
            self._calm_since_s = None
        elif self._calm_since_s is None:
            self._calm_since_s = at_s
        if at_s < self._may_s:
            return False
        if worst.over:
            return self._shed(at_s, worst, ranks)
        if self._lasted(at_s) and self._sore is not None and self.level <= self._sore:
            self._sore = None
        calm_s = 0.0 if self._calm_since_s is None else at_s - self._calm_since_s
        return self.level > 0 and calm_s >= self._wait_s(ranks) and self._restore(at_s, ranks)

    def _shed(self, at_s: float, worst: Load, ranks: Collection[Rank]) -> bool:
        most = keys_level(ranks) if worst.cause is Cause.MEMORY else MOST_LEVEL
        before = self.level
        relapse = self._back_s is not None and not self._lasted(at_s)
        for _ in range(1 if relapse or worst.ratio <= 1.2 else 2 if worst.ratio <= 1.6 else 3):
            self.level = less(self.level, ranks, most=most)
        if self.level == before:
            return False
        if relapse:
            first_s = self._config.calm_s if self._sore is None else self._sore_wait_s
            self._sore, self._sore_wait_s = before, min(first_s * 2.0, self._config.calm_most_s)
        self._back_s = None
        self.cause = worst.cause
        self._may_s = at_s + self._config.window_s
        return True

    def _lasted(self, at_s: float) -> bool:
        """Whether the last step back was long enough ago for it to have held."""
        return self._back_s is not None and at_s - self._back_s >= 2.0 * self._config.calm_s

    def _wait_s(self, ranks: Collection[Rank]) -> float:
        """How long it must be calm before the next step back."""
        sore = self._sore is not None and more(self.level, ranks) <= self._sore
        return self._sore_wait_s if sore else self._config.calm_s

    def _restore(self, at_s: float, ranks: Collection[Rank]) -> bool:
        self.level = more(self.level, ranks)
        self._back_s = at_s
        self._calm_since_s = None
        self._may_s = at_s + self._config.window_s
        return True


def step_counts(level: int, ranks: Sequence[Rank]) -> Counter[str]:
    """How many streams are at which step, by name of the step."""
    return Counter(STEPS[step_at(level, rank)].name for rank in ranks)


def words_of(allowance: Allowance) -> str:
    """How a stream with this allowance is judged; "" in full."""
    if allowance == FULL_ALLOWANCE:
        return ""
    known = next((step.words for step in STEPS if step.allowance == allowance), "少判 / less")
    chinese, _, english = known.partition(" / ")
    return (
        f"边缘盒负荷已到上限，{chinese}；视频数据仍全部接收 / "
        f"judged less: {english}; the box is at its bound, every packet is still read"
    )
