"""When devices are climbed, what is written down, and that a full disk or a fault loses no change."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from prometheus_client import REGISTRY

from agent.config import WatchSection
from agent.errors import StoreFull
from agent.model import (
    Evidence,
    Exhibit,
    ExhibitKind,
    Finding,
    Frame,
    Identity,
    MediaProfile,
    PictureFault,
    StreamState,
)
from agent.services.prober import FULL_GAUGES_EVERY, NUDGE_PAUSE_S, Prober
from agent.services.watcher import Watcher
from protocol.codec import encode_entry
from protocol.messages import DeviceHealth, DeviceIdentity, Scene
from protocol.words import Phase, Reason, Rung, SceneTopic
from runtime.clock import ManualClock
from tests.agent.services.fakes import (
    GONE,
    GOOD,
    FakeAdapter,
    FakeJudge,
    FakeLog,
    FakeStills,
    FakeVideoRoom,
    device,
)
from tests.support.wire import AT, EPOCH, KEY

WATCH = WatchSection(ladder_interval_s=30, retry_interval_s=5, failures_to_enter=2, successes_to_leave=2)


class Box:
    """A prober with one device, and a clock moved by hand."""

    def __init__(self, *evidence: Evidence, watch: WatchSection = WATCH) -> None:
        self.clock = ManualClock()
        self.log = FakeLog()
        self.adapter = FakeAdapter(device(), *evidence)
        self.prober = Prober(log_=self.log, clock=self.clock, watch=watch)
        self.prober.add(self.adapter.device, self.adapter)

    def climbs_within(self, seconds: int) -> list[int]:
        """At which of the next seconds the device is climbed."""
        times = []
        for second in range(seconds + 1):
            before = self.adapter.climbs
            self.prober._wake.wait = lambda timeout=None: True  # type: ignore[method-assign]
            self.prober.step()
            times += [second] * (self.adapter.climbs - before)
            self.clock.advance(1)
        return times

    @property
    def healths(self) -> list[tuple[Rung, str]]:
        return [(one.rung, one.reason) for one in self.log.all(DeviceHealth) if isinstance(one, DeviceHealth)]


def test_a_settled_device_is_climbed_once_an_interval() -> None:
    assert Box(GOOD).climbs_within(65) == [0, 30, 60]


def test_an_undecided_device_is_looked_at_again_soon() -> None:
    box = Box(GOOD, GONE, GONE, GONE)
    assert box.climbs_within(70) == [0, 30, 35, 65]
    assert box.healths == [(Rung.AUTHENTICATED, "ok"), (Rung.UNREACHABLE, "unreachable")]


def test_one_bad_climb_is_no_news() -> None:
    box = Box(GOOD, GONE, GOOD)
    box.climbs_within(100)
    assert box.healths == [(Rung.AUTHENTICATED, "ok")]


def test_a_nudge_looks_now_but_not_more_than_once_a_second() -> None:
    box = Box(GOOD)
    assert box.climbs_within(3) == [0]
    assert box.prober.nudge("gate-1")
    assert box.prober.nudge("gate-1")
    assert box.climbs_within(3) == [0]
    assert not box.prober.nudge("nobody")
    assert NUDGE_PAUSE_S == 1.0


def test_after_a_loss_every_device_is_said_anew_once() -> None:
    box = Box(GOOD)
    box.climbs_within(2)
    box.prober.restate()
    box.prober.restate()
    box.climbs_within(3)
    assert box.healths == [(Rung.AUTHENTICATED, "ok")] * 2


def test_a_new_interval_counts_from_the_next_climb() -> None:
    box = Box(GOOD)
    box.climbs_within(1)
    box.prober.set_interval(10)
    assert box.climbs_within(60) == [28, 38, 48, 58]


def test_who_asks_for_a_look_does_not_lift_the_rest_of_a_password() -> None:
    box = Box(Evidence(Rung.ONVIF, Reason.AUTH_FAILED))
    box.climbs_within(10)
    assert box.prober.nudge("gate-1")
    assert box.climbs_within(2)[:1] == [0]
    assert box.adapter.forgotten == 0
    assert not box.prober.nudge("nobody")


def test_a_wrong_clock_is_told_when_seen_twice_and_told_again_when_right() -> None:
    def at(error_s: float) -> Evidence:
        return Evidence(Rung.AUTHENTICATED, Reason.OK, clock_error_s=error_s)

    box = Box(at(0), at(3600), at(0), at(3600), at(3600), at(-9), at(-9), at(-9))
    box.climbs_within(300)
    told = [one.clock_error_ms for one in box.log.all(DeviceHealth) if isinstance(one, DeviceHealth)]
    assert told == [0, 3_600_000, -9_000]


def test_a_clock_says_nothing_before_the_device_is_judged() -> None:
    evidence = Evidence(Rung.ONVIF, Reason.AUTH_FAILED, clock_error_s=3600)
    box = Box(evidence, watch=WATCH.model_copy(update={"failures_to_enter": 5}))
    box.climbs_within(18)
    assert box.adapter.climbs == 4
    assert box.healths == []


def test_a_change_that_found_no_room_is_written_when_there_is_some() -> None:
    identity = Identity(vendor="Vendor")
    box = Box(Evidence(Rung.AUTHENTICATED, Reason.OK, identity=identity))
    box.log.full = True
    for _ in range(3):
        with pytest.raises(StoreFull):
            box.climbs_within(10)
    box.log.full = False
    box.climbs_within(10)
    assert box.healths == [(Rung.AUTHENTICATED, "ok")]
    assert len(box.log.all(DeviceIdentity)) == 1


def test_a_health_change_that_found_no_room_is_owed() -> None:
    box = Box(GOOD, GONE, GONE, GONE)
    box.climbs_within(31)
    box.log.full = True
    with pytest.raises(StoreFull):
        box.climbs_within(10)
    box.log.full = False
    box.climbs_within(10)
    (_, owed) = box.log.all(DeviceHealth)
    assert isinstance(owed, DeviceHealth)
    assert (owed.rung, owed.previous_rung) == (Rung.UNREACHABLE, Rung.AUTHENTICATED)
    box.climbs_within(100)
    assert len(box.healths) == 2


def test_a_fault_in_one_climb_does_not_blind_the_box_to_the_device() -> None:
    box = Box(GOOD)
    box.adapter.bug = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        box.climbs_within(1)
    box.adapter.bug = None
    assert box.climbs_within(40)


def test_the_longest_identity_of_a_hostile_camera_fits_an_entry() -> None:
    long = "\N{GRINNING FACE}" * 5000
    profiles = tuple(MediaProfile(long, long, long, 1, 1, 1.0) for _ in range(100))
    box = Box(
        Evidence(Rung.AUTHENTICATED, Reason.OK, identity=Identity(long, long, long, long, profiles=profiles))
    )
    box.climbs_within(1)
    (identity,) = box.log.all(DeviceIdentity)
    worst = identity.model_copy(update={"title": "\N{GRINNING FACE}" * 120, "gb_code": "1" * 20})
    assert encode_entry(
        worst, box="b" * 40, key=KEY, epoch=EPOCH, sequence=1, at=AT, recorded_at=AT, subject="d" * 40
    )


def test_the_same_identity_is_written_once_and_a_new_firmware_again() -> None:
    def with_firmware(text: str) -> Evidence:
        return Evidence(Rung.AUTHENTICATED, Reason.OK, identity=Identity(firmware=text))

    box = Box(with_firmware("1"), with_firmware("1"), with_firmware("2"))
    box.climbs_within(100)
    assert [one.firmware for one in box.log.all(DeviceIdentity) if isinstance(one, DeviceIdentity)] == [
        "1",
        "2",
    ]


def test_heartbeats_carry_what_changed_and_every_tenth_carries_all() -> None:
    box = Box(GOOD)
    box.climbs_within(1)
    sizes = [len(box.prober.gauges()) for _ in range(FULL_GAUGES_EVERY + 1)]
    assert sizes == [1, *[0] * (FULL_GAUGES_EVERY - 1), 1]
    box.prober.close()
    assert box.adapter.closed


# --- with eyes -----------------------------------------------------------------------------------


class Sighted(Box):
    """The same, with a stream that the test controls."""

    def __init__(self, *evidence: Evidence) -> None:
        super().__init__(*evidence)
        self.room, self.stills, self.changed = FakeVideoRoom(), FakeStills(), list[str]()
        self.watcher = Watcher(
            self.room,
            log_=self.log,
            stills=self.stills,
            show=lambda _image, _masks: Exhibit(ExhibitKind.STILL, b"jpeg"),
            judge_for=lambda _device: FakeJudge(),
            new_episode=lambda: "episode-1",
            clock=self.clock,
            watch=WATCH.model_copy(update={"frozen_confirm_s": 4, "motion_confirm_s": 0.5}),
            on_change=self.changed.append,
        )
        self.prober.watcher = self.watcher
        self.watcher.add(self.adapter.device, self.adapter)
        self.stream = self.room.streams["gate-1"]

    def see(self, topic: SceneTopic, *, present: bool, fault: PictureFault | None = None) -> None:
        frame = Frame(np.zeros((2, 2), np.uint8), 0.0, self.clock.monotonic(), key=True)
        self.stream.picture = frame.image
        self.stream.on_findings(frame, [Finding(topic, present, 0.9, "because", fault=fault)])
        self.clock.advance(1)

    def streams(self, reason: Reason) -> None:
        self.stream.now = StreamState(up=reason is Reason.OK, reason=reason)
        self.watcher.step()


def test_nothing_is_said_before_stream_and_picture_were_judged() -> None:
    box = Sighted(GOOD)
    box.climbs_within(20)
    assert box.healths == []
    box.streams(Reason.OK)
    assert box.changed == ["gate-1"]
    box.climbs_within(20)
    assert box.healths == []
    box.see(SceneTopic.SIGNAL_LOSS, present=False, fault=PictureFault.FROZEN)
    box.climbs_within(10)
    assert box.healths == [(Rung.PICTURE_OK, "ok")]


def test_a_failing_ladder_is_said_even_when_the_picture_was_never_judged() -> None:
    box = Sighted(Evidence(Rung.ONVIF, Reason.AUTH_FAILED))
    box.streams(Reason.OK)
    box.climbs_within(20)
    assert box.healths == [(Rung.ONVIF, "auth_failed")]


def test_a_confirmed_picture_fault_is_said_with_a_still_and_its_end_too() -> None:
    box = Sighted(GOOD)
    box.streams(Reason.OK)
    box.see(SceneTopic.SIGNAL_LOSS, present=False, fault=PictureFault.FROZEN)
    box.climbs_within(1)
    for _ in range(8):
        box.see(SceneTopic.SIGNAL_LOSS, present=True, fault=PictureFault.FROZEN)
    assert box.changed[-1] == "gate-1"
    box.prober.nudge("gate-1")
    box.climbs_within(2)
    fault = box.log.all(DeviceHealth)[-1]
    assert isinstance(fault, DeviceHealth)
    assert (fault.rung, fault.reason) == (Rung.STREAMING, "picture_frozen")
    assert fault.evidence is not None
    for _ in range(80):
        box.see(SceneTopic.SIGNAL_LOSS, present=False, fault=PictureFault.FROZEN)
    box.prober.nudge("gate-1")
    box.climbs_within(2)
    healed = box.log.all(DeviceHealth)[-1]
    assert isinstance(healed, DeviceHealth)
    assert healed.rung is Rung.PICTURE_OK
    assert healed.evidence is not None, "the page would go on showing the fault"
    box.streams(Reason.NO_STREAM)
    box.climbs_within(60)
    assert box.healths[-1] == (Rung.AUTHENTICATED, "no_stream")


def test_a_scene_starts_with_a_still_and_ends_when_the_stream_is_lost_or_watching_stops() -> None:
    box = Sighted(GOOD)
    box.streams(Reason.OK)
    for _ in range(4):
        box.see(SceneTopic.MOTION, present=True)
    scenes = [one for one in box.log.all(Scene) if isinstance(one, Scene)]
    assert [(one.phase, one.evidence is not None) for one in scenes] == [(Phase.START, True)]
    box.watcher.close()
    assert box.stream.closed
    scenes = [one for one in box.log.all(Scene) if isinstance(one, Scene)]
    assert [one.phase for one in scenes] == [Phase.START, Phase.END]
    assert {one.episode for one in scenes} == {"episode-1"}


def test_a_quiet_camera_gives_a_still_now_and_then() -> None:
    box = Sighted(GOOD)
    box.see(SceneTopic.MOTION, present=False)
    for _ in range(10):
        box.streams(Reason.OK)
        box.clock.advance(WATCH.still_interval_s / 5)
    assert len(box.stills.kept) == 2
    assert box.watcher.take_still("nobody") is None
    assert box.watcher.sight("nobody") is None


def test_findings_never_stop_the_video_thread() -> None:
    box = Sighted(GOOD)
    box.streams(Reason.OK)
    box.log.full = True
    for _ in range(4):
        box.see(SceneTopic.MOTION, present=True)
    assert box.log.entries == []


def test_several_threads_climb_each_device_one_at_a_time() -> None:
    clock, log = ManualClock(), FakeLog()
    prober = Prober(log_=log, clock=clock, watch=WATCH)
    adapters = [FakeAdapter(device(f"cam-{number}"), GOOD) for number in range(20)]
    for adapter in adapters:
        prober.add(adapter.device, adapter)

    def work() -> None:
        for _ in range(10):
            prober.step()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert [adapter.climbs for adapter in adapters] == [1] * 20


def test_a_stream_that_cannot_be_read_is_counted_once_each_time_it_begins() -> None:
    troubles = ("outpost_stream_troubles_total", {"reason": "bad_stream"})
    before = REGISTRY.get_sample_value(*troubles) or 0.0
    box = Sighted(GOOD)
    for reason in (Reason.STARTING, Reason.OK, Reason.BAD_STREAM, Reason.BAD_STREAM, Reason.OK):
        box.streams(reason)
    assert REGISTRY.get_sample_value(*troubles) == before + 1


def test_whoever_waits_for_a_device_is_told_that_it_is_back_and_not_while_it_is_well() -> None:
    box, back = Box(GOOD, GOOD, GONE, GONE, GOOD, GOOD, GOOD), list[str]()
    box.prober.on_back = back.append
    box.climbs_within(60)
    settled = len(back)
    box.climbs_within(200)
    assert box.adapter.climbs >= 7
    assert len(back) - settled == 2  # both climbs that it took to stand as well as before
