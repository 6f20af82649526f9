"""What the camera says and what the box sees: one thing, one episode, and nothing lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.model import Rectangle, SceneEvent
from agent.services.episodes import APART, AT_ONCE, Episodes, Merging, Sighting, Told
from protocol.words import Phase, SceneTopic, SeenBy

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
CAMERA, BOX = SeenBy.CAMERA, SeenBy.BOX
MERGING = Merging(join_s=3.0, cool_down_s=10.0, longest_s=300.0)
STILLS = {CAMERA: "ca" * 32, BOX: "b0" * 32}
BOX_AT = Rectangle(0.1, 0.1, 0.2, 0.2)


@dataclass
class Said:
    """Two sources that say things at times, and what the log was told."""

    merging: Merging = MERGING
    told: list[Told] = field(default_factory=list)
    at_s: float = 1000.0
    numbers: int = 0

    def __post_init__(self) -> None:
        self.episodes = Episodes(self.merging)

    def wait(self, seconds: float) -> None:
        """Time passes, half a second at a time."""
        while seconds > 0:
            step_s = min(seconds, 0.5)
            self.at_s, seconds = self.at_s + step_s, seconds - step_s
            self.told += self.episodes.due(mono_s=self.at_s)

    def start(
        self, by: SeenBy, topic: SceneTopic = SceneTopic.MOTION, zone: str = "", phase: Phase = Phase.START
    ) -> SceneEvent:
        self.numbers += 1
        event = SceneEvent(
            topic=topic,
            phase=phase,
            seen_by=by,
            episode=f"{by}-{self.numbers}",
            time=NOON + timedelta(seconds=self.at_s),
            zone=zone,
            score=0.5 if by is BOX else None,
            reason="first look" if by is BOX else "",
            mono_s=self.at_s,
        )
        self.told += self.episodes.take(Sighting(event, STILLS[by]), mono_s=self.at_s)
        return event

    def pulse(self, topic: SceneTopic = SceneTopic.LINE_CROSSED) -> None:
        self.start(CAMERA, topic, phase=Phase.PULSE)

    def end(self, start: SceneEvent, *, seen_s_ago: float = 0.0, supposed: bool = False) -> None:
        seen_s = self.at_s - seen_s_ago
        event = SceneEvent(
            topic=start.topic,
            phase=Phase.END,
            seen_by=start.seen_by,
            episode=start.episode,
            time=NOON + timedelta(seconds=seen_s),
            zone=start.zone,
            score=0.9 if start.seen_by is BOX else None,
            reason="clear look" if start.seen_by is BOX else "no end" if supposed else "",
            box=BOX_AT if start.seen_by is BOX else None,
            duration_s=seen_s - start.mono_s,
            mono_s=seen_s,
            supposed=supposed,
        )
        self.told += self.episodes.take(Sighting(event), mono_s=self.at_s)

    @property
    def phases(self) -> list[tuple[Phase, str]]:
        return [(one.event.phase, one.event.episode) for one in self.told]


@pytest.mark.parametrize(("first", "second"), [(CAMERA, BOX), (BOX, CAMERA)])
def test_what_both_say_is_one_episode_that_says_both(first: SeenBy, second: SeenBy) -> None:
    said = Said()
    began = said.start(first)
    said.wait(2)
    joined = said.start(second)
    said.wait(4)
    said.end(began)
    said.wait(3)
    said.end(joined)
    assert len(said.told) == 1, "the end waits for its cool-down"
    said.wait(10)
    start, end = said.told
    assert (start.event, start.sources, start.evidence) == (began, (first,), STILLS[first])
    assert (end.event.phase, end.event.episode, end.event.seen_by) == (Phase.END, began.episode, first)
    assert (end.sources, end.evidence) == ((first, second), STILLS[second])
    assert (end.event.duration_s, end.event.score, end.event.box) == (9.0, 0.9, BOX_AT)
    assert end.event.time == began.time + timedelta(seconds=9)
    assert end.event.reason == "clear look"


def test_what_one_source_says_is_what_it_was() -> None:
    said = Said(AT_ONCE)
    began = said.start(BOX)
    said.wait(5)
    said.end(began, seen_s_ago=2)
    start, end = said.told
    assert (start.event, start.sources) == (began, (BOX,))
    assert (end.event.duration_s, end.event.reason, end.evidence) == (3.0, "clear look", None)


def test_the_other_source_within_three_seconds_of_the_end_belongs_to_it() -> None:
    for pause_s, episodes in ((2.5, 1), (3.5, 2)):
        said = Said(Merging(join_s=3.0, cool_down_s=0.0))
        said.end(said.start(CAMERA))
        said.wait(pause_s)
        said.end(said.start(BOX))
        said.wait(10)
        assert len({episode for _, episode in said.phases}) == episodes
        assert [phase for phase, _ in said.phases] == [Phase.START, Phase.END] * episodes


def test_a_start_within_the_cool_down_goes_on_with_the_episode() -> None:
    said = Said()
    began = said.start(BOX)
    said.end(began)
    said.wait(9.5)
    said.end(said.start(BOX))
    said.wait(9.5)
    assert len(said.told) == 1
    said.wait(0.5)
    assert said.phases == [(Phase.START, began.episode), (Phase.END, began.episode)]
    assert said.told[1].event.duration_s == 9.5
    said.start(BOX)
    assert len(said.told) == 3


def test_without_a_cool_down_the_same_source_begins_anew_after_its_end() -> None:
    said = Said(Merging(join_s=3.0, cool_down_s=0.0))
    first = said.start(BOX)
    said.end(first)
    second = said.start(BOX)
    assert said.phases == [
        (Phase.START, first.episode),
        (Phase.END, first.episode),
        (Phase.START, second.episode),
    ]


def test_a_busy_road_has_more_than_one_episode_a_day() -> None:
    said = Said()
    for _ in range(1800):
        car = said.start(BOX)
        said.wait(1.0)
        said.end(car)
        said.wait(1.0)
    said.wait(10)
    starts = [one for one in said.told if one.event.phase is Phase.START]
    ends = [one for one in said.told if one.event.phase is Phase.END]
    assert len(starts) == len(ends) == 12
    assert all(300 <= (end.event.duration_s or 0) <= 303 for end in ends[:-1])


def test_an_end_that_was_seen_counts_before_one_that_was_supposed() -> None:
    said = Said()
    camera = said.start(CAMERA)
    box = said.start(BOX)
    said.wait(20)
    said.end(box)
    said.wait(280)
    said.end(camera, supposed=True)
    said.wait(10)
    (end,) = [one.event for one in said.told if one.event.phase is Phase.END]
    assert (end.duration_s, end.reason, end.supposed) == (20.0, "clear look", False)


def test_zones_of_the_box_keep_apart_and_the_camera_joins_what_is_there() -> None:
    said = Said()
    gate = said.start(BOX, SceneTopic.OBJECTS_INSIDE, "gate")
    yard = said.start(BOX, SceneTopic.OBJECTS_INSIDE, "yard")
    camera = said.start(CAMERA, SceneTopic.OBJECTS_INSIDE)
    assert [one.event for one in said.told] == [gate, yard]
    for one in (gate, yard, camera):
        said.end(one)
    said.wait(10)
    ends = {one.event.zone: one.sources for one in said.told if one.event.phase is Phase.END}
    assert ends == {"gate": (BOX, CAMERA), "yard": (BOX,)}


def test_an_intrusion_into_a_zone_is_told_even_when_the_camera_was_first() -> None:
    said = Said()
    camera = said.start(CAMERA, SceneTopic.OBJECTS_INSIDE)
    box = said.start(BOX, SceneTopic.OBJECTS_INSIDE, "gate")
    assert [one.event for one in said.told] == [camera, box]


def test_a_line_that_the_camera_told_first_gets_the_name_the_box_has_for_it() -> None:
    said = Said()
    camera = said.start(CAMERA, SceneTopic.LINE_CROSSED)
    box = said.start(BOX, SceneTopic.LINE_CROSSED, "gate")
    other = said.start(BOX, SceneTopic.LINE_CROSSED, "road")
    assert [one.event for one in said.told] == [camera, other]
    said.end(camera)
    said.end(box)
    said.wait(10)
    assert (said.told[-1].event.zone, said.told[-1].sources) == ("gate", (CAMERA, BOX))


def test_two_rules_of_a_camera_are_two_episodes_and_the_box_is_in_one_of_them() -> None:
    said = Said()
    one, two = said.start(CAMERA), said.start(CAMERA)
    box = said.start(BOX)
    for event in (one, two, box):
        said.end(event)
    said.wait(10)
    assert [phase for phase, _ in said.phases] == [Phase.START, Phase.START, Phase.END, Phase.END]
    assert sorted(len(each.sources) for each in said.told) == [1, 1, 1, 2]


def test_a_pulse_within_the_boxs_episode_is_part_of_it_and_a_second_one_is_not() -> None:
    said = Said()
    box = said.start(BOX, SceneTopic.LINE_CROSSED)
    said.pulse()
    said.pulse()
    said.end(box)
    said.wait(10)
    assert [phase for phase, _ in said.phases] == [Phase.START, Phase.PULSE, Phase.END]
    assert (said.told[-1].sources, said.told[-1].evidence) == ((BOX, CAMERA), STILLS[CAMERA])


def test_a_pulse_right_before_the_boxs_start_gives_it_its_id() -> None:
    said = Said()
    said.pulse()
    said.wait(2)
    box = said.start(BOX, SceneTopic.LINE_CROSSED)
    other = said.start(BOX, SceneTopic.LINE_CROSSED, "another line")
    said.end(box)
    said.end(other)
    said.wait(10)
    pulse, start, second, *ends = said.told
    assert (pulse.event.phase, start.event.episode, start.sources) == (
        Phase.PULSE,
        pulse.event.episode,
        (CAMERA, BOX),
    )
    assert second.event.episode == other.episode
    assert [end.event.episode for end in ends] == [pulse.event.episode, other.episode]


def test_a_pulse_long_before_is_another_one() -> None:
    said = Said()
    said.pulse()
    said.wait(3)
    said.start(BOX, SceneTopic.LINE_CROSSED)
    assert len({episode for _, episode in said.phases}) == 2


@pytest.mark.parametrize("topic", sorted(APART))
def test_what_only_one_source_can_tell_is_neither_merged_nor_held_back(topic: SceneTopic) -> None:
    said = Said()
    first, second = said.start(CAMERA, topic), said.start(BOX, topic)
    said.end(first)
    assert said.phases == [
        (Phase.START, first.episode),
        (Phase.START, second.episode),
        (Phase.END, first.episode),
    ]
    said.start(CAMERA, topic)
    assert len(said.told) == 4


def test_an_end_without_a_start_says_nothing() -> None:
    said = Said()
    started = said.start(BOX)
    stranger = SceneEvent(SceneTopic.MOTION, Phase.END, CAMERA, "nobody", NOON)
    assert said.episodes.take(Sighting(stranger), mono_s=said.at_s) == ()
    assert said.phases == [(Phase.START, started.episode)]


def test_the_box_stops_and_what_is_over_is_told_and_what_goes_on_is_not() -> None:
    said = Said()
    over, on = said.start(BOX), said.start(CAMERA, SceneTopic.TAMPER)
    said.end(over)
    (end,) = said.episodes.close()
    assert (end.event.phase, end.event.episode) == (Phase.END, over.episode)
    assert [one.start for one in said.episodes.running] == [on]


steps = st.lists(
    st.tuples(
        st.sampled_from([CAMERA, BOX]),
        st.sampled_from([SceneTopic.MOTION, SceneTopic.LINE_CROSSED, SceneTopic.OBJECTS_INSIDE]),
        st.sampled_from(["", "gate", "yard"]),
        st.sampled_from(["start", "start", "end", "end", "late end", "time-out", "pulse"]),
        st.sampled_from([0.0, 0.5, 1.0, 2.9, 3.1, 9.9, 10.1, 60.0]),
    ),
    max_size=60,
)
mergings = st.builds(
    Merging, st.sampled_from([0.0, 3.0]), st.sampled_from([0.0, 10.0]), st.sampled_from([5.0, 300.0])
)


@given(steps, mergings)
@settings(max_examples=400, deadline=None)
def test_whatever_both_say_in_whatever_order_the_log_is_well_formed_and_nothing_is_lost(
    told: Sequence[tuple[SeenBy, SceneTopic, str, str, float]], merging: Merging
) -> None:
    said = Said(merging)
    running: dict[tuple[SeenBy, SceneTopic, str], SceneEvent] = {}
    starts, pulses = list[SceneEvent](), 0
    for by, topic, place, what, pause_s in told:
        said.wait(pause_s)
        zone = place if by is BOX else ""
        key = (by, topic, place)
        if what == "start" and key not in running:
            running[key] = said.start(by, topic, zone)
            starts.append(running[key])
        elif what == "pulse" and by is CAMERA:
            said.pulse(topic)
            pulses += 1
        elif what not in ("start", "pulse") and key in running:
            said.end(
                running.pop(key), seen_s_ago=1.0 if what == "late end" else 0.0, supposed=what == "time-out"
            )
        _check(said, starts, running)
    for event in running.values():
        said.end(event, supposed=True)
    said.wait(merging.linger_s + 1)
    _check(said, starts, {})
    assert not said.episodes.running
    ends = [one for one in said.told if one.event.phase is Phase.END]
    began = [one for one in said.told if one.event.phase is Phase.START]
    assert len(ends) == len(began)
    assert sum(one.event.phase is Phase.PULSE for one in said.told) <= pulses
    for one in ends:
        assert one.event.duration_s is not None
        assert one.event.duration_s >= 0
        start = next(each.event for each in began if each.event.episode == one.event.episode)
        assert one.event.time >= start.time
        assert (one.event.topic, one.event.seen_by) == (start.topic, start.seen_by)


def _check(
    said: Said, starts: Sequence[SceneEvent], running: dict[tuple[SeenBy, SceneTopic, str], SceneEvent]
) -> None:
    """A start once, an end once and after it; all that goes on is in an episode that goes on, no two of one
    source in the same; and no source's start makes more than one."""
    started, ended = set[str](), set[str]()
    for one in said.told:
        if one.event.phase is Phase.START:
            assert one.event.episode not in started
            started.add(one.event.episode)
        elif one.event.phase is Phase.END:
            assert one.event.episode in started - ended
            ended.add(one.event.episode)
        assert len(set(one.sources)) == len(one.sources)
    assert {one.start.episode for one in said.episodes.running} == started - ended
    members = [member for one in said.episodes.running for member in one.members]
    assert sorted(members) == sorted(event.episode for event in running.values())
    for kept in said.episodes.running:
        assert len(set(kept.members.values())) == len(kept.members)
        assert (kept.over_s is None) == bool(kept.members)
    assert len(started) <= len(starts)
