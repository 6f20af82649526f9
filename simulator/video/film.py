"""From scenes and files to raw pictures as a sensor delivers them: fault of the lens, noise, burnt-in text.

Order as in a camera: light, lens, sensor noise, then the text that its processor burns in.
"""

from __future__ import annotations

import datetime as dt
import functools
import math
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

from simulator.video.blemish import BLEMISHES
from simulator.video.clip import Clip
from simulator.video.encoder import I420, encode
from simulator.video.model import BLIND, Picture, ProfileSpec, Reel, Sighting, VideoError
from simulator.video.scenes import Hour, Scene, scene_named
from simulator.video.stage import Stage, sightings
from simulator.video.texture import fractal

MAX_FILE_FPS = 25
MAX_FILE_S = 600
STILL_LOOP_S = 8  # how long a loop is in which nothing happens
TEXT_RATIO = (0.02, 0.025, 0.52, 0.085)
"""Left, top, right, bottom of the burnt-in clock, as ratios of the picture."""
LABEL_RATIO = (0.66, 0.905, 0.99, 0.985)
"""The same for the camera's name."""

Plane = npt.NDArray[np.uint8]
_MARGIN_PX = 256  # so many places to take noise from that neighbours in time differ
_COLOUR_NOISE = 0.45  # of that of brightness
_NOISE = {Hour.DAY: 1.8, Hour.DUSK: 3.2, Hour.NIGHT: 5.5, Hour.INDOOR: 2.2}
_CLOCKS = {Hour.DAY: 14, Hour.DUSK: 18, Hour.NIGHT: 23, Hour.INDOOR: 10}
_LETTER_GREY, _RIM_GREY = 228, 22
_DAY = dt.datetime(2025, 6, 18, tzinfo=dt.UTC)
Take = Iterator[tuple[Plane, Plane, Plane]]
"""Pictures as planes Y, U, V."""


def bake(reel: Reel) -> Clip:
    """Render and encode one clip.

    Raises VideoError for an unknown scene or an unreadable file, KeyError for an unknown action.
    """
    if isinstance(reel.source, Path):
        return _bake_file(reel, reel.source)
    return _bake_scene(reel, scene_named(reel.source))


