"""From the configuration to what is seen: zones, time zone, classes and the object model reach the judge."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.app import BoxApp, device_of, read_object_model, wall_time
from agent.config import Config, parse_config
from agent.detect import EventDebouncer, Moment
from agent.detect.for_device import judge_for
from agent.detect.scene_judge import SceneJudge
from agent.errors import ConfigError
from agent.model import Frame, ObjectKind, PictureFault
from agent.services.scene_book import scene_entry
from agent.services.watcher import confirm_config
from protocol.words import Phase, SceneTopic
from tests.agent.detect.mini_scene import Camera, frames, person
from tests.agent.detect.test_object_model import CLASSES, YOLO8

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "zones.md"
NIGHT = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
"""23:00 in Shanghai."""


class Wall:
    """A clock whose monotonic time is that of the frames."""

    def __init__(self, begins: datetime) -> None:
        self._begins = begins

    def now(self) -> datetime:
        return self._begins + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return 1000.0

    def sleep(self, seconds: float) -> None:
        raise AssertionError(seconds)


def config(**more: Any) -> Config:
    """The guide's own example, made whole."""
    text = re.search(r"```toml\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    assert text is not None
    raw = tomllib.loads(text[1])
    raw["box"].update(id="village-1", data_dir="/d")
    return parse_config({**raw, "centre": {"host": "h", "mac_key_file": "/k"}, **more}, where="box.toml")


def walk_through(begins: datetime) -> list[str]:
    """What the guide's camera writes to the log of one who walks from left to right."""
    made = config()
    device = device_of(made.devices[0])
    judge = judge_for(device, wall=wall_time(Wall(begins), made.box.time_zone))
    camera, numbers = Camera(), itertools.count()
    bouncer = EventDebouncer(confirm_config(made.watch), new_episode=lambda: f"{next(numbers):016x}")
    pictures = [*camera.looks(6), *(camera.look(person(camera.scene, x, 150)) for x in range(70, 300, 12))]
    written = []
    for number, frame in enumerate(frames(pictures)):
        at_s = frame.mono_s if number < 6 else 12.0 + (number - 6) * 0.4
        for event in bouncer.see(judge.judge(Frame(frame.image, at_s, at_s, True)), Moment(at_s, NIGHT)):
            entry = scene_entry(event)
            if event.phase is Phase.PULSE:
                written.append(f"{entry.topic} {entry.zone} {entry.reason.split(',')[0]}")
    return written


def test_the_guides_line_is_crossed_at_night_alone() -> None:
    assert walk_through(NIGHT) == [f"{SceneTopic.LINE_CROSSED} 院门线 crossed a→b"]
    assert walk_through(NIGHT + timedelta(hours=10)) == []


def test_lookouts_alone_look_for_smoke() -> None:
    row = {"id": "tower-1", "host": "192.0.2.9"}
    for kind, looks in (("lookout", True), ("smart_camera", False), ("ptz_dome", False)):
        device = device_of(config(device=[{**row, "class": kind}]).devices[0])
        judge = judge_for(device)
        said = [f.topic for frame in frames(Camera().looks(14)) for f in judge.judge(frame)]
        assert (SceneTopic.SMOKE_SUSPECTED in said) is looks


def test_the_object_model_of_the_configuration_looks_at_what_moves(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(YOLO8)
    objects = {
        "model_file": str(path), "sha256": hashlib.sha256(YOLO8).hexdigest(), "classes": list(CLASSES),
        "width_px": 32, "height_px": 32,
    }  # fmt: skip
    made = config(objects=objects)
    judge = judge_for(device_of(made.devices[0]), objects=read_object_model(made.objects))
    camera = Camera()
    for frame in frames(camera.looks(6)):
        judge.judge(frame)
    seen = judge.judge(Frame(camera.look(person(camera.scene, 100, 150, height=90)), 12.0, 12.0, True))
    kinds = {f.kind for f in seen if f.present and f.topic is SceneTopic.OBJECT_DETECTED}
    assert kinds <= set(ObjectKind)
    assert kinds


@pytest.mark.parametrize(
    ("location", "sun"),
    [
        ({}, True),
        ({"latitude": 34.5, "longitude": -69.7}, False),
        ({"latitude": 34.5, "longitude": 5.0}, None),
    ],
)
def test_day_and_night_are_those_of_the_boxs_own_place(
    tmp_path: Path, location: dict[str, float], sun: bool | None
) -> None:
    """Noon in the county is midnight on the other side of the earth, and early morning between them."""
    key = tmp_path / "mac.key"
    key.write_text(base64.b64encode(bytes(32)).decode())
    made = config(
        box={"id": "village-1", "data_dir": str(tmp_path), **location},
        centre={"host": "127.0.0.1", "mac_key_file": str(key)},
        device=[{"id": "barn", "host": "192.0.2.7", "supplementary_light": False}],
    )
    noon = Wall(datetime(2026, 6, 21, 4, 40, tzinfo=UTC))
    app = BoxApp(made, clock=noon, on_fatal=print)
    try:
        said = judged_black(
            app._judge_for(device_of(made.devices[0]), wall=wall_time(noon, "UTC"), objects=None)
        )
        assert said == ({PictureFault.DARK, PictureFault.FROZEN} if sun else set())
        assert app._daylight() is sun
    finally:
        app.stop()


def judged_black(judge: SceneJudge) -> set[PictureFault | None]:
    black = np.full((90, 160), 16, np.uint8)
    return {f.fault for n in range(4) for f in judge.judge(Frame(black, 2.0 * n, 2.0 * n, True)) if f.present}


@pytest.mark.parametrize(("row", "said"), [({}, True), ({"supplementary_light": False}, False)])
def test_by_night_dark_is_a_fault_where_light_should_be(row: dict[str, bool], said: bool) -> None:
    """The same for the box and for whoever replays a recording."""
    made = config(device=[{"id": "barn", "host": "192.0.2.7", **row}])
    judge = judge_for(device_of(made.devices[0]), daylight=lambda: False)
    assert (PictureFault.DARK in judged_black(judge)) is said


def test_a_box_with_another_model_than_configured_does_not_start(tmp_path: Path) -> None:
    key = tmp_path / "mac.key"
    key.write_text(base64.b64encode(bytes(32)).decode())
    path = tmp_path / "model.onnx"
    path.write_bytes(YOLO8 + b"\x00")
    made = config(
        box={"id": "village-1", "data_dir": str(tmp_path)},
        centre={"host": "127.0.0.1", "mac_key_file": str(key)},
        objects={"model_file": str(path), "sha256": "0" * 64, "classes": list(CLASSES)},
    )
    with pytest.raises(ConfigError, match="SHA-256") as refused:
        BoxApp(made, on_fatal=print)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize(
    "objects", [{"model_file": "/m.onnx"}, {"model_file": "/m", "sha256": "zz", "classes": ["person"]}]
)
def test_half_a_model_is_refused(objects: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="objects"):
        config(objects=objects)
