"""Heads checked now and then: off by default, never too often, one event until it obeys again."""

from __future__ import annotations

import itertools
import random
from datetime import UTC, datetime

import pytest

from agent.config import QualitySection
from agent.detect.vqd.look import Look
from agent.errors import DeviceError, DeviceTrouble, StoreFull
from agent.model import Device, Image, Place, PresetSpot
from agent.services.preset_rounds import AGAIN_S, NOTE_TOPIC, PresetRounds
from agent.services.preset_truth import Outcome, Truth, check
from protocol.messages import Scene
from protocol.words import DeviceClass, Phase, SceneTopic
from runtime.clock import ManualClock
from tests.agent.detect.mini_scene import Camera, place
from tests.agent.services.fakes import FakeLog, device
from tests.agent.services.passing import FakeNotebook

HOUR_S = 3600.0
DOME = device("dome-1", DeviceClass.PTZ_DOME)


class Checked:
    """Rounds over one head that shows what the test says."""

    def __init__(self, of: Device = DOME, *, notebook: FakeNotebook | None = None, **section: float) -> None:
        self.outcome: Outcome | DeviceError = Outcome.HONEST
        self.checks = 0
        self.clock = ManualClock(datetime(2026, 11, 23, tzinfo=UTC))
        self.log, self.notebook = FakeLog(), notebook or FakeNotebook()
        numbers = itertools.count(1)
        self.rounds = PresetRounds(
            self._check,
            section=QualitySection.model_validate(section),
            log_=self.log,
            notebook=self.notebook,
            clock=self.clock,
            new_episode=lambda: f"episode-{next(numbers)}",
            chance=random.Random(1),
        )
        self.rounds.add(of)

    def _check(self, _device: Device) -> Truth:
        self.checks += 1
        if isinstance(self.outcome, DeviceError):
            raise self.outcome
        return Truth(self.outcome, "云台 / head", "3", 0 if self.outcome is Outcome.IN_USE else 2)

    def run(self, seconds: float) -> int:
        """How many checks there were in so long."""
        before = self.checks
        for _ in range(round(seconds / 60)):
            self.clock.advance(60)
            self.rounds.step()
        return self.checks - before

    @property
    def said(self) -> list[Phase]:
        scenes = [one for one in self.log.all(Scene) if isinstance(one, Scene)]
        assert all(one.topic == SceneTopic.PTZ_STUCK for one in scenes)
        return [one.phase for one in scenes]


def test_by_default_no_head_is_moved() -> None:
    assert Checked().run(100 * HOUR_S) == 0


@pytest.mark.parametrize(
    ("device_class", "lookouts", "moved"),
    [
        (DeviceClass.PTZ_DOME, False, True),
        (DeviceClass.LOOKOUT, False, False),
        (DeviceClass.LOOKOUT, True, True),
        (DeviceClass.INTEGRATED, True, False),
        (DeviceClass.SMART_CAMERA, True, False),
    ],
)
def test_only_heads_that_may_be_moved_are(device_class: DeviceClass, lookouts: bool, moved: bool) -> None:
    checked = Checked(device("one", device_class), ptz_check_h=24, ptz_check_lookouts=lookouts)
    assert (checked.run(30 * HOUR_S) > 0) is moved


def test_it_is_not_moved_more_often_than_configured() -> None:
    checked = Checked(ptz_check_h=24)
    assert 6 <= checked.run(7 * 24 * HOUR_S) <= 7


def test_a_stuck_head_is_one_event_until_it_obeys_again() -> None:
    checked = Checked(ptz_check_h=24)
    checked.outcome = Outcome.STUCK
    checked.run(72 * HOUR_S)
    assert checked.said == [Phase.START]
    checked.outcome = Outcome.UNTOLD
    assert checked.run(48 * HOUR_S) == 2, "it was moved: not again so soon"
    checked.outcome = Outcome.IN_USE
    assert checked.run(48 * HOUR_S) > 20, f"it was not moved: again after {AGAIN_S:.0f} s"
    assert checked.said == [Phase.START]
    again = Checked(notebook=checked.notebook, ptz_check_h=24)
    again.run(30 * HOUR_S)
    assert again.said == [Phase.END]
    assert again.notebook.noted("dome-1", NOTE_TOPIC) is None


def test_what_a_full_store_held_up_is_owed() -> None:
    checked = Checked(ptz_check_h=1)
    checked.outcome, checked.log.full = Outcome.STUCK, True
    with pytest.raises(StoreFull):
        checked.run(2 * HOUR_S)
    checked.log.full = False
    checked.rounds.step()
    assert checked.said == [Phase.START]


def test_a_device_that_cannot_be_asked_is_not_stuck() -> None:
    checked = Checked(ptz_check_h=1)
    checked.outcome = DeviceError(DeviceTrouble.UNREACHABLE, "dome-1", "gone")
    assert checked.run(3 * HOUR_S) >= 2
    assert checked.said == []
    checked.rounds.remove("dome-1")
    assert checked.run(3 * HOUR_S) == 0


class Told:
    """A PresetHead that says what it is asked for and shows what the test says."""

    def __init__(self, *shows: Image, home: str | None = "1") -> None:
        self._shows = iter(shows)
        self.home = home
        self.turned: list[str] = []

    def presets(self) -> list[PresetSpot]:
        return [PresetSpot("1", "gate", Place(0.0, 0.0, 0.0)), PresetSpot("2", "yard", Place(0.5, 0.0, 0.0)),
                PresetSpot("3", "near", Place(0.05, 0.0, 0.0)), PresetSpot("4", "untold")]  # fmt: skip

    def stands_at(self) -> str | None:
        return self.home

    def turn_to(self, token: str) -> bool:
        self.turned.append(token)
        return True

    def picture(self) -> bytes:
        return b""

    def close(self) -> None:
        """Nothing to drop."""

    def check(self, *stored: Image) -> Truth:
        return check(self, lambda token: stored if token == "2" else (), shown=lambda _: next(self._shows))


GATE, YARD, NIGHT = Camera(place(7)).look(), Camera(place(8)).look(), Camera(place() * 0 + 12).look()


def test_a_preset_near_by_or_without_a_place_is_not_turned_to() -> None:
    head = Told(GATE, YARD)
    truth = head.check()
    assert (truth.outcome, head.turned, set(truth.views)) == (Outcome.HONEST, ["2", "1"], {"1", "2"})


def test_the_second_try_counts_too() -> None:
    head = Told(GATE, GATE, YARD)
    assert (head.check(YARD).outcome, head.turned) == (Outcome.HONEST, ["2", "2", "1"])


def test_two_tries_at_the_wrong_picture_are_v13() -> None:
    truth = Told(GATE, GATE, GATE).check(YARD)
    assert (truth.outcome, truth.tries, truth.views) == (Outcome.STUCK, 2, {})
    assert truth.reason.startswith("V13 云台失控") and " / " in truth.reason and len(truth.reason) <= 200


@pytest.mark.parametrize("shows", [(NIGHT,), (GATE, NIGHT)])
def test_by_night_nothing_is_decided_and_the_head_is_back(shows: tuple[Image, ...]) -> None:
    head = Told(*shows)
    assert head.check(YARD).outcome is Outcome.UNTOLD
    assert head.turned in ([], ["2", "1"])
    assert Look.at(NIGHT).luma < 30


def test_a_head_that_stands_nowhere_known_is_not_moved() -> None:
    head = Told(home=None)
    assert (head.check().outcome, head.turned) == (Outcome.IN_USE, [])
