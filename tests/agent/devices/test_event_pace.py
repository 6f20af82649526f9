"""Never a tight loop: whatever a device answers, it is asked at a bounded pace; after a restart, soon again.

Devices and their answers are real; only the pauses are played on a clock of the test, so that a minute of
pauses takes no minute. Time spent in exchanges counts as none: that makes every bound harder to keep.
"""

from __future__ import annotations

import contextlib
import random
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.app import LISTEN_BASE_S, LISTEN_CEILING_S
from agent.devices.account import Account
from agent.devices.device_state import StateBook
from agent.devices.events import MADE_BURST, MADE_EVERY_S, PULL_BURST, PULL_EVERY_S, PullPoint
from agent.devices.notifications import Tally
from agent.devices.wsdl import shared_services
from agent.errors import DeviceError
from agent.model import CameraEvent
from agent.services.listener import Listener
from protocol.messages import Scene
from protocol.words import Phase
from runtime.backoff import Backoff
from runtime.clock import ManualClock, SystemClock
from runtime.pace import Pace
from runtime.worker import Worker
from tests.agent.devices.builders import QUICK
from tests.agent.devices.test_events import MOTION, live, tell
from tests.agent.devices.test_ladder import asked, camera, ledger_row
from tests.agent.services.fakes import FakeLog
from tests.support.processes import wait_until
from tests.support.virtual_county import RunningCounty, running

MINUTE_S = 60.0
REQUESTS_TO_MAKE_ONE = 6
"""Give back what was left over, look up (clock, services), create, synchronise, and the first pull."""


