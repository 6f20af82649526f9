"""What the electronics put into a picture: standing still (V05), noise (V08), stripes (V09)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from agent.detect.background import Grey, quantile
from agent.detect.vqd.look import TILE_PX, Look
from agent.detect.vqd.reference import Reference
from agent.detect.vqd.rules import Opinion, PictureConfig, absent, clear, opinion
from agent.model import Image, PictureFault

_KERNEL: Final = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
"""Blind to all but the finest (J. Immerkær, Fast Noise Variance Estimation, 1996); its gain on noise is 6."""
_OF_MEDIAN: Final = 1.4826
"""Deviation over median absolute value of a normal distribution. Rain and snowflakes, few pixels each, do not
move a median; noise is in every pixel."""
_DIM_TO_BRIGHT: Final = (40.0, 80.0)
"""Mean luma between which little light explains less and less noise."""
_FIRST_WAVE: Final = 7
"""Waves fewer over the picture than this are light and shadow, and somebody who stands there."""
_BESIDE: Final = 9
"""A wave is a line in the spectrum; what has edges, a person or a wall, is a slope."""
_SPOT_LEVELS: Final = 6.0
_CLOCKLESS_RATIO: Final = 0.9995
"""Without a clock that was seen to tick, a quiet picture after noise reduction resembles a frozen one: hardly
a pixel may differ."""
_TICKS: Final = 6
"""Looks in which a place at the rim changed every time: the camera writes the seconds there."""


@dataclass(slots=True)
class Stillness:
    """Compares key frames with the one before (V05)."""

    config: PictureConfig
    _before: Image | None = None
    _same_frames: int = 1
    _same: float = 0.0
    _ticking: npt.NDArray[np.int16] | None = None
    """How often in a row each spot changed."""
    _clocked: bool = field(default=False)

    @property
    def clocked(self) -> bool:
        """Whether the camera was seen to write the time into its picture."""
        return self._clocked

    @property
    def suspected(self) -> bool:
        """The last pictures were the same, be it not often enough."""
        return self._same_frames > 1

    def see(self, image: Image, *, learn: bool = True) -> Opinion:
        """One key frame; with ``learn`` it also tells where the camera writes its clock."""
        before, self._before = self._before, image
        self._same = 0.0
        if before is not None and before.shape == image.shape and _nearly(before, image):
            self._same = self._compare(before, image)
        elif learn and not self._clocked and before is not None and before.shape == image.shape:
            self._tick(_spots(_difference(before, image)) > _SPOT_LEVELS)
        limit = self.config.frozen_ratio if self._clocked else max(_CLOCKLESS_RATIO, self.config.frozen_ratio)
        self._same_frames = self._same_frames + 1 if self._same >= limit else 1
        said = ", its clock stands" if self._clocked else ""
        return opinion(
            PictureFault.FROZEN,
            present=self._same_frames >= self.config.frozen_frames,
            score=self._same,
            reason=f"{self._same_frames} key frames in a row the same, {self._same:.1%} of pixels{said}",
        )

    def _compare(self, before: Image, image: Image) -> float:
        """Share of pixels the same to one level; 0 when any spot, such as a clock's digit, is not."""
        difference = _difference(before, image)
        changed = _spots(difference) > _SPOT_LEVELS
        if changed.any():
            self._tick(changed)
            return 0.0
        return float(np.count_nonzero(difference <= 1)) / difference.size

    def _tick(self, changed: npt.NDArray[np.bool_]) -> None:
        if self._ticking is None or self._ticking.shape != changed.shape:
            self._ticking = np.zeros(changed.shape, np.int16)
            self._clocked = False
        self._ticking = np.where(changed, np.minimum(self._ticking + 1, 1000), 0).astype(np.int16)
        self._clocked = self._clocked or _rim_ticks(self._ticking)


def noisy(look: Look, before: Look | None, config: PictureConfig) -> Opinion:
    """Noise where the picture is flattest, told from texture by its being another one each time."""
    if before is None or not look.tiles.size or look.tiles.shape != before.tiles.shape:
        return absent(PictureFault.NOISY)
    level = noise_levels(look.tiles, before.tiles)
    share = level**2 / max(look.spread**2 + level**2, 1.0)
    limit = float(np.interp(look.luma, _DIM_TO_BRIGHT, config.noise_levels[::-1]))
    return opinion(
        PictureFault.NOISY,
        present=level > limit and share > config.noise_ratio,
        score=clear(level - limit, 2 * limit),
        reason=f"noise of {level:.1f} > {limit:.1f} levels, {share:.0%} of the contrast",
    )


