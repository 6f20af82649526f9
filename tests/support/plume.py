"""Smoke, fog and shadows drawn over a picture, and the lookouts they are drawn over."""

from __future__ import annotations

import functools
from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from agent.model import Image
from simulator.video.scenes import SCENES, Script
from simulator.video.stage import Stage

WIDTH, HEIGHT = 640, 360
Float = npt.NDArray[np.float32]


@functools.lru_cache(maxsize=4)
def view(place: str) -> Float:
    """A rendered place as a grey picture, shape (360, 640)."""
    stage = Stage(SCENES[place], Script(20), width=WIDTH, height=HEIGHT)
    return np.asarray(cv2.cvtColor(stage.picture(0.0), cv2.COLOR_BGR2GRAY), np.float32)


def exposed(picture: Float, rng: np.random.Generator, noise: float = 2.0) -> Image:
    """With the noise of a sensor."""
    y, x = (int(v) for v in rng.integers(0, 96, 2))
    noisy = picture + noise * _grain()[y : y + HEIGHT, x : x + WIDTH]
    return np.asarray(np.clip(np.rint(noisy), 0, 255), np.uint8)


@functools.lru_cache(maxsize=1)
def _grain() -> Float:
    return np.random.default_rng(8).standard_normal((HEIGHT + 96, WIDTH + 96), np.float32)


@functools.lru_cache(maxsize=8)
def _puffs(seed: int) -> Float:
    rng = np.random.default_rng(seed)
    field = np.zeros((HEIGHT * 3, WIDTH), np.float32)
    for grain in (48, 24, 12):
        small = rng.normal(0, 1, (HEIGHT * 3 // grain + 2, WIDTH // grain + 2)).astype(np.float32)
        field += cv2.resize(small, (WIDTH, HEIGHT * 3), interpolation=cv2.INTER_CUBIC) * (grain / 48)
    return np.asarray(field / field.std(), np.float32)


def smoke(
    picture: Float,
    since_s: float,
    *,
    foot: tuple[float, float],
    seed: int = 1,
    rise_per_s: float = 0.006,
    drift: float = 0.3,
    density: float = 0.6,
    level: float = 190.0,
) -> Float:
    """A plume ``since_s`` after it began at ``foot``: it rises, widens, drifts with the wind, and puffs."""
    if since_s <= 0:
        return picture
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    height = HEIGHT * min(0.03 + rise_per_s * since_s, 0.7)
    above = foot[1] * HEIGHT - rows
    middle = foot[0] * WIDTH + drift * np.maximum(above, 0)
    half = 4.0 + 0.22 * np.maximum(above, 0)
    across = np.exp(-(((columns - middle) / half) ** 2))
    along = np.clip(above / 6.0, 0, 1) * np.clip((height - above) / (0.35 * height + 1), 0, 1)
    shift = int(since_s * 6) % (2 * HEIGHT)
    puffs = np.clip(1.0 + 0.35 * _puffs(seed)[shift : shift + HEIGHT], 0.3, 1.6)
    alpha = np.clip(density * across * along * puffs, 0.0, 0.95)
    return np.asarray(picture * (1 - alpha) + level * alpha, np.float32)


def fog(picture: Float, share: float, *, level: float = 175.0) -> Float:
    """Fog over all, thicker in the distance."""
    depth = np.linspace(1.25, 0.75, HEIGHT, dtype=np.float32)[:, None]
    alpha = np.clip(share * depth, 0, 0.95)
    return np.asarray(picture * (1 - alpha) + level * alpha, np.float32)


def shadow(picture: Float, x: float, *, y: float = 0.7, gain: float = 0.65, wide: float = 0.18) -> Float:
    """The shadow of a cloud (gain below 1), or a patch of sun or headlights (above)."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    away = ((columns / WIDTH - x) / wide) ** 2 + ((rows / HEIGHT - y) / (wide * 0.8)) ** 2
    return np.asarray(np.clip(picture * (1 + (gain - 1) * np.exp(-(away**2))), 0, 255), np.float32)


Weather = Callable[[Float, float], Float]
"""A picture and seconds into the scene, to the picture in that weather."""
