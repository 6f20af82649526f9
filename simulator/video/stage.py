"""A scene at one size: light on a backdrop, those who pass, wind, and the truth about where they were."""

from __future__ import annotations

import functools
import itertools
import math
from dataclasses import dataclass

import cv2
import numpy as np

from simulator.video import backdrop as places
from simulator.video import cast
from simulator.video.backdrop import HEIGHT, WIDTH, Backdrop, Perspective
from simulator.video.cast import Facing
from simulator.video.model import Sighting
from simulator.video.scenes import Hour, Pass, Scene, Script, Sweep
from simulator.video.texture import Bgr, Field, fractal, paste, saturated

TRACK_HZ = 5
_PIECES = 40  # of every straight part of a way
_TRUTH_STEP_S = 0.04
_WIND_WAVES = (
    (7, 0.9, 0.031, 0.017),
    (11, 0.6, -0.023, 0.041),
    (17, 0.45, 0.052, -0.036),
    (29, 0.3, 0.09, 0.07),
)
"""Cycles a loop, weight, phase per pixel across and down: whole cycles, so that the loop closes."""
_WIND_GRID_PX = 4


@dataclass(frozen=True, slots=True)
class _Whereabouts:
    x: float
    y: float
    walked_m: float
    facing: Facing


@functools.lru_cache(maxsize=4)
def _lit(place: str, hour: Hour) -> tuple[Backdrop, Bgr, Field]:
    """A place, its picture in the light of an hour, and how bright that light is where (mean 1 by day)."""
    backdrop = places.PLACES[place]()
    light = _light_map(backdrop, hour)
    picture = backdrop.picture.astype(np.float32)
    if hour in (Hour.DUSK, Hour.NIGHT):
        picture = _sky_at(backdrop, picture, hour) * light
        picture = _lit_windows(backdrop, picture, hour)
    else:
        picture = picture * light
    shown = saturated(_vignette(picture))
    if hour is Hour.NIGHT:
        for lamp in backdrop.lamps:
            cast.glow(shown, *lamp.head, (34, 26), (170, 205, 225))
    return backdrop, shown, np.ascontiguousarray(light.mean(axis=2) if light.ndim == 3 else light)


