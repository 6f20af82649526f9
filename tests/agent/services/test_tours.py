"""Is a head on its tour? The rule alone, a month of tours met at random, and the service on a fake head."""

from __future__ import annotations

import itertools
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.devices.head_watch import longest_stay_s
from agent.devices.upkeep.tours import Spot, Tour
from agent.errors import DeviceError, DeviceTrouble, StoreFull
from agent.model import Device, HeadSight, Place
from agent.ports import HeadWatch
from agent.services.tour_judge import HAND_S, LEAST_LIMIT_S, STAY_S, TourJudge
from agent.services.tours import NOTE_TOPIC, TourWatch
from protocol.messages import Scene
from protocol.words import DeviceClass, Phase, SceneTopic
from runtime.clock import ManualClock
from simulator.device.ptz import Head
from simulator.device.tours import Stop
from tests.agent.services.fakes import FakeLog, device
from tests.agent.services.passing import FakeNotebook

AT = datetime(2026, 11, 23, tzinfo=UTC)
GATE, YARD, ELSEWHERE = Place(-0.5, 0.1, 0.0), Place(0.8, 0.2, 0.1), Place(0.0, 0.9, 0.0)
LOOK_S = 20.0


def sight(place: Place | None, *, touring: bool | None = True, paused: bool = False) -> HeadSight:
    return HeadSight(place, 1, touring=touring, paused=paused, stay_s=30.0, spots=(GATE, YARD))


class Eye:
    """Shows sights to a judge, one in twenty seconds."""

    def __init__(self, *, always: bool = True, episode: str | None = None) -> None:
        numbers = itertools.count(1)
        self.judge = TourJudge(always=always, new_episode=lambda: f"episode-{next(numbers)}", episode=episode)
        self.mono_s = 0.0
        self.said: list[Phase] = []
        self.reasons: list[str] = []

    def see(self, shown: HeadSight | None, *, for_s: float = LOOK_S) -> list[Phase]:
        for _ in range(max(1, round(for_s / LOOK_S))):
            self.mono_s += LOOK_S
            self._look(shown)
            while shown is not None and self.judge.suspicious:
                self.mono_s += 2.0
                self._look(shown)
        return self.said

    def _look(self, shown: HeadSight | None) -> None:
        change = self.judge.see(shown, mono_s=self.mono_s, now=AT + timedelta(seconds=self.mono_s))
        if change is not None:
            self.said.append(change.phase)
            self.reasons.append(change.reason)

    def tour(self, *, for_s: float) -> list[Phase]:
        for place in itertools.islice(itertools.cycle((GATE, YARD)), round(for_s / 40)):
            self.see(sight(place), for_s=40)
        return self.said


def test_a_head_that_is_at_each_spot_for_a_while_is_on_tour() -> None:
    assert Eye().tour(for_s=7200) == []


def test_a_head_that_stands_though_its_tour_runs_is_stuck() -> None:
    eye = Eye()
    eye.tour(for_s=600)
    eye.see(sight(GATE), for_s=LEAST_LIMIT_S - 40)
    assert eye.said == []
    assert eye.see(sight(GATE), for_s=80) == [Phase.START]
    assert eye.see(sight(GATE), for_s=7200) == [Phase.START]
    assert "Touring" in eye.reasons[0] and " / " in eye.reasons[0] and len(eye.reasons[0]) <= 200
    assert eye.tour(for_s=200) == [Phase.START, Phase.END]


def test_a_long_stay_is_no_stop() -> None:
    eye = Eye()
    shown = HeadSight(GATE, 1, touring=True, stay_s=600.0, spots=(GATE,))
    assert eye.see(shown, for_s=1700) == []
    assert eye.see(shown, for_s=200) == [Phase.START]


@pytest.mark.parametrize(
    "shown",
    [
        sight(GATE, touring=False),
        sight(GATE, touring=False, paused=True),
        sight(GATE, touring=None),
        sight(ELSEWHERE),
    ],
)
def test_an_operator_may_look_for_a_quarter_of_an_hour(shown: HeadSight) -> None:
    eye = Eye()
    eye.tour(for_s=200)
    assert eye.see(shown, for_s=HAND_S - 40) == []
    assert eye.see(shown, for_s=120) == [Phase.START]


def test_an_operator_who_moves_on_is_not_a_stopped_tour() -> None:
    eye = Eye()
    for number in range(40):
        eye.see(sight(Place(number / 50, 0, 0), touring=False), for_s=600)
    assert eye.said == []


def test_what_cannot_be_reached_neither_opens_nor_closes() -> None:
    eye = Eye()
    eye.tour(for_s=200)
    eye.see(sight(GATE), for_s=LEAST_LIMIT_S - 80)
    eye.see(None, for_s=86_400)
    assert eye.see(sight(GATE)) == []
    eye.see(sight(GATE), for_s=LEAST_LIMIT_S)
    assert eye.said == [Phase.START]
    eye.see(None, for_s=86_400)
    assert eye.said == [Phase.START]
    assert eye.tour(for_s=200) == [Phase.START, Phase.END]


