"""A whole box without a broker: what it finds on its subnets becomes its devices."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.app import BoxApp, found_device
from agent.config import SearchSection, parse_config
from agent.devices import OnvifRoom
from protocol.words import Rung
from tests.agent.devices.builders import QUICK
from tests.support.processes import free_port, wait_until
from tests.support.virtual_county import entry, free_ip, running


@contextmanager
def box(folder: Path, *subnets: str) -> Iterator[BoxApp]:
    """A started box that searches all the time and reaches no broker."""
    (folder / "key").write_text(base64.b64encode(b"k" * 32).decode())
    (folder / "password").write_text("pass-word-1")
    config = parse_config(
        {
            "box": {"id": "b1", "data_dir": str(folder / "data")},
            "centre": {"host": "127.0.0.1", "port": free_port(), "mac_key_file": str(folder / "key")},
            "monitor": {"port": free_port()},
            "search": {
                "subnets": list(subnets),
                "username": "admin",
                "password_file": str(folder / "password"),
                "interval_s": 0.2,
            },
        },
        where="box.toml",
    )
    fatal: list[str] = []
    app = BoxApp(config, on_fatal=fatal.append)
    app.devices = OnvifRoom(limits=QUICK)
    app.start()
    try:
        yield app
    finally:
        app.stop()
        assert fatal == []


def events_of(app: BoxApp) -> list[str]:
    """What the box wrote about itself, in order."""
    rows = [json.loads(row.body) for row in app.store.read(1, app.store.last)]
    return [row["data"]["what"] for row in rows if row["type"] == "outpost.box.event.v1"]


def logged_in(app: BoxApp, device: str) -> bool:
    standing = app.prober.standing(device)
    return standing is not None and standing.rung.height >= Rung.AUTHENTICATED.height


def test_what_answers_in_the_subnet_becomes_a_device_once_and_stays_one(tmp_path: Path) -> None:
    with running(entry("gate")) as county:
        subnet = f"{county.device('gate').ip}/32"
        with box(tmp_path, subnet) as app:
            wait_until(lambda: "device_found" in events_of(app), within_s=60, what="it is found")
            (device,) = app.store.remembered_devices()
            wait_until(lambda: logged_in(app, device), within_s=60, what="it is logged in to")
        with box(tmp_path, subnet) as app:
            wait_until(lambda: logged_in(app, device), within_s=60, what="it is logged in to again")
            assert list(app.store.remembered_devices()) == [device]
            assert events_of(app).count("device_found") == 1


def test_a_device_with_https_alone_is_taken_in_with_https(tmp_path: Path) -> None:
    with running(entry("gate", tls=True)) as county, box(tmp_path, f"{county.device('gate').ip}/32") as app:
        wait_until(lambda: "device_found" in events_of(app), within_s=60, what="it is found")
        (device,) = app.store.remembered_devices()
        wait_until(lambda: logged_in(app, device), within_s=60, what="it is logged in to")
        assert json.loads(app.store.remembered_devices()[device])["tls"] is True


@pytest.mark.skipif(os.geteuid() != 0, reason="to open port 443 needs root")
def test_one_with_https_alone_that_announces_plain_http_is_taken_in_where_it_is(tmp_path: Path) -> None:
    gate = entry("gate", tls=True, http_port=443, personality="dahua-like")
    with running(gate) as county, box(tmp_path, f"{county.device('gate').ip}/32") as app:
        wait_until(lambda: "device_found" in events_of(app), within_s=60, what="it is found")
        (device,) = app.store.remembered_devices()
        wait_until(lambda: logged_in(app, device), within_s=60, what="it is logged in to")
        document = json.loads(app.store.remembered_devices()[device])
        assert (document["port"], document["tls"]) == (443, True)
        assert county.device("gate").identity.uuid in document["reference"], "the marks are as announced"
        assert events_of(app).count("device_found") == 1
        assert "device_moved" not in events_of(app)


def test_a_device_that_moved_is_told_once_and_keeps_its_id(tmp_path: Path) -> None:
    old, new, later = (free_ip() for _ in range(3))
    subnets = [f"{ip}/32" for ip in (old, new, later)]
    with running(entry("gate", ip=old)), box(tmp_path, *subnets) as app:
        wait_until(lambda: "device_found" in events_of(app), within_s=60, what="it is found")
        (device,) = app.store.remembered_devices()
    with running(entry("gate", ip=new), entry("yard", ip=later)) as county:
        county.switch("yard", unplugged=True)
        with box(tmp_path, *subnets) as app:
            wait_until(lambda: "device_moved" in events_of(app), within_s=60, what="it is found elsewhere")
            assert json.loads(app.store.remembered_devices()[device])["host"] == new
            county.switch("yard", unplugged=False)
            wait_until(lambda: len(app.store.remembered_devices()) == 2, within_s=60, what="another round")
            assert events_of(app).count("device_moved") == 1


def test_a_box_that_stops_while_it_finds_devices_leaves_nothing_running(tmp_path: Path) -> None:
    """The guard of all tests looks for threads; the device comes after the stop began."""
    device = found_device("urn:uuid:late", host=free_ip(), port=80, search=SearchSection())
    with box(tmp_path) as app:
        pass
    app.add_device(device)
    assert app.prober.standing(device.id) is None


def test_the_listener_of_a_device_that_is_back_pauses_no_longer(tmp_path: Path) -> None:
    with (
        running(entry("gate", ip=free_ip())) as county,
        box(tmp_path, f"{county.device('gate').ip}/32") as app,
    ):
        wait_until(lambda: bool(app._listeners), within_s=5, what="the device is listened to")
        (name,) = app._listeners
        woken: list[str] = []
        _listener, worker, _backoff = app._listeners[name]
        worker.wake = lambda: woken.append(name)  # type: ignore[method-assign]
        app.prober.on_back(name)
        app.prober.on_back("nobody")
        assert name in woken


def recordings_of(app: BoxApp) -> list[dict[str, object]]:
    """What the box wrote about recordings, in order."""
    rows = [json.loads(row.body) for row in app.store.read(1, app.store.last)]
    return [row["data"] for row in rows if row["type"] == "outpost.recording.state.v1"]


def test_recordings_are_asked_on_command_and_when_the_disk_fails(tmp_path: Path) -> None:
    ip = free_ip()
    with (
        running(entry("nvr", ip=ip, kind="nvr_channel", recordings=2)) as county,
        box(tmp_path, f"{ip}/32") as app,
    ):
        app.devices.storage.on_change = app.recordings.nudge
        wait_until(lambda: app.store.remembered_devices(), within_s=60, what="it is found")
        (device,) = app.store.remembered_devices()
        wait_until(lambda: logged_in(app, device), within_s=60, what="it is logged in to")
        assert not app.recordings.ask_now("nowhere")
        assert app.recordings.ask_now(device)
        wait_until(lambda: len(recordings_of(app)) == 2, within_s=60, what="both channels are told")
        told = recordings_of(app)
        assert [one["channel"] for one in told] == ["Recording_1", "Recording_2"]
        assert [(one["recording"], one["recorded_days"]) for one in told] == [(True, 30)] * 2
        county.switch("nvr", disk="error")
        wait_until(lambda: recordings_of(app)[-1]["disk"] == "error", within_s=60, what="the disk is told")
        assert recordings_of(app)[-1]["recording"] is False
