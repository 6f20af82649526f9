"""The quality round: when a view is stored, that it outlives the process, and what is told then."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.config import QualitySection, WatchSection
from agent.detect.confirm import Moment, PictureState, PictureVerdict
from agent.detect.scene_judge import SceneJudge
from agent.detect.vqd.stored import Light
from agent.errors import DeviceError, DeviceTrouble
from agent.metrics import QUALITY_ROUNDS
from agent.model import Device, Finding, Frame, Image, PictureFault, StreamState
from agent.services.quality import QualityRounds
from agent.services.reference_shelf import ReferenceShelf
from agent.services.watcher import Sight, confirm_config
from agent.video.stills import small_still
from protocol.words import DeviceClass, Reason
from runtime.clock import ManualClock
from tests.agent.detect.mini_scene import Camera, cloth, person, place
from tests.agent.services.fakes import device

WATCH = WatchSection()


@dataclass
class Box:
    """One camera, its judge and verdict as the watcher has them, and the rounds over one folder."""

    folder: Path
    of: Device = field(default_factory=device)
    camera: Camera = field(default_factory=Camera)
    daylight: bool | None = True
    at: str | None = None
    """The preset at which the head stands."""
    refuses: bool = False

    def __post_init__(self) -> None:
        self.clock = ManualClock(datetime(2026, 11, 23, 4, 0, tzinfo=UTC))
        self.verdict = PictureVerdict(confirm_config(WATCH))
        self.judge = SceneJudge(daylight=lambda: self.daylight)
        self.image: Image | None = None
        self.shelf = ReferenceShelf(self.folder)
        self.rounds = QualityRounds(
            self.shelf,
            sight=lambda _device: Sight(StreamState(True, Reason.OK), self.state),
            picture=lambda _device: self.image,
            show=small_still,
            stands_at=self._stands_at,
            section=QualitySection(),
            clock=self.clock,
            chance=random.Random(1),
        )
        self.rounds.adopt(self.of, self.judge)

    @property
    def state(self) -> PictureState:
        return self.verdict.state

    def named(self) -> PictureFault | None:
        return self.state.fault

    def _stands_at(self, _device: Device) -> str | None:
        if self.refuses:
            raise DeviceError(DeviceTrouble.UNREACHABLE, "gate-1", "gone")
        return self.at

    def run(self, seconds: float, *, step_s: float = 10.0) -> list[Finding]:
        """Pictures and rounds for so long; the findings of the last picture."""
        findings: list[Finding] = []
        for _ in range(round(seconds / step_s)):
            self.clock.advance(step_s)
            self.image = self.camera.look()
            at_s = self.clock.monotonic()
            findings = list(self.judge.judge(Frame(self.image, at_s, at_s, True)))
            self.verdict.see(findings, Moment(at_s, self.clock.now()))
            self.rounds.step()
        return findings

    def restarted(self, camera: Camera) -> Box:
        return Box(self.folder, self.of, camera, self.daylight, self.at)

    @property
    def stored(self) -> list[tuple[Light, str]]:
        return sorted((one.view.light, one.view.position) for one in self.shelf.of(self.of))


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    yield Box(tmp_path)


def test_a_view_is_stored_from_three_good_rounds(box: Box) -> None:
    box.run(1150)
    assert box.stored == []
    box.run(1300)
    assert box.stored == [(Light.DAY, "")]
    (stored,) = box.shelf.of(box.of)
    still = cv2.imdecode(np.frombuffer(stored.still, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert still is not None and still.shape == (180, 320)


def test_day_and_night_are_stored_apart_and_twilight_not_at_all(box: Box) -> None:
    box.run(2600)
    box.daylight = None
    box.run(2600)
    assert box.stored == [(Light.DAY, "")]
    box.daylight = False
    box.run(2600)
    assert box.stored == [(Light.DAY, ""), (Light.NIGHT, "")]


def test_nothing_is_learned_while_a_fault_stands(tmp_path: Path) -> None:
    box = Box(tmp_path, camera=Camera(np.full((180, 320), 60.0, np.float32)))
    box.run(4000)
    assert box.named() is PictureFault.COVERED and box.stored == []


def test_a_fault_between_makes_the_rounds_before_it_void(box: Box) -> None:
    box.run(1300)
    good, box.camera = box.camera, Camera(cloth(0.7), seed=9)
    box.run(WATCH.covered_confirm_s + 700)
    assert box.named() is PictureFault.COVERED
    box.camera = good
    box.run(1200)
    assert box.named() is None and box.stored == []
    box.run(1300)
    assert box.stored == [(Light.DAY, "")]


def test_nothing_is_learned_while_something_moves(box: Box) -> None:
    walking = itertools.cycle(range(40, 280, 24))
    box.run(60)
    for _ in range(240):
        box.camera.scene = person(place(), next(walking), 150)
        box.run(10)
    assert box.stored == []


def test_covered_while_the_box_was_off_is_named_within_its_confirmation_time(box: Box) -> None:
    box.run(2600)
    again = box.restarted(Camera(cloth(0.7), seed=9))
    again.run(WATCH.covered_confirm_s + 40)
    assert again.named() is PictureFault.COVERED
    assert again.stored == [(Light.DAY, "")]
    unaware = Box(box.folder / "other", box.of, Camera(cloth(0.7), seed=9))
    unaware.run(WATCH.covered_confirm_s + 40)
    assert unaware.named() is None, "without a stored view nobody could tell"


def test_turned_while_the_box_was_off_is_named_within_its_confirmation_time(box: Box) -> None:
    box.run(2600)
    again = box.restarted(Camera(place(8), seed=9))
    again.run(WATCH.moved_confirm_s + 60)
    assert again.named() is PictureFault.SCENE_CHANGED


def test_taken_anew_the_new_view_is_the_right_one(box: Box) -> None:
    box.run(2600)
    again = box.restarted(Camera(place(8), seed=9))
    again.run(800)
    assert again.named() is PictureFault.SCENE_CHANGED
    assert again.rounds.retake("gate-1") == 1 and again.rounds.retake("nobody") is None
    again.run(120)
    assert again.named() is None
    again.run(2700)
    assert again.stored == [(Light.DAY, "")]
    third = again.restarted(Camera(place(8), seed=10))
    third.run(900)
    assert third.named() is None


def test_taken_away_by_the_command_line_it_is_learned_anew(box: Box) -> None:
    box.run(2600)
    again = box.restarted(Camera(place(8), seed=9))
    again.run(800)
    ReferenceShelf(box.folder).strike("gate-1")
    again.run(120)
    assert again.named() is None


def test_a_dome_is_stored_by_the_preset_at_which_it_stands(tmp_path: Path) -> None:
    box = Box(tmp_path, device(device_class=DeviceClass.PTZ_DOME))
    box.run(2600)
    assert box.stored == [], "it stands at no preset"
    box.refuses = True
    box.run(700)
    box.refuses, box.at = False, "3"
    box.run(2600)
    assert box.stored == [(Light.DAY, "3")]


def test_what_is_no_more_looked_after_keeps_nothing(box: Box) -> None:
    box.run(2600)
    box.rounds.remove("gate-1")
    assert box.stored == [] and box.rounds.step() > 0


def test_the_outcomes_counted_are_a_few(box: Box) -> None:
    box.run(3800)
    outcomes = {s.labels["outcome"] for metric in QUALITY_ROUNDS.collect() for s in metric.samples}
    assert {"stored", "learning", "compared"} <= outcomes
    assert outcomes <= {"stored", "learning", "compared", "no_picture", "fault", "not_good", "twilight",
                        "elsewhere", "no_room"}  # fmt: skip
