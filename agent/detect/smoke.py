"""Something like smoke in a lookout's wide view. Law: suspected, never certain; a person looks.

Smoke veils: what lies behind it keeps its place and loses contrast, more than its brightness tells. It begins
small, stands on its spot, and rises or spreads over half a minute. Fog takes contrast everywhere, a cloud's
shadow takes as much brightness as contrast, light adds both, and a thing has an edge.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from agent.detect.background import HEIGHT_PX, WIDTH_PX, Grey, Mask, correlation, quantile, relit
from agent.detect.left_objects import box_of
from agent.model import Finding
from protocol.words import SceneTopic

_LEARN_LOOKS: Final = 6
_EVERY_S = 1.9
"""Key frames nearer to each other are one look."""
_FOLLOW_S = 120.0
_OTHER_VIEW = 0.6
"""Correlation with the place as learned below which the head looks elsewhere."""
_VEIL_LEVELS = 4.0
_KEPT = 0.85
"""A veiled pixel has at most so much of the slope the place has there, and of smoke's own slope ``_OWN``."""
_OWN = 1.5
_LEAST_RATIO, _MOST_RATIO = 0.0015, 0.3
_FEWEST_PX = 16
_TEXTURED = 1.0
"""Grey levels of fine structure by which a place has something to veil."""
_LOST = 0.2
_BEYOND_LIGHT = 0.85
"""Contrast that is left, against brightness that is left: of a shadow both are the same."""
_GLARE_LEVELS = 235.0
_STEADY = 0.6
"""Share of the looks since it began in which a veil was there: smoke stays, headlights come and go."""
_FLAT = 4.0
"""Width over height of a bank of fog."""
_EVERYWHERE = 0.3
_GROWS_S = 30.0
_GROWTH = 1.6
_RISE = 0.04
_STANDS = 0.08
_GONE_S = 25.0
_MOST_REGIONS = 8
_LOOKS = 64

_OPEN = cv2.getStructuringElement(cv2.MORPH_RECT, (3, 3))


@dataclass(frozen=True, slots=True)
class _Look:
    at_s: float
    area: float
    top: float
    foot: tuple[float, float]


