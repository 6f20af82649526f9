"""Which parts of the picture are not the place itself. Law: what lights the place is not in the place.

A mean and a deviation per pixel of a 160x90 grey picture, updated only where nothing is; a fit of gain and
offset takes light changes out; what stays is cut into blobs, and blobs that are only light are dropped.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from agent.model import Image, Rectangle

WIDTH_PX, HEIGHT_PX = 160, 90
"""Size of the model's picture (measured: a tenth of full decoding's cost, all events of 2 s found)."""

Grey = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

_START_DEVIATION = 4.0
_DEVIATION_BOUNDS = (1.5, 30.0)
_RESTLESS_FACTOR = 3.0
"""A pixel that comes and goes at every second look must differ 2.5 times as much."""
_SAME_LEVELS = 15.0
_SAME_STRUCTURE = 0.95
"""Correlation with what stood there, above which only its light is another."""
_SOFT_LEAST_PX = 120
"""Smaller blobs have no room for a soft border."""
_SHARP_SLOPE = 0.15
"""A body's edge is there in two or three pixels: it changes by this share of its strength in one."""
_SHARP_RATIO = 0.25
"""Sharp pixels against the length of the border; light has none but those of what it falls on."""
_GONE_RATIO = 0.4
_GLARE_LEVELS = 235.0
_ODD_LEVELS = 4.0
"""Half of the picture became lighter or darker by more than noise and encoding: the light is another."""
_FINE = (5, 5)
_MARGIN_PX = 5
_SMOOTH_POWER = 5.0
"""Fine structure of two levels and less is the sensor's and the encoder's."""
_ALIKE = 0.7
"""Correlation of the fine structure around a pixel, from which on it is still the place's own."""
_LIGHT_RATIO = 0.85
_STANDING_FACTOR = 2.0
"""Who stands in a light must be twice as large as elsewhere: its edge leaves specks."""
_BRIGHT_LEVELS = 150.0
"""What was so bright may lose its structure in a glare."""
_NEAR = cv2.getStructuringElement(cv2.MORPH_RECT, (5, 5))
"""Leaves in a strong wind move by a pixel and a half of 160."""
_SWAY_LEVELS, _SWAY_FACTOR = 3.5, 2.0
"""Deviation of a restless place, and against the middle of the picture: noise alone is everywhere."""
_SWAY_RATIO = 0.65
_SWAY_NOISE = 8.0
_WRITTEN_NOISE, _WRITTEN_RATIO, _WRITTEN_ALIKE = 4.0, 0.95, 0.5
_CROSS = cv2.getStructuringElement(cv2.MORPH_RECT, (3, 3))


@dataclass(frozen=True, slots=True)
class BackgroundConfig:
    """Thresholds in grey levels of 255, shares of the picture, and seconds."""

    deviations: float = 4.5
    """How many of its deviations a pixel must differ."""
    floor_levels: float = 14.0
    """And at least so much: below lies what the encoder does to a quiet picture."""
    blob_ratio: float = 0.0012
    """Smallest blob, as share of the picture: 17 of 14,400 pixels, a person 10 % of the height tall."""
    global_ratio: float = 0.6
    """From here on the whole picture changed: light or view, never something in it."""
    learn_frames: int = 3
    """Pictures whose median is the first background."""
    follow_s: float = 25.0
    """Time constant with which the background follows the light."""
    absorb_s: float = 180.0
    """What stands still for so long belongs to the place: a parked car."""
    restless_s: float = 90.0
    """Time constant of the measure of how often a pixel comes and goes: leaves in wind."""


@dataclass(frozen=True, slots=True)
class Attention:
    """Where to look how closely, shapes (90, 160). None: everywhere alike."""

    judged: npt.NDArray[np.uint8] | None = None
    """1 where the picture is judged, 0 under a mask."""
    factor: Grey | None = None
    """By how much the difference needed is another."""
    absorb_s: Grey | None = None
    """Where what stands still is absorbed later than elsewhere."""


@dataclass(frozen=True, slots=True)
class Blob:
    """One connected part that is not background. ``area_ratio`` is its share of the picture."""

    box: Rectangle
    area_ratio: float
    contrast: float
    """Median difference from the background, grey levels."""
    mask: Mask
    """Its pixels, shape (90, 160)."""

    @property
    def strength(self) -> float:
        """0.5 for the faintest that counts, 1 for what nobody could overlook."""
        return min(1.0, 0.5 + self.contrast / 120.0 + self.area_ratio * 2.0)


