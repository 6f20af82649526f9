"""What is before or in the lens: covered (V06), out of focus (V04)."""

from __future__ import annotations

import cv2
import numpy as np

from agent.detect.background import Grey, Mask, correlation
from agent.detect.vqd.look import COLUMNS, INNER, ROWS, Look, fine_structure
from agent.detect.vqd.reference import FEWEST_BLOCKS, Reference, contrast_in, sharpness
from agent.detect.vqd.rules import Opinion, PictureConfig, absent, clear, opinion
from agent.model import PictureFault

_GONE = 0.3
"""Share of its edge pixels that a block must have kept."""
_FOG_RATIO = 0.5
_THROUGH = 0.3
"""Likeness of the fine structure. Measured: cloth and leaves at most 0.12; fog by day 0.5 and more, by night
0.15 and more where nothing is left to see, otherwise 0.45; out of focus 0.4 and more."""
_FAR = np.repeat(np.arange(ROWS) < 3, COLUMNS)
_NEAR = np.repeat(np.arange(ROWS) >= 6, COLUMNS)


def covered(look: Look, reference: Reference | None, before: Look | None, config: PictureConfig) -> Opinion:
    """Half of the edges are gone, and what is there now is not what was there; or nothing is there at all.

    ``before`` is a healthy look some minutes ago.
    """
    fault = PictureFault.COVERED
    edged = reference.edged if reference else None
    if reference is None or edged is None or edged.sum() < FEWEST_BLOCKS:
        crept = before is not None and look.plain > config.contrast_ratio * before.plain
        return opinion(
            fault,
            present=look.plain < config.plain_levels and float(look.edges.mean()) < 0.02 and not crept,
            score=0.9,
            reason=f"uniform: coarse deviation {look.plain:.1f} < {config.plain_levels:.0f} levels",
        )
    gone = edged & (look.edges < _GONE * reference.edges)
    share = float(gone.sum() / edged.sum())
    if share < config.covered_blocks_ratio or _seen_through(look, reference, gone):
        return Opinion(fault, False, share, "")
    lately = edged & (before.edges >= _GONE * reference.edges) if before is not None else edged
    if float((gone & lately).sum() / gone.sum()) < config.at_once_ratio:
        return Opinion(fault, False, share, "")  # it crept in: fog
    return Opinion(fault, True, share, f"edges gone in {share:.0%} of {int(edged.sum())} blocks")


def hazy(look: Look, reference: Reference) -> bool:
    """Whether lost edges may be the air's doing: what is near has its edges.

    For a picture of which nothing was seen before: then nobody knows whether it crept in.
    """
    gone = reference.edged & (look.edges < _GONE * reference.edges)
    far, near = (reference.edged & rows for rows in (_FAR, _NEAR))
    if min(far.sum(), near.sum()) < 3:
        return False
    return bool(gone[near].mean() < _FOG_RATIO * gone[far].mean())


def blurred(look: Look, reference: Reference | None, before: Look | None, config: PictureConfig) -> Opinion:
    """Sharpness far below the view's own.

    ``before`` is a healthy look some minutes ago. A lens out of focus leaves light and shadow in the large;
    where most of these went within the hour, and sharpness with them little by little, it is the air.
    """
    fault = PictureFault.BLURRED
    telling = reference.telling if reference else None
    if reference is None or telling is None or telling.sum() < FEWEST_BLOCKS:
        return absent(fault)
    sharp = sharpness(look, telling)
    ratio = sharp / max(reference.usual_sharpness, 1e-6)
    limit = config.blurred_ratio
    crept = before is not None and sharp > config.contrast_ratio * sharpness(before, telling)
    left = contrast_in(look.contrast, telling) / max(reference.best_contrast, 1.0)
    if crept and left < config.contrast_ratio**2:
        return absent(fault)
    return opinion(
        fault,
        present=ratio < limit,
        score=clear(limit - ratio, limit),
        reason=f"sharpness {ratio:.0%} of its median < {limit:.0%}",
    )


def _seen_through(look: Look, reference: Reference, gone: Mask) -> bool:
    """Whether the blocks that lost their edges still show what was there: through fog, or out of focus."""
    where = _picture_of(gone)
    usual = fine_structure(reference.small)[INNER]
    if correlation(look.fine[where[INNER]], usual[where[INNER]]) > _THROUGH:
        return True
    now, before = _soft(look.small, 4), _soft(reference.small, 4)
    return correlation(now[where], before[where]) > 0.75


def _picture_of(blocks: Mask) -> Mask:
    """The blocks as a mask of a small picture, shape (90, 160)."""
    grid = blocks.reshape(ROWS, COLUMNS).astype(np.uint8)
    return cv2.resize(grid, (160, 90), interpolation=cv2.INTER_NEAREST).astype(np.bool_)


def _soft(picture: Grey, sigma_px: float) -> Grey:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma_px), np.float32)
