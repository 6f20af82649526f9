"""What can be wrong with a picture, in any strength: faults of lens and mount, faults of the electronics.

`strength` is 0 for what is just worth telling, 1 for what nobody could overlook; `number` counts pictures.
A blemish acts either before the sensor (then the sensor's noise lies over it) or after it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from simulator.video.texture import fractal

Plane = npt.NDArray[np.uint8]
Planes = tuple[Plane, Plane, Plane]
"""Y, U and V; the last two of half the size."""
_BLACK, _WHITE = 16, 238
_CASTS = ((26, -8), (-14, -16), (2, 24), (-24, 10))
"""Blue, green, pink (the IR-cut filter stuck open), yellow: added to U and V at mid grey."""


@dataclass(frozen=True, slots=True)
class Blemish:
    """One fault. `kind` picks among its looks (colour of a cast, direction of stripes), 0 and up."""

    apply: Callable[[Planes, float, int, int], Planes]
    before_sensor: bool
    kinds: int = 1


def _dark(planes: Planes, strength: float, _number: int, _kind: int) -> Planes:
    y, u, v = planes
    gain = _between(0.13, 0.03, strength)
    return _toned(y, gain, _BLACK * (1 - gain)), pale(u, 0.3), pale(v, 0.3)


def _over_bright(planes: Planes, strength: float, _number: int, _kind: int) -> Planes:
    y, u, v = planes
    share = _between(0.88, 0.97, strength)
    return _toned(y, 1 - share, share * _WHITE), pale(u, 0.3), pale(v, 0.3)


def _blurred(planes: Planes, strength: float, _number: int, _kind: int) -> Planes:
    sigma = planes[0].shape[0] / _between(130, 40, strength)
    soft = [
        cv2.GaussianBlur(p, (0, 0), s) for p, s in zip(planes, (sigma, sigma / 2, sigma / 2), strict=True)
    ]
    return soft[0].astype(np.uint8), soft[1].astype(np.uint8), soft[2].astype(np.uint8)


def _covered(planes: Planes, strength: float, _number: int, kind: int) -> Planes:
    """From the left: cloth or paint (kind 0), leaves so near that they are a green blur (kind 1)."""
    y, u, v = planes
    height, width = y.shape
    edge = _between(0.66, 1.15, strength) * width
    share = np.clip((edge - np.arange(width, dtype=np.float32)) / (0.06 * width) + 0.5, 0, 1)[None, :]
    folds = fractal(height, width, 3 + kind, coarsest_px=max(8, height // 2), roughness=0.25)
    level, colour = ((44.0, (127, 129)), (70.0, (112, 118)))[kind]
    cloth = np.clip(level + (2.5 + 6 * kind) * folds, 16, 235)
    half = share[:, ::2][:, : u.shape[1]]
    return (
        rounded(y * (1 - share) + cloth * share),
        rounded(u * (1 - half) + colour[0] * half),
        rounded(v * (1 - half) + colour[1] * half),
    )


def _moved(planes: Planes, strength: float, _number: int, kind: int) -> Planes:
    """Knocked aside (kind 0) or turned and sunk (kind 1)."""
    degrees, zoom = (0.0, 1.12) if kind == 0 else (_between(3, 9, strength), 1.35)
    by = _between(0.035, 0.2, strength)
    return warped(planes, by if kind == 0 else by * 0.7, -0.02 - 0.05 * kind, degrees, zoom)


def _shaking(planes: Planes, strength: float, number: int, _kind: int) -> Planes:
    reach = _between(0.008, 0.03, strength)
    rng = np.random.default_rng(number * 7 + 1)
    x, y = rng.uniform(-reach, reach, 2)
    return warped(planes, float(x), float(y) * 0.7, 0.0, 1.0)


def _colour_cast(planes: Planes, strength: float, _number: int, kind: int) -> Planes:
    y, u, v = planes
    light = cv2.resize(y, (u.shape[1], u.shape[0]), interpolation=cv2.INTER_AREA).astype(np.float32) / 128
    gain = _between(0.75, 1.6, strength)
    du, dv = _CASTS[kind]
    return y, rounded(u + du * gain * light), rounded(v + dv * gain * light)


def _noisy(planes: Planes, strength: float, number: int, kind: int) -> Planes:
    """Grain in every pixel (kind 0), snow of white and black points (kind 1)."""
    y, u, v = planes
    rng = np.random.default_rng(number * 13 + 5)
    if kind == 0:
        grain = rng.standard_normal(y.shape, np.float32) * np.float32(_between(30, 55, strength))
        return rounded(y + grain), u, v
    points = rng.random(y.shape, np.float32)
    share = _between(0.18, 0.35, strength)
    out = np.where(points < share / 2, _BLACK, np.where(points > 1 - share / 2, _WHITE, y))
    return out.astype(np.uint8), u, v


def _striped(planes: Planes, strength: float, number: int, kind: int) -> Planes:
    """Bars that roll downwards (kind 0), finer ones that stand (kind 1), upright ones (kind 2)."""
    y, u, v = planes
    height, width = y.shape
    level = _between(8, 30, strength)
    rows, columns = np.arange(height, dtype=np.float32), np.arange(width, dtype=np.float32)
    if kind == 2:
        wave = np.sin(2 * np.pi * 41 * columns / width)[None, :]
    else:
        waves, phase = ((11, 1.3 * number), (32, 0.4))[kind]
        wave = np.sin(2 * np.pi * waves * rows / height + phase)[:, None]
    return rounded(y + level * wave), u, v


def _low_contrast(planes: Planes, strength: float, _number: int, _kind: int) -> Planes:
    y, u, v = planes
    gain = _between(0.32, 0.12, strength)
    return _toned(y, gain, 128 - gain * float(y.mean())), pale(u, 0.5), pale(v, 0.5)


def _grey(planes: Planes, _strength: float, _number: int, _kind: int) -> Planes:
    y, u, v = planes
    return y, np.full_like(u, 128), np.full_like(v, 128)


BLEMISHES: dict[str, Blemish] = {
    "dark": Blemish(_dark, before_sensor=True),
    "over_bright": Blemish(_over_bright, before_sensor=True),
    "blurred": Blemish(_blurred, before_sensor=True),
    "covered": Blemish(_covered, before_sensor=True, kinds=2),
    "moved": Blemish(_moved, before_sensor=True, kinds=2),
    "shaking": Blemish(_shaking, before_sensor=True),
    "colour_cast": Blemish(_colour_cast, before_sensor=True, kinds=len(_CASTS)),
    "noisy": Blemish(_noisy, before_sensor=False, kinds=2),
    "striped": Blemish(_striped, before_sensor=False, kinds=3),
    "low_contrast": Blemish(_low_contrast, before_sensor=True),
    "grey": Blemish(_grey, before_sensor=False),
}
"""A frozen picture is none of them: it is one picture again and again."""


def _between(mild: float, strong: float, strength: float) -> float:
    return mild + (strong - mild) * strength


def rounded(plane: npt.NDArray[np.floating]) -> Plane:
    return np.asarray(np.clip(np.rint(plane), 0, 255), np.uint8)


def _toned(plane: Plane, gain: float, offset: float) -> Plane:
    table = np.clip(np.arange(256) * gain + offset, _BLACK, 240).astype(np.uint8)
    return np.asarray(cv2.LUT(plane, table), np.uint8)


def pale(plane: Plane, gain: float) -> Plane:
    table = np.clip((np.arange(256) - 128) * gain + 128, 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(plane, table), np.uint8)


def _soft(plane: Plane, sigma: float) -> Plane:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma), np.uint8)


def warped(planes: Planes, right: float, down: float, degrees: float, zoom: float) -> Planes:
    """Shifts are shares of the width."""
    y, u, v = (_warp(plane, right, down, degrees, zoom) for plane in planes)
    return y, u, v


def _warp(plane: Plane, right: float, down: float, degrees: float, zoom: float) -> Plane:
    height, width = plane.shape
    matrix = _matrix(height, width, degrees, zoom).copy()
    matrix[:, 2] += (right * width, down * width)
    warped = cv2.warpAffine(
        plane, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    return np.asarray(warped, np.uint8)


@functools.lru_cache(maxsize=16)
def _matrix(height: int, width: int, degrees: float, zoom: float) -> npt.NDArray[np.float64]:
    return np.asarray(cv2.getRotationMatrix2D((width / 2, height / 2), degrees, zoom), np.float64)
