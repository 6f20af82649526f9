"""Notifications of cameras: starts and their ends, never state as an event."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import DeviceError, DeviceTrouble
from agent.model import CameraEvent, SceneEvent
from agent.services.listener import (
    CONDITION_S,
    COUNT_PAUSE_S,
    MAX_ACTIVE_S,
    SOURCES_LIMIT,
    CameraEventPairing,
    Listener,
)
from agent.services.scene_book import BEGIN_EVERY_S
from protocol.messages import Scene
from protocol.words import Phase, SceneTopic
from runtime.clock import ManualClock
from tests.agent.services.fakes import FakeLog, device

AT = datetime(2026, 11, 23, tzinfo=UTC)
TOPICS = [SceneTopic.MOTION, SceneTopic.TAMPER]


def event(
    active: bool | None, *, initial: bool = False, source: str = "", count: int | None = None
) -> CameraEvent:
    return CameraEvent(SceneTopic.MOTION, active, initial, AT, source=source, count=count)


def pairing() -> CameraEventPairing:
    numbers = itertools.count(1)
    return CameraEventPairing(new_episode=lambda: f"episode-{next(numbers)}")


def test_a_start_and_its_end_share_their_episode() -> None:
    pair = pairing()
    start = pair.take(event(True), mono_s=10)
    assert start is not None
    assert pair.take(event(True), mono_s=11) is None
    end = pair.take(event(False), mono_s=14.5)
    assert end is not None
    assert (start.phase, end.phase) == (Phase.START, Phase.END)
    assert start.episode == end.episode
    assert end.duration_s == pytest.approx(4.5)
    assert pair.take(event(False), mono_s=15) is None
    again = pair.take(event(True), mono_s=16)
    assert again is not None
    assert again.episode != start.episode


def test_a_replayed_state_is_never_an_event() -> None:
    pair = pairing()
    for active in (True, False, None):
        assert pair.take(event(active, initial=True), mono_s=1) is None
    assert pair.take(event(False), mono_s=2) is None
    assert pair.take(event(True), mono_s=3) is not None


def test_a_start_without_end_ends_after_its_time_and_says_so() -> None:
    pair = pairing()
    start = pair.take(event(True), mono_s=0)
    assert pair.expire(AT, mono_s=MAX_ACTIVE_S) == []
    (end,) = pair.expire(AT, mono_s=MAX_ACTIVE_S + 1)
    assert start is not None
    assert (end.phase, end.episode) == (Phase.END, start.episode)
    assert "no end" in end.reason
    assert pair.expire(AT, mono_s=10 * MAX_ACTIVE_S) == []


def test_counts_come_at_most_once_a_minute() -> None:
    pair = pairing()
    times = [0.0, 1.0, COUNT_PAUSE_S - 1, COUNT_PAUSE_S, COUNT_PAUSE_S + 1]
    taken = [pair.take(event(None, count=number), mono_s=at) for number, at in enumerate(times)]
    assert [one.count for one in taken if one is not None] == [0, 3]


def test_a_camera_with_ever_new_sources_costs_bounded_memory() -> None:
    pair = pairing()
    many = range(10 * SOURCES_LIMIT)
    made = [pair.take(event(True, source=str(n)), mono_s=n * BEGIN_EVERY_S) for n in many]
    assert sum(one is not None for one in made) == SOURCES_LIMIT
    ends_s = len(many) * BEGIN_EVERY_S
    made = [pair.take(event(None, count=1, source=str(n)), mono_s=ends_s + n * BEGIN_EVERY_S) for n in many]
    assert sum(one is not None for one in made) == SOURCES_LIMIT
    assert len(pair.expire(AT, mono_s=ends_s + MAX_ACTIVE_S + 1)) == SOURCES_LIMIT


notifications = st.builds(
    CameraEvent,
    topic=st.sampled_from(TOPICS),
    active=st.sampled_from([True, False]),
    initial=st.booleans(),
    time=st.just(AT),
    source=st.sampled_from(["", "1"]),
)


@given(st.lists(st.tuples(notifications, st.one_of(st.just(0.0), st.floats(0, 200))), max_size=200))
def test_starts_and_ends_alternate_for_every_source(steps: list[tuple[CameraEvent, float]]) -> None:
    pair, mono_s = pairing(), 0.0
    running: dict[SceneTopic, set[str]] = {topic: set() for topic in TOPICS}
    seen: set[str] = set()

    def check(made: SceneEvent) -> None:
        if made.phase is Phase.START:
            assert made.episode not in seen
            seen.add(made.episode)
            running[made.topic].add(made.episode)
        else:
            assert made.duration_s is not None
            assert made.duration_s >= 0
            running[made.topic].remove(made.episode)
        assert len(running[made.topic]) <= 2

    for notification, pause_s in steps:
        mono_s += pause_s
        for ended in pair.expire(AT, mono_s=mono_s):
            check(ended)
        for late in pair.begin_late(mono_s=mono_s):
            check(late)
        made = pair.take(notification, mono_s=mono_s)
        assert not (notification.initial and made is not None and made.phase is not Phase.END)
        if made is not None:
            check(made)
    for ended in pair.expire(AT, mono_s=mono_s + CONDITION_S + 1):
        check(ended)
    assert not any(running.values())


class FakeSubscription:
    def __init__(self, *pulls: Sequence[CameraEvent] | DeviceError) -> None:
        self.pulls = list(pulls)
        self.closed = False

    def pull(self) -> Sequence[CameraEvent]:
        pulled = self.pulls.pop(0)
        if isinstance(pulled, DeviceError):
            raise pulled
        return pulled

    def close(self) -> None:
        self.closed = True


def test_the_listener_writes_pairs_a_still_with_the_start_and_ends_even_when_the_camera_is_gone() -> None:
    log, clock = FakeLog(), ManualClock()
    gone = DeviceError(DeviceTrouble.UNREACHABLE, "gate-1", "no answer")
    subscription = FakeSubscription([event(True, initial=True), event(True)], gone)
    listener = Listener(
        device(),
        subscription,
        log_=log,
        clock=clock,
        new_episode=lambda: "episode-1",
        take_still=lambda _device: "ab" * 32,
    )
    listener.step()
    clock.advance(MAX_ACTIVE_S + 1)
    with pytest.raises(DeviceError):
        listener.step()
    start, end = (entry.data for entry in log.entries)
    assert isinstance(start, Scene)
    assert isinstance(end, Scene)
    assert (start.phase, start.evidence, end.phase, end.evidence) == (Phase.START, "ab" * 32, Phase.END, None)
    assert {entry.subject for entry in log.entries} == {"gate-1"}
    listener.close()
    assert subscription.closed
