"""After a restart, on rendered and encoded scenes: what is wrong is seen at once; no weather is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache

import pytest

from agent.detect.picture import PictureJudge
from agent.detect.vqd.look import Look
from agent.detect.vqd.stored import Light, StoredView, learned
from agent.model import Frame, PictureFault
from tests.support.vqd_stage import FAULTS, HEIGHT, WIDTH, Shot, broken, scene, shots, under

LOOKS = 30
"""Ten seconds apart: half of the shortest time that confirms a covered lens."""
FEW = LOOKS // 3


@cache
def view() -> StoredView:
    reference = learned([Look.at(shot.image, shot.chroma) for shot in shots(scene("gate-day"))[:3]])
    assert reference is not None
    return StoredView(Light.DAY, (HEIGHT, WIDTH), reference)


def seen(pictures: Sequence[Shot]) -> Counter[PictureFault]:
    """How many of the looks after a restart show each fault."""
    judge = PictureJudge(daylight=lambda: True)
    judge.begin_with([view()])
    counts: Counter[PictureFault] = Counter()
    for number in range(LOOKS):
        shot = pictures[number % len(pictures)]
        frame = Frame(shot.image, 10.0 * number, 10.0 * number, True, shot.chroma)
        counts.update(one.fault for one in judge.judge(frame) if one.present)
    return counts


@pytest.mark.parametrize("strength", [0.0, 1.0])
@pytest.mark.parametrize("fault", ["blurred", "covered", "moved", "striped", "colour_cast"])
def test_a_fault_that_came_while_the_box_was_off_is_seen(fault: str, strength: float) -> None:
    counts = seen(broken(scene("gate-day"), fault, strength))
    assert counts[FAULTS[fault]] >= LOOKS - 2, counts


def test_an_infrared_filter_that_stuck_while_the_box_was_off_is_seen() -> None:
    assert seen(broken(scene("gate-day"), "grey", 1.0))[PictureFault.GREY] >= LOOKS - 2


@pytest.mark.parametrize("share", [0.4, 1.0])
@pytest.mark.parametrize("weather", ["fog", "dense_fog", "snowfall", "low_sun", "rain"])
def test_weather_at_the_start_is_no_fault(weather: str, share: float) -> None:
    counts = seen(under(scene("gate-day"), weather, share))
    assert max(counts.values(), default=0) < FEW, counts


def test_another_hour_of_the_same_view_is_no_fault() -> None:
    assert not seen(shots(scene("gate-day"), seed=7))
