"""A stream's times against the box's: jitter, drift, gaps, lag."""

from __future__ import annotations

import random
from fractions import Fraction
from typing import cast

import av
import pytest
from av.video.stream import VideoStream
from hypothesis import given
from hypothesis import strategies as st

from agent.video.timing import Arrival, StreamTime


def stamped(pts: int | None, *, dts: int | None = None) -> av.Packet[VideoStream]:
    packet = av.Packet(b"x")
    packet.pts, packet.dts, packet.time_base = pts, dts, Fraction(1, 90_000)
    return cast("av.Packet[VideoStream]", packet)


def test_a_camera_whose_clock_goes_too_fast_drifts_whatever_the_network_adds() -> None:
    rng = random.Random(1)
    for ppm in (-150.0, 0.0, 80.0):
        arrival = Arrival()
        for number in range(6000):
            pts_s = number / 10
            sent_s = 1000.0 + pts_s / (1 + ppm * 1e-6)
            arrival.packet(sent_s + rng.expovariate(1 / 0.004), pts_s)
        assert arrival.drift_ppm() == pytest.approx(ppm, abs=5)
        assert arrival.jitter_s == pytest.approx(0.004, rel=0.7)


def test_a_minute_is_needed_to_tell_a_drift() -> None:
    arrival = Arrival()
    for number in range(590):
        arrival.packet(number / 10, number / 10)
    assert arrival.drift_ppm() is None


def test_pictures_left_out_are_a_gap_and_every_other_one_is_not() -> None:
    arrival = Arrival()
    pts_s = 0.0
    for number in range(200):
        pts_s += 3.0 if number == 100 else 0.1
        arrival.packet(pts_s, pts_s)
    assert (arrival.gaps, arrival.lost_frames) == (1, 29)
    for step_s in (2.0, 0.4):
        pts_s += step_s
        arrival.packet(pts_s, pts_s)
    assert (arrival.gaps, arrival.lost_frames) == (3, 29 + 19 + 3), "a gap is no new distance"
    for _ in range(100):
        pts_s += 0.2  # half the pictures at night
        arrival.packet(pts_s, pts_s)
    assert arrival.gaps == 3


def test_lag_is_what_a_busy_box_adds() -> None:
    arrival = Arrival()
    for number in range(100):
        arrival.packet(50.0 + number / 10, number / 10)
        arrival.judged(50.01 + number / 10, number / 10)
    assert arrival.lag_s == pytest.approx(0.01, abs=1e-6)
    arrival.judged(62.5, 10.0)
    assert arrival.lag_s == pytest.approx(2.5, abs=1e-6)
    for number in range(100, 400):
        arrival.packet(50.0 + number / 10, number / 10)
    assert arrival.lag_s == 0.0, "it was long ago"


def test_what_waited_before_it_was_read_is_lag_too() -> None:
    arrival = Arrival()
    for number in range(100):
        late_s = 1.5 if number > 80 else 0.0
        arrival.packet(number / 10 + late_s, number / 10)
        arrival.judged(number / 10 + late_s, number / 10)
    assert arrival.lag_s == pytest.approx(1.5, abs=1e-6)


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)), max_size=200))
def test_any_times_are_survived(times: list[tuple[float, float]]) -> None:
    arrival = Arrival()
    for at_s, pts_s in times:
        arrival.packet(at_s, pts_s)
        arrival.judged(at_s, pts_s)
    assert arrival.lag_s >= 0.0
    drift = arrival.drift_ppm()
    assert drift is None or isinstance(drift, float)


@given(st.lists(st.one_of(st.none(), st.integers(-(2**40), 2**40)), max_size=60))
def test_stream_time_never_goes_back(stamps: list[int | None]) -> None:
    times = StreamTime()
    said = [times.of(stamped(pts), float(number)) for number, pts in enumerate(stamps)]
    assert said == sorted(said)


def test_a_new_connection_goes_on_where_the_last_one_ended() -> None:
    times = StreamTime()
    assert times.of(stamped(900_000), 100.0) == 0.0
    assert times.of(stamped(990_000), 101.0) == pytest.approx(1.0)
    times.begin()
    assert times.of(stamped(4_500), 111.0) == pytest.approx(11.0)
    assert times.of(stamped(94_500), 112.0) == pytest.approx(12.0)
    assert not times.jumped
