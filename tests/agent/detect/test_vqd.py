"""The parts of the picture rules, one by one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import cv2
import numpy as np
import pytest

from agent.config import COUNTY, WatchSection
from agent.detect.confirm import DEFAULT_CONFIRM_S, Moment, PictureVerdict
from agent.detect.picture import Opinion, PictureConfig, PictureJudge
from agent.detect.scene_judge import FAULT_TOPICS
from agent.detect.vqd.look import Look, shift
from agent.detect.vqd.signal import noise_levels
from agent.detect.vqd.sun import daylight, elevation_deg
from agent.detect.vqd.view import same_view
from agent.model import Finding, Frame, Image, PictureFault
from agent.services.picture_words import fault_sentence
from agent.services.watcher import confirm_config
from tests.agent.detect.mini_scene import HEIGHT, WIDTH, Camera, Float, cloth, place

BEIJING = timezone(timedelta(hours=8))


class Watched(PictureJudge):
    """Key frames every two seconds; counts how many were measured fully."""

    def __init__(self, *, daylight: bool | None = None, config: PictureConfig | None = None) -> None:
        super().__init__(config, daylight=lambda: daylight)
        self.at_s, self.measured = 0.0, 0

    def see(self, image: Image, colours: Image | None = None) -> tuple[Opinion, ...]:
        self.at_s += 2.0
        said = self.judge(Frame(image, self.at_s, self.at_s, True, colours))
        self.measured += len(said) > 1
        return said

    def present(self, image: Image, colours: Image | None = None) -> set[PictureFault]:
        return {opinion.fault for opinion in self.see(image, colours) if opinion.present}


def chroma(u: float = 0.0, v: float = 0.0, *, spread: float = 12.0, seed: int = 3) -> Image:
    """Colours of many things, shifted as one."""
    rng = np.random.default_rng(seed)
    blocks = rng.normal(128.0, spread, (9, 16, 2)).astype(np.float32)
    large = cv2.resize(blocks, (80, 45), interpolation=cv2.INTER_NEAREST) + np.array([u, v], np.float32)
    return np.clip(large, 0, 255).astype(np.uint8)


def test_a_quiet_picture_is_measured_every_ten_seconds() -> None:
    camera = Camera()
    judge = Watched()
    for image in camera.looks(150):
        judge.see(image)
    assert 30 <= judge.measured <= 36


def test_what_happens_to_the_picture_is_measured_at_once() -> None:
    camera = Camera()
    judge = Watched()
    for image in camera.looks(21):
        judge.see(image)
    assert judge.present(camera.look(cloth())) == {PictureFault.COVERED}
    assert [one.fault for one in judge.standing] == [PictureFault.COVERED]


def test_a_lasting_fault_costs_no_more_than_none() -> None:
    camera = Camera(cloth())
    judge = Watched()
    for image in camera.looks(150):
        judge.see(image)
    assert judge.measured <= 42


def test_a_frozen_picture_is_seen_between_measurements_and_its_end_too() -> None:
    camera = Camera()
    judge = Watched()
    for image in camera.looks(20):
        judge.see(image)
    still = camera.look()
    assert [judge.present(still) for _ in range(3)][-1] == {PictureFault.FROZEN}
    (last,) = [o for o in judge.see(camera.look()) if o.fault is PictureFault.FROZEN]
    assert not last.present
    assert judge.standing == ()


def test_without_a_clock_a_picture_must_be_the_same_in_every_pixel() -> None:
    """After strong noise reduction hardly a pixel differs, and yet the picture lives."""
    rng = np.random.default_rng(1)
    scene = place().astype(np.uint8)
    judge = Watched()
    for _ in range(20):
        image = scene.copy()
        image[rng.random(scene.shape) < 0.01] += 3
        assert judge.present(image) == set()


def test_a_clock_that_stands_freezes_a_picture_that_differs_a_little() -> None:
    """An encoder that codes one picture again and again: a few pixels differ, the seconds do not."""
    rng = np.random.default_rng(1)

    def shown(second: int) -> Image:
        image = Camera(noise=1.5, seed=second).look()
        cv2.putText(image, f"12:00:{second % 60:02}", (4, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.4, 255, 1)
        return image

    judge = Watched()
    for second in range(0, 120, 2):
        assert judge.present(shown(second)) == set()
    frozen = shown(120)
    seen: list[Opinion] = []
    for _ in range(4):
        again = frozen.copy()
        again[rng.random(again.shape) < 0.01] ^= 2
        seen += judge.see(again)[-1:]
    assert seen[-1].present
    assert "clock stands" in seen[-1].reason


def test_noise_is_told_from_texture_by_being_another_one_each_time() -> None:
    rng = np.random.default_rng(2)
    texture = rng.normal(120, 20, (HEIGHT, WIDTH))
    looks = [
        Look.at(np.clip(texture + rng.normal(0, noise, texture.shape), 0, 255).astype(np.uint8))
        for noise in (1.0, 1.0, 15.0, 15.0)
    ]
    assert noise_levels(looks[0].tiles, looks[1].tiles) < 3
    assert 11 < noise_levels(looks[2].tiles, looks[3].tiles) < 17


@pytest.mark.parametrize(("right", "down"), [(5, 0), (-7, 3), (0, 0)])
def test_a_shift_is_measured(right: int, down: int) -> None:
    scene = cv2.resize(place(), (640, 360)).astype(np.float32)
    matrix = np.array([[1, 0, right * 4], [0, 1, down * 4]], np.float64)
    moved = cv2.warpAffine(scene, matrix, (640, 360), borderMode=cv2.BORDER_REFLECT)
    look = Look.at(np.clip(moved, 0, 255).astype(np.uint8))
    by = shift(look, Look.at(scene.astype(np.uint8)).small)
    assert by is not None
    assert by == pytest.approx((right / 160, down / 160), abs=0.002)


def test_measuring_a_shift_changes_no_picture() -> None:
    """OpenCV's phase correlation writes into its arguments."""
    look, reference = Look.at(Camera().look()), Look.at(Camera(seed=2).look()).small
    before, kept = look.small.copy(), reference.copy()
    shift(look, reference)
    assert np.array_equal(look.small, before)
    assert np.array_equal(reference, kept)


