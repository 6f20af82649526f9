"""A packet gate is listened to as long as listening brings something, hour by hour."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.video.agreement import Agreement, Hearing


def test_a_gate_is_tried_before_it_is_judged() -> None:
    agreement = Agreement()
    assert agreement.hearing(3) is Hearing.UNTRIED
    assert agreement.listens(3)
    for _ in range(5):
        agreement.alarm(right=False, hour=3)
    assert agreement.listens(3)


def test_one_that_cries_wolf_is_not_listened_to_but_for_a_trial_now_and_then() -> None:
    agreement = Agreement()
    for _ in range(10):
        agreement.alarm(right=False, hour=3)
    assert agreement.hearing(3) is Hearing.WOLF
    assert sum(agreement.listens(3) for _ in range(80)) == 10


def test_one_that_is_right_often_enough_is_good_and_one_that_hears_nothing_is_blind() -> None:
    agreement = Agreement()
    for number in range(20):
        agreement.alarm(right=number % 4 == 0, hour=12)
        agreement.finding(heard=number % 2 == 0, hour=12)
    assert agreement.hearing(12) is Hearing.GOOD
    for _ in range(20):
        agreement.finding(heard=False, hour=22)
    assert agreement.hearing(22) is Hearing.BLIND
    assert agreement.hearing(12) is Hearing.GOOD
    assert agreement.listens(22), "its few alarms may be right"


def test_an_hour_without_counts_goes_by_the_last_ones() -> None:
    agreement = Agreement()
    for _ in range(10):
        agreement.alarm(right=False, hour=3)
    assert agreement.hearing(4) is Hearing.WOLF


def test_what_was_measured_long_ago_fades() -> None:
    agreement = Agreement()
    for _ in range(1000):
        agreement.alarm(right=False, hour=3)
    for _ in range(20):
        agreement.alarm(right=True, hour=3)
    assert agreement.hearing(3) is not Hearing.WOLF


def test_what_was_measured_before_goes_on() -> None:
    before = Agreement()
    for _ in range(10):
        before.alarm(right=False, hour=3)
        before.finding(heard=True, hour=15)
    after = Agreement.of(json.loads(json.dumps(before.counts)))
    assert [after.hearing(hour) for hour in range(24)] == [before.hearing(hour) for hour in range(24)]
    assert after.hearing(3) is Hearing.WOLF
    assert after.counts == before.counts


def rows(*last: object) -> list[object]:
    return [*([0, 0, 0, 0] for _ in range(24)), *last]


@pytest.mark.parametrize(
    "counts",
    [
        None, {}, [], "x", rows(), rows([0, 0, 0]), rows("abcd"), rows([0, 1, 0, 0]), rows([9, 0, 0, -1]),
        rows([99, 0, 0, 0]), rows([math.nan, 0, 0, 0]), rows([True, 0, 0, 0]), rows(["1", "1", "1", "1"]),
    ],
)  # fmt: skip
def test_counts_that_are_none_are_refused(counts: object) -> None:
    with pytest.raises(ValueError, match=r"not the counts|four numbers|no shares"):
        Agreement.of(counts)


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(-100, 100)), max_size=300))
def test_shares_stay_shares(history: list[tuple[bool, bool, int]]) -> None:
    agreement = Agreement()
    for alarm, good, hour in history:
        if alarm:
            agreement.alarm(right=good, hour=hour)
        else:
            agreement.finding(heard=good, hour=hour)
        assert agreement.hearing(hour) in Hearing
    for shares in (agreement._lately, *agreement._hours):
        assert 0 <= shares.right <= shares.alarms <= 64
        assert 0 <= shares.heard <= shares.found <= 64
    assert Agreement.of(agreement.counts).counts == agreement.counts
