"""What is in the place and what is only its light."""

from __future__ import annotations

import numpy as np
import pytest

from agent.detect.background import Background, BackgroundConfig, Foreground
from agent.model import Image
from tests.agent.detect.mini_scene import Camera, Float, beam, person, place


def learned(camera: Camera, *, seconds: int = 20, config: BackgroundConfig | None = None) -> Background:
    background = Background(config)
    for number in range(seconds // 2):
        background.observe(camera.look(), at_s=number * 2.0)
    return background


def show(background: Background, images: list[Image], *, start_s: float) -> list[Foreground]:
    return [background.observe(image, at_s=start_s + 2.0 * n) for n, image in enumerate(images)]


def test_a_quiet_place_has_nothing_in_it() -> None:
    camera = Camera()
    seen = show(learned(camera), camera.looks(60), start_s=20.0)
    assert [s for s in seen if s.blobs] == []


def test_a_person_is_one_blob_where_the_person_stands() -> None:
    camera = Camera()
    (seen,) = show(learned(camera), [camera.look(person(camera.scene, 200, 150))], start_s=20.0)
    box = seen.blobs[0].box
    assert box.left < 200 / 320 < box.right
    assert box.top < 125 / 180 < box.bottom
    assert 0.005 < seen.blobs[0].area_ratio < 0.05


@pytest.mark.parametrize("gain", [0.5, 0.7, 1.3])
def test_a_lamp_that_lights_everything_is_no_motion(gain: float) -> None:
    camera = Camera()
    background = learned(camera)
    seen = show(background, camera.looks(5, camera.scene * gain), start_s=20.0)
    assert [s.blobs for s in seen] == [()] * 5


def test_a_person_is_seen_in_another_light() -> None:
    camera = Camera()
    lit = (camera.scene * 0.7).astype(np.float32)
    (seen,) = show(learned(camera), [camera.look(person(lit, 100, 140))], start_s=20.0)
    assert seen.blobs


@pytest.mark.parametrize("x", [40, 160, 300])
def test_headlights_on_a_wall_are_no_motion(x: int) -> None:
    camera = Camera()
    (seen,) = show(learned(camera), [camera.look(beam(camera.scene, x, 90))], start_s=20.0)
    assert seen.blobs == ()
    assert seen.light_ratio > 0


def test_a_plain_wall_lit_softly_is_no_motion() -> None:
    camera = Camera(np.full((180, 320), 90.0, np.float32))
    (seen,) = show(learned(camera), [camera.look(beam(camera.scene, 160, 90))], start_s=20.0)
    assert seen.blobs == ()


def test_the_background_follows_the_light_of_the_day() -> None:
    camera = Camera()
    background = learned(camera)
    dusk = [camera.look((camera.scene * (1 - n / 200)).astype(np.float32)) for n in range(120)]
    assert [s for s in show(background, dusk, start_s=20.0) if s.blobs] == []


def test_one_who_stands_still_stays_in_the_picture_until_absorbed() -> None:
    camera = Camera()
    background = learned(camera, config=BackgroundConfig(absorb_s=60.0))
    parked = person(camera.scene, 160, 150)
    seen = show(background, camera.looks(45, parked), start_s=20.0)
    assert all(s.blobs for s in seen[:29])
    assert not any(s.blobs for s in seen[33:])


def test_what_a_parked_car_hid_is_known_when_it_leaves() -> None:
    camera = Camera()
    background = learned(camera, config=BackgroundConfig(absorb_s=60.0))
    show(background, camera.looks(45, person(camera.scene, 160, 150)), start_s=20.0)
    seen = show(background, camera.looks(3), start_s=112.0)
    assert seen[-1].blobs == ()


def test_a_picture_between_key_frames_teaches_nothing() -> None:
    camera = Camera()
    background = learned(camera)
    before = background.mean
    assert before is not None
    before = before.copy()
    background.observe(camera.look(place(99)), at_s=21.0, learn=False)
    assert background.mean is not None
    assert np.array_equal(before, background.mean)


def test_leaves_that_come_and_go_are_counted_less_and_less() -> None:
    """Patches that toggle, as a tree in wind does, calm down; a person before them is still seen."""
    rng = np.random.default_rng(3)
    camera = Camera()

    def windy() -> Float:
        scene = camera.scene.copy()
        for x in range(20, 140, 12):
            if rng.random() < 0.5:
                scene[30:42, x : x + 10] += 24
        return scene

    background = learned(camera)
    seen = show(background, [camera.look(windy()) for _ in range(90)], start_s=20.0)
    first, last = (sum(bool(s.blobs) for s in part) for part in (seen[:20], seen[-20:]))
    assert last < first / 2
    (late,) = show(background, [camera.look(person(windy(), 80, 150, level=0))], start_s=200.0)
    assert late.blobs
