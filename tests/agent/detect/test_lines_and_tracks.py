"""Following blobs from frame to frame, and the side of a line they are on."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.detect.background import HEIGHT_PX, WIDTH_PX, Blob
from agent.detect.lines import LineCounter, crossings
from agent.detect.tracks import LOST_S, MOST_TRACKS, Tracker, feet_of
from agent.model import LineDirection, Rectangle, Zone, ZoneKind

Point = tuple[float, float]
SHARE = st.floats(0.0, 1.0, allow_nan=False)


def body(x: float, y: float, *, width: int = 6, height: int = 16) -> Blob:
    """A blob whose feet are at (x, y), shares of the picture."""
    left = int(np.clip(x * WIDTH_PX - width / 2, 0, WIDTH_PX - width))
    bottom = int(np.clip(y * HEIGHT_PX, height, HEIGHT_PX))
    mask = np.zeros((HEIGHT_PX, WIDTH_PX), np.bool_)
    mask[bottom - height : bottom, left : left + width] = True
    box = Rectangle(
        left / WIDTH_PX, (bottom - height) / HEIGHT_PX, (left + width) / WIDTH_PX, bottom / HEIGHT_PX
    )
    return Blob(box, float(mask.mean()), 60.0, mask)


def test_two_who_pass_each_other_keep_their_numbers() -> None:
    tracker = Tracker()
    for n in range(12):
        right, left = body(0.2 + 0.05 * n, 0.9), body(0.8 - 0.05 * n, 0.6)
        by_row = {t.feet[1] > 0.75: t.number for t in tracker.follow([right, left], at_s=0.2 * n)}
        assert by_row == {True: 1, False: 2}


def test_what_is_gone_is_forgotten_and_never_known_again() -> None:
    tracker = Tracker()
    (before,) = tracker.follow([body(0.5, 0.8)], at_s=0.0)
    tracker.follow([], at_s=LOST_S + 0.1)
    assert tracker.numbers == frozenset()
    (after,) = tracker.follow([body(0.5, 0.8)], at_s=LOST_S + 0.2)
    assert after.number != before.number


def test_one_across_the_picture_a_moment_later_is_another() -> None:
    tracker = Tracker()
    (before,) = tracker.follow([body(0.1, 0.8)], at_s=0.0)
    (after,) = tracker.follow([body(0.9, 0.8)], at_s=0.2)
    assert before.number != after.number


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.lists(st.tuples(SHARE, SHARE), max_size=60), st.floats(0.0, 6.0)), max_size=8))
def test_tracks_are_bounded_and_each_blob_has_at_most_one(steps: list[tuple[list[Point], float]]) -> None:
    tracker, now_s = Tracker(), 0.0
    for points, gap_s in steps:
        now_s += gap_s
        seen = tracker.follow([body(x, y) for x, y in points], at_s=now_s)
        assert len(tracker.numbers) <= MOST_TRACKS
        assert len({t.number for t in seen}) == len(seen) <= len(points)


@given(line=st.lists(st.tuples(SHARE, SHARE), min_size=2, max_size=5), start=st.tuples(SHARE, SHARE),
       end=st.tuples(SHARE, SHARE))  # fmt: skip
def test_a_way_back_crosses_as_the_way_there_the_other_way(
    line: list[Point], start: Point, end: Point
) -> None:
    there, back = crossings(tuple(line), start, end), crossings(tuple(line), end, start)
    assert there == -back


def test_left_and_right_are_those_of_one_who_goes_along_the_line() -> None:
    up, down = ((0.5, 1.0), (0.5, 0.0)), ((0.5, 0.0), (0.5, 1.0))
    assert crossings(up, (0.2, 0.5), (0.8, 0.5)) == 1
    assert crossings(down, (0.2, 0.5), (0.8, 0.5)) == -1


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(st.floats(0.0, 0.06), min_size=4, max_size=40),
    rows=st.lists(st.floats(0.3, 1.0), min_size=40, max_size=40),
    gap_s=st.floats(0.1, 2.0),
    bend=st.floats(-0.2, 0.2),
)
def test_whoever_goes_to_the_right_never_crosses_to_the_left(
    steps: list[float], rows: list[float], gap_s: float, bend: float
) -> None:
    """The line goes up, somewhat bent: a is on the left. Wherever it begins, whatever the rows."""
    up = ((0.5, 1.0), (0.5 + bend, 0.6), (0.5, 0.0))
    to_left = LineCounter(Zone("line", up, kind=ZoneKind.LINE, direction=LineDirection.B_TO_A))
    tracker, x, y = Tracker(), 0.05, rows[0]
    for number, step in enumerate(steps):
        x = min(x + step, 0.97)
        if bend == 0.0:
            y = rows[number]
        tracks = tracker.follow([body(x, y)], at_s=number * gap_s)
        assert to_left.see(tracks, alive=tracker.numbers) == ()


def test_feet_are_the_middle_of_the_lowest_part() -> None:
    x, y = feet_of(body(0.3, 0.8))
    assert abs(x - 0.3) < 0.01
    assert y == 0.8
