"""The last seconds of a stream: always playable, always bounded."""

from __future__ import annotations

import time
from collections.abc import Iterable
from fractions import Fraction
from typing import cast

import av
from av.video.stream import VideoStream
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.video.ring import OVERHEAD_BYTES, PacketRing, RingBounds


def packet(size: int, *, at_s: float | None, key: bool) -> av.Packet[VideoStream]:
    made = cast("av.Packet[VideoStream]", av.Packet(b"\x01" * size))
    made.time_base = Fraction(1, 1000)
    made.pts = None if at_s is None else round(at_s * 1000)
    made.is_keyframe = key
    return made


def fed(
    ring: PacketRing, seconds: float, *, fps: float = 10.0, gop_s: float = 2.0, size: int = 1000
) -> PacketRing:
    gop = round(fps * gop_s)
    for number in range(round(seconds * fps)):
        at_s = number / fps
        ring.add(packet(size, at_s=at_s, key=number % gop == 0), 100.0 + at_s)
    return ring


def ring(seconds: float = 15.0, size_bytes: int = 3_000_000) -> PacketRing:
    made = PacketRing(RingBounds(seconds, size_bytes))
    made.begin("h264", b"parameters")
    return made


def test_film_begins_at_the_key_frame_before_the_moment_asked_for() -> None:
    film = fed(ring(), 20).since(113.0)
    assert (film.codec, film.extradata) == ("h264", b"parameters")
    assert (film.packets[0].key, film.packets[0].mono_s, film.packets[-1].mono_s) == (True, 112.0, 119.9)
    numbers = [kept.number for kept in film.packets]
    assert numbers == [*range(numbers[0], numbers[0] + 80)]


def test_what_is_older_than_its_seconds_goes_by_groups_of_pictures() -> None:
    film = fed(ring(seconds=5), 60).since(0)
    assert (film.packets[0].key, film.packets[0].mono_s) == (True, 154.0)
    assert film.packets[-1].mono_s - film.packets[0].mono_s >= 5


def test_bytes_bound_it_whatever_the_seconds() -> None:
    made = fed(ring(size_bytes=50 * (1000 + OVERHEAD_BYTES)), 60)
    assert made.size_bytes <= 50 * (1000 + OVERHEAD_BYTES)
    assert made.since(0).packets[0].key


def test_a_group_of_pictures_that_never_ends_is_given_up_and_the_next_one_kept() -> None:
    made = ring(size_bytes=100_000)
    made.add(packet(1000, at_s=0, key=True), 0)
    for number in range(1, 500):
        made.add(packet(1000, at_s=number / 10, key=False), number / 10)
        assert made.size_bytes <= 100_000
    assert made.since(0).packets == ()
    made.add(packet(1000, at_s=50, key=True), 50)
    assert len(made.since(0).packets) == 1


def test_empty_packets_are_bounded_too() -> None:
    made = ring(size_bytes=100 * OVERHEAD_BYTES)
    for number in range(10_000):
        made.add(packet(0, at_s=0, key=number == 0), 0)
    assert len(made.since(0).packets) <= 100


def test_a_new_connection_and_a_clock_that_jumps_begin_anew() -> None:
    made = fed(ring(), 10)
    film = made.since(105.0)
    assert made.after(film) == ()
    made.add(packet(10, at_s=3.0, key=False), 111.0)
    assert (made.since(0).packets, made.after(film)) == ((), None)
    made.add(packet(10, at_s=3.1, key=True), 111.1)
    made.add(packet(10, at_s=60.0, key=True), 111.2)
    assert [kept.at_s for kept in made.since(0).packets] == [60.0]
    made.begin("hevc", None)
    assert (made.since(0).packets, made.since(0).codec) == ((), "hevc")


def test_what_follows_film_is_told_without_a_hole_or_not_at_all() -> None:
    made = fed(ring(seconds=4), 10)
    film = made.since(0)
    made.add(packet(7, at_s=10.0, key=True), 110.0)
    made.add(packet(8, at_s=10.1, key=False), 110.1)
    more = made.after(film)
    assert more is not None
    assert [len(kept.content) for kept in more] == [7, 8]
    for number in range(200):
        made.add(packet(9, at_s=10.2 + number / 10, key=number % 20 == 0), 110.2 + number / 10)
    assert made.after(film) is None


def test_a_packet_without_a_stamp_is_shown_with_the_one_before() -> None:
    made = ring()
    made.add(packet(1, at_s=5.0, key=True), 1)
    made.add(packet(1, at_s=None, key=False), 2)
    assert [kept.at_s for kept in made.since(0).packets] == [5.0, 5.0]


def test_no_seconds_keep_nothing() -> None:
    assert fed(ring(seconds=0), 10).size_bytes == 0


steps = st.tuples(st.integers(0, 3000), st.booleans(), st.floats(-3, 40), st.floats(0, 3))


@given(st.lists(steps, max_size=80))
@settings(max_examples=200, deadline=None)
def test_whatever_comes_it_begins_at_a_key_frame_and_is_bounded(
    told: Iterable[tuple[int, bool, float, float]],
) -> None:
    made, at_s, mono_s, keys = ring(seconds=5, size_bytes=10_000), 0.0, 0.0, 0
    for size, key, step_s, pause_s in told:
        at_s, mono_s, keys = at_s + step_s, mono_s + pause_s, keys + key
        made.add(packet(size, at_s=at_s, key=key), mono_s)
        film = made.since(mono_s - 3)
        assert made.size_bytes <= 10_000
        assert sum(len(kept.content) + OVERHEAD_BYTES for kept in made.since(-1).packets) == made.size_bytes
        if film.packets:
            assert film.packets[0].key
            assert [k.number for k in film.packets] == [
                *range(film.packets[0].number, film.packets[-1].number + 1)
            ]


def test_it_costs_next_to_nothing() -> None:
    """15 packets of 4 KB a second; demuxing them takes 100 us."""
    packets = [packet(4000, at_s=number / 15, key=number % 30 == 0) for number in range(1500)]
    made, began = ring(), time.process_time()
    for number, one in enumerate(packets):
        made.add(one, number / 15)
    a_second_ms = (time.process_time() - began) * 1000 / 100
    assert a_second_ms < 0.5, f"{a_second_ms:.3f} ms per stream second"
    print(f"{a_second_ms:.3f} ms per stream second")
