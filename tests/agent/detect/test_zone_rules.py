"""Zones of every kind on drawn scenes, each with what must not fire it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.detect import DetectConfig, SceneJudge
from agent.detect.background import BackgroundConfig
from agent.detect.rules import WallTime
from agent.hours import read_hours
from agent.model import Finding, Image, LineDirection, Zone, ZoneKind
from protocol.words import SceneTopic
from tests.agent.detect.mini_scene import HEIGHT, WIDTH, Camera, Float, beam, frames, person

LEFT_HALF = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
YARD = ((0.0, 0.4), (0.5, 0.4), (0.5, 1.0), (0.0, 1.0))
DOWN = ((0.5, 0.0), (0.5, 1.0))
"""From top to bottom: a is the right half of the picture, b the left."""


def watching(camera: Camera, *zones: Zone, wall: WallTime | None = None) -> SceneJudge:
    judge = SceneJudge(zones=zones, wall=wall)
    for frame in frames(camera.looks(6)):
        assert [f for f in judge.judge(frame) if f.present] == []
    return judge


def show(
    judge: SceneJudge, images: Sequence[Image], *, start_s: float = 12.0, gap_s: float = 1.0
) -> list[list[Finding]]:
    return [list(judge.judge(frame)) for frame in frames(images, start_s=start_s, gap_s=gap_s)]


def told(seen: list[list[Finding]], topic: SceneTopic, zone: str = "") -> list[bool]:
    """One entry a frame: whether it was told to be there."""
    return [any(f.present and f.topic is topic and f.zone == zone for f in found) for found in seen]


def walk(camera: Camera, xs: Sequence[int], *, y: int = 150) -> list[Image]:
    return [camera.look(person(camera.scene, x, y)) for x in xs]


# --- masks and motion zones ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", [ZoneKind.PRIVACY, ZoneKind.IGNORE])
def test_nothing_under_a_mask_is_motion_and_beside_it_all_is(kind: ZoneKind) -> None:
    camera = Camera()
    judge = watching(camera, Zone("mask", LEFT_HALF, kind=kind))
    assert not any(told(show(judge, walk(camera, [40, 60, 80])), SceneTopic.MOTION))
    assert all(told(show(judge, walk(camera, [230, 250]), start_s=20), SceneTopic.MOTION))


@settings(max_examples=25, deadline=None)
@given(
    data=st.data(),
    left=st.floats(0.0, 0.6),
    top=st.floats(0.0, 0.6),
    width=st.floats(0.1, 0.4),
    height=st.floats(0.1, 0.4),
)
def test_a_privacy_mask_hides_everything_inside_from_every_judge(
    data: st.DataObject, left: float, top: float, width: float, height: float
) -> None:
    """Whatever is under it, the findings are the same to the letter."""
    right, bottom = left + width, top + height
    mask = Zone("mask", ((left, top), (right, top), (right, bottom), (left, bottom)), kind=ZoneKind.PRIVACY)
    others = (Zone("in", YARD), Zone("stay", YARD, kind=ZoneKind.DWELL, dwell_s=1.0))
    plain, painted = SceneJudge(zones=(mask, *others)), SceneJudge(zones=(mask, *others))
    camera = Camera()
    seed = data.draw(st.integers(0, 1000))
    rng = np.random.default_rng(seed)
    rows = slice(int(np.ceil(top * HEIGHT)), int(bottom * HEIGHT))
    columns = slice(int(np.ceil(left * WIDTH)), int(right * WIDTH))
    for number, frame in enumerate(frames(camera.looks(9))):
        other = frame.image.copy()
        if number > 4:
            other[rows, columns] = rng.integers(0, 256, other[rows, columns].shape)
        assert plain.judge(frame) == painted.judge(dataclasses.replace(frame, image=other))


def test_a_large_privacy_mask_is_no_dark_or_covered_picture() -> None:
    camera = Camera()
    judge = watching(
        camera, Zone("mask", ((0.0, 0.0), (0.85, 0.0), (0.85, 1.0), (0.0, 1.0)), kind=ZoneKind.PRIVACY)
    )
    assert not any(f.present for found in show(judge, camera.looks(10)) for f in found)


def test_with_motion_zones_motion_elsewhere_is_state_and_no_event() -> None:
    camera = Camera()
    judge = watching(camera, Zone("yard", YARD, kind=ZoneKind.MOTION))
    beside, inside = show(judge, walk(camera, [250, 60]))
    assert [(f.zone, f.state) for f in beside if f.present] == [("", True)]
    assert [(f.zone, f.state) for f in inside if f.present] == [("", True), ("yard", False)]


@settings(max_examples=20, deadline=None)
@given(tall=st.integers(12, 90), least=st.floats(0.0005, 0.2), kind=st.sampled_from(list(ZoneKind)))
def test_what_is_smaller_than_the_least_size_fires_no_zone(tall: int, least: float, kind: ZoneKind) -> None:
    if kind.is_mask or kind is ZoneKind.LAMP:
        return
    corners = DOWN if kind is ZoneKind.LINE else LEFT_HALF
    zone = Zone("z", corners, kind=kind, least_ratio=least, dwell_s=1.0, watch_s=2.0, crowd_ratio=0.001)
    camera = Camera()
    judge = watching(camera, zone)
    steps = [120, 110, 100, 90, 80, 70] if kind is not ZoneKind.LINE else [200, 185, 170, 150, 130, 110]
    images = [camera.look(person(camera.scene, x, 160, height=tall)) for x in steps]
    for found in show(judge, images, gap_s=2.5):
        moving = next((f for f in found if f.topic is SceneTopic.MOTION), None)
        if any(f.present and f.zone == "z" for f in found):
            assert moving is not None
            assert moving.present
            largest = float(moving.reason.split("largest ")[1].split("%")[0]) / 100
            assert largest >= least - 0.0001


def test_a_thing_larger_than_the_most_does_not_count() -> None:
    camera = Camera()
    judge = watching(camera, Zone("yard", YARD, most_ratio=0.005))
    assert not any(told(show(judge, walk(camera, [60, 70])), SceneTopic.OBJECTS_INSIDE, "yard"))


def test_more_sensitive_zones_see_fainter_things_and_less_sensitive_ones_do_not() -> None:
    def faint(sensitivity: int) -> bool:
        scene = Camera().scene.copy()
        scene[:, : WIDTH // 2] = 120.0
        camera = Camera(scene, noise=1.0)
        judge = watching(camera, Zone("yard", YARD, kind=ZoneKind.MOTION, sensitivity=sensitivity))
        scene = camera.scene.copy()
        cv2.rectangle(scene, (50, 100), (70, 150), 120.0 + (20.0 if sensitivity < 50 else 10.0), -1)
        return told(show(judge, camera.looks(1, scene)), SceneTopic.MOTION, "yard")[0]

    assert [faint(level) for level in (100, 50, 49, 5)] == [True, False, True, False]


def test_a_zone_counts_in_its_hours_alone() -> None:
    camera = Camera()
    noon = datetime(2026, 1, 5, 11, 59, 50, tzinfo=UTC)  # a Monday
    wall = WallTime(lambda mono_s: noon + timedelta(seconds=mono_s), UTC)
    zone = Zone("yard", YARD, hours=(read_hours("mon 12:00-12:01"),))
    judge = watching(camera, zone, wall=wall)
    seen = show(judge, walk(camera, [60 + n % 5 for n in range(80)]))
    inside = told(seen, SceneTopic.OBJECTS_INSIDE, "yard")
    assert all(inside[4:54])
    assert not any(inside[60:])
    assert all(told(seen, SceneTopic.MOTION))


# --- lines ----------------------------------------------------------------------------------------

TO_THE_LEFT = list(range(250, 70, -12))


def crossed(seen: list[list[Finding]], zone: str = "line") -> list[str]:
    return [f.reason.split(",")[0] for found in seen for f in found if f.present and f.zone == zone]


@pytest.mark.parametrize(
    ("direction", "xs", "expected"),
    [
        (LineDirection.BOTH, TO_THE_LEFT, ["crossed a→b"]),
        (LineDirection.BOTH, TO_THE_LEFT[::-1], ["crossed b→a"]),
        (LineDirection.A_TO_B, TO_THE_LEFT, ["crossed a→b"]),
        (LineDirection.A_TO_B, TO_THE_LEFT[::-1], []),
        (LineDirection.B_TO_A, TO_THE_LEFT, []),
        (LineDirection.B_TO_A, TO_THE_LEFT[::-1], ["crossed b→a"]),
    ],
)
def test_a_line_is_crossed_once_the_way_one_goes(
    direction: LineDirection, xs: list[int], expected: list[str]
) -> None:
    camera = Camera()
    judge = watching(camera, Zone("line", DOWN, kind=ZoneKind.LINE, direction=direction))
    assert crossed(show(judge, walk(camera, xs), gap_s=0.4)) == expected


def test_one_who_walks_up_to_the_line_and_back_has_not_crossed() -> None:
    camera = Camera()
    judge = watching(camera, Zone("line", DOWN, kind=ZoneKind.LINE))
    there = list(range(250, 164, -10))
    assert crossed(show(judge, walk(camera, there + there[::-1]), gap_s=0.4)) == []


def test_one_who_sways_on_the_line_does_not_cross_again_and_again() -> None:
    camera = Camera()
    judge = watching(camera, Zone("line", DOWN, kind=ZoneKind.LINE))
    sway = [160 + (3 if n % 2 else -3) for n in range(30)]
    assert len(crossed(show(judge, walk(camera, [250, 230, 210, 190, 175, *sway]), gap_s=0.4))) <= 1


def test_one_who_passes_beyond_the_end_of_a_line_has_not_crossed_it() -> None:
    camera = Camera()
    judge = watching(camera, Zone("line", ((0.5, 0.0), (0.5, 0.5)), kind=ZoneKind.LINE))
    assert crossed(show(judge, walk(camera, TO_THE_LEFT), gap_s=0.4)) == []


def test_one_who_comes_here_and_one_who_goes_there_are_not_one_who_crossed() -> None:
    """Both are seen once, on either side of the line."""
    camera = Camera()
    judge = watching(camera, Zone("line", DOWN, kind=ZoneKind.LINE))
    assert crossed(show(judge, walk(camera, [185, 135]), gap_s=2.0)) == []


# --- dwell ----------------------------------------------------------------------------------------


def test_one_who_stays_loiters_and_three_who_pass_do_not() -> None:
    camera = Camera()
    zone = Zone("door", YARD, kind=ZoneKind.DWELL, dwell_s=20.0)
    stays = [50 + 8 * (n % 3) for n in range(30)]
    seen = told(show(watching(camera, zone), walk(camera, stays)), SceneTopic.LOITERING, "door")
    assert not any(seen[:20])
    assert all(seen[21:])
    passing = [*range(20, 230, 21), *[10_000] * 6] * 3
    seen = told(show(watching(Camera(), zone), walk(camera, passing)), SceneTopic.LOITERING, "door")
    assert not any(seen)


def test_a_parked_car_dwells_longer_than_the_background_would_bear() -> None:
    camera = Camera()
    zone = Zone("gate", YARD, kind=ZoneKind.DWELL, dwell_s=300.0)
    seen = show(watching(camera, zone), walk(camera, [60] * 170), gap_s=2.0)
    assert any(told(seen, SceneTopic.LOITERING, "gate"))


# --- crowd ----------------------------------------------------------------------------------------


def crowd(camera: Camera, count: int, seed: int) -> Image:
    rng, scene = np.random.default_rng(seed), camera.scene
    for n in range(count):
        scene = person(
            scene, 12 + n * 14 + int(rng.integers(-2, 3)), 150 + int(rng.integers(-3, 4)), height=36
        )
    return camera.look(scene)


@pytest.mark.parametrize("limit", [{"crowd_ratio": 0.15}, {"crowd_count": 6, "person_ratio": 0.2}])
def test_many_who_stay_are_a_crowd_and_few_are_not(limit: dict[str, float]) -> None:
    zone = Zone("square", YARD, kind=ZoneKind.CROWD, **limit)  # type: ignore[arg-type]
    camera = Camera()
    seen = show(watching(camera, zone), [crowd(camera, 10, n) for n in range(20)])
    assert not any(told(seen, SceneTopic.CROWDING, "square")[:7])
    assert all(told(seen, SceneTopic.CROWDING, "square")[12:])
    camera = Camera()
    seen = show(watching(camera, zone), [crowd(camera, 3, n) for n in range(20)])
    assert not any(told(seen, SceneTopic.CROWDING, "square"))


def test_a_lorry_that_passes_is_no_crowd() -> None:
    camera = Camera()
    judge = watching(camera, Zone("square", YARD, kind=ZoneKind.CROWD, crowd_ratio=0.3))
    images = camera.looks(12)
    for x in (0, 30, 60, 60):
        scene = camera.scene.copy()
        scene[80:170, x : x + 120] = 20
        images.append(camera.look(scene))
    images += camera.looks(12)
    assert not any(told(show(judge, images), SceneTopic.CROWDING, "square"))


# --- left and removed -----------------------------------------------------------------------------


def with_bag(scene: Float) -> Float:
    out = scene.copy()
    cv2.rectangle(out, (60, 120), (90, 140), 20.0, -1)
    return out


def plain_floor(seed: int = 3) -> Float:
    rng = np.random.default_rng(seed)
    floor = cv2.GaussianBlur(rng.normal(0, 30, (HEIGHT, WIDTH)).astype(np.float32), (0, 0), 6) + 130
    floor[:, WIDTH // 2 :] = Camera().scene[:, WIDTH // 2 :]  # beside it, walls: else the lens looks covered
    return np.asarray(floor, np.float32)


def test_a_bag_that_is_left_and_one_that_is_taken_are_told_apart() -> None:
    zone = Zone("hall", YARD, kind=ZoneKind.WATCH, watch_s=20.0)
    camera = Camera(plain_floor())
    seen = show(watching(camera, zone), camera.looks(20, with_bag(camera.scene)), gap_s=2.0)
    assert not any(told(seen, SceneTopic.OBJECT_LEFT, "hall")[:10])
    assert all(told(seen, SceneTopic.OBJECT_LEFT, "hall")[12:])
    assert not any(told(seen, SceneTopic.OBJECT_REMOVED, "hall"))
    camera = Camera(with_bag(plain_floor()))
    seen = show(watching(camera, zone), camera.looks(20, plain_floor()), gap_s=2.0)
    assert all(told(seen, SceneTopic.OBJECT_REMOVED, "hall")[12:])
    assert not any(told(seen, SceneTopic.OBJECT_LEFT, "hall"))


def test_a_bag_that_is_taken_up_again_is_no_longer_told() -> None:
    zone = Zone("hall", YARD, kind=ZoneKind.WATCH, watch_s=20.0)
    camera = Camera(plain_floor())
    judge = watching(camera, zone)
    show(judge, camera.looks(20, with_bag(camera.scene)), gap_s=2.0)
    seen = show(judge, camera.looks(4), start_s=60.0, gap_s=2.0)
    assert not any(f.present for found in seen for f in found)


def test_one_who_waits_and_light_that_falls_in_are_not_left_behind() -> None:
    zone = Zone("hall", YARD, kind=ZoneKind.WATCH, watch_s=20.0)
    camera = Camera(plain_floor())
    waits = [60 + 6 * (n % 3) for n in range(25)]
    seen = show(watching(camera, zone), walk(camera, waits), gap_s=2.0)
    left = told(seen, SceneTopic.OBJECT_LEFT, "hall")
    assert sum(left) <= 1
    camera = Camera()
    lit = show(watching(camera, zone), camera.looks(25, beam(camera.scene, 80, 120)), gap_s=2.0)
    assert not any(f.present and f.zone for found in lit for f in found)


# --- lamps and light -------------------------------------------------------------------------------

LAMP = Zone("lamp", ((0.6, 0.1), (0.9, 0.1), (0.9, 0.5), (0.6, 0.5)), kind=ZoneKind.LAMP)


def night(camera: Camera, *, lit: bool) -> Image:
    return camera.look(beam(camera.scene, 240, 54, radius=30, gain=1.4) if lit else camera.scene)


def lamp_of(seen: list[list[Finding]]) -> list[bool | None]:
    """One entry a frame: lit, not lit, or nobody knows."""
    return [next((f.present for f in found if f.zone == "lamp"), None) for found in seen]


def dark() -> Camera:
    return Camera(np.asarray(Camera().scene * 0.4, np.float32))


def test_a_lamp_goes_on_and_off() -> None:
    camera = dark()
    judge = watching(camera, LAMP)
    on = lamp_of(show(judge, [night(camera, lit=True) for _ in range(8)], gap_s=2.0))
    off = lamp_of(show(judge, [night(camera, lit=False) for _ in range(8)], start_s=30.0, gap_s=2.0))
    assert on[:3] == [None] * 3
    assert on[5:] == [True] * 3
    assert (off[0], off[-1]) == (True, False)


def test_headlights_and_a_light_for_all_are_no_lamp() -> None:
    camera = dark()
    judge = watching(camera, LAMP)
    sweep = [camera.look(beam(camera.scene, x, 54, radius=50, gain=1.4)) for x in range(0, 320, 60)]
    assert lamp_of(show(judge, sweep)) == [None] * len(sweep)
    brighter = np.asarray(camera.scene * 2.2, np.float32)
    seen = show(judge, camera.looks(10, brighter), start_s=30.0, gap_s=2.0)
    assert lamp_of(seen) == [None] * 10
    state = [f for found in seen for f in found if f.topic is SceneTopic.LIGHT_LEVEL]
    assert [(f.present, f.state, f.zone) for f in state] == [(True, True, "")]
    assert "rose by" in state[0].reason
    assert not any(told(seen, SceneTopic.MOTION))


def test_a_background_that_absorbs_early_does_not_forget_what_zones_wait_for() -> None:
    camera = Camera(plain_floor())
    zone = Zone("hall", YARD, kind=ZoneKind.WATCH, watch_s=40.0)
    judge = SceneJudge(DetectConfig(background=BackgroundConfig(absorb_s=10.0)), zones=(zone,))
    show(judge, camera.looks(6), start_s=0.0, gap_s=2.0)
    seen = show(judge, camera.looks(30, with_bag(camera.scene)), gap_s=2.0)
    assert any(told(seen, SceneTopic.OBJECT_LEFT, "hall"))