@dataclass(frozen=True, slots=True)
class Foreground:
    """What one picture shows beside the background."""

    learning: bool = False
    global_change: bool = False
    changed_ratio: float = 0.0
    blobs: tuple[Blob, ...] = ()
    light_ratio: float = 0.0
    """Share of the picture that differs, but by its light only."""
    grey: Grey | None = None
    """The picture as compared, shape (90, 160); None while learning."""


class Background:
    """The model of one view."""

    def __init__(self, config: BackgroundConfig | None = None) -> None:
        self._config = config or BackgroundConfig()
        self._first: list[Grey] = []
        self._mean: Grey | None = None
        self._deviation = np.full((HEIGHT_PX, WIDTH_PX), _START_DEVIATION, np.float32)
        self._restless = np.zeros((HEIGHT_PX, WIDTH_PX), np.float32)
        self._was_changed = np.zeros((HEIGHT_PX, WIDTH_PX), np.uint8)
        self._second = _SecondLayer()
        self._last_s: float | None = None
        self._attention = Attention()

    def attend(self, attention: Attention) -> None:
        """From the next picture on look there, and so closely."""
        self._attention = attention

    def standing(self, *, at_s: float, least_s: float) -> Mask:
        """Where something that is not the place has stood still for ``least_s``, shape (90, 160)."""
        return self._second.standing(at_s=at_s, least_s=least_s)

    @property
    def mean(self) -> Grey | None:
        """The place as learned, shape (90, 160); None while learning."""
        return self._mean

    def observe(self, image: Image, *, at_s: float, learn: bool = True) -> Foreground:
        """Compare a grey picture of any size with the background, and learn from it.

        ``at_s`` is monotonic seconds. With ``learn`` false nothing is learned: a picture between key frames.
        """
        grey = shrink(image)
        if self._mean is None:
            self._begin(grey)
            return Foreground(learning=True)
        elapsed_s = 0.0 if self._last_s is None else min(max(at_s - self._last_s, 0.0), 30.0)
        expected = relit(self._mean, grey)
        residual = grey - expected
        changed = self._changed(residual)
        changed_ratio = cv2.countNonZero(changed) / changed.size
        if changed_ratio > self._config.global_ratio:
            if learn:
                self._mean += 0.5 * (grey - self._mean)
                self._last_s = at_s
            return Foreground(global_change=True, changed_ratio=changed_ratio, grey=grey)
        blobs, lights = self._blobs(changed, grey, expected, residual)
        if learn:
            taken = lights.copy()
            for blob in blobs:
                taken |= blob.mask.view(np.uint8)
            self._learn(grey, residual, changed, taken, at_s=at_s, elapsed_s=elapsed_s)
            self._last_s = at_s
        return Foreground(
            changed_ratio=changed_ratio,
            blobs=blobs,
            light_ratio=cv2.countNonZero(lights) / lights.size,
            grey=grey,
        )

    def _begin(self, grey: Grey) -> None:
        self._first.append(grey)
        if len(self._first) >= self._config.learn_frames:
            first = np.stack(self._first)
            self._mean = np.median(first, axis=0).astype(np.float32)
            self._deviation = np.maximum(0.5 * np.ptp(first, axis=0), _START_DEVIATION).astype(np.float32)
            np.clip(self._deviation, *_DEVIATION_BOUNDS, out=self._deviation)
            self._first = []

    def _changed(self, residual: Grey) -> npt.NDArray[np.uint8]:
        """1 where a pixel and most of its neighbours differ more than they are used to, else 0."""
        limit = np.maximum(self._deviation * self._config.deviations, self._config.floor_levels)
        limit *= 1.0 + _RESTLESS_FACTOR * self._restless
        if self._attention.factor is not None:
            limit *= self._attention.factor
        raw = (np.abs(residual) > limit).astype(np.uint8)
        if self._attention.judged is not None:  # before neighbours are counted: nothing reaches out of a mask
            raw &= self._attention.judged
        crowd = cv2.boxFilter(raw, -1, (3, 3), normalize=False, borderType=cv2.BORDER_REPLICATE)
        changed = np.asarray(crowd >= 4, np.uint8)
        return changed if self._attention.judged is None else changed & self._attention.judged

    def _blobs(
        self, changed: npt.NDArray[np.uint8], grey: Grey, expected: Grey, residual: Grey
    ) -> tuple[tuple[Blob, ...], npt.NDArray[np.uint8]]:
        assert self._mean is not None
        least = self._config.blob_ratio * changed.size
        if cv2.countNonZero(changed) < least:
            return (), np.zeros_like(changed)
        joined = cv2.dilate(changed, _CROSS)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
        found: list[Blob] = []
        lights = np.zeros_like(changed)
        light, sway = _Light(grey, expected), _Sway(grey, expected, self._deviation)
        for label in range(1, count):
            left, top, width, height = (int(v) for v in stats[label, :4])
            part = (slice(top, top + height), slice(left, left + width))
            inside = (labels[part] == label) & (changed[part] == 1)
            if int(np.count_nonzero(inside)) < least:
                continue
            if _is_written(inside, grey[part], self._mean[part], expected[part]):
                continue  # and learned like the place around it
            lit = _is_light(inside, grey[part], expected[part], residual[part])
            if lit or light.explains(inside, part):
                lights[part] |= inside.view(np.uint8)
                stands = None if lit else light.beside(inside, least=least)
                if stands is None:
                    continue
                lights[part] &= ~stands.view(np.uint8)
                inside = stands
            if not sway.explains(inside, part):  # else it is learned: the place has a leaf more that moves
                found.append(_blob(inside, part, residual))
        return tuple(sorted(found, key=lambda blob: -blob.area_ratio)), lights

    def _learn(
        self,
        grey: Grey,
        residual: Grey,
        changed: npt.NDArray[np.uint8],
        taken: npt.NDArray[np.uint8],
        *,
        at_s: float,
        elapsed_s: float,
    ) -> None:
        assert self._mean is not None
        follow = _share(elapsed_s, self._config.follow_s)
        restless = _share(elapsed_s, self._config.restless_s)
        free = 1.0 - cv2.dilate(taken, _CROSS).astype(np.float32)
        self._mean += (follow * free) * (grey - self._mean)
        # 1.25 x the mean absolute difference of a normal distribution is its deviation
        self._deviation += (0.5 * follow * free) * (1.25 * np.abs(residual) - self._deviation)
        np.clip(self._deviation, *_DEVIATION_BOUNDS, out=self._deviation)
        self._restless += restless * ((changed ^ self._was_changed) - self._restless)
        self._was_changed = changed
        later_s = self._attention.absorb_s
        absorb_s = self._config.absorb_s if later_s is None else later_s
        self._second.learn(self._mean, grey, taken, at_s=at_s, absorb_s=absorb_s)


