"""Whether something stands in a zone. Law: feet decide; where the picture cuts them off, the body."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from agent.detect.background import HEIGHT_PX, WIDTH_PX, Blob, Mask
from agent.model import Zone

_FEET_RATIO = 0.2
"""The lowest part of a blob, where a person or a wheel touches the ground."""
_INSIDE_RATIO = 0.5


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

    def holds(self, blob: Blob) -> bool:
        """Whether this blob stands inside."""
        rows = np.flatnonzero(blob.mask.any(axis=1))
        top, bottom = int(rows[0]), int(rows[-1])
        cut_off = bottom >= HEIGHT_PX - 2
        first = top if cut_off else bottom - int(_FEET_RATIO * (bottom - top))
        feet = blob.mask[first : bottom + 1]
        inside = feet & self.mask[first : bottom + 1]
        return int(np.count_nonzero(inside)) >= _INSIDE_RATIO * int(np.count_nonzero(feet))
