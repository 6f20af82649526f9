"""A running box over a simulated camera: what is stored on its disk decides from the first pictures on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.app import BoxApp, device_of
from agent.config import parse_config
from agent.detect.vqd.look import Look
from agent.detect.vqd.reference import Reference
from agent.detect.vqd.stored import Light, StoredView
from agent.model import PictureFault
from agent.services.reference_shelf import ReferenceShelf, StoredReference, masks_of
from agent.video.stills import small_still
from protocol.messages import Command
from simulator.lens import equipment
from simulator.video import Library, ProfileSpec
from tests.agent.detect.mini_scene import HEIGHT, WIDTH, Camera
from tests.agent.test_clips import config_of
from tests.support.processes import wait_until
from tests.support.studio import scene_cache
from tests.support.virtual_county import entry, free_ip, running

SMALL = ProfileSpec("sub", WIDTH, HEIGHT, 5, 5)
"""A key frame a second."""


def test_a_camera_turned_while_the_box_was_off_is_named_until_its_view_is_taken_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.app.daylight", lambda _at, **_where: True)
    equip = equipment(Library(scene_cache()), (SMALL,))
    with running(entry("gate", ip=free_ip()), equip=equip, profiles=(SMALL,)) as county:
        device = county.device("gate")
        document = config_of(tmp_path, device.ip, device.http_port)
        document["watch"] = {"moved_confirm_s": 2, "clear_confirm_s": 2}
        config = parse_config(document, where="box.toml")
        row = device_of(config.devices[0])
        before = Camera().look()
        view = StoredView(Light.DAY, (HEIGHT, WIDTH), Reference.of([Look.at(before)]))
        stored = StoredReference(
            view, small_still(before, ()).content, datetime(2026, 11, 1, tzinfo=UTC), masks_of(row)
        )
        shelf = ReferenceShelf(config.box.data_dir / "references")
        assert shelf.keep(row, stored)
        fatal: list[str] = []
        app = BoxApp(config, on_fatal=fatal.append)
        app.start()
        try:

            def fault() -> PictureFault | None:
                sight = app.watcher.sight(row.id)
                return sight.picture.fault if sight is not None else None

            wait_until(lambda: fault() is PictureFault.SCENE_CHANGED, within_s=60, what="it is named")
            expires = datetime.now(UTC) + timedelta(hours=1)
            app.commander.accept(Command(command="c-1", verb="retake", device=row.id, expires=expires))
            wait_until(lambda: shelf.stamp(row.id) == frozenset(), within_s=20, what="it is dropped")
            wait_until(lambda: fault() is None, within_s=60, what="the new view is right")
        finally:
            app.stop()
        assert fatal == []
