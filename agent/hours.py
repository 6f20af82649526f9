"""When something counts: weekdays and local times of day, over midnight, safe over changes of the clock.

Law: what counts is what a clock on the wall shows. An hour that is shown twice counts twice, one that is left
out counts not at all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from agent.model import Hours

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_MIN = 1440
_LINE = re.compile(r"([a-z,-]+) +([0-9]{1,2}):([0-9]{2})-([0-9]{1,2}):([0-9]{2})")
_CHINA = timezone(timedelta(hours=8), "Asia/Shanghai")
"""No other offset since 1991: known even where no table of zones is installed."""


def read_hours(line: str) -> Hours:
    """``mon-fri 08:00-18:00`` and the like. Raises ValueError that says how to write it."""
    match = _LINE.fullmatch(line.strip().lower())
    if match is None:
        raise ValueError(
            f"时间段写法不对：{line[:40]!r}，应如 mon-fri 08:00-18:00 / "
            f"{line[:40]!r} is no span of time; write it as mon-fri 08:00-18:00"
        )
    days = frozenset(day for part in match[1].split(",") for day in _days(part, line))
    begins, ends = _minute(match[2], match[3], line), _minute(match[4], match[5], line)
    if begins in (ends, _DAY_MIN):
        raise ValueError(
            f"时间段为空：{line[:40]!r}，全天写 00:00-24:00 / "
            f"{line[:40]!r} is empty; a whole day is 00:00-24:00"
        )
    return Hours(days, begins, ends or _DAY_MIN)


def zone_named(name: str) -> tzinfo:
    """A time zone by its IANA name. Raises ValueError for one that is not known here."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        if name == "Asia/Shanghai":
            return _CHINA
    raise ValueError(
        f"不认识的时区：{name[:40]!r}，应如 Asia/Shanghai / {name[:40]!r} is no time zone known here; "
        "write it as Asia/Shanghai"
    )


def holds(hours: Sequence[Hours], at: datetime, zone: tzinfo) -> bool:
    """Whether one of the spans holds at a moment (aware); no spans hold always."""
    if not hours:
        return True
    local = at.astimezone(zone)
    minute, today = local.hour * 60 + local.minute, local.weekday()
    return any(_holds(one, minute, today) for one in hours)


def _holds(one: Hours, minute: int, today: int) -> bool:
    if one.until_min > one.from_min:
        return today in one.days and one.from_min <= minute < one.until_min
    yesterday = (today - 1) % 7
    return (today in one.days and minute >= one.from_min) or (
        yesterday in one.days and minute < one.until_min
    )


def _days(part: str, line: str) -> Sequence[int]:
    if part == "daily":
        return range(7)
    first, dash, last = part.partition("-")
    if first not in DAYS or (dash and last not in DAYS):
        raise ValueError(
            f"星期写法不对：{line[:40]!r}，用 mon tue wed thu fri sat sun 或 daily / "
            f"{line[:40]!r} names no weekday; use mon tue wed thu fri sat sun or daily"
        )
    begins, ends = DAYS.index(first), DAYS.index(last or first)
    return [day % 7 for day in range(begins, (ends if ends >= begins else ends + 7) + 1)]


def _minute(hour: str, minute: str, line: str) -> int:
    value = int(hour) * 60 + int(minute)
    if int(minute) > 59 or value > _DAY_MIN:
        raise ValueError(f"没有这个时刻：{line[:40]!r} / {line[:40]!r} has a time of day that does not exist")
    return value
