"""What the page shows: rows made ready for the templates. No SQL and no HTML here."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

from sqlalchemy import RowMapping

from controller.domain.categories import CATEGORIES
from controller.web.words import Words

COUNTY_TIME: Final = timezone(timedelta(hours=8))
"""Asia/Shanghai: no other offset since 1991, and no daylight saving."""
VERDICT_ORDER: Final = ("down", "degraded", "unknown", "maintenance", "ok", "retired")
"""What needs attention comes first."""
CHIPS: Final = 8

View = dict[str, Any]


def when(moment: datetime | None) -> str:
    """``2025-11-23 09:05:12`` in the county's time; "" for None."""
    return "" if moment is None else moment.astimezone(COUNTY_TIME).strftime("%Y-%m-%d %H:%M:%S")


def device_views(rows: Iterable[RowMapping], *, pictures: set[str], now: datetime) -> list[View]:
    """Tiles: a title that is never empty, a picture only when it is here, how long it has been so."""
    return [_device(row, pictures, now) for row in rows]


def worst_first(views: list[View]) -> list[View]:
    """By verdict, then by title."""
    return sorted(views, key=lambda view: (VERDICT_ORDER.index(view["verdict"]), view["title"]))


def site_view(row: RowMapping, counts: dict[str, int], devices: list[View]) -> View:
    """A village with the devices worth naming on its card."""
    ailing = [view for view in worst_first(devices) if view["verdict"] in ("down", "degraded")]
    return {**row, "title": row["title"] or row["id"], "counts": counts, "chips": ailing[:CHIPS]}


def incident_views(rows: Iterable[RowMapping], words: Words, *, now: datetime) -> list[View]:
    """Lines of a list of incidents."""
    return [incident_view(row, words, now=now) for row in rows]


def incident_view(row: RowMapping, words: Words, *, now: datetime, picture: str | None = None) -> View:
    """One incident in the reader's language."""
    title = row["title_zh"] if words.language == "zh" else row["title_en"]
    return {**row, "title": title, "seconds": _seconds(row["opened_at"], now), "picture": picture}


def incident_facts(view: View, words: Words) -> list[tuple[str, str]]:
    """Label and value, in the order of the county's case record."""
    category = CATEGORIES.get(view["category"])
    named = "" if category is None else (category.zh if words.language == "zh" else category.en)
    return [
        ("category", f"{view['category']} {named}".strip()),
        ("reason", words.reason(view["reason"]) if view["reason"] else ""),
        ("suspected", words.label("yes") if view["suspected"] else ""),
        ("count", str(view["count"])),
        ("found_at", when(view["found_at"])),
        ("opened_at", when(view["opened_at"])),
        ("sign_due", when(view["sign_due_at"])),
        ("finish_due", when(view["finish_due_at"])),
        ("unit", view["unit"]),
    ]


def device_facts(view: View, words: Words) -> list[tuple[str, str]]:
    """Label and value of the device file; codes grouped for reading."""
    error = view["clock_error_ms"]
    return [
        ("device_class", words.device_class(view["device_class"] or "")),
        ("gb_code", grouped(view["gb_code"] or "")),
        ("vendor", view["vendor"]),
        ("model", view["model"]),
        ("firmware", view["firmware"]),
        ("serial", view["serial"]),
        ("clock_error", "" if error is None else f"{error / 1000:+.1f} s"),
        ("profiles", "\n".join(view["profiles"])),
    ]


def interval_views(rows: Iterable[RowMapping], *, now: datetime) -> list[View]:
    """Intervals with their length."""
    return [{**row, "seconds": _seconds(row["from_at"], row["to_at"] or now)} for row in rows]


def grouped(gb_code: str) -> str:
    """A GB/T 28181 code as people read it, 8-2-3-1-6.

    >>> grouped("61052202001326000001")
    '61052202 00 132 6 000001'
    """
    if len(gb_code) != 20:
        return gb_code
    return " ".join((gb_code[:8], gb_code[8:10], gb_code[10:13], gb_code[13], gb_code[14:]))


def _device(row: RowMapping, pictures: set[str], now: datetime) -> View:
    picture = row["last_evidence"]
    return {
        **row,
        "title": row["title"] or row["id"],
        "box_title": row["box_title"] or row["box_id"],
        "picture": picture if picture in pictures else None,
        "seconds": _seconds(row["verdict_since"], now),
    }


def _seconds(start: datetime | None, end: datetime) -> float:
    return 0.0 if start is None else (end.astimezone(UTC) - start).total_seconds()
