"""The timeline of a recording as a picture. Law: OpenCV writes ASCII alone, so a zone named otherwise is
drawn by its number, and whoever asked for the picture is told which is which.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from agent.model import Image
from agent.tuning.film import Film
from agent.tuning.rehearsal import Happening, Outcome
from agent.tuning.timeline import Column, Timeline
from agent.tuning.trial_values import Thresholds
from protocol.scene_words import scene_word
from protocol.words import SceneTopic

Colour = tuple[int, int, int]

WIDTH_PX: Final = 1600
_LEFT, _RIGHT, _TOP = 230, 30, 78
_PANEL, _GAP, _ROW = 130, 26, 26
MOST_ROWS: Final = 24

_WHITE, _INK, _GREY, _GRID = (255, 255, 255), (40, 40, 40), (120, 120, 120), (230, 230, 230)
_BLUE, _ORANGE, _GREEN, _RED, _PURPLE = (
    (180, 119, 31),
    (14, 127, 255),
    (60, 150, 60),
    (40, 39, 214),
    (189, 103, 148),
)
_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(frozen=True, slots=True)
class Row:
    """What has a row of its own in the picture."""

    topic: SceneTopic
    zone: str
    label: str


def rows_of(outcome: Outcome, zones: Sequence[str]) -> Sequence[Row]:
    """A row for each topic and zone of which something was seen, in the order of first sight."""
    sights = [
        *((one.start_s, one.topic, one.zone) for one in outcome.events),
        *((one.at_s, one.topic, one.zone) for one in outcome.glimpses),
    ]
    seen = dict.fromkeys((topic, zone) for _, topic, zone in sorted(sights))
    return [Row(topic, zone, _label(topic, zone, zones)) for topic, zone in list(seen)[:MOST_ROWS]]


def legend(zones: Sequence[str]) -> Sequence[tuple[str, str]]:
    """What zones are called in the picture, where not by their name."""
    return [(_zone_label(zone, zones), zone) for zone in zones if _zone_label(zone, zones) != zone]


def draw(film: Film, outcome: Outcome, timeline: Timeline, thresholds: Thresholds) -> Image:
    """The picture, BGR, 1600 wide."""
    zones = [zone.name for zone in thresholds.zones]
    rows = rows_of(outcome, zones)
    bottom = _TOP + 3 * (_PANEL + _GAP) + 3 * _ROW + _GAP + max(1, len(rows)) * _ROW
    canvas = np.full((bottom + 70, WIDTH_PX, 3), 255, np.uint8)
    sheet = _Sheet(canvas, max(outcome.stream_s, timeline.step_s), bottom)
    _title(sheet, film, outcome)
    columns, step_s = timeline.columns, timeline.step_s
    sheet.times(bottom)
    top = _sizes(sheet, columns, step_s, _TOP)
    top = _surprises(sheet, columns, step_s, top, thresholds.gate.surprise)
    top = _ratios(sheet, columns, step_s, top, thresholds.detect.background.blob_ratio)
    top = _decoding(sheet, columns, step_s, top)
    _events(sheet, outcome, rows, top)
    return canvas


def png(picture: Image) -> bytes:
    """As a PNG file."""
    done, encoded = cv2.imencode(".png", picture)
    if not done:
        raise ValueError(f"picture of shape {picture.shape} cannot be encoded")
    return encoded.tobytes()


class _Sheet:
    """The canvas, and where a time is on it."""

    def __init__(self, canvas: Image, end_s: float, bottom: int) -> None:
        self.canvas, self.end_s, self.bottom = canvas, end_s, bottom

    def x(self, at_s: float) -> int:
        share = min(max(at_s / self.end_s, 0.0), 1.0)
        return _LEFT + round(share * (WIDTH_PX - _LEFT - _RIGHT))

    def text(self, words: str, x: int, y: int, *, colour: Colour = _INK, size: float = 0.45) -> None:
        cv2.putText(self.canvas, words, (x, y), _FONT, size, colour, 1, cv2.LINE_AA)

    def right_text(self, words: str, x: int, y: int, *, colour: Colour = _GREY, size: float = 0.4) -> None:
        (width, _), _ = cv2.getTextSize(words, _FONT, size, 1)
        self.text(words, x - width, y, colour=colour, size=size)

    def bar(self, left: int, top: int, right: int, bottom: int, colour: Colour) -> None:
        """A filled rectangle, a pixel wide at least."""
        cv2.rectangle(self.canvas, (left, top), (max(left, right), bottom), colour, -1)

    def line(self, begin: tuple[int, int], end: tuple[int, int], colour: Colour) -> None:
        cv2.line(self.canvas, begin, end, colour, 1)

    def times(self, bottom: int) -> None:
        """The axis of time, with a grid over all panels."""
        step_s = _nice_step(self.end_s)
        count = int(self.end_s / step_s + 1e-9)
        for number in range(count + 1):
            x = self.x(number * step_s)
            self.line((x, _TOP), (x, bottom), _GRID)
            words = clock(number * step_s)
            (width, _), _ = cv2.getTextSize(words, _FONT, 0.42, 1)
            self.text(words, min(x - width // 2, WIDTH_PX - width - 4), bottom + 22, size=0.42)
        self.text("time of the recording", _LEFT, bottom + 48, colour=_GREY, size=0.42)

    def panel(self, top: int, name: str, unit: str, marks: Sequence[tuple[str, float]]) -> None:
        """A frame with its name, and marks (text, height 0 to 1) on its axis."""
        cv2.rectangle(self.canvas, (_LEFT, top), (WIDTH_PX - _RIGHT, top + _PANEL), _GREY, 1)
        self.text(name, 12, top + 18)
        self.text(unit, 12, top + 38, colour=_GREY, size=0.4)
        for words, share in marks:
            y = top + _PANEL - round(share * _PANEL)
            self.line((_LEFT - 4, y), (_LEFT, y), _GREY)
            self.right_text(words, _LEFT - 8, y + 5)

    def columns(
        self,
        columns: Sequence[Column],
        step_s: float,
        top: int,
        share: Callable[[Column], float],
        colour: Callable[[Column], Colour],
    ) -> None:
        """A bar for each stretch, ``share`` 0 to 1 of the panel's height."""
        for number, column in enumerate(columns):
            height = round(min(max(share(column), 0.0), 1.0) * (_PANEL - 2))
            if height > 0:
                left, right = self.x(number * step_s), self.x((number + 1) * step_s)
                base = top + _PANEL - 1
                self.bar(left, base - height, max(left, right - 1), base, colour(column))

    def threshold(self, top: int, share: float, words: str) -> None:
        y = top + _PANEL - round(min(share, 1.0) * _PANEL)
        self.line((_LEFT, y), (WIDTH_PX - _RIGHT, y), _RED)
        (width, _), _ = cv2.getTextSize(words, _FONT, 0.4, 1)
        x = WIDTH_PX - _RIGHT - width - 6
        self.bar(x - 3, y - 17, x + width + 3, y - 3, _WHITE)
        self.text(words, x, y - 6, colour=_RED, size=0.4)


