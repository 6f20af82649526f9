"""What the colours say: one lies over everything (V07), none are there by day (V11)."""

from __future__ import annotations

import numpy as np

from agent.detect.background import Grey, quantile
from agent.detect.vqd.look import COLUMNS, ROWS, Look
from agent.detect.vqd.reference import Reference
from agent.detect.vqd.rules import Opinion, PictureConfig, clear, opinion
from agent.model import PictureFault

_LIT = (45.0, 235.0)
"""Where there is no light there is no colour, and at white it is cut off."""
_FEWEST_LIT = 20
_SHARED_RATIO = 0.8
"""Share of the lit blocks that a cast must have shifted its way: something large and red does not."""


def is_grey(look: Look, config: PictureConfig) -> bool | None:
    """Whether the camera sends no colour (IR mode); None when it cannot be told."""
    return None if look.chroma is None else look.colourful < config.grey_levels


def grey_by_day(
    look: Look, config: PictureConfig, *, switched: bool, daylight: bool | None
) -> Opinion | None:
    """No colour while the sun is up, and not by fading away. None when sun or colour are not known."""
    grey = is_grey(look, config)
    if grey is None or daylight is None:
        return None
    return opinion(
        PictureFault.GREY,
        present=grey and switched and daylight,
        score=clear(config.grey_levels - look.colourful, config.grey_levels),
        reason=f"chroma {look.colourful:.1f} < {config.grey_levels:.0f} levels by day",
    )


def colour_cast(
    look: Look, reference: Reference | None, config: PictureConfig, *, daylight: bool | None
) -> Opinion | None:
    """All colours shifted one way. None when colour is not known, or by night: then the lamps colour all."""
    if look.chroma is None or daylight is False:
        return None
    lit = _lit(look)
    grey = is_grey(look, config)
    if grey or np.count_nonzero(lit) < _FEWEST_LIT:
        return opinion(PictureFault.COLOUR_CAST, present=False, score=0.0, reason="")
    usual = reference.chroma if reference is not None else None
    if usual is not None:
        level = _common(look.chroma[lit] - usual[lit])
        limit, than = config.cast_levels, "than usual"
        if level > limit:
            return _cast(level, limit, than)
    level = _least(look.chroma[lit])
    return _cast(level, config.cast_from_start_levels, "than grey")


def _cast(level: float, limit: float, than: str) -> Opinion:
    return opinion(
        PictureFault.COLOUR_CAST,
        present=level > limit,
        score=clear(level - limit, limit),
        reason=f"everything {level:.0f} > {limit:.0f} levels of colour further {than}",
    )


def _lit(look: Look) -> np.ndarray:
    """Blocks in which colour can be told."""
    small = look.small.reshape(ROWS, 90 // ROWS, COLUMNS, 160 // COLUMNS).mean(axis=(1, 3)).ravel()
    return np.asarray((small > _LIT[0]) & (small < _LIT[1]), np.bool_)


def _common(shifts: Grey) -> float:
    """The length of the shift that nearly all blocks share; 0 when they do not."""
    middle = np.median(shifts, axis=0)
    length = float(np.hypot(*middle))
    if length < 1e-3:
        return 0.0
    along = shifts @ (middle / length)
    return length if float((along > 0.4 * length).mean()) >= _SHARED_RATIO else 0.0


def _least(chroma: Grey) -> float:
    """What nine of ten blocks exceed in the direction of their mean."""
    mean = chroma.mean(axis=0)
    length = float(np.hypot(*mean))
    return quantile(np.asarray(chroma @ (mean / length), np.float32), 0.1) if length > 1e-3 else 0.0