def test_a_stored_view_is_recognised_in_other_light_and_another_is_not() -> None:
    scene = place()
    stored = Camera(scene).look()
    assert same_view(Camera(scene * 0.4, noise=4.0).look(), stored).same
    assert not same_view(Camera(place(99)).look(), stored).same
    moved = cv2.warpAffine(scene, np.array([[1, 0, 16], [0, 1, 0]], np.float64), (WIDTH, HEIGHT))
    match = same_view(Camera(np.asarray(moved, np.float32)).look(), stored)
    assert not match.same
    assert match.shift[0] == pytest.approx(0.05, abs=0.01)
    plain = np.full((HEIGHT, WIDTH), 120, np.uint8)
    assert same_view(stored, plain).correlation is None


def settled(judge: Watched, camera: Camera, colours: Image) -> None:
    for image in camera.looks(30):
        assert judge.present(image, colours) == set()


def after(judge: Watched, camera: Camera, colours: Image, looks: int = 8) -> set[PictureFault]:
    """What stands some key frames later."""
    for image in camera.looks(looks):
        judge.see(image, colours)
    return {one.fault for one in judge.standing}


def test_a_cast_over_everything_is_told_and_something_red_is_not() -> None:
    camera, judge = Camera(), Watched(daylight=True)
    settled(judge, camera, chroma())
    lorry = chroma()
    lorry[:, :40] = (110, 190)
    assert after(judge, camera, lorry) == set()
    assert after(judge, camera, chroma(3, 5)) == set()
    assert after(judge, camera, chroma(-10, 12)) == {PictureFault.COLOUR_CAST}


