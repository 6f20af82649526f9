"""A whole box among cameras that take a connection and say nothing: it stops, and rebinds, all the same."""

from __future__ import annotations

import base64
import contextlib
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from agent.app import CLOSE_S, STOP_S, BoxApp
from agent.config import parse_config
from agent.model import Secret
from tests.support.hostile import Hostile
from tests.support.processes import free_port, wait_until

HUNG = 16


@contextmanager
def hung_cameras() -> Iterator[Sequence[Hostile]]:
    with contextlib.ExitStack() as opened:
        yield [opened.enter_context(contextlib.closing(Hostile("never_answers"))) for _ in range(HUNG)]


def box(folder: Path, cameras: Sequence[Hostile]) -> BoxApp:
    """With the limits of a real box: a question to a hung device takes 8 s."""
    (folder / "key").write_text(base64.b64encode(b"k" * 32).decode())
    (folder / "password").write_text("pass-word-1")
    config = parse_config(
        {
            "box": {"id": "b1", "data_dir": str(folder / "data")},
            "centre": {"host": "127.0.0.1", "port": free_port(), "mac_key_file": str(folder / "key")},
            "monitor": {"port": free_port()},
            "device": [
                {
                    "id": f"cam-{number}",
                    "class": "ptz_dome",
                    "host": camera.host,
                    "port": camera.port,
                    "username": "admin",
                    "password_file": str(folder / "password"),
                }
                for number, camera in enumerate(cameras)
            ],
        },
        where="box.toml",
    )
    return BoxApp(config, on_fatal=lambda name: None)


def test_a_box_whose_cameras_all_hang_rebinds_at_once_and_stops_in_time(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    with hung_cameras() as cameras:
        app = box(tmp_path, cameras)
        app.start()
        try:
            wait_until(
                lambda: sum(camera.connections > 0 for camera in cameras) == HUNG,
                within_s=20,
                what="every camera holds a question",
            )
            for number in range(4):
                began_s = time.monotonic()
                app.rebind(replace(app._known[f"cam-{number}"], password=Secret("other")))
                assert time.monotonic() - began_s < 1.0
            began_s = time.monotonic()
            assert app.remove_device("cam-0") is not None
            assert time.monotonic() - began_s < 2 * CLOSE_S + 2.0
            assert (app.prober.standing("cam-0"), len(app._known)) == (None, HUNG - 1)
        finally:
            began_s = time.monotonic()
            app.stop()
        assert time.monotonic() - began_s < STOP_S + 2.0
    wait_until(
        lambda: not [one for one in threading.enumerate() if one not in before and one.is_alive()],
        within_s=20,
        what="what was left to its thread ends",
    )
