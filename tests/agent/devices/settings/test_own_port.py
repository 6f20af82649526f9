"""Settings that would cut the box off: said beforehand, done only when agreed to, and followed."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Mapping

import pytest

from agent.devices import OnvifRoom
from agent.devices.settings import DeviceSettings
from agent.errors import DeviceError, DeviceTrouble
from agent.management import Value
from tests.agent.devices.builders import QUICK, a_device
from tests.support.virtual_county import RunningCounty, entry, running


@contextlib.contextmanager
def camera(*, rtsp_port: int = 554) -> Iterator[tuple[RunningCounty, DeviceSettings]]:
    with running(entry("cam")) as county:
        device = county.device()
        row = a_device(device.ip, device.http_port, password="pass-word-1", rtsp_port=rtsp_port)
        with contextlib.closing(OnvifRoom(limits=QUICK).settings(row)) as settings:
            yield county, settings


def free_port(ip: str) -> int:
    with socket.create_server((ip, 0)) as holder:
        return int(holder.getsockname()[1])


@pytest.mark.parametrize(
    "wanted", [{"http.enabled": False}, {"http.port": 8081}, {"rtsp.enabled": False}, {"rtsp.port": 8555}]
)
def test_the_boxs_own_ports_are_left_alone_without_a_confirmation(wanted: dict[str, Value]) -> None:
    with camera() as (county, settings):
        (danger,) = settings["network"].write(wanted, dry_run=True).dangers
        assert next(iter(wanted)) in danger
        with pytest.raises(DeviceError, match="须先确认") as caught:
            settings["network"].write(wanted)
        assert caught.value.kind is DeviceTrouble.BAD_VALUE
        assert county.device().counters["op_SetNetworkProtocols"] == 0


def test_a_port_the_box_does_not_use_needs_no_confirmation() -> None:
    with camera(rtsp_port=8554) as (county, settings):
        settings["network"].write({"rtsp.port": 8555, "https.enabled": True})
        assert county.device().protocols["RTSP"].port == 8555


def test_a_moved_port_is_followed_and_read_back_there() -> None:
    with camera() as (county, settings):
        port = free_port(county.device().ip)
        (change,) = settings["network"].write({"http.port": port}, confirmed=True).fields
        assert change.after == port == county.device().http_port
        assert settings["network"].read()["http.port"] == port


def test_a_port_still_open_for_a_moment_is_read_back() -> None:
    with camera() as (_county, settings):
        (change,) = settings["network"].write({"http.enabled": False}, confirmed=True).fields
        assert change.after is False


def test_a_closed_port_is_told_as_what_it_is_at_once() -> None:
    with camera() as (county, settings):
        network = settings["network"]
        send = network._send  # type: ignore[attr-defined]

        def send_and_close(changed: Mapping[str, Value]) -> None:
            send(changed)
            county.switch(unplugged=True)

        network._send = send_and_close  # type: ignore[attr-defined]
        with pytest.raises(DeviceError, match="已按要求关闭") as caught:
            settings["network"].write({"http.enabled": False}, confirmed=True)
        assert caught.value.kind is DeviceTrouble.UNREACHABLE
        assert not county.device().protocols["HTTP"].enabled


def test_a_port_that_was_not_closed_though_the_device_said_so_is_found_out() -> None:
    with camera() as (county, settings):
        county.switch(lying_set=True)
        with pytest.raises(DeviceError) as caught:
            settings["network"].write({"http.enabled": False}, confirmed=True)
        assert caught.value.kind is DeviceTrouble.NOT_KEPT


def test_behind_a_forwarded_port_http_is_still_the_boxs_own() -> None:
    with camera() as (county, settings):
        county.device().tells_http_port = 80
        assert settings["network"].write({"http.enabled": False}, dry_run=True).dangers


def test_a_port_moved_behind_forwarding_cannot_be_followed_and_that_is_said() -> None:
    with camera() as (county, settings):
        network = settings["network"]
        send, ports = network._send, county.device().protocols  # type: ignore[attr-defined]

        def send_and_go(changed: Mapping[str, Value]) -> None:
            send(changed)
            county.switch(unplugged=True)

        network._send = send_and_go  # type: ignore[attr-defined]
        county.device().tells_http_port = 80
        with pytest.raises(DeviceError, match="端口转发") as caught:
            network.write({"http.port": 8080}, confirmed=True)
        assert caught.value.kind is DeviceTrouble.UNREACHABLE
        assert ports["HTTP"].port == 8080


def test_addresses_are_shown_and_not_changed_from_here() -> None:
    with camera() as (county, settings):
        values: dict[str, Value] = {"dhcp": True, "address": "10.0.0.9", "gateway": "10.0.0.1"}
        for name, value in values.items():
            with pytest.raises(DeviceError) as caught:
                settings["network"].write({name: value}, confirmed=True)
            assert caught.value.kind is DeviceTrouble.BAD_VALUE
        assert not [name for name in county.device().counters if name.startswith("op_Set")]
