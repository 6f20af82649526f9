"""Procedural surfaces: what plaster, asphalt, grass and leaves look like to a camera.

Law: same seed, same picture.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

Bgr = npt.NDArray[np.uint8]
"""A picture, (height, width, 3), blue first."""
Field = npt.NDArray[np.float32]
"""One number per pixel, (height, width)."""
Colour = tuple[float, float, float]
"""Blue, green, red, 0..255."""


def fractal(height: int, width: int, seed: int, *, coarsest_px: int = 128, roughness: float = 0.55) -> Field:
    """Noise at all scales from `coarsest_px` down to a pixel, mean 0, deviation about 1."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width), np.float32)
    step, weight = coarsest_px, 1.0
    while step >= 1:
        rows, columns = height // step + 2, width // step + 2
        grid = rng.standard_normal((rows, columns), np.float32)
        layer = cv2.resize(grid, (columns * step, rows * step), interpolation=cv2.INTER_CUBIC)
        total += weight * layer[:height, :width]
        step, weight = step // 2, weight * roughness
    return np.asarray(total / max(float(total.std()), 1e-6), np.float32)


def surface(
    height: int, width: int, colour: Colour, seed: int, *, contrast: float, coarsest_px: int = 64
) -> Bgr:
    """A wall or floor of `colour` with `contrast` (deviation of brightness in grey levels)."""
    noise = fractal(height, width, seed, coarsest_px=coarsest_px)[..., None] * contrast
    return saturated(np.asarray(colour, np.float32) + noise)


def saturated(picture: npt.NDArray[np.floating]) -> Bgr:
    """Clip to what a pixel can hold."""
    return np.asarray(np.clip(picture, 0, 255), np.uint8)


def gradient(height: int, width: int, top: Colour, bottom: Colour) -> npt.NDArray[np.float32]:
    """A vertical run from one colour to another."""
    ramp = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    run = np.asarray(top, np.float32) * (1 - ramp) + np.asarray(bottom, np.float32) * ramp
    return np.ascontiguousarray(np.broadcast_to(run, (height, width, 3)))


def sky(height: int, width: int, seed: int) -> Bgr:
    """Haze at the horizon and soft clouds above."""
    base = gradient(height, width, (214, 178, 140), (228, 216, 206))
    clouds = fractal(height, width, seed, coarsest_px=256)
    cover = np.clip(clouds * 0.35 + 0.1, 0, 1)[..., None]
    return saturated(base * (1 - cover) + np.asarray((240, 238, 236), np.float32) * cover)


def ground(height: int, width: int, colour: Colour, seed: int, *, contrast: float) -> Bgr:
    """A plane seen at a slant: its grain is fine and flat in the distance, coarse in front."""
    plane = surface(height * 2, width * 2, colour, seed, contrast=contrast, coarsest_px=128)
    near = [[width * 1.5, height * 2], [width * 0.5, height * 2]]
    whole = np.asarray([[0, 0], [width * 2, 0], *near], np.float32)
    seen = np.asarray([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(whole, seen)
    slanted = cv2.warpPerspective(
        plane, matrix, (width, height), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT
    )
    return np.asarray(slanted, np.uint8)


def bricks(height: int, width: int, colour: Colour, seed: int, *, brick_px: tuple[int, int] = (22, 9)) -> Bgr:
    """A wall of staggered bricks with mortar."""
    rng = np.random.default_rng(seed)
    long, tall = brick_px
    wall = surface(height, width, colour, seed + 1, contrast=7)
    tint = rng.normal(0, 9, (height // tall + 2, width // long + 3)).astype(np.float32)
    rows = np.arange(height) // tall
    columns = (np.arange(width)[None, :] + (rows[:, None] % 2) * (long // 2)) // long
    toned = wall.astype(np.float32) + tint[rows[:, None], columns][..., None]
    mortar = (np.arange(height) % tall == 0)[:, None] | (
        (np.arange(width)[None, :] + (rows[:, None] % 2) * (long // 2)) % long == 0
    )
    toned[mortar] += 22
    return saturated(toned)


def foliage(height: int, width: int, seed: int, *, tone: Colour = (52, 96, 70)) -> Bgr:
    """Leaves: clumps of light and shade with single bright and dark spots."""
    clumps = fractal(height, width, seed, coarsest_px=48, roughness=0.75)
    spots = fractal(height, width, seed + 1, coarsest_px=4, roughness=0.9)
    light = np.clip(0.75 + 0.28 * clumps + 0.22 * spots, 0.15, 1.9)[..., None]
    return saturated(np.asarray(tone, np.float32) * light)


def crown(height: int, width: int, seed: int) -> Field:
    """How much of each pixel a tree's crown covers, 0..1: a ragged disc."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    away = np.hypot((x - width / 2) / (width / 2), (y - height / 2) / (height / 2))
    ragged = away + 0.16 * fractal(height, width, seed, coarsest_px=max(8, width // 5), roughness=0.7)
    return np.asarray(np.clip((0.88 - ragged) * 9, 0, 1), np.float32)


def paste(picture: Bgr, patch: Bgr, at: tuple[int, int], cover: Field | None = None) -> None:
    """Lay `patch` on `picture` with its upper left corner at (x, y); what lies outside is cut off."""
    x, y = at
    height, width = patch.shape[:2]
    left, top = max(0, -x), max(0, -y)
    right, bottom = min(width, picture.shape[1] - x), min(height, picture.shape[0] - y)
    if right <= left or bottom <= top:
        return
    region = picture[y + top : y + bottom, x + left : x + right]
    piece = patch[top:bottom, left:right]
    if cover is None:
        region[:] = piece
        return
    share = cover[top:bottom, left:right, None]
    region[:] = saturated(region * (1 - share) + piece * share)


def polygon(picture: npt.NDArray[np.uint8], points: Sequence[tuple[float, float]], colour: Colour) -> None:
    """Fill an area with smooth edges."""
    corners = np.round(np.asarray(points, np.float64) * 16).astype(np.int32)
    cv2.fillPoly(picture, [corners], colour, cv2.LINE_AA, 4)


def textured_polygon(picture: Bgr, points: Sequence[tuple[float, float]], patch: Bgr) -> None:
    """Fill an area with `patch`, which is as large as the picture."""
    cover = np.zeros(picture.shape[:2], np.uint8)
    polygon(cover, points, (255, 255, 255))
    paste(picture, patch, (0, 0), covering(cover))


def covering(mask: npt.NDArray[np.uint8]) -> Field:
    """A mask of 0..255 as shares 0..1."""
    return np.asarray(mask / np.float32(255), np.float32)
