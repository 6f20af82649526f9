"""Decides what a dome's lens shows when its head looks elsewhere than straight ahead.

Law: straight ahead is the picture as it is; elsewhere the same scene is shifted and zoomed, so that whoever
compares two pictures sees that the head moved. What is no JPEG is passed through.
"""

from __future__ import annotations

import cv2
import numpy as np

from simulator.device.place import Position


def seen_from(position: Position, jpeg: bytes) -> bytes:
    """The picture as it looks from there: half a picture to the side for a full turn of the head."""
    if position == Position():
        return jpeg
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        return jpeg
    height, width = picture.shape[:2]
    aside, up = round(position.pan * width / 2), round(position.tilt * height / 2)
    turned = np.roll(picture, (up, -aside), axis=(0, 1))
    cut = max(0.25, 1.0 - 0.6 * position.zoom)
    high, wide = round(height * cut), round(width * cut)
    top, left = (height - high) // 2, (width - wide) // 2
    near = cv2.resize(turned[top : top + high, left : left + wide], (width, height))
    return cv2.imencode(".jpg", near)[1].tobytes()