def _title(sheet: _Sheet, film: Film, outcome: Outcome) -> None:
    facts = f"{film.codec} {film.width}x{film.height} {film.fps:g} fps, {clock(outcome.stream_s)}"
    sheet.text(f"{ascii_of(film.path.name)[:80]}   {facts}", 12, 28, size=0.6)
    what = (
        f"{len(outcome.events)} events, {outcome.decoded} pictures decoded, {outcome.judged} judged, "
        f"everything decoded in {outcome.open_ratio:.0%} of the time, {outcome.cpu_ms_per_s:.1f} ms of CPU "
        "per stream second"
    )
    sheet.text(what, 12, 54, colour=_GREY, size=0.48)


def _sizes(sheet: _Sheet, columns: Sequence[Column], step_s: float, top: int) -> int:
    rates = [8 * column.size_bytes / step_s / 1000 for column in columns]
    most = _nice_most(max(rates, default=1.0))
    sheet.panel(top, "packets", "kbit/s", [("0", 0.0), (f"{most / 2:g}", 0.5), (f"{most:g}", 1.0)])
    sheet.columns(
        columns, step_s, top, lambda one: 8 * one.size_bytes / step_s / 1000 / most, lambda _one: _BLUE
    )
    return top + _PANEL + _GAP


def _surprises(sheet: _Sheet, columns: Sequence[Column], step_s: float, top: int, limit: float) -> int:
    most = max(2 * limit, min(_nice_most(max((one.surprise for one in columns), default=1.0)), 50.0))
    marks = [("0", 0.0), (f"{most / 2:g}", 0.5), (f"{most:g}", 1.0)]
    sheet.panel(top, "packet gate", "surprise, deviations", marks)
    sheet.columns(
        columns,
        step_s,
        top,
        lambda one: one.surprise / most,
        lambda one: _ORANGE if one.surprise >= limit else _BLUE,
    )
    sheet.threshold(top, limit / most, f"alarm from {limit:g} (more after false ones)")
    return top + _PANEL + _GAP


