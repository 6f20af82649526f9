"""Smoke over the land is suspected; fog, clouds, sun, headlights, wind and cars are not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from agent.detect import DetectConfig, SceneJudge
from agent.detect.background import shrink
from agent.detect.smoke import SmokeJudge, _Look, _Region
from agent.model import Finding, Frame, Zone, ZoneKind
from protocol.words import SceneTopic
from tests.support.plume import Float, exposed, fog, shadow, smoke, view
from tests.support.windy import Camera, WindyScene

BEGINS_S = 40.0
Weather = Callable[[Float, float], Float]


def told(weather: Weather, place: str = "lookout-day", *, seconds: int = 240, seed: int = 9) -> list[Finding]:
    """What is said at key frames 2 s apart; the weather begins after 40 s."""
    judge, rng, said = SmokeJudge(), np.random.default_rng(seed), list[Finding]()
    for number in range(seconds // 2):
        picture = exposed(weather(view(place), 2.0 * number - BEGINS_S), rng)
        said += judge.see(shrink(picture), at_s=2.0 * number)
    return said


def first_s(said: list[Finding]) -> float | None:
    """Seconds after it began at which it is first suspected."""
    number = next((n for n, finding in enumerate(said) if finding.present), None)
    return None if number is None else 2.0 * (number + 6) - BEGINS_S


@pytest.mark.parametrize(
    ("place", "foot", "level"),
    [
        ("lookout-day", (0.32, 0.52), 190.0),
        ("lookout-day", (0.22, 0.82), 190.0),
        ("lookout-day", (0.7, 0.77), 75.0),
        ("street-day", (0.6, 0.6), 190.0),
        ("road-day", (0.55, 0.62), 190.0),
    ],
)
def test_a_plume_that_rises_is_suspected_within_two_minutes(
    place: str, foot: tuple[float, float], level: float
) -> None:
    said = told(lambda picture, s: smoke(picture, s, foot=foot, level=level, seed=4), place)
    late_s = first_s(said)
    assert late_s is not None
    assert 20.0 <= late_s <= 120.0
    clear = next(f for f in said if f.present)
    assert clear.box is not None
    assert clear.box.left - 0.05 <= foot[0] <= clear.box.right + 0.1
    assert "of its contrast" in clear.reason
    assert 0.5 <= clear.score <= 0.9


def steam(picture: Float, s: float) -> Float:
    """A veil that is there at once and stays as it is, as over a chimney."""
    if s <= 0:
        return picture
    rows, columns = np.mgrid[0 : picture.shape[0], 0 : picture.shape[1]].astype(np.float32)
    across = (columns / picture.shape[1] - 0.22) / 0.05
    alpha = 0.6 * np.exp(-(across**2) - ((rows / picture.shape[0] - 0.75) / 0.1) ** 2)
    return np.asarray(picture * (1 - alpha) + 190.0 * alpha, np.float32)


NOT_SMOKE: dict[str, Weather] = {
    "steam": steam,
    "nothing": lambda picture, s: picture,
    "fog that comes in": lambda picture, s: fog(picture, min(max(s, 0.0) / 120, 0.7)),
    "fog within 20 s": lambda picture, s: fog(picture, min(max(s, 0.0) / 20, 0.5)),
    "the shadow of a cloud": lambda picture, s: shadow(picture, -0.2 + s * 0.01),
    "a slow shadow": lambda picture, s: shadow(picture, 0.2 + s * 0.003),
    "a shadow that grows where it is": lambda picture, s: shadow(
        picture, 0.5, wide=float(np.clip(0.05 + s * 0.002, 0.05, 0.3)), gain=0.65 if s > 0 else 1.0
    ),
    "a patch of sun": lambda picture, s: shadow(picture, -0.2 + s * 0.01, gain=1.4),
    "headlights again and again": lambda picture, s: shadow(
        picture, (s * 0.4) % 1.4 - 0.2, gain=1.9, wide=0.1
    ),
    "dusk": lambda picture, s: np.asarray(picture * max(0.4, 1 - max(s, 0.0) / 250), np.float32),
    "a low sun": lambda picture, s: shadow(picture, 0.1, y=0.2, gain=1 + max(s, 0.0) / 150, wide=0.4),
}


@pytest.mark.parametrize("name", list(NOT_SMOKE))
@pytest.mark.parametrize("place", ["lookout-day", "street-day"])
def test_what_is_no_smoke_is_not_suspected(name: str, place: str) -> None:
    assert first_s(told(NOT_SMOKE[name], place)) is None


@pytest.mark.parametrize("place", ["trees-wind", "lookout-day"])
def test_wind_is_no_smoke(place: str) -> None:
    camera = Camera(WindyScene("windy", place, 11.0))
    judge = SmokeJudge()
    said = [f for n in range(150) for f in judge.see(shrink(camera.look(2.0 * n)), at_s=2.0 * n)]
    assert first_s(said) is None


def test_a_lorry_that_parks_is_no_smoke() -> None:
    def lorry(picture: Float, s: float) -> Float:
        out = picture.copy()
        if s > 0:
            out[230:300, 300:420] = 185.0
        return out

    assert first_s(told(lorry)) is None


def test_under_a_mask_nothing_is_suspected() -> None:
    judge, rng = (
        SceneJudge(DetectConfig(smoke=True), zones=(_mask(ZoneKind.IGNORE),)),
        np.random.default_rng(2),
    )
    said = [
        f
        for n in range(80)
        for f in judge.judge(
            Frame(
                exposed(smoke(view("lookout-day"), 2.0 * n - 40, foot=(0.32, 0.52)), rng),
                2.0 * n,
                2.0 * n,
                True,
            )
        )
        if f.topic is SceneTopic.SMOKE_SUSPECTED
    ]
    assert len(said) > 60
    assert not any(f.present for f in said)


def _mask(kind: ZoneKind) -> Zone:
    return Zone("mask", ((0.2, 0.0), (0.9, 0.0), (0.9, 0.7), (0.2, 0.7)), kind=kind)


def test_a_head_that_turns_learns_the_new_view_first() -> None:
    judge, rng = SmokeJudge(), np.random.default_rng(1)
    for number in range(60):
        place = "lookout-day" if number < 30 else "road-day"
        said = judge.see(shrink(exposed(view(place), rng)), at_s=2.0 * number)
        assert not any(f.present for f in said)
        if 30 <= number < 35:
            assert said == ()


@pytest.mark.parametrize(
    ("grown", "risen", "walked", "missed", "lasts_s", "smoke_like"),
    [
        (2.0, 0.1, 0.0, 0, 40.0, True),
        (3.0, 0.0, 0.0, 0, 40.0, True),  # it spreads
        (2.0, 0.0, 0.0, 0, 40.0, False),  # neither rises nor spreads far
        (1.2, 0.1, 0.0, 0, 40.0, False),  # hardly grows
        (3.0, 0.1, 0.3, 0, 40.0, False),  # wanders
        (3.0, 0.1, 0.0, 40, 40.0, False),  # comes and goes
        (3.0, 0.1, 0.0, 0, 20.0, False),  # too short to tell
    ],
)
def test_smoke_stands_grows_rises_and_stays(
    grown: float, risen: float, walked: float, missed: int, lasts_s: float, smoke_like: bool
) -> None:
    region = _Region(np.zeros((90, 160), np.bool_), 0.5, missed=missed)
    for n in range(21):
        share = min(max((n - 6) / 8, 0.0), 1.0)
        area, top = 0.01 * (1 + (grown - 1) * share), 0.6 - risen * share
        region.looks.append(_Look(n / 20 * lasts_s, area, top, (0.3 + walked * n / 20, 0.8)))
    assert bool(region.grows()) is smoke_like