def test_a_cast_that_was_there_from_the_start_is_told_when_it_is_strong() -> None:
    strong = Watched(daylight=True)
    assert after(strong, Camera(), chroma(5, 30, spread=5)) == {PictureFault.COLOUR_CAST}
    green = Watched(daylight=True)
    assert after(green, Camera(), chroma(-10, -8, spread=8)) == set()


@pytest.mark.parametrize(("sun", "told"), [(True, True), (False, False), (None, False)])
def test_grey_is_a_fault_by_day_only(*, sun: bool | None, told: bool) -> None:
    camera, judge = Camera(), Watched(daylight=sun)
    settled(judge, camera, chroma())
    grey = np.full((45, 80, 2), 128, np.uint8)
    assert after(judge, camera, grey) == ({PictureFault.GREY} if told else set())
    assert after(judge, camera, chroma()) == set()


def test_colour_that_fades_bit_by_bit_is_fog() -> None:
    camera, judge = Camera(), Watched(daylight=True)
    settled(judge, camera, chroma())
    for spread in (9, 6, 4, 3, 2, 1.4, 1.0, 0.5, 0.0):
        assert after(judge, camera, chroma(spread=spread), looks=10) == set()


def test_haze_is_low_contrast_and_fog_is_not() -> None:
    scene = place(low=20, high=235)
    rows = np.linspace(0.02, 0.75, HEIGHT, dtype=np.float32)[:, None]
    hazy, foggy = 128 + (scene - 128) * 0.2, 180 + (scene - 180) * rows**1.5
    assert after_change(scene, hazy) == {PictureFault.LOW_CONTRAST}
    assert after_change(scene, np.asarray(foggy, np.float32)) - {PictureFault.COVERED} == set()


def after_change(before: Float, now: Float) -> set[PictureFault]:
    camera, judge = Camera(before), Watched()
    for image in camera.looks(30):
        judge.see(image)
    for image in camera.looks(8, now):
        judge.see(image)
    return {one.fault for one in judge.standing}


def test_a_cover_that_creeps_in_over_minutes_is_followed_like_fog() -> None:
    """Told is what comes at once; this judge has no memory of yesterday."""
    scene = place()
    judge, camera = Watched(), Camera(scene)
    named: set[PictureFault] = set()
    for step in range(30):
        faded = (128 + (scene - 128) * 0.9**step).astype(np.float32)
        for image in camera.looks(10, faded):
            named |= judge.present(image)
        if float(faded.std()) < 10:
            break
    assert PictureFault.COVERED not in named


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (datetime(2026, 6, 21, 12, 40, tzinfo=BEIJING), True),
        (datetime(2026, 12, 21, 12, 40, tzinfo=BEIJING), True),
        (datetime(2026, 12, 21, 17, 0, tzinfo=BEIJING), None),
        (datetime(2026, 6, 21, 19, 45, tzinfo=BEIJING), None),
        (datetime(2026, 6, 21, 23, 0, tzinfo=BEIJING), False),
        (datetime(2026, 12, 21, 19, 0, tzinfo=BEIJING), False),
    ],
)
def test_the_sun_over_the_county(at: datetime, expected: bool | None) -> None:
    assert daylight(at, latitude=COUNTY[0], longitude=COUNTY[1]) is expected


def test_the_sun_stands_where_almanacs_say() -> None:
    """Noon of the solstice is 90 degrees less latitude plus 23.44; Greenwich has noon at 12:02 UTC then."""
    noon = datetime(2026, 6, 21, 12, 2, tzinfo=UTC)
    assert elevation_deg(noon, latitude=51.48, longitude=0.0) == pytest.approx(61.96, abs=0.5)
    assert elevation_deg(noon + timedelta(hours=12), latitude=51.48, longitude=0.0) < -14


UNLIT = PictureConfig(supplementary_light=False)
BLACK = np.full((HEIGHT, WIDTH), 16, np.uint8)


