"""Wherever a device names an address, the box goes to the enrolled host."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import agent.devices
from agent.devices import OnvifRoom
from agent.devices.upkeep.contacts import Proof
from agent.devices.upkeep.files import Firmware
from agent.devices.witness import Exchange, watching
from agent.model import Identity
from simulator.device import images
from simulator.device.device import UNREACHABLE_HOST
from tests.agent.devices.builders import QUICK, a_device
from tests.support.virtual_county import RunningCounty, entry, running

ROOM = Path(agent.devices.__file__).parent


@pytest.fixture
def county() -> Iterator[RunningCounty]:
    with running(entry("cam", kind="ptz_dome")) as started:
        started.station().reboot_s = 0.8
        started.switch(wrong_host_xaddr=True)
        yield started


def test_every_address_a_device_returns_is_taken_on_the_enrolled_host(
    county: RunningCounty, tmp_path: Path
) -> None:
    device = county.device()
    assert UNREACHABLE_HOST in device.url("/")
    row = a_device(device.ip, device.http_port, password="pass-word-1")
    room = OnvifRoom(limits=QUICK)
    seen: list[Exchange] = []
    with (
        watching(seen.append),
        contextlib.closing(room.open(row)) as adapter,
        contextlib.closing(room.settings(row)) as settings,
        contextlib.closing(room.upkeep(row)) as upkeep,
        contextlib.closing(room.subscribe(row)) as events,
    ):
        upkeep.power._pause = lambda _seconds: time.sleep(0.05)
        assert adapter.stream_uri().startswith(f"rtsp://{device.ip}")
        assert adapter.snapshot().startswith(b"\xff\xd8\xff")
        events.pull()
        assert all(aspect.read() for aspect in settings.values())
        assert upkeep.head.presets()
        assert upkeep.contacts.switch("RelayOutput_1", active=True).proof is Proof.TOLD
        assert device.identity.model in upkeep.files.system_log()
        image = tmp_path / "image"
        image.write_bytes(images.firmware(device.identity.model, "9.9.9"))
        digest = hashlib.sha256(image.read_bytes()).hexdigest()
        assert upkeep.files.upgrade(Firmware(image, digest, device.identity.model, "9.9.9"))
        backup = tmp_path / "cam.backup"
        backup.write_bytes(upkeep.files.backup())
        upkeep.files.restore(backup, of=Identity(vendor="", model="", serial=""), force=True)
    assert {exchange.to.partition("/")[0] for exchange in seen} == {f"{device.ip}:{device.http_port}"}


def test_an_address_is_made_in_one_place_alone() -> None:
    """Whatever names a host to the transport comes from ``address``, which knows the enrolled one alone."""
    makers = {
        path.stem
        for path in ROOM.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "Endpoint"
    }
    assert makers == {"address"}
