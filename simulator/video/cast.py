"""Who moves: persons and cars as shapes in metres, painted into a picture at any size and light.

A shape's coordinates are metres to the right of and above the point where its owner touches the ground.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np

from simulator.video.texture import Bgr, Colour, Field, saturated

PERSON_M = 1.72
CAR_M = (4.4, 1.48)  # length and height of a saloon
CAR_FRONT_M = 1.78
_STRIDE_M = 1.4  # two steps
_OVERSAMPLING = 3

Points = list[tuple[float, float]]


class Facing(StrEnum):
    """Which side of a mover the camera sees."""

    LEFT = "left"
    RIGHT = "right"
    TOWARDS = "towards"
    AWAY = "away"

    @property
    def sideways(self) -> int:
        """-1 to the left, 1 to the right, 0 along the line of sight."""
        return {"left": -1, "right": 1}.get(self.value, 0)


@dataclass(frozen=True, slots=True)
class Shape:
    """One filled area of a mover."""

    points: Points
    colour: Colour


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a mover stands in a picture: foot point in pixels and how many pixels a metre has there."""

    x_px: float
    y_px: float
    px_per_m: float


_CLOTHES: tuple[tuple[Colour, Colour, Colour], ...] = (  # jacket, trousers, hair
    ((58, 52, 50), (88, 74, 62), (28, 26, 28)),
    ((70, 62, 148), (52, 50, 54), (32, 30, 34)),
    ((150, 104, 62), (62, 58, 60), (24, 24, 26)),
    ((196, 198, 202), (94, 72, 56), (40, 36, 36)),
    ((72, 112, 78), (46, 46, 50), (28, 28, 30)),
    ((40, 150, 196), (80, 66, 58), (26, 26, 28)),
)
_SKIN: Colour = (132, 164, 204)
_PAINT: tuple[Colour, ...] = (
    (210, 212, 214),
    (46, 44, 44),
    (60, 52, 156),
    (140, 134, 128),
    (132, 86, 48),
    (96, 108, 112),
)


def person(look: int, walked_m: float, facing: Facing) -> list[Shape]:
    """A walking person."""
    heading = facing.sideways
    face = _CLOTHES[look % len(_CLOTHES)][2] if facing is Facing.AWAY else _SKIN
    jacket, trousers, hair = _CLOTHES[look % len(_CLOTHES)]
    swing = math.sin(2 * math.pi * walked_m / _STRIDE_M)
    reach = 0.30 if heading else 0.03
    lift = 0.03 * abs(swing)
    way = heading or 1
    shade = _scaled(trousers, 0.72)
    hip, shoulder = 0.88 + lift, 1.42 + lift
    far_foot, near_foot = -swing * reach * way, swing * reach * way
    spread = 0.0 if heading else 0.09
    half = 0.15 if heading else 0.22
    return [
        _limb((-spread, hip), (-spread + far_foot * 0.45 + 0.06 * way * bool(heading), 0.46), 0.085, shade),
        _limb(
            (-spread + far_foot * 0.45 + 0.06 * way * bool(heading), 0.46),
            (-spread + far_foot, 0.05),
            0.07,
            shade,
        ),
        _limb(
            (-half * 0.9, shoulder - 0.04),
            (-half * 0.9 + near_foot * 0.8, 0.86 + lift),
            0.055,
            _scaled(jacket, 0.7),
        ),
        _limb((spread, hip), (spread + near_foot * 0.45 + 0.06 * way * bool(heading), 0.46), 0.09, trousers),
        _limb(
            (spread + near_foot * 0.45 + 0.06 * way * bool(heading), 0.46),
            (spread + near_foot, 0.05),
            0.075,
            trousers,
        ),
        _limb((spread + near_foot, 0.04), (spread + near_foot + 0.14 * way, 0.03), 0.045, (36, 34, 34)),
        _limb((-spread + far_foot, 0.04), (-spread + far_foot + 0.14 * way, 0.03), 0.045, (30, 28, 28)),
        Shape(
            [
                (-half, shoulder - 0.06),
                (-half * 0.5, shoulder + 0.03),
                (half * 0.5, shoulder + 0.03),
                (half, shoulder - 0.06),
                (half * 0.88, hip - 0.04),
                (-half * 0.88, hip - 0.04),
            ],
            jacket,
        ),
        Shape(
            [
                (-half, shoulder - 0.08),
                (-half * 0.35, shoulder),
                (-half * 0.3, hip),
                (-half * 0.88, hip - 0.03),
            ],
            _scaled(jacket, 0.8),
        ),
        _limb(
            (half * 0.85, shoulder - 0.05),
            (half * 0.85 - near_foot * 0.8, 0.88 + lift),
            0.06,
            _scaled(jacket, 1.1),
        ),
        _disc(half * 0.85 - near_foot * 0.85, 0.83 + lift, 0.05, 0.055, _SKIN),
        _limb((0, shoulder), (0.01 * way, shoulder + 0.09), 0.05, _scaled(_SKIN, 0.8)),
        _disc(0.015 * way, shoulder + 0.185, 0.088, 0.112, face),
        _disc(-0.012 * way, shoulder + 0.225, 0.092, 0.085, hair),
    ]


