"""Key frames that are too rare are asked for, seldom, as long as that helps."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from agent.errors import DeviceError, DeviceTrouble
from agent.model import SightMode
from agent.video.key_frames import KeyFrames, PacedAsking

Played = list[tuple[float, SightMode]]


class Camera:
    """Sends a key frame every ``every_s``, and where it ``obeys`` also ``after_s`` after it was asked."""

    def __init__(self, every_s: float, *, obeys: bool = False, after_s: float = 0.3) -> None:
        self.every_s, self.obeys, self.after_s = every_s, obeys, after_s
        self.now_s = 0.0
        self.asked: list[float] = []
        self._next_s = 0.0

    def ask(self) -> None:
        self.asked.append(self.now_s)
        if self.obeys:
            self._next_s = min(self._next_s, self.now_s + self.after_s)

    def play(self, keys: KeyFrames, seconds: float, *, may_ask: bool = True) -> Played:
        """The mode at every tenth of a second."""
        played: Played = []
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            if self.now_s >= self._next_s - 1e-9:
                keys.came(self.now_s)
                self._next_s = self.now_s + self.every_s
            played.append((self.now_s, keys.look(self.now_s, may_ask=may_ask)))
            self.now_s = round(self.now_s + 0.1, 3)
        return played


def modes(played: Played, begin_s: float = 0.0) -> set[SightMode]:
    return {mode for at_s, mode in played if at_s >= begin_s}


@pytest.mark.parametrize("every_s", [0.5, 1.0, 2.0, 2.4])
def test_key_frames_that_come_often_enough_are_never_asked_for(every_s: float) -> None:
    camera = Camera(every_s)
    assert modes(camera.play(KeyFrames(ask=camera.ask), 120)) == {SightMode.KEYS}
    assert camera.asked == []


def test_a_camera_that_obeys_is_asked_as_long_as_it_does() -> None:
    camera = Camera(25.0, obeys=True)
    keys = KeyFrames(ask=camera.ask)
    played = camera.play(keys, 300)
    assert modes(played, 3.0) == {SightMode.ASKING}
    gaps = [b - a for a, b in pairwise(camera.asked)]
    assert min(gaps) >= 2.0 - 1e-6
    assert max(gaps) <= 2.5
    assert keys.asked == len(camera.asked)


@pytest.mark.parametrize("every_s", [3.0, 4.0, 10.0, 25.0])
def test_one_that_does_not_obey_is_asked_a_few_times_then_ten_minutes_not(every_s: float) -> None:
    camera = Camera(every_s)
    played = camera.play(KeyFrames(ask=camera.ask), 600)
    assert len(camera.asked) <= 4
    assert modes(played, 20.0) == {SightMode.LOW_RATE}
    camera.obeys = True
    assert SightMode.ASKING in modes(camera.play(KeyFrames(ask=camera.ask), 120))


def test_after_ten_minutes_it_is_tried_anew() -> None:
    camera = Camera(25.0)
    keys = KeyFrames(ask=camera.ask)
    camera.play(keys, 590)
    few = len(camera.asked)
    camera.obeys = True
    played = camera.play(keys, 200)
    assert len(camera.asked) > few
    assert modes(played, 625) == {SightMode.ASKING}


def test_nobody_to_ask_is_low_rate_at_once_and_keys_again_when_they_come() -> None:
    camera = Camera(10.0)
    keys = KeyFrames()
    assert modes(camera.play(keys, 60), 15.0) == {SightMode.LOW_RATE}
    camera.every_s = 1.0
    assert modes(camera.play(keys, 30), 72.0) == {SightMode.KEYS}


@pytest.mark.parametrize("answer", [False, DeviceError(DeviceTrouble.NOT_SUPPORTED, "gate-1", "不支持 / no")])
def test_a_camera_that_cannot_be_asked_is_asked_once(answer: bool | DeviceError) -> None:
    asked = []

    def ask() -> bool:
        asked.append(answer)
        if isinstance(answer, DeviceError):
            raise answer
        return answer

    played = Camera(25.0).play(KeyFrames(ask=ask), 60)
    assert len(asked) == 1
    assert modes(played, 5.0) == {SightMode.LOW_RATE}


def test_one_lost_key_frame_is_not_late() -> None:
    keys = KeyFrames()
    for number in range(10):
        keys.came(2.0 * number)
    assert keys.look(18.0 + 3.1, may_ask=True) is SightMode.KEYS
    assert keys.look(18.0 + 3.5, may_ask=True) is SightMode.LOW_RATE


def test_asking_that_is_not_allowed_does_not_happen() -> None:
    camera = Camera(25.0, obeys=True)
    assert modes(camera.play(KeyFrames(ask=camera.ask), 60, may_ask=False), 5.0) == {SightMode.LOW_RATE}
    assert camera.asked == []


def test_a_stream_that_is_asked_shows_now_and_then_what_it_does_unasked() -> None:
    camera = Camera(25.0, obeys=True)
    keys = KeyFrames(ask=camera.ask)
    camera.play(keys, 300)
    camera.every_s = 1.0  # somebody set the camera right
    camera.play(keys, 400)
    asked = len(camera.asked)
    assert modes(camera.play(keys, 100), 750.0) == {SightMode.KEYS}
    assert len(camera.asked) == asked


def test_a_new_connection_is_not_rare_before_its_first_key_frame() -> None:
    ask: Callable[[], object] = lambda: None  # noqa: E731
    keys = KeyFrames(ask=ask)
    Camera(25.0).play(keys, 60)
    assert keys.mode is SightMode.LOW_RATE
    keys.begin()
    keys.came(0.0)
    assert keys.look(100.0, may_ask=True) is SightMode.LOW_RATE, "what was found hopeless stays so"
    assert keys.look(701.0, may_ask=True) is SightMode.ASKING


def test_a_camera_that_takes_a_second_to_obey_is_asked_all_the_time() -> None:
    """The key frame comes later than what is rare, yet long before the camera's own: asking brought it."""
    asked: list[float] = []
    keys = KeyFrames(ask=lambda: asked.append(now_s))
    last_s = now_s = 0.0
    modes_ = []
    for number in range(1200):
        now_s = number * 0.1
        due = bool(asked) and asked[-1] > last_s and now_s - asked[-1] >= 1.2
        if now_s - last_s >= 10.0 or due or number == 0:
            keys.came(now_s)
            last_s = now_s
        modes_.append(keys.look(now_s, may_ask=now_s > 25.0))
    assert set(modes_[400:]) == {SightMode.ASKING}
    assert len(asked) > 20


def test_a_burst_of_packets_asks_once_and_that_is_not_held_against_the_camera() -> None:
    """Six seconds of stream that waited in a buffer come within one: then all goes on at its pace."""
    asked: list[float] = []
    now_s = 100.0
    keys = KeyFrames(ask=PacedAsking(lambda: asked.append(now_s), monotonic=lambda: now_s))
    keys.came(0.0)
    for number in range(60):
        now_s += 0.01
        keys.look(number * 0.1, may_ask=True)
    assert len(asked) == keys.asked == 1
    served = 1
    keys.came(6.0)
    for number in range(60, 400):
        now_s += 0.1
        if len(asked) > served and now_s - asked[-1] >= 0.15:
            keys.came(number * 0.1)
            served = len(asked)
        assert keys.look(number * 0.1, may_ask=True) is SightMode.ASKING
    assert len(asked) > 10
