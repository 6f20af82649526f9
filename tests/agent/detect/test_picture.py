"""Every fault is named on the picture that has it, and on no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest

from agent.detect.picture import Opinion, PictureConfig, PictureJudge
from agent.model import Frame, Image, PictureFault
from tests.agent.detect.mini_scene import HEIGHT, WIDTH, Camera, Float, beam, cloth, person, place

HEALTHY = 6


class EveryFrame(PictureJudge):
    """Measures every key frame; they come every two seconds."""

    def __init__(self, config: PictureConfig | None = None) -> None:
        super().__init__(replace(config or PictureConfig(), period_s=1.0))
        self._at_s = 0.0

    def see(self, image: Image) -> tuple[Opinion, ...]:
        self._at_s += 2.0
        return self.judge(Frame(image, self._at_s, self._at_s, True))


def faults(judge: EveryFrame, images: list[Image]) -> list[set[PictureFault]]:
    return [{o.fault for o in judge.see(image) if o.present} for image in images]


def experienced(camera: Camera, config: PictureConfig | None = None) -> EveryFrame:
    judge = EveryFrame(config)
    assert faults(judge, camera.looks(HEALTHY)) == [set()] * HEALTHY
    return judge


def blurred(scene: Float, sigma: float) -> Float:
    return cv2.GaussianBlur(scene, (0, 0), sigma).astype(np.float32)


BROKEN: dict[PictureFault, Callable[[], Float]] = {
    PictureFault.DARK: lambda: (place() * 0.1).astype(np.float32),
    PictureFault.OVER_BRIGHT: lambda: np.clip(place() * 0.3 + 205, 0, 255).astype(np.float32),
    PictureFault.COVERED: lambda: cloth(),
    PictureFault.BLURRED: lambda: blurred(place(), 5),
    PictureFault.SCENE_CHANGED: lambda: place(1234),
}


@pytest.mark.parametrize("fault", list(BROKEN))
def test_a_fault_is_named_alone_and_leaves_with_its_cause(fault: PictureFault) -> None:
    camera = Camera()
    judge = experienced(camera)
    assert faults(judge, camera.looks(5, BROKEN[fault]())) == [{fault}] * 5
    assert faults(judge, camera.looks(3)) == [set()] * 3


def test_a_reason_has_numbers() -> None:
    camera = Camera()
    judge = experienced(camera)
    (dark,) = [o for o in judge.see(camera.look(BROKEN[PictureFault.DARK]())) if o.present]
    assert dark.reason.startswith("mean luma 1")
    assert "< 30" in dark.reason


@pytest.mark.parametrize("share", [0.6, 0.8])
def test_a_lens_covered_for_the_most_part_is_covered(share: float) -> None:
    camera = Camera()
    judge = experienced(camera)
    assert faults(judge, camera.looks(3, cloth(share))) == [{PictureFault.COVERED}] * 3


def test_a_lens_covered_by_a_fifth_is_not() -> None:
    camera = Camera()
    judge = experienced(camera)
    assert faults(judge, camera.looks(3, cloth(0.2))) == [set()] * 3


def test_a_cover_that_was_there_from_the_start_is_seen() -> None:
    camera = Camera(cloth())
    assert faults(EveryFrame(), camera.looks(4)) == [{PictureFault.COVERED}] * 4


def test_a_plain_wall_with_a_door_is_not_covered() -> None:
    wall = np.full((HEIGHT, WIDTH), 150.0, np.float32)
    cv2.rectangle(wall, (200, 40), (260, 180), 70.0, -1)
    assert faults(EveryFrame(), Camera(wall).looks(6)) == [set()] * 6


def test_a_noisy_night_that_can_be_seen_is_not_dark() -> None:
    camera = Camera((place() * 0.35).astype(np.float32), noise=8.0)
    assert camera.scene.mean() > 30
    assert faults(EveryFrame(), camera.looks(20)) == [set()] * 20


@pytest.mark.parametrize("gain", [0.55, 1.25])
def test_another_light_is_no_fault(gain: float) -> None:
    camera = Camera()
    judge = experienced(camera)
    assert faults(judge, camera.looks(5, (camera.scene * gain).astype(np.float32))) == [set()] * 5


def test_headlights_and_a_person_are_no_fault() -> None:
    camera = Camera()
    judge = experienced(camera)
    seen = [camera.look(beam(camera.scene, 100, 90)), camera.look(person(camera.scene, 100, 150, height=80))]
    assert faults(judge, seen) == [set(), set()]


def test_what_the_camera_writes_into_the_picture_hides_no_fault() -> None:
    """Sharp white letters stay when everything behind them is out of focus or elsewhere."""

    def written(scene: Float) -> Float:
        letters = np.zeros((HEIGHT, WIDTH), np.uint8)
        cv2.putText(letters, "2026-01-01 12:00:00", (4, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.4, 255, 1)
        return np.maximum(scene, letters).astype(np.float32)

    dusk = written((place() * 0.5).astype(np.float32))
    for fault in (PictureFault.BLURRED, PictureFault.SCENE_CHANGED):
        camera = Camera(dusk)
        judge = experienced(camera)
        broken = written((BROKEN[fault]() * 0.5).astype(np.float32))
        assert faults(judge, camera.looks(3, broken)) == [{fault}] * 3


def test_a_dome_that_turns_has_not_changed_its_scene() -> None:
    camera = Camera()
    judge = experienced(camera, PictureConfig(fixed_view=False))
    seen = faults(judge, camera.looks(3, place(1234)))
    assert all(PictureFault.SCENE_CHANGED not in found for found in seen)


def test_live_pictures_of_a_still_place_are_not_frozen() -> None:
    camera = Camera(noise=1.5)
    assert faults(EveryFrame(), camera.looks(30)) == [set()] * 30


def test_the_same_picture_again_and_again_is_frozen_from_the_third_on() -> None:
    camera = Camera()
    judge = experienced(camera)
    still = camera.look()
    assert faults(judge, [still] * 5) == [set(), set(), *[{PictureFault.FROZEN}] * 3]
    assert faults(judge, camera.looks(2)) == [set(), set()]


def test_a_clock_that_ticks_in_a_noiseless_picture_is_not_frozen() -> None:
    """A camera with strong noise reduction at night: nothing differs but the digits it writes."""
    pictures = []
    for second in range(10):
        picture = place().astype(np.uint8)
        cv2.putText(picture, f"12:00:{second:02}", (4, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.4, 255, 1)
        pictures.append(picture)
    assert faults(EveryFrame(), pictures) == [set()] * 10


def test_a_dark_picture_can_be_frozen_too() -> None:
    still = Camera((place() * 0.1).astype(np.float32)).look()
    assert faults(EveryFrame(), [still] * 4)[-1] == {PictureFault.DARK, PictureFault.FROZEN}
