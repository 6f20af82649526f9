"""Which packets of a stream are decoded: sizes first, key frames next, the running GOP only while either says
that something is there. Law: it trusts what it measured of itself, and looks at every key frame unless it is
told not to.

```
 packet ──> packet gate ──alarm, where it is listened to──> run: decode on from what was kept of the GOP
      └──> key frame ──> judge ──something moves──────────> run, until nothing moved for quiet_s, or it is
                │                                               certain: key frames then see it stay (settled)
                └─ too rare ──> ask for one ──in vain──> one picture a second (low rate)
```
A run that an alarm began ends after ``doubt_s`` when the pictures show nothing, and counts against the gate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from agent.model import FULL_ALLOWANCE, Allowance, SightMode
from agent.video.agreement import Agreement, Hearing
from agent.video.gate import GateState, Why
from agent.video.key_frames import AskKey, KeyFrameConfig, KeyFrames
from agent.video.packet_gate import PacketGate, PacketGateConfig

_BACK_S: Final = 1.0
"""Stream time that goes back further than reordering explains is another clock."""
_NEVER_S: Final = float("-inf")


@dataclass(frozen=True, slots=True)
class CascadeConfig:
    """Seconds of stream time, and deviations."""

    packets: PacketGateConfig = field(default_factory=PacketGateConfig)
    keys: KeyFrameConfig = field(default_factory=KeyFrameConfig)
    surprise: float = 3.0
    """Deviations from which packets raise an alarm; a false one raises it, time lowers it again."""
    surprise_most: float = 40.0
    after_false: float = 1.3
    forget_s: float = 1800.0
    quiet_s: float = 1.0
    """A run ends when nothing moved for so long."""
    settled_s: float = 1.0
    """Or so long after something was found, where key frames are enough to see it stay: a street that is
    never empty would be decoded all day."""
    doubt_s: float = 1.0
    """A run that an alarm began ends so soon when it shows nothing."""
    before_s: float = 0.6
    """Of what was kept before an alarm, the last so many seconds are judged."""
    alarm_gap_s: float = 1.0
    alarm_burst: int = 6
    alarm_every_s: float = 60.0
    """No more alarms are followed in vain than a burst, and one in so long."""
    late_s: float = 3.0
    """A picture is due so long after the last one judged, whatever key frames do."""
    low_rate_s: float = 1.0
    """The same in low rate."""


@dataclass(slots=True)
class _Run:
    since_s: float
    alarmed: bool
    moved_s: float
    found_s: float = _NEVER_S
    found: bool = False
    told: int = 0
    """Pictures the judge could tell something about."""


class Cascade:
    """A DecodeGate for one stream."""

    def __init__(
        self,
        config: CascadeConfig | None = None,
        *,
        ask_key: AskKey | None = None,
        hour: Callable[[], int] = lambda: 0,
        agreement: Agreement | None = None,
    ) -> None:
        """``ask_key`` hands over a request for a key frame; ``hour`` tells the hour of the day, 0 to 23;
        ``agreement`` is what was measured before."""
        self._config = config = config or CascadeConfig()
        self._packets = PacketGate(config.packets)
        self._keys = KeyFrames(config.keys, ask=ask_key)
        self._agreement = agreement or Agreement()
        self._hour = hour
        self._allowance = FULL_ALLOWANCE
        self._counters: Counter[str] = Counter(dict.fromkeys(_COUNTERS, 0))
        self._limit = config.surprise
        self._credit = float(config.alarm_burst)
        self._key_number = 0
        self._surprise = 0.0
        self._run: _Run | None = None
        self.begin()

    def begin(self) -> None:
        """A new connection: a run ends without a verdict; what was measured stays."""
        self._packets.begin()
        self._keys.begin()
        self._run = None
        self._follows, self._settled = True, False
        """Whether every picture of what moves is wanted; and whether it is known that something moves and key
        frames watch it stay."""
        self._heard_s = self._key_s = self._check_s = self._before_s = self._judged_s = _NEVER_S
        self._alarm_s = _NEVER_S

    def allow(self, allowance: Allowance) -> None:
        """From now on decode no more than this."""
        self._allowance = allowance

    @property
    def running(self) -> bool:
        """Whether every packet is decoded now."""
        return self._run is not None

    @property
    def surprise(self) -> float:
        """How far the last packets are over the usual, in deviations; 0.0 without an opinion."""
        return self._surprise

    @property
    def hearing(self) -> Hearing:
        """What the packet gate is worth at this hour."""
        return self._agreement.hearing(self._hour())

    def state(self) -> GateState:
        """What it does right now."""
        return GateState(
            self._keys.mode, self._run is not None, {**self._counters, "keys_asked": self._keys.asked}
        )

    def hear(self, pts_s: float, *, size_bytes: int, key: bool, room: bool) -> bool:
        """Whether this packet is decoded, with all it needs since the last decoded one."""
        if pts_s < self._heard_s - _BACK_S:
            self.begin()
        self._heard_s = max(self._heard_s, pts_s)
        allowance = self._allowance
        learn = self._run is None or not self._run.found
        self._surprise = self._packets.hear(size_bytes, key=key, at_s=pts_s, learn=learn)
        if key:
            self._came(pts_s)
        mode = self._keys.look(pts_s, may_ask=allowance.every_key == 1)
        alarm = self._surprise >= self._limit and self._alarm(pts_s)
        run = self._run
        if run is not None and (not allowance.runs or self._over(run, pts_s)):
            run = self._run = None
        if key:
            self._key_number += 1
            return self._key_number % allowance.every_key == 0
        if not allowance.runs:
            return False
        if alarm and allowance.alarms and not self._settled and self._follow():
            run = self._run = _Run(pts_s, True, _NEVER_S)
        return run is not None or self._due(pts_s, mode) or (not room and self._cannot_wait(mode))

    def judges(self, pts_s: float, *, key: bool) -> Why | None:
        """Why this decoded picture is judged."""
        why = Why.KEY if key else self._why(pts_s)
        if why in (Why.KEY, Why.LOW_RATE):
            self._before_s, self._check_s = self._check_s, pts_s
        if why is Why.LOW_RATE:
            self._counters["low_rate_checks"] += 1
        if why is not None:
            self._judged_s = pts_s
        return why

    def saw(self, *, moving: bool | None, key: bool, follow: bool = True) -> None:
        """What the judge said of the picture just judged; without ``follow`` it need not see every one."""
        run, at_s = self._run, self._judged_s
        self._follows = follow
        if key and (follow or moving is False):
            self._settled = False
        if run is not None and moving is not None:
            run.told += 1
        if not moving or self._settled:
            return
        if run is None:
            self._began(heard=self._alarm_s >= self._before_s - self._config.before_s)
            if self._allowance.runs:
                self._run = _Run(at_s, False, at_s, found_s=at_s, found=True)
            return
        if not run.found:
            run.found_s = at_s
            self._began(heard=True)
            if run.alarmed:
                self._counters["alarms_right"] += 1
                self._credit += 1.0
                self._agreement.alarm(right=True, hour=self._hour())
        run.found, run.moved_s = True, at_s

    def _came(self, pts_s: float) -> None:
        if self._key_s > _NEVER_S:
            passed_s = min(max(pts_s - self._key_s, 0.0), 60.0)
            config = self._config
            self._limit -= (self._limit - config.surprise) * min(passed_s / config.forget_s, 1.0)
            self._credit = min(self._credit + passed_s / config.alarm_every_s, float(config.alarm_burst))
        self._key_s = pts_s
        self._keys.came(pts_s)

    def _alarm(self, pts_s: float) -> bool:
        """Whether surprising packets are an alarm of their own."""
        fresh = pts_s - self._alarm_s >= self._config.alarm_gap_s
        self._alarm_s = pts_s
        if not fresh or self._run is not None:
            return False
        self._counters["alarms"] += 1
        return True

    def _follow(self) -> bool:
        """Whether an alarm is followed: the gate is listened to, and not too often."""
        if self._credit < 1.0 or not self._agreement.listens(self._hour()):
            self._counters["alarms_unheeded"] += 1
            return False
        self._credit -= 1.0
        return True

    def _over(self, run: _Run, pts_s: float) -> bool:
        if run.found:
            self._settled = not self._follows and pts_s - run.found_s > self._config.settled_s
            return self._settled or pts_s - run.moved_s > self._config.quiet_s
        if pts_s - run.since_s <= self._config.doubt_s:
            return False
        if run.alarmed and run.told:
            self._counters["alarms_false"] += 1
            self._agreement.alarm(right=False, hour=self._hour())
            self._limit = min(self._limit * self._config.after_false, self._config.surprise_most)
        return True

    def _began(self, *, heard: bool) -> None:
        self._counters["found"] += 1
        self._counters["heard"] += heard
        self._agreement.finding(heard=heard, hour=self._hour())

    def _why(self, pts_s: float) -> Why | None:
        if self._allowance.runs and self._due(pts_s, self._keys.mode):
            return Why.LOW_RATE
        run = self._run
        if run is None or pts_s < run.since_s - self._config.before_s:
            return None
        if pts_s - self._judged_s < 1.0 / self._allowance.max_fps - 0.005:
            return None
        return Why.RUN if run.found else Why.ALARM

    def _due(self, pts_s: float, mode: SightMode) -> bool:
        """Whether it is too long since a picture was judged on its own."""
        config = self._config
        due_s = config.low_rate_s if mode is SightMode.LOW_RATE else config.late_s
        return self._key_s > _NEVER_S and pts_s - max(self._check_s, self._key_s) >= due_s - 0.005

    def _cannot_wait(self, mode: SightMode) -> bool:
        """Whether what does not fit must be decoded now, for it may be needed."""
        return mode is SightMode.LOW_RATE or self._keys.unknown


_COUNTERS: Final = (
    "alarms",
    "alarms_right",
    "alarms_false",
    "alarms_unheeded",
    "found",
    "heard",
    "low_rate_checks",
)
