"""Where the camera looks: another view (V14), a trembling one (V12), the stored one or not (V13)."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from agent.detect.background import Grey
from agent.detect.vqd.look import Look, shift
from agent.detect.vqd.reference import Reference, likeness
from agent.detect.vqd.rules import Opinion, PictureConfig, absent, clear, opinion
from agent.model import Image, PictureFault

_STEADY_SHARE = 0.5
"""Of the step that is shaking: a shorter one need not be looked at twice."""
_UNSURE_LOOKS = 3
"""Looks in a row whose shift nobody can tell: the view is another one."""


@dataclass(slots=True)
class Steadiness:
    """The shifts of the last looks against the reference, and the steps between them."""

    config: PictureConfig
    _shifts: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=12))
    _steps: deque[float] = field(default_factory=lambda: deque(maxlen=11))
    _before: Grey | None = None
    """The small picture of the last shift."""
    _unsure: int = 0

    def see(self, look: Look, reference: Reference) -> None:
        """One look."""
        by = shift(look, reference.small)
        if by is not None:
            self._unsure = 0
            if self._before is not None:
                self._steps.append(self._step(look, by, self._before))
            self._shifts.append(by)
            self._before = look.small
            return
        self._unsure += 1
        if self._unsure >= _UNSURE_LOOKS:
            self.forget()

    def forget(self) -> None:
        """The view is another one: its shifts begin anew."""
        self._shifts.clear()
        self._steps.clear()
        self._before = None

    def shaking(self, config: PictureConfig) -> Opinion:
        """V12: the shift is another at most looks."""
        recent = list(self._steps)[-config.shake_looks + 1 :]
        if len(recent) < config.shake_looks - 1:
            return absent(PictureFault.SHAKING)
        limit = config.shake_ratio
        usual = float(np.median(recent))
        return opinion(
            PictureFault.SHAKING,
            present=usual > limit,
            score=clear(usual - limit, 4 * limit),
            reason=f"the view jumps {usual:.1%} > {limit:.1%} of its width from look to look",
        )

    def moved_by(self) -> float:
        """The steady shift of the last three looks, as share of the width; 0 when it is not steady."""
        if len(self._shifts) < 3:
            return 0.0
        recent = np.array(list(self._shifts)[-3:])
        if np.ptp(recent, axis=0).max() > self.config.shake_ratio:
            return 0.0
        return float(np.hypot(*np.median(recent, axis=0)))

    def _step(self, look: Look, by: tuple[float, float], before: Grey) -> float:
        """How far the view jumped, as share of the width: by the reference, and by the last look itself where
        that says less. Against a reference it is no longer like, a view that stands still seems to jump."""
        apart = math.dist(by, self._shifts[-1])
        if apart <= _STEADY_SHARE * self.config.shake_ratio:
            return apart
        itself = shift(look, before)
        return apart if itself is None else min(apart, math.hypot(*itself))


def moved(look: Look, reference: Reference | None, steadiness: Steadiness, config: PictureConfig) -> Opinion:
    """V14: the structure is another all over the picture, or the whole of it lies elsewhere."""
    fault = PictureFault.SCENE_CHANGED
    same = None if reference is None else likeness(look, reference)
    if same is None or not config.fixed_view:
        return absent(fault)
    limit = config.moved_correlation
    if same < limit:
        reason = f"fine structure correlates {same:.2f} < {limit} with the reference"
        return opinion(fault, present=True, score=clear(limit - same, limit), reason=reason)
    by = steadiness.moved_by()
    reason = f"the view lies {by:.1%} > {config.moved_ratio:.0%} of its width from the reference"
    return opinion(
        fault, present=by > config.moved_ratio, score=clear(by - config.moved_ratio, 0.1), reason=reason
    )


@dataclass(frozen=True, slots=True)
class ViewMatch:
    """How a view compares with a stored one (V13, and preset truth). ``shift`` is a share of the width."""

    same: bool
    correlation: float | None
    """None when the stored picture has too little structure to tell: ``same`` then says True."""
    shift: tuple[float, float]
    reason: str


def same_view(now: Image, stored: Image, config: PictureConfig | None = None) -> ViewMatch:
    """Whether a grey picture shows the view of a stored one, whatever the light."""
    config = config or PictureConfig()
    reference, look = Reference.of([Look.at(stored)]), Look.at(now)
    correlation = likeness(look, reference)
    if correlation is None:
        return ViewMatch(True, None, (0.0, 0.0), "too little structure to tell")
    x, y = shift(look, reference.small) or (0.0, 0.0)
    far = float(np.hypot(x, y))
    same = correlation >= config.moved_correlation and far <= config.moved_ratio
    return ViewMatch(
        same, correlation, (x, y), f"correlation {correlation:.2f}, shifted {far:.1%} of the width"
    )
