"""The hours of a counting device as the log gets them: over restarts, clock jumps, gaps, a full store."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import StoreFull
from agent.services.counting import BASELINE, BOOK
from protocol.words import DeviceClass
from tests.agent.services.fakes import device
from tests.agent.services.passing import MONDAY, Road, counted


def test_each_hour_is_told_once_when_it_is_over() -> None:
    road = Road()
    road.subscribe()
    road.listen(3594, passages=40)
    assert road.told == []
    road.listen(3600, passages=7)
    assert road.told == [(0, 40, 3600)]
    road.clock.advance(60)
    road.counting.step()
    assert [each[:2] for each in road.told] == [(0, 40), (1, 7)]


def test_an_hour_without_a_passage_is_told_and_one_unheard_is_not() -> None:
    road = Road()
    road.subscribe()
    road.listen(3600, passages=2)
    road.listen(3600)
    road.clock.advance(2 * 3600)
    road.counting.step()
    road.subscribe()
    road.listen(1800, passages=3)
    road.clock.advance(3600)
    road.counting.step()
    assert road.told == [(0, 2, 3600), (1, 0, 3600), (2, 0, 1), (4, 3, 1801)]


def test_a_device_that_never_counted_is_told_nothing_of() -> None:
    road = Road()
    road.listen(2 * 3600)
    assert road.told == []


def test_a_restart_in_the_hour_keeps_what_was_and_adds_what_grew_meanwhile() -> None:
    road = Road()
    road.subscribe()
    road.listen(600, passages=10)
    road.counting.close()
    road.clock.advance(120)
    road.total += 4
    road.start()
    road.subscribe()
    road.listen(2878, passages=5)
    road.listen(60)
    assert road.told == [(0, 19, 3480)]


def test_a_killed_box_recounts_from_the_last_note() -> None:
    road = Road()
    road.subscribe()
    road.listen(3000, passages=500)
    road.start()  # killed: nothing was noted at the end
    road.subscribe()
    road.listen(700)
    assert [each[:2] for each in road.told] == [(0, 500)]


def test_a_box_that_was_off_when_the_hour_ended_tells_it_at_its_next_start() -> None:
    road = Road()
    road.subscribe()
    road.listen(1800, passages=30)
    road.counting.close()
    road.clock.advance(5 * 3600)
    road.start()
    road.counting.step()
    assert road.told == [(0, 30, 1801)]
    road.start()
    road.counting.step()
    assert len(road.told) == 1


def test_a_reboot_of_the_device_is_a_reset_and_loses_nothing_after_it() -> None:
    road = Road()
    road.total = 5_000
    road.subscribe()
    road.listen(600, passages=10)
    road.total = 2
    road.subscribe()
    road.listen(3600)
    assert (road.hours[0].passages, road.hours[0].resets) == (12, 1)


def test_a_full_store_delays_an_hour_and_does_not_lose_it() -> None:
    road = Road()
    road.subscribe()
    road.listen(3500, passages=3)
    road.log.full = True
    with pytest.raises(StoreFull):
        road.listen(200)
    road.start()
    with pytest.raises(StoreFull):
        road.counting.step()
    road.log.full = False
    road.counting.step()
    road.start()
    road.counting.step()
    assert [each[:2] for each in road.told] == [(0, 3)]


def test_delays_are_told_with_the_devices_clock_error_taken_out() -> None:
    road = Road(error_s=-300.0)
    road.subscribe()
    for delay_s in (2, 4, 90):
        at = road.clock.now() + timedelta(seconds=5)
        road.total += 1
        told = at - timedelta(seconds=delay_s + 300)
        road.pull([counted(road.total, at=at, device_time=told)])
    road.listen(3700)
    assert (road.hours[0].delay_ms, road.hours[0].late_ratio) == (4000, 0.3333)


def test_without_the_devices_time_or_clock_error_no_delay_is_told() -> None:
    road = Road(error_s=None)
    road.subscribe()
    at = road.clock.now()
    road.pull([counted(1, at=at, device_time=at - timedelta(hours=3))])
    road.error_s = 0.0
    road.pull([counted(2, at=at, device_time=None)])
    road.listen(3700)
    assert (road.hours[0].delay_ms, road.hours[0].late_ratio) == (None, None)


def test_a_clock_that_jumps_ahead_tells_the_open_hour_and_skips_those_between() -> None:
    road = Road()
    road.subscribe()
    road.listen(600, passages=6)
    road.clock.jump(5 * 3600)
    road.listen(3600, passages=8)
    assert road.told[0] == (0, 6, 601)
    assert [hour for hour, _, _ in road.told] == [0, 5]
    assert sum(passages for _, passages, _ in road.told) <= 14


def test_a_clock_that_steps_back_over_the_hour_loses_nothing() -> None:
    road = Road()
    road.subscribe()
    road.listen(3605, passages=6)
    road.listen(60, passages=1)
    road.clock.jump(-120)
    road.listen(60, passages=2)
    road.listen(3700, passages=3)
    assert [each[:2] for each in road.told] == [(0, 6), (1, 6)]


def test_a_clock_that_was_far_ahead_and_is_put_right_counts_the_true_hours() -> None:
    road = Road()
    road.clock.jump(50_000 * 3600)
    road.subscribe()
    road.listen(3600, passages=6)
    road.clock.jump(-50_000 * 3600)
    road.listen(7200, passages=4)
    hours = [hour for hour, _, _ in road.told]
    assert len(hours) == len(set(hours))
    assert {0, 1} & set(hours)


JUMPS = st.lists(
    st.tuples(st.floats(-4 * 3600, 4 * 3600), st.integers(0, 15), st.booleans()), min_size=1, max_size=12
)


@settings(max_examples=60, deadline=None)
@given(JUMPS)
def test_however_the_clock_jumps_no_hour_is_told_twice_and_nothing_is_made_up(
    jumps: list[tuple[float, int, bool]],
) -> None:
    road = Road()
    road.subscribe()
    passed = 0
    for jump_s, passages, restart in jumps:
        road.clock.jump(jump_s)
        if restart:
            road.counting.close()
            road.start()
        road.listen(1800, passages=passages, pull_s=60)
        passed += passages
    road.clock.advance(9 * 3600)
    road.counting.step()
    hours = [each.hour for each in road.hours]
    assert len(hours) == len(set(hours))
    assert sum(each.passages for each in road.hours) <= passed
    assert all(0 < each.observed_s <= 3600 for each in road.hours)


def test_classes_that_count_nothing_are_left_alone() -> None:
    road = Road()
    road.counting.add(device("gate", DeviceClass.SMART_CAMERA))
    road.counting.hear("gate", [counted(1, at=MONDAY)], 0.0)
    road.counting.hear("unknown", [], 0.0)
    road.counting.close()
    assert {subject for _, subject in road.notebook.documents} == {"road"}


def test_a_damaged_note_is_learned_anew() -> None:
    road = Road()
    for topic in (BOOK, BASELINE):
        road.notebook.note("road", topic, "{}")
    road.start()
    road.subscribe()
    road.listen(3700, passages=1)
    assert road.told[0][:2] == (0, 1)


def test_notes_are_small_and_written_once_a_minute() -> None:
    road = Road()
    writes = 0
    note = road.notebook.note

    def counted_note(subject: str, topic: str, document: str) -> None:
        nonlocal writes
        writes += 1
        note(subject, topic, document)

    road.notebook.note = counted_note  # type: ignore[method-assign]
    road.subscribe()
    road.listen(3600, passages=500)
    assert writes <= 65
    assert all(len(text) < 8_000 for text in road.notebook.documents.values())


def test_a_count_is_a_number_and_nothing_else() -> None:
    road = Road()
    road.subscribe()
    road.listen(3700, passages=1)
    told = road.hours[0].model_dump()
    assert set(told) == {"hour", "passages", "observed_s", "delay_ms", "late_ratio", "resets"}


def test_a_replayed_state_is_no_late_report() -> None:
    road = Road()
    at = road.clock.now()
    road.pull([counted(0, at=at, initial=True, device_time=at - timedelta(hours=3))])
    road.listen(3700, passages=1)
    assert (road.hours[0].delay_ms, road.hours[0].late_ratio) == (None, None)
