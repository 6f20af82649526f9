"""Weekdays and times of day, as a clock on the wall shows them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.hours import DAYS, holds, read_hours, zone_named
from agent.model import Hours

SHANGHAI = zone_named("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")


def local(text: str, zone: ZoneInfo = BERLIN, *, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold)


@pytest.mark.parametrize(
    ("line", "hours"),
    [
        ("mon-fri 08:00-18:00", Hours(frozenset(range(5)), 480, 1080)),
        ("Sat,Sun 22:00-06:00", Hours(frozenset({5, 6}), 1320, 360)),
        ("daily 00:00-24:00", Hours(frozenset(range(7)), 0, 1440)),
        ("fri-mon 7:30-8:00", Hours(frozenset({4, 5, 6, 0}), 450, 480)),
        ("wed 20:00-00:00", Hours(frozenset({2}), 1200, 1440)),
    ],
)
def test_a_line_is_read(line: str, hours: Hours) -> None:
    assert read_hours(line) == hours


@pytest.mark.parametrize(
    "line",
    ["", "mon", "mon 8-18", "fun 08:00-18:00", "mon 08:00-08:00", "mon 24:00-06:00", "mon 08:61-09:00",
     "mon 23:00-25:00", "mon-xxx 08:00-09:00", "mon- 08:00-09:00"],
)  # fmt: skip
def test_a_line_that_cannot_be_read_is_refused_chinese_first(line: str) -> None:
    with pytest.raises(ValueError, match=" / ") as refused:
        read_hours(line)
    assert str(refused.value)[0] > "\u4e00"


@pytest.mark.parametrize(
    ("at", "inside"),
    [
        ("2026-01-02T21:59", False),  # a Friday
        ("2026-01-02T22:00", True),
        ("2026-01-03T05:59", True),  # begun on Friday
        ("2026-01-03T06:00", False),
        ("2026-01-03T22:30", False),  # Saturday begins nothing
        ("2026-01-02T03:00", False),  # Thursday began nothing
    ],
)
def test_a_span_over_midnight_belongs_to_the_day_it_begins(at: str, inside: bool) -> None:
    assert holds((read_hours("fri 22:00-06:00"),), local(at), BERLIN) is inside


def test_times_are_the_places_own() -> None:
    morning = (read_hours("daily 08:00-09:00"),)
    assert holds(morning, datetime(2026, 1, 1, 0, 30, tzinfo=UTC), SHANGHAI)
    assert not holds(morning, datetime(2026, 1, 1, 8, 30, tzinfo=UTC), SHANGHAI)


def test_an_hour_shown_twice_counts_twice_and_one_left_out_not_at_all() -> None:
    night = (read_hours("daily 02:00-03:00"),)
    assert holds(night, local("2026-10-25T02:30"), BERLIN)
    assert holds(night, local("2026-10-25T02:30", fold=1), BERLIN)
    jump = datetime(2026, 3, 29, 0, 50, tzinfo=UTC)  # 01:50, ten minutes before the clock jumps to 03:00
    assert not any(holds(night, jump + timedelta(minutes=m), BERLIN) for m in range(30))


def test_no_hours_are_always() -> None:
    assert holds((), datetime(2026, 1, 1, tzinfo=UTC), BERLIN)


def test_a_zone_nobody_knows_is_refused() -> None:
    for name in ("Mars/Olympus", "../../etc/passwd", "", "x" * 500):
        with pytest.raises(ValueError, match="no time zone known here"):
            zone_named(name)


@given(
    day=st.sampled_from(DAYS),
    begins=st.integers(0, 1439),
    lasts=st.integers(1, 1439),
    minute=st.integers(0, 7 * 1440 - 1),
)
def test_a_span_and_the_rest_of_its_day_never_hold_together(
    day: str, begins: int, lasts: int, minute: int
) -> None:
    ends = (begins + lasts) % 1440
    span = read_hours(f"{day} {_clock(begins)}-{_clock(ends or 1440)}")
    at = datetime(2026, 1, 5, tzinfo=UTC) + timedelta(minutes=minute)
    since = (minute - DAYS.index(day) * 1440 - begins) % (7 * 1440)
    assert holds((span,), at, UTC) is (since < lasts)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
