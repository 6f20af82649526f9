"""xs:duration read and written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from agent.devices.durations import duration_of, seconds_of


@given(some.integers(0, 10**9))
def test_what_is_written_is_read_again(milliseconds: int) -> None:
    assert seconds_of(duration_of(milliseconds / 1000)) == pytest.approx(milliseconds / 1000)


@given(some.text(max_size=40))
def test_any_text_is_a_duration_or_none(text: str) -> None:
    seconds = seconds_of(text)
    assert seconds is None or seconds >= 0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("PT5S", 5.0), ("PT0.5S", 0.5), ("P1DT2H3M4S", 93_784.0), (" PT1M ", 60.0), ("PT0S", 0.0)],
)
def test_durations_of_devices(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "P", "PT", "5", "P1Y", "-PT5S", "PT5", "soon"])
def test_what_is_no_duration_reads_as_none(text: str) -> None:
    assert seconds_of(text) is None


def test_seconds_are_written_as_seconds_alone() -> None:
    assert [duration_of(each) for each in (0, 0.5, 90, 3600)] == ["PT0S", "PT0.5S", "PT90S", "PT3600S"]