@dataclass(slots=True)
class _Region:
    """One veiled place over time."""

    mask: Mask
    lost: float
    looks: deque[_Look] = field(default_factory=lambda: deque(maxlen=_LOOKS))
    missed: int = 0
    """Looks at which it was not there since it began."""
    suspected: bool = False

    def grows(self) -> str:
        """Why it is smoke by how it went on, with numbers; "" when it is not."""
        first, last = self.looks[0], self.looks[-1]
        lasts_s = last.at_s - first.at_s
        steady = len(self.looks) >= _STEADY * (len(self.looks) + self.missed)
        if lasts_s < _GROWS_S or len(self.looks) < 6 or not steady:
            return ""
        third = max(len(self.looks) // 3, 2)
        looks = list(self.looks)
        before = float(np.median([look.area for look in looks[:third]]))
        after = float(np.median([look.area for look in looks[-third:]]))
        risen = float(
            np.median([look.top for look in looks[:third]]) - np.median([look.top for look in looks[-third:]])
        )
        walked = max(abs(last.foot[0] - first.foot[0]), abs(last.foot[1] - first.foot[1]))
        if walked > _STANDS or after < _GROWTH * before:
            return ""
        if risen < _RISE and after < 2.5 * before:
            return ""
        return f"grew {after / before:.1f} times in {lasts_s:.0f} s and rose by {max(risen, 0):.0%}"


class SmokeJudge:
    """The key frames of one view, in order."""

    def __init__(self) -> None:
        self._first: list[Grey] = []
        self._place: Grey | None = None
        self._last_s: float | None = None
        self._regions: list[_Region] = []
        self._told = Finding(SceneTopic.SMOKE_SUSPECTED, False, 0.0, "")

    def see(
        self, grey: Grey, *, at_s: float, judged: npt.NDArray[np.uint8] | None = None
    ) -> tuple[Finding, ...]:
        """Whether smoke is suspected; nothing while the place is learned. ``judged`` is 0 under masks."""
        if self._last_s is not None and at_s - self._last_s < _EVERY_S:
            return (self._told,) if self._place is not None else ()
        elapsed_s = 0.0 if self._last_s is None else min(at_s - self._last_s, 30.0)
        self._last_s = at_s
        if self._place is not None and correlation(grey, self._place) < _OTHER_VIEW:
            self.forget()
        if self._place is None:
            self._begin(grey)
            return ()
        expected = relit(self._place, grey)
        veiled, slope, stood = _veiled(grey, expected)
        if judged is not None:
            veiled &= judged
        self._follow(veiled, grey, expected, at_s)
        around = cv2.dilate(veiled, _OPEN, iterations=3) != 0
        self._place += np.where(around, 0.0, min(elapsed_s / _FOLLOW_S, 1.0)) * (grey - self._place)
        fog = _fog(self._place, expected, grey) or self._everywhere(slope, stood, around)
        self._told = self._suspect() if not fog else Finding(SceneTopic.SMOKE_SUSPECTED, False, 0.0, fog)
        return (self._told,)

    def forget(self) -> None:
        """The view is another."""
        self._first, self._place, self._regions = [], None, []

    def _begin(self, grey: Grey) -> None:
        self._first.append(grey)
        if len(self._first) >= _LEARN_LOOKS:
            self._place = np.median(np.stack(self._first), axis=0).astype(np.float32)
            self._first = []

    def _follow(
        self,
        veiled: npt.NDArray[np.uint8],
        grey: Grey,
        expected: Grey,
        at_s: float,
    ) -> None:
        """Carry the regions on with what is veiled now."""
        self._regions = [r for r in self._regions if at_s - r.looks[-1].at_s <= _GONE_S]
        used: set[int] = set()
        for mask in _parts(veiled):
            lost = _lost(mask, grey, expected)
            if lost is None:
                continue
            number = next(
                (n for n, one in enumerate(self._regions) if n not in used and _is_on(one.mask, mask)), None
            )
            if number is None:
                if len(self._regions) >= _MOST_REGIONS:
                    continue
                number = len(self._regions)
                self._regions.append(_Region(mask, lost))
            used.add(number)
            region = self._regions[number]
            region.mask, region.lost = mask, lost
            region.looks.append(_look_at(mask, at_s))
        for number, region in enumerate(self._regions):
            region.missed += number not in used

    def _everywhere(self, slope: Grey, stood: Grey, around: Mask) -> str:
        """Why the contrast outside all veils says fog; "" when it does not."""
        rest = ~around & (stood > _TEXTURED)
        if not rest.any():
            return ""
        lost = 1.0 - float(slope[rest].sum()) / max(float(stood[rest].sum()), 1.0)
        return f"contrast is gone everywhere, {lost:.0%}: fog" if lost > _EVERYWHERE else ""

    def _suspect(self) -> Finding:
        for region in self._regions:
            why = region.grows()
            region.suspected = region.suspected or bool(why)
            if region.suspected and region.looks[-1].at_s == self._last_s:
                share = float(np.count_nonzero(region.mask)) / region.mask.size
                reason = f"a veil over {share:.1%} of the picture takes {region.lost:.0%} of its contrast"
                return Finding(
                    SceneTopic.SMOKE_SUSPECTED,
                    True,
                    min(0.9, 0.5 + region.lost / 2),
                    f"{reason}, {why}" if why else reason,
                    box=box_of(region.mask),
                )
        return Finding(SceneTopic.SMOKE_SUSPECTED, False, 0.0, "no veil that grows")


def _veiled(grey: Grey, expected: Grey) -> tuple[npt.NDArray[np.uint8], Grey, Grey]:
    """1 where a pixel's brightness is another and no edge came; the slopes of both pictures around it."""
    change = cv2.GaussianBlur(grey - expected, (0, 0), 1.5)
    slope, stood = _slope(grey), _slope(expected)
    veiled = ((np.abs(change) > _VEIL_LEVELS) & (slope < _KEPT * stood + _OWN)).astype(np.uint8)
    opened = cv2.morphologyEx(veiled, cv2.MORPH_OPEN, _OPEN)
    return np.asarray(cv2.morphologyEx(opened, cv2.MORPH_CLOSE, _OPEN), np.uint8), slope, stood


def _fog(place: Grey, expected: Grey, grey: Grey) -> str:
    """Why the picture as a whole says fog: it lost more contrast than light; "" when it did not."""
    kept = float(expected.std()) / max(float(place.std()), 1.0)
    light = float(grey.mean()) / max(float(place.mean()), 1.0)
    return f"the whole picture keeps {kept:.0%} of its contrast: fog" if kept < 0.9 * min(light, 1.0) else ""


def _slope(picture: Grey) -> Grey:
    smooth = cv2.GaussianBlur(picture, (3, 3), 0)
    slope = cv2.magnitude(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1))
    return np.asarray(cv2.blur(np.asarray(slope, np.float32), (3, 3)) / 8.0, np.float32)


