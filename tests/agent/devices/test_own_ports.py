"""A snapshot or an upload goes to ports that are the device's own: others may be behind the same address."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from agent.devices import OnvifRoom
from agent.devices.address import Endpoint
from agent.devices.session import Session
from agent.devices.wsdl import shared_services
from agent.errors import DeviceError, DeviceTrouble
from tests.agent.devices.builders import QUICK, a_device
from tests.agent.devices.test_session import challenge, refusal
from tests.support.hostile import Hostile, answering, http, soap

LISTED = (
    "<tds:GetNetworkProtocolsResponse><tds:NetworkProtocols><tt:Name>{name}</tt:Name>"
    "<tt:Enabled>true</tt:Enabled><tt:Port>{port}</tt:Port></tds:NetworkProtocols>"
    "</tds:GetNetworkProtocolsResponse>"
)


def takes(session: Session, port: int) -> DeviceTrouble | None:
    try:
        session.get(Endpoint(session.device.host, port, "/cgi-bin/x?action=reboot"), cap_bytes=100)
    except DeviceError as error:
        return error.kind
    return None


def uploads(session: Session, port: int) -> DeviceTrouble | None:
    door = Endpoint(session.device.host, port, "/upgrade")
    try:
        session.upload("StartFirmwareUpgrade", door, io.BytesIO(b"x"), size_bytes=1)
    except DeviceError as error:
        return error.kind
    return None


def asks(session: Session, port: int) -> DeviceTrouble | None:
    try:
        session.call("devicemgmt", "GetDeviceInformation", Endpoint(session.device.host, port, "/x"))
    except DeviceError as error:
        return error.kind
    return None


WAYS = [takes, uploads]


@contextmanager
def two_ports(name: str = "") -> Iterator[tuple[OnvifRoom, Session, Hostile]]:
    """A device that lists the second port under ``name`` ("-" answers with nonsense), and who is there."""

    def there(request: bytes) -> bytes:
        if b"Authorization" in request:
            return http(b"ok")
        return refusal(401, b"", "Connection: close", challenge())

    with answering(there) as second:

        def lists(request: bytes) -> bytes:
            if name.isalpha() and b"GetNetworkProtocols" in request:
                return http(soap(LISTED.format(name=name, port=second.port)))
            return http(soap("<tds:GetUsersResponse/>")) if name == "-" else refusal(400)

        with answering(lists) as first:
            room = OnvifRoom(limits=QUICK)
            row = a_device(port=first.port)
            session = Session(row, room._account(row), shared_services(), limits=QUICK)
            with contextlib.closing(session):
                yield room, session, second


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["", "RTSP", "-"])
def test_a_port_the_device_does_not_list_is_not_asked(
    way: Callable[[Session, int], DeviceTrouble | None], name: str
) -> None:
    with two_ports(name) as (_, session, second):
        assert way(session, second.port) is DeviceTrouble.BAD_ANSWER
        assert second.requests == []


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["HTTP", "https"])
def test_a_port_the_device_lists_is_its_own(
    way: Callable[[Session, int], DeviceTrouble | None], name: str
) -> None:
    with two_ports(name) as (_, session, second):
        assert way(session, second.port) is None
        assert b"Authorization: Digest" in second.requests[-1]


@pytest.mark.parametrize("way", [*WAYS, asks])
def test_a_port_of_another_device_of_the_ledger_is_never_asked(
    way: Callable[[Session, int], DeviceTrouble | None],
) -> None:
    with two_ports("HTTP") as (room, session, second):
        room.open(a_device(port=second.port, name="other")).close()
        assert way(session, second.port) is DeviceTrouble.BAD_ANSWER
        assert second.requests == []


def test_the_ports_of_the_standard_need_no_list() -> None:
    """XiongMai: ONVIF at 8899, pictures at 80."""
    with two_ports() as (_, session, _second):
        for port in (80, 443):
            session._require_own_port(Endpoint(session.device.host, port, "/snapshot"))
