"""Reasons have a Chinese form, with the same numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.detect.for_device import judge_for
from agent.model import Device, Frame
from agent.tuning.reasons import in_chinese, kind_of
from agent.tuning.wording import at
from agent.tuning.zone_file import zones_of
from protocol.words import DeviceClass
from tests.agent.detect import mini_scene
from tests.agent.tuning import films
from tests.support.footage import play

CHINESE = re.compile(r"[一-鿿]")


def faults() -> Iterator[Frame]:
    """A place, then dark, glaring, behind a cloth, another place, and light that comes and goes."""
    camera = mini_scene.Camera()
    looks = camera.looks(8)
    for scene in (
        camera.scene * 0.05,
        camera.scene * 0.0 + 250,
        mini_scene.cloth(),
        mini_scene.place(99),
        mini_scene.beam(camera.scene, 160, 90),
        camera.scene * 1.3,
    ):
        looks += [*camera.looks(6, scene), *camera.looks(6)]
    still = camera.look()
    yield from mini_scene.frames([*looks, *[still] * 8])


def test_every_reason_that_is_told_has_a_chinese_form(film: Path) -> None:
    zones = films.ZONES + (
        '\n[[zone]]\nname="d"\nkind="dwell"\ndwell_s=2\ncorners=[[0,0.3],[1,0.3],[1,1],[0,1]]\n'
        '[[zone]]\nname="c"\nkind="crowd"\ncrowd_count=2\ncorners=[[0,0.3],[1,0.3],[1,1],[0,1]]\n'
        '[[zone]]\nname="m"\nkind="motion"\ncorners=[[0,0],[0.5,0],[0.5,1],[0,1]]\n'
        '[[zone]]\nname="s"\nschedule=["mon 01:00-01:01"]\ncorners=[[0,0],[0.5,0],[0.5,1],[0,1]]\n'
    )
    device = Device(
        id="c",
        device_class=DeviceClass.SMART_CAMERA,
        host="",
        zones=tuple(one.zone() for one in zones_of(zones)),
    )
    reasons = {f.reason for _, one in play(film, judge_for(device)) for f in one.findings if f.reason}
    judge = judge_for(Device(id="d", device_class=DeviceClass.SMART_CAMERA, host=""))
    reasons |= {f.reason for frame in faults() for f in judge.judge(frame) if f.reason}
    kinds = {kind_of(reason) for reason in reasons}
    assert len(kinds) >= 12, kinds
    assert {kind_of(one) for one in reasons if not CHINESE.search(in_chinese(one))} == set()
    for one in reasons:
        numbers = re.findall(r"[0-9.]+%?", one)
        assert sorted(re.findall(r"[0-9.]+%?", in_chinese(one))) == sorted(numbers), one


def test_a_reason_nobody_wrote_down_stays_as_it_is() -> None:
    assert in_chinese("a cat of 3 kg") == "a cat of 3 kg"
    assert in_chinese("not judged: a cat") == "未判断：a cat"
    assert in_chinese("") == ""


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.0, "00:00.0"), (59.96, "01:00.0"), (75.26, "01:15.3"), (3725.0, "1:02:05.0")]
)
def test_times_have_tenths_and_hours_where_there_are_any(seconds: float, told: str) -> None:
    assert at(seconds) == told