@dataclass(frozen=True, slots=True)
class Sensor:
    """Noise of a sensor: its own for every pixel of every picture.

    Noise is drawn once, larger than the picture; each picture gets another part of it. What it adds and what
    it takes away are apart, because saturating 8-bit sums are what the processor does fastest.
    """

    grain: tuple[Plane, Plane]
    colour_grain: tuple[Plane, Plane]
    rng: np.random.Generator

    @classmethod
    def of(cls, width: int, height: int, deviation: float, seed: int) -> Sensor:
        rng = np.random.default_rng(seed)
        size = (height + _MARGIN_PX, width + _MARGIN_PX)
        grain = rng.standard_normal(size, np.float32) * np.float32(deviation)
        half = (height // 2 + _MARGIN_PX // 2, width // 2 + _MARGIN_PX // 2)
        small = rng.standard_normal(half, np.float32) * np.float32(deviation * _COLOUR_NOISE)
        return cls(_more_and_less(grain), _more_and_less(small), rng)

    def expose(self, plane: Plane, *, colour: bool = False) -> Plane:
        """`plane` with fresh noise."""
        more, less = self.colour_grain if colour else self.grain
        height, width = plane.shape
        y = int(self.rng.integers(more.shape[0] - height + 1))
        x = int(self.rng.integers(more.shape[1] - width + 1))
        part = (slice(y, y + height), slice(x, x + width))
        return np.asarray(cv2.subtract(cv2.add(plane, more[part]), less[part]), np.uint8)


def _more_and_less(noise: npt.NDArray[np.float32]) -> tuple[Plane, Plane]:
    steps = np.rint(noise)
    return np.asarray(np.clip(steps, 0, 255), np.uint8), np.asarray(np.clip(-steps, 0, 255), np.uint8)


def _bake_scene(reel: Reel, scene: Scene) -> Clip:
    script = scene.script(reel.action)
    seconds = STILL_LOOP_S if reel.picture in BLIND and reel.picture is not Picture.FROZEN else script.seconds
    seen = () if reel.picture in BLIND else sightings(scene, reel.action)
    deviation = scene_noise(scene)
    burn = functools.partial(burn_text, hour=scene.hour, label=scene.label)
    take = _scene_take(scene, reel, seconds)
    if reel.picture is Picture.MOVED:
        seen = tuple(_moved_sighting(sighting) for sighting in seen)
    return _develop(take, reel, deviation=deviation, seen=seen, burn=burn)


def scene_noise(scene: Scene) -> float:
    """Deviation of the sensor's noise in grey levels."""
    return scene.noise or _NOISE[scene.hour]


def _scene_take(scene: Scene, reel: Reel, seconds: int) -> Take:
    profile = reel.profile
    stage = Stage(scene, scene.script(reel.action), width=profile.width, height=profile.height)
    for number in range(seconds * profile.fps):
        yield planes_of(stage.picture(number / profile.fps))


def _bake_file(reel: Reel, path: Path) -> Clip:
    fps, size = _file_shape(path, reel.profile)
    profile = replace(reel.profile, width=size[0], height=size[1], fps=fps, gop=2 * fps)
    return _develop(
        _file_take(path, profile), replace(reel, profile=profile), deviation=0.0, seen=(), burn=None
    )


def _develop(
    take: Take,
    reel: Reel,
    *,
    deviation: float,
    seen: tuple[Sighting, ...],
    burn: Callable[[Plane, float], None] | None,
) -> Clip:
    profile = reel.profile
    if reel.picture is Picture.FROZEN:
        return encode(_frozen(take, profile, deviation, burn), profile, still=True)
    return encode(_exposed(take, reel, deviation, burn), profile, sightings=seen)


def _exposed(
    take: Take, reel: Reel, deviation: float, burn: Callable[[Plane, float], None] | None
) -> Iterator[I420]:
    profile = reel.profile
    noise = {Picture.COVERED: max(deviation, 4.0), Picture.DARK: max(deviation, 3.0)}.get(
        reel.picture, deviation
    )
    sensor = Sensor.of(profile.width, profile.height, noise, zlib.crc32(str(reel).encode()))
    lens = _LENSES.get(reel.picture, _as_is)
    blemish = BLEMISHES[reel.picture] if reel.picture not in _LENSES else None
    for number, planes in enumerate(take):
        y, u, v = lens(*planes)
        if blemish is not None and blemish.before_sensor:
            y, u, v = blemish.apply((y, u, v), _BLEMISH_STRENGTH, number, 0)
        if noise:
            y, u, v = sensor.expose(y), sensor.expose(u, colour=True), sensor.expose(v, colour=True)
        if blemish is not None and not blemish.before_sensor:
            y, u, v = blemish.apply((y, u, v), _BLEMISH_STRENGTH, number, 0)
        if burn is not None:
            burn(y, number / profile.fps)
        yield packed(y, u, v)


def _frozen(
    take: Take, profile: ProfileSpec, deviation: float, burn: Callable[[Plane, float], None] | None
) -> Iterator[I420]:
    y, u, v = next(take)
    sensor = Sensor.of(profile.width, profile.height, deviation, 1)
    if deviation:
        y, u, v = sensor.expose(y), sensor.expose(u, colour=True), sensor.expose(v, colour=True)
    if burn is not None:
        burn(y, 0.0)
    picture = packed(y, u, v)
    for _ in range(profile.gop):
        yield picture


def _covered(y: Plane, u: Plane, v: Plane) -> tuple[Plane, Plane, Plane]:
    """Cloth: weave too near to be sharp, a little light through it."""
    return _cloth(*y.shape), np.full_like(u, 127), np.full_like(v, 129)


@functools.lru_cache(maxsize=4)
def _cloth(height: int, width: int) -> Plane:
    folds = fractal(height, width, 3, coarsest_px=max(8, height // 2), roughness=0.25)
    return np.asarray(np.clip(44 + 2.5 * folds, 16, 235), np.uint8)


def _dark(y: Plane, u: Plane, v: Plane) -> tuple[Plane, Plane, Plane]:
    return _toned(y, 0.035, 16), _pale(u, 0.2), _pale(v, 0.2)


def _over_bright(y: Plane, u: Plane, v: Plane) -> tuple[Plane, Plane, Plane]:
    return np.minimum(_toned(y, 0.30, 190), 238), _pale(u, 0.3), _pale(v, 0.3)


def _blurred(y: Plane, u: Plane, v: Plane) -> tuple[Plane, Plane, Plane]:
    sigma = y.shape[0] / 72
    return _soft(y, sigma), _soft(u, sigma / 2), _soft(v, sigma / 2)


def _moved(y: Plane, u: Plane, v: Plane) -> tuple[Plane, Plane, Plane]:
    return _turned(y), _turned(u), _turned(v)


def _as_is(y: Plane, u: Plane, v: Plane) -> tuple[Plane, Plane, Plane]:
    return y.copy(), u, v


_LENSES: dict[Picture, Callable[[Plane, Plane, Plane], tuple[Plane, Plane, Plane]]] = {
    Picture.NORMAL: _as_is,
    Picture.COVERED: _covered,
    Picture.DARK: _dark,
    Picture.OVER_BRIGHT: _over_bright,
    Picture.BLURRED: _blurred,
    Picture.MOVED: _moved,
}
_BLEMISH_STRENGTH = 0.6
_TURN_DEGREES, _TURN_ZOOM, _TURN_SHIFT = 7.0, 1.35, (0.16, -0.07)


def _toned(plane: Plane, gain: float, offset: float) -> Plane:
    table = np.clip(np.arange(256) * gain + offset, 16, 240).astype(np.uint8)
    return np.asarray(cv2.LUT(plane, table), np.uint8)


def _pale(plane: Plane, gain: float) -> Plane:
    table = np.clip((np.arange(256) - 128) * gain + 128, 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(plane, table), np.uint8)


def _soft(plane: Plane, sigma: float) -> Plane:
    small = cv2.resize(
        plane, (max(2, plane.shape[1] // 4), max(2, plane.shape[0] // 4)), interpolation=cv2.INTER_AREA
    )
    small = cv2.GaussianBlur(small, (0, 0), sigma / 4 * 2)
    return np.asarray(
        cv2.resize(small, (plane.shape[1], plane.shape[0]), interpolation=cv2.INTER_CUBIC), np.uint8
    )


def _turn_matrix(height: int, width: int) -> npt.NDArray[np.float64]:
    matrix = np.asarray(
        cv2.getRotationMatrix2D((width / 2, height / 2), _TURN_DEGREES, _TURN_ZOOM), np.float64
    )
    matrix[:, 2] += (_TURN_SHIFT[0] * width, _TURN_SHIFT[1] * height)
    return matrix


def _turned(plane: Plane) -> Plane:
    height, width = plane.shape
    matrix = _turn_matrix(height, width)
    turned = cv2.warpAffine(
        plane, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    return np.asarray(turned, np.uint8)


def _moved_sighting(sighting: Sighting) -> Sighting:
    """Where a mover appears after the camera was turned (the box around its turned box)."""
    matrix = _turn_matrix(9, 16)
    track = []
    for at, x, y, w, h in sighting.track:
        corners = np.asarray([[x, y], [x + w, y], [x, y + h], [x + w, y + h]]) * (16, 9)
        turned = (corners @ matrix[:, :2].T + matrix[:, 2]) / (16, 9)
        (left, top), (right, bottom) = np.clip(turned.min(axis=0), 0, 1), np.clip(turned.max(axis=0), 0, 1)
        if right - left > 0.002 and bottom - top > 0.002:
            box = (float(left), float(top), float(right - left), float(bottom - top))
            track.append((at, round(box[0], 4), round(box[1], 4), round(box[2], 4), round(box[3], 4)))
    if not sighting.track or not track:
        return replace(sighting, track=())
    return Sighting(sighting.what, track[0][0], track[-1][0], tuple(track))


def planes_of(picture: npt.NDArray[np.uint8]) -> tuple[Plane, Plane, Plane]:
    height, width = picture.shape[:2]
    packed = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420), np.uint8)
    quarter = height // 2 * (width // 2)
    flat = packed.reshape(-1)
    at = height * width
    shape = (height // 2, width // 2)
    return packed[:height], flat[at : at + quarter].reshape(shape), flat[at + quarter :].reshape(shape)


def packed(y: Plane, u: Plane, v: Plane) -> I420:
    flat = np.concatenate((y.reshape(-1), u.reshape(-1), v.reshape(-1)))
    return flat.reshape(y.shape[0] * 3 // 2, y.shape[1])


def burn_text(plane: Plane, at_s: float, *, hour: Hour, label: str) -> None:
    """The clock (changes every second) upper left, the camera's name lower right."""
    height, width = plane.shape
    now = _DAY.replace(hour=_CLOCKS[hour], minute=26) + dt.timedelta(seconds=math.floor(at_s + 1e-6))
    _stamp(plane, _text(f"{now:%Y-%m-%d %a %H:%M:%S}", height), TEXT_RATIO[0], TEXT_RATIO[1])
    name = _text(label, height)
    _stamp(plane, name, LABEL_RATIO[2] - name[0].shape[1] / width, LABEL_RATIO[3] - name[0].shape[0] / height)


@functools.lru_cache(maxsize=64)
def _text(text: str, height: int) -> tuple[Plane, Plane]:
    """White letters with a black rim: how much is left of what lies behind (0..255), and what is added."""
    scale, thick = height / 720 * 0.95, max(1, round(height / 420))
    (w, h), base = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, scale, thick)
    letters = np.zeros((h + base + 4, w + 6), np.uint8)
    cv2.putText(letters, text, (3, h + 1), cv2.FONT_HERSHEY_DUPLEX, scale, (255,), thick, cv2.LINE_AA)
    rim = cv2.dilate(letters, np.ones((3, 3), np.uint8))  # a thicker stroke would be set wider
    light, dark = letters.astype(np.float32) / 255, rim.astype(np.float32) / 255
    left = (1 - light) * (1 - dark)
    added = light * _LETTER_GREY + (1 - light) * dark * _RIM_GREY
    return np.asarray(left * 255, np.uint8), np.asarray(added, np.uint8)


def _stamp(plane: Plane, text: tuple[Plane, Plane], left: float, top: float) -> None:
    y, x = round(top * plane.shape[0]), round(left * plane.shape[1])
    region = plane[y : y + text[0].shape[0], x : x + text[0].shape[1]]
    remains, added = (part[: region.shape[0], : region.shape[1]] for part in text)
    region[:] = cv2.add(cv2.multiply(region, remains, scale=1 / 255), added)


def _file_shape(path: Path, profile: ProfileSpec) -> tuple[int, tuple[int, int]]:
    """Pictures a second and the size a file is played at: its own, within the profile's box."""
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise VideoError(f"{path}: 没有视频 / holds no video")
            stream = container.streams.video[0]
            rate = stream.average_rate or stream.guessed_rate
            width, height = stream.width, stream.height
    except (av.FFmpegError, OSError) as error:
        raise VideoError(f"{path}: 无法读取 / cannot be read: {error}") from error
    fps = max(1, min(MAX_FILE_FPS, round(float(rate)))) if rate else profile.fps
    shrink = min(1.0, profile.width / width, profile.height / height)
    return fps, (int(width * shrink) // 2 * 2, int(height * shrink) // 2 * 2)


def _file_take(path: Path, profile: ProfileSpec) -> Take:
    """A file's pictures at even `profile.fps`, by their time stamps: left out or repeated as needed."""
    due = 0
    last: tuple[Plane, Plane, Plane] | None = None
    start: float | None = None
    try:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                at = frame.time if frame.time is not None else due / profile.fps
                start = at if start is None else start
                while last is not None and due / profile.fps < at - start - 0.5 / profile.fps:
                    yield last
                    due += 1
                    if due >= MAX_FILE_S * profile.fps:
                        return
                small = frame.reformat(profile.width, profile.height, format="yuv420p", interpolation="AREA")
                last = _split(np.asarray(small.to_ndarray(), np.uint8), profile)
    except (av.FFmpegError, OSError) as error:
        if last is None:
            raise VideoError(f"{path}: 无法解码 / cannot be decoded: {error}") from error
    if last is not None:
        yield last


def _split(packed: npt.NDArray[np.uint8], profile: ProfileSpec) -> tuple[Plane, Plane, Plane]:
    height, width = profile.height, profile.width
    flat, at, quarter = packed.reshape(-1), height * width, height * width // 4
    shape = (height // 2, width // 2)
    return (
        packed[:height],
        flat[at : at + quarter].reshape(shape),
        flat[at + quarter : at + 2 * quarter].reshape(shape),
    )
