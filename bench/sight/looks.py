"""The pictures of a judging scene: place, light, weather, who passes, the sensor.

Law: the same seed, the same pictures.
"""

from __future__ import annotations

import functools
import math
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from bench.sight.recorder import I420
from bench.sight.script import IN_VIEW_RATIO, Light, Mover, Script
from simulator.video import cast
from simulator.video.cast import Facing, Placed
from simulator.video.scenes import Hour, Scene, Sweep
from simulator.video.scenes import Script as Loop
from simulator.video.stage import Stage
from tests.support import footage

Picture = npt.NDArray[np.uint8]
"""BGR, (height, width, 3)."""

FPS: Final = 15
WIND_PX = 9.0
"""How far leaves swing, in pixels of 1280x720."""
NOISE: Final = {
    Light.DAY: 2.0,
    Light.DUSK: 3.5,
    Light.NIGHT: 6.0,
    Light.NIGHT_NR: 6.0,
    Light.WIND: 2.0,
    Light.RAIN: 2.5,
    Light.HEADLIGHTS: 5.0,
}
"""Deviation of a pixel's brightness from picture to picture, grey levels."""
_LIT: Final = {
    Light.DUSK: 0.55,
    Light.NIGHT: 0.38,
    Light.NIGHT_NR: 0.38,
    Light.HEADLIGHTS: 0.38,
    Light.RAIN: 0.85,
}
"""How bright movers are; by day 1."""
_HOURS: Final = {
    Light.DUSK: Hour.DUSK,
    Light.NIGHT: Hour.NIGHT,
    Light.NIGHT_NR: Hour.NIGHT,
    Light.HEADLIGHTS: Hour.NIGHT,
}
_LOOP_S: Final = {Light.WIND: 12, Light.HEADLIGHTS: 20}
_BEAMS: Final = tuple(
    Sweep(at_s, lasts_s, span)
    for at_s, lasts_s, span in (
        (3.0, 3.2, (-500.0, 1800.0)),
        (9.5, 2.6, (1800.0, -500.0)),
        (15.0, 3.6, (-500.0, 1800.0)),
    )
)
_NR_LEVELS, _NR_SHARE = 22, 0.75
_LEAST_CONTRAST = 14.0
"""Grey levels by which the clothes of a mover differ at least from what they pass, where any clothes do."""
_MARGIN_PX = 128

STILLS: Final = ("one-by-one-person.mp4", "campus-walk.avi", "motorway.avi")
"""Places that are footage: the median of their pictures, which nobody is in."""


def pictures(script: Script, place: str, *, width: int, height: int) -> Iterator[I420]:
    """All pictures of a scene, FPS a second. ``place`` is one of the simulator's or one of STILLS."""
    shown = _Shown(script, place, width=width, height=height)
    for number in range(int(script.seconds * FPS)):
        yield shown.picture(number / FPS)


