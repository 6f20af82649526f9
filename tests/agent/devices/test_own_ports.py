"""A snapshot or an upload goes to ports that are the device's own: others may be behind the same address."""

from __future__ import annotations

import argparse
import contextlib
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.cli.desk import Desk, opened
from agent.devices import OnvifRoom
from agent.devices.address import Endpoint
from agent.devices.session import Session
from agent.devices.wsdl import shared_services
from agent.errors import DeviceError, DeviceTrouble
from protocol.words import DeviceClass
from tests.agent.devices.builders import PASSWORD, QUICK, a_device
from tests.agent.devices.test_session import challenge, refusal
from tests.support.hostile import Hostile, answering, http, soap
from tests.support.virtual_county import entry, running

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


@pytest.mark.parametrize("way", [*WAYS, asks])
def test_a_command_opens_one_row_and_asks_no_port_of_the_others(
    way: Callable[[Session, int], DeviceTrouble | None], tmp_path: Path
) -> None:
    with (
        two_ports("HTTP") as (_, session, second),
        ledger_of(tmp_path, session.device.port, second.port) as desk,
    ):
        row = desk.device("cam-a")
        with contextlib.closing(
            Session(row, desk.room._account(row), shared_services(), limits=QUICK)
        ) as asked:
            assert way(asked, second.port) is DeviceTrouble.BAD_ANSWER
        assert second.requests == []


@contextmanager
def ledger_of(folder: Path, *ports: int) -> Iterator[Desk]:
    """The desk of a box with a row at each of these ports of one host."""
    (folder / "password").write_text(PASSWORD)
    rows = "".join(
        f'[[device]]\nid = "cam-{name}"\nclass = "smart_camera"\nhost = "127.0.0.1"\nport = {port}\n'
        f'username = "admin"\npassword_file = "{folder}/password"\n'
        for name, port in zip("ab", ports, strict=True)
    )
    config = folder / "box.toml"
    config.write_text(
        f'[box]\nid = "box-1"\ndata_dir = "{folder}"\n[centre]\nhost = "127.0.0.1"\n'
        f'mac_key_file = "{folder}/key"\n{rows}'
    )
    with opened(argparse.Namespace(json=True, config=config)) as desk:
        yield desk


def test_a_row_has_the_ports_it_is_spoken_to_at_and_no_others() -> None:
    """Many channels of one recorder are rows without ONVIF: its ONVIF port is not theirs."""
    rows = [
        a_device(port=8001, rtsp_port=554),
        a_device(port=80, rtsp_port=8554, stream_path="/2", name="channel"),
        a_device(port=80, sip_port=5070, name="room", device_class=DeviceClass.CONFERENCE_ENDPOINT),
        a_device(port=8002, rtsp_port=9554, name="other"),
        a_device("127.0.0.2", port=8003, name="elsewhere"),
    ]
    room = OnvifRoom(limits=QUICK, ledger=lambda: rows)
    assert room._ports_of_others(rows[0]) == {8554, 5070, 8002, 9554}


@pytest.mark.parametrize(("forwarded", "own"), [(False, 9554), (False, 8554), (True, 9554)])
def test_a_stream_at_a_port_of_another_row_is_not_taken(forwarded: bool, own: int) -> None:
    """The log-in of one camera would go to the other behind the same address."""
    with running(entry("cam")) as county:
        device = county.device()
        device.stream_url = lambda token: f"rtsp://192.168.1.10:8554/{token}"
        here = device.ip, device.http_port
        row = a_device(*here, password="pass-word-1", rtsp_port=own, port_forwarded=forwarded)
        other = a_device(device.ip, 1, name="other", rtsp_port=8554)
        room = OnvifRoom(limits=QUICK, ledger=lambda: [row, other])
        with contextlib.closing(room.open(row)) as adapter:
            if own == 9554 and not forwarded:
                with pytest.raises(DeviceError, match="port_forwarded") as told:
                    adapter.stream_uri()
                assert told.value.kind is DeviceTrouble.BAD_ANSWER
                with pytest.raises(DeviceError, match="port_forwarded"):
                    room.profile_uri(row, "main")
            else:
                assert adapter.stream_uri().startswith(f"rtsp://{device.ip}:{own}/")


def test_the_ports_of_the_standard_need_no_list() -> None:
    """XiongMai: ONVIF at 8899, pictures at 80."""
    with two_ports() as (_, session, _second):
        for port in (80, 443):
            session._require_own_port(Endpoint(session.device.host, port, "/snapshot"))
