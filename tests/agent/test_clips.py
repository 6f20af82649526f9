"""A whole box: a camera reports tampering, the box films it over RTSP, and the end names the clip."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from agent.app import BoxApp
from agent.config import parse_config
from agent.devices import OnvifRoom
from simulator.lens import equipment
from simulator.video import Library, ProfileSpec
from tests.agent.devices.builders import QUICK
from tests.support.mp4 import probed
from tests.support.processes import free_port, wait_until
from tests.support.studio import scene_cache
from tests.support.virtual_county import RunningCounty, entry, free_ip, running

SUB = ProfileSpec("sub", 640, 360, 10, 10)


def config_of(folder: Path, host: str, http_port: int) -> dict[str, Any]:
    (folder / "key").write_text(base64.b64encode(b"k" * 32).decode())
    (folder / "password").write_text("pass-word-1")
    return {
        "box": {"id": "b1", "data_dir": str(folder / "data")},
        "centre": {"host": "127.0.0.1", "port": free_port(), "mac_key_file": str(folder / "key")},
        "monitor": {"port": free_port()},
        "watch": {"clip_before_s": 2, "clip_after_s": 2, "cool_down_s": 0},
        "device": [
            {
                "id": "gate-1",
                "host": host,
                "port": http_port,
                "username": "admin",
                "password_file": str(folder / "password"),
            }
        ],
    }


def scenes_of(app: BoxApp, topic: str) -> list[dict[str, Any]]:
    rows = [json.loads(row.body) for row in app.store.read(1, app.store.last)]
    return [
        row["data"]
        for row in rows
        if row["type"] == "outpost.scene.v1" and row["data"]["topic"].endswith(topic)
    ]


def tell(county: RunningCounty, *, tampered: bool) -> None:
    data = (("IsTamper", "true" if tampered else "false"),)
    topic = "tns1:RuleEngine/TamperDetector/Tamper"
    source = (("VideoSourceConfigurationToken", "1"),)
    county.call(
        lambda: county.device("gate").events.tell(topic, source=source, data=data, operation="Changed")
    )


def filmed(app: BoxApp) -> bool:
    sight = app.watcher.sight("gate-1")
    return sight is not None and sight.stream.up and sight.stream.counters["packets"] > 25


def test_what_a_camera_reports_is_filmed_with_the_seconds_before_it(tmp_path: Path) -> None:
    equip = equipment(Library(scene_cache()), (SUB,))
    with running(entry("gate", ip=free_ip(), scene="gate-day"), equip=equip, profiles=(SUB,)) as county:
        device = county.device("gate")
        config = parse_config(config_of(tmp_path, device.ip, device.http_port), where="box.toml")
        fatal: list[str] = []
        app = BoxApp(config, on_fatal=fatal.append)
        app.devices = OnvifRoom(limits=QUICK)
        app.start()
        try:
            wait_until(lambda: filmed(app), within_s=30, what="2.5 s of its stream came")
            wait_until(lambda: county.device("gate").events.live(), within_s=20, what="it is listened to")
            tell(county, tampered=True)
            wait_until(lambda: scenes_of(app, "Tamper"), within_s=20, what="the start is in the log")
            tell(county, tampered=False)
            wait_until(lambda: len(scenes_of(app, "Tamper")) == 2, within_s=20, what="the end too")
            start, end = scenes_of(app, "Tamper")
        finally:
            app.stop()
        assert fatal == []
    assert (start["phase"], start["seen_by"], end["phase"]) == ("start", "camera", "end")
    assert start["evidence"]
    (clip,) = (tmp_path / "data" / "stills").glob(f"*_gate-1_{end['clip']}.mp4")
    told = probed(clip.read_bytes(), tmp_path)
    assert (told.streams, told.codec, told.first_is_key, told.complaints) == (1, "h264", True, "")
    assert 3.0 <= told.duration_s <= 6.0
