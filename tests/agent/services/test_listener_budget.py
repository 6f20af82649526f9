"""One camera tells no more than a camera may, and an honest busy road loses nothing."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model import CameraEvent
from agent.services.listener import HELD_BACK_SAID_S, STILL_BURST, STILL_EVERY_S, CameraEventPairing, Listener
from agent.services.scene_book import BEGIN_BURST, BEGIN_EVERY_S
from protocol.messages import Scene
from protocol.words import Phase, SceneTopic
from runtime.clock import ManualClock
from tests.agent.services.fakes import FakeLog, device
from tests.agent.services.test_listener import FakeSubscription

AT = datetime(2026, 11, 23, tzinfo=UTC)


def event(
    active: bool | None, topic: SceneTopic = SceneTopic.MOTION, source: str = "", *, initial: bool = False
) -> CameraEvent:
    return CameraEvent(topic, active, initial, AT, source=source)


class Heard:
    """A listener that hears what a test says, on the test's clock."""

    def __init__(self) -> None:
        self.log, self.clock, self.stills = FakeLog(), ManualClock(), 0
        self._said = FakeSubscription()
        numbers = itertools.count()
        self.listener = Listener(
            device(),
            self._said,
            log_=self.log,
            clock=self.clock,
            new_episode=lambda: f"episode-{next(numbers)}",
            take_still=self._still,
        )

    def _still(self, _device: str) -> None:
        self.stills += 1

    def hear(self, *events: CameraEvent, after_s: float = 0.0) -> None:
        self.clock.advance(after_s)
        self._said.pulls.append(list(events))
        self.listener.step()

    @property
    def told(self) -> list[Scene]:
        return [entry.data for entry in self.log.entries if isinstance(entry.data, Scene)]


def flapping(times: int, topic: SceneTopic = SceneTopic.MOTION) -> Sequence[CameraEvent]:
    return [event(number % 2 == 0, topic) for number in range(times)]


def open_episodes(told: Iterable[Scene]) -> set[str]:
    going_on: set[str] = set()
    for scene in told:
        if scene.phase is Phase.START:
            assert scene.episode not in going_on
            going_on.add(scene.episode)
        elif scene.phase is Phase.END:
            going_on.remove(scene.episode)
    return going_on


def test_a_flood_is_held_back_in_pairs_counted_and_said_once_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    heard, minute_s = Heard(), 60
    with caplog.at_level(logging.WARNING):
        for _ in range(minute_s):
            heard.hear(*flapping(100), after_s=1.0)
    starts = [scene for scene in heard.told if scene.phase is Phase.START]
    assert BEGIN_BURST <= len(starts) <= BEGIN_BURST + minute_s / BEGIN_EVERY_S
    assert open_episodes(heard.told) == set()
    assert STILL_BURST <= heard.stills <= STILL_BURST + minute_s / STILL_EVERY_S
    lines = [record.message for record in caplog.records if "held back" in record.message]
    assert 1 <= len(lines) <= minute_s / HELD_BACK_SAID_S + 1


def test_pulses_are_under_the_same_budget() -> None:
    heard = Heard()
    heard.hear(*(event(None, SceneTopic.LINE_CROSSED) for _ in range(1000)))
    assert len(heard.told) == BEGIN_BURST


def test_a_failure_that_flaps_ends_in_its_last_state() -> None:
    heard = Heard()
    heard.hear(*flapping(1001, SceneTopic.STORAGE_FAILURE))
    assert open_episodes(heard.told) == set(), "the last start is held back"
    heard.hear(after_s=BEGIN_EVERY_S)
    assert len(open_episodes(heard.told)) == 1
    assert len(heard.told) == 2 * BEGIN_BURST + 1
    heard.hear(event(False, SceneTopic.STORAGE_FAILURE))
    assert open_episodes(heard.told) == set()


def test_what_is_held_back_and_over_is_not_told_late() -> None:
    heard = Heard()
    heard.hear(*flapping(1000, SceneTopic.STORAGE_FAILURE), event(True), event(False, initial=True))
    heard.hear(after_s=60.0)
    assert len(heard.told) == 2 * BEGIN_BURST


def test_health_is_told_before_the_motions_that_hold_it_up() -> None:
    heard = Heard()
    heard.hear(*flapping(2 * BEGIN_BURST), event(True), event(True, SceneTopic.STORAGE_FULL))
    heard.hear(*flapping(100), after_s=BEGIN_EVERY_S)
    assert heard.told[-1].topic == SceneTopic.STORAGE_FULL


def test_a_late_start_keeps_its_time() -> None:
    heard = Heard()
    heard.hear(*flapping(2 * BEGIN_BURST), event(True))
    heard.hear(after_s=10.0)
    heard.hear(event(False), after_s=5.0)
    start, end = heard.told[-2:]
    assert (start.phase, end.phase, end.duration_ms) == (Phase.START, Phase.END, 15_000)


def test_a_car_every_two_seconds_under_two_topics_loses_nothing_in_an_hour() -> None:
    heard, cars = Heard(), 1800
    for _ in range(cars):
        heard.hear(event(True), event(None, SceneTopic.LINE_CROSSED), after_s=1.2)
        heard.hear(event(False), after_s=0.8)
    assert len(heard.told) == 3 * cars
    assert heard.stills >= STILL_BURST + cars * 2 / STILL_EVERY_S - 2


@given(st.lists(st.tuples(st.sampled_from([True, False, None]), st.sampled_from("ab"), st.floats(0, 3))))
def test_no_device_begins_more_than_its_budget(told: list[tuple[bool | None, str, float]]) -> None:
    pair = CameraEventPairing(new_episode=lambda: "episode")
    mono_s, begun = 0.0, 0
    for active, source, pause_s in told:
        mono_s += pause_s
        made = [*pair.begin_late(mono_s=mono_s), pair.take(event(active, source=source), mono_s=mono_s)]
        begun += sum(one is not None and one.phase is not Phase.END for one in made)
        assert begun <= BEGIN_BURST + mono_s / BEGIN_EVERY_S + 1e-6
