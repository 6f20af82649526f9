"""What is judged less when the box is at its bounds, and when it comes back."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model import FULL_ALLOWANCE, Allowance, Device, Zone, ZoneKind
from agent.shedding import (
    MOST_LEVEL,
    STEPS,
    Cause,
    Load,
    Rank,
    Throttle,
    ThrottleConfig,
    keys_level,
    less,
    more,
    rank_of,
    step_at,
    words_of,
)
from protocol.words import DeviceClass

CONFIG = ThrottleConfig()
YARD = Zone("yard", ((0, 0), (1, 0), (1, 1)))
ROAD = Zone("road", ((0, 0), (1, 0), (1, 1)), closed=False)
MASK = Zone("window", ((0, 0), (1, 0), (1, 1)), kind=ZoneKind.PRIVACY)
LAMP = Zone("lamp", ((0, 0), (1, 0), (1, 1)), kind=ZoneKind.LAMP)
LINE = Zone("fence", ((0, 0), (1, 1)), kind=ZoneKind.LINE)
ranks = st.lists(st.sampled_from(Rank), min_size=1, max_size=8)


def device(device_class: DeviceClass = DeviceClass.SMART_CAMERA, *zones: Zone) -> Device:
    return Device("d", device_class, "127.0.0.1", zones=zones)


def cpu(used: float) -> Load:
    return Load(Cause.CPU, used, 0.6)


QUIET = (Load(Cause.LAG, 0.1, 2.0), Load(Cause.MEMORY, 200.0, 1024.0))


@pytest.mark.parametrize(
    ("of", "incident", "rank"),
    [
        (device(), False, Rank.CAMERA),
        (device(DeviceClass.PTZ_DOME), False, Rank.CAMERA),
        (device(DeviceClass.MICRO_CHECKPOINT), False, Rank.COUNTED),
        (device(DeviceClass.INTEGRATED), False, Rank.COUNTED),
        (device(DeviceClass.LOOKOUT), False, Rank.LOOKOUT),
        (device(DeviceClass.SMART_CAMERA, ROAD), False, Rank.CAMERA),
        (device(DeviceClass.SMART_CAMERA, MASK, LAMP), False, Rank.CAMERA),
        (device(DeviceClass.SMART_CAMERA, ROAD, YARD), False, Rank.GUARDED),
        (device(DeviceClass.SMART_CAMERA, MASK, LINE), False, Rank.GUARDED),
        (device(DeviceClass.FACE_CAPTURE, YARD), False, Rank.GUARDED),
        (device(DeviceClass.MICRO_CHECKPOINT), True, Rank.INCIDENT),
    ],
)
def test_what_a_stream_is_kept_for(of: Device, incident: bool, rank: Rank) -> None:
    assert rank_of(of, incident=incident) is rank


def test_every_step_is_less_than_the_one_before() -> None:
    def costs(allowance: Allowance) -> tuple[float, ...]:
        return (1 / allowance.every_key, allowance.runs, allowance.alarms, allowance.max_fps)

    assert STEPS[0].allowance == FULL_ALLOWANCE
    spent = [costs(step.allowance) for step in STEPS]
    assert spent == sorted(spent, reverse=True)
    assert len(set(spent)) == len(STEPS)


@given(st.integers(0, MOST_LEVEL), st.sampled_from(Rank), st.sampled_from(Rank))
def test_what_matters_more_is_never_judged_less(level: int, one: Rank, other: Rank) -> None:
    low, high = sorted((one, other))
    assert step_at(level, high) <= step_at(level, low)
    assert step_at(level, low) <= step_at(min(level + 1, MOST_LEVEL), low)


def test_nothing_is_shed_at_level_0_and_everything_at_the_most() -> None:
    assert {step_at(0, rank) for rank in Rank} == {0}
    assert {step_at(MOST_LEVEL, rank) for rank in Rank} == {len(STEPS) - 1}


def test_lookouts_and_closed_zones_are_kept_while_cameras_run_only_on_key_frames() -> None:
    level = 3
    assert STEPS[step_at(level, Rank.COUNTED)].name == "keys"
    assert STEPS[step_at(level, Rank.CAMERA)].name == "key_runs"
    assert STEPS[step_at(level, Rank.LOOKOUT)].name == "full"
    assert STEPS[step_at(6, Rank.INCIDENT)].name == "full"


@given(st.integers(0, MOST_LEVEL), ranks)
def test_each_level_taken_changes_somebody_and_back_is_the_reverse(level: int, present: list[Rank]) -> None:
    below = less(level, present)
    if below == level:
        assert all(step_at(level, rank) == len(STEPS) - 1 for rank in present)
        return
    assert any(step_at(below, rank) > step_at(level, rank) for rank in present)
    back = more(below, present)
    assert [step_at(back, rank) for rank in present] == [step_at(level, rank) for rank in present]


def test_one_kind_of_camera_alone_is_shed_at_once() -> None:
    """A box with closed zones everywhere does not wait four windows for an effect."""
    throttle = Throttle(at_s=0.0)
    assert throttle.step(40.0, (cpu(0.65), *QUIET), {Rank.GUARDED})
    assert STEPS[step_at(throttle.level, Rank.GUARDED)].name == "fewer_frames"


def test_the_start_is_given_grace() -> None:
    throttle = Throttle(at_s=100.0)
    assert not throttle.step(110.0, (cpu(0.99), *QUIET), {Rank.CAMERA})
    assert throttle.step(131.0, (cpu(0.99), *QUIET), {Rank.CAMERA})


def test_far_over_the_bound_more_is_shed_at_once() -> None:
    mild, hard = Throttle(at_s=0.0), Throttle(at_s=0.0)
    mild.step(40.0, (cpu(0.61), *QUIET), {Rank.CAMERA})
    hard.step(40.0, (cpu(1.0), *QUIET), {Rank.CAMERA})
    assert step_at(mild.level, Rank.CAMERA) == 1
    assert step_at(hard.level, Rank.CAMERA) == 3


def test_between_calm_and_the_bound_nothing_changes() -> None:
    throttle = Throttle(at_s=0.0)
    throttle.step(40.0, (cpu(0.7), *QUIET), {Rank.CAMERA})
    level = throttle.level
    for n in range(1, 100):
        assert not throttle.step(40.0 + 10 * n, (cpu(0.55), *QUIET), {Rank.CAMERA})
    assert throttle.level == level > 0


def test_memory_is_shed_to_key_frames_and_no_further() -> None:
    throttle = Throttle(at_s=0.0)
    present = {Rank.CAMERA, Rank.GUARDED}
    full = Load(Cause.MEMORY, 1200.0, 1024.0)
    for n in range(50):
        throttle.step(40.0 + 10 * n, (cpu(0.1), full), present)
    assert throttle.level == keys_level(present)
    assert STEPS[step_at(throttle.level, Rank.GUARDED)].name == "keys"
    assert throttle.cause is Cause.MEMORY


def test_streams_that_are_late_are_a_load_of_their_own() -> None:
    """Another process has the processor: our own share is small, and we are late all the same."""
    throttle = Throttle(at_s=0.0)
    assert throttle.step(40.0, (cpu(0.2), Load(Cause.LAG, 3.0, 2.0)), {Rank.CAMERA})
    assert throttle.cause is Cause.LAG


@given(st.lists(st.floats(0.0, 1.0), min_size=20, max_size=150), ranks)
def test_it_never_changes_faster_than_its_window_and_goes_back_only_after_calm(
    used: list[float], present: list[Rank]
) -> None:
    throttle = Throttle(at_s=0.0)
    changed_s, disturbed_s = float("-inf"), 0.0
    for n, share in enumerate(used):
        at_s, before = n * 5.0, throttle.level
        load = cpu(share)
        if not load.calm:
            disturbed_s = at_s
        changed = throttle.step(at_s, (load, *QUIET), present)
        assert changed == (throttle.level != before)
        assert 0 <= throttle.level <= MOST_LEVEL
        if not changed:
            continue
        assert at_s - changed_s >= CONFIG.window_s
        assert at_s >= CONFIG.grace_s
        if throttle.level > before:
            assert load.over
        else:
            assert load.calm
            assert at_s - disturbed_s >= CONFIG.calm_s
            assert throttle.level == more(before, present)
        changed_s = at_s


def _step(throttle: Throttle) -> int:
    return step_at(throttle.level, Rank.CAMERA)


def _changes(throttle: Throttle, demand: Sequence[float], shares: Sequence[float]) -> list[float]:
    """Times of change of a box whose load is ``demand`` times the share of its step."""
    times = []
    for n, wanted in enumerate(demand):
        at_s = n * 10.0
        if throttle.step(at_s, (cpu(wanted * shares[_step(throttle)]), *QUIET), {Rank.CAMERA}):
            times.append(at_s)
    return times


@given(
    st.floats(0.1, 3.0),
    st.lists(st.floats(0.3, 0.95), min_size=len(STEPS), max_size=len(STEPS)),
)
def test_under_a_constant_demand_it_settles_and_tries_ever_more_rarely(
    demand: float, factors: list[float]
) -> None:
    shares = [1.0]
    for factor in factors:
        shares.append(shares[-1] * factor)
    hour = 360
    times = _changes(Throttle(at_s=0.0), [demand] * 3 * hour, shares)
    late = [at_s for at_s in times if at_s >= 10.0 * 2 * hour]
    # each try after the last doubling is one step back and, a window later, one forth
    assert len(late) <= 2 * (3600 / CONFIG.calm_most_s) + 2


def test_when_the_demand_is_gone_everything_comes_back() -> None:
    throttle = Throttle(at_s=0.0)
    shares = [1.0 / (1 + level) for level in range(len(STEPS))]
    _changes(throttle, [2.0] * 60, shares)
    assert throttle.level > 0
    for n in range(60, 260):
        throttle.step(n * 10.0, (cpu(0.05), *QUIET), {Rank.CAMERA})
    assert throttle.level == 0


def test_a_stream_that_is_judged_less_says_how() -> None:
    assert words_of(FULL_ALLOWANCE) == ""
    for step in STEPS[1:]:
        said = words_of(step.allowance)
        assert said.startswith("边缘盒")
        assert f"judged less: {step.words.partition(' / ')[2]}" in said
    assert "judged less" in words_of(Allowance(max_fps=0.5))
