"""Counters to passages: growth, resets, gaps, hours. The arithmetic alone, with times handed in."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.services.passages import (
    BURST,
    DELAYS_KEPT,
    RANGES_LIMIT,
    SERIES_LIMIT,
    Growth,
    HourSet,
    PassageBook,
    growth,
)
from tests.agent.services.passing import MONDAY, counted, crossed

STEPS = st.lists(st.integers(0, BURST), min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("before", "value", "elapsed_s", "expected"),
    [
        (100, 100, 5, Growth()),
        (100, 103, 5, Growth(3)),
        (100, 4, 5, Growth(4, reset=True)),
        (65_535, 0, 5, Growth(reset=True)),
        (1000, 998, 5, Growth()),
        (1000, 500, 5, Growth(odd=True)),
        (0, 999_999_999, 5, Growth(odd=True)),
        (0, 900, 3600, Growth(900)),
    ],
)
def test_a_value_means_what_it_can_mean(before: int, value: int, elapsed_s: float, expected: Growth) -> None:
    assert growth(before, value, elapsed_s=elapsed_s) == expected


class Ear:
    """Hears values five seconds apart, in hours since Monday."""

    def __init__(self, book: PassageBook | None = None, *, at_s: float = 0.0, mono_s: float = 0.0) -> None:
        self.book = book or PassageBook()
        self.at_s, self.mono_s = at_s, mono_s
        self.passages = 0

    def hear(self, *values: int, initial: bool = False, series: str = "a") -> int:
        self.mono_s += 5
        self.at_s += 5
        now = MONDAY + timedelta(seconds=self.at_s)
        heard = self.book.hear(
            [counted(value, at=now, initial=initial, series=series) for value in values],
            began_s=self.mono_s - 5,
            ended_s=self.mono_s,
            now=now,
            clock_error_s=None,
        )
        self.passages += heard.passages
        return heard.passages

    def restarted(self, *, away_s: float) -> Ear:
        return Ear(PassageBook.restored(self.book.document()), at_s=self.at_s + away_s)


@given(start=st.integers(0, 10**8), steps=STEPS)
def test_what_passed_is_what_the_counter_grew_by(start: int, steps: list[int]) -> None:
    ear = Ear()
    ear.hear(start, initial=True)
    total = start
    for step in steps:
        total += step
        ear.hear(total)
    assert ear.passages == sum(steps)


@given(steps=STEPS, stops=st.sets(st.integers(0, 59)), away_s=st.floats(1, 3000))
def test_restarts_neither_lose_nor_double(steps: list[int], stops: set[int], away_s: float) -> None:
    """At each stop the box is away while the step's passages happen, and hears them replayed."""
    ear, total, passed = Ear(), 1000, 0
    ear.hear(total, initial=True)
    for number, step in enumerate(steps):
        total += step
        if number in stops:
            passed, ear = passed + ear.passages, ear.restarted(away_s=away_s)
            ear.hear(total, total, initial=True)
        else:
            ear.hear(total)
    assert passed + ear.passages == sum(steps)


@given(lanes=st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, BURST)), max_size=60))
def test_the_counters_of_one_device_are_told_apart(lanes: list[tuple[str, int]]) -> None:
    ear, totals = Ear(), {"a": 0, "b": 5_000, "c": 10**6}
    for lane, total in totals.items():
        ear.hear(total, initial=True, series=lane)
    for lane, step in lanes:
        totals[lane] += step
        ear.hear(totals[lane], series=lane)
    assert ear.passages == sum(step for _, step in lanes)


def test_a_replayed_state_is_a_base_and_no_passage() -> None:
    ear = Ear()
    assert ear.hear(500, initial=True) == 0
    assert ear.hear(500, initial=True) == 0
    assert ear.hear(501) == 1
    assert ear.hear(501, initial=True) == 0


def test_what_grew_over_more_than_an_hour_unheard_belongs_to_no_hour() -> None:
    ear = Ear()
    ear.hear(100, initial=True)
    later = ear.restarted(away_s=3 * 3600)
    assert later.hear(400, initial=True) == 0
    assert later.book.left_out == 300
    assert later.hear(402) == 2


def test_a_device_that_invents_counters_is_bounded() -> None:
    ear = Ear()
    for number in range(100):
        ear.hear(1, initial=True, series=str(number))
        ear.hear(3, series=str(number))
    assert ear.passages == 2 * SERIES_LIMIT
    assert len(ear.book.document()) < 4_000


def test_single_passages_count_where_no_counter_is_told() -> None:
    book = PassageBook()
    first = book.hear([crossed(at=MONDAY)] * 3, began_s=0, ended_s=5, now=MONDAY, clock_error_s=None)
    assert first.passages == 3
    both = [counted(7, at=MONDAY), crossed(at=MONDAY), counted(8, at=MONDAY)]
    assert book.hear(both, began_s=5, ended_s=10, now=MONDAY, clock_error_s=None).passages == 1


@given(numbers=st.lists(st.integers(0, 2_000), max_size=300))
def test_an_hour_that_was_told_stays_told(numbers: list[int]) -> None:
    told = HourSet()
    for number in numbers:
        told.add(number)
    assert all(number in told for number in numbers)
    assert len(told.ranges) <= RANGES_LIMIT
    assert all(last + 1 < first for (_, last), (first, _) in zip(told.ranges, told.ranges[1:], strict=False))
    assert HourSet(told.ranges).ranges == told.ranges
    if len(set(numbers)) < RANGES_LIMIT:
        assert all((number in told) == (number in numbers) for number in range(2_001))


@given(st.lists(st.floats(-100, 10_000), min_size=1, max_size=2_000))
def test_delays_are_sampled_evenly_and_bounded(delays: list[float]) -> None:
    book = PassageBook()
    events = [counted(0, at=MONDAY, device_time=MONDAY - timedelta(seconds=delay)) for delay in delays]
    heard = book.hear(events, began_s=0, ended_s=5, now=MONDAY, clock_error_s=0.0)
    assert heard.late == sum(delay > 60 for delay in delays)
    assert heard.late + heard.in_time == len(delays)
    assert len(book.document()) < 400 + DELAYS_KEPT * 10


@pytest.mark.parametrize(
    "document",
    ["", "[]", "{}", '{"v":2}', '{"v":1,"bases":{"a":["x",0]}}', '{"v":1,"bases":3}', "null", "7"],
)
def test_a_damaged_document_is_refused_as_such(document: str) -> None:
    with pytest.raises(ValueError):
        PassageBook.restored(document)


@given(steps=STEPS)
def test_a_document_gives_back_the_same_book(steps: list[int]) -> None:
    ear = Ear()
    for total in steps:
        ear.hear(total)
    document = ear.book.document()
    assert PassageBook.restored(document).document() == document
