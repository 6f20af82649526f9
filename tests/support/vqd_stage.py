"""Key frames of healthy, broken and bad-weather pictures, encoded and decoded as cameras and boxes do.

Scenes are the simulator's and the real clips; faults and weather are put in before encoding. A shot is what
the judge is given of one key frame; a run plays shots two seconds apart, in simulated time.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np

from agent.detect.confirm import ConfirmConfig, Moment, PictureVerdict
from agent.detect.picture import PictureConfig, PictureJudge
from agent.detect.scene_judge import FAULT_TOPICS
from agent.model import Finding, Frame, Image, PictureFault
from agent.video.decoder import Decoder, chroma, luma
from simulator.video.blemish import BLEMISHES, Planes
from simulator.video.encoder import encode
from simulator.video.film import Sensor, burn_text, packed, planes_of, scene_noise
from simulator.video.model import ProfileSpec
from simulator.video.scenes import Hour, scene_named
from simulator.video.stage import Stage
from simulator.video.weather import WEATHERS
from tests.support.footage import folder, pictures

WIDTH, HEIGHT = 640, 360
GOP_S: Final = 2.0
SHOTS: Final = 16
"""Different pictures in a loop."""
_KEYS: Final = ProfileSpec("vqd", WIDTH, HEIGHT, 1, 1)
"""Key frames alone, each as large as in a stream of 300 kbit/s with one every two seconds."""

FAULTS: Final = {
    "dark": PictureFault.DARK,
    "over_bright": PictureFault.OVER_BRIGHT,
    "blurred": PictureFault.BLURRED,
    "frozen": PictureFault.FROZEN,
    "covered": PictureFault.COVERED,
    "colour_cast": PictureFault.COLOUR_CAST,
    "noisy": PictureFault.NOISY,
    "striped": PictureFault.STRIPED,
    "low_contrast": PictureFault.LOW_CONTRAST,
    "grey": PictureFault.GREY,
    "shaking": PictureFault.SHAKING,
    "moved": PictureFault.SCENE_CHANGED,
}


@dataclass(frozen=True)
class Shot:
    """What the judge sees of one key frame."""

    image: Image
    chroma: Image | None


@dataclass(frozen=True)
class Base:
    """A healthy view: its pictures before the sensor, its noise, and whether it is day."""

    name: str
    takes: tuple[Planes, ...]
    noise: float
    burn: Callable[[Image, float], None] | None
    daylight: bool | None


@functools.lru_cache(maxsize=8)
def scene(name: str, *, clock: bool = True) -> Base:
    """A rendered scene."""
    found = scene_named(name)
    stage = Stage(found, found.loop, width=WIDTH, height=HEIGHT)
    seconds = found.loop.seconds
    takes = tuple(planes_of(stage.picture(n * seconds / SHOTS)) for n in range(SHOTS))
    daylight = {Hour.DAY: True, Hour.INDOOR: True, Hour.NIGHT: False, Hour.DUSK: None}[found.hour]
    burn = functools.partial(burn_text, hour=found.hour, label=found.label) if clock else None
    return Base(name, takes, scene_noise(found), burn, daylight)


@functools.lru_cache(maxsize=4)
def real(clip: str) -> Base:
    """A real clip, a picture a second or what it has."""
    path = folder() / clip
    every = list(itertools.islice(pictures(path, width=WIDTH, height=HEIGHT, fps=1.0), 60))
    picked = [every[round(n * (len(every) - 1) / (SHOTS - 1))] for n in range(SHOTS)]
    return Base(Path(clip).stem, tuple(planes_of(picture) for picture in picked), 1.0, None, True)


Change = Callable[[Planes, int], Planes]


def shots(
    base: Base,
    *,
    lens: Change | None = None,
    signal: Change | None = None,
    noise: float | None = None,
    count: int = SHOTS,
    seed: int = 1,
) -> list[Shot]:
    """Pictures of ``base`` as the box gets them. ``lens`` acts before the sensor, ``signal`` after it."""
    return list(developed(_exposed(base, lens, signal, base.noise if noise is None else noise, count, seed)))


def _exposed(
    base: Base, lens: Change | None, signal: Change | None, noise: float, count: int, seed: int
) -> Iterator[Image]:
    sensor = Sensor.of(WIDTH, HEIGHT, noise, seed)
    for number in range(count):
        y, u, v = base.takes[number % len(base.takes)]
        y, u, v = lens((y, u, v), number) if lens else (y.copy(), u, v)
        if noise:
            y, u, v = sensor.expose(y), sensor.expose(u, colour=True), sensor.expose(v, colour=True)
        if signal:
            y, u, v = signal((y, u, v), number)
        if base.burn:
            y = y.copy()
            base.burn(y, number * GOP_S)
        yield packed(y, u, v)


def developed(planes: Iterable[Image]) -> Iterator[Shot]:
    """Encode key frames and decode them again."""
    clip = encode(planes, _KEYS)
    decoder = Decoder("h264", None)
    for index in range(len(clip.units)):
        packet = av.Packet(clip.annexb(index))
        packet.is_keyframe = True
        frame = decoder.key(packet, follow=False)  # type: ignore[arg-type]  # made here, of no stream
        assert frame is not None
        yield Shot(luma(frame), chroma(frame))


def broken(base: Base, fault: str, strength: float, kind: int = 0) -> list[Shot]:
    """Pictures of ``base`` with a fault in them."""
    if fault == "frozen":
        return [shots(base, count=1)[0]] * 2
    blemish = BLEMISHES[fault]

    def change(planes: Planes, number: int) -> Planes:
        return blemish.apply(planes, strength, number, kind)

    noise = max(base.noise, 3.0) if fault in ("dark", "covered") else None
    if blemish.before_sensor:
        return shots(base, lens=change, noise=noise, seed=2)
    return shots(base, signal=change, seed=2)


def under(
    base: Base,
    weather: str,
    share: float = 1.0,
    *,
    noise: float | None = None,
    count: int = SHOTS,
    infrared: bool = False,
) -> list[Shot]:
    """Pictures of ``base`` in some weather; ``infrared``: by the camera's own lamp."""

    def seen(planes: Planes, number: int) -> Planes:
        planes = WEATHERS[weather](planes, share, number)
        return WEATHERS["infrared"](planes, 1.0, number) if infrared else planes

    return shots(base, lens=seen, noise=noise, count=count, seed=3)


