"""One happening under two topics: told once, whoever comes first, over however many pulls."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from agent.devices.echoes import FORGOTTEN_AFTER_S, HAPPENINGS, Echoes
from agent.model import CameraEvent
from protocol.words import SceneTopic

AT = datetime(2026, 5, 1, tzinfo=UTC)
ALARM, CELL = ("VideoSource/MotionAlarm", "lens-1"), ("RuleEngine/CellMotionDetector/Motion", "config-1")


def motion(
    teller: tuple[str, str], active: bool | None, *, initial: bool = False, count: int | None = None
) -> CameraEvent:
    said, source = teller
    return CameraEvent(SceneTopic.MOTION, active, initial, AT, source=source, said=said, count=count)


def passed(*steps: tuple[float, CameraEvent]) -> list[tuple[bool | None, str]]:
    echoes = Echoes()
    told = [echoes.pass_on(event, now_s=at_s) for at_s, event in steps]
    return [(event.active, event.source) for event in told if event is not None]


def test_motion_under_two_topics_a_second_apart_is_one() -> None:
    for first, second in ((ALARM, CELL), (CELL, ALARM)):
        assert passed(
            (0.0, motion(first, True)),
            (1.0, motion(second, True)),
            (9.0, motion(second, False)),
            (10.0, motion(first, False)),
        ) == [(True, first[1]), (False, first[1])]


def test_an_echo_after_a_short_happening_is_still_one() -> None:
    assert passed(
        (0.0, motion(ALARM, True)),
        (0.5, motion(ALARM, False)),
        (1.0, motion(CELL, True)),
        (1.5, motion(CELL, False)),
    ) == [(True, "lens-1"), (False, "lens-1")]


def test_what_begins_later_is_another() -> None:
    assert len(passed((0.0, motion(ALARM, True)), (5.0, motion(CELL, True)))) == 2


def test_two_lenses_under_one_topic_are_two() -> None:
    other = (ALARM[0], "lens-2")
    assert passed((0.0, motion(ALARM, True)), (0.1, motion(other, True)), (1.0, motion(other, False))) == [
        (True, "lens-1"),
        (True, "lens-2"),
        (False, "lens-2"),
    ]


def test_an_echo_that_never_ends_hides_nothing_for_long() -> None:
    again = FORGOTTEN_AFTER_S + 5.0
    assert passed(
        (0.0, motion(ALARM, True)),
        (0.1, motion(CELL, True)),
        (2.0, motion(ALARM, False)),
        (4.0, motion(CELL, True)),
        (again, motion(CELL, True)),
    ) == [(True, "lens-1"), (False, "lens-1"), (True, "config-1")]


def test_a_state_replayed_passes_and_one_that_is_over_ends_with_its_leader() -> None:
    assert passed(
        (0.0, motion(ALARM, True)),
        (0.1, motion(CELL, True)),
        (5.0, motion(CELL, True, initial=True)),
        (6.0, motion(CELL, False, initial=True)),
        (6.0, motion(ALARM, False, initial=True)),
    ) == [(True, "lens-1"), (True, "config-1"), (False, "lens-1")]


def test_the_same_pulse_under_two_topics_is_one_and_counts_all_pass() -> None:
    assert passed((0.0, motion(ALARM, None)), (1.0, motion(CELL, None)), (9.0, motion(CELL, None))) == [
        (None, "lens-1"),
        (None, "config-1"),
    ]
    assert len(passed(*((0.1 * n, motion(CELL, None, count=n)) for n in range(5)))) == 5


tellers = st.tuples(st.sampled_from([ALARM[0], CELL[0], "RuleEngine/X"]), st.sampled_from(["1", "2", "3"]))


@given(st.lists(st.tuples(st.floats(0, 3), tellers, st.booleans(), st.booleans()), max_size=80))
def test_an_end_is_told_with_the_source_of_its_start(
    steps: list[tuple[float, tuple[str, str], bool, bool]],
) -> None:
    echoes, now_s = Echoes(), 0.0
    begun: set[str] = set()
    for pause_s, teller, active, initial in steps:
        now_s += pause_s
        event = echoes.pass_on(motion(teller, active, initial=initial and not active), now_s=now_s)
        if event is None:
            continue
        if event.active:
            begun.add(event.source)
        elif event.source != teller[1]:
            assert event.source in begun


def test_a_device_that_invents_sources_costs_bounded_memory() -> None:
    echoes = Echoes()
    for number in range(10 * HAPPENINGS):
        echoes.pass_on(motion((ALARM[0], str(number)), True), now_s=0.0)
    assert len(echoes._happenings) == HAPPENINGS
