"""Waiting until a device shows what it was asked for: at least one look, the last one is judged."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as some

from agent.devices.upkeep.proof import until


def never(seconds: float) -> None:
    raise AssertionError(f"paused {seconds} s")


@given(wanted=some.integers(0, 50))
def test_the_looking_ends_with_the_first_sight_of_what_is_wanted(wanted: int) -> None:
    pauses: list[float] = []
    looks = count()
    seen = until(
        lambda: next(looks), lambda one: one == wanted, within_s=60, every_s=0.5, pause=pauses.append
    )
    assert seen == wanted
    assert pauses == [0.5] * wanted


def test_when_the_time_is_over_the_last_sight_is_handed_back() -> None:
    looks = count()
    assert until(lambda: next(looks), lambda _: False, within_s=0, every_s=1, pause=never) == 0


def test_what_a_look_raises_ends_the_waiting() -> None:
    def look() -> int:
        raise LookupError("gone")

    with pytest.raises(LookupError):
        until(look, lambda _: True, within_s=60, every_s=1, pause=never)
