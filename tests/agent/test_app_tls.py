"""A whole box and a device over TLS: what is told when its certificate changes, and how it comes back."""

from __future__ import annotations

import base64
import contextlib
import json
from pathlib import Path

from agent.app import BoxApp, device_of
from agent.config import Config, parse_config
from agent.devices import OnvifRoom
from agent.outbox.notebook import SqliteNotebook
from protocol.words import Reason, Rung
from tests.agent.devices.test_tls import TLS_LIMITS
from tests.support.processes import free_port, wait_until
from tests.support.virtual_county import RunningCounty, entry, running


def config_of(folder: Path, county: RunningCounty) -> Config:
    (folder / "key").write_text(base64.b64encode(b"k" * 32).decode())
    (folder / "password").write_text("pass-word-1")
    device = county.device("gate")
    return parse_config(
        {
            "box": {"id": "b1", "data_dir": str(folder / "data")},
            "centre": {"host": "127.0.0.1", "port": free_port(), "mac_key_file": str(folder / "key")},
            "monitor": {"port": free_port()},
            "watch": {"ladder_interval_s": 0.3, "retry_interval_s": 0.3},
            "device": [
                {
                    "id": "gate",
                    "host": device.ip,
                    "port": device.http_port,
                    "tls": True,
                    "username": "admin",
                    "password_file": str(folder / "password"),
                }
            ],
        },
        where="box.toml",
    )


def reasons_told(app: BoxApp) -> list[str]:
    """Why the device is not at its top, in the order of the box's log."""
    rows = [json.loads(row.body) for row in app.store.read(1, app.store.last)]
    return [row["data"]["reason"] for row in rows if row["type"] == "outpost.device.health.v1"]


def stands(app: BoxApp, rung: Rung, reason: Reason | None = None) -> bool:
    standing = app.prober.standing("gate")
    if standing is None or standing.rung.height < rung.height:
        return False
    return reason is None or (standing.rung, standing.reason) == (rung, reason)


def test_a_changed_certificate_is_told_and_trust_brings_the_device_back(tmp_path: Path) -> None:
    with running(entry("gate", tls=True)) as county:
        config = config_of(tmp_path, county)
        fatal: list[str] = []
        app = BoxApp(config, on_fatal=fatal.append)
        app.devices = OnvifRoom(limits=TLS_LIMITS, notebook=app.notebook)
        app.start()
        try:
            wait_until(lambda: stands(app, Rung.AUTHENTICATED), within_s=20, what="it is logged in to")
            county.switch("gate", certificate="replaced")
            changed = Reason.CERTIFICATE_CHANGED
            wait_until(lambda: stands(app, Rung.REACHABLE, changed), within_s=20, what="it is told")
            assert changed in reasons_told(app)
            with contextlib.closing(SqliteNotebook(config.box.data_dir / "notebook.db")) as notebook:
                trust = OnvifRoom(notebook=notebook).trust(device_of(config.devices[0]))
                trust.take(trust.shown())
            wait_until(lambda: stands(app, Rung.AUTHENTICATED), within_s=20, what="it is trusted again")
        finally:
            app.stop()
        assert fatal == []
        counters = county.call(lambda: county.device("gate").counters)
        assert not [name for name in counters if name.startswith("auth_") and name != "auth_missing"]