class Pretended:
    """A pull point whose pauses pass on a clock of the test, driven as its worker drives it."""

    def __init__(self, county: RunningCounty, *, seed: int = 0) -> None:
        device = ledger_row(county)
        self.clock = ManualClock()
        self.began_s = self.clock.monotonic()
        self.tally = Tally()
        self.most_live = 0
        self.steps = 0
        self.last_s = 0.0
        """When the last step began: a device that came back right after it waits for the next."""
        self._county = county
        self._backoff = Backoff(base_s=LISTEN_BASE_S, ceiling_s=LISTEN_CEILING_S, rng=random.Random(seed))
        self.point = PullPoint(
            device,
            Account(device.username, device.password, rest_s=600),
            shared_services(),
            limits=replace(QUICK, pull_s=0.05),
            tally=self.tally,
            monotonic=self.clock.monotonic,
            wait=self.clock.advance,
        )

    @property
    def passed_s(self) -> float:
        return self.clock.monotonic() - self.began_s

    def step(self) -> bool:
        """One pull and the pause that the worker makes after a failure; whether it went well."""
        self.steps += 1
        self.last_s = self.passed_s
        try:
            self.point.pull()
        except DeviceError:
            self.clock.advance(self._backoff.next_s())
            return False
        finally:
            self.most_live = max(self.most_live, live(self._county))
        self._backoff.reset()
        return True

    def run(self, until: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while not until():
            assert time.monotonic() < deadline, self.passed_s
            self.step()


@contextmanager
def pretended(county: RunningCounty, *, seed: int = 0) -> Iterator[Pretended]:
    driven = Pretended(county, seed=seed)
    try:
        yield driven
    finally:
        driven.point.close()


def requests(county: RunningCounty) -> int:
    return county.call(lambda: county.device().counters["requests"])


@pytest.mark.parametrize("personality", ["plain", "reolink-like"])
def test_a_device_that_answers_every_pull_at_once_is_pulled_once_a_second(personality: str) -> None:
    with running(camera(personality=personality)) as county, pretended(county) as driven:
        county.switch(pulls="empty")
        driven.run(lambda: driven.passed_s >= MINUTE_S)
        pulls = asked(county, "PullMessages")
        assert 50 <= pulls <= PULL_BURST + MINUTE_S / PULL_EVERY_S + 1
        assert requests(county) <= pulls + REQUESTS_TO_MAKE_ONE + 2
        assert driven.most_live == 1


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("pulls", ["fault", "vanish"])
@pytest.mark.parametrize("personality", ["reolink-like", "axis-like"])
def test_a_device_that_loses_every_pull_point_is_asked_a_bounded_number_of_times(
    personality: str, pulls: str, seed: int
) -> None:
    with running(camera(personality=personality)) as county, pretended(county, seed=seed) as driven:
        county.switch(pulls=pulls)
        driven.run(lambda: driven.passed_s >= MINUTE_S)
        made = asked(county, "CreatePullPointSubscription")
        assert 1 <= made <= MADE_BURST + MINUTE_S / MADE_EVERY_S + 1
        assert requests(county) <= (made + 1) * REQUESTS_TO_MAKE_ONE
        assert driven.most_live <= 1
        assert county.call(lambda: county.device().counters["slots_refused"]) == 0


@pytest.mark.parametrize("seed", range(12))
def test_events_flow_within_a_minute_of_a_restart_at_few_requests_and_one_slot(seed: int) -> None:
    """ZoneMinder 4099, Home Assistant 133278. A question on its way to a silent device takes 8 s more."""
    with running(camera(personality="reolink-like")) as county, pretended(county, seed=seed) as driven:
        assert driven.step()
        county.switch(unplugged=True)
        county.call(county.device().forget_session)
        gone_s, tried = driven.passed_s, driven.steps
        driven.run(lambda: driven.passed_s >= gone_s + 600.0 + 5.0 * seed)
        assert driven.steps - tried < 100
        before, back_s = requests(county), driven.last_s
        county.switch(unplugged=False)
        driven.run(driven.step)
        assert driven.passed_s - back_s + 2 * 8.0 < MINUTE_S
        assert requests(county) - before <= REQUESTS_TO_MAKE_ONE + 2
        assert driven.most_live == 1
        assert county.call(lambda: county.device().counters["slots_refused"]) == 0


def test_a_pull_point_that_a_restart_forgot_is_made_anew_in_the_same_pull() -> None:
    with running(camera()) as county, pretended(county) as driven:
        assert driven.step()
        county.call(county.device().forget_session)
        assert driven.step()
        assert (driven.most_live, driven.passed_s) == (1, 0.0)


def test_a_burst_of_events_is_not_held_back() -> None:
    with running(camera()) as county, pretended(county) as driven:
        driven.step()
        for number in range(PULL_BURST - 2):
            tell(county, data=(("State", "true" if number % 2 else "false"),))
            driven.step()
        assert driven.passed_s == 0.0


def test_a_listener_hears_events_again_as_soon_as_the_ladder_says_the_device_is_back() -> None:
    """With its real worker: the pause after a failure ends when the device is known to be back."""
    log = FakeLog()
    with running(camera(personality="reolink-like")) as county:
        device = ledger_row(county)
        point = PullPoint(
            device,
            Account(device.username, device.password, rest_s=600),
            shared_services(),
            limits=QUICK,
            tally=Tally(),
        )
        listener = Listener(device, point, log_=log, clock=SystemClock(), new_episode=lambda: "episode")
        slow = Backoff(base_s=600, ceiling_s=600, rng=random.Random(1))
        worker = Worker("listen-cam", listener.step, expected=(DeviceError,), backoff=slow)
        worker.start()
        wait_until(lambda: live(county) == 1, within_s=5, what="the device is heard")
        county.wait(county.station().reboot(1.0))
        wait_until(lambda: slow.failures > 0, within_s=5, what="the listener pauses")
        wait_until(lambda: _answers(device.host, device.port), within_s=5, what="it is back")
        before = requests(county)
        worker.wake()
        wait_until(lambda: live(county) == 1, within_s=5, what="the pull point is made anew")
        tell(county, data=(("State", "true"),))
        wait_until(lambda: bool(log.entries), within_s=5, what="events flow again")
        assert requests(county) - before <= REQUESTS_TO_MAKE_ONE + 4
        worker.ask_to_stop()
        listener.close()
        assert worker.stop(5)
    start, end = log.all(Scene)
    assert isinstance(start, Scene)
    assert isinstance(end, Scene)
    assert (start.phase, end.phase, end.episode) == (Phase.START, Phase.END, start.episode)


def _tell_states(county: RunningCounty) -> None:
    for point in county.device().events.live():
        county.device().events.tell_states(point)


def _answers(host: str, port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((host, port), 1):
        return True
    return False


def test_values_and_unknown_topics_are_kept_and_no_events() -> None:
    with running(camera()) as county, pretended(county) as driven:
        states = StateBook()
        driven.point._states = states
        driven.step()
        tell(county, "tns1:Monitoring/ProcessorUsage", data=(("Value", "0.44"),))
        tell(county, "tns1:Smart/Passage", data=(("Lane", "TEST-PLATE"),), operation=None)
        assert driven.step()
        (usage,) = states.of("cam")
        assert usage.value == pytest.approx(44.0)
        assert driven.tally.total("topic_unknown") == 1
        assert "TEST-PLATE" not in repr((driven.point._strangers.all(), states.of("cam")))


@given(st.lists(st.floats(0, 3), max_size=200))
def test_a_pace_is_never_exceeded(pauses_s: list[float]) -> None:
    pace, now_s, done = Pace(burst=3, every_s=2.0), 50.0, []
    for pause_s in pauses_s:
        now_s += pause_s
        now_s += pace.wait_s(now_s)
        pace.take(now_s)
        done.append(now_s)
    for first, at_s in enumerate(done):
        within = sum(1 for other in done[first:] if other - at_s < 60.0)
        assert within <= 3 + 60.0 / 2.0 + 1


def test_states_told_again_by_every_synchronisation_are_never_events() -> None:
    with running(camera()) as county, pretended(county) as driven:
        tell(county, data=(("State", "true"),))
        tell(county, "tns1:Device/HardwareFailure/StorageFailure", data=(("Failed", "true"),))
        told: list[CameraEvent] = []
        for _ in range(5):
            told += driven.point.pull()
            county.call(lambda: _tell_states(county))
        assert len(told) >= 8
        assert all(event.initial for event in told)


def test_one_motion_under_two_topics_told_a_second_apart_in_two_pulls_is_one() -> None:
    cell = "tns1:RuleEngine/CellMotionDetector/Motion"
    with running(camera()) as county, pretended(county) as driven:
        driven.step()
        told: list[CameraEvent] = []
        for topic, item, word in (
            (cell, "IsMotion", "true"),
            (MOTION, "State", "true"),
            (MOTION, "State", "false"),
            (cell, "IsMotion", "false"),
        ):
            tell(county, topic, data=((item, word),))
            told += driven.point.pull()
            driven.clock.advance(1.0)
        assert [(event.active, event.said) for event in told] == [
            (True, "RuleEngine/CellMotionDetector/Motion"),
            (False, "VideoSource/MotionAlarm"),
        ]
        assert driven.tally.total("told_twice") == 2


def test_a_property_that_is_deleted_ends() -> None:
    with running(camera()) as county, pretended(county) as driven:
        driven.step()
        tell(county, data=(("State", "true"),))
        tell(county, data=(), operation="Deleted")
        told = [event.active for _ in range(3) for event in driven.point.pull() if not event.initial]
        assert told == [True, False]
