"""What is wrong with the picture itself. Law: a fault is named only when the picture shows it, with numbers.

Rules and thresholds: the county's video quality diagnosis list, V02 to V06 and V14. One fault hides those
below it: who sees nothing cannot say that it is blurred.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from agent.detect.background import Grey, Mask, correlation, quantile, shrink
from agent.model import Image, PictureFault

_COLUMNS, _ROWS = 16, 9
_MID_PX = (320, 180)
_EDGE_LEVELS = 40.0
"""Sobel response of an edge: about 10 grey levels a pixel."""
_TELLING_CONTRAST = 9.0
_FEWEST_BLOCKS = 10
_PARTS = 8
_PART = (np.arange(_ROWS)[:, None] // 5 * 4 + np.arange(_COLUMNS)[None, :] // 4).ravel()
"""To which of eight parts of the picture, four columns by two rows, a block belongs."""


@dataclass(frozen=True, slots=True)
class PictureConfig:
    """Thresholds in grey levels of 255 and shares of one."""

    dark_levels: float = 30.0
    """Mean luma below which nothing can be seen (V02)."""
    bright_levels: float = 220.0
    """Mean luma above which nothing can be seen (V03)."""
    covered_blocks_ratio: float = 0.5
    """Share of the blocks with structure that must have lost it (V06)."""
    plain_levels: float = 9.0
    """A picture whose coarse structure deviates less is uniform: a cloth, a hand, paint."""
    blurred_ratio: float = 0.3
    """Sharpness against its own median (V04)."""
    moved_correlation: float = 0.7
    """Correlation with the reference below which the camera looks elsewhere (V14). Measured: the same view
    0.95 and more, out of focus 0.8 and more, another view below 0.65."""
    frozen_ratio: float = 0.95
    """Share of pixels that must be the same (V05)."""
    frozen_frames: int = 3
    """Key frames in a row that must be the same. The confirmation time comes on top."""
    fixed_view: bool = True
    """False for a dome that turns: its view may change, so V14 is not judged."""
    learn_frames: int = 3
    """Healthy key frames that make the first reference."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """One fault, present or not, with how clearly (0 to 1) and the numbers."""

    fault: PictureFault
    present: bool
    score: float
    reason: str


@dataclass(frozen=True, slots=True)
class Look:
    """Measures of one picture, computed once. Blocks are 16 columns by 9 rows, flattened to 144.

    By blocks, so that what the camera writes into its picture, or somebody in it, decides nothing.
    """

    luma: float
    small: Grey
    """The picture, shape (90, 160)."""
    shapes: Grey
    """The smoothed picture cut into blocks, each about its own mean, shape (144, 400)."""
    edges: Grey
    """Share of edge pixels of each block."""
    contrast: Grey
    """Variance of each block, grey levels squared."""
    sharpness: Grey
    """How much of its contrast is fine: variance of the Laplacian without the noise, over variance."""
    plain: float
    """Deviation of the coarse picture, grey levels: near 0 for a uniform one."""

    @classmethod
    def at(cls, image: Image) -> Look:
        """Measure a grey picture of any size."""
        middle = cv2.resize(image, _MID_PX, interpolation=cv2.INTER_AREA)
        smooth = cv2.GaussianBlur(middle, (3, 3), 0).astype(np.float32)
        slope = cv2.magnitude(
            cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3), cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3)
        )
        fine = _by_block(cv2.Laplacian(smooth, cv2.CV_32F)).var(axis=1)
        contrast = _by_block(smooth).var(axis=1)
        noise = quantile(fine, 0.1)
        shapes = _by_block(cv2.GaussianBlur(smooth, (0, 0), 1.5))
        small = shrink(np.asarray(middle, np.uint8))
        return cls(
            luma=float(cv2.mean(image)[0]),
            small=small,
            shapes=shapes - shapes.mean(axis=1, keepdims=True),
            edges=_by_block((slope > _EDGE_LEVELS).astype(np.float32)).mean(axis=1),
            contrast=contrast,
            sharpness=np.maximum(fine - noise, 0.0) / (contrast + 4.0),
            plain=float(cv2.resize(small, (20, 11), interpolation=cv2.INTER_AREA).std()),
        )


@dataclass(slots=True)
class Reference:
    """How the view looks when it is healthy, followed slowly."""

    small: Grey
    shapes: Grey
    edges: Grey
    contrast: Grey

    @classmethod
    def of(cls, looks: list[Look]) -> Reference:
        """The median of some healthy looks."""
        return cls(
            small=np.median([look.small for look in looks], axis=0).astype(np.float32),
            shapes=np.median([look.shapes for look in looks], axis=0).astype(np.float32),
            edges=np.median([look.edges for look in looks], axis=0).astype(np.float32),
            contrast=np.median([look.contrast for look in looks], axis=0).astype(np.float32),
        )

    def follow(self, look: Look, share: float) -> None:
        """Move towards a healthy look."""
        self.small += share * (look.small - self.small)
        self.shapes += share * (look.shapes - self.shapes)
        self.edges += share * (look.edges - self.edges)
        self.contrast += share * (look.contrast - self.contrast)

    @property
    def edged(self) -> Mask:
        """Blocks with enough edges to miss them."""
        return np.asarray(self.edges > 0.04, np.bool_)

    @property
    def telling(self) -> Mask:
        """The half of the blocks with the most contrast, as far as it is more than noise."""
        least = max(quantile(self.contrast, 0.5), _TELLING_CONTRAST)
        return np.asarray(self.contrast >= least, np.bool_)


@dataclass(slots=True)
class PictureJudge:
    """Judges the key frames of one view, in order."""

    config: PictureConfig = field(default_factory=PictureConfig)
    _reference: Reference | None = None
    _learning: list[Look] = field(default_factory=list)
    _sharpness: deque[float] = field(default_factory=lambda: deque(maxlen=61))
    _before: Image | None = None
    _same_frames: int = 0

    def judge(self, image: Image) -> tuple[Opinion, ...]:
        """One opinion a fault this picture allows to judge; a fault not mentioned cannot be told."""
        look = Look.at(image)
        frozen = self._frozen(image)
        for blind in (self._dark(look), self._bright(look), self._covered(look)):
            if blind.present:
                return (blind, *_absent(blind.fault), frozen)
        moved = self._moved(look)
        blurred = self._blurred(look, judged=not moved.present)
        if not (frozen.present or moved.present or blurred.present):
            self._learn(look)
        calm = (PictureFault.DARK, PictureFault.OVER_BRIGHT, PictureFault.COVERED)
        return (*(Opinion(f, False, 0.0, "") for f in calm), moved, blurred, frozen)

    def _dark(self, look: Look) -> Opinion:
        limit = self.config.dark_levels
        present = look.luma < limit
        reason = f"mean luma {look.luma:.0f} < {limit:.0f}"
        return Opinion(
            PictureFault.DARK, present, _clear(limit - look.luma, limit), reason if present else ""
        )

    def _bright(self, look: Look) -> Opinion:
        limit = self.config.bright_levels
        present = look.luma > limit
        reason = f"mean luma {look.luma:.0f} > {limit:.0f}"
        return Opinion(
            PictureFault.OVER_BRIGHT,
            present,
            _clear(look.luma - limit, 255 - limit),
            reason if present else "",
        )

    def _covered(self, look: Look) -> Opinion:
        reference = self._reference
        edged = reference.edged if reference else None
        if reference is None or edged is None or edged.sum() < _FEWEST_BLOCKS:
            present = look.plain < self.config.plain_levels and float(look.edges.mean()) < 0.02
            reason = f"uniform: coarse deviation {look.plain:.1f} < {self.config.plain_levels:.0f} levels"
            return Opinion(PictureFault.COVERED, present, 0.9 if present else 0.0, reason if present else "")
        gone = edged & (look.edges < 0.3 * reference.edges)
        share = float(gone.sum() / edged.sum())
        if share < self.config.covered_blocks_ratio or _same_but_soft(look, reference, gone):
            return Opinion(PictureFault.COVERED, False, share, "")
        return Opinion(
            PictureFault.COVERED, True, share, f"edges gone in {share:.0%} of {int(edged.sum())} blocks"
        )

    def _moved(self, look: Look) -> Opinion:
        alike = None if self._reference is None else _alike(look, self._reference)
        if alike is None or not self.config.fixed_view:
            return Opinion(PictureFault.SCENE_CHANGED, False, 0.0, "")
        limit = self.config.moved_correlation
        present = alike < limit
        reason = f"structure correlates {alike:.2f} < {limit} with the reference all over the picture"
        return Opinion(
            PictureFault.SCENE_CHANGED, present, _clear(limit - alike, 1), reason if present else ""
        )

    def _blurred(self, look: Look, *, judged: bool) -> Opinion:
        telling = self._reference.telling if self._reference else None
        if not judged or telling is None or telling.sum() < _FEWEST_BLOCKS:
            return Opinion(PictureFault.BLURRED, False, 0.0, "")
        ratio = _sharpness(look, telling) / max(float(np.median(self._sharpness)), 1e-6)
        limit = self.config.blurred_ratio
        present = ratio < limit
        reason = f"sharpness {ratio:.0%} of its median < {limit:.0%}"
        return Opinion(PictureFault.BLURRED, present, _clear(limit - ratio, limit), reason if present else "")

    def _frozen(self, image: Image) -> Opinion:
        before, self._before = self._before, image
        same = before is not None and before.shape == image.shape and _identical(before, image)
        self._same_frames = self._same_frames + 1 if same >= self.config.frozen_ratio else 1
        present = self._same_frames >= self.config.frozen_frames
        reason = f"{self._same_frames} key frames in a row the same, {same:.1%} of pixels"
        return Opinion(PictureFault.FROZEN, present, float(same), reason if present else "")

    def _learn(self, look: Look) -> None:
        if self._reference is None:
            self._learning.append(look)
            if len(self._learning) < self.config.learn_frames:
                return
            self._reference = Reference.of(self._learning)
            telling = self._reference.telling
            self._sharpness.extend(_sharpness(earlier, telling) for earlier in self._learning)
            self._learning = []
            return
        self._sharpness.append(_sharpness(look, self._reference.telling))
        self._reference.follow(look, 0.02)


def _absent(present: PictureFault) -> tuple[Opinion, ...]:
    """A picture has one blinding fault at a time; the others of the three are then not there."""
    blinding = (PictureFault.DARK, PictureFault.OVER_BRIGHT, PictureFault.COVERED)
    return tuple(Opinion(fault, False, 0.0, "") for fault in blinding if fault is not present)


def _same_but_soft(look: Look, reference: Reference, gone: Mask) -> bool:
    """Whether the blocks that lost their edges still show what was there, out of focus or in fog."""
    blocks = gone.reshape(_ROWS, _COLUMNS).astype(np.uint8)
    where = cv2.resize(blocks, (160, 90), interpolation=cv2.INTER_NEAREST).astype(np.bool_)
    now, before = _soft(look.small, 4), _soft(reference.small, 4)
    return correlation(now[where], before[where]) > 0.75


def _alike(look: Look, reference: Reference) -> float | None:
    """The correlation with the reference, -1 to 1, that three of four parts of the picture stay below.

    A part speaks through its lower quartile. Somebody before the lens changes some parts, turning the camera
    all of them. None when too few parts have structure to tell.
    """
    ours, theirs, telling = look.shapes, reference.shapes, reference.telling
    sizes = np.sqrt((ours * ours).sum(axis=1) * (theirs * theirs).sum(axis=1))
    blocks = (ours * theirs).sum(axis=1) / (sizes + 1e-3)
    parts = [blocks[telling & (part == _PART)] for part in range(_PARTS)]
    quartiles = sorted(quantile(part, 0.25) for part in parts if part.size >= 3)
    return quartiles[math.ceil(0.75 * len(quartiles)) - 1] if len(quartiles) >= 4 else None


def _sharpness(look: Look, telling: Mask) -> float:
    """The sharpness that the sharpest quarter of the telling blocks reaches."""
    return quantile(look.sharpness[telling], 0.75) if telling.any() else 0.0


def _by_block(picture: npt.NDArray[Any]) -> Grey:
    """A picture of 320x180 cut into blocks, shape (144, 400)."""
    width, height = _MID_PX[0] // _COLUMNS, _MID_PX[1] // _ROWS
    blocks = picture.reshape(_ROWS, height, _COLUMNS, width).swapaxes(1, 2)
    return np.asarray(blocks.reshape(_ROWS * _COLUMNS, height * width), np.float32)


def _soft(picture: Grey, sigma_px: float) -> Grey:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma_px), np.float32)


def _identical(before: Image, image: Image) -> float:
    """Share of pixels that are the same to one level, 0 when any spot, such as a clock's digit, is not."""
    difference = cv2.absdiff(before, image)
    high = max(image.shape[0] // 45, 4)
    spots = cv2.resize(
        difference,
        (max(image.shape[1] // high, 1), max(image.shape[0] // high, 1)),
        interpolation=cv2.INTER_AREA,
    )
    if spots.max() > 6:
        return 0.0
    return float(np.count_nonzero(difference <= 1)) / difference.size


def _clear(beyond: float, scale: float) -> float:
    return float(np.clip(0.5 + 0.5 * beyond / scale, 0.0, 1.0))