_LEAST_RATIO: Final = 1e-4


def _ratios(sheet: _Sheet, columns: Sequence[Column], step_s: float, top: int, limit: float) -> int:
    marks = [(f"{ratio:g}%", _log_share(ratio / 100)) for ratio in (0.01, 0.1, 1, 10, 100)]
    sheet.panel(top, "largest mover", "share of the picture, log", marks)
    sheet.columns(columns, step_s, top, lambda one: _log_share(one.ratio), lambda _one: _GREEN)
    sheet.threshold(top, _log_share(limit), f"counts from {limit:.2%}")
    return top + _PANEL + _GAP


def _log_share(ratio: float) -> float:
    """0 for 0.01 % of the picture and less, 1 for all of it."""
    if ratio <= _LEAST_RATIO:
        return 0.0
    return math.log10(ratio / _LEAST_RATIO) / -math.log10(_LEAST_RATIO)


def _decoding(sheet: _Sheet, columns: Sequence[Column], step_s: float, top: int) -> int:
    kinds: tuple[tuple[str, Callable[[Column], int], Colour], ...] = (
        ("key frames judged", lambda one: one.keys + one.low_rate, _BLUE),
        ("all decoded: something there", lambda one: one.runs, _GREEN),
        ("all decoded: packets alarmed", lambda one: one.alarms, _ORANGE),
    )
    for name, count, colour in kinds:
        sheet.text(name, 12, top + 17, size=0.42)
        sheet.line((_LEFT, top + _ROW - 3), (WIDTH_PX - _RIGHT, top + _ROW - 3), _GRID)
        for number, column in enumerate(columns):
            if count(column):
                left, right = sheet.x(number * step_s), sheet.x((number + 1) * step_s)
                tick = left + 1 if colour is _BLUE and step_s < 1.0 else right
                sheet.bar(left, top + 4, tick, top + _ROW - 6, colour)
        top += _ROW
    return top + _GAP


def _events(sheet: _Sheet, outcome: Outcome, rows: Sequence[Row], top: int) -> None:
    if not rows:
        sheet.text("no events", 12, top + 17, size=0.42)
        return
    for row in rows:
        sheet.text(row.label, 12, top + 17, size=0.42)
        sheet.line((_LEFT, top + _ROW - 3), (WIDTH_PX - _RIGHT, top + _ROW - 3), _GRID)
        for glimpse in outcome.glimpses:
            if (glimpse.topic, glimpse.zone) == (row.topic, row.zone):
                x = sheet.x(glimpse.at_s)
                sheet.bar(x, top + 9, x + 1, top + _ROW - 10, _GREY)
        for event in outcome.events:
            if (event.topic, event.zone) == (row.topic, row.zone):
                left, right = sheet.x(event.start_s), sheet.x(_end(event))
                sheet.bar(left, top + 4, max(right, left + 3), top + _ROW - 6, _PURPLE)
                told = sheet.x(event.told_s)
                sheet.line((told, top + 2), (told, top + _ROW - 4), _INK)
        top += _ROW
    words = "bar: event, first to last seen; black line: told; grey: seen, but too short for an event"
    sheet.right_text(words, WIDTH_PX - _RIGHT, sheet.bottom + 48, size=0.42)


def clock(at_s: float) -> str:
    """``1:02:03`` or ``02:03``, of the recording."""
    minutes, seconds = divmod(int(at_s + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes:02}:{seconds:02}"


def ascii_of(words: str) -> str:
    """What OpenCV can write of a text; ``?`` for the rest."""
    return "".join(one if " " <= one <= "~" else "?" for one in words)


def _label(topic: SceneTopic, zone: str, zones: Sequence[str]) -> str:
    word = ascii_of(scene_word(topic)[1])
    return (f"{word}: {_zone_label(zone, zones)}" if zone else word)[:30]


def _zone_label(zone: str, zones: Sequence[str]) -> str:
    if ascii_of(zone) == zone and len(zone) <= 14:
        return zone
    return f"zone {zones.index(zone) + 1}" if zone in zones else ascii_of(zone)


def _end(event: Happening) -> float:
    return event.start_s if event.end_s is None else event.end_s


def _nice_step(end_s: float) -> float:
    for step_s in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400):
        if end_s / step_s <= 14:
            return float(step_s)
    return 86_400.0 * max(1, round(end_s / 86_400 / 10))


def _nice_most(value: float) -> float:
    """A round number not below the value."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(one * power for one in (1, 2, 5, 10) if one * power >= value)
