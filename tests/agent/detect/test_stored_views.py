"""A picture against its stored view: after a restart, and over weeks."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from agent.detect.background import BackgroundConfig
from agent.detect.picture import PictureConfig, PictureJudge
from agent.detect.scene_judge import DetectConfig, SceneJudge
from agent.detect.vqd.look import Look
from agent.detect.vqd.reference import Reference
from agent.detect.vqd.stored import Light, SlowFaults, StoredView, learned, matching
from agent.model import Frame, Image, PictureFault
from tests.agent.detect.mini_scene import HEIGHT, WIDTH, Camera, Float, cloth, frames, person, place

SIZE = (HEIGHT, WIDTH)
HOUR_S = 3600.0


def stored(scene: Float | None = None, *, light: Light = Light.DAY, position: str = "") -> StoredView:
    looks = [Look.at(image) for image in Camera(scene if scene is not None else place()).looks(3)]
    reference = learned(looks)
    assert reference is not None
    return StoredView(light, SIZE, reference, position)


class Restarted:
    """A judge that begins with a stored view, and a picture every ten seconds or hours apart."""

    def __init__(
        self, *views: StoredView, daylight: bool | None = True, config: PictureConfig | None = None
    ) -> None:
        self.daylight = daylight
        self.judge = PictureJudge(config, daylight=lambda: self.daylight)
        self.judge.begin_with(views)
        self.at_s = 0.0

    def see(self, image: Image, *, gap_s: float = 10.0) -> set[PictureFault]:
        self.at_s += gap_s
        said = self.judge.judge(Frame(image, self.at_s, self.at_s, True))
        return {one.fault for one in said if one.present}

    def reasons(self, image: Image) -> str:
        self.at_s += 10.0
        return "; ".join(o.reason for o in self.judge.judge(Frame(image, self.at_s, self.at_s, True)))


def striped(image: Image) -> Image:
    wave = 14 * np.sin(np.arange(HEIGHT) * 2 * np.pi / 9)[:, None]
    return np.asarray(np.clip(image + wave, 0, 255), np.uint8)


def test_covered_while_the_box_was_off_is_seen_at_the_first_look() -> None:
    half = Camera(cloth(0.7))
    assert Restarted(stored()).see(half.look()) == {PictureFault.COVERED}
    unaware = Restarted()
    assert not any(unaware.see(half.look()) for _ in range(30)), "only the stored view tells it"


def test_turned_while_the_box_was_off_is_seen_at_the_first_looks() -> None:
    judge = Restarted(stored())
    assert [judge.see(image) for image in Camera(place(8)).looks(3)][-1] == {PictureFault.SCENE_CHANGED}


def test_stripes_present_from_the_start_are_seen() -> None:
    judge, camera = Restarted(stored()), Camera()
    assert [judge.see(striped(camera.look())) for _ in range(3)][-1] == {PictureFault.STRIPED}
    unaware = Restarted()
    assert not any(unaware.see(striped(camera.look())) for _ in range(30))


def test_the_same_view_is_good_from_the_start() -> None:
    judge = Restarted(stored())
    assert not any(judge.see(image) for image in Camera(seed=5).looks(60))
    shown = judge.judge.shown
    assert shown is not None and shown.good and shown.light is Light.DAY and shown.size == SIZE


def test_fog_at_the_start_is_no_covered_lens() -> None:
    """It takes the far, upper part and leaves the near one."""
    far = np.linspace(1.0, 0.0, HEIGHT, dtype=np.float32)[:, None]
    fog = place() * (1 - far) + 150 * far
    judge = Restarted(stored())
    assert not any(PictureFault.COVERED in judge.see(image) for image in Camera(fog).looks(30))


@pytest.mark.parametrize(("daylight", "size"), [(None, SIZE), (False, SIZE), (True, (90, 160))])
def test_another_light_or_size_is_not_compared(daylight: bool | None, size: tuple[int, int]) -> None:
    view = StoredView(Light.DAY, size, stored().reference)
    judge = Restarted(view, daylight=daylight)
    assert not any(judge.see(image) for image in Camera(cloth(0.7)).looks(10))


def test_a_view_stored_for_the_day_is_used_when_the_day_comes() -> None:
    judge, covered = Restarted(stored(), daylight=None), Camera(cloth(0.7))
    assert not any(judge.see(image) for image in covered.looks(10)), "at dawn nobody knows"
    judge.daylight = True
    assert judge.see(covered.look()) == {PictureFault.COVERED}


def greyed(share: float) -> Float:
    return np.asarray(place() * (1 - share) + 130 * share, np.float32)


def test_a_lens_that_greys_over_days_is_told_a_day_after_it_is_bad() -> None:
    slow, followed = Restarted(stored()), Restarted()
    for hour in range(24 * 5):
        share = 0.6 * hour / (24 * 5)
        for judge in (slow, followed):
            for image in Camera(greyed(share), seed=hour).looks(2):
                judge.see(image, gap_s=HOUR_S / 2)
    bad = Camera(greyed(0.6))
    seen = [slow.see(bad.look(), gap_s=HOUR_S) for _ in range(28)]
    assert seen[-1] == {PictureFault.LOW_CONTRAST}
    assert "stored view for" in slow.reasons(bad.look())
    assert slow.judge.standing == (), "it hides no motion: what moves is seen against what is followed"
    assert not any(followed.see(bad.look(), gap_s=HOUR_S) for _ in range(28)), "the running judge follows"


def test_a_clear_hour_ends_what_was_suspected() -> None:
    """Fog of twenty hours is weather."""
    slow = Restarted(stored(), config=PictureConfig(at_once_ratio=2.0))
    slow.see(Camera().look())
    for _ in range(3):
        for hour in range(21):
            foggy = Camera(greyed(min(0.87, hour / 4)), seed=hour)
            assert slow.see(foggy.look(), gap_s=HOUR_S) in (set(), {PictureFault.LOW_CONTRAST})
        slow.see(Camera().look(), gap_s=HOUR_S)
    assert slow.see(Camera().look(), gap_s=HOUR_S) == set()
    assert slow.judge.shown is not None and slow.judge.shown.good


def test_a_slow_fault_is_told_after_its_time_and_not_before() -> None:
    slow, bad = SlowFaults(PictureConfig()), Look.at(Camera(place(8)).look())
    view = stored()
    told = []
    for hour in range(26):
        slow.see(bad, view, at_s=hour * HOUR_S, daylight=True)
        told.append(bool(slow.standing))
    assert told.index(True) == 24 and all(told[24:])
    assert slow.suspected


def test_a_head_that_turns_is_compared_with_the_view_it_looks_at() -> None:
    gate, yard = stored(place(7), position="1"), stored(place(8), position="2")
    look = Look.at(Camera(place(8)).look())
    chosen = matching((gate, yard), look, light=Light.DAY, size=SIZE, fixed=False)
    assert chosen is yard
    elsewhere = Look.at(Camera(place(9)).look())
    assert matching((gate, yard), elsewhere, light=Light.DAY, size=SIZE, fixed=False) is None


def test_looks_of_two_views_make_no_reference() -> None:
    assert learned([Look.at(Camera(place(seed)).look()) for seed in (7, 8)]) is None


def test_taken_anew_what_was_learned_is_void() -> None:
    judge = Restarted(stored())
    turned = Camera(place(8))
    assert [judge.see(image) for image in turned.looks(3)][-1] == {PictureFault.SCENE_CHANGED}
    judge.judge.begin_with((), anew=True)
    assert not any(judge.see(image) for image in turned.looks(20))


def test_what_moves_makes_a_picture_not_good_to_learn_from() -> None:
    camera = Camera()
    judge = SceneJudge(DetectConfig(background=BackgroundConfig()), daylight=lambda: True)
    walking = [camera.look() for _ in range(30)]
    for frame in frames(walking):
        judge.judge(frame)
    assert judge.shown is not None and judge.shown.good
    before = judge.shown.at_s
    walked = [camera.look(person(camera.scene, 40 + 12 * n, 150)) for n in range(12)]
    seen = []
    for frame in frames(walked, start_s=60.0):
        judge.judge(frame)
        seen.append(judge.shown)
    assert any(one is not None and one.at_s > before and not one.good for one in seen)


def test_stored_views_reach_the_judge_at_its_next_frame_and_outlive_another_size() -> None:
    judge = SceneJudge(daylight=lambda: True)
    judge.begin_with([stored()])
    covered = Camera(cloth(0.7))
    small = [cv2.resize(image, (160, 90)) for image in covered.looks(2)]
    for frame in frames([np.asarray(image, np.uint8) for image in small]):
        judge.judge(frame)
    findings = [f for frame in frames(covered.looks(2), start_s=20.0) for f in judge.judge(frame)]
    assert any(f.present and f.fault is PictureFault.COVERED for f in findings)


def test_a_reference_that_begins_is_a_copy() -> None:
    view = stored()
    before = view.reference.small.copy()
    running = view.reference.begun(0.0)
    assert isinstance(running, Reference)
    running.follow(Look.at(Camera(place(9)).look()), at_s=60.0, follow_s=1.0)
    assert np.array_equal(view.reference.small, before)
    assert running.usual_sharpness == pytest.approx(view.reference.usual_sharpness)