class Stage:
    """Renders a scene at `width` x `height`; every picture depends on the moment alone."""

    def __init__(self, scene: Scene, script: Script, *, width: int, height: int) -> None:
        self._scene, self._script = scene, script
        self._size = (width, height)
        self._scale = (width / WIDTH, height / HEIGHT)
        backdrop, picture, self._light = _lit(scene.place, scene.hour)
        self._view = places.PERSPECTIVES[scene.place]
        how = cv2.INTER_AREA if width < WIDTH else cv2.INTER_CUBIC
        self._still: Bgr = np.asarray(cv2.resize(picture, self._size, interpolation=how), np.uint8)
        self._occluder = self._sized(backdrop.occluder)
        self._sway = (
            _Sway(self._still, self._sized(backdrop.sway), scene.wind * self._scale[0])
            if scene.wind
            else None
        )

    def picture(self, at_s: float) -> Bgr:
        """The scene `at_s` seconds into its script, without sensor noise; a new array."""
        shown = self._still.copy()
        if self._sway is not None:
            self._sway.blow(shown, at_s / self._script.seconds)
        present = [
            (p, w) for p in self._script.passes if (w := _whereabouts(p, at_s, self._view)) is not None
        ]
        for one, where in sorted(present, key=lambda entry: entry[1].y):
            self._paint(shown, one, where)
        for sweep in self._script.sweeps:
            shown = self._sweep(shown, sweep, at_s)
        return shown

    def _sized(self, plane: Field | None) -> Field | None:
        if plane is None:
            return None
        return np.asarray(cv2.resize(plane, self._size, interpolation=cv2.INTER_AREA), np.float32)

    def _paint(self, shown: Bgr, one: Pass, where: _Whereabouts) -> None:
        place = self._view.place(where.x, where.y)
        sx, sy = self._scale
        placed = cast.Placed(place.x_px * sx, place.y_px * sy, place.px_per_m * sy)
        here = self._light[int(np.clip(where.y, 0, HEIGHT - 1)), int(np.clip(where.x, 0, WIDTH - 1))]
        light = float(np.clip(here, 0.05, 1.1))
        width_m = cast.extent_m(one.what, where.facing)[0]
        hour = self._scene.hour
        hidden = self._occluder is not None and self._scene.place == "room"
        if not hidden:
            strength = {Hour.DAY: 0.5, Hour.DUSK: 0.3, Hour.NIGHT: 0.35, Hour.INDOOR: 0.3}[hour]
            cast.shadow(shown, placed, width_m=width_m, strength=strength)
        shapes = cast.person if one.what == "person" else cast.car
        cast.paint(
            shown,
            shapes(one.look, where.walked_m, where.facing),
            placed,
            light=light,
            occluder=self._occluder,
        )
        if one.what == "car" and hour in (Hour.DUSK, Hour.NIGHT):
            self._headlamps(shown, where.facing, placed, 1.0 if hour is Hour.NIGHT else 0.5)

    def _headlamps(self, shown: Bgr, facing: Facing, at: cast.Placed, gain: float) -> None:
        m, heading = at.px_per_m, facing.sideways
        if heading:
            front = at.x_px + 2.1 * m * heading
            cast.glow(
                shown, front, at.y_px - 0.7 * m, (0.5 * m, 0.4 * m), (190 * gain, 225 * gain, 240 * gain)
            )
            for reach, strength in ((1.6, 70), (3.6, 42)):
                spot = strength * gain
                cast.glow(
                    shown,
                    front + reach * m * heading,
                    at.y_px,
                    (2.0 * m, 0.3 * m),
                    (spot * 0.75, spot * 0.9, spot),
                )
            cast.glow(
                shown,
                at.x_px - 2.1 * m * heading,
                at.y_px - 0.75 * m,
                (0.35 * m, 0.25 * m),
                (10, 10, 120 * gain),
            )
            return
        for side in (-0.68, 0.68):
            cast.glow(
                shown,
                at.x_px + side * m,
                at.y_px - 0.65 * m,
                (0.6 * m, 0.6 * m),
                (190 * gain, 225 * gain, 240 * gain),
            )

    def _sweep(self, shown: Bgr, sweep: Sweep, at_s: float) -> Bgr:
        since = at_s - sweep.at_s
        if not 0 <= since <= sweep.seconds:
            return shown
        edge = min(since, sweep.seconds - since)
        strength = min(1.0, edge / 0.4)
        if sweep.span is None:  # a lamp goes on, or a cloud gives way
            gain = 1 + (0.4 if self._scene.hour in (Hour.DAY, Hour.INDOOR) else 0.9) * strength
            return saturated(shown.astype(np.float32) * np.float32(gain))
        share = since / sweep.seconds
        x = (sweep.span[0] + (sweep.span[1] - sweep.span[0]) * share) * self._scale[0]
        return _beam(shown, x, 0.45 * self._size[1], self._size[0] * 0.2, strength)


