"""Privacy masks. Law: what shows a picture outside the box passes ``burnt``; what is under a mask is gone.

It is painted over, not blurred, in the picture that is encoded: no encoder ever sees what was there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from agent.model import Image, Polygon

_BORDER_PX: Final = 5
"""Width of the line drawn around a mask, half of it outside: scaling mixes in two pixels of the inside."""


def burnt(image: Image, masks: Sequence[Polygon]) -> Image:
    """The picture, grey or BGR, with every mask in solid black: a copy where there are masks."""
    if not masks:
        return image
    burned = np.ascontiguousarray(image).copy()
    height, width = burned.shape[:2]
    for mask in masks:
        shares = np.clip(np.array(mask, np.float64).reshape(-1, 2), 0.0, 1.0)
        corners = [np.rint(shares * (width - 1, height - 1)).astype(np.int32)]
        cv2.fillPoly(burned, corners, (0, 0, 0))
        cv2.polylines(burned, corners, isClosed=True, color=(0, 0, 0), thickness=_BORDER_PX)
    return burned
