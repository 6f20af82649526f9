"""Whatever the light does, it is no motion; who walks through it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.detect import SceneJudge
from agent.detect.background import Background
from agent.model import Finding, Frame, Image
from agent.video.gate import MotionGate
from protocol.words import SceneTopic
from simulator.video.scenes import SCENES, Script, Sweep
from simulator.video.stage import Stage
from tests.agent.detect.mini_scene import Camera, beam, frames, person
from tests.agent.detect.test_footage import needs_footage
from tests.support.footage import Truth, folder, pictures
from tests.support.plume import HEIGHT, WIDTH, Float, exposed
from tests.support.windy import FAR, PAVEMENT, STREET, YARD, WindyScene, driver, shown, walker

Light = Callable[[Float, float], Float]


def unchanged(picture: Float, _at_s: float) -> Float:
    return picture


def low_sun(picture: Float, at_s: float) -> Float:
    """Comes into a corner within a minute, until the picture glares there."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    strength = np.clip((at_s - 20) / 60, 0, 1)
    away = (columns - 560) ** 2 + (rows - 60) ** 2
    glare = 1 + 0.9 * strength * np.exp(-away / (2 * 220**2))
    return np.asarray(
        np.clip(picture * glare + 60 * strength * np.exp(-away / (2 * 150**2)), 0, 255), np.float32
    )


def clouds(picture: Float, at_s: float) -> Float:
    """Take the sun away from all at once, and give it back."""
    return np.asarray(picture * (0.75 + 0.25 * np.sign(np.sin(at_s / 9))), np.float32)


def drifting_shadow(picture: Float, at_s: float) -> Float:
    columns = np.arange(WIDTH, dtype=np.float32)[None, :]
    middle = (at_s * 6) % 900 - 130
    return np.asarray(picture * (1 - 0.4 * np.exp(-(((columns - middle) / 90) ** 2))), np.float32)


def sweeps(*, all_over: bool = False) -> tuple[Sweep, ...]:
    """Headlights every 7 s, to and fro; or a lamp that lights everything for 5 s, every 17 s."""
    if all_over:
        return tuple(Sweep(20 + 17.3 * n, 5.0) for n in range(8))
    ways = ((1800.0, -500.0), (-500.0, 1800.0))
    return tuple(Sweep(20 + 7.3 * n, 3.2, ways[n % 2]) for n in range(18))


def motion_in(
    place: str, lights: tuple[Sweep, ...] = (), light: Light = unchanged
) -> list[tuple[float, str]]:
    """When and why motion is told in 100 s of a rendered place where nobody is."""
    stage = Stage(SCENES[place], Script(37, (), lights), width=WIDTH, height=HEIGHT)
    judge, gate, rng, told = SceneJudge(), MotionGate(), np.random.default_rng(4), list[tuple[float, str]]()
    for step in range(500):
        at_s, key = step / 5, step % 10 == 0
        if not gate.admits(key=key):
            continue
        seen = np.asarray(cv2.cvtColor(stage.picture(at_s), cv2.COLOR_BGR2GRAY), np.float32)
        findings = judge.judge(Frame(exposed(light(seen, at_s), rng, 3.0), at_s, at_s, key))
        reasons = [f.reason for f in findings if f.present and f.topic is SceneTopic.MOTION]
        gate.saw(moving=bool(reasons), key=key)
        told += [(at_s, reason) for reason in reasons]
    return told


@pytest.mark.parametrize(
    ("place", "all_over"), [("gate-dusk", False), ("street-night", False), ("street-day", True)]
)
def test_headlights_and_lamps_fire_nothing(place: str, all_over: bool) -> None:
    assert motion_in(place, sweeps(all_over=all_over)) == []


@pytest.mark.parametrize(
    ("place", "light"),
    [
        ("street-day", low_sun),
        ("gate-day", clouds),
        ("gate-day", drifting_shadow),
        ("road-day", drifting_shadow),
    ],
)
def test_sun_and_clouds_fire_nothing(place: str, light: Light) -> None:
    assert motion_in(place, light=light) == []


