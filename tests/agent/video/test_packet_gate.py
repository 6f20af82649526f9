"""The packet gate hears what costs bits, whatever the encoder's habits, and nothing else."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.video.packet_gate import PacketGate
from tests.support.packets import Packet, during, stream

ALARM = 3.0


def heard(packets: Iterable[Packet], gate: PacketGate | None = None) -> list[tuple[float, float]]:
    """Stream time and surprise of each packet."""
    gate = gate or PacketGate()
    return [(p.at_s, gate.hear(p.size_bytes, key=p.key, at_s=p.at_s)) for p in packets]


def alarms(said: list[tuple[float, float]], begin_s: float, end_s: float) -> int:
    """Alarms of their own: a second apart."""
    times = [at_s for at_s, surprise in said if surprise >= ALARM and begin_s <= at_s < end_s]
    return sum(n == 0 or at_s - times[n - 1] > 1.0 for n, at_s in enumerate(times))


def twice_every_fourth(place: int) -> float:
    return 2.5 if place % 4 == 0 else 0.8


def rich_after_the_key(place: int) -> float:
    return 1.0 + 2.0 / place


HABITS = {
    "even": lambda _place: 1.0,
    "layers": twice_every_fourth,
    "rich after the key frame": rich_after_the_key,
}


@pytest.mark.parametrize("habit", list(HABITS))
@pytest.mark.parametrize(("fps", "gop"), [(15.0, 30), (25.0, 50), (10.0, 20), (10.0, 250), (25.0, 25)])
def test_what_passes_is_heard_and_quiet_is_quiet(habit: str, fps: float, gop: int) -> None:
    said = heard(
        stream(120, fps=fps, gop=gop, places=HABITS[habit], passing=during(100.3, 101.3, 2.5), seed=gop)
    )
    assert alarms(said, 100.3, 101.6) > 0
    assert alarms(said, 30, 100) <= 5, "three deviations of pure noise; the cascade then raises its limit"


def test_one_large_packet_is_the_encoders_own_doing() -> None:
    packets = list(stream(60))
    at = next(n for n, p in enumerate(packets) if p.at_s >= 50 and not p.key)
    packets[at] = Packet(packets[at].at_s, 40_000, key=False)  # a smart codec's key frame that is called none
    assert alarms(heard(packets), 49, 52) == 0


def test_what_is_there_for_long_becomes_usual_and_its_end_is_no_alarm() -> None:
    said = heard(stream(240, passing=during(60, 180, 2.0)))
    assert alarms(said, 60, 62) > 0
    assert alarms(said, 150, 180) == 0
    assert alarms(said, 180, 190) == 0


def test_with_learn_false_nothing_becomes_usual() -> None:
    gate = PacketGate()
    heard(stream(60), gate)
    there = stream(60, usual_bytes=3500, begin_s=60.0)
    said = [gate.hear(p.size_bytes, key=p.key, at_s=p.at_s, learn=False) for p in there]
    assert min(surprise for surprise in said[10:] if surprise) > ALARM


def test_a_light_that_fades_over_minutes_is_followed() -> None:
    said = heard(stream(300, passing=lambda at_s: 1.0 + at_s / 150.0, noise=0.2))
    assert alarms(said, 30, 300) <= 10


def test_another_light_is_usual_within_twenty_seconds() -> None:
    said = heard(stream(80, passing=lambda at_s: 1.6 if at_s >= 60 else 1.0, noise=0.05))
    after = [surprise for at_s, surprise in said if at_s >= 70]
    assert sum(after) / len(after) < 1.8


def test_no_opinion_before_enough_was_heard_nor_right_after_a_reconnect() -> None:
    gate = PacketGate()
    assert all(surprise == 0.0 for _, surprise in heard(stream(3.9, passing=during(3, 9, 5.0)), gate))
    heard(stream(60), gate)
    gate.begin()
    late = [p for p in stream(4, usual_bytes=9000) if not p.key]
    assert all(surprise == 0.0 for _, surprise in heard(late, gate)), "no key frame: its place is not known"


def test_a_stream_of_another_size_says_the_same() -> None:
    packets = list(stream(90, passing=during(80, 81, 3.0)))
    small = heard(packets)
    for factor in (2, 10, 1000):
        large = heard(Packet(p.at_s, p.size_bytes * factor, p.key) for p in packets)
        assert [s for _, s in large] == pytest.approx([s for _, s in small], abs=1e-6)


def test_a_constant_stream_is_never_surprising() -> None:
    packets = [Packet(n / 15, 500, n % 30 == 0) for n in range(3000)]
    assert max(surprise for _, surprise in heard(packets)) < ALARM


@given(
    st.lists(
        st.tuples(st.integers(0, 2**40), st.booleans(), st.floats(-1e9, 1e9), st.booleans()), max_size=400
    )
)
@settings(max_examples=60, deadline=None)
def test_whatever_comes_there_is_a_number_and_memory_is_bounded(
    facts: list[tuple[int, bool, float, bool]],
) -> None:
    gate = PacketGate()
    for size, key, at_s, learn in facts:
        assert math.isfinite(gate.hear(size, key=key, at_s=at_s, learn=learn))
    assert len(gate._usual) <= 66
    assert len(gate._recent) <= 8


def test_a_million_packets_without_a_key_frame_take_no_more_memory() -> None:
    rng = random.Random(3)
    gate = PacketGate()
    gate.hear(9000, key=True, at_s=0.0)
    for number in range(50_000):
        gate.hear(rng.randrange(1, 10**9), key=False, at_s=number / 25)
    assert len(gate._usual) <= 66


def test_it_costs_a_few_microseconds() -> None:
    """0.05 ms of CPU a stream second at 15 fps are 3.3 us a packet; tenfold room for a busy machine."""
    packets = list(stream(400))

    def spent(work: Callable[[], object]) -> float:
        began = time.process_time()
        work()
        return time.process_time() - began

    best = min(spent(lambda: heard(packets)) for _ in range(3))
    assert best / len(packets) < 33e-6