class _SecondLayer:
    """What may replace the background: what stands still before it, and what it hid.

    Law: a thing becomes background when it has stood still for ``absorb_s``; what it hid comes back at once.
    """

    def __init__(self) -> None:
        shape = (HEIGHT_PX, WIDTH_PX)
        self._standing = np.zeros(shape, np.float32)
        self._since_s = np.zeros(shape, np.float64)
        self._stands = np.zeros(shape, np.bool_)
        self._hidden = np.zeros(shape, np.float32)
        self._hides = np.zeros(shape, np.bool_)

    def standing(self, *, at_s: float, least_s: float) -> Mask:
        """Which pixels hold for ``least_s`` what is no background."""
        return np.asarray(self._stands & (at_s - self._since_s >= least_s), np.bool_)

    def learn(
        self, mean: Grey, grey: Grey, taken: npt.NDArray[np.uint8], *, at_s: float, absorb_s: float | Grey
    ) -> None:
        """Look at the pixels that are ``taken``; change ``mean`` in place where their time has come."""
        present = taken.astype(np.bool_)
        if not present.any():
            self._stands = present
            return
        stands = present & self._stands & (np.abs(grey - self._standing) < _SAME_LEVELS)
        fresh = present & ~stands
        self._standing[fresh] = grey[fresh]
        self._since_s[fresh] = at_s
        self._stands = present
        returned = present & self._hides & (np.abs(grey - self._hidden) < _SAME_LEVELS)
        mean[returned] = grey[returned]
        self._hides &= ~returned
        settled = stands & ~returned & (at_s - self._since_s >= absorb_s)
        self._hidden[settled] = mean[settled]
        self._hides |= settled
        mean[settled] = self._standing[settled]


def _blob(inside: Mask, part: tuple[slice, slice], residual: Grey) -> Blob:
    """A blob from its pixels in a part of the picture; its box has a pixel more on all sides."""
    mask = np.zeros((HEIGHT_PX, WIDTH_PX), np.bool_)
    mask[part] = inside
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = Rectangle(
        max(int(columns[0]) - 1, 0) / WIDTH_PX,
        max(int(rows[0]) - 1, 0) / HEIGHT_PX,
        min(int(columns[-1]) + 2, WIDTH_PX) / WIDTH_PX,
        min(int(rows[-1]) + 2, HEIGHT_PX) / HEIGHT_PX,
    )
    contrast = quantile(np.abs(residual[part][inside]), 0.5)
    return Blob(box, int(np.count_nonzero(inside)) / mask.size, contrast, mask)


