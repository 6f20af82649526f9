"""How a view looks when it is healthy, followed slowly. Law: learned from looks without any fault, only."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from agent.detect.background import Grey, Mask, correlation, quantile
from agent.detect.vqd.look import INNER, Look, fine_structure

TELLING_CONTRAST = 9.0
FEWEST_BLOCKS = 10
_LEAST_STRUCTURE = 1.5
"""Deviation of the fine structure, grey levels, below which a view cannot be told from another."""
_SHARPNESS_SPACING_S = 60.0
"""So that 61 values are an hour: what becomes dull within an hour is still told."""
_BEGUN_VALUES = 30
_BEST = 0.9


@dataclass(slots=True)
class Reference:
    """The measures of ``Look``, and the sharpness of the last hour."""

    small: Grey
    edges: Grey
    contrast: Grey
    down: Grey
    across: Grey
    spread: float
    chroma: Grey | None
    at_s: float
    _sharpness: deque[float] = field(default_factory=lambda: deque(maxlen=61))
    _contrasts: deque[float] = field(default_factory=lambda: deque(maxlen=61))
    _sharpness_at_s: float = -math.inf

    @classmethod
    def of(cls, looks: list[Look], *, at_s: float = 0.0) -> Reference:
        """The median of some healthy looks."""
        coloured = [look.chroma for look in looks if look.chroma is not None]
        made = cls(
            small=_median([look.small for look in looks]),
            edges=_median([look.edges for look in looks]),
            contrast=_median([look.contrast for look in looks]),
            down=_median([look.down for look in looks]),
            across=_median([look.across for look in looks]),
            spread=float(np.median([look.spread for look in looks])),
            chroma=_median(coloured) if coloured else None,
            at_s=at_s,
        )
        made._sharpness.extend(sharpness(look, made.telling) for look in looks)
        made._contrasts.extend(contrast_in(look.contrast, made.telling) for look in looks)
        return made

    @classmethod
    def stored(
        cls,
        *,
        small: Grey,
        edges: Grey,
        contrast: Grey,
        down: Grey,
        across: Grey,
        spread: float,
        chroma: Grey | None,
        usual_sharpness: float,
    ) -> Reference:
        """One that was learned before, from its measures."""
        made = cls(small, edges, contrast, down, across, spread, chroma, 0.0)
        made._sharpness.append(usual_sharpness)
        made._contrasts.append(contrast_in(made.contrast, made.telling))
        return made

    def begun(self, at_s: float) -> Reference:
        """A copy to follow the picture from now on. What it was sharp by counts for half an hour."""
        chroma = None if self.chroma is None else self.chroma.copy()
        made = Reference(
            self.small.copy(),
            self.edges.copy(),
            self.contrast.copy(),
            self.down.copy(),
            self.across.copy(),
            self.spread,
            chroma,
            at_s,
        )
        made._sharpness.extend([self.usual_sharpness] * _BEGUN_VALUES)
        made._contrasts.extend([self.best_contrast] * _BEGUN_VALUES)
        return made

    def follow(self, look: Look, *, at_s: float, follow_s: float) -> None:
        """Move towards a healthy look."""
        share = 1.0 - math.exp(-max(0.0, min(at_s - self.at_s, 60.0)) / follow_s)
        self.at_s = at_s
        self.small += share * (look.small - self.small)
        self.edges += share * (look.edges - self.edges)
        self.contrast += share * (look.contrast - self.contrast)
        self.down += share * (look.down - self.down)
        self.across += share * (look.across - self.across)
        self.spread += share * (look.spread - self.spread)
        if look.chroma is not None:
            if self.chroma is None:
                self.chroma = look.chroma.copy()
            self.chroma += share * (look.chroma - self.chroma)
        if at_s - self._sharpness_at_s >= _SHARPNESS_SPACING_S:
            self._sharpness_at_s = at_s
            self._sharpness.append(sharpness(look, self.telling))
            self._contrasts.append(contrast_in(look.contrast, self.telling))

    @property
    def edged(self) -> Mask:
        """Blocks with enough edges to miss them."""
        return np.asarray(self.edges > 0.04, np.bool_)

    @property
    def telling(self) -> Mask:
        """The half of the blocks with the most contrast, as far as it is more than noise."""
        least = max(quantile(self.contrast, 0.5), TELLING_CONTRAST)
        return np.asarray(self.contrast >= least, np.bool_)

    @property
    def usual_sharpness(self) -> float:
        """The median of the last hour."""
        return float(np.median(self._sharpness))

    @property
    def best_contrast(self) -> float:
        """The contrast of the telling blocks when they had most, in the same hour; grey levels squared."""
        return float(np.quantile(self._contrasts, _BEST))


def sharpness(look: Look, telling: Mask) -> float:
    """The sharpness that the sharpest quarter of the telling blocks reaches."""
    return quantile(look.sharpness[telling], 0.75) if telling.any() else 0.0


def contrast_in(of_blocks: Grey, telling: Mask) -> float:
    """The contrast that half of the telling blocks reach."""
    return quantile(of_blocks[telling], 0.5) if telling.any() else 0.0


def likeness(look: Look, reference: Reference) -> float | None:
    """How much the fine structure is the reference's, -1 to 1; None when that has too little.

    Measured: the same view 0.4 to 1, also in rain, snow, fog and from dusk to night; 0.1 to 0.4 in fog of
    forty metres by night, or when a lorry hides three quarters; another view at most 0.05.
    """
    usual = fine_structure(reference.small)[INNER]
    return correlation(look.fine, usual) if float(usual.std()) >= _LEAST_STRUCTURE else None


def _median(measures: list[Grey]) -> Grey:
    return np.median(measures, axis=0).astype(np.float32)
