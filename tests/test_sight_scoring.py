"""The scoring of the bench of sight: found, late, false; what seeing nothing or everything is worth."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.sight.scoring import WARM_UP_S, Score, Stretch, Truth, score
from bench.sight.script import QUIET_S, Light, script

ORDINARY, FAST = Stretch(50.0, 53.0), Stretch(80.0, 81.2)
TRUTH = Truth(120.0, (ORDINARY, FAST), light_changes=(Stretch(100.0, 101.0),))


def test_whoever_sees_nothing_finds_nothing_and_is_worth_nothing() -> None:
    told = score(TRUTH, [])
    assert (told.recall, told.fast_recall, told.precision, told.run_precision) == (0, 0, 0, 0)
    assert told.false_per_h == 0


def test_whoever_always_fires_finds_all_and_is_false_nearly_always() -> None:
    told = score(TRUTH, [Stretch(0.0, 120.0)])
    assert (told.recall, told.fast_recall) == (1, 1)
    assert told.precision < 0.15
    assert told.false_runs == 3
    assert told.false_per_h > 100


def test_a_firing_without_end_is_no_better_cut_into_pieces() -> None:
    whole = score(TRUTH, [Stretch(0.0, 120.0)])
    pieces = score(TRUTH, [Stretch(float(second), second + 1.0) for second in range(120)])
    assert pieces == whole


@pytest.mark.parametrize(
    ("run", "found", "late", "false"),
    [
        (Stretch(49.6, 49.7), True, False, 0),  # half a second early
        (Stretch(52.9, 55.0), True, False, 0),  # while it lasts
        (Stretch(53.5, 54.0), False, True, 0),  # it left
        (Stretch(55.5, 56.0), False, False, 1),  # long after
        (Stretch(45.0, 46.0), False, False, 1),  # before it came
        (Stretch(45.0, 51.0), True, False, 1),  # it goes on from something that was not there
        (Stretch(52.0, 60.0), True, False, 1),  # it does not end
    ],
)
def test_an_ordinary_visit(run: Stretch, *, found: bool, late: bool, false: int) -> None:
    told = score(TRUTH, [run])
    assert (told.ordinary, told.ordinary_found) == (1, int(found))
    assert (told.late, told.false_runs) == (int(late), false)
    assert (told.fast, told.fast_found) == (1, 0)


def test_a_fast_mover_is_found_within_two_seconds_of_entering_even_when_it_is_gone() -> None:
    assert score(TRUTH, [Stretch(81.9, 81.9)]).fast_found == 1
    assert score(TRUTH, [Stretch(82.1, 82.1)]).fast_found == 0


def test_what_was_fired_in_the_warm_up_is_not_looked_at() -> None:
    told = score(TRUTH, [Stretch(1.0, 2.0), Stretch(9.0, 14.9)])
    assert (told.fired_s, told.false_runs) == (0, 0)


def test_a_change_of_the_light_that_fires_is_false_and_told_apart() -> None:
    told = score(TRUTH, [Stretch(100.5, 102.0), Stretch(30.0, 31.0)])
    assert (told.false_runs, told.light_runs) == (2, 1)


def test_scores_of_streams_add_up() -> None:
    one = score(TRUTH, [Stretch(50.5, 52.0)])
    both = one + score(TRUTH, [Stretch(20.0, 21.0)])
    assert (both.ordinary, both.ordinary_found, both.false_runs) == (2, 1, 1)
    assert both.judged_s == 2 * one.judged_s
    assert both.precision == pytest.approx(1.5 / 2.5)
    assert Score() + one == one


def test_the_beginning_of_a_stream_asks_for_nothing_that_could_still_be_found_later() -> None:
    assert TRUTH.until(82.5).visits == (ORDINARY,)
    assert TRUTH.until(84.1).visits == (ORDINARY, FAST)
    assert TRUTH.until(60.0).light_changes == ()


runs = st.lists(
    st.tuples(st.floats(0, 130), st.floats(0, 40)).map(lambda pair: Stretch(pair[0], pair[0] + pair[1])),
    max_size=12,
)


@given(runs)
def test_more_firing_never_loses_a_visit_and_never_makes_fewer_false_seconds(fired: list[Stretch]) -> None:
    some, more = score(TRUTH, fired[1:]), score(TRUTH, fired)
    assert more.ordinary_found >= some.ordinary_found
    assert more.fast_found >= some.fast_found
    assert more.false_s >= some.false_s - 1e-9
    assert 0 <= more.precision <= 1
    assert more.false_s <= more.fired_s + 1e-9 <= TRUTH.seconds - WARM_UP_S + 1e-6


@given(
    light=st.sampled_from(Light), seed=st.integers(0, 10_000), seconds=st.floats(60, 900), dense=st.booleans()
)
def test_every_scene_keeps_its_law(light: Light, seed: int, seconds: float, *, dense: bool) -> None:
    played = script(light, seed, seconds=seconds, dense=dense)
    assert played == script(light, seed, seconds=seconds, dense=dense)
    visits = played.truth.visits
    assert all(visit.from_s >= WARM_UP_S and visit.to_s + QUIET_S / 2 <= seconds + 0.01 for visit in visits)
    assert all(b.from_s - a.to_s >= QUIET_S - 0.01 for a, b in itertools.pairwise(visits))
    assert not any(visit.meets(change) for visit in visits for change in played.truth.light_changes)
    if seconds > 200 and not dense:
        assert 0.03 < played.duty < 0.2
