"""What looking takes and brings now: streams, gates, pictures a second, lag, processor, memory. Law: pure;
two samples in, one count out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from agent.model import Device, StreamState
from agent.shedding import STEPS, Rank, rank_of, step_at


@dataclass(frozen=True, slots=True)
class Seen:
    """One watched stream at one moment."""

    device: Device
    state: StreamState
    incident: bool = False
    """More than motion goes on in its picture."""

    @property
    def rank(self) -> Rank:
        return rank_of(self.device, incident=self.incident)


@dataclass(frozen=True, slots=True)
class Sample:
    """The whole box at one moment. ``cpu_s`` is the process's own."""

    at_s: float
    cpu_s: float
    memory_bytes: int
    seen: Sequence[Seen]


@dataclass(frozen=True, slots=True)
class StreamCount:
    """One stream over a window."""

    device: str
    state: str
    up: bool
    picture: str
    """``1280x720 h264``; "" before the first."""
    rank: str
    step: str
    mode: str
    gate_open: bool
    packets_per_s: float
    keys_per_s: float
    decoded_per_s: float
    judged_per_s: float
    kbps: float
    lag_s: float
    lost_frames: int
    reconnects: int
    detail: str


@dataclass(frozen=True, slots=True)
class SightCount:
    """All streams over a window."""

    window_s: float
    cores: float
    cpu_ratio: float
    """Share of all cores, 0 to 1."""
    memory_bytes: int
    up: int
    gates_open: int
    packets_per_s: float
    decoded_per_s: float
    judged_per_s: float
    lag_s: float
    """Of the stream that is furthest behind."""
    usual_lag_s: float
    """The median: one stream alone cannot move it."""
    lost_frames: int
    steps: Mapping[str, int]
    """How many streams are at which step of shedding."""
    each: Sequence[StreamCount]


def count(first: Sample, last: Sample, *, cores: float, level: int) -> SightCount:
    """What happened between two samples; ``level`` is that of shedding."""
    window_s = max(last.at_s - first.at_s, 0.001)
    before = {seen.device.id: seen.state.counters for seen in first.seen}
    each = [
        _stream(seen, before.get(seen.device.id, {}), window_s=window_s, level=level) for seen in last.seen
    ]
    lags = [one.lag_s for one in each if one.up]
    steps = Counter(one.step for one in each)
    return SightCount(
        window_s=round(window_s, 1),
        cores=cores,
        cpu_ratio=round((last.cpu_s - first.cpu_s) / window_s / cores, 4),
        memory_bytes=last.memory_bytes,
        up=sum(one.up for one in each),
        gates_open=sum(one.gate_open for one in each),
        packets_per_s=round(sum(one.packets_per_s for one in each), 1),
        decoded_per_s=round(sum(one.decoded_per_s for one in each), 1),
        judged_per_s=round(sum(one.judged_per_s for one in each), 1),
        lag_s=max(lags, default=0.0),
        usual_lag_s=median(lags) if lags else 0.0,
        lost_frames=sum(one.lost_frames for one in each),
        steps={step.name: steps[step.name] for step in STEPS},
        each=each,
    )


def _stream(seen: Seen, before: Mapping[str, int], *, window_s: float, level: int) -> StreamCount:
    state = seen.state

    def rate(counter: str) -> float:
        return round(max(state.counters.get(counter, 0) - before.get(counter, 0), 0) / window_s, 2)

    return StreamCount(
        device=seen.device.id,
        state=state.reason.value,
        up=state.up,
        picture=f"{state.width}x{state.height} {state.codec}" if state.width else "",
        rank=seen.rank.name.lower(),
        step=STEPS[step_at(level, seen.rank)].name,
        mode=state.mode.value,
        gate_open=state.up and state.running,
        packets_per_s=rate("packets"),
        keys_per_s=rate("keyframes"),
        decoded_per_s=rate("decoded"),
        judged_per_s=rate("judged"),
        kbps=state.kbps,
        lag_s=state.lag_s,
        lost_frames=state.counters.get("lost_frames", 0),
        reconnects=state.counters.get("reconnects", 0),
        detail=state.detail,
    )