def test_between_a_look_that_failed_and_the_next_nothing_is_known() -> None:
    eye = Eye()
    eye.tour(for_s=200)
    for _ in range(200):
        eye.see(sight(GATE))
        eye.see(None)
    assert eye.said == []


def test_one_move_by_hand_does_not_end_it() -> None:
    eye = Eye()
    eye.see(sight(GATE), for_s=1000)
    eye.see(sight(YARD), for_s=1000)
    assert eye.said == [Phase.START]
    for place in (GATE, YARD, GATE, YARD):
        eye.see(sight(place, touring=False))
    assert eye.said == [Phase.START], "the device says that no tour runs"


def test_a_device_that_tells_nothing_is_not_judged() -> None:
    eye = Eye()
    assert eye.see(HeadSight(None, 1), for_s=86_400) == []
    assert eye.judge.blind


def test_a_device_that_tells_only_its_tours_is_judged_by_them() -> None:
    eye = Eye()
    assert eye.see(HeadSight(None, 1, touring=True), for_s=7200) == []
    assert eye.see(HeadSight(None, 1, touring=False), for_s=HAND_S + 60) == [Phase.START]
    assert eye.see(HeadSight(None, 1, touring=True), for_s=60) == [Phase.START, Phase.END]


def test_a_dome_is_expected_on_tour_once_it_was_seen_there() -> None:
    eye = Eye(always=False)
    assert eye.see(sight(GATE, touring=False), for_s=7200) == []
    eye.tour(for_s=200)
    assert eye.see(sight(GATE, touring=False), for_s=2 * HAND_S) == [Phase.START]
    assert eye.see(HeadSight(None)) == [Phase.START, Phase.END]
    assert eye.see(sight(GATE, touring=False), for_s=7200) == [Phase.START, Phase.END]


SIGHTS = st.one_of(
    st.none(),
    st.builds(
        HeadSight,
        st.sampled_from([None, GATE, YARD, ELSEWHERE]),
        st.integers(0, 2),
        touring=st.sampled_from([None, True, False]),
        paused=st.booleans(),
        stay_s=st.sampled_from([None, 5.0, 400.0]),
    ),
)


@given(shown=st.lists(st.tuples(SIGHTS, st.integers(1, 80)), max_size=40), always=st.booleans())
def test_starts_and_ends_alternate_whatever_is_seen(
    shown: list[tuple[HeadSight | None, int]], always: bool
) -> None:
    eye = Eye(always=always)
    for one, looks in shown:
        eye.see(one, for_s=looks * LOOK_S)
    assert all(first is not second for first, second in itertools.pairwise([Phase.END, *eye.said]))


STOPS = st.lists(st.tuples(st.sampled_from("123"), st.floats(3, 300)), min_size=2, max_size=6)


def met(stops: list[tuple[str, float]], *, seed: int, told: bool, days: float) -> tuple[list[Phase], int]:
    """What is said of a simulated tour that runs all the time, and how often it was looked at."""
    clock = ManualClock(AT)
    head = touring(clock, *stops)
    judge = TourJudge(always=True, new_episode=lambda: "episode")
    chance = random.Random(seed)
    tour = Tour("T", "round", "Touring", False, tuple(Spot(preset, stay) for preset, stay in stops))
    said, looks = [], 0
    while clock.now() < AT + timedelta(days=days):
        clock.advance((2.0 if judge.suspicious else LOOK_S) * chance.uniform(0.75, 1.25))
        stay_s = longest_stay_s(tour) if told else None
        seen = HeadSight(place_of(head), 1, touring=True, stay_s=stay_s)
        change = judge.see(seen, mono_s=clock.monotonic(), now=clock.now())
        looks += 1
        said += [] if change is None else [change.phase]
    return said, looks


@settings(max_examples=20, deadline=None)
@given(stops=STOPS, seed=st.integers(0, 99), told=st.booleans())
def test_no_tour_is_called_stopped_while_it_goes(
    stops: list[tuple[str, float]], seed: int, told: bool
) -> None:
    """A device that does not tell its stays is taken to stay five minutes at the most."""
    at_each = {preset: sum(stay for other, stay in stops if other == preset) for preset, _ in stops}
    if len(at_each) > 1 and (told or max(at_each.values()) <= STAY_S):
        assert met(stops, seed=seed, told=told, days=0.5)[0] == []