def noise_levels(tiles: npt.NDArray[np.int16], before: npt.NDArray[np.int16]) -> float:
    """Deviation of the noise in grey levels."""
    still = _fine(tiles.astype(np.float32))
    moving = _fine((tiles - before).astype(np.float32)) / np.sqrt(np.float32(2))
    return quantile(np.minimum(still, moving), 0.25)


def striped(look: Look, reference: Reference | None, config: PictureConfig) -> Opinion:
    """A wave across the rows or the columns, in every strip of the picture, that the reference has not."""
    if reference is None:
        return absent(PictureFault.STRIPED)
    down = _wave(look.down, reference.down, config.stripe_levels)
    across = _wave(look.across, reference.across, config.stripe_levels)
    (peak, level, count), way = max((down, "rows"), (across, "columns"))
    return opinion(
        PictureFault.STRIPED,
        present=peak > config.stripe_peak,
        score=clear(level - config.stripe_levels, 4 * config.stripe_levels),
        reason=f"{count} waves of {level:.1f} > {config.stripe_levels} levels across the {way}",
    )


def _wave(profiles: Grey, usual: Grey, least: float) -> tuple[float, float, int]:
    """The wave of ``least`` levels or more that stands out most: how far, how high, how many."""
    spectrum = _spectrum(_without_light(profiles, usual))
    found = (0.0, 0.0, 0)
    for count in np.flatnonzero(spectrum > least).tolist():
        if _FIRST_WAVE <= count < spectrum.size - 1:
            around = range(count - _BESIDE, count + _BESIDE + 1)
            beside = max(float(spectrum[n]) for n in around if _near(n, count, spectrum))
            level = float(spectrum[count])
            found = max(found, (level / max(beside, 0.2), level, count))
    return found


def _near(number: int, count: int, spectrum: Grey) -> bool:
    """A line of the spectrum beside another, but not so near that the window smears one into the other."""
    return abs(number - count) > 2 and 1 < number < spectrum.size


def _spectrum(profiles: Grey) -> Grey:
    """Amplitude of each number of waves, as far as all strips but one have it."""
    window = np.hanning(profiles.shape[1]).astype(np.float32)
    spectrum = np.abs(np.fft.rfft(profiles * window, axis=1)) * (4.0 / profiles.shape[1])
    return np.asarray(np.partition(spectrum, 1, axis=0)[1], np.float32)


def _without_light(profiles: Grey, usual: Grey) -> Grey:
    """What remains when each strip's gain and offset against the usual are taken out."""
    ours = profiles - profiles.mean(axis=1, keepdims=True)
    theirs = usual - usual.mean(axis=1, keepdims=True)
    gain = (ours * theirs).sum(axis=1) / ((theirs * theirs).sum(axis=1) + 1.0)
    return np.asarray(ours - np.clip(gain, 0.0, 3.0)[:, None] * theirs, np.float32)


def _fine(tiles: Grey) -> Grey:
    """The deviation of the finest structure of each tile."""
    response = np.abs(cv2.filter2D(tiles, cv2.CV_32F, _KERNEL))[1:-1]
    by_tile = response.reshape(TILE_PX - 2, -1, TILE_PX)[:, :, 1:-1].swapaxes(0, 1)
    medians = np.median(by_tile.reshape(by_tile.shape[0], -1), axis=1)
    return np.asarray(medians * (_OF_MEDIAN / 6.0), np.float32)


def _nearly(before: Image, image: Image) -> bool:
    """Whether a sample of the pixels hardly differs: spares the whole comparison in a living picture."""
    step = max(image.shape[0] // 45, 1)
    sample = _difference(before[::step, ::step], image[::step, ::step])
    return bool(np.count_nonzero(sample > 1) < 0.1 * sample.size)


def _difference(before: Image, image: Image) -> Image:
    return np.asarray(cv2.absdiff(before, image), np.uint8)


def _spots(difference: Image) -> Image:
    """Mean difference of squares as high as a letter."""
    high = max(difference.shape[0] // 45, 4)
    size = (max(difference.shape[1] // high, 1), max(difference.shape[0] // high, 1))
    return np.asarray(cv2.resize(difference, size, interpolation=cv2.INTER_AREA), np.uint8)


def _rim_ticks(ticking: npt.NDArray[np.int16]) -> bool:
    """Whether some spot in the upper or lower sixth changed at every look, and few others did."""
    rows = max(ticking.shape[0] // 6, 1)
    always = ticking >= _TICKS
    rim = int(np.count_nonzero(always[:rows])) + int(np.count_nonzero(always[-rows:]))
    return rim > 0 and int(np.count_nonzero(always)) < 0.1 * always.size
