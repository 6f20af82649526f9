"""Findings become events: each start has its end, in order, whatever comes."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.detect import ConfirmConfig, EventDebouncer, Moment, PictureVerdict
from agent.detect.confirm import DEFAULT_CONFIRM_S, Rule
from agent.model import Finding, PictureFault, SceneEvent
from protocol.words import Phase, SceneTopic, SeenBy

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def at(seconds: float) -> Moment:
    return Moment(1000.0 + seconds, NOON + timedelta(seconds=seconds))


def motion(present: bool, *, score: float = 0.7) -> Finding:
    return Finding(SceneTopic.MOTION, present, score if present else 0.0, "moving" if present else "")


def fault(kind: PictureFault, present: bool = True) -> Finding:
    return Finding(SceneTopic.TAMPER, present, 0.9, kind.value, fault=kind)


def debouncer(config: ConfirmConfig | None = None) -> EventDebouncer:
    numbers = itertools.count(1)
    return EventDebouncer(config, new_episode=lambda: f"episode-{next(numbers)}")


def run(
    bouncer: EventDebouncer, opinions: str, *, gap_s: float = 1.0, start_s: float = 0.0
) -> list[SceneEvent]:
    """One letter an opinion: ``x`` present, ``-`` absent, a space for no opinion."""
    events: list[SceneEvent] = []
    for number, letter in enumerate(opinions):
        if letter != " ":
            events += bouncer.see([motion(letter == "x")], at(start_s + number * gap_s))
    return events


def times(events: list[SceneEvent]) -> list[tuple[Phase, float]]:
    return [(event.phase, (event.time - NOON).total_seconds()) for event in events]


@pytest.mark.parametrize(
    ("opinions", "expected"),
    [
        ("----", []),
        ("-x--", []),
        ("-x--x--x--", []),
        ("-x-x", [(Phase.START, 1)]),
        ("-xx", [(Phase.START, 1)]),
        ("-xxx-", [(Phase.START, 1)]),
        ("-xxx--", [(Phase.START, 1), (Phase.END, 3)]),
        ("-xx--xx--", [(Phase.START, 1), (Phase.END, 2), (Phase.START, 5), (Phase.END, 6)]),
    ],
)
def test_two_of_three_start_and_two_quiet_seconds_end(
    opinions: str, expected: list[tuple[Phase, float]]
) -> None:
    assert times(run(debouncer(), opinions)) == expected


def test_quiet_shorter_than_the_hold_does_not_end_an_event() -> None:
    events = run(debouncer(), "-xxx-xx--x-xx------", gap_s=0.5)
    assert times(events) == [(Phase.START, 0.5), (Phase.END, 6.0)]


def test_quiet_that_was_seen_ends_an_event_even_when_the_next_one_comes_first() -> None:
    """Key frames a second apart: quiet at 3 and 4 s, somebody else at 5 s."""
    events = run(debouncer(ConfirmConfig(motion=Rule(hold_s=2.5))), "-xx--xx---")
    assert times(events) == [(Phase.START, 1), (Phase.END, 2), (Phase.START, 5), (Phase.END, 6)]


def test_an_end_names_its_start_and_how_long_it_was() -> None:
    start, end = run(debouncer(), "-xxxxx--")
    assert start.episode == end.episode == "episode-1"
    assert (start.duration_s, end.duration_s) == (None, 4.0)
    assert start.seen_by is SeenBy.BOX
    assert run(debouncer(), "xx--xx--")[2].episode == "episode-2"


def test_an_event_carries_its_clearest_finding() -> None:
    bouncer = debouncer()
    bouncer.see([motion(True, score=0.6)], at(0))
    bouncer.see([motion(True, score=0.9)], at(1))
    (end,) = bouncer.close()
    assert end.score == 0.9


def test_confirmation_takes_its_seconds() -> None:
    bouncer = debouncer(ConfirmConfig(confirm_s={PictureFault.COVERED: 3.0}))
    events = [bouncer.see([fault(PictureFault.COVERED)], at(s)) for s in (0.0, 2.0, 4.0)]
    assert [len(found) for found in events] == [0, 0, 1]
    assert events[2][0].time == NOON


def test_faults_of_one_topic_are_different_episodes() -> None:
    config = ConfirmConfig(confirm_s={PictureFault.COVERED: 0.0, PictureFault.FROZEN: 0.0})
    bouncer = debouncer(config)
    both = [fault(PictureFault.COVERED), fault(PictureFault.FROZEN)]
    events = [event for s in range(3) for event in bouncer.see(both, at(s))]
    assert sorted(event.episode for event in events) == ["episode-1", "episode-2"]


def test_a_stream_that_is_gone_ends_what_was_going_on() -> None:
    bouncer = debouncer()
    run(bouncer, "xx")
    assert bouncer.wait(at(2.5)) == ()
    assert times(list(bouncer.wait(at(4.0)))) == [(Phase.END, 1)]
    assert bouncer.wait(at(9.0)) == ()


def test_an_hour_without_a_stream_is_not_an_hour_of_evidence() -> None:
    bouncer = debouncer(ConfirmConfig(confirm_s={PictureFault.COVERED: 600.0}))
    assert bouncer.see([fault(PictureFault.COVERED)], at(0)) == ()
    assert [bouncer.see([fault(PictureFault.COVERED)], at(3600 + s)) for s in range(5)] == [()] * 5


def test_an_episode_does_not_reach_over_a_long_gap() -> None:
    bouncer = debouncer()
    run(bouncer, "xx")
    assert times(run(bouncer, "xx", start_s=500.0)) == [(Phase.END, 1), (Phase.START, 500)]


@pytest.mark.parametrize(("needed", "of"), [(0, 3), (4, 3), (1, 0)])
def test_a_rule_that_cannot_be_is_refused(needed: int, of: int) -> None:
    with pytest.raises(ValueError, match="needed"):
        Rule(needed, of)


Steps = st.lists(
    st.tuples(st.floats(0.0, 90.0), st.sampled_from(["x", "-", "wait", "close"]), st.sampled_from("ab")),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(
    steps=Steps,
    rule=st.builds(
        lambda of, less, confirm, hold: Rule(max(1, of - less), of, confirm, hold),
        st.integers(1, 5),
        st.integers(0, 4),
        st.floats(0, 20),
        st.floats(0, 20),
    ),
)
def test_starts_and_ends_alternate_in_order_with_one_id_each(
    steps: list[tuple[float, str, str]], rule: Rule
) -> None:
    bouncer = debouncer(ConfirmConfig(zone=rule))
    now_s, events = 0.0, list[SceneEvent]()
    for gap_s, what, zone in steps:
        now_s += gap_s
        if what == "wait":
            events += bouncer.wait(at(now_s))
        elif what == "close":
            events += bouncer.close()
        else:
            finding = Finding(SceneTopic.OBJECTS_INSIDE, what == "x", 0.5, "", zone=zone)
            events += bouncer.see([finding], at(now_s))
    events += bouncer.close()
    assert bouncer.close() == ()
    for zone in "ab":
        own = [event for event in events if event.zone == zone]
        assert [event.phase for event in own] == [Phase.START, Phase.END] * (len(own) // 2)
        assert [event.time for event in own] == sorted(event.time for event in own)
        for start, end in zip(own[::2], own[1::2], strict=True):
            assert start.episode == end.episode
            assert end.duration_s is not None
            assert end.duration_s >= rule.confirm_s - 1e-6
    ids = [event.episode for event in events if event.phase is Phase.START]
    assert len(ids) == len(set(ids))


@settings(max_examples=200, deadline=None)
@given(quiet=st.lists(st.floats(0.1, 30.0), max_size=40))
def test_nothing_seen_is_nothing_said(quiet: list[float]) -> None:
    bouncer = debouncer()
    assert [bouncer.see([motion(False)], at(sum(quiet[:n]))) for n in range(len(quiet))] == [()] * len(quiet)


def verdict_config() -> ConfirmConfig:
    return ConfirmConfig(confirm_s=dict.fromkeys(PictureFault, 3.0))


def test_a_picture_is_not_judged_before_the_first_opinion() -> None:
    verdict = PictureVerdict()
    assert not verdict.state.judged
    assert not verdict.see([motion(True)], at(0)).judged
    state = verdict.see([fault(PictureFault.DARK, False)], at(1))
    assert state.judged
    assert state.fault is None


def test_a_confirmed_fault_is_named_since_it_was_first_seen_and_cleared_when_gone() -> None:
    verdict = PictureVerdict(verdict_config())
    for seconds in (2.0, 4.0):
        assert verdict.see([fault(PictureFault.COVERED)], at(seconds)).fault is None
    state = verdict.see([fault(PictureFault.COVERED)], at(6.0))
    assert (state.fault, state.since) == (PictureFault.COVERED, NOON + timedelta(seconds=2))
    assert state.reason == "picture_covered"
    assert verdict.see([fault(PictureFault.COVERED, False)], at(8.0)).fault is PictureFault.COVERED
    assert verdict.see([fault(PictureFault.COVERED, False)], at(10.0)).fault is None


def test_of_two_faults_the_one_that_hides_the_other_is_named() -> None:
    verdict = PictureVerdict(verdict_config())
    both = [fault(PictureFault.FROZEN), fault(PictureFault.COVERED)]
    states = [verdict.see(both, at(s)) for s in (0.0, 2.0, 4.0)]
    assert states[-1].fault is PictureFault.COVERED


def test_one_contrary_opinion_is_forgiven() -> None:
    verdict = PictureVerdict(ConfirmConfig(confirm_s={PictureFault.DARK: 20.0}))
    for number in range(11):
        state = verdict.see([fault(PictureFault.DARK, number != 5)], at(number * 2.0))
    assert state.fault is PictureFault.DARK


def test_every_fault_has_its_time_by_default() -> None:
    assert set(DEFAULT_CONFIRM_S) == set(PictureFault)
    assert ConfirmConfig().fault_rule(PictureFault.COVERED).confirm_s == 600.0


def crossing(at_s: float, bouncer: EventDebouncer, *, state: bool = False) -> list[SceneEvent]:
    found = Finding(SceneTopic.LINE_CROSSED, True, 0.8, "crossed a→b", zone="gate", state=state)
    return list(bouncer.see([found], at(at_s)))


def test_a_crossing_is_a_pulse_at_once_and_needs_no_second_opinion() -> None:
    bouncer = debouncer()
    first, second = crossing(0, bouncer)[0], crossing(1, bouncer)[0]
    assert (first.phase, first.zone, first.reason) == (Phase.PULSE, "gate", "crossed a→b")
    assert first.episode != second.episode
    assert bouncer.close() == ()


def test_a_road_full_of_crossings_is_held_back_and_counted() -> None:
    bouncer = debouncer()
    told = [event for n in range(100) for event in crossing(n * 0.1, bouncer)]
    assert 30 <= len(told) <= 41
    assert bouncer.held_back == 100 - len(told)


def test_what_is_state_makes_no_event() -> None:
    bouncer = debouncer()
    for s in range(5):
        state = Finding(SceneTopic.MOTION, True, 0.9, "", state=True)
        assert bouncer.see([state], at(s)) == ()
        assert crossing(s, bouncer, state=True) == []


def test_a_lamp_is_on_from_its_first_finding_to_its_first_off() -> None:
    bouncer = debouncer()
    lamp = [Finding(SceneTopic.LIGHT_LEVEL, on, 0.8, "", zone="lamp") for on in (True, True, False, True)]
    phases = [event.phase for s, one in enumerate(lamp) for event in bouncer.see([one], at(2.0 * s))]
    assert phases == [Phase.START, Phase.END, Phase.START]


@pytest.mark.parametrize(
    ("topic", "incident"),
    [
        (SceneTopic.OBJECTS_INSIDE, True),
        (SceneTopic.SMOKE_SUSPECTED, True),
        (SceneTopic.MOTION, False),
        (SceneTopic.LIGHT_LEVEL, False),
        (SceneTopic.OBJECT_DETECTED, False),
    ],
)
def test_traffic_and_lamps_are_no_incident(topic: SceneTopic, incident: bool) -> None:
    bouncer = debouncer()
    for number in range(6):
        bouncer.see([Finding(topic, True, 0.9, "there")], at(number))
    assert bouncer.incident is incident
    bouncer.close()


def test_a_fault_of_the_picture_is_no_incident() -> None:
    bouncer = debouncer(ConfirmConfig(confirm_s=dict.fromkeys(PictureFault, 0.0)))
    for number in range(6):
        bouncer.see([fault(PictureFault.COVERED)], at(number))
    assert not bouncer.incident
