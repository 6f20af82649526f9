"""What the air and the light do to a healthy picture. None of it is a fault of the camera.

Each works on planes before the sensor, as blemishes do; `share` runs from 0 to 1 while the weather comes.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from simulator.video.blemish import Plane, Planes, pale, rounded

_AIR = (70.0, 186.0)
"""Luma of fog by night and in daylight."""


def fog(planes: Planes, share: float, _number: int) -> Planes:
    """Contrast falls with distance: the upper part of a picture is far, its foot is near."""
    return _fogged(planes, share, near=0.75, far=0.06)


def dense_fog(planes: Planes, share: float, _number: int) -> Planes:
    """Forty metres of sight: of the far half nothing is left."""
    return _fogged(planes, share, near=0.45, far=0.01)


def rain(planes: Planes, share: float, number: int) -> Planes:
    """Streaks, and a little less contrast."""
    y, u, v = _fogged(planes, share, near=0.92, far=0.6)
    return _specks(y, int(260 * share), number, length=14, width=1, level=55), u, v


def snowfall(planes: Planes, share: float, number: int) -> Planes:
    """Flakes, near ones large and soft."""
    y, u, v = _fogged(planes, share, near=0.85, far=0.35)
    y = _specks(y, int(500 * share), number, length=2, width=2, level=80)
    return _specks(y, int(40 * share), number + 1, length=7, width=6, level=70), u, v


def low_sun(planes: Planes, share: float, _number: int) -> Planes:
    """The sun near the edge of the picture: veil, ghosts, warm light."""
    y, u, v = planes
    height, width = y.shape
    x0, y0 = (0.72 - 0.1 * share) * width, 0.12 * height
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    away = np.hypot(columns - np.float32(x0), rows - np.float32(y0)) / np.float32(width)
    veil = np.float32(share) * (150 * np.exp(-((away / 0.16) ** 2)) + 62 * np.exp(-away / 0.5))
    for reach in (0.35, 0.55):
        x, down = width * 0.5 - (x0 - width * 0.5) * reach, height * (0.5 + reach * 0.6)
        ghost = np.hypot(columns - np.float32(x), rows - np.float32(down))
        veil += np.float32(16 * share) * (ghost < 0.05 * width)
    small = cv2.resize(veil, (u.shape[1], u.shape[0]), interpolation=cv2.INTER_AREA)
    lit = rounded(np.minimum(y.astype(np.float32) * (1 - 0.1 * share) + veil, 240))
    return lit, rounded(u - 0.06 * small - 2.5 * share), rounded(v + 0.05 * small + 2 * share)


def headlights(planes: Planes, share: float, number: int) -> Planes:
    """A car that comes towards the camera: two glaring lamps and their halo, at another place each time."""
    y, u, v = planes
    height, width = y.shape
    rng = np.random.default_rng(number)
    x, down = rng.uniform(0.3, 0.7) * width, rng.uniform(0.45, 0.7) * height
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    light = np.zeros((height, width), np.float32)
    for side in (-0.03, 0.03):
        away = np.hypot(columns - np.float32(x + side * width), rows - np.float32(down)) / np.float32(width)
        light += 220 * np.exp(-((away / 0.02) ** 2)) + 60 * np.exp(-away / 0.12)
    return rounded(np.minimum(y + light * np.float32(share), 240)), u, v


def infrared(planes: Planes, share: float, _number: int) -> Planes:
    """Night by the camera's own lamp: grey, bright in the middle and near, dark far away."""
    y, u, v = planes
    height, width = y.shape
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    lamp = np.exp(-(((columns / width - 0.5) / 0.45) ** 2) - ((rows / height - 0.62) / 0.5) ** 2)
    gain = np.float32(0.32) + np.float32(0.75) * lamp
    lit = 16 + (y.astype(np.float32) - 16) * (1 - share + share * gain)
    return rounded(lit), pale(u, 1 - share), pale(v, 1 - share)


def lorry(planes: Planes, share: float, _number: int) -> Planes:
    """A lorry stops before the lens: its side with a few ribs hides `share` of the picture from the right."""
    y, u, v = planes
    height, width = y.shape
    side = np.full((height, width), 142.0, np.float32)
    side[:, :: max(width // 9, 1)] = 120
    side[: height // 7] = 96
    side[-height // 6 :] = 58
    cover = (np.arange(width) > (1 - 0.72 * share) * width).astype(np.float32)[None, :]
    half = cover[:, ::2][:, : u.shape[1]]
    return (
        rounded(y * (1 - cover) + side * cover),
        rounded(u * (1 - half) + 136 * half),
        rounded(v * (1 - half) + 122 * half),
    )


WEATHERS: dict[str, Callable[[Planes, float, int], Planes]] = {
    "fog": fog,
    "dense_fog": dense_fog,
    "rain": rain,
    "snowfall": snowfall,
    "low_sun": low_sun,
    "headlights": headlights,
    "infrared": infrared,
    "lorry": lorry,
}


def _fogged(planes: Planes, share: float, *, near: float, far: float) -> Planes:
    y, u, v = planes
    height = y.shape[0]
    depth = np.clip((0.95 - np.arange(height, dtype=np.float32) / height) / 0.75, 0, 1)[:, None]
    kept = np.power(np.power(near, 1 - depth) * np.power(far, depth), share)
    half = kept[::2][: u.shape[0]]
    air = _AIR[1] if y.mean() > 75 else _AIR[0]
    return (
        rounded(y * kept + air * (1 - kept)),
        rounded((u - 128.0) * half + 128),
        rounded((v - 128.0) * half + 128),
    )


def _specks(y: Plane, count: int, number: int, *, length: int, width: int, level: int) -> Plane:
    """Light points or streaks at random places; sizes are for a picture of 360 lines."""
    rng = np.random.default_rng(number * 31 + 3)
    scale = y.shape[0] / 360
    level = round(level * min(max(float(y.mean()) / 110, 0.35), 1.0))  # it is seen by the light there is
    layer = np.zeros_like(y)
    xs, ys = rng.integers(0, y.shape[1], count), rng.integers(0, y.shape[0], count)
    for x, top in zip(xs.tolist(), ys.tolist(), strict=True):
        end = (int(x + length * scale * 0.15), int(top + length * scale))
        cv2.line(layer, (x, top), end, level, max(1, round(width * scale)), cv2.LINE_AA)
    soft = cv2.GaussianBlur(layer, (0, 0), 0.7 * scale)
    return np.asarray(cv2.add(y, soft), np.uint8)
