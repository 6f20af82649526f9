"""What scenes promise: quiet joints, realistic sizes and speeds, nobody in the quiet ones."""

from __future__ import annotations

import pytest

from simulator.video.scenes import LOOP_S, SCENES
from simulator.video.stage import sightings, speed_mps

SPEED_MPS = {"person": (0.8, 2.5), "car": (3.0, 25.0)}
EVERY_SCRIPT = [(name, action) for name, scene in SCENES.items() for action in (None, *scene.actions)]


@pytest.mark.parametrize(("name", "action"), EVERY_SCRIPT)
def test_loops_and_actions_begin_and_end_with_nobody_in_view(name: str, action: str | None) -> None:
    seconds = SCENES[name].script(action).seconds
    for seen in sightings(SCENES[name], action):
        if seen.what == "wind":
            continue
        assert 0 < seen.from_s < seen.to_s < seconds, seen.what


@pytest.mark.parametrize(("name", "action"), EVERY_SCRIPT)
def test_movers_have_human_speeds_and_stay_in_the_picture(name: str, action: str | None) -> None:
    scene = SCENES[name]
    for one in scene.script(action).passes:
        low, high = SPEED_MPS[one.what]
        assert low <= speed_mps(one, scene) <= high
    for seen in sightings(scene, action):
        for _, x, y, w, h in seen.track:
            assert 0 <= x <= x + w <= 1.001
            assert 0 <= y <= y + h <= 1.001


@pytest.mark.parametrize("name", ["gate-day", "gate-dusk", "gate-night", "meeting-room"])
def test_quiet_scenes_show_nobody_until_asked(name: str) -> None:
    assert sightings(SCENES[name], None) == ()
    (seen,) = sightings(SCENES[name], "intruder")
    assert seen.what == "person"
    assert seen.to_s - seen.from_s > 5


def test_people_and_cars_are_as_large_as_they_should_be() -> None:
    boxes = {seen.what: seen.track[len(seen.track) // 2] for seen in sightings(SCENES["street-day"], None)}
    assert 0.08 < boxes["person"][4] < 0.3
    assert 0.05 < boxes["car"][4] < 0.3
    assert boxes["car"][3] * 16 > 2 * boxes["car"][4] * 9, "a car from the side is long"


@pytest.mark.parametrize("name", sorted(SCENES))
def test_loops_are_whole_seconds(name: str) -> None:
    assert 8 <= SCENES[name].loop.seconds <= LOOP_S
    assert SCENES[name].label
    assert SCENES[name].about
