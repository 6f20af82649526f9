"""Devices and bounds with fixed values for the tests of this room."""

from __future__ import annotations

from agent.devices import Limits
from agent.model import Device, Secret
from protocol.words import DeviceClass

QUICK = Limits(total_s=1.0, connect_s=1.0, pull_s=0.3, unsubscribe_s=1.0, sip_s=1.0, listen_s=0.5)
PASSWORD = "Outpost-1"


def a_device(
    host: str = "127.0.0.1",
    port: int = 80,
    *,
    name: str = "cam",
    password: str = PASSWORD,
    username: str = "admin",
    device_class: DeviceClass = DeviceClass.SMART_CAMERA,
    rtsp_port: int = 1,
    sip_port: int = 5060,
    stream_path: str | None = None,
    tls: bool = False,
    port_forwarded: bool = False,
    rtsp_basic: bool | None = None,
) -> Device:
    """A device of the ledger; nothing listens on its RTSP port unless told."""
    return Device(
        id=name,
        device_class=device_class,
        host=host,
        port=port,
        username=username,
        password=Secret(password),
        rtsp_port=rtsp_port,
        sip_port=sip_port,
        stream_path=stream_path,
        tls=tls,
        port_forwarded=port_forwarded,
        rtsp_basic=rtsp_basic,
    )