def test_a_lamp_in_a_room_fires_nothing() -> None:
    assert motion_in("meeting-room", sweeps(all_over=True)) == []


@pytest.mark.parametrize(("place", "noise"), [("street-night", 5.5), ("gate-dusk", 3.5)])
def test_who_comes_at_any_hour_is_seen(place: str, noise: float) -> None:
    passes = (
        (walker(60, 7, YARD, 0), walker(100, 7, YARD, 3), walker(140, 7, YARD, 5))
        if place.startswith("gate")
        else (
            walker(50, 14, FAR, 5), driver(80, 4.4, STREET, 1), walker(110, 10.8, PAVEMENT, 1),
            driver(140, 4.4, STREET, 3),
        )
    )  # fmt: skip
    tally = shown(WindyScene(place, place, 0.0, passes, seconds=170, noise=noise), SceneJudge())
    assert tally.found == tally.visits
    assert (tally.wrong, tally.false_events) == (0, 0)
    assert tally.recall >= 0.7


def test_one_who_stands_in_the_headlights_is_seen() -> None:
    camera = Camera()
    judge = SceneJudge()
    for frame in frames(camera.looks(6)):
        judge.judge(frame)
    lit = camera.look(beam(person(camera.scene, 160, 150, level=15.0), 170, 110, radius=60, gain=0.8))
    findings = judge.judge(Frame(lit, 12.0, 12.0, True))
    assert any(f.present and f.topic is SceneTopic.MOTION for f in findings)


@needs_footage
def test_light_that_wanders_over_a_real_place_fires_nothing_and_hides_nobody() -> None:
    clip = Path("one-by-one-person.mp4")
    truth = Truth.of(clip.name)
    told, judged = list[float](), list[float]()
    for at_s, findings in _judged(
        pictures(folder() / clip, width=WIDTH, height=HEIGHT, fps=1.0), drifting_shadow
    ):
        judged.append(at_s)
        told += [at_s for f in findings if f.present and f.topic is SceneTopic.MOTION]
    assert len(judged) > 40
    inside = [any(came - 0.5 <= at <= gone + 0.5 for came, gone in truth.visits) for at in told]
    assert inside.count(False) <= 1
    for came, gone in truth.visits:
        assert any(came - 0.5 <= at <= gone + 0.5 for at in told)


def _judged(
    supply: Iterable[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]], light: Light
) -> Iterable[tuple[float, list[Finding]]]:
    judge, rng = SceneJudge(), np.random.default_rng(1)
    for number, picture in enumerate(supply):
        grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.float32)
        at_s = float(number)
        yield at_s, list(judge.judge(Frame(exposed(light(grey, at_s), rng, 1.0), at_s, at_s, True)))


@pytest.mark.parametrize("gain", [0.6, 1.5])
def test_what_the_camera_writes_into_its_picture_is_not_lit_with_the_place(gain: float) -> None:
    """A cloud passes: the place changes its brightness, what is written in the corner does not."""

    def written_on(lit: float, seed: int) -> Image:
        rng = np.random.default_rng(seed)
        y, x = np.mgrid[0:360, 0:640]
        place = 90 + 25 * np.sin(x / 37.0) + 20 * np.cos(y / 23.0) + 12 * np.sin((x + 2 * y) / 9.0)
        picture = np.clip(place * lit + rng.normal(0, 2, place.shape), 0, 255).astype(np.uint8)
        cv2.putText(picture, "2025-06-18 14:00", (12, 26), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 20, 4)
        cv2.putText(picture, "2025-06-18 14:00", (12, 26), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 230, 2)
        return np.asarray(picture, np.uint8)

    background = Background()
    for number in range(30):
        assert background.observe(written_on(1.0, number), at_s=2.0 * number).blobs == ()
    for number in range(30, 40):
        assert background.observe(written_on(gain, number), at_s=2.0 * number).blobs == ()
