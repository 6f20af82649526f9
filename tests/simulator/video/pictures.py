"""Decoded clips as arrays, and where in them nothing may be judged because text is burnt in."""

from __future__ import annotations

import av
import cv2
import numpy as np
import numpy.typing as npt

from simulator.video.clip import Clip
from simulator.video.film import LABEL_RATIO, TEXT_RATIO
from simulator.video.model import Codec

Grey = npt.NDArray[np.float32]


def decoded(clip: Clip) -> list[Grey]:
    """The luma of every frame."""
    decoder = av.VideoCodecContext.create("h264" if clip.codec is Codec.H264 else "hevc", "r")
    frames = [f for i in range(len(clip.units)) for f in decoder.decode(av.Packet(clip.annexb(i)))]
    frames += decoder.decode(None)
    return [np.asarray(f.to_ndarray(format="gray"), np.float32) for f in frames]


def textless(picture: Grey) -> npt.NDArray[np.bool_]:
    """True where no clock and no name is."""
    height, width = picture.shape
    free = np.ones((height, width), np.bool_)
    for left, top, right, bottom in (TEXT_RATIO, LABEL_RATIO):
        free[int(top * height) : int(bottom * height) + 1, int(left * width) : int(right * width) + 1] = False
    return free


def clock_of(picture: Grey) -> Grey:
    """The part of a picture the clock is in."""
    height, width = picture.shape
    left, top, right, bottom = TEXT_RATIO
    return picture[int(top * height) : int(bottom * height) + 1, int(left * width) : int(right * width) + 1]


def sharpness(picture: Grey) -> float:
    """Variance of the Laplacian where no text is, without the grain of single pixels."""
    smooth = cv2.GaussianBlur(picture, (0, 0), 1.0)
    return float(np.asarray(cv2.Laplacian(smooth, cv2.CV_32F))[textless(picture)].var())


def jpeg(content: bytes) -> Grey:
    """A JPEG's luma."""
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    return np.asarray(picture, np.float32)
