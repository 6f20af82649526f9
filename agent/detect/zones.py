"""Whether something stands in a zone. Law: feet decide; where the picture cuts them off, the body."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from agent.detect.background import HEIGHT_PX, WIDTH_PX, Blob, Mask
from agent.model import Rectangle, Zone

_FEET_RATIO = 0.2
"""The lowest part of a blob, where a person or a wheel touches the ground."""
_INSIDE_RATIO = 0.5
_TOUCH_RATIO = 0.25
_FLOOR_LEVELS = 14.0
"""The contrast every blob has (``BackgroundConfig.floor_levels``)."""


@dataclass(frozen=True, slots=True)
class ZoneMask:
    """A zone laid over the model's picture."""

    zone: Zone
    mask: Mask

    @classmethod
    def of(cls, zone: Zone) -> ZoneMask:
        """Draw a zone; corners beyond the picture are cut, fewer than three corners cover nothing."""
        mask = np.zeros((HEIGHT_PX, WIDTH_PX), np.uint8)
        if len(zone.corners) >= 3:
            corners = np.clip(np.array(zone.corners, np.float64), 0.0, 1.0) * (WIDTH_PX - 1, HEIGHT_PX - 1)
            cv2.fillPoly(mask, [np.rint(corners).astype(np.int32)], 1)
        return cls(zone, mask.astype(np.bool_))

    @property
    def box(self) -> Rectangle:
        """The box around the zone, in shares of the picture."""
        xs, ys = (tuple(max(0.0, min(1.0, corner[axis])) for corner in self.zone.corners) for axis in (0, 1))
        return Rectangle(min(xs), min(ys), max(xs), max(ys))

    def has_size(self, share: float) -> bool:
        """Whether a thing of this share of the picture counts here."""
        return self.zone.least_ratio <= share <= self.zone.most_ratio

    def fits(self, blob: Blob) -> bool:
        """Whether a blob is large, small and clear enough for this zone, wherever it is."""
        return self.has_size(blob.area_ratio) and blob.contrast >= _FLOOR_LEVELS * self._needed

    def counts(self, blob: Blob) -> bool:
        """Whether a blob that fits stands inside."""
        return self.fits(blob) and self.holds(blob)

    def touches(self, blob: Blob) -> bool:
        """Whether a good part of a blob that fits is inside, feet or not."""
        if not self.fits(blob):
            return False
        inside = int(np.count_nonzero(blob.mask & self.mask))
        return inside >= _TOUCH_RATIO * int(np.count_nonzero(blob.mask))

    @property
    def _needed(self) -> float:
        """1 and more where a zone is less sensitive than the background, else nothing is asked anew."""
        factor = self.zone.contrast_factor
        return factor if factor > 1.0 else 0.0

    def holds(self, blob: Blob) -> bool:
        """Whether this blob stands inside."""
        rows = np.flatnonzero(blob.mask.any(axis=1))
        top, bottom = int(rows[0]), int(rows[-1])
        cut_off = bottom >= HEIGHT_PX - 2
        first = top if cut_off else bottom - int(_FEET_RATIO * (bottom - top))
        feet = blob.mask[first : bottom + 1]
        inside = feet & self.mask[first : bottom + 1]
        return int(np.count_nonzero(inside)) >= _INSIDE_RATIO * int(np.count_nonzero(feet))
