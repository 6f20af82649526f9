"""Keeps the box under its processor and memory bounds: judges less, in order of rank, and says so. Law: no
stream is ever closed or left unread for load."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Final, Protocol

from agent import metrics
from agent.config import BoundsSection
from agent.errors import StoreFull
from agent.model import Allowance
from agent.ports import Log
from agent.services.live_count import Sample, Seen, SightCount, count
from agent.shedding import STEPS, Cause, Load, Rank, Throttle, ThrottleConfig, step_at
from protocol.messages import BoxEvent
from runtime.clock import Clock
from runtime.cores import usable_cores
from runtime.memory import give_back, resident_bytes

log = logging.getLogger(__name__)

TICK_S = 2.0
LAG_BOUND_S: Final = 2.0
"""Half of the streams judged later than this: the processor is elsewhere. A run looks back 0.6 s."""
_DETAIL: Final = 200


class Eyes(Protocol):
    """The watched streams, as the governor needs them."""

    def seen(self) -> Sequence[Seen]:
        """Every watched stream now."""
        ...

    def allow(self, device: str, allowance: Allowance) -> None:
        """Judge this stream no more than that from now on."""
        ...


@dataclass(frozen=True, slots=True)
class Gauges:
    """Where the process's own figures come from."""

    cores: float
    cpu_s: Callable[[], float] = time.process_time
    memory_bytes: Callable[[], int] = resident_bytes
    give_back: Callable[[], object] = give_back

    @classmethod
    def here(cls) -> Gauges:
        """This process on this machine."""
        return cls(usable_cores())


