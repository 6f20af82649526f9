"""Where a device stands, and how sure we are before we say so."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model import Evidence, PictureFault, StreamState
from agent.services.standing import STARTING, Standing, StandingTracker, judge
from protocol.words import DeviceClass, Reason, Rung
from tests.agent.services.fakes import GOOD, device

FAILED = [
    Evidence(Rung.UNREACHABLE, Reason.UNREACHABLE),
    Evidence(Rung.REACHABLE, Reason.HUNG),
    Evidence(Rung.REACHABLE, Reason.NO_ONVIF),
    Evidence(Rung.REACHABLE, Reason.BAD_ANSWER),
    Evidence(Rung.ONVIF, Reason.AUTH_FAILED),
    Evidence(Rung.ONVIF, Reason.AUTH_BACKOFF),
]
STREAMS = {
    reason: StreamState(up=reason is Reason.OK, reason=reason)
    for reason in (Reason.OK, Reason.STARTING, Reason.NO_STREAM, Reason.BAD_STREAM, Reason.AUTH_FAILED)
}
UP = Standing(Rung.PICTURE_OK, Reason.OK)
DOWN = Standing(Rung.UNREACHABLE, Reason.UNREACHABLE)
COVERED = Standing(Rung.STREAMING, Reason.PICTURE_COVERED)
MUTE = Standing(Rung.AUTHENTICATED, Reason.NO_STREAM)


@pytest.mark.parametrize(
    ("evidence", "stream", "fault"),
    list(
        itertools.product(
            [GOOD, *FAILED], [None, *STREAMS.values()], [None, PictureFault.COVERED, PictureFault.FROZEN]
        )
    ),
)
def test_the_first_rung_that_fails_decides(
    evidence: Evidence, stream: StreamState | None, fault: PictureFault | None
) -> None:
    said = judge(device(), evidence, stream, fault)
    if evidence.reason is not Reason.OK or stream is None:
        expected = (evidence.rung, evidence.reason)
    elif stream.reason is Reason.STARTING:
        assert said is None
        return
    elif stream.reason is not Reason.OK:
        expected = (Rung.AUTHENTICATED, stream.reason)
    elif fault is not None:
        expected = (Rung.STREAMING, fault.reason)
    else:
        expected = (Rung.PICTURE_OK, Reason.OK)
    assert said is not None
    assert (said.rung, said.reason) == expected


@pytest.mark.parametrize("fault", PictureFault)
def test_every_fault_is_said_in_both_languages(fault: PictureFault) -> None:
    said = judge(device(), GOOD, STREAMS[Reason.OK], fault)
    assert said is not None
    assert " / " in said.detail


def test_a_conference_endpoint_has_no_stream_to_judge() -> None:
    endpoint = device("room-1", DeviceClass.CONFERENCE_ENDPOINT)
    reached = Evidence(Rung.REACHABLE, Reason.OK)
    assert judge(endpoint, reached, STREAMS[Reason.NO_STREAM], None) == Standing(Rung.REACHABLE, Reason.OK)


def confirmed(tracker: StandingTracker, *standings: Standing) -> list[Standing]:
    return [said for one in standings if (said := tracker.observe(one)) is not None]


def test_the_first_good_observation_counts_at_once_and_a_failing_one_does_not() -> None:
    assert confirmed(StandingTracker(), UP) == [UP]
    tracker = StandingTracker()
    assert tracker.undecided
    for failing in (DOWN, MUTE, Standing(Rung.ONVIF, Reason.AUTH_FAILED)):
        assert confirmed(StandingTracker(failures_to_enter=3), failing, failing) == []
        assert confirmed(StandingTracker(failures_to_enter=3), failing, failing, failing) == [failing]


@pytest.mark.parametrize(("enter", "leave"), [(1, 1), (2, 2), (3, 1), (1, 4), (3, 5)])
def test_worse_and_better_need_their_own_number_in_a_row(enter: int, leave: int) -> None:
    tracker = StandingTracker(failures_to_enter=enter, successes_to_leave=leave)
    tracker.observe(UP)
    assert confirmed(tracker, *[DOWN] * (enter - 1), UP, *[DOWN] * (enter - 1)) == []
    assert confirmed(tracker, DOWN) == [DOWN]
    assert confirmed(tracker, *[UP] * (leave - 1), DOWN, *[UP] * (leave - 1)) == []
    assert confirmed(tracker, UP) == [UP]
    assert not tracker.undecided


def test_what_the_picture_rules_confirmed_counts_at_once() -> None:
    tracker = StandingTracker(failures_to_enter=5, successes_to_leave=5)
    tracker.observe(UP)
    assert confirmed(tracker, COVERED) == [COVERED]
    assert confirmed(tracker, UP) == [UP]
    assert confirmed(tracker, MUTE) == []


def test_another_wording_is_no_other_standing() -> None:
    tracker = StandingTracker(failures_to_enter=2)
    tracker.observe(UP)
    first, second = (Standing(Rung.REACHABLE, Reason.HUNG, text) for text in ("after 5 s", "after 6 s"))
    assert confirmed(tracker, first, second) == [second]
    assert confirmed(tracker, first, second, first) == []


@given(
    enter=st.integers(2, 6),
    leave=st.integers(2, 6),
    begin=st.sampled_from([UP, DOWN]),
    runs=st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), max_size=20),
)
def test_flapping_evidence_never_flips(
    enter: int, leave: int, begin: Standing, runs: list[tuple[int, int]]
) -> None:
    """Runs shorter than needed, however many, change nothing."""
    tracker = StandingTracker(failures_to_enter=enter, successes_to_leave=leave)
    while tracker.current != begin:
        tracker.observe(begin)
    other, limit = (DOWN, enter) if begin == UP else (UP, leave)
    for away, back in runs:
        assert confirmed(tracker, *[other] * min(away, limit - 1), *[begin] * back) == []
    assert tracker.current == begin


@given(
    st.lists(st.sampled_from([UP, DOWN, MUTE, COVERED]), max_size=40), st.integers(1, 4), st.integers(1, 4)
)
def test_what_is_said_is_always_new_and_was_just_seen(seen: list[Standing], enter: int, leave: int) -> None:
    tracker = StandingTracker(failures_to_enter=enter, successes_to_leave=leave)
    before = STARTING
    for one in seen:
        said = tracker.observe(one)
        if said is not None:
            assert said.same_as(one)
            assert not said.same_as(before)
            before = said
        assert tracker.current is before
