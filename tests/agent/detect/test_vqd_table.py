"""The confusion table in small: every fault named in time on a scene, nothing named in weather and light.

The whole is ``make vqd-table``.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from simulator.video.blemish import BLEMISHES
from tests.agent.detect.test_footage import needs_footage
from tests.support import vqd_table
from tests.support.vqd_stage import FAULTS, real, scene
from tests.support.vqd_table import Case, injected, told

WEATHER = ("fog comes", "snowfall comes", "low_sun comes", "rain at once", "infrared night")
LIGHT = ("gate: day, dusk, night", "gate: lamps go on", "without a clock", "tour", "never rests")


def healthy() -> Iterator[Case]:
    for case in vqd_table.weathers(scene("road-day"), lasts_s=1900.0):
        if any(f" {word}" in case.about for word in WEATHER):
            yield case
    for case in vqd_table.lights():
        if any(word in case.about for word in LIGHT):
            yield case


@pytest.mark.parametrize("fault", list(FAULTS))
def test_a_mild_fault_is_named_alone_within_its_time(fault: str) -> None:
    result = told(injected(scene("street-day"), fault, 1.0 if fault in ("frozen", "grey") else 0.0))
    assert result.right, result


@pytest.mark.parametrize("fault", ["blurred", "covered", "moved", "noisy", "shaking", "striped"])
def test_by_night_too(fault: str) -> None:
    result = told(injected(scene("gate-night"), fault, 0.3))
    assert result.right, result


def test_the_densest_fog_where_nothing_is_far_is_no_fault() -> None:
    """It shows all of what it takes: first contrast, then edges, at last what is near."""
    gate = vqd_table.weathers(scene("gate-day"), lasts_s=1900.0)
    result = told(next(case for case in gate if "dense_fog" in case.about))
    assert result.right, result


@needs_footage
def test_a_view_knocked_aside_is_no_shaking_one_where_hardly_anything_is_in_it() -> None:
    result = told(injected(real("one-by-one-person.mp4"), "moved", 0.0))
    assert result.right, result


@pytest.mark.parametrize("fault", ["colour_cast", "grey"])
def test_colour_is_not_judged_by_night(fault: str) -> None:
    case = injected(scene("gate-night"), fault, 1.0)
    assert not case.told
    assert told(case).right


@pytest.mark.parametrize("case", list(healthy()), ids=lambda case: case.about)
def test_weather_and_light_get_no_name(case: Case) -> None:
    result = told(case)
    assert result.right, result


def test_the_table_shows_what_was_put_in_against_what_was_named() -> None:
    wrong = vqd_table.Result("a", "dark", True, ("covered",), 1.0, "")
    missed = vqd_table.Result("b", vqd_table.NONE, True, (), None, "")
    assert not wrong.right
    assert missed.right
    rows = vqd_table.table([wrong, missed]).splitlines()
    assert rows[0].split()[:6] == ["V02", "V03", "V04", "V05", "V06", "V07"]
    assert rows[1].split()[:7] == ["V02", "dark", ".", ".", ".", ".", "1"]
    assert rows[13].split() == ["none", "healthy", *["."] * 12, "1"]


def test_the_parts_are_the_whole_and_no_case_stands_twice() -> None:
    day, night = scene("street-day"), scene("street-night")
    whole = [
        case.about
        for some in (
            vqd_table.lights(), vqd_table.faults(day), vqd_table.weathers(day), vqd_table.nights(day),
            vqd_table.faults(night), vqd_table.nights(night),
        )
        for case in some
    ]  # fmt: skip
    played = [case.about for part in vqd_table.parts(["street-day", "street-night"]) for case in part.mine()]
    assert sorted(played) == sorted(whole)
    assert len(set(played)) == len(played)
    assert {case.fault for case in vqd_table.faults(day)} == set(FAULTS)


def test_the_weakest_told_stands_by_kind_and_scene() -> None:
    every = vqd_table.limits()
    rows = vqd_table.limits_table(
        [(one, None if one.fault == "dark" else -0.5) for one in every]
    ).splitlines()
    assert rows[0].split() == ["street-day", "street-night"]
    assert rows[1].split() == ["V02", "dark", "kind", "0", "-", "-"]
    assert rows[2].split() == ["V03", "over_bright", "kind", "0", "-0.5", "-0.5"]
    assert len(rows) == 1 + sum(blemish.kinds for name, blemish in BLEMISHES.items() if name != "grey")
