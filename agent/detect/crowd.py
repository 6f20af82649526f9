"""Whether a zone is crowded. Law: by area alone, and only what lasts; a lorry that passes is no crowd."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from agent.detect.background import HEIGHT_PX, Blob
from agent.detect.zones import ZoneMask
from agent.model import Finding
from protocol.words import SceneTopic

_LASTS_S = 10.0
_STEP_S = 0.5
"""Shares nearer to each other are one."""
_MOST = 24
_WIDTH_OF_HEIGHT = 1 / 3
_FILLED = 0.75
"""How much of its box a standing person fills."""


class CrowdJudge:
    """One zone."""

    def __init__(self, zone: ZoneMask) -> None:
        self.zone = zone
        self._pixels = max(int(np.count_nonzero(zone.mask)), 1)
        height_px = zone.zone.person_ratio * HEIGHT_PX
        self._person_px = max(_FILLED * height_px * height_px * _WIDTH_OF_HEIGHT, 1.0)
        self._covered: deque[tuple[float, int]] = deque(maxlen=_MOST)

    def see(self, blobs: Sequence[Blob], *, at_s: float) -> Finding:
        """Whether enough of it was covered for 10 s: a quarter of the looks may have shown less."""
        pixels = sum(
            int(np.count_nonzero(blob.mask & self.zone.mask)) for blob in blobs if self.zone.fits(blob)
        )
        if not self._covered or at_s - self._covered[-1][0] >= _STEP_S:
            self._covered.append((at_s, pixels))
        while len(self._covered) > 2 and at_s - self._covered[1][0] >= _LASTS_S:
            self._covered.popleft()
        name = self.zone.zone.name
        if at_s - self._covered[0][0] < _LASTS_S:
            return Finding(SceneTopic.CROWDING, False, 0.0, "not yet 10 s", zone=name)
        return self._told(self._reached(0.75), name)

    def forget(self) -> None:
        """The view is another, or nobody looked."""
        self._covered.clear()

    def _reached(self, share: float) -> int:
        """The pixels that were covered for this share of the time; each look holds until the next."""
        looks = list(self._covered)
        spans = [(looks[n][1], looks[n + 1][0] - looks[n][0]) for n in range(len(looks) - 1)]
        left_s = share * sum(span for _, span in spans)
        for pixels, span in sorted(spans, reverse=True):
            left_s -= span
            if left_s <= 1e-6:
                return pixels
        return 0

    def _told(self, pixels: int, name: str) -> Finding:
        share, persons = pixels / self._pixels, pixels / self._person_px
        zone = self.zone.zone
        if zone.crowd_count is not None:
            full, reason = persons / zone.crowd_count, f"about {persons:.0f} of {zone.crowd_count} persons"
        else:
            limit = zone.crowd_ratio or 1.0
            full, reason = share / limit, f"{share:.0%} of the zone covered, {limit:.0%} allowed"
        if full < 1.0:
            return Finding(SceneTopic.CROWDING, False, 0.0, reason, zone=name)
        return Finding(
            SceneTopic.CROWDING,
            True,
            min(1.0, 0.5 * full),
            f"{reason}, by area",
            box=self.zone.box,
            zone=name,
        )
