"""A device gets another address or log-in while the box is at it: what stays, and what ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from agent.config import WatchSection
from agent.model import CameraEvent, Evidence, Exhibit, ExhibitKind, Zone
from agent.services.listener import Listener
from agent.services.prober import NUDGE_PAUSE_S, Prober
from agent.services.watcher import Watcher
from protocol.messages import DeviceHealth, Scene
from protocol.words import Phase, Reason, Rung, SceneTopic
from runtime.clock import ManualClock
from tests.agent.services.fakes import (
    GOOD,
    FakeAdapter,
    FakeJudge,
    FakeLog,
    FakeStills,
    FakeVideoRoom,
    device,
)

OTHER = Evidence(Rung.UNREACHABLE, Reason.OTHER_DEVICE, "another device")
OLD = device()
NEW = replace(OLD, host="127.0.0.2", zones=(Zone("gate", ((0, 0), (1, 0), (1, 1))),))


class Probing:
    """A prober with one device that is already well."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.log = FakeLog()
        self.adapter = FakeAdapter(OLD, GOOD)
        self.prober = Prober(log_=self.log, clock=self.clock, watch=WatchSection())
        self.prober.add(OLD, self.adapter)
        self.prober._wake.wait = lambda timeout=None: True  # type: ignore[method-assign]
        self.prober.step()

    def reasons(self) -> list[str]:
        return [one.reason for one in self.log.all(DeviceHealth) if isinstance(one, DeviceHealth)]


def test_the_new_address_is_climbed_at_once_and_the_standing_stays() -> None:
    box = Probing()
    fresh = FakeAdapter(NEW, GOOD)
    box.prober.rebind(NEW, fresh)
    box.prober.step()
    assert (fresh.climbs, box.adapter.closed, fresh.closed) == (1, True, False)
    assert box.reasons() == ["ok"]


def test_what_a_climb_found_at_the_old_address_counts_for_nothing() -> None:
    box = Probing()
    fresh = FakeAdapter(NEW, GOOD)
    heard: list[Reason] = []

    def hears(_device: str, evidence: Evidence) -> bool:
        heard.append(evidence.reason)
        return False

    box.prober.heard = hears

    class Slow(FakeAdapter):
        def climb(self) -> Evidence:
            box.prober.rebind(NEW, fresh)
            return OTHER

    slow = Slow(OLD, OTHER)
    box.prober.rebind(OLD, slow)
    box.prober.step()
    assert (slow.closed, heard) == (True, [])
    box.clock.advance(NUDGE_PAUSE_S)
    box.prober.step()
    assert (fresh.climbs, heard, box.reasons()) == (1, [Reason.OK], ["ok"])


def test_a_verdict_that_is_held_writes_nothing_and_is_looked_at_again_soon() -> None:
    box = Probing()
    box.adapter.script = [OTHER]
    box.prober.heard = lambda _device, evidence: evidence.reason is Reason.OTHER_DEVICE
    for _ in range(100):
        box.clock.advance(1)
        box.prober.step()
    assert box.reasons() == ["ok"]
    assert box.adapter.climbs > 50
    box.prober.heard = lambda _device, _evidence: False
    for _ in range(100):
        box.clock.advance(1)
        box.prober.step()
    assert box.reasons() == ["ok", "other_device"]


def test_a_stream_is_read_at_the_new_address_and_its_zones_go_along() -> None:
    room, log = FakeVideoRoom(), FakeLog()
    watcher = Watcher(
        room,
        log_=log,
        stills=FakeStills(),
        show=lambda _image, _masks: Exhibit(ExhibitKind.STILL, b""),
        judge_for=lambda _device: FakeJudge(),
        new_episode=lambda: "episode",
        clock=ManualClock(),
        watch=WatchSection(),
        on_change=lambda _device: None,
    )
    there, here = FakeAdapter(OLD, GOOD), FakeAdapter(NEW, GOOD)
    watcher.add(OLD, there)
    room.refused[OLD.id]()
    before, eye = room.streams[OLD.id], watcher._eyes[OLD.id]
    watcher.rebind(NEW, here)
    room.refused[OLD.id]()
    assert (there.streams_refused, here.streams_refused) == (1, 1), (
        "who opens the stream is told of a refusal"
    )
    assert before.closed
    assert room.streams[OLD.id] is not before
    assert watcher._eyes[OLD.id] is eye
    assert eye.device.zones == NEW.zones
    watcher.close()
    watcher.rebind(OLD, FakeAdapter(OLD, GOOD))
    assert OLD.id not in watcher._eyes, "nothing is read once watching has ended"


class FakeSubscription:
    """Tells what it is given, once."""

    def __init__(self, *events: CameraEvent) -> None:
        self.events = list(events)
        self.closed = False

    def pull(self) -> Sequence[CameraEvent]:
        told, self.events = self.events, []
        return told

    def close(self) -> None:
        self.closed = True


def test_an_episode_that_began_at_the_old_address_ends_at_the_new_one() -> None:
    log = FakeLog()
    at = datetime(2026, 3, 1, tzinfo=UTC)
    first = FakeSubscription(CameraEvent(SceneTopic.MOTION, True, False, at))
    second = FakeSubscription(CameraEvent(SceneTopic.MOTION, False, False, at))
    listener = Listener(OLD, first, log_=log, clock=ManualClock(), new_episode=lambda: "one")
    listener.step()
    listener.rebind(NEW, second)
    listener.step()
    scenes = [one for one in log.all(Scene) if isinstance(one, Scene)]
    assert [(one.phase, one.episode) for one in scenes] == [(Phase.START, "one"), (Phase.END, "one")]
    assert {entry.subject for entry in log.entries} == {OLD.id}
    assert (first.closed, second.closed) == (True, False)
