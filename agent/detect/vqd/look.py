"""Measures of one picture. Law: computed once, by blocks, so that a clock or a passer-by decides nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from agent.detect.background import Grey, correlation, quantile, shrink
from agent.model import Image

COLUMNS, ROWS = 16, 9
MID_PX: Final = (320, 180)
WAVE_PX: Final = (640, 360)
"""Length of the profiles along rows and columns."""
STRIPS: Final = 8
TILE_PX: Final = 32
_TILES: Final = (6, 3)
_EDGE_LEVELS: Final = 40.0
"""Sobel response of an edge: about 10 grey levels a pixel."""
_SHIFT_PX: Final = (160, 90)
_MARGIN_PX: Final = 13
"""The farthest shift, and the rim that is not compared: there the camera writes its clock."""
INNER: Final = (slice(_MARGIN_PX, 90 - _MARGIN_PX), slice(_MARGIN_PX, 160 - _MARGIN_PX))
_LIKE: Final = 0.3
_WINDOW: Final = cv2.createHanningWindow(_SHIFT_PX, cv2.CV_32F)


@dataclass(frozen=True, slots=True)
class Look:
    """Blocks are 16 columns by 9 rows, flattened to 144."""

    luma: float
    small: Grey
    """The picture, shape (90, 160)."""
    fine: Grey
    """The inner part of it without what light does, shape (64, 134)."""
    edges: Grey
    """Share of edge pixels of each block."""
    contrast: Grey
    """Variance of each block, grey levels squared."""
    sharpness: Grey
    """How much of its contrast is fine: variance of the Laplacian without the noise, over variance."""
    plain: float
    """Deviation of the coarse picture, grey levels: near 0 for a uniform one."""
    spread: float
    """Deviation of the whole picture, grey levels."""
    tiles: npt.NDArray[np.int16]
    """Pieces of the picture at its own resolution, side by side, shape (32, 32 x tiles)."""
    down: Grey
    """Means along rows in eight strips beside each other, shape (8, 360): what bars across change."""
    across: Grey
    """Means along columns in eight strips below each other, shape (8, 640)."""
    chroma: Grey | None
    """U and V of each block about grey, shape (144, 2); None when colour was not asked for."""
    colourful: float
    """Chroma that 95 % of the places stay below; 0 when colour was not asked for."""

    @classmethod
    def at(cls, image: Image, chroma: Image | None = None) -> Look:
        """Measure a grey picture of any size; ``chroma`` as in ``Frame``."""
        middle = cv2.resize(image, MID_PX, interpolation=cv2.INTER_AREA)
        smooth = cv2.GaussianBlur(middle, (3, 3), 0).astype(np.float32)
        slope = cv2.magnitude(
            cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3), cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3)
        )
        fine = by_block(cv2.Laplacian(smooth, cv2.CV_32F)).var(axis=1)
        contrast = by_block(smooth).var(axis=1)
        noise = quantile(fine, 0.1)
        small = shrink(np.asarray(middle, np.uint8))
        colours = None if chroma is None else _colours(chroma)
        return cls(
            luma=float(cv2.mean(image)[0]),
            small=small,
            fine=fine_structure(small)[INNER],
            edges=by_block((slope > _EDGE_LEVELS).astype(np.float32)).mean(axis=1),
            contrast=contrast,
            sharpness=np.maximum(fine - noise, 0.0) / (contrast + 4.0),
            plain=float(cv2.resize(small, (20, 11), interpolation=cv2.INTER_AREA).std()),
            spread=float(small.std()),
            tiles=_tiles(image),
            down=_strips(image, (STRIPS, WAVE_PX[1])).T.copy(),
            across=_strips(image, (WAVE_PX[0], STRIPS)),
            chroma=colours,
            colourful=0.0 if chroma is None else _colourful(chroma),
        )


def shift(look: Look, reference: Grey) -> tuple[float, float] | None:
    """How far the view lies from ``reference`` (a small picture), right and down, in shares of the width.

    A phase correlation is fooled by light and rain: what it says counts only when the pictures then agree
    more. None when they never do.
    """
    # with sizes that need no padding, OpenCV multiplies the window into what it is given: copies
    (x_px, y_px), _ = cv2.phaseCorrelate(reference.copy(), look.small.copy(), _WINDOW)
    theirs = fine_structure(reference)
    still = correlation(look.fine, theirs[INNER])
    moved = 0.0
    if max(abs(x_px), abs(y_px)) < _MARGIN_PX:
        matrix = np.array([[1, 0, x_px], [0, 1, y_px]], np.float64)
        moved = correlation(
            look.fine, np.asarray(cv2.warpAffine(theirs, matrix, _SHIFT_PX)[INNER], np.float32)
        )
    if max(still, moved) < _LIKE:
        return None
    width = _SHIFT_PX[0]
    return (float(x_px) / width, float(y_px) / width) if moved > still else (0.0, 0.0)


def fine_structure(small: Grey) -> Grey:
    """A small picture without what light does."""
    return small - cv2.blur(small, (9, 9))


def by_block(picture: npt.NDArray[Any]) -> Grey:
    """A picture of 320x180 cut into blocks, shape (144, 400)."""
    width, height = MID_PX[0] // COLUMNS, MID_PX[1] // ROWS
    blocks = picture.reshape(ROWS, height, COLUMNS, width).swapaxes(1, 2)
    return np.asarray(blocks.reshape(ROWS * COLUMNS, height * width), np.float32)


def _tiles(image: Image) -> npt.NDArray[np.int16]:
    """Evenly spread pieces at full resolution: scaling would average the noise away."""
    height, width = image.shape
    rows = np.linspace(0.08 * height, 0.92 * height - TILE_PX, _TILES[1]).astype(int)
    columns = np.linspace(0.06 * width, 0.94 * width - TILE_PX, _TILES[0]).astype(int)
    if rows[0] < 0 or columns[0] < 0 or rows[-1] <= rows[0]:
        return np.zeros((TILE_PX, 0), np.int16)
    pieces = [image[y : y + TILE_PX, x : x + TILE_PX] for y in rows for x in columns]
    return np.hstack(pieces).astype(np.int16)


def _strips(image: Image, size: tuple[int, int]) -> Grey:
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32)


def _colours(chroma: Image) -> Grey:
    """Means of blocks, shape (144, 2)."""
    blocks = cv2.resize(chroma, (COLUMNS, ROWS), interpolation=cv2.INTER_AREA).astype(np.float32)
    return blocks.reshape(ROWS * COLUMNS, 2) - 128.0


def _colourful(chroma: Image) -> float:
    """The 95th percentile of the distance from grey."""
    away = chroma.reshape(-1, 2).astype(np.float32) - 128.0
    return quantile(np.hypot(away[:, 0], away[:, 1]), 0.95)
