"""Hung devices take their share of the threads and no more; everybody has a turn. No clock runs here."""

from __future__ import annotations

import heapq
import itertools
from collections import defaultdict
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.services.turns import SLOW_AT_ONCE, SLOW_S, THREADS, UNSURE_AT_ONCE, Pace, Turns

INTERVAL_S = 30.0
HUNG_S = 8.0
GOOD_S = 0.2


def worked(climbs_s: Mapping[str, float], *, until_s: float) -> dict[str, list[float]]:
    """When each device is climbed by ``THREADS`` threads, given how long its climb takes."""
    turns, begun = Turns(), defaultdict[str, list[float]](list)
    for name in climbs_s:
        turns.plan(name, 0.0)
    now_s, busy = 0.0, list[tuple[float, str]]()
    while now_s < until_s:
        while len(busy) < THREADS and (taken := turns.take(now_s)) is not None:
            begun[taken].append(now_s)
            heapq.heappush(busy, (now_s + climbs_s[taken], taken))
        next_s = turns.next_s() if len(busy) < THREADS else None
        now_s = min(filter(None, (next_s, busy[0][0] if busy else None)), default=until_s)
        while busy and busy[0][0] <= now_s:
            _, name = heapq.heappop(busy)
            turns.done(name, took_s=climbs_s[name])
            turns.plan(name, now_s + INTERVAL_S)
    return begun


def gaps(times: list[float]) -> list[float]:
    return [after - before for before, after in itertools.pairwise(times)]


def village(good: int, hung: int) -> dict[str, float]:
    """Good and hung devices by turns, as a ledger lists them."""
    named = {f"good-{n}": GOOD_S for n in range(good)} | {f"hung-{n}": HUNG_S for n in range(hung)}
    return {name: named[name] for name in sorted(named, key=lambda name: (name[5:], name))}


def test_sixty_four_good_devices_keep_their_interval_beside_sixty_four_hung_ones() -> None:
    begun = worked(village(64, 64), until_s=900)
    settled = [time for name, times in begun.items() if name.startswith("good") for time in gaps(times)]
    all_at_once_s = 64 * GOOD_S / (THREADS - UNSURE_AT_ONCE)
    assert max(settled) <= INTERVAL_S + GOOD_S + all_at_once_s
    hung = [times for name, times in begun.items() if name.startswith("hung")]
    assert len(hung) == 64
    assert min(map(len, hung)) >= 5
    assert max(gap for times in hung for gap in gaps(times)) < 64 * HUNG_S / SLOW_AT_ONCE + INTERVAL_S


def test_a_few_hung_devices_are_looked_at_as_often_as_the_others() -> None:
    begun = worked(village(64, 8), until_s=600)
    assert max(gap for name in begun for gap in gaps(begun[name])) < INTERVAL_S + 3 * HUNG_S


def test_after_a_start_every_good_device_is_climbed_within_minutes_whoever_hangs() -> None:
    begun = worked(village(64, 64), until_s=300)
    assert max(times[0] for name, times in begun.items() if name.startswith("good")) <= 64 * HUNG_S / 6 + 1


def test_unsure_devices_leave_two_threads() -> None:
    turns = Turns()
    for number in range(20):
        turns.plan(f"new-{number}", 0.0)
    taken = [turns.take(1.0) for _ in range(THREADS)]
    assert len([name for name in taken if name]) == UNSURE_AT_ONCE
    assert turns.next_s() is None


def test_a_device_that_answers_again_is_quick_again() -> None:
    turns = Turns()
    turns.plan("cam", 0.0)
    for took_s, pace in ((HUNG_S, Pace.SLOW), (SLOW_S, Pace.SLOW), (GOOD_S, Pace.QUICK)):
        assert turns.take(1.0) == "cam"
        turns.done("cam", took_s=took_s)
        assert turns.pace("cam") is pace
        turns.plan("cam", 1.0)


def test_a_new_plan_replaces_the_old_one() -> None:
    turns = Turns()
    turns.plan("cam", 10.0)
    turns.plan("cam", 50.0)
    assert turns.take(40.0) is None
    assert turns.next_s() == 50.0
    turns.plan("cam", 20.0)
    assert turns.take(40.0) == "cam"
    assert turns.take(60.0) is None


def test_a_device_planned_while_it_is_climbed_comes_after_that() -> None:
    turns = Turns()
    turns.plan("cam", 0.0)
    assert turns.take(0.0) == "cam"
    turns.plan("cam", 0.0)
    assert turns.take(5.0) is None
    turns.done("cam", took_s=HUNG_S)
    assert turns.take(8.0) == "cam"


@pytest.mark.parametrize("climbing", [False, True])
def test_a_forgotten_device_has_no_turn(climbing: bool) -> None:
    turns = Turns()
    turns.plan("cam", 0.0)
    if climbing:
        assert turns.take(0.0) == "cam"
    turns.forget("cam")
    if climbing:
        turns.done("cam", took_s=1.0)
    assert turns.take(100.0) is None
    assert turns.next_s() is None


@given(st.lists(st.sampled_from([GOOD_S, 1.0, 2.5, HUNG_S]), min_size=1, max_size=80))
def test_whoever_is_in_the_village_everybody_has_a_turn(climbs_s: list[float]) -> None:
    begun = worked({f"cam-{n}": climb_s for n, climb_s in enumerate(climbs_s)}, until_s=250)
    assert len(begun) == len(climbs_s)
    for n, climb_s in enumerate(climbs_s):
        if climb_s < SLOW_S:
            assert max(gaps(begun[f"cam-{n}"]), default=0) < INTERVAL_S + climb_s + 25


_NAMES = "abcdefghij"
_STEP = st.tuples(st.sampled_from(_NAMES), st.integers(0, 60), st.sampled_from([None, 0.1, 8.0]))


@given(st.lists(_STEP, max_size=60))
def test_the_shares_hold_whatever_is_planned_and_taken(steps: list[tuple[str, int, float | None]]) -> None:
    turns, now_s = Turns(), 0.0
    climbing: dict[str, Pace] = {}
    for name, due_s, took_s in steps:
        turns.plan(name, due_s)
        now_s += 3
        pace_of = {each: turns.pace(each) for each in _NAMES}
        if len(climbing) < THREADS and (taken := turns.take(now_s)) is not None:
            assert taken not in climbing
            climbing[taken] = pace_of[taken]
        held = list(climbing.values())
        assert held.count(Pace.SLOW) <= SLOW_AT_ONCE
        assert held.count(Pace.SLOW) + held.count(Pace.FRESH) <= UNSURE_AT_ONCE
        if climbing and took_s is not None:
            done = min(climbing)
            del climbing[done]
            turns.done(done, took_s=took_s)
