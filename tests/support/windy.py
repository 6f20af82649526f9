"""Places with trees in wind, for tuning and for judging, with the truth about who was there.

Rendered scenes of the simulator, whose gusts here come and go without a period, and sensor noise. Pictures
are made for the moments asked for alone: key frames every 2 s, and 5 a second while a judge wants them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from agent.detect import EventDebouncer, Moment
from agent.model import Frame, Image
from agent.ports import FrameJudge
from agent.video.gate import MotionGate
from protocol.words import Phase, SceneTopic
from simulator.video.scenes import SCENES, Pass, Script
from simulator.video.stage import Stage, sightings
from tests.agent.detect.test_confirm import NOON

WIDTH, HEIGHT = 640, 360
_TURN_S = 37
"""The waves' own period: at a key frame every 2 s they come round after 74 s."""


@dataclass(frozen=True)
class WindyScene:
    """One place, how far leaves move (pixels of 1280x720), and who passes when."""

    name: str
    place: str
    wind: float
    passes: tuple[Pass, ...] = ()
    seconds: int = 400
    noise: float = 2.0
    seed: int = 1
    gusts: tuple[float, float, float] = (41.0, 97.0, 173.0)
    """Periods of the gusts, seconds, that fit into each other nowhere."""

    def truth(self) -> list[tuple[float, float]]:
        """From and to of each who is in view."""
        scene = replace(SCENES[self.place], loop=Script(self.seconds, self.passes))
        return [(s.from_s, s.to_s) for s in sightings(scene, None) if s.track]


class Camera:
    """Shows a scene at any moment, each picture with fresh noise."""

    def __init__(self, scene: WindyScene) -> None:
        self.scene = scene
        sim = replace(SCENES[scene.place], wind=scene.wind)
        self._stage = Stage(sim, Script(_TURN_S, scene.passes), width=WIDTH, height=HEIGHT)
        self._rng = np.random.default_rng(scene.seed)
        self._grain = self._rng.normal(0.0, scene.noise, (HEIGHT + 64, WIDTH + 64)).astype(np.float32)

    def look(self, at_s: float) -> Image:
        """The grey picture at a moment."""
        sway = self._stage._sway
        if sway is not None:
            sway._reach = self.scene.wind * WIDTH / 1280 * self._gust(at_s)
        grey = cv2.cvtColor(self._stage.picture(at_s), cv2.COLOR_BGR2GRAY).astype(np.float32)
        y, x = (int(v) for v in self._rng.integers(0, 64, 2))
        noisy = grey + self._grain[y : y + HEIGHT, x : x + WIDTH]
        return np.asarray(np.clip(np.rint(noisy), 0, 255), np.uint8)

    def _gust(self, at_s: float) -> float:
        waves = sum(math.sin(2 * math.pi * at_s / period + k) for k, period in enumerate(self.scene.gusts))
        return max(0.0, 0.8 + 0.45 * waves)


@dataclass
class Tally:
    """What a judge said of a scene after its first 30 s, against the truth."""

    right: int = 0
    wrong: int = 0
    """Key frames told moving with, and without, anybody in view."""
    there: int = 0
    """Key frames with somebody in view."""
    found: int = 0
    visits: int = 0
    events: int = 0
    false_events: int = 0
    wrong_at: list[float] = field(default_factory=list)

    def __add__(self, other: Tally) -> Tally:
        right, wrong, there, found, visits, events, false_events = (
            a + b for a, b in zip(_values(self), _values(other), strict=True)
        )
        return Tally(right, wrong, there, found, visits, events, false_events)

    @property
    def precision(self) -> float:
        return self.right / max(self.right + self.wrong, 1)

    @property
    def recall(self) -> float:
        return self.right / max(self.there, 1)


def _values(tally: Tally) -> tuple[int, ...]:
    t = tally
    return (t.right, t.wrong, t.there, t.found, t.visits, t.events, t.false_events)


def shown(scene: WindyScene, judge: FrameJudge, *, gop_s: float = 2.0, from_s: float = 30.0) -> Tally:
    """Show a scene as the box would see it: key frames, and 5 pictures a second for two GOPs after motion."""
    camera, truth, tally = Camera(scene), scene.truth(), Tally()
    bouncer = EventDebouncer(new_episode=lambda: "episode")
    told: list[tuple[float, float]] = []
    began_s, gate = 0.0, MotionGate()
    for frame in _frames(camera, gop_s, gate):
        findings = judge.judge(frame)
        moving = any(f.present and f.topic is SceneTopic.MOTION for f in findings)
        gate.saw(moving=moving, key=frame.key)
        if frame.key and frame.mono_s >= from_s:
            _count(tally, frame.mono_s, moving, truth)
        for event in bouncer.see(findings, Moment(frame.mono_s, NOON)):
            if event.topic is SceneTopic.MOTION:
                if event.phase is Phase.START:
                    began_s = frame.mono_s
                else:
                    told.append((began_s, frame.mono_s))
    told += [(began_s, float(scene.seconds)) for e in bouncer.close() if e.topic is SceneTopic.MOTION]
    judged = [(a, b) for a, b in told if a >= from_s]
    tally.events = len(judged)
    tally.false_events = sum(
        not any(a < gone + 1 and b > came - 1 for came, gone in truth) for a, b in judged
    )
    tally.visits = len(truth)
    tally.found = sum(any(a <= came + 4.0 + 0.5 and b >= came for a, b in told) for came, _ in truth)
    return tally


