"""What was left in a zone, and what was taken away. Law: whose edge it is, tells.

Something that stands still where the place looks otherwise was left there, or what stood there is gone. A
thing has an edge around it where it is shown: in the picture of now it was left, in the background taken.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from agent.detect.background import HEIGHT_PX, WIDTH_PX, Background, Blob, Grey, Mask, quantile
from agent.detect.zones import ZoneMask
from agent.model import Finding, Rectangle
from protocol.words import SceneTopic

_CROSS = cv2.getStructuringElement(cv2.MORPH_RECT, (3, 3))
_LEAST_PX = 8
_WHOLE_RATIO = 0.6
_CLEARER = 1.25
"""By how much one of the edges must be the stronger to tell them apart."""


class LeftObjects:
    """One zone."""

    def __init__(self, zone: ZoneMask) -> None:
        self.zone = zone

    def see(
        self, background: Background, blobs: Sequence[Blob], grey: Grey, *, at_s: float
    ) -> tuple[Finding, Finding]:
        """Whether something was left, and whether something was taken, for the zone's time."""
        still = background.standing(at_s=at_s, least_s=self.zone.zone.watch_s)
        still &= self.zone.mask
        still &= np.logical_or.reduce([blob.mask for blob in blobs])  # what only lights the place is no thing
        if int(np.count_nonzero(still)) < _LEAST_PX or background.mean is None:
            return self.nothing("nothing stands still")
        left, taken = self.nothing("nothing of that kind stands still")
        count, labels, stats, _ = cv2.connectedComponentsWithStats(
            cv2.dilate(still.view(np.uint8), _CROSS), connectivity=8
        )
        for label in sorted(range(1, count), key=lambda number: -int(stats[number, 4]))[:8]:
            thing = (labels == label) & still
            share = float(np.count_nonzero(thing)) / thing.size
            if np.count_nonzero(thing) < _LEAST_PX or not self.zone.has_size(share):
                continue
            if not _is_whole(thing, blobs):
                continue
            topic, strength = which(thing, grey, background.mean)
            if topic is SceneTopic.OBJECT_LEFT and not left.present:
                left = self._finding(topic, thing, share, strength)
            elif topic is SceneTopic.OBJECT_REMOVED and not taken.present:
                taken = self._finding(topic, thing, share, strength)
        return left, taken

    def nothing(self, reason: str) -> tuple[Finding, Finding]:
        """Neither is there."""
        name = self.zone.zone.name
        return (
            Finding(SceneTopic.OBJECT_LEFT, False, 0.0, reason, zone=name),
            Finding(SceneTopic.OBJECT_REMOVED, False, 0.0, reason, zone=name),
        )

    def _finding(self, topic: SceneTopic, thing: Mask, share: float, strength: float) -> Finding:
        what = "stands there" if topic is SceneTopic.OBJECT_LEFT else "is gone"
        reason = (
            f"{share:.2%} of the picture {what} for {self.zone.zone.watch_s:.0f} s, edges {strength:.1f}:1"
        )
        score = min(1.0, 0.4 + 0.1 * strength)
        return Finding(topic, True, score, reason, box=box_of(thing), zone=self.zone.zone.name)


def which(thing: Mask, grey: Grey, mean: Grey) -> tuple[SceneTopic | None, float]:
    """Left, taken, or None when it cannot be told; and how much stronger the edge that tells it is."""
    shape = thing.astype(np.uint8)
    rim = (cv2.dilate(shape, _CROSS) != cv2.erode(shape, _CROSS, borderType=cv2.BORDER_REPLICATE)).astype(
        np.bool_
    )
    now, before = _edge(grey, rim), _edge(mean, rim)
    if now >= _CLEARER * before:
        return SceneTopic.OBJECT_LEFT, now / before
    if before >= _CLEARER * now:
        return SceneTopic.OBJECT_REMOVED, before / now
    return None, 1.0


def _is_whole(thing: Mask, blobs: Sequence[Blob]) -> bool:
    """Whether what stands still is most of what is there: of one who waits the middle alone does."""
    around = np.logical_or.reduce([blob.mask for blob in blobs if (blob.mask & thing).any()])
    return int(np.count_nonzero(thing)) >= _WHOLE_RATIO * int(np.count_nonzero(around))


def box_of(thing: Mask) -> Rectangle:
    """The box around the pixels of a mask that has some."""
    rows, columns = np.flatnonzero(thing.any(axis=1)), np.flatnonzero(thing.any(axis=0))
    return Rectangle(
        int(columns[0]) / WIDTH_PX,
        int(rows[0]) / HEIGHT_PX,
        (int(columns[-1]) + 1) / WIDTH_PX,
        (int(rows[-1]) + 1) / HEIGHT_PX,
    )


def _edge(picture: Grey, rim: Mask) -> float:
    """Slope of a picture along a rim, grey levels a pixel; never 0."""
    slope = cv2.magnitude(cv2.Sobel(picture, cv2.CV_32F, 1, 0), cv2.Sobel(picture, cv2.CV_32F, 0, 1)) / 8.0
    return quantile(np.asarray(slope[rim], np.float32), 0.5) + 0.5