class _Shown:
    """One scene at one size."""

    def __init__(self, script: Script, place: str, *, width: int, height: int) -> None:
        seed = zlib.crc32(f"{script.light}-{script.seed}-{place}-{height}".encode())
        self._rng = np.random.default_rng(seed)
        self._script = script
        self._size = (width, height)
        self._place = _place(script.light, place, width=width, height=height)
        self._sensor = _Sensor(width, height, NOISE[script.light], self._rng)
        self._rain = _Rain(width, height, self._rng) if script.light is Light.RAIN else None
        self._before: npt.NDArray[np.uint8] | None = None
        self._movers = tuple(self._dressed(mover) for mover in script.movers)

    def picture(self, at_s: float) -> I420:
        """The picture at a moment; moments come in order."""
        shown = self._place(at_s)
        for mover in self._movers:
            shown = self._with(mover, shown, at_s)
        gain = self._script.change.at(at_s)
        if gain != 1.0:
            shown = np.asarray(cv2.convertScaleAbs(shown, alpha=gain), np.uint8)
        if self._rain is not None:
            self._rain.fall(shown, self._rng)
        self._clock(shown, at_s)
        planes = np.asarray(cv2.cvtColor(shown, cv2.COLOR_BGR2YUV_I420), np.uint8)
        self._sensor.expose(planes, self._size[1], self._rng)
        return self._reduced(planes) if self._script.light is Light.NIGHT_NR else planes

    def _with(self, mover: Mover, shown: Picture, at_s: float) -> Picture:
        """The picture with a mover in it; the same array where it is out of view."""
        width, height = self._size
        placed, facing, walked_m = whereabouts(mover, at_s, width=width, height=height)
        half_px = cast.extent_m(mover.what, facing)[0] * placed.px_per_m / 2
        if not -half_px < placed.x_px < width + half_px:
            return shown
        shown = shown.copy()
        lit = _LIT.get(self._script.light, 1.0)
        cast.shadow(shown, placed, width_m=2 * half_px / placed.px_per_m, strength=0.4 * lit)
        shapes = cast.person if mover.what == "person" else cast.car
        cast.paint(shown, shapes(mover.look, walked_m, facing), placed, light=lit, occluder=None)
        if mover.what == "car" and self._script.light in _HOURS:
            metre = placed.px_per_m
            front = placed.x_px + 2.1 * metre * facing.sideways
            cast.glow(shown, front, placed.y_px - 0.7 * metre, (0.5 * metre, 0.4 * metre), (150, 180, 190))
            ground = front + 0.9 * metre * facing.sideways
            cast.glow(shown, ground, placed.y_px, (0.9 * metre, 0.2 * metre), (42, 52, 56))
        return shown

    def _dressed(self, mover: Mover) -> Mover:
        """The mover in the first clothes or paint in which it can be told from what it passes."""
        middle_s = (mover.from_s + mover.to_s) / 2
        before = np.asarray(cv2.cvtColor(self._place(middle_s), cv2.COLOR_BGR2GRAY), np.int16)
        best, most = mover, -1.0
        for turn in range(6):
            tried = replace(mover, look=(mover.look + turn) % 6)
            with_it = self._with(tried, self._place(middle_s), middle_s)
            apart = np.abs(np.asarray(cv2.cvtColor(with_it, cv2.COLOR_BGR2GRAY), np.int16) - before)
            contrast = float(np.median(apart[apart > 2])) if (apart > 2).any() else 0.0
            if contrast >= _LEAST_CONTRAST:
                return tried
            if contrast > most:
                best, most = tried, contrast
        return best

    def _clock(self, shown: Picture, at_s: float) -> None:
        """Cameras burn the time in: a small change every second."""
        text = f"2025-06-18 14:{int(at_s) // 60 % 60:02}:{int(at_s) % 60:02}"
        scale, place = self._size[1] / 720, (int(0.02 * self._size[0]), int(0.07 * self._size[1]))
        for colour, thick in (((20, 20, 20), 3), ((230, 230, 230), 1)):
            cv2.putText(shown, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, thick, cv2.LINE_AA)

    def _reduced(self, planes: I420) -> I420:
        """Noise reduction over time: what differs little is averaged with the picture before."""
        before = self._before
        if before is not None:
            apart = cv2.absdiff(planes, before)
            _, still = cv2.threshold(apart, _NR_LEVELS, 255, cv2.THRESH_BINARY_INV)
            averaged = cv2.addWeighted(before, _NR_SHARE, planes, 1 - _NR_SHARE, 0)
            cv2.copyTo(averaged, still, planes)
        self._before = planes
        return planes


def whereabouts(mover: Mover, at_s: float, *, width: int, height: int) -> tuple[Placed, Facing, float]:
    """Where a mover stands, which side it shows and how many metres it went. Even speed, also out of view."""
    tall_m = cast.PERSON_M if mover.what == "person" else cast.CAR_M[1]
    px_per_m = mover.height * height / tall_m
    wide_px = cast.extent_m(mover.what, Facing.RIGHT)[0] * px_per_m
    edge_px = (0.5 - IN_VIEW_RATIO) * wide_px
    share = (at_s - mover.from_s) / (mover.to_s - mover.from_s)
    onwards = mover.rightwards
    if mover.turns:
        deep_px = mover.reach * width + edge_px
        inside_px = deep_px * (1 - abs(2 * share - 1)) - edge_px
        walked_px = 2 * deep_px * share
        onwards = onwards if share < 0.5 else not onwards
    else:
        walked_px = (width + 2 * edge_px) * share
        inside_px = walked_px - edge_px
    x_px = inside_px if mover.rightwards else width - inside_px
    placed = Placed(x_px, mover.foot * height, px_per_m)
    return placed, Facing.RIGHT if onwards else Facing.LEFT, walked_px / px_per_m


def _place(light: Light, place: str, *, width: int, height: int) -> Callable[[float], Picture]:
    """The place without anybody at a moment, a fresh array or one that must not be written to."""
    if place in STILLS:
        still = _graded(_still(place, width=width, height=height), light)
        return lambda _at_s: still.copy()
    loop_s = _LOOP_S.get(light, 12)
    beams = _BEAMS if light is Light.HEADLIGHTS else ()
    wind = WIND_PX if light is Light.WIND else 0.0
    scene = Scene("bench", place, _HOURS.get(light, Hour.DAY), "", "", Loop(loop_s, sweeps=beams), wind=wind)
    stage = Stage(scene, scene.loop, width=width, height=height)
    if light is Light.WIND:  # the loop goes forth and back unevenly, so that it never looks alike
        return lambda at_s: stage.picture(at_s + 2.5 * math.sin(at_s / 7.3) + 1.1 * math.sin(at_s / 2.9))
    if light is Light.HEADLIGHTS:
        return lambda at_s: stage.picture(at_s % loop_s)
    still = stage.picture(0.0)
    return lambda _at_s: still.copy()