@pytest.mark.parametrize(("sun", "told"), [(True, True), (False, False), (None, False)])
def test_dark_is_a_fault_by_day_only_where_no_lamp_is(*, sun: bool | None, told: bool) -> None:
    judge = Watched(daylight=sun, config=UNLIT)
    camera = Camera(np.full((HEIGHT, WIDTH), 18.0, np.float32))
    for image in camera.looks(30):
        said = judge.see(image)
        assert ({one.fault for one in said if one.present} == {PictureFault.DARK}) is bool(told and said)
        assert not said or PictureFault.OVER_BRIGHT in {one.fault for one in said}, "it was judged"
    assert [one.fault for one in judge.standing] == [PictureFault.DARK], "and hides what may move"


def test_where_a_lamp_is_dark_is_a_fault_by_night_too() -> None:
    assert Watched(daylight=False).present(BLACK) == {PictureFault.DARK}


def test_black_without_lamp_and_clock_is_not_taken_for_frozen() -> None:
    judge = Watched(daylight=False, config=UNLIT)
    assert [judge.present(BLACK) for _ in range(60)] == [set()] * 60
    assert PictureFault.FROZEN in {one.fault for one in judge.standing}
    by_day = Watched(daylight=True, config=UNLIT)
    assert [by_day.present(BLACK) for _ in range(60)][-1] == {PictureFault.FROZEN}


def test_a_clock_that_stands_is_told_in_the_dark_too() -> None:
    judge = Watched(daylight=False, config=UNLIT)

    def shown(second: int) -> Image:
        image = BLACK.copy()
        cv2.putText(image, f"12:00:{second % 60:02}", (4, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.4, 255, 1)
        return image

    for second in range(0, 120, 2):
        assert judge.present(shown(second)) == set()
    assert [judge.present(shown(120)) for _ in range(60)][-1] == {PictureFault.FROZEN}


def test_what_is_confirmed_by_day_outlasts_a_night_without_lamp() -> None:
    """Through dusk and night nothing denies it; the next good picture does."""
    sun: list[bool | None] = [True]
    judge, verdict = PictureJudge(UNLIT, daylight=lambda: sun[0]), PictureVerdict()
    camera, at_s = Camera(), 0.0

    def plays(minutes: float, scene: Float | None) -> PictureFault | None:
        nonlocal at_s
        for _ in range(int(minutes * 6)):
            at_s += 10.0
            said = judge.judge(Frame(camera.look(scene), at_s, at_s, True))
            findings = [
                Finding(FAULT_TOPICS[o.fault], o.present, o.score, o.reason, fault=o.fault) for o in said
            ]
            state = verdict.see(findings, Moment(at_s, datetime(2026, 1, 1, tzinfo=UTC)))
        return state.fault

    night = np.full((HEIGHT, WIDTH), 18.0, np.float32)
    assert plays(3, None) is None
    assert plays(14, cloth()) is PictureFault.COVERED
    sun[0] = None
    assert plays(5, night) is PictureFault.COVERED
    sun[0] = False
    assert plays(60, night) is PictureFault.COVERED
    sun[0] = True
    assert plays(3, None) is None
    assert plays(7, night) is PictureFault.DARK


@pytest.mark.parametrize("fault", list(PictureFault))
def test_every_fault_has_a_topic_a_time_and_a_sentence(fault: PictureFault) -> None:
    assert fault in FAULT_TOPICS
    said = fault_sentence(fault)
    assert said.startswith(f"{fault.code} ")
    assert "\u4e00" <= said[4] <= "\u9fff"
    assert len(said) <= 200
    assert confirm_config(WatchSection()).fault_rule(fault).confirm_s == DEFAULT_CONFIRM_S[fault]
    assert PictureVerdict().state.fault is None


def test_the_codes_are_the_countys() -> None:
    codes = {fault.code: fault for fault in PictureFault}
    assert list(codes) == [f"V{n:02}" for n in (*range(2, 13), 14)]
    assert codes["V07"] is PictureFault.COLOUR_CAST
    assert codes["V11"] is PictureFault.GREY
    assert codes["V14"] is PictureFault.SCENE_CHANGED
