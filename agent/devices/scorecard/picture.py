"""Whether two pictures of one camera show another view: by their shapes, whatever the light does. Pure.

Law: a picture is never decoded larger than it must be, and one that names more than 40 million pixels not at
all.
"""

from __future__ import annotations

import struct

import cv2
import numpy as np
import numpy.typing as npt

_Grey = npt.NDArray[np.float32]
_MOST_PIXELS = 40_000_000
_SIZE = (64, 36)
_FLAT = 4.0
"""Standard deviation of grey levels under which there is nothing to compare: night, fog, a covered lens."""
_BUSY = 0.75
"""Two pictures of one view that are less alike: the scene itself moves too much to tell."""
_MARGIN = 0.2
"""By how much a turned view is less alike than two pictures of one view. Measured: a head that turns by an
eighth falls from above 0.95 to below 0.5; people and vehicles in a standing view cost up to 0.1."""
_SOF = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})


def moved(before: bytes, again: bytes, after: bytes) -> bool | None:
    """Whether ``after`` shows another view than ``before`` and ``again``, two JPEGs of the same one.

    None when the pictures cannot tell: not decodable, flat, or a scene that never stands still.
    """
    looks = [_look(each) for each in (before, again, after)]
    first, second, last = looks
    if first is None or second is None or last is None:
        return None
    same = _alike(first, second)
    if same < _BUSY:
        return None
    return _alike(second, last) < same - _MARGIN


def size_of(jpeg: bytes) -> tuple[int, int] | None:
    """(width, height) a JPEG's header names; None when it has none (ITU T.81 B.2.2)."""
    at = 2
    while jpeg.startswith(b"\xff\xd8") and at + 9 <= len(jpeg):
        if jpeg[at] != 0xFF:
            return None
        marker, length = jpeg[at + 1], struct.unpack(">H", jpeg[at + 2 : at + 4])[0]
        if marker in _SOF:
            height, width = struct.unpack(">HH", jpeg[at + 5 : at + 9])
            return width, height
        if length < 2:
            return None
        at += 2 + length
    return None


def _look(jpeg: bytes) -> _Grey | None:
    size = size_of(jpeg)
    if size is None or not 0 < size[0] * size[1] <= _MOST_PIXELS:
        return None
    grey = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_4)
    if grey is None:
        return None
    small = cv2.resize(grey, _SIZE, interpolation=cv2.INTER_AREA).astype(np.float32)
    return None if float(small.std()) < _FLAT else small


def _alike(one: _Grey, other: _Grey) -> float:
    """Correlation of the two, -1 to 1; brightness and contrast do not count."""
    a, b = one - one.mean(), other - other.mean()
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))
