"""One judge for a stream: motion, zones and faults together."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np

from agent.detect import DetectConfig, SceneJudge
from agent.detect.picture import PictureConfig
from agent.model import Finding, Frame, Image, PictureFault, Zone
from protocol.words import SceneTopic
from tests.agent.detect.mini_scene import Camera, cloth, frames, person, place

EVERY_FRAME = DetectConfig(picture=PictureConfig(period_s=1.0))
"""The picture is measured at every key frame, so that each has its opinions."""
YARD = Zone("yard", ((0.0, 0.5), (0.5, 0.5), (0.5, 1.0), (0.0, 1.0)))


def judged(judge: SceneJudge, images: list[Image], *, start_s: float = 0.0) -> list[Sequence[Finding]]:
    return [judge.judge(frame) for frame in frames(images, start_s=start_s)]


def present(findings: Sequence[Finding]) -> set[SceneTopic | PictureFault]:
    return {f.fault or f.topic for f in findings if f.present}


def watching(camera: Camera, *, zones: tuple[Zone, ...] = ()) -> SceneJudge:
    judge = SceneJudge(EVERY_FRAME, zones=zones)
    assert [present(f) for f in judged(judge, camera.looks(6))] == [set()] * 6
    return judge


def test_somebody_in_a_closed_zone_is_motion_and_inside() -> None:
    camera = Camera()
    judge = watching(camera, zones=(YARD,))
    inside, beside = judged(
        judge, [camera.look(person(camera.scene, x, 150)) for x in (60, 250)], start_s=12.0
    )
    assert present(inside) == {SceneTopic.MOTION, SceneTopic.OBJECTS_INSIDE}
    assert present(beside) == {SceneTopic.MOTION}
    (finding,) = [f for f in inside if f.topic is SceneTopic.OBJECTS_INSIDE]
    assert finding.zone == "yard"
    assert finding.box is not None
    assert finding.box.left < 60 / 320 < finding.box.right


def test_an_open_zone_is_not_an_intrusion() -> None:
    camera = Camera()
    judge = watching(camera, zones=(dataclasses.replace(YARD, closed=False),))
    (seen,) = judged(judge, [camera.look(person(camera.scene, 60, 150))], start_s=12.0)
    assert present(seen) == {SceneTopic.MOTION}


def test_a_covered_lens_is_no_motion_and_nothing_is_learned_of_it() -> None:
    camera = Camera()
    judge = watching(camera, zones=(YARD,))
    covered = judged(judge, camera.looks(40, cloth()), start_s=12.0)
    assert [present(f) for f in covered] == [{PictureFault.COVERED}] * 40
    opened = judged(judge, camera.looks(3), start_s=92.0)
    assert [present(f) for f in opened] == [set()] * 3
    (seen,) = judged(judge, [camera.look(person(camera.scene, 250, 150))], start_s=98.0)
    assert present(seen) == {SceneTopic.MOTION}


def test_a_picture_frozen_with_somebody_in_it_is_no_motion() -> None:
    camera = Camera()
    judge = watching(camera)
    still = camera.look(person(camera.scene, 160, 150))
    seen = [present(f) for f in judged(judge, [still] * 6, start_s=12.0)]
    assert seen[:2] == [{SceneTopic.MOTION}] * 2
    assert seen[2:] == [{PictureFault.FROZEN}] * 4


def test_a_turned_camera_is_a_fault_and_motion_goes_on_in_the_new_view() -> None:
    camera = Camera()
    judge = watching(camera)
    elsewhere = Camera(place(1234), seed=2)
    seen = [present(f) for f in judged(judge, elsewhere.looks(30), start_s=12.0)]
    assert all(PictureFault.SCENE_CHANGED in found for found in seen)
    assert seen[3:] == [{PictureFault.SCENE_CHANGED}] * 27
    (there,) = judged(judge, [elsewhere.look(person(elsewhere.scene, 160, 150))], start_s=72.0)
    assert present(there) == {PictureFault.SCENE_CHANGED, SceneTopic.MOTION}
    back = judged(judge, camera.looks(3), start_s=74.0)
    assert [present(f) for f in back] == [set()] * 3


def test_a_lorry_before_the_lens_is_motion() -> None:
    camera = Camera()
    judge = watching(camera)
    lorry = camera.scene.copy()
    lorry[20:170, 150:290] = 200.0
    lorry[40:60, 170:280] = 90.0
    (seen,) = judged(judge, [camera.look(lorry)], start_s=12.0)
    assert SceneTopic.MOTION in present(seen)


def test_between_key_frames_only_motion_is_judged() -> None:
    camera = Camera()
    judge = watching(camera)
    frame = Frame(camera.look(person(camera.scene, 160, 150)), 12.2, 12.2, False)
    assert [(f.topic, f.present) for f in judge.judge(frame)] == [(SceneTopic.MOTION, True)]


def test_nothing_is_said_of_motion_before_the_place_is_known() -> None:
    camera = Camera()
    first = judged(SceneJudge(), camera.looks(3))
    assert all(f.topic is not SceneTopic.MOTION for findings in first for f in findings)


def test_another_resolution_begins_anew() -> None:
    camera = Camera()
    judge = watching(camera)
    large = [
        np.asarray(cv2.resize(image, (640, 352), interpolation=cv2.INTER_LINEAR), np.uint8)
        for image in Camera(place(5)).looks(6)
    ]
    assert [present(f) for f in judged(judge, large, start_s=12.0)] == [set()] * 6


def test_colour_pictures_are_judged_by_their_luma() -> None:
    camera = Camera()
    coloured = [
        np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), np.uint8)
        for image in [*camera.looks(6), camera.look(person(camera.scene, 160, 150))]
    ]
    seen = [present(f) for f in judged(SceneJudge(), coloured)]
    assert seen == [*[set()] * 6, {SceneTopic.MOTION}]


def test_tiny_and_plain_pictures_do_not_break_the_judge() -> None:
    for shape in ((2, 2), (16, 16), (1, 400), (90, 160)):
        judge = SceneJudge(DetectConfig(), zones=(YARD,))
        for level in (0, 128, 255):
            judged(judge, [np.full(shape, level, np.uint8)] * 5)