def _frames(camera: Camera, gop_s: float, gate: MotionGate) -> Iterator[Frame]:
    at_s = 0.0
    while at_s < camera.scene.seconds:
        yield Frame(camera.look(at_s), at_s, at_s, True)
        step = 1
        while gate.running and step * 0.2 < gop_s - 0.01:
            between_s = at_s + step * 0.2
            yield Frame(camera.look(between_s), between_s, between_s, False)
            step += 1
        at_s += gop_s


def _count(tally: Tally, at_s: float, moving: bool, truth: Sequence[tuple[float, float]]) -> None:
    there = any(came <= at_s <= gone for came, gone in truth)
    near = any(came - 0.5 <= at_s <= gone + 0.5 for came, gone in truth)
    tally.there += there
    tally.right += moving and there
    if moving and not near:
        tally.wrong += 1
        tally.wrong_at.append(at_s)


def walker(at_s: float, seconds: float, way: tuple[tuple[float, float], ...], look: int = 0) -> Pass:
    return Pass("person", at_s, seconds, way, look)


def driver(at_s: float, seconds: float, way: tuple[tuple[float, float], ...], look: int = 0) -> Pass:
    return Pass("car", at_s, seconds, way, look)


PATH = ((-60.0, 520.0), (1340.0, 560.0))
PATH_BACK = ((1340.0, 600.0), (-60.0, 540.0))
ALONG = ((641.0, 250.0), (880.0, 1010.0))
PAVEMENT = ((-80.0, 662.0), (1360.0, 662.0))
FAR = ((1330.0, 372.0), (-60.0, 372.0))
STREET = ((-300.0, 452.0), (1580.0, 452.0))
YARD = ((-60.0, 545.0), (340.0, 640.0), (430.0, 1010.0))

TUNING: tuple[WindyScene, ...] = (
    WindyScene("wood, strong", "trees-wind", 11.0, (
        walker(120, 9, PATH, 1), walker(210, 11, PATH_BACK, 3), walker(330, 8, PATH, 5))),
    WindyScene("wood, fresh", "trees-wind", 7.0, (
        walker(100, 12, PATH_BACK, 2), walker(260, 9, PATH, 0)), seed=2, gusts=(29.0, 67.0, 211.0)),
    WindyScene("road, strong", "road-day", 12.0, (
        driver(90, 6.2, ALONG, 0), walker(200, 10.4, ((-80.0, 600.0), (1360.0, 640.0)), 1),
        driver(310, 5.6, ALONG, 4)), seed=3, gusts=(37.0, 89.0, 151.0)),
)  # fmt: skip
JUDGING: tuple[WindyScene, ...] = (
    WindyScene("street, strong", "street-day", 12.0, (
        driver(80, 4.4, STREET, 2), walker(150, 14, FAR, 0), walker(240, 10.8, PAVEMENT, 3),
        driver(340, 4.4, STREET, 5)), seed=11, gusts=(43.0, 71.0, 197.0)),
    WindyScene("gate, strong", "gate-day", 12.0, (
        walker(110, 7, YARD, 1), walker(280, 7, YARD, 4)), seed=12, gusts=(31.0, 101.0, 163.0)),
    WindyScene("wood, gale", "trees-wind", 14.0, (
        walker(95, 10, PATH_BACK, 4), walker(190, 9, PATH, 2), walker(300, 12, PATH_BACK, 0)),
        seed=13, gusts=(23.0, 79.0, 181.0)),
    WindyScene("street at dusk", "street-dusk", 10.0, (
        walker(130, 10.8, PAVEMENT, 2), driver(220, 4.4, STREET, 0), walker(300, 14, FAR, 4)),
        seed=14, noise=3.2, gusts=(47.0, 83.0, 139.0)),
    WindyScene("lookout, fresh", "lookout-day", 9.0, (), seed=15, gusts=(53.0, 61.0, 223.0)),
)  # fmt: skip