class Governor:
    """One a box. ``step`` measures and moves; ``report`` may be asked from any thread."""

    def __init__(
        self,
        eyes: Eyes,
        *,
        log_: Log,
        clock: Clock,
        bounds: BoundsSection,
        gauges: Gauges | None = None,
        config: ThrottleConfig | None = None,
    ) -> None:
        self._eyes = eyes
        self._log = log_
        self._clock = clock
        self._bounds = bounds
        self._gauges = gauges or Gauges.here()
        self._config = config or ThrottleConfig()
        self._throttle = Throttle(self._config, at_s=clock.monotonic())
        self._samples: deque[Sample] = deque()
        self._window_began_s = clock.monotonic()
        self._lock = threading.Lock()
        self._count: SightCount | None = None
        self._since = clock.now()
        self._owed: tuple[BoxEvent, str] | None = None
        self._told: dict[str, int] = {}

    @property
    def level(self) -> int:
        """0: every stream is judged in full."""
        return self._throttle.level

    def step(self) -> float:
        """Measure; at the end of a window decide; hand every stream its allowance."""
        now_s = self._clock.monotonic()
        sample = self._sample(now_s)
        counted = count(self._samples[0], sample, cores=self._gauges.cores, level=self.level)
        changed = now_s - self._window_began_s >= self._config.window_s and self._decide(counted, now_s)
        ranks = [seen.rank for seen in sample.seen]
        for seen, rank in zip(sample.seen, ranks, strict=True):  # also those that were opened meanwhile
            self._eyes.allow(seen.device.id, STEPS[step_at(self.level, rank)].allowance)
        self._publish(counted)
        if changed:
            self._tell(counted, ranks)
        self._pay()
        return TICK_S

    def report(self) -> dict[str, object]:
        """The live count as a document of plain values."""
        with self._lock:
            counted, level, cause, since = self._count, self.level, self._throttle.cause, self._since
        bounds = self._bounds
        return {
            "cpu_bound": bounds.cpu_share,
            "memory_bound_bytes": bounds.memory_mb * 2**20,
            "shed_level": level,
            "shed_cause": cause.value if level else "",
            "shed_since": since.isoformat(timespec="seconds") if level else None,
            **(asdict(counted) if counted is not None else {"each": []}),
        }

    def _sample(self, now_s: float) -> Sample:
        gauges = self._gauges
        sample = Sample(now_s, gauges.cpu_s(), gauges.memory_bytes(), self._eyes.seen())
        self._samples.append(sample)
        while len(self._samples) > 2 and now_s - self._samples[1].at_s >= self._config.window_s:
            self._samples.popleft()
        return sample

    def _decide(self, counted: SightCount, now_s: float) -> bool:
        self._window_began_s = now_s
        bounds = self._bounds
        memory = Load(Cause.MEMORY, counted.memory_bytes, bounds.memory_mb * 2**20)
        if not memory.calm:
            self._gauges.give_back()
            memory = Load(Cause.MEMORY, self._gauges.memory_bytes(), memory.bound)
        loads = (
            Load(Cause.CPU, counted.cpu_ratio, bounds.cpu_share),
            Load(Cause.LAG, counted.usual_lag_s, LAG_BOUND_S),
            memory,
        )
        with self._lock:
            before = self.level
            changed = self._throttle.step(now_s, loads, {seen.rank for seen in self._samples[-1].seen})
            if changed and not before:
                self._since = self._clock.now()
        if changed:
            way = "less" if self.level > before else "more"
            metrics.SIGHT_CHANGES.labels(way=way, cause=self._throttle.cause).inc()
        return changed

    def _publish(self, counted: SightCount) -> None:
        with self._lock:
            self._count = counted
        metrics.SIGHT_SHED_LEVEL.set(self.level)
        metrics.SIGHT_CPU.set(counted.cpu_ratio)
        metrics.SIGHT_MEMORY.set(counted.memory_bytes)
        for step, streams in counted.steps.items():
            metrics.SIGHT_STEPS.labels(step=step).set(streams)
        told = {}
        for seen in self._samples[-1].seen:
            packets, before = seen.state.counters.get("packets", 0), self._told.get(seen.device.id, 0)
            # a stream at another address counts anew
            metrics.SIGHT_PACKETS.inc(packets - before if packets >= before else packets)
            told[seen.device.id] = packets
        self._told = told

    def _tell(self, counted: SightCount, ranks: Sequence[Rank]) -> None:
        steps = [STEPS[step_at(self.level, rank)] for rank in ranks]
        shed = [step for step in STEPS[1:] if step in steps]
        if not shed:
            detail = "负荷已降，全部视频照常判断 / the load is down: every stream is judged in full again"
            self._owed = BoxEvent(what="sight_restored", detail=detail), "INFO"
        else:
            streams = sum(step is not STEPS[0] for step in steps)
            chinese = "，".join(f"{step.words.partition(' / ')[0]} {steps.count(step)}" for step in shed)
            english = ", ".join(f"{step.words.partition(' / ')[2]} {steps.count(step)}" for step in shed)
            why = self._why(counted)
            detail = (
                f"{why[0]}，{streams} 路少判：{chinese} / {why[1]}, {streams} streams judged less: {english}"
            )
            self._owed = BoxEvent(what="sight_shed", detail=detail[:_DETAIL]), "WARN"
        level = logging.WARNING if shed else logging.INFO
        log.log(level, "sight level=%d cause=%s %s", self.level, self._throttle.cause, detail)

    def _why(self, counted: SightCount) -> tuple[str, str]:
        match self._throttle.cause:
            case Cause.CPU:
                used, bound = f"{counted.cpu_ratio:.0%}", f"{self._bounds.cpu_share:.0%}"
                return f"处理器 {used}（上限 {bound}）", f"CPU {used} of {bound}"
            case Cause.LAG:
                return f"判断滞后 {counted.usual_lag_s:.1f} 秒", f"{counted.usual_lag_s:.1f} s behind"
            case Cause.MEMORY:
                used, bound = f"{counted.memory_bytes >> 20} MB", f"{self._bounds.memory_mb} MB"
                return f"内存 {used}（上限 {bound}）", f"memory {used} of {bound}"

    def _pay(self) -> None:
        """Write the last change to the log; while that is full it is owed."""
        if self._owed is None:
            return
        event, severity = self._owed
        try:
            self._log.append(event, at=self._clock.now(), severity=severity)
        except StoreFull:
            return
        self._owed = None
