"""Spans, gaps, days and ratio: every order, overlap and missing half, against a minute-by-minute count."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.devices.recorded_spans import (
    MOST_GAPS,
    Turn,
    clipped,
    gaps_in,
    longest,
    merged,
    recorded_days,
    recorded_ratio,
    spans_of,
)
from agent.model import TimeSpan

BEGINS = datetime(2026, 11, 1, tzinfo=UTC)
MINUTES = 3 * 24 * 60
ENDS = BEGINS + timedelta(minutes=MINUTES)


def at(minute: float) -> datetime:
    return BEGINS + timedelta(minutes=minute)


def span(begins: float, ends: float) -> TimeSpan:
    return TimeSpan(at(begins), at(ends))


def on(minute: float) -> Turn:
    return Turn(at(minute), True)


def off(minute: float) -> Turn:
    return Turn(at(minute), False)


def told(*turns: Turn, started: bool | None = None) -> tuple[TimeSpan, ...]:
    return spans_of(turns, begins=BEGINS, ends=ENDS, started=started)


minutes = st.integers(-200, MINUTES + 200)
some_spans = st.lists(st.builds(span, minutes, minutes), max_size=12)
some_turns = st.lists(st.builds(Turn, st.builds(at, minutes), st.booleans()), max_size=12)


def covered(spans: tuple[TimeSpan, ...] | list[TimeSpan]) -> set[int]:
    """The minutes of the window inside any of the spans: the slow, plain count."""
    found: set[int] = set()
    for one in spans:
        first = (one.begins - BEGINS) // timedelta(minutes=1)
        last = (one.ends - BEGINS) // timedelta(minutes=1)
        found.update(range(max(first, 0), min(last, MINUTES)))
    return found


@given(some_spans)
def test_clipped_spans_are_the_same_time_in_order_and_apart(spans: list[TimeSpan]) -> None:
    whole = clipped(spans, begins=BEGINS, ends=ENDS)
    assert covered(whole) == covered(spans)
    assert all(one.begins < one.ends for one in whole)
    assert all(one.ends < other.begins for one, other in pairwise(whole))
    assert merged(whole) == whole


@given(some_spans)
def test_gaps_are_the_inverse_and_the_inverse_of_gaps_is_the_spans(spans: list[TimeSpan]) -> None:
    gaps = gaps_in(spans, begins=BEGINS, ends=ENDS)
    assert covered(gaps) == set(range(MINUTES)) - covered(spans)
    assert gaps_in(gaps, begins=BEGINS, ends=ENDS) == clipped(spans, begins=BEGINS, ends=ENDS)


@given(some_spans)
def test_ratio_and_days_are_those_of_the_plain_count(spans: list[TimeSpan]) -> None:
    minutes_recorded = covered(spans)
    ratio = recorded_ratio(spans, begins=BEGINS, ends=ENDS)
    assert ratio == pytest.approx(len(minutes_recorded) / MINUTES)
    assert 0 <= ratio <= 1
    days = {minute // 1440 for minute in minutes_recorded}
    assert recorded_days(spans, ends=ENDS, days=3) == len(days)


@given(some_turns, st.permutations(range(12)), st.sampled_from([None, True, False]))
def test_the_order_in_which_turns_are_told_does_not_matter(
    turns: list[Turn], order: list[int], started: bool | None
) -> None:
    shuffled = [turns[place] for place in order if place < len(turns)]
    assert told(*turns, started=started) == told(*shuffled, started=started)


@given(some_spans)
def test_turns_made_of_spans_give_the_spans_back(spans: list[TimeSpan]) -> None:
    inside = clipped(spans, begins=BEGINS, ends=ENDS)
    turns = [Turn(one.begins, True) for one in inside] + [Turn(one.ends, False) for one in inside]
    assert told(*turns, started=False) == inside
    assert told(*reversed(turns), started=False) == inside


@given(some_turns, st.sampled_from([None, True, False]))
def test_what_comes_out_stays_in_the_window(turns: list[Turn], started: bool | None) -> None:
    whole = told(*turns, started=started)
    assert whole == clipped(whole, begins=BEGINS, ends=ENDS)


@pytest.mark.parametrize(
    ("turns", "started", "spans"),
    [
        ((on(10), off(20)), None, [span(10, 20)]),
        ((on(10),), None, [span(10, MINUTES)]),  # begin without end
        ((off(20),), None, [span(0, 20)]),  # end without begin
        ((off(10), on(20)), None, [span(0, 10), span(20, MINUTES)]),  # end before begin
        ((on(10), on(15), off(20)), None, [span(10, 20)]),  # a second begin
        ((on(10), off(20), off(25)), None, [span(10, 20)]),  # a second end
        ((on(10), off(20), on(20), off(30)), None, [span(10, 30)]),  # a file closed, the next opened
        ((on(10), on(20), off(20), off(30)), None, [span(10, 30)]),
        ((on(10), off(10)), None, []),  # a recording of no length
        ((on(10), off(20), on(MINUTES + 60)), None, [span(10, 20)]),  # newer than now
        ((on(-90), off(20)), None, [span(0, 20)]),  # begun before the window
        ((), True, [span(0, MINUTES)]),
        ((), False, []),
        ((), None, []),
        ((off(20),), False, []),  # contradicted: it was not recording
        ((on(20),), True, [span(0, MINUTES)]),
    ],
)
def test_halves_and_contradictions(turns: tuple[Turn, ...], started: bool | None, spans: object) -> None:
    assert list(told(*turns, started=started)) == spans


def test_the_longest_gaps_are_listed_in_the_order_of_time() -> None:
    spans = [span(10 * number + 1 + number % 7, 10 * number + 10) for number in range(50)]
    gaps = gaps_in(spans, begins=BEGINS, ends=at(500))
    listed, omitted = longest(gaps)
    assert len(listed) == MOST_GAPS
    assert len(listed) + omitted == len(gaps)
    assert [one.begins for one in listed] == sorted(one.begins for one in listed)
    shortest = min(one.ends - one.begins for one in listed)
    assert all(one in listed or one.ends - one.begins <= shortest for one in gaps)


def test_a_break_of_seconds_is_no_gap() -> None:
    gaps = [span(0, 0.5), span(10, 11), span(20, 20.9)]
    assert longest(gaps) == ((span(10, 11),), 0)


def test_a_day_is_24_hours_counted_back() -> None:
    assert recorded_days([span(0, MINUTES)], ends=ENDS, days=3) == 3
    assert recorded_days([span(1439, 1441)], ends=ENDS, days=3) == 2
    assert recorded_days([span(1439, 1440)], ends=ENDS, days=3) == 1
    assert recorded_days([], ends=ENDS, days=3) == 0
    assert recorded_ratio([], begins=ENDS, ends=ENDS) == 0