def car(look: int, driven_m: float, facing: Facing) -> list[Shape]:
    """A saloon from the side or the front."""
    heading = facing.sideways
    paint = _PAINT[look % len(_PAINT)]
    if heading == 0:
        return _car_front(paint)
    dark, glass, light = _scaled(paint, 0.62), (74, 62, 54), _scaled(paint, 1.18)
    h = heading

    def across(points: Points) -> Points:
        return [(x * h, y) for x, y in points]

    body = [
        (-2.18, 0.34), (-2.2, 0.72), (-2.08, 0.92), (-1.55, 0.98), (-0.95, 1.40), (0.42, 1.44), (1.12, 1.0),
        (1.9, 0.88), (2.16, 0.70), (2.18, 0.36), (1.9, 0.24), (-1.9, 0.24),
    ]  # fmt: skip
    shapes = [
        Shape(across(body), paint),
        Shape(
            across([(-2.18, 0.36), (-2.2, 0.58), (2.17, 0.58), (2.18, 0.36), (1.9, 0.24), (-1.9, 0.24)]), dark
        ),
        Shape(across([(-1.5, 0.98), (1.1, 1.0), (1.85, 0.9), (1.1, 0.93), (-1.5, 0.93)]), light),
        Shape(across([(-1.36, 1.0), (-0.88, 1.34), (-0.28, 1.37), (-0.28, 1.0)]), glass),
        Shape(across([(-0.2, 1.0), (-0.2, 1.37), (0.38, 1.37), (0.94, 1.0)]), glass),
        Shape(across([(-0.1, 1.04), (0.1, 1.34), (0.3, 1.34), (0.1, 1.04)]), (128, 116, 106)),
        Shape(across([(1.92, 0.68), (2.15, 0.66), (2.12, 0.78), (1.9, 0.82)]), (226, 232, 236)),
        Shape(across([(-2.19, 0.70), (-2.05, 0.70), (-2.03, 0.86), (-2.12, 0.88)]), (40, 36, 190)),
    ]
    turn = driven_m / 0.31
    for x in (-1.32, 1.36):
        shapes.append(_disc(x * h, 0.31, 0.33, 0.33, (26, 26, 28)))
        shapes.append(_disc(x * h, 0.31, 0.19, 0.19, (142, 140, 138)))
        for spoke in range(3):
            angle = turn + spoke * math.pi / 3
            dx, dy = 0.17 * math.cos(angle), 0.17 * math.sin(angle)
            shapes.append(_limb((x * h - dx, 0.31 - dy), (x * h + dx, 0.31 + dy), 0.022, (74, 72, 72)))
    return shapes


def extent_m(what: str, facing: Facing) -> tuple[float, float]:
    """Width and height of a mover's box."""
    if what == "person":
        return (0.74 if facing.sideways else 0.6), PERSON_M + 0.02
    return (CAR_M[0] if facing.sideways else CAR_FRONT_M), CAR_M[1]