def blended(first: Base, last: Base, steps: int) -> list[Shot]:
    """One hour's light changing into another's."""

    def between(planes: Planes, number: int) -> Planes:
        share = number / max(steps - 1, 1)
        other = last.takes[number % len(last.takes)]
        mixed = [cv2.addWeighted(a, 1 - share, b, share, 0) for a, b in zip(planes, other, strict=True)]
        return tuple(np.asarray(plane, np.uint8) for plane in mixed)  # type: ignore[return-value]

    return shots(first, lens=between, noise=max(first.noise, last.noise), count=steps, seed=4)


@dataclass(frozen=True)
class Stretch:
    """Shots repeated for some seconds; with ``spread`` each four of them for their share of the time."""

    shots: Sequence[Shot]
    seconds: float
    daylight: bool | None
    spread: bool = False

    def at(self, since_s: float) -> Shot:
        """The shot at some second."""
        if self.spread:
            fours = max(len(self.shots) // 4, 1)
            first = min(int(since_s / self.seconds * fours), fours - 1) * 4
            return self.shots[min(first + int(since_s / GOP_S) % 4, len(self.shots) - 1)]
        return self.shots[int(since_s / GOP_S) % len(self.shots)]


@dataclass
class Run:
    """Plays stretches one after the other through the box's picture judge and its confirmation."""

    fixed_view: bool = True
    confirm: ConfirmConfig = field(default_factory=ConfirmConfig)
    named: list[tuple[float, PictureFault]] = field(default_factory=list)
    """Confirmed faults, with the second at which each became so."""
    suspected: dict[PictureFault, str] = field(default_factory=dict)
    """What was seen without being confirmed, or before it, and why."""

    def play(self, stretches: Iterable[Stretch]) -> Run:
        """Returns itself."""
        daylight: list[bool | None] = [None]
        judge = PictureJudge(PictureConfig(fixed_view=self.fixed_view), daylight=lambda: daylight[0])
        verdict = PictureVerdict(self.confirm)
        at_s, fault = 0.0, None
        for stretch in stretches:
            daylight[0] = stretch.daylight
            for since_s in np.arange(0.0, stretch.seconds, GOP_S).tolist():
                shot = stretch.at(since_s)
                colours = shot.chroma if judge.due(at_s) else None
                opinions = judge.judge(Frame(shot.image, at_s, at_s, True, colours))
                for one in opinions:
                    if one.present:
                        self.suspected.setdefault(one.fault, f"{at_s:.0f} s {one.reason}")
                findings = [
                    Finding(FAULT_TOPICS[o.fault], o.present, o.score, o.reason, fault=o.fault)
                    for o in opinions
                ]
                time = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=at_s)
                state = verdict.see(findings, Moment(at_s, time))
                if state.fault is not fault:
                    fault = state.fault
                    if fault is not None:
                        self.named.append((at_s, fault))
                at_s += GOP_S
        return self
