"""Too dark (V02), over-bright (V03), too little contrast (V10)."""

from __future__ import annotations

import numpy as np

from agent.detect.background import Grey, quantile
from agent.detect.vqd.look import COLUMNS, ROWS, Look
from agent.detect.vqd.reference import FEWEST_BLOCKS, Reference
from agent.detect.vqd.rules import Opinion, PictureConfig, absent, clear, opinion
from agent.model import PictureFault

_MID_LUMA = (60.0, 220.0)
"""By night little contrast is little light, and near white it is too much of it."""
_PALE_RATIO = 0.25
"""Deviation over mean: a dusk is dim, a haze is pale."""
_NEAR_SHARE = 0.25
"""Somebody who stands near has contrast in a hazy picture too, but not in three of four blocks."""
_FROM_START = 0.56
"""Without a reference the picture must be flatter by this much to be called so."""
_ROW = np.repeat(np.arange(ROWS), COLUMNS)


def dark(look: Look, config: PictureConfig) -> Opinion:
    """Mean luma below the limit."""
    limit = config.dark_levels
    return opinion(
        PictureFault.DARK,
        present=look.luma < limit,
        score=clear(limit - look.luma, limit),
        reason=f"mean luma {look.luma:.0f} < {limit:.0f}",
    )


def over_bright(look: Look, config: PictureConfig) -> Opinion:
    """Mean luma above the limit."""
    limit = config.bright_levels
    return opinion(
        PictureFault.OVER_BRIGHT,
        present=look.luma > limit,
        score=clear(look.luma - limit, 255 - limit),
        reason=f"mean luma {look.luma:.0f} > {limit:.0f}",
    )


def low_contrast(
    look: Look, reference: Reference | None, before: Look | None, config: PictureConfig
) -> Opinion:
    """A flat picture that was not so before, flat all over: fog spares what is near, and comes slowly, so
    that of two minutes ago never as much is lost as a fault takes.

    ``before`` is a healthy look some minutes ago.
    """
    fault = PictureFault.LOW_CONTRAST
    limit = config.contrast_levels
    flat = look.spread < limit and look.spread < _PALE_RATIO * look.luma
    if not flat or not _MID_LUMA[0] < look.luma < _MID_LUMA[1]:
        return absent(fault)
    telling = reference.telling if reference is not None else None
    if reference is None or telling is None or telling.sum() < FEWEST_BLOCKS:
        present = look.spread < _FROM_START * limit and _near_over_far(np.sqrt(look.contrast)) < 2.0
        reason = f"deviation {look.spread:.0f} < {_FROM_START * limit:.0f} levels from the start"
        return opinion(fault, present=present, score=0.6, reason=reason)
    gains = np.sqrt((look.contrast + 1.0) / (reference.contrast + 1.0))
    gain = quantile(gains[telling], 0.5)
    fog = _kept_near(gains[telling], _ROW[telling]) >= config.fog_ratio
    crept = before is not None and look.spread > config.contrast_ratio * before.spread
    return opinion(
        fault,
        present=gain < config.contrast_ratio and not fog and not crept,
        score=clear(config.contrast_ratio - gain, config.contrast_ratio),
        reason=f"deviation {look.spread:.0f} < {limit:.0f} levels, {gain:.0%} of its contrast, near and far",
    )


def _kept_near(gains: Grey, rows: np.ndarray) -> float:
    """What the lowest third of these blocks kept of its contrast, over what the highest did: wherever in the
    picture there is something to see."""
    kept = gains[np.argsort(rows, kind="stable")]
    third = max(kept.size // 3, 1)
    return float(np.quantile(kept[-third:], _NEAR_SHARE) / max(float(np.median(kept[:third])), 1e-3))


def _near_over_far(measure: np.ndarray) -> float:
    """The lower three rows of blocks over the upper three; 1 when one of them has none."""
    near, far = measure[_ROW >= 6], measure[_ROW < 3]
    near, far = near[np.isfinite(near)], far[np.isfinite(far)]
    if near.size < 3 or far.size < 3:
        return 1.0
    return float(np.quantile(near, _NEAR_SHARE) / max(float(np.median(far)), 1e-3))