def paint(picture: Bgr, shapes: list[Shape], place: Placed, *, light: float, occluder: Field | None) -> None:
    """Draw a mover with smooth edges.

    `light` scales its colours; it is hidden where `occluder` (0..1) is 1.
    """
    corners = np.concatenate([np.asarray(shape.points, np.float32) for shape in shapes])
    at = np.asarray((place.x_px, place.y_px), np.float32)
    scale = np.asarray((place.px_per_m, -place.px_per_m), np.float32)
    low = np.floor(np.minimum.reduce(corners * scale) + at).astype(int) - 1
    high = np.ceil(np.maximum.reduce(corners * scale) + at).astype(int) + 2
    left, top = max(0, low[0]), max(0, low[1])
    right, bottom = min(picture.shape[1], high[0]), min(picture.shape[0], high[1])
    if right <= left or bottom <= top:
        return
    n = _OVERSAMPLING
    colours = np.zeros(((bottom - top) * n, (right - left) * n, 3), np.uint8)
    cover = np.zeros(colours.shape[:2], np.uint8)
    for shape in shapes:
        points = (
            (np.asarray(shape.points, np.float32) * scale + at - np.asarray((left, top), np.float32)) * n * 16
        ).astype(np.int32)
        cv2.fillPoly(colours, [points], _scaled(shape.colour, light), cv2.LINE_8, 4)
        cv2.fillPoly(cover, [points], 255, cv2.LINE_8, 4)
    size = (right - left, bottom - top)
    premultiplied = cv2.resize(colours, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    share = cv2.resize(cover, size, interpolation=cv2.INTER_AREA).astype(np.float32)[..., None] / 255
    if occluder is not None:
        open_ = 1 - occluder[top:bottom, left:right, None]
        share, premultiplied = share * open_, premultiplied * open_
    region = picture[top:bottom, left:right]
    region[:] = saturated(region * (1 - share) + premultiplied)


def shadow(picture: Bgr, place: Placed, *, width_m: float, strength: float) -> None:
    """Darken the ground beneath a mover."""
    half_x, half_y = width_m * place.px_per_m * 0.62, max(1.5, 0.13 * place.px_per_m)
    _blend(
        picture,
        place.x_px + 0.06 * width_m * place.px_per_m,
        place.y_px,
        (half_x, half_y),
        -strength,
        (0, 0, 0),
    )


def glow(picture: Bgr, x_px: float, y_px: float, radius_px: tuple[float, float], colour: Colour) -> None:
    """Add light that falls off around a point."""
    _blend(picture, x_px, y_px, radius_px, 0.0, colour)


def _blend(
    picture: Bgr, x_px: float, y_px: float, radius_px: tuple[float, float], gain: float, added: Colour
) -> None:
    reach_x, reach_y = radius_px[0] * 1.8, radius_px[1] * 1.8
    left, top = max(0, int(x_px - reach_x)), max(0, int(y_px - reach_y))
    right = min(picture.shape[1], int(x_px + reach_x) + 1)
    bottom = min(picture.shape[0], int(y_px + reach_y) + 1)
    if right <= left or bottom <= top:
        return
    x = (np.arange(left, right, dtype=np.float32) - np.float32(x_px)) / np.float32(radius_px[0])
    y = (np.arange(top, bottom, dtype=np.float32) - np.float32(y_px)) / np.float32(radius_px[1])
    away = x[None, :] ** 2 + y[:, None] ** 2
    fall = np.maximum(np.exp(-1.6 * away) - np.float32(0.0056), 0)[..., None]  # 0 at the edge
    region = picture[top:bottom, left:right]
    region[:] = saturated(region * (1 + gain * fall) + np.asarray(added, np.float32) * fall)


def _car_front(paint_: Colour) -> list[Shape]:
    dark = _scaled(paint_, 0.6)
    return [
        Shape([(-0.88, 0.0), (-0.62, 0.0), (-0.62, 0.4), (-0.88, 0.4)], (24, 24, 26)),
        Shape([(0.62, 0.0), (0.88, 0.0), (0.88, 0.4), (0.62, 0.4)], (24, 24, 26)),
        Shape(
            [
                (-0.89, 0.22), (-0.89, 0.74), (-0.8, 0.95), (-0.58, 1.42),
                (0.58, 1.42), (0.8, 0.95), (0.89, 0.74), (0.89, 0.22),
            ],
            paint_,
        ),
        Shape([(-0.72, 0.98), (-0.54, 1.36), (0.54, 1.36), (0.72, 0.98)], (82, 70, 60)),
        Shape([(-0.3, 1.0), (-0.16, 1.34), (0.1, 1.34), (0.0, 1.0)], (134, 122, 112)),
        Shape([(-0.89, 0.22), (-0.89, 0.42), (0.89, 0.42), (0.89, 0.22)], dark),
        Shape([(-0.42, 0.46), (-0.42, 0.62), (0.42, 0.62), (0.42, 0.46)], (40, 38, 38)),
        Shape([(-0.85, 0.58), (-0.84, 0.74), (-0.52, 0.7), (-0.5, 0.6)], (228, 232, 236)),
        Shape([(0.85, 0.58), (0.84, 0.74), (0.52, 0.7), (0.5, 0.6)], (228, 232, 236)),
        Shape([(-0.24, 0.28), (-0.24, 0.38), (0.24, 0.38), (0.24, 0.28)], (150, 104, 60)),
    ]  # fmt: skip


def _scaled(colour: Colour, gain: float) -> Colour:
    return (min(255.0, colour[0] * gain), min(255.0, colour[1] * gain), min(255.0, colour[2] * gain))


def _limb(start: tuple[float, float], end: tuple[float, float], half_m: float, colour: Colour) -> Shape:
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = math.hypot(dx, dy) or 1.0
    nx, ny = -dy / length * half_m, dx / length * half_m
    ex, ey = dx / length * half_m * 0.6, dy / length * half_m * 0.6
    return Shape(
        [
            (start[0] + nx, start[1] + ny),
            (start[0] - ex, start[1] - ey),
            (start[0] - nx, start[1] - ny),
            (end[0] - nx * 0.8, end[1] - ny * 0.8),
            (end[0] + ex, end[1] + ey),
            (end[0] + nx * 0.8, end[1] + ny * 0.8),
        ],
        colour,
    )


def _disc(x: float, y: float, rx: float, ry: float, colour: Colour) -> Shape:
    turn = np.linspace(0, 2 * np.pi, 18, endpoint=False)
    return Shape([(x + rx * float(np.cos(a)), y + ry * float(np.sin(a))) for a in turn], colour)
