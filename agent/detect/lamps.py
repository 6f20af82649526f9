"""Whether a lamp goes on or off, and whether the whole picture's light does. Law: a step that stays.

Headlights sweep by, the sun comes and goes for all: a lamp changes its own part of the picture for long.
"""

from __future__ import annotations

import numpy as np

from agent.detect.background import Grey, quantile
from agent.detect.zones import ZoneMask
from agent.model import Finding
from protocol.words import SceneTopic

_STEP_LEVELS = 22.0
_STAYS_S = 6.0
_OWN_RATIO = 0.5
"""The rest of the picture changes at most so much of what the lamp's part does."""
_FOLLOW = 0.1
WHOLE_STEP_LEVELS = 12.0


class LampJudge:
    """One lamp's part of the picture, judged on key frames."""

    def __init__(self, zone: ZoneMask) -> None:
        self.zone = zone
        self._rest = ~zone.mask
        self._level: float | None = None
        self._rest_level = 0.0
        self._since_s: float | None = None
        self._on: bool | None = None

    def see(self, grey: Grey, *, at_s: float) -> tuple[Finding, ...]:
        """Whether it is lit; nothing before its first step, for then nobody knows."""
        level = float(grey[self.zone.mask].mean()) if self.zone.mask.any() else 0.0
        rest = quantile(grey[self._rest], 0.5) if self._rest.any() else 0.0
        if self._level is None:
            self._level, self._rest_level = level, rest
        step, others = level - self._level, rest - self._rest_level
        if abs(step) < _STEP_LEVELS * self.zone.zone.contrast_factor or abs(others) > _OWN_RATIO * abs(step):
            self._since_s = None
            share = 1.0 if abs(others) > 0.5 * _STEP_LEVELS else _FOLLOW
            self._level += share * step
            self._rest_level += share * others
        elif self._since_s is None:
            self._since_s = at_s
        elif at_s - self._since_s >= _STAYS_S:
            self._on, self._since_s = step > 0, None
            self._level, self._rest_level = level, rest
        return self._told(level)

    def forget(self) -> None:
        """The view is another: what was lit is not known."""
        self._level, self._since_s, self._on = None, None, None

    def _told(self, level: float) -> tuple[Finding, ...]:
        if self._on is None:
            return ()
        reason = f"its part of the picture is at {level:.0f} levels"
        score = 0.8 if self._on else 0.0
        box = self.zone.box if self._on else None
        return (Finding(SceneTopic.LIGHT_LEVEL, self._on, score, reason, box=box, zone=self.zone.zone.name),)


class WholeLight:
    """The light of the whole picture from key frame to key frame: state, never an event."""

    def __init__(self) -> None:
        self._before: Grey | None = None

    def forget(self) -> None:
        """The view is another."""
        self._before = None

    def see(self, grey: Grey) -> tuple[Finding, ...]:
        """A finding when most of the picture became lighter or darker by a step."""
        before, self._before = self._before, grey
        if before is None:
            return ()
        change = np.asarray(grey[::4, ::4] - before[::4, ::4], np.float32).ravel()
        step = quantile(change, 0.5)
        if abs(step) < WHOLE_STEP_LEVELS:
            return ()
        way = "rose" if step > 0 else "fell"
        reason = f"the light of the whole picture {way} by {abs(step):.0f} levels"
        return (Finding(SceneTopic.LIGHT_LEVEL, True, min(1.0, abs(step) / 60.0), reason, state=True),)
