"""What is hidden from the judges. Law: whatever is under a privacy mask, no finding is another for it."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from agent.model import Image, Zone, ZoneKind


class PrivacyMasks:
    """The privacy masks of one camera, for pictures of any size."""

    def __init__(self, zones: Iterable[Zone]) -> None:
        self._zones = tuple(zone for zone in zones if zone.kind is ZoneKind.PRIVACY)
        self._shape: tuple[int, ...] = ()
        self._hidden = np.zeros((0, 0), np.uint8)

    def __bool__(self) -> bool:
        return bool(self._zones)

    @property
    def ratio(self) -> float:
        """Share of the last picture that is hidden."""
        return cv2.countNonZero(self._hidden) / self._hidden.size if self._hidden.size else 0.0

    def for_judging(self, image: Image) -> Image:
        """A grey picture with the masks as bright as the rest: a black part would look like a fault of it."""
        if not self._zones:
            return image
        hidden = self._hidden_in(image)
        out = image.copy()
        out[hidden != 0] = round(cv2.mean(image, mask=cv2.bitwise_not(hidden))[0])
        return out

    def _hidden_in(self, image: Image) -> Image:
        """255 where a mask touches a pixel, shape (height, width)."""
        height, width = image.shape[:2]
        if self._shape != (height, width):
            self._shape = (height, width)
            self._hidden = np.zeros((height, width), np.uint8)
            for zone in self._zones:
                corners = np.clip(np.array(zone.corners, np.float64), 0.0, 1.0) * (width, height)
                # one pixel more all around: rounding must never show what lies at the edge
                cv2.fillPoly(self._hidden, [np.rint(corners).astype(np.int32)], 255)
            self._hidden = np.asarray(cv2.dilate(self._hidden, np.ones((3, 3), np.uint8)), np.uint8)
        return self._hidden
