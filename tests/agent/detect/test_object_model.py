"""A real ONNX model through OpenCV: loaded by its hash, run where something moves, never one of identity."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.app import read_object_model
from agent.config import ObjectsSection
from agent.detect import EventDebouncer, Moment, SceneJudge
from agent.detect.object_kinds import ModelRefused, kinds_of
from agent.detect.object_model import Layout, ModelSpec, ObjectDesk, ObjectModel, crop_of
from agent.errors import ConfigError
from agent.model import Finding, Frame, Image, ObjectKind, Rectangle, Zone
from protocol.words import SceneTopic
from tests.agent.detect.mini_scene import Camera, Float, frames, person
from tests.agent.detect.test_confirm import NOON
from tests.support.onnx_file import SIDE, brightness_model

CLASSES = ("person", "car", "dog")
DARK_IS_A_PERSON = (1.0, -1.0)
BRIGHT_IS_A_CAR = (0.0, 1.0)
NEVER = (0.0, 0.0)
BOX = ((16.0, 0.0), (16.0, 0.0), (16.0, 0.0), (24.0, 0.0))
"""In the middle of the input, half as wide and three quarters as high."""
YOLO8 = brightness_model((*BOX, DARK_IS_A_PERSON, BRIGHT_IS_A_CAR, NEVER), (1, 7, 1))


def model(
    onnx: bytes = YOLO8, *, classes: Sequence[str] = CLASSES, layout: Layout = Layout.YOLO8, side: int = SIDE
) -> ObjectModel:
    return ObjectModel(onnx, ModelSpec(hashlib.sha256(onnx).hexdigest(), tuple(classes), side, side, layout))


def plain(level: int, *, shape: tuple[int, ...] = (50, 40)) -> Image:
    return np.full(shape, level, np.uint8)


LAYOUTS = {
    Layout.YOLO8: YOLO8,
    Layout.YOLO5: brightness_model((*BOX, (1.0, 0.0), DARK_IS_A_PERSON, BRIGHT_IS_A_CAR, NEVER), (1, 1, 8)),
    Layout.SSD: brightness_model(
        ((0, 0), (0, 0), DARK_IS_A_PERSON, (0.25, 0), (0.125, 0), (0.75, 0), (0.875, 0)), (1, 1, 1, 7)
    ),
}


@pytest.mark.parametrize("layout", list(Layout))
def test_every_layout_is_read(layout: Layout) -> None:
    (seen,) = model(LAYOUTS[layout], layout=layout).look(plain(30))
    assert (seen.kind, round(seen.score, 2)) == (ObjectKind.PERSON, 0.88)
    box = (seen.box.left, seen.box.top, seen.box.right, seen.box.bottom)
    assert box == pytest.approx((0.25, 0.125, 0.75, 0.875), abs=1e-5)


def test_what_scores_less_is_not_told_and_pictures_may_be_of_any_shape() -> None:
    assert [seen.kind for seen in model().look(plain(240))] == [ObjectKind.VEHICLE]
    assert {seen.kind for seen in model().look(plain(128, shape=(7, 9, 3)))} == {
        ObjectKind.PERSON,
        ObjectKind.VEHICLE,
    }


def test_another_file_is_refused_before_it_is_read() -> None:
    with pytest.raises(ModelRefused, match="SHA-256") as refused:
        ObjectModel(b"not even a model", ModelSpec("0" * 64, CLASSES, SIDE, SIDE))
    assert hashlib.sha256(b"not even a model").hexdigest() in str(refused.value)


@pytest.mark.parametrize(
    "name",
    ["face", "human_face", "license_plate", "licence plate", "plate-number", "LPR", "re-id", "person_reid",
     "gait", "male", "woman", "age", "gender", "child", "ethnicity", "identity", "head", "glasses", "人脸",
     "车牌", "性别", "emotion", "black_hair", "skin tone", "police"],
)  # fmt: skip
def test_classes_of_identity_are_refused(name: str) -> None:
    with pytest.raises(ModelRefused, match="tells who somebody is"):
        model(classes=("person", name, "dog"))


@pytest.mark.parametrize("name", ["Zhang San", "person 17", "suspect", "", "x" * 4000, "personn"])
def test_words_nobody_knows_are_refused_for_they_may_be_names(name: str) -> None:
    with pytest.raises(ModelRefused, match="is not known"):
        kinds_of(("person", name))


def test_common_lists_of_classes_are_taken() -> None:
    voc = ("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair",
           "cow", "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa",
           "train", "tvmonitor")  # fmt: skip
    assert kinds_of(voc)[15] is ObjectKind.PERSON
    assert kinds_of(("hair drier", "traffic light", "Motorcycle"))[:2] == (None, None)
    with pytest.raises(ModelRefused, match="no class for a person"):
        kinds_of(("chair", "bottle"))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=20), min_size=1, max_size=5))
def test_no_list_of_words_breaks_the_check(names: list[str]) -> None:
    try:
        kinds_of(names)
    except ModelRefused as refused:
        assert " / " in str(refused)


@pytest.mark.parametrize(
    ("onnx", "given", "advice"),
    [
        (b"\x08\x07garbage", {}, "is it an ONNX file"),
        (b"", {}, "ONNX file"),
        (YOLO8[:400], {}, "ONNX file"),
        (YOLO8, {"classes": ("person", "car")}, "check layout and classes"),
        (YOLO8, {"layout": Layout.SSD}, "check layout and classes"),
        (YOLO8, {"side": 64}, "check"),
    ],
)
def test_a_file_that_is_no_such_model_is_refused_with_what_to_do(
    onnx: bytes, given: dict[str, object], advice: str
) -> None:
    with pytest.raises(ModelRefused, match=advice) as refused:
        model(onnx, **given)  # type: ignore[arg-type]
    assert not str(refused.value).split(" / ")[0].isascii()


def test_the_configuration_names_file_and_reason(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(YOLO8)
    right = hashlib.sha256(YOLO8).hexdigest()
    section = ObjectsSection(model_file=path, sha256=right, classes=CLASSES, width_px=32, height_px=32)
    assert read_object_model(section) is not None
    assert read_object_model(ObjectsSection()) is None
    for bad in (
        section.model_copy(update={"sha256": "f" * 64}),
        section.model_copy(update={"model_file": tmp_path / "nowhere.onnx"}),
        section.model_copy(update={"classes": ("face", "car", "dog")}),
    ):
        with pytest.raises(ConfigError, match=r"\.onnx"):
            read_object_model(bad)


# --- in a scene ---------------------------------------------------------------------------------------


def watching(desk: ObjectDesk, camera: Camera) -> SceneJudge:
    judge = SceneJudge(zones=(Zone("yard", ((0.0, 0.4), (1.0, 0.4), (1.0, 1.0), (0.0, 1.0))),), objects=desk)
    for frame in frames(camera.looks(6)):
        judge.judge(frame)
    return judge


def bright() -> Float:
    return np.asarray(Camera().scene * 0.4 + 150, np.float32)


def kinds(findings: Sequence[Finding]) -> dict[ObjectKind | None, bool]:
    return {f.kind: f.present for f in findings if f.topic is SceneTopic.OBJECT_DETECTED}


def test_a_quiet_picture_is_never_shown_to_the_model() -> None:
    desk = ObjectDesk(model(), runs_per_s=50.0)
    camera = Camera(bright())
    judge = watching(desk, camera)
    seen = [kinds(judge.judge(frame)) for frame in frames(camera.looks(10), start_s=12.0)]
    assert desk.runs == 0
    assert seen == [dict.fromkeys(ObjectKind, False)] * 10


def test_what_moves_is_looked_at_and_every_finding_about_it_says_what_it_is() -> None:
    desk = ObjectDesk(model(), runs_per_s=50.0)
    camera = Camera(bright())
    judge = watching(desk, camera)
    image = camera.look(person(camera.scene, 160, 150, height=80, level=0.0))
    findings = judge.judge(Frame(image, 12.0, 12.0, True))
    told = {f.topic: f for f in findings if f.present and f.kind is not None}
    assert set(told) == {SceneTopic.MOTION, SceneTopic.OBJECTS_INSIDE, SceneTopic.OBJECT_DETECTED}
    assert desk.runs == 1
    box = told[SceneTopic.OBJECT_DETECTED].box
    assert box is not None
    assert box.left < 0.5 < box.right
    assert box.right - box.left < 0.3


def test_runs_are_bounded_and_without_a_run_nothing_is_said() -> None:
    desk = ObjectDesk(model(), runs_per_s=1.0)
    camera = Camera(bright())
    judge = watching(desk, camera)
    said = []
    for n in range(50):
        image = camera.look(person(camera.scene, 60 + 4 * n, 150, height=80, level=0.0))
        said.append(bool(kinds(judge.judge(Frame(image, 12 + n / 5, 12 + n / 5, n % 10 == 0)))))
    assert 9 <= desk.runs <= 11
    assert said.count(True) <= 11
    assert desk.passed_over >= 39


def test_a_person_and_a_car_are_two_episodes() -> None:
    numbers = iter("abcdef")
    bouncer = EventDebouncer(new_episode=lambda: next(numbers))
    both = [
        Finding(SceneTopic.OBJECT_DETECTED, True, 0.9, f"{kind} 0.90", kind=kind)
        for kind in (ObjectKind.PERSON, ObjectKind.VEHICLE)
    ]
    events = [e for s in range(3) for e in bouncer.see(both, Moment(float(s), NOON))]
    assert [(e.episode, e.reason) for e in events] == [("a", "person 0.90"), ("b", "vehicle 0.90")]


@pytest.mark.parametrize("box", [(0.0, 0.0, 0.001, 0.001), (0.999, 0.999, 1.0, 1.0)])
def test_a_speck_is_not_looked_at(box: tuple[float, float, float, float]) -> None:
    assert crop_of(plain(0, shape=(180, 320)), Rectangle(*box)) is None


def test_a_crop_stays_in_the_picture() -> None:
    cut = crop_of(plain(0, shape=(180, 320)), Rectangle(0.8, 0.7, 1.0, 1.0))
    assert cut is not None
    assert cut[0].shape == (71, 84)
    assert (cut[1].right, cut[1].bottom) == (1.0, 1.0)
