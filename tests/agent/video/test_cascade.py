"""The cascade's rules on made-up packets: when it decodes, when it stops, what it thinks of its own gate."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.model import FEWER_FRAMES, FULL_ALLOWANCE, KEYS_ONLY, Allowance, SightMode
from agent.video.agreement import Agreement, Hearing
from agent.video.cascade import Cascade, CascadeConfig
from agent.video.gate import Why
from tests.support.packets import Packet, during, stream


@dataclass
class Story:
    """What a cascade did with packets, and with pictures that show something when ``there`` says so."""

    decoded: list[float] = field(default_factory=list)
    judged: list[tuple[float, Why]] = field(default_factory=list)
    running: list[float] = field(default_factory=list)

    def between(self, begin_s: float, end_s: float) -> list[tuple[float, Why]]:
        return [(at_s, why) for at_s, why in self.judged if begin_s <= at_s < end_s]


def play(
    cascade: Cascade,
    packets: Iterable[Packet],
    there: Callable[[float], bool | None] = lambda _at_s: False,
    *,
    room: int = 10_000,
    follow: bool = True,
) -> Story:
    """As the pipeline does it: what is not decoded is kept until the next key frame, at most ``room``."""
    story = Story()
    kept: list[Packet] = []
    complete = False
    for packet in packets:
        if packet.key:
            kept, complete = [], True
        if cascade.hear(packet.at_s, size_bytes=packet.size_bytes, key=packet.key, room=len(kept) < room):
            for one in (*kept, packet) if complete else ():
                story.decoded.append(one.at_s)
                why = cascade.judges(one.at_s, key=one.key)
                if why is not None:
                    story.judged.append((one.at_s, why))
                    cascade.saw(moving=there(one.at_s), key=one.key, follow=follow)
            kept = []
        elif complete and len(kept) < room:
            kept.append(packet)
        else:
            kept, complete = [], False
        if cascade.running:
            story.running.append(packet.at_s)
    return story


def within(begin_s: float, end_s: float) -> Callable[[float], bool]:
    return lambda at_s: begin_s <= at_s < end_s


def test_while_nothing_is_there_only_key_frames_are_decoded() -> None:
    story = play(Cascade(), stream(300, noise=0.02))
    assert {why for _, why in story.judged} <= {Why.KEY, Why.ALARM}
    assert len([1 for _, why in story.judged if why is Why.KEY]) == 150
    assert len(story.decoded) < 150 + 300


def test_something_at_a_key_frame_opens_the_gop_until_it_is_quiet_for_a_second() -> None:
    cascade = Cascade()
    story = play(cascade, stream(60, noise=0.0), within(21.5, 25.0))
    assert story.running[0] == pytest.approx(22.0)
    assert story.running[-1] == pytest.approx(26.0, abs=0.2)
    assert len([at_s for at_s in story.decoded if 22.0 <= at_s < 25.9]) == pytest.approx(3.9 * 15, abs=1)
    pictures = [at_s for at_s, why in story.between(22.01, 27.0) if why is Why.RUN]
    assert all(b - a >= 0.19 for a, b in pairwise(pictures))
    assert len(pictures) == pytest.approx(5 * 3.9, abs=5)
    assert cascade.state().counters["found"] == 1
    assert cascade.state().counters["heard"] == 0


def test_an_alarm_decodes_what_just_passed_and_finds_what_no_key_frame_shows() -> None:
    cascade = Cascade()
    there = within(30.4, 31.4)  # between the key frames at 30 and 32
    story = play(cascade, stream(60, passing=during(30.4, 31.4, 4.0)), there)
    seen = story.between(30.4, 31.4)
    assert Why.ALARM in {why for _, why in seen}
    assert len(seen) >= 3
    first = min(at_s for at_s, why in story.between(30.1, 31.4) if why is Why.ALARM)
    assert 0.15 <= story.running[0] - first <= 0.6, "also what passed before the alarm was raised"
    counters = cascade.state().counters
    assert counters["alarms_right"] == 1
    assert (counters["found"], counters["heard"]) == (1, 1)


def test_a_false_alarm_ends_after_a_second_and_makes_it_harder_to_raise_one() -> None:
    cascade = Cascade()
    before = cascade._limit
    story = play(cascade, stream(40, noise=0.05, passing=during(30.4, 33.0, 4.0)))
    assert 0.9 <= story.running[-1] - story.running[0] <= 1.2
    assert cascade.state().counters["alarms_false"] >= 1
    assert cascade._limit > before
    play(cascade, stream(3600, fps=2, gop=4, noise=0.0, begin_s=40.0))
    assert cascade._limit < before + 0.5, "time heals"


class Trusting(Agreement):
    """Always listens."""

    def listens(self, hour: int) -> bool:
        """Yes."""
        return True


def rustling(at_s: float) -> float:
    """Leaves: bits in bursts, and never anything there."""
    return 5.0 if at_s > 20 and at_s % 8.0 < 0.8 else 1.0


def test_a_gate_that_cries_wolf_is_not_listened_to() -> None:
    cascade = Cascade()
    first = play(cascade, stream(300, passing=rustling))
    assert first.running
    later = play(cascade, stream(600, passing=rustling, begin_s=300, seed=2))
    assert cascade.hearing is Hearing.WOLF
    assert len(later.decoded) < 300 + 100, "little more than the key frames"


def test_no_more_alarms_are_followed_in_vain_than_six_and_one_a_minute() -> None:
    """However often it is raised: here the limit does not grow, and nobody knows yet that it cries wolf."""
    cascade = Cascade(CascadeConfig(after_false=1.0))
    play(cascade, stream(30, noise=0.05))
    cascade._agreement = Trusting()
    play(cascade, stream(300, noise=0.05, passing=rustling, begin_s=30))
    counters = cascade.state().counters
    assert counters["alarms"] >= 25
    assert 6 <= counters["alarms_false"] <= 6 + 300 / 60
    assert counters["alarms_unheeded"] >= 10


def test_an_alarm_that_was_right_costs_no_credit() -> None:
    cascade = Cascade()
    visits = [within(at_s + 0.4, at_s + 1.4) for at_s in range(30, 230, 10)]

    def there(at_s: float) -> bool:
        return any(visit(at_s) for visit in visits)

    play(cascade, stream(240, passing=lambda at_s: 5.0 if there(at_s) else 1.0), there)
    assert cascade.state().counters["alarms_right"] == len(visits)


def test_what_is_there_for_long_does_not_become_usual_to_the_gate() -> None:
    cascade = Cascade()

    def there(at_s: float) -> bool:
        return 60.3 <= at_s < 180.0 or 186.4 <= at_s < 187.4

    play(cascade, stream(200, passing=lambda at_s: 2.0 if there(at_s) else 1.0), there)
    assert cascade.state().counters["heard"] == 2, "the one who came next is heard as well"


def test_time_that_goes_back_ends_a_run_and_all_goes_on() -> None:
    cascade = Cascade()
    play(cascade, stream(30, gop=375, begin_s=5000.0), within(5000, 5100))
    assert cascade.state().running
    play(cascade, stream(10, gop=375))
    assert not cascade.running
    story = play(cascade, stream(60, gop=375), within(40.2, 43.0))
    checks = [at_s for at_s, why in story.judged if why in (Why.KEY, Why.LOW_RATE)]
    assert max(b - a for a, b in pairwise(checks)) <= 3.1
    assert story.between(40.2, 42.0)


def test_a_gate_that_hears_nothing_is_called_blind_and_key_frames_find_all() -> None:
    cascade = Cascade()
    visits = [within(at_s + 0.5, at_s + 3.5) for at_s in range(20, 300, 20)]
    story = play(cascade, stream(320), lambda at_s: any(visit(at_s) for visit in visits))
    assert cascade.state().counters["found"] == len(visits)
    assert cascade.hearing is Hearing.BLIND
    for at_s in range(20, 300, 20):
        assert story.between(at_s + 0.5, at_s + 2.6)


def test_hours_are_judged_apart() -> None:
    hour = 3
    cascade = Cascade(hour=lambda: hour)
    play(cascade, stream(600, passing=rustling))
    assert cascade.hearing is Hearing.WOLF
    hour = 12
    for _ in range(6):
        cascade._agreement.alarm(right=True, hour=12)
        cascade._agreement.finding(heard=True, hour=12)
    heard = [cascade.hearing]
    hour = 3
    assert [*heard, cascade.hearing] == [Hearing.GOOD, Hearing.WOLF]


def test_a_judge_that_cannot_tell_counts_for_nothing() -> None:
    cascade = Cascade()
    play(cascade, stream(60, passing=during(30.4, 33.0, 4.0)), lambda _at_s: None)
    counters = cascade.state().counters
    assert counters["alarms"] >= 1
    assert counters["alarms_false"] == counters["alarms_right"] == counters["found"] == 0


def test_a_stream_with_rare_key_frames_is_looked_at_every_second() -> None:
    cascade = Cascade()
    story = play(cascade, stream(120, gop=375))
    assert cascade.state().mode is SightMode.LOW_RATE
    checks = [at_s for at_s, why in story.judged if why in (Why.KEY, Why.LOW_RATE)]
    assert max(b - a for a, b in pairwise(checks)) <= 3.1
    late = [at_s for at_s in checks if at_s > 30]
    assert len(late) == pytest.approx(90, abs=8)
    assert cascade.state().counters["low_rate_checks"] > 80


def test_an_endless_gop_that_cannot_be_kept_is_decoded_from_its_beginning() -> None:
    """A key frame once, at the start: what is thrown away before that is known could never be decoded."""
    story = play(Cascade(), stream(60, gop=10**9), room=20)
    assert max(b - a for a, b in pairwise(story.decoded)) < 0.1, "not one packet is missing"
    assert story.decoded[-1] > 58


def test_in_low_rate_what_cannot_be_kept_is_decoded_too() -> None:
    """So many pixels that less than a second of them may be kept."""
    cascade = Cascade()
    story = play(cascade, stream(100, gop=375), room=10)
    assert len(story.decoded) > 95 * 15
    lost = [b for a, b in pairwise(story.decoded) if b - a > 0.1]
    assert set(lost) <= {25.0, 50.0, 75.0}, "only the last ones before a key frame are never needed"
    assert cascade.state().mode is SightMode.LOW_RATE


def test_rare_key_frames_are_asked_for_and_low_rate_only_follows_when_none_come() -> None:
    asked: list[int] = []
    cascade = Cascade(ask_key=lambda: asked.append(1))
    play(cascade, stream(5, gop=250))
    assert cascade.state().mode is SightMode.ASKING
    play(cascade, stream(30, gop=10**9, begin_s=5.0))
    assert cascade.state().mode is SightMode.LOW_RATE
    assert len(asked) == cascade.state().counters["keys_asked"] == 3


def test_with_key_frames_only_nothing_else_is_decoded_whatever_happens() -> None:
    cascade = Cascade()
    cascade.allow(KEYS_ONLY)
    story = play(cascade, stream(120, passing=during(50, 60, 5.0)), within(50, 60))
    assert {why for _, why in story.judged} == {Why.KEY}
    assert len(story.decoded) == 60
    rare = Cascade()
    rare.allow(KEYS_ONLY)
    assert len(play(rare, stream(100, gop=375)).decoded) == 4


def test_every_third_key_frame_is_decoded_where_no_more_is_allowed() -> None:
    asked: list[int] = []
    cascade = Cascade(ask_key=lambda: asked.append(1))
    cascade.allow(Allowance(runs=False, every_key=3))
    assert len(play(cascade, stream(120)).decoded) == 20
    rare = Cascade(ask_key=lambda: asked.append(1))
    rare.allow(Allowance(runs=False, every_key=3))
    play(rare, stream(60, gop=150))
    assert asked == [], "nobody asks for what would not be decoded"
    cascade.allow(FULL_ALLOWANCE)
    assert len(play(cascade, stream(60, begin_s=120.0, noise=0.0)).decoded) == 30


def test_fewer_frames_are_judged_where_no_more_are_allowed() -> None:
    def pictures(allowance: Allowance) -> int:
        cascade = Cascade()
        cascade.allow(allowance)
        return len(play(cascade, stream(30), within(10, 20)).judged)

    assert pictures(FEWER_FRAMES) < 0.65 * pictures(FULL_ALLOWANCE)


def test_a_run_ends_at_once_when_runs_are_no_longer_allowed() -> None:
    cascade = Cascade()
    play(cascade, stream(11, noise=0.0), within(9, 99))
    assert cascade.running
    cascade.allow(KEYS_ONLY)
    assert play(cascade, list(stream(13, noise=0.0))[-20:], within(9, 99)).running == []


@pytest.mark.parametrize("wrong", [{"max_fps": 0.0}, {"every_key": 0}, {"max_fps": float("nan")}])
def test_an_allowance_of_nothing_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="max_fps"):
        Allowance(**wrong)  # type: ignore[arg-type]


@given(
    st.lists(
        st.tuples(st.floats(0, 1e5), st.integers(0, 10**7), st.booleans(), st.booleans(), st.booleans()),
        max_size=200,
    )
)
@settings(max_examples=60, deadline=None)
def test_times_that_jump_about_neither_stop_it_nor_stay_a_run(
    facts: list[tuple[float, int, bool, bool, bool]],
) -> None:
    cascade = Cascade()
    for at_s, size, key, room, moving in facts:
        if cascade.hear(at_s, size_bytes=size, key=key, room=room) and cascade.judges(at_s, key=key):
            cascade.saw(moving=moving, key=key)
    end_s = max((at_s for at_s, *_ in facts), default=0.0)
    play(cascade, stream(12, begin_s=end_s + 1, noise=0.0))
    assert not cascade.running
    assert set(cascade.state().counters) == set(Cascade().state().counters)


def settled_story(*, follow: bool) -> Story:
    """Somebody is there from 21.5 to 60 s, in a stream with a key frame every 2 s."""
    return play(Cascade(), stream(80, noise=0.0), within(21.5, 60.0), follow=follow)


def test_who_is_certain_to_be_there_is_watched_by_key_frames() -> None:
    story = settled_story(follow=False)
    assert len([at_s for at_s in story.decoded if 22.0 <= at_s < 23.0]) == pytest.approx(15, abs=1)
    later = [at_s for at_s in story.decoded if 23.3 <= at_s < 79.0]
    assert len(later) == 28, "key frames alone, also after he left"
    assert {why for _, why in story.between(23.3, 79.0)} == {Why.KEY}


def test_a_zone_that_follows_sees_every_picture_as_long_as_it_moves() -> None:
    story = settled_story(follow=True)
    assert len([at_s for at_s in story.decoded if 24.0 <= at_s < 58.0]) == pytest.approx(34 * 15, abs=2)


def test_after_a_quiet_key_frame_the_next_mover_begins_a_run_again() -> None:
    cascade = Cascade()
    play(cascade, stream(50, noise=0.0), within(21.5, 40.0), follow=False)
    story = play(cascade, stream(20, noise=0.0, begin_s=50.0), within(57.5, 60.0), follow=False)
    assert [at_s for at_s, why in story.judged if why is Why.RUN]