def _parts(veiled: npt.NDArray[np.uint8]) -> list[Mask]:
    """The largest connected parts, as far as they have the size and the shape of smoke."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(veiled, connectivity=8)
    parts: list[Mask] = []
    for label in sorted(range(1, count), key=lambda number: -int(stats[number, 4]))[:_MOST_REGIONS]:
        width, height, area = (int(v) for v in stats[label, 2:5])
        fits = _LEAST_RATIO <= area / veiled.size <= _MOST_RATIO
        if fits and width / WIDTH_PX <= 0.6 and width <= _FLAT * height:
            parts.append(labels == label)
    return parts


def _lost(mask: Mask, grey: Grey, expected: Grey) -> float | None:
    """How much of its contrast a veiled place lost, 0 to 1; None when light explains it or nothing tells.

    What is left is how strongly the place's own fine structure is still in the picture (least squares): the
    structure of the veil itself has nothing to do with it.
    """
    seen = mask & (grey < _GLARE_LEVELS)
    fine, was = _fine(grey)[seen], _fine(expected)[seen]
    power = float((was * was).sum())
    if fine.size < _FEWEST_PX or power < _TEXTURED * _TEXTURED * fine.size:
        return None
    kept = max(float((fine * was).sum()) / power, 0.0)
    light = float(grey[seen].mean()) / max(float(expected[seen].mean()), 1.0)
    if 1.0 - kept < _LOST or kept > _BEYOND_LIGHT * light:
        return None
    return 1.0 - kept


def _fine(picture: Grey) -> Grey:
    return np.asarray(picture - cv2.GaussianBlur(picture, (0, 0), 2.0), np.float32)


def _is_on(before: Mask, now: Mask) -> bool:
    """Whether a region goes on from another: a third of the smaller lies on the other."""
    both = int(np.count_nonzero(before & now))
    return 3 * both >= min(int(np.count_nonzero(before)), int(np.count_nonzero(now)))


def _look_at(mask: Mask, at_s: float) -> _Look:
    """``foot`` is the middle of its lowest fifth, shares of the picture."""
    rows = np.flatnonzero(mask.any(axis=1))
    lowest = int(quantile(rows.astype(np.float32), 0.8))
    columns = np.nonzero(mask[lowest:])[1]
    area = float(np.count_nonzero(mask)) / mask.size
    foot = (float(columns.mean()) / WIDTH_PX, float(rows[-1]) / HEIGHT_PX)
    return _Look(at_s, area, float(rows[0]) / HEIGHT_PX, foot)
