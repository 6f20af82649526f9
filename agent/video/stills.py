"""A picture as JPEG for evidence. Law: at most 640 wide and 200 KB, privacy masks burnt in, and nothing in it
but the picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import av
import av.error
import cv2
import numpy as np

from agent.model import Exhibit, ExhibitKind, Image, Polygon
from agent.video.decoder import colour
from agent.video.masks import burnt
from agent.video.source import MAX_PIXELS

MAX_WIDTH_PX: Final = 640
MAX_BYTES: Final = 200_000
SMALL_PX: Final = 320
SMALL_BYTES: Final = 28_000
_QUALITIES: Final = (75, 60, 45, 30, 15)


def still(image: Image, masks: Sequence[Polygon]) -> Exhibit:
    """A grey or BGR picture that may leave the box. Raises ValueError for an empty one."""
    return Exhibit(ExhibitKind.STILL, jpeg(burnt(image, masks)))


def small_still(image: Image, masks: Sequence[Polygon]) -> Exhibit:
    """The same, 320 wide: what a stored view is shown by. Raises ValueError for an empty one."""
    if image.size and image.shape[1] > SMALL_PX:
        size = (SMALL_PX, max(1, round(image.shape[0] * SMALL_PX / image.shape[1])))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(image.dtype, copy=False)
    return Exhibit(ExhibitKind.STILL, jpeg(burnt(image, masks), max_bytes=SMALL_BYTES))


def grey_of(picture: bytes, masks: Sequence[Polygon]) -> Image | None:
    """The luma of a JPEG, at most 640 wide, masks burnt in: to compare, not to show. None when it cannot be
    decoded."""
    exhibit = masked(picture, masks)
    if exhibit is None:
        return None
    return np.asarray(cv2.imdecode(np.frombuffer(exhibit.content, np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)


def masked(picture: bytes, masks: Sequence[Polygon]) -> Exhibit | None:
    """A JPEG that somebody else took, as one that may leave the box; None when it cannot be decoded."""
    context = av.VideoCodecContext.create("mjpeg", "r")
    assert isinstance(context, av.VideoCodecContext)
    context.options = {"max_pixels": str(MAX_PIXELS)}
    try:
        frames = [*context.decode(av.Packet(picture)), *context.decode(None)]
    except (av.error.FFmpegError, OSError, ValueError):
        return None
    return still(colour(frames[0], max_width_px=MAX_WIDTH_PX), masks) if frames else None


def jpeg(image: Image, *, max_bytes: int = MAX_BYTES) -> bytes:
    """Encode a grey or BGR picture; never larger than ``max_bytes``. Raises ValueError for an empty one."""
    if image.size == 0:
        raise ValueError(f"picture of shape {image.shape} has no pixels")
    height, width = image.shape[:2]
    if width > MAX_WIDTH_PX or height > 2 * MAX_WIDTH_PX:
        scale = min(MAX_WIDTH_PX / width, 2 * MAX_WIDTH_PX / height)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(image.dtype, copy=False)
    for quality in _QUALITIES:
        done, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if done and encoded.size < max_bytes:
            return encoded.tobytes()
    raise ValueError(f"picture of shape {image.shape} does not fit into {max_bytes} bytes")
