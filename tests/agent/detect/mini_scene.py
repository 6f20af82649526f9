"""Small scenes drawn for these tests: a place, sensor noise, things that move, faults of a lens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from agent.model import Frame, Image

WIDTH, HEIGHT = 320, 180
Float = npt.NDArray[np.float32]


def place(seed: int = 7, *, low: int = 50, high: int = 190) -> Float:
    """A wall of rectangles and lines: structure in nearly every part of the picture."""
    rng = np.random.default_rng(seed)
    canvas = np.full((HEIGHT, WIDTH), (low + high) / 2, np.float32)
    for _ in range(90):
        x, y = int(rng.integers(0, WIDTH)), int(rng.integers(0, HEIGHT))
        w, h = int(rng.integers(6, 60)), int(rng.integers(6, 40))
        cv2.rectangle(canvas, (x, y), (x + w, y + h), float(rng.integers(low, high)), -1)
    return cv2.GaussianBlur(canvas, (3, 3), 0).astype(np.float32)


@dataclass
class Camera:
    """Looks at a place; every picture has fresh noise, as a sensor's has."""

    scene: Float = field(default_factory=place)
    noise: float = 2.5
    seed: int = 1

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(self.seed)

    def look(self, scene: Float | None = None) -> Image:
        """One picture of the place, or of what it became."""
        seen = self.scene if scene is None else scene
        noisy = seen + self._rng.normal(0.0, self.noise, seen.shape)
        return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)

    def looks(self, count: int, scene: Float | None = None) -> list[Image]:
        """Some pictures in a row."""
        return [self.look(scene) for _ in range(count)]


def person(scene: Float, x: int, y: int, *, height: int = 50, level: float = 15.0) -> Float:
    """Somebody whose feet stand at (x, y)."""
    out = scene.copy()
    width = height // 3
    cv2.rectangle(out, (x - width // 2, y - height), (x + width // 2, y), level, -1)
    cv2.circle(out, (x, y - height), width // 3, level + 90, -1)
    return out


def beam(scene: Float, x: int, y: int, *, radius: int = 40, gain: float = 0.8) -> Float:
    """Headlights on the wall: a soft patch of light on what is there."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    fade = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2.0 * radius**2))
    return np.asarray(np.clip(scene * (1 + gain * fade), 0, 255), np.float32)


def cloth(share: float = 1.0, *, level: float = 60.0, scene: Float | None = None) -> Float:
    """Something over the lens, from the left."""
    out = (place() if scene is None else scene).copy()
    out[:, : int(share * WIDTH)] = level
    return out


def frames(images: Iterable[Image], *, start_s: float = 0.0, gap_s: float = 2.0) -> Iterator[Frame]:
    """Key frames at the distance cameras send them."""
    for number, image in enumerate(images):
        at_s = start_s + number * gap_s
        yield Frame(image, at_s, at_s, True)