def shrink(image: Image) -> Grey:
    """A grey picture at the model's size, as float32."""
    small = cv2.resize(image, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def relit(mean: Grey, grey: Grey) -> Grey:
    """``mean`` as it would look in the light of ``grey``: the gain and offset most pixels agree on."""
    x, y = mean[::2, ::2].ravel(), grey[::2, ::2].ravel()
    gain, offset = 1.0, quantile(y - x, 0.5)
    if abs(offset) > _ODD_LEVELS:
        gain, offset = _first_guess(x, y, offset)
    for _ in range(2):
        error = np.abs(y - (gain * x + offset))
        agreeing = error <= max(3.0 * quantile(error, 0.5), 6.0)
        a, b = x[agreeing], y[agreeing]
        spread = float(a.var())
        if spread < 25.0:  # a plain picture: its gain cannot be told from its offset
            offset = float(b.mean() - gain * a.mean())
            continue
        gain = float(np.clip(((a - a.mean()) * (b - b.mean())).mean() / spread, 0.4, 2.5))
        offset = float(b.mean() - gain * a.mean())
    return np.asarray(np.clip(gain * mean + offset, 0.0, 255.0), np.float32)


def _first_guess(x: Grey, y: Grey, offset: float) -> tuple[float, float]:
    """Gain and offset to begin with: a gain of 1, or the one the whole contrast tells, if more agree on it.

    Where most of the picture is one plain wall, what agrees on a gain of 1 is that wall alone.
    """
    gain = float(np.clip(y.std() / max(float(x.std()), 1.0), 0.4, 2.5))
    other = quantile(y - gain * x, 0.5)
    agreeing = (
        np.count_nonzero(np.abs(y - x - offset) <= 6.0),
        np.count_nonzero(np.abs(y - gain * x - other) <= 6.0),
    )
    return (gain, other) if agreeing[1] > agreeing[0] else (1.0, offset)


def _is_written(inside: Mask, grey: Grey, mean: Grey, expected: Grey) -> bool:
    """Whether a blob is what the camera writes into its picture: the light of the place changed and its own
    did not, so that it lies between the place as learned and as expected now, with the structure it had."""
    now, before, lit = grey[inside], mean[inside], expected[inside]
    between = (now >= np.minimum(before, lit) - _WRITTEN_NOISE) & (
        now <= np.maximum(before, lit) + _WRITTEN_NOISE
    )
    lights_much = quantile(np.abs(lit - before), 0.5) > 2 * _WRITTEN_NOISE
    if not lights_much or int(np.count_nonzero(between)) < _WRITTEN_RATIO * between.size:
        return False
    return float(before.std()) > 6.0 and correlation(now, before) > _WRITTEN_ALIKE


class _Light:
    """Whether a blob is only light on what stands there, however much it is and wherever it fades.

    Light keeps the fine structure of a place, strengthened or weakened, and has no border of its own; a thing
    hides what stood there and has one. Judged pixel by pixel, since light is another in each.
    """

    def __init__(self, grey: Grey, expected: Grey) -> None:
        self._grey, self._expected = grey, expected
        self._explained: Mask = np.zeros((0, 0), np.bool_)

    def explains(self, inside: Mask, part: tuple[slice, slice]) -> bool:
        """For one blob, given as a part of the picture and its pixels in that part."""
        rows, columns = part
        top, left = min(rows.start, _MARGIN_PX), min(columns.start, _MARGIN_PX)
        wide = (
            slice(rows.start - top, rows.stop + _MARGIN_PX),
            slice(columns.start - left, columns.stop + _MARGIN_PX),
        )
        explained = self._by_pixel(self._grey[wide], self._expected[wide])
        body = np.zeros(explained.shape, np.uint8)
        body[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
        around = cv2.dilate(body, _CROSS) != 0
        self._explained = explained[top : top + inside.shape[0], left : left + inside.shape[1]]
        return int(np.count_nonzero(explained[around])) >= _LIGHT_RATIO * int(np.count_nonzero(around))

    def beside(self, inside: Mask, *, least: float) -> Mask | None:
        """Of the blob just found to be light, what stands in it; None when nothing does."""
        other = (inside & ~self._explained).astype(np.uint8)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(
            cv2.morphologyEx(other, cv2.MORPH_OPEN, _CROSS), connectivity=8
        )
        largest = max(range(1, count), key=lambda label: int(stats[label, 4]), default=0)
        if not largest or stats[largest, 4] < _STANDING_FACTOR * least:
            return None
        return np.asarray(labels == largest, np.bool_)

    @staticmethod
    def _by_pixel(grey: Grey, expected: Grey) -> Mask:
        now, before = grey - cv2.blur(grey, _FINE), expected - cv2.blur(expected, _FINE)
        power_now, power_before = cv2.blur(now * now, _FINE), cv2.blur(before * before, _FINE)
        alike = cv2.blur(now * before, _FINE) / np.sqrt(power_now * power_before + 1e-3)
        smooth = np.maximum(power_now, power_before) < _SMOOTH_POWER
        glare = (grey > _GLARE_LEVELS) & (expected > _BRIGHT_LEVELS)
        return np.asarray((alike > _ALIKE) | smooth | glare, np.bool_)


class _Sway:
    """Whether a blob is only what stands there anyway, moved by the wind.

    Leaves that sway show what the place shows a pixel or two beside, and their place was restless before: it
    deviates more than the rest of the picture. Measured on rendered wind (7 to 12 px of 1280): the places of
    such blobs deviate by 4.2 levels and more, and 67 % and more of them are in the range of their neighbours;
    those of persons and cars on a path between the trees deviate by 1.5, and 10 to 79 % are in it.
    """

    def __init__(self, grey: Grey, expected: Grey, deviation: Grey) -> None:
        self._grey, self._expected, self._deviation = grey, expected, deviation
        self._beyond: Grey | None = None
        self._restless_levels = 0.0

    def explains(self, inside: Mask, part: tuple[slice, slice]) -> bool:
        """For one blob, given as a part of the picture and its pixels in that part."""
        if self._beyond is None:
            self._restless_levels = max(_SWAY_LEVELS, _SWAY_FACTOR * quantile(self._deviation.ravel(), 0.5))
            highest, lowest = cv2.dilate(self._expected, _NEAR), cv2.erode(self._expected, _NEAR)
            self._beyond = np.asarray(np.maximum(self._grey - highest, lowest - self._grey), np.float32)
        if quantile(self._deviation[part][inside], 0.5) < self._restless_levels:
            return False
        within = np.count_nonzero(self._beyond[part][inside] <= _SWAY_NOISE)
        return int(within) >= _SWAY_RATIO * int(np.count_nonzero(inside))


def correlation(a: Grey, b: Grey) -> float:
    """How alike two pictures are beyond brightness and contrast, -1 to 1; 0 when one of them is plain."""
    a = a - a.mean()
    b = b - b.mean()
    size = math.sqrt(float((a * a).sum()) * float((b * b).sum()))
    return float((a * b).sum()) / size if size > a.size else 0.0


def quantile(values: Grey, share: float) -> float:
    """The value that ``share`` of at least one value reach (numpy's own takes ten times as long for few)."""
    place = min(int(share * values.size), values.size - 1)
    return float(np.partition(values, place)[place])


def _is_light(inside: Mask, grey: Grey, expected: Grey, residual: Grey) -> bool:
    """Whether a blob only lights or shades what stood there: the same structure, or no edge of its own."""
    before = expected[inside]
    if float(before.std()) > 6.0 and correlation(grey[inside], before) > _SAME_STRUCTURE:
        return True
    if int(np.count_nonzero(inside)) < _SOFT_LEAST_PX:
        return False
    shape = inside.astype(np.uint8)
    border = cv2.dilate(shape, _CROSS) != cv2.erode(shape, _CROSS, borderType=cv2.BORDER_REPLICATE)
    strength = quantile(np.abs(residual[inside]), 0.8)
    slope, stood = _slope(residual), _slope(expected)
    gone = (_slope(grey) < _GONE_RATIO * stood) & (grey < _GLARE_LEVELS)  # light takes no edge away
    sharp = (border | inside) & (slope > _SHARP_SLOPE * strength) & ((slope > stood) | gone)
    return int(np.count_nonzero(sharp)) < _SHARP_RATIO * int(np.count_nonzero(border))


def _slope(picture: Grey) -> Grey:
    """Grey levels by which a picture changes in a pixel."""
    across, down = cv2.Sobel(picture, cv2.CV_32F, 1, 0), cv2.Sobel(picture, cv2.CV_32F, 0, 1)
    return np.asarray(cv2.magnitude(across, down) / 8.0, np.float32)


def _share(elapsed_s: float, constant_s: float) -> float:
    """The part of a difference an exponential filter takes in after ``elapsed_s``."""
    return 1.0 - math.exp(-elapsed_s / constant_s)