@pytest.mark.parametrize("told", [True, False])
def test_the_worst_tour_is_not_called_stopped_and_hardly_watched_more(told: bool) -> None:
    """Two spots, nine seconds and five, nearly in step with the looks: without close looks it is called
    stopped many times in six days (try it with CLOSE_S and CLOSE_FACTOR 0). Measured beside: 1,241 random
    tours of two to six spots of 3 to 300 s, half a day each: none called stopped."""
    said, looks = met([("1", 9.0), ("3", 5.0)], seed=0, told=told, days=6)
    assert said == []
    assert looks < 6 * 86_400 / LOOK_S * 1.3


def touring(clock: ManualClock, *stops: tuple[str, float]) -> Head:
    head = Head(max_presets=9, monotonic=clock.monotonic)
    tour = head.tours.create()
    made = tuple(Stop(preset, stay_s) for preset, stay_s in stops)
    head.tours.modify(tour.token, name="round", autostart=False, stops=made)
    head.start_tour(tour.token)
    return head


def place_of(head: Head) -> Place:
    there = head.position()
    return Place(there.pan, there.tilt, there.zoom)


class FakeHead:
    """Shows what it is told to, or fails as it is told to."""

    def __init__(self) -> None:
        self.shown: HeadSight | DeviceError = sight(GATE)
        self.looks = 0
        self.closed = False

    def look(self) -> HeadSight:
        self.looks += 1
        if isinstance(self.shown, DeviceError):
            raise self.shown
        return self.shown

    def close(self) -> None:
        self.closed = True


class Round:
    """The service with one lookout, on a clock moved by hand."""

    def __init__(self, *, device_class: DeviceClass = DeviceClass.LOOKOUT) -> None:
        self.clock = ManualClock(AT)
        self.log, self.notebook, self.head = FakeLog(), FakeNotebook(), FakeHead()
        self.device = device("tower", device_class)
        self.start()

    def start(self) -> None:
        self.watch = TourWatch(
            log_=self.log,
            notebook=self.notebook,
            clock=self.clock,
            new_episode=lambda: "episode",
            chance=random.Random(1),
        )
        self.watch.add(self.device, self._opened)

    def _opened(self, _device: Device) -> HeadWatch:
        return self.head

    def pass_by(self, seconds: float) -> None:
        ends = self.clock.monotonic() + seconds
        while self.clock.monotonic() < ends:
            self.clock.advance(max(0.1, self.watch.step()))

    def tour(self) -> None:
        for place in (GATE, YARD) * 5:
            self.head.shown = sight(place)
            self.pass_by(30)

    @property
    def scenes(self) -> list[Scene]:
        return [each for each in self.log.all(Scene) if isinstance(each, Scene)]

    @property
    def phases(self) -> list[Phase]:
        return [each.phase for each in self.scenes]


def test_a_stopped_tour_is_one_entry_and_its_end_another() -> None:
    tower = Round()
    tower.tour()
    tower.pass_by(3600)
    tower.tour()
    assert tower.phases == [Phase.START, Phase.END]
    start, end = tower.scenes
    assert start.topic == SceneTopic.TOUR_STOPPED and start.episode == end.episode
    assert end.duration_ms is not None and 3_500_000 < end.duration_ms < 4_000_000
    assert tower.notebook.documents == {}


def test_a_head_is_looked_at_three_times_a_minute_and_not_at_an_even_pace() -> None:
    tower = Round()
    for place in (GATE, YARD) * 60:
        tower.head.shown = sight(place)
        tower.pass_by(30)
    assert 160 <= tower.head.looks <= 200


def test_a_restarted_box_closes_what_it_opened() -> None:
    tower = Round()
    tower.pass_by(3600)
    assert tower.notebook.noted("tower", NOTE_TOPIC) == "episode"
    tower.watch.close()
    assert tower.head.closed
    tower.start()
    tower.pass_by(3600)
    tower.tour()
    assert tower.phases == [Phase.START, Phase.END]


def test_a_full_store_delays_what_is_told() -> None:
    tower = Round()
    tower.log.full = True
    with pytest.raises(StoreFull):
        tower.pass_by(3600)
    tower.log.full = False
    tower.watch.step()
    assert tower.phases == [Phase.START]


def test_a_device_that_is_away_is_looked_for_once_a_minute_and_not_judged() -> None:
    tower = Round()
    tower.head.shown = DeviceError(DeviceTrouble.UNREACHABLE, "tower", "gone")
    tower.pass_by(3600)
    assert 45 <= tower.head.looks <= 80
    assert tower.phases == []


def test_a_head_that_tells_nothing_is_named_once_and_hardly_asked(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tower = Round()
    for shown in (HeadSight(None), DeviceError(DeviceTrouble.NOT_SUPPORTED, "tower", "no PTZ")):
        tower.head.shown = shown
        tower.pass_by(86_400)
    assert tower.head.looks < 150
    assert sum("its tour is not watched" in line for line in caplog.messages) == 1


def test_classes_without_a_head_are_left_alone() -> None:
    tower = Round(device_class=DeviceClass.SMART_CAMERA)
    tower.pass_by(60)
    assert tower.head.looks == 0