@functools.lru_cache(maxsize=4)
def _still(clip: str, *, width: int, height: int) -> Picture:
    """A clip without those who move in it, cut to the wanted shape."""
    fps = {"one-by-one-person.mp4": 2.0}.get(clip, 1.0)
    seen = []
    for number, picture in enumerate(
        footage.pictures(footage.folder() / clip, width=768, height=576, fps=fps)
    ):
        if clip == STILLS[0] and number >= 12:  # nobody is in its first 6 s
            break
        seen.append(picture)
    empty = np.median(np.stack(seen[:40]), axis=0).astype(np.uint8)
    rows = 576 if clip == STILLS[0] else round(576 * 0.75)  # the others are 4:3: sky and kerb are cut off
    top = (576 - rows) // 2
    how = cv2.INTER_AREA if width < 768 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(empty[top : top + rows], (width, height), interpolation=how), np.uint8)


def _graded(still: Picture, light: Light) -> Picture:
    """A picture taken by day as it would look in another light."""
    height, width = still.shape[:2]
    if light is Light.RAIN:
        return np.asarray(cv2.convertScaleAbs(still, alpha=0.75, beta=22), np.uint8)
    if light not in _HOURS:
        return still
    if light is Light.DUSK:
        return np.asarray(np.clip(still * np.asarray((0.52, 0.46, 0.44), np.float32), 0, 255), np.uint8)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    pool = np.exp(-(((x - 0.55 * width) / (0.35 * width)) ** 2) - ((y - 0.7 * height) / (0.4 * height)) ** 2)
    lit = (0.15 + 0.4 * pool)[..., None] * np.asarray((0.85, 1.0, 1.05), np.float32)
    return np.asarray(np.clip(still * lit, 0, 255), np.uint8)


class _Sensor:
    """Noise of its own for every pixel of every picture: another part of a field drawn once."""

    def __init__(self, width: int, height: int, deviation: float, rng: np.random.Generator) -> None:
        luma = (height + _MARGIN_PX, width + _MARGIN_PX)
        self._luma = _more_and_less(rng.standard_normal(luma, np.float32) * np.float32(deviation))
        colour = (height // 2 + _MARGIN_PX, width + _MARGIN_PX)
        self._colour = _more_and_less(rng.standard_normal(colour, np.float32) * np.float32(0.4 * deviation))

    def expose(self, planes: I420, height: int, rng: np.random.Generator) -> None:
        """Add fresh noise, in place."""
        for part, (more, less) in ((planes[:height], self._luma), (planes[height:], self._colour)):
            y, x = (int(v) for v in rng.integers(_MARGIN_PX, size=2))
            piece = (slice(y, y + part.shape[0]), slice(x, x + part.shape[1]))
            cv2.subtract(cv2.add(part, more[piece]), less[piece], dst=part)


def _more_and_less(noise: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """What noise adds and what it takes away: saturating 8-bit sums are the fastest there are."""
    steps = np.rint(noise)
    return np.clip(steps, 0, 255).astype(np.uint8), np.clip(-steps, 0, 255).astype(np.uint8)


class _Rain:
    """Streaks: many thin ones, some thick ones near the lens; other ones in every picture."""

    def __init__(self, width: int, height: int, rng: np.random.Generator) -> None:
        self._layers = [self._layer(width, height, rng) for _ in range(16)]

    def fall(self, shown: Picture, rng: np.random.Generator) -> None:
        """Add streaks, in place."""
        layer = self._layers[int(rng.integers(len(self._layers)))]
        y, x = (int(v) for v in rng.integers(_MARGIN_PX, size=2))
        cv2.add(shown, layer[y : y + shown.shape[0], x : x + shown.shape[1]], dst=shown)

    @staticmethod
    def _layer(width: int, height: int, rng: np.random.Generator) -> Picture:
        layer = np.zeros((height + _MARGIN_PX, width + _MARGIN_PX, 3), np.uint8)
        scale = height / 360
        for count, length, thick, grey in ((170, 12, 1, 38), (7, 34, 2, 30)):
            for x, y in rng.random((count, 2)) * (layer.shape[1], layer.shape[0]):
                end = (int(x - 0.15 * length * scale), int(y + length * scale))
                width_px = max(1, round(thick * scale))
                cv2.line(layer, (int(x), int(y)), end, (grey, grey, grey), width_px, cv2.LINE_AA)
        return layer
