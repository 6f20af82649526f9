"""The governor on fake streams: what it measures, hands out, writes and shows."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

from prometheus_client import REGISTRY

from agent.config import BoundsSection
from agent.model import FULL_ALLOWANCE, KEYS_ONLY, Allowance, Device, StreamState, Zone
from agent.services.governor import Gauges, Governor
from agent.services.live_count import Seen
from protocol.messages import BoxEvent
from protocol.words import DeviceClass, Reason
from runtime.clock import ManualClock
from tests.agent.services.fakes import FakeLog, device

YARD = Zone("yard", ((0, 0), (1, 0), (1, 1)))
UP = StreamState(up=True, reason=Reason.OK, codec="h264", width=1280, height=720, running=True)


@dataclass
class FakeEyes:
    """Streams whose counters grow as the test says."""

    streams: dict[str, Seen]
    allowed: dict[str, Allowance] = field(default_factory=dict)

    def seen(self) -> list[Seen]:
        return list(self.streams.values())

    def allow(self, device: str, allowance: Allowance) -> None:
        self.allowed[device] = allowance

    def watched(self, name: str, **counters: int) -> None:
        seen = self.streams[name]
        self.streams[name] = replace(
            seen, state=replace(seen.state, counters={**seen.state.counters, **counters})
        )


class Box:
    """A governor whose process uses what the test says."""

    def __init__(self, *devices: Device, **bounds: float) -> None:
        self.eyes = FakeEyes({one.id: Seen(one, UP) for one in devices})
        self.log = FakeLog()
        self.clock = ManualClock()
        self.cpu_s, self.memory_bytes, self.given_back = 0.0, 200 * 2**20, 0
        gauges = Gauges(2.0, lambda: self.cpu_s, lambda: self.memory_bytes, self._give_back)
        self.governor = Governor(
            self.eyes,
            log_=self.log,
            clock=self.clock,
            bounds=BoundsSection.model_validate(bounds),
            gauges=gauges,
        )

    def _give_back(self) -> None:
        self.given_back += 1

    def live(self, seconds: float, *, cpu: float) -> None:
        """Let time pass at this share of the two cores."""
        passed = 0.0
        while passed < seconds:
            pause_s = self.governor.step()
            self.clock.advance(pause_s)
            self.cpu_s += pause_s * 2.0 * cpu
            passed += pause_s

    def events(self) -> list[tuple[str, str]]:
        return [(event.what, event.detail) for event in self.log.all(BoxEvent) if isinstance(event, BoxEvent)]


def guarded(name: str) -> Device:
    return replace(device(name), zones=(YARD,))


def test_a_box_within_its_bounds_judges_everything_and_says_nothing() -> None:
    box = Box(device("a"), device("b"))
    box.live(300, cpu=0.5)
    assert box.eyes.allowed == {"a": FULL_ALLOWANCE, "b": FULL_ALLOWANCE}
    assert box.events() == []
    assert box.governor.level == 0


def test_over_its_bound_the_least_is_shed_first_and_the_log_says_what_and_why() -> None:
    box = Box(device("checkpoint", DeviceClass.MICRO_CHECKPOINT), device("street"), guarded("yard"))
    box.live(34, cpu=0.62)
    assert box.eyes.allowed["checkpoint"] != FULL_ALLOWANCE
    assert box.eyes.allowed["street"] == box.eyes.allowed["yard"] == FULL_ALLOWANCE
    ((what, detail),) = box.events()
    assert what == "sight_shed"
    assert "处理器 62%（上限 60%），1 路少判：少判帧 1" in detail
    assert "CPU 62% of 60%, 1 streams judged less: fewer frames 1" in detail
    assert box.log.entries[0].severity == "WARN"


def test_far_over_its_bound_it_goes_down_to_every_fifth_key_frame_and_reads_on() -> None:
    box = Box(device("street"), guarded("yard"))
    box.live(200, cpu=1.0)
    assert all(not allowed.runs and allowed.every_key == 5 for allowed in box.eyes.allowed.values())
    assert set(box.eyes.streams) == {"street", "yard"}
    assert all(len(detail) <= 200 for _, detail in box.events())


def test_when_the_load_is_down_all_comes_back_and_that_is_told_once() -> None:
    box = Box(device("street"))
    box.live(60, cpu=0.9)
    assert box.governor.level > 0
    box.live(600, cpu=0.1)
    assert box.eyes.allowed == {"street": FULL_ALLOWANCE}
    assert [what for what, _ in box.events()].count("sight_restored") == 1
    assert box.events()[-1][0] == "sight_restored"
    assert box.log.entries[-1].severity == "INFO"


def test_an_incident_is_judged_in_full_at_once_without_an_entry() -> None:
    box = Box(device("street"), device("corner"))
    box.live(44, cpu=0.7)
    told = len(box.events())
    box.eyes.streams["street"] = replace(box.eyes.streams["street"], incident=True)
    box.live(4, cpu=0.55)
    assert box.eyes.allowed["street"] == FULL_ALLOWANCE
    assert box.eyes.allowed["corner"] != FULL_ALLOWANCE
    assert len(box.events()) == told


def test_a_stream_that_comes_under_load_is_judged_as_its_like() -> None:
    box = Box(device("street"))
    box.live(200, cpu=1.0)
    box.eyes.streams["new"] = Seen(device("new"), UP)
    box.live(2, cpu=1.0)
    assert box.eyes.allowed["new"] == box.eyes.allowed["street"] != FULL_ALLOWANCE


def test_memory_over_its_bound_is_given_back_before_anything_is_shed() -> None:
    box = Box(device("street"), memory_mb=256)
    box.memory_bytes = 300 * 2**20
    box.live(32, cpu=0.1)
    assert box.given_back >= 1
    box.live(200, cpu=0.1)
    assert box.eyes.allowed["street"] == KEYS_ONLY
    assert "内存 300 MB（上限 256 MB）" in box.events()[0][1]


def test_while_the_log_is_full_the_change_is_owed() -> None:
    box = Box(device("street"))
    box.log.full = True
    box.live(60, cpu=0.9)
    assert box.eyes.allowed["street"] != FULL_ALLOWANCE
    box.log.full = False
    box.live(2, cpu=0.9)
    assert [what for what, _ in box.events()] == ["sight_shed"]


def test_the_live_count_tells_rates_gates_lag_and_load() -> None:
    box = Box(device("street"), guarded("yard"))
    behind = replace(UP, lag_s=1.25, running=False, counters={"lost_frames": 3})
    box.eyes.streams["yard"] = Seen(guarded("yard"), behind)
    for n in range(10):
        box.eyes.watched("street", packets=30 * n, keyframes=n, decoded=10 * n, judged=5 * n)
        box.live(2, cpu=0.25)
    told = json.loads(json.dumps(box.governor.report()))
    assert (told["up"], told["gates_open"], told["shed_level"]) == (2, 1, 0)
    assert (told["packets_per_s"], told["decoded_per_s"], told["judged_per_s"]) == (15.0, 5.0, 2.5)
    assert (told["cpu_ratio"], told["cpu_bound"], told["cores"]) == (0.25, 0.6, 2.0)
    assert told["lag_s"] == 1.25
    assert told["lost_frames"] == 3
    street = next(one for one in told["each"] if one["device"] == "street")
    assert street["picture"] == "1280x720 h264"
    assert (street["rank"], street["step"], street["gate_open"]) == ("camera", "full", True)


def test_packets_are_counted_on_over_a_reopened_stream() -> None:
    def value() -> float:
        return REGISTRY.get_sample_value("outpost_sight_packets_total") or 0.0

    box = Box(device("street"))
    before = value()
    for packets in (100, 250, 20):  # the last one is a new reader's
        box.eyes.watched("street", packets=packets)
        box.live(2, cpu=0.1)
    assert value() - before == 270


def test_a_box_without_streams_is_quiet_whatever_it_does() -> None:
    box = Box()
    box.live(200, cpu=0.95)
    assert box.events() == []
