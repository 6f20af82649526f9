"""Fault switches: what a patch may say and what it does."""

from __future__ import annotations

from dataclasses import fields

import pytest

from simulator.faults import MEANINGS, PICTURES, FaultRefused, FaultSwitches
from simulator.video.model import Picture


def test_a_patch_changes_only_what_it_names() -> None:
    changed = FaultSwitches(slow_ms=200).changed({"hung": True})
    assert changed == FaultSwitches(slow_ms=200, hung=True)
    assert changed.active() == {"slow_ms": 200, "hung": True}


def test_a_picture_can_be_switched_by_its_own_name_and_back() -> None:
    covered = FaultSwitches().changed({"covered": True})
    assert covered.picture == "covered"
    assert covered.changed({"covered": False}).picture == "normal"


def test_switching_off_another_picture_leaves_the_present_one() -> None:
    assert FaultSwitches(picture="dark").changed({"covered": False}).picture == "dark"


@pytest.mark.parametrize(
    "patch",
    [
        {"no_such": True},
        {"hung": 1},
        {"hung": None},
        {"slow_ms": -1},
        {"slow_ms": True},
        {"slow_ms": 1.5},
        {"picture": "upside_down"},
        {"covered": "yes"},
        {"sip": True},
    ],
)
def test_a_wrong_patch_is_refused_with_what_there_is(patch: dict[str, object]) -> None:
    with pytest.raises(FaultRefused) as refused:
        FaultSwitches().changed(patch)
    assert next(iter(patch)) in str(refused.value)


def test_the_patch_of_defaults_ends_every_fault() -> None:
    switched = FaultSwitches().changed({"hung": True, "dark": True, "clock_offset_s": 90, "sip": "silent"})
    assert switched.changed(FaultSwitches.defaults()) == FaultSwitches()


def test_every_switch_says_what_it_means() -> None:
    assert set(MEANINGS) == {f.name for f in fields(FaultSwitches)}
    assert all(MEANINGS.values())


def test_the_pictures_are_those_of_the_video() -> None:
    assert set(PICTURES) == {str(picture) for picture in Picture}
