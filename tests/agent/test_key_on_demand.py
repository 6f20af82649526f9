"""A camera whose key frames are rare is asked for them by a box that may write to it, and by no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.app import BoxApp
from agent.config import parse_config
from agent.model import SightMode
from simulator.lens import equipment
from simulator.video import Library, ProfileSpec
from tests.agent.test_clips import config_of
from tests.support.processes import wait_until
from tests.support.studio import scene_cache
from tests.support.virtual_county import entry, free_ip, running

SLOW = ProfileSpec("sub", 320, 180, 5, 50)
"""A key frame every ten seconds."""


@pytest.mark.parametrize(
    ("kind", "mode", "asked"),
    [("smart_camera", SightMode.ASKING, True), ("integrated", SightMode.LOW_RATE, False)],
)
def test_rare_key_frames_are_asked_for_where_the_box_may_write(
    tmp_path: Path, kind: str, mode: SightMode, asked: bool
) -> None:
    equip = equipment(Library(scene_cache()), (SLOW,))
    with running(entry("gate", ip=free_ip()), equip=equip, profiles=(SLOW,)) as county:
        device = county.device("gate")
        document = config_of(tmp_path, device.ip, device.http_port)
        document["device"][0]["class"] = kind
        fatal: list[str] = []
        app = BoxApp(parse_config(document, where="box.toml"), on_fatal=fatal.append)
        app.start()
        try:

            def looked_at_so() -> bool:
                sight = app.watcher.sight("gate-1")
                return sight is not None and sight.stream.up and sight.stream.mode is mode

            wait_until(looked_at_so, within_s=60, what=f"its pictures come by {mode}")
            if asked:
                wait_until(lambda: device.counters["keys_asked"] >= 3, within_s=60, what="it is asked")
                assert looked_at_so()
        finally:
            app.stop()
        assert fatal == []
        assert (device.counters["keys_asked"] > 0) is asked
