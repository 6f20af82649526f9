"""Thresholds of the picture faults, and the form of an opinion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agent.model import PictureFault


@dataclass(frozen=True, slots=True)
class PictureConfig:
    """Thresholds in grey levels of 255, shares of one, and seconds."""

    period_s: float = 10.0
    """A picture in which nothing happens is measured so often. The shortest confirmation is 60 s."""
    fresh_s: float = 12.0
    """After opinions changed, every key frame is measured for so long."""
    dark_levels: float = 30.0
    """Mean luma below which nothing can be seen (V02)."""
    bright_levels: float = 220.0
    """Mean luma above which nothing can be seen (V03)."""
    covered_blocks_ratio: float = 0.5
    """Share of the blocks with structure that must have lost it (V06)."""
    held_ratio: float = 0.6
    """Noise or stripes that were there at the last look are there above this share of the threshold."""
    at_once_ratio: float = 0.35
    """Share of these that had it two minutes ago. What creeps in is fog, or too slow for this judge."""
    plain_levels: float = 9.0
    """A picture whose coarse structure deviates less is uniform: a cloth, a hand, paint."""
    blurred_ratio: float = 0.3
    """Sharpness against its own median (V04)."""
    moved_correlation: float = 0.1
    """Likeness to the reference (see there) below which the camera looks elsewhere (V14)."""
    same_correlation: float = 0.3
    """And above which a head that turns is back at the view of its reference."""
    moved_ratio: float = 0.02
    """Shift of the whole view, as share of the picture's width, that stays (V14)."""
    shake_ratio: float = 0.004
    """Shift from one look to the next, as share of the width (V12): 2.6 pixels of 640."""
    shake_looks: int = 6
    """Looks whose shifts are compared; half of them must differ from the one before."""
    frozen_ratio: float = 0.95
    """Share of pixels that must be the same (V05)."""
    frozen_frames: int = 3
    """Key frames in a row that must be the same. The confirmation time comes on top."""
    cast_levels: float = 9.0
    """Chroma by which the whole picture differs from its own median (V07). Measured: the sun's colour from
    noon to evening stays below 6, a white balance that fails makes 12 and more."""
    cast_from_start_levels: float = 16.0
    """Chroma that nine of ten places exceed in one direction, where there is nothing to compare with."""
    noise_levels: tuple[float, float] = (6.5, 11.0)
    """Deviation of the noise (V08) in a bright and in a dim picture, where it is flattest. Measured after
    encoding: a sensor 0 to 1 by day, to 4 by night; grain of 30 levels 12."""
    noise_ratio: float = 0.015
    """And the share of all contrast that is noise: it is seen in a pale picture sooner."""
    stripe_levels: float = 2.5
    """Amplitude of a wave across rows or columns all over the picture (V09)."""
    stripe_peak: float = 3.0
    """How far it must stand out of the frequencies beside it. Measured: stripes 5 to 170; persons, walls,
    snow, a lorry's ribs, a view that moved or shakes at most 1.9."""
    contrast_levels: float = 25.0
    """Deviation of the whole picture's luma below which it is flat (V10)."""
    contrast_ratio: float = 0.55
    """Contrast of the blocks against the reference, below which it was lost."""
    fog_ratio: float = 1.3
    """Fog takes more from far than from near: above this ratio of lower to upper part it is the air.
    Measured: a fault 1.0 to 1.16; fog that took half of the contrast 1.27 to 2.1, thicker fog more."""
    grey_levels: float = 3.0
    """Chroma that all but 5 % of the places stay below in a grey picture (V11). The encoder makes 1."""
    fixed_view: bool = True
    """False for a dome that turns: its view may change, so V14 is not judged."""
    supplementary_light: bool = True
    """False where neither lamp nor infrared lights it: from dusk to dawn dark (V02) is not judged."""
    learn_frames: int = 3
    """Healthy looks that make the first reference."""
    follow_s: float = 300.0
    """Time constant with which the reference follows: evening and fog, not somebody's hand."""
    round_s: float = 600.0
    """A look is compared with the stored view so often."""
    slow_s: float = 86_400.0
    """What is there at every such comparison for so long is a slow fault."""
    faded_levels: float = 6.0
    """A camera that switches to grey had more colour than this just before; fog takes it bit by bit."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """One fault, present or not, with how clearly (0 to 1) and the numbers."""

    fault: PictureFault
    present: bool
    score: float
    reason: str


def opinion(fault: PictureFault, *, present: bool, score: float, reason: str) -> Opinion:
    """An opinion whose reason is told only when the fault is there."""
    return Opinion(fault, present, float(np.clip(score, 0.0, 1.0)), reason if present else "")


def absent(fault: PictureFault) -> Opinion:
    """The fault is not there."""
    return Opinion(fault, False, 0.0, "")


def clear(beyond: float, scale: float) -> float:
    """0.5 at the threshold, 1 when ``scale`` beyond it."""
    return float(np.clip(0.5 + 0.5 * beyond / scale, 0.0, 1.0))