class _Sway:
    """Leaves in wind: the swaying parts of a still, displaced by waves that close with the loop."""

    def __init__(self, still: Bgr, sway: Field | None, reach_px: float) -> None:
        self._parts: list[_Part] = []
        self._reach = reach_px
        if sway is None:
            return
        labels, _, boxes, _ = cv2.connectedComponentsWithStats((sway > 0.02).astype(np.uint8))
        flutter = fractal(still.shape[0], still.shape[1], 7, coarsest_px=16)
        for x, y, w, h, area in boxes[1:labels].tolist():
            if area < 60:
                continue
            pad = int(reach_px) + 2
            left, top = max(0, x - pad), max(0, y - pad)
            right, bottom = min(still.shape[1], x + w + pad), min(still.shape[0], y + h + pad)
            box = (slice(top, bottom), slice(left, right))
            ys, xs = np.mgrid[0 : bottom - top, 0 : right - left].astype(np.float32)
            coarse = (max(1, (right - left) // _WIND_GRID_PX), max(1, (bottom - top) // _WIND_GRID_PX))
            cy, cx = np.mgrid[0 : coarse[1], 0 : coarse[0]].astype(np.float32) * _WIND_GRID_PX
            still_flutter = cv2.resize(flutter[box], coarse, interpolation=cv2.INTER_AREA)
            phases = [
                cx * np.float32(across) + cy * np.float32(down) + still_flutter
                for _, _, across, down in _WIND_WAVES
            ]
            self._parts.append(
                _Part(left, top, still[box].copy(), np.ascontiguousarray(sway[box]), xs, ys, phases)
            )

    def blow(self, shown: Bgr, turn: float) -> None:
        """Draw the leaves as they are at `turn` (0..1) of the loop."""
        gust = 0.45 + 0.55 * math.sin(2 * math.pi * turn) ** 2
        reach = self._reach * gust * 0.7
        for part in self._parts:
            dx, dy = np.zeros_like(part.phases[0]), np.zeros_like(part.phases[0])
            for (cycles, strength, _, _), phase in zip(_WIND_WAVES, part.phases, strict=True):
                angle = phase + np.float32(2 * math.pi * cycles * turn)
                dx += np.float32(strength * reach) * np.sin(angle)
                dy += np.float32(strength * reach * 0.6) * np.cos(angle)
            size = (part.still.shape[1], part.still.shape[0])
            map_x = part.xs + cv2.resize(dx, size) * part.weight
            map_y = part.ys + cv2.resize(dy, size) * part.weight
            moved = cv2.remap(part.still, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            paste(shown, np.asarray(moved, np.uint8), (part.left, part.top))


@dataclass(frozen=True, slots=True)
class _Part:
    """One tree or bush of a still, and the waves that run through it."""

    left: int
    top: int
    still: Bgr
    weight: Field
    xs: Field
    ys: Field
    phases: list[Field]


def sightings(scene: Scene, action: str | None) -> tuple[Sighting, ...]:
    """What is in view when, in seconds of the loop or action."""
    script = scene.script(action)
    view = places.PERSPECTIVES[scene.place]
    seen = [s for one in script.passes if (s := _sighting(one, script, view)) is not None]
    seen += [Sighting("light", s.at_s, s.at_s + s.seconds) for s in script.sweeps]
    if scene.wind >= 3:
        seen.append(Sighting("wind", 0.0, float(script.seconds)))
    return tuple(sorted(seen, key=lambda s: (s.from_s, s.what)))


def _sighting(one: Pass, script: Script, view: Perspective) -> Sighting | None:
    steps = int(script.seconds / _TRUTH_STEP_S) + 1
    inside = [t for k in range(steps) if _box(one, t := round(k * _TRUTH_STEP_S, 3), view) is not None]
    if not inside:
        return None
    track = []
    for k in range(script.seconds * TRACK_HZ + 1):
        box = _box(one, at := k / TRACK_HZ, view)
        if box is not None:
            track.append((at, *box))
    return Sighting(one.what, inside[0], inside[-1], tuple(track))


def _box(one: Pass, at_s: float, view: Perspective) -> tuple[float, float, float, float] | None:
    where = _whereabouts(one, at_s, view)
    if where is None:
        return None
    place = view.place(where.x, where.y)
    width_m, height_m = cast.extent_m(one.what, where.facing)
    half = width_m * place.px_per_m / 2
    left, right = max(0.0, where.x - half), min(float(WIDTH), where.x + half)
    top, bottom = max(0.0, where.y - height_m * place.px_per_m), min(float(HEIGHT), where.y)
    if right - left < 1 or bottom - top < 1:
        return None
    box = (left / WIDTH, top / HEIGHT, (right - left) / WIDTH, (bottom - top) / HEIGHT)
    return (round(box[0], 4), round(box[1], 4), round(box[2], 4), round(box[3], 4))


def _whereabouts(one: Pass, at_s: float, view: Perspective) -> _Whereabouts | None:
    """Even speed over the ground: steps shrink with distance from the camera."""
    share = (at_s - one.at_s) / one.seconds
    if not 0 <= share <= 1:
        return None
    ground = _paced(one.way, view)
    walked = share * ground[-1].walked_m
    for before, after in itertools.pairwise(ground):
        if walked <= after.walked_m:
            part = (walked - before.walked_m) / (after.walked_m - before.walked_m)
            x, y = before.x + (after.x - before.x) * part, before.y + (after.y - before.y) * part
            return _Whereabouts(x, y, walked, after.facing)
    return ground[-1]


@functools.lru_cache(maxsize=256)
def _paced(way: tuple[tuple[float, float], ...], view: Perspective) -> tuple[_Whereabouts, ...]:
    """A way in small pieces, each with the metres walked so far.

    Flat ground under a level camera of focal length f pixels lies 1/slope metres below it, and a foot line y
    is f / (slope * (y - horizon)) metres away; f is 0.8 of the picture's width, a lens of 64 degrees.
    """
    points = [way[0]]
    for (x0, y0), (x1, y1) in itertools.pairwise(way):
        points += [
            (x0 + (x1 - x0) * k / _PIECES, y0 + (y1 - y0) * k / _PIECES) for k in range(1, _PIECES + 1)
        ]
    depth_m = 0.8 * WIDTH / view.slope
    paced, walked = [_Whereabouts(*points[0], 0.0, Facing.TOWARDS)], 0.0
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        near = max(4.0, (y0 + y1) / 2 - view.horizon_y)
        right_m, nearer_m = (x1 - x0) / (view.slope * near), depth_m * (y1 - y0) / (near * near)
        walked += math.hypot(right_m, nearer_m) or 1e-9
        paced.append(_Whereabouts(x1, y1, walked, _facing(right_m, nearer_m)))
    return tuple(paced)


def _facing(right_m: float, nearer_m: float) -> Facing:
    if abs(right_m) * 1.2 >= abs(nearer_m):
        return Facing.RIGHT if right_m >= 0 else Facing.LEFT
    return Facing.TOWARDS if nearer_m > 0 else Facing.AWAY


def speed_mps(one: Pass, scene: Scene) -> float:
    """How fast somebody walks or drives over the ground."""
    return _paced(one.way, places.PERSPECTIVES[scene.place])[-1].walked_m / one.seconds


def _light_map(backdrop: Backdrop, hour: Hour) -> Field:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    if hour is Hour.DAY:
        return np.ones((HEIGHT, WIDTH, 1), np.float32)
    if hour is Hour.INDOOR:
        return np.asarray((0.93 - 0.12 * np.hypot(x / WIDTH - 0.5, y / HEIGHT - 0.4))[..., None], np.float32)
    ambient = (0.50, 0.44, 0.42) if hour is Hour.DUSK else (0.135, 0.115, 0.105)
    light = np.ones((HEIGHT, WIDTH, 3), np.float32) * np.asarray(ambient, np.float32)
    gain = 0.0013 if hour is Hour.DUSK else 0.0031
    for lamp in backdrop.lamps:
        away = ((x - lamp.pool[0]) / lamp.radius[0]) ** 2 + ((y - lamp.pool[1]) / lamp.radius[1]) ** 2
        pool = np.exp(-0.75 * away)[..., None]
        light += pool * np.asarray(lamp.colour, np.float32) * np.float32(gain)
    return light


def _sky_at(backdrop: Backdrop, picture: Field, hour: Hour) -> Field:
    """The sky is a light of its own: at dusk it still glows, at night it is the darkest part."""
    if not backdrop.sky_y:
        return picture
    ramp = np.clip((backdrop.sky_y + 60 - np.arange(HEIGHT, dtype=np.float32)) / 120, 0, 1)[:, None, None]
    is_sky = np.clip((picture.min(axis=2, keepdims=True) - 130) / 40, 0, 1) * ramp
    tone = (1.15, 1.0, 1.12) if hour is Hour.DUSK else (0.62, 0.5, 0.46)
    return np.asarray(picture * (1 - is_sky) + picture * np.asarray(tone, np.float32) * is_sky, np.float32)


def _lit_windows(backdrop: Backdrop, picture: Field, hour: Hour) -> Field:
    rng = np.random.default_rng(5)
    shown = picture.copy()
    for x, y, w, h in backdrop.windows:
        if rng.random() > 0.3:
            continue
        top, left, bottom, right = max(0, y), max(0, x), max(0, y + h), max(0, x + w)
        level = float(rng.uniform(0.55, 1.0)) * (1.0 if hour is Hour.NIGHT else 0.8)
        shown[top:bottom, left:right] = (
            shown[top:bottom, left:right] * 0.4 + np.asarray((96, 158, 190), np.float32) * level
        )
    return np.asarray(cv2.GaussianBlur(shown, (0, 0), 1.0), np.float32)


def _vignette(picture: Field) -> Field:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    away = ((x - WIDTH / 2) / WIDTH) ** 2 + ((y - HEIGHT / 2) / HEIGHT) ** 2
    return np.asarray(picture * (1 - 0.28 * away)[..., None], np.float32)


def _beam(shown: Bgr, x: float, y: float, radius: float, strength: float) -> Bgr:
    """Headlights on walls and ground: what they fall on gets brighter in its own colours."""
    height, width = shown.shape[:2]
    across = (np.arange(width, dtype=np.float32) - np.float32(x)) / np.float32(radius)
    down = (np.arange(height, dtype=np.float32) - np.float32(y)) / np.float32(radius * 0.75)
    fall = np.exp(-(across**2))[None, :] * np.exp(-(down**2))[:, None]
    return saturated(
        shown * (1 + np.float32(1.5 * strength) * fall)[..., None]
        + np.float32(14 * strength) * fall[..., None]
    )
