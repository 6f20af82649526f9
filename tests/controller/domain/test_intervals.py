"""Invariant 4: intervals neither overlap nor leave holes, and exactly one is open, whatever comes in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from controller.domain.health import OK, PARENT, STARTING, Standing, Verdict
from controller.domain.intervals import Cause, Stretch, advance, clamp, faults, fill

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
DARK_DOWN = Standing(Verdict.DEGRADED, "picture_dark")
UNPLUGGED = Standing(Verdict.DOWN, "unreachable")
standings = st.sampled_from([OK, PARENT, STARTING, DARK_DOWN, UNPLUGGED])
seconds = st.integers(min_value=-100_000, max_value=100_000)


def at(second: float) -> datetime:
    return BEGIN + timedelta(seconds=second)


def begun() -> tuple[Stretch, ...]:
    return (Stretch(BEGIN, None, STARTING, Cause.REGISTERED, id=1),)


advances = st.tuples(st.just("advance"), standings, seconds, seconds)
fills = st.tuples(st.just("fill"), standings, seconds, seconds)


@given(st.lists(st.one_of(advances, fills), max_size=40))
def test_no_sequence_of_changes_breaks_the_timeline(
    changes: list[tuple[str, Standing, int, int]],
) -> None:
    timeline = begun()
    for kind, standing, first, second in changes:
        if kind == "advance":
            timeline = advance(timeline, standing, at=at(first), cause=Cause.ENTRY)
        else:
            timeline = fill(timeline, standing, from_at=at(first), to_at=at(second))
        assert faults(timeline) == []
        assert timeline[0].from_at == BEGIN


@given(st.lists(st.tuples(standings, seconds), max_size=30), standings, seconds, seconds)
def test_filling_changes_only_what_nobody_could_know(
    history: list[tuple[Standing, int]], standing: Standing, first: int, second: int
) -> None:
    timeline = begun()
    for known, moment in history:
        timeline = advance(timeline, known, at=at(moment), cause=Cause.ENTRY)
    filled = fill(timeline, standing, from_at=at(first), to_at=at(second))
    for edge in {stretch.from_at for stretch in (*timeline, *filled)}:
        before, after = standing_at(timeline, edge), standing_at(filled, edge)
        inside = at(first) <= edge < at(second)
        assert after == before or (before == PARENT and inside and after == standing)


def standing_at(timeline: tuple[Stretch, ...], moment: datetime) -> Standing:
    (found,) = [
        stretch.standing
        for stretch in timeline
        if stretch.from_at <= moment and (stretch.to_at is None or moment < stretch.to_at)
    ]
    return found


def test_the_same_standing_again_adds_nothing() -> None:
    timeline = advance(begun(), OK, at=at(10), cause=Cause.ENTRY)
    assert advance(timeline, OK, at=at(20), cause=Cause.ENTRY) == timeline


def test_a_clock_that_ran_back_does_not_run_the_timeline_back() -> None:
    timeline = advance(begun(), OK, at=at(10), cause=Cause.ENTRY)
    timeline = advance(timeline, UNPLUGGED, at=at(-5000), cause=Cause.ENTRY)
    assert [(s.from_at, s.to_at, s.standing) for s in timeline] == [
        (BEGIN, at(10), STARTING),
        (at(10), None, UNPLUGGED),
    ]


def test_a_dark_stretch_is_told_piece_by_piece() -> None:
    timeline = advance(begun(), OK, at=at(10), cause=Cause.ENTRY)
    timeline = advance(timeline, PARENT, at=at(100), cause=Cause.PARENT)
    timeline = advance(timeline, OK, at=at(400), cause=Cause.RETURN)
    timeline = fill(timeline, OK, from_at=at(0), to_at=at(200))
    timeline = fill(timeline, UNPLUGGED, from_at=at(200), to_at=at(300))
    assert [(s.from_at, s.standing) for s in timeline] == [
        (BEGIN, STARTING),
        (at(10), OK),
        (at(100), OK),
        (at(200), UNPLUGGED),
        (at(300), PARENT),
        (at(400), OK),
    ]


def test_the_open_stretch_is_never_filled() -> None:
    timeline = advance(begun(), PARENT, at=at(100), cause=Cause.PARENT)
    assert fill(timeline, OK, from_at=at(0), to_at=at(1000)) == timeline


def test_a_time_of_the_future_counts_as_received() -> None:
    assert clamp(at(5000), received_at=at(10)) == at(10)
    assert clamp(datetime(1970, 1, 1, tzinfo=UTC), received_at=at(10)).year == 1970


def test_a_time_that_utc_cannot_hold_counts_as_received() -> None:
    ahead = datetime.fromisoformat("0001-01-01T00:00:00+14:00")
    assert clamp(ahead, received_at=at(10)) == at(10)


def test_faults_are_found() -> None:
    first = Stretch(at(0), at(10), OK, Cause.ENTRY)
    assert faults([first]) == [f"no open interval, the last ends {at(10)}"]
    assert "hole" in faults([first, Stretch(at(11), None, OK, Cause.ENTRY)])[0]
    assert "overlap" in faults([first, Stretch(at(9), None, OK, Cause.ENTRY)])[0]
    assert (
        "no length"
        in faults([Stretch(at(0), at(0), OK, Cause.ENTRY), Stretch(at(0), None, OK, Cause.ENTRY)])[0]
    )
    assert (
        "not the last"
        in faults([Stretch(at(0), None, OK, Cause.ENTRY), Stretch(at(9), None, OK, Cause.ENTRY)])[0]
    )
    assert faults([]) != []
