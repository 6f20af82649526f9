"""The chain of segments stays whole whatever is asked of it, and the past stays as it was."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.video.model import Picture
from simulator.video.timeline import Segment, Timeline


def _nowhere(_segment: Segment, _at: float) -> float:
    return 0.0


ORDERS = st.lists(
    st.tuples(st.floats(0.001, 30), st.one_of(st.sampled_from(list(Picture)), st.just("intruder"))),
    max_size=12,
)


@given(ORDERS)
def test_segments_neither_overlap_nor_leave_holes(orders: list[tuple[float, Picture | str]]) -> None:
    timeline, now = Timeline(start=1000.0), 1000.0
    for later_s, order in orders:
        now += later_s
        if isinstance(order, Picture):
            timeline.show(order, now, anchored=_nowhere)
        else:
            timeline.play(order, max(now, timeline.last.start), 8.0)
    chain = list(timeline)
    for before, after in itertools.pairwise(chain):
        assert before.end == after.start
        assert before.next is after
        assert before.end >= before.start
    assert chain[-1].end is None
    assert chain[-1].next is None
    assert chain[-1].action is None


def test_a_planned_action_survives_a_new_picture() -> None:
    timeline = Timeline(start=0.0)
    timeline.play("intruder", 10.0, 8.0)
    timeline.show(Picture.BLURRED, 12.0, anchored=lambda segment, at: at - segment.start)
    shown = [(s.start, s.end, str(s.picture), s.action) for s in timeline]
    assert shown == [
        (0.0, 10.0, "normal", None),
        (10.0, 12.0, "normal", "intruder"),
        (12.0, 18.0, "blurred", "intruder"),
        (18.0, None, "blurred", None),
    ]
    assert timeline.at(13.0).offset_s == 2.0


def test_actions_are_not_played_in_the_past() -> None:
    timeline = Timeline(start=0.0)
    timeline.play("intruder", 10.0, 8.0)
    with pytest.raises(ValueError, match="before the last segment"):
        timeline.play("car", 12.0, 8.0)


@pytest.mark.parametrize(("now", "due"), [(100.0, 100.1), (100.05, 100.1), (100.1, 100.2), (100.99, 101.0)])
def test_the_next_frame_is_strictly_later(now: float, due: float) -> None:
    assert Timeline(start=100.0).next_frame_time(now, 10) == pytest.approx(due)


def test_what_is_long_past_is_forgotten() -> None:
    timeline = Timeline(start=0.0, keep_s=100.0)
    for minute in range(1, 60):
        timeline.show([Picture.DARK, Picture.NORMAL][minute % 2], minute * 60.0, anchored=_nowhere)
    assert len(list(timeline)) <= 4
    assert timeline.at(3539.0).picture is Picture.DARK
