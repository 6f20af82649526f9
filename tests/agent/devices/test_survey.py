"""Who answers at an address is told apart before anybody logs in."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from agent.devices import OnvifRoom
from agent.devices.neighbours import neighbours
from agent.devices.survey import Kind, Ports, Surveyed
from agent.ports import Found, Unusable
from tests.agent.devices.builders import QUICK
from tests.support import sip_peer
from tests.support.hostile import Hostile, answering
from tests.support.processes import free_port
from tests.support.virtual_county import entry, running

_FAULT = (
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><s:Fault><s:Code><s:Value>s:Sender'
    "</s:Value><s:Subcode><s:Value>ter:NotAuthorized</s:Value></s:Subcode></s:Code><s:Reason>"
    '<s:Text xml:lang="en">The device is not activated</s:Text></s:Reason></s:Fault></s:Body></s:Envelope>'
)
PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>"
RTSP = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: OPTIONS, DESCRIBE\r\n\r\n"


def refusing() -> bytes:
    body = _FAULT.encode()
    head = f"HTTP/1.1 400 Bad\r\nContent-Type: application/soap+xml\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def seen(host: str, ports: Ports) -> Surveyed | None:
    found = OnvifRoom(limits=QUICK).survey([f"{host}/32"], ports=ports)
    return found[0] if found else None


def test_a_camera_is_found_without_multicast_and_without_a_password() -> None:
    with running(entry("cam")) as county:
        device = county.device()
        told = seen(device.ip, Ports((device.http_port,), free_port()))
        assert told is not None
        assert (told.kind, told.port) == (Kind.ONVIF, device.http_port)
        assert not [name for name in device.counters if name.startswith("auth_wrong")]


def test_a_device_without_a_password_yet_is_not_activated() -> None:
    with answering(lambda _: refusing()) as camera:
        told = seen(camera.host, Ports((camera.port,), free_port()))
        assert told is not None
        assert told.kind is Kind.NOT_ACTIVATED
        assert "未激活" in told.detail


@pytest.mark.parametrize(("page", "kind"), [(True, Kind.ONVIF_OFF), (False, Kind.RTSP_ONLY)])
def test_a_camera_without_onvif_is_told_as_what_it_is(page: bool, kind: Kind) -> None:
    with contextlib.ExitStack() as stack:
        rtsp = stack.enter_context(answering(lambda _: RTSP))
        web = stack.enter_context(answering(lambda _: PAGE)).port if page else free_port()
        told = seen(rtsp.host, Ports((web,), rtsp.port))
        assert told is not None
        assert told.kind is kind


def test_a_printer_is_something_else_and_nobody_is_nobody() -> None:
    with answering(lambda _: PAGE) as printer:
        told = seen(printer.host, Ports((printer.port,), free_port()))
        assert told is not None
        assert told.kind is Kind.OTHER
    assert seen("127.77.77.77", Ports((free_port(),), free_port())) is None


def test_a_host_that_accepts_and_is_silent_holds_nobody_up() -> None:
    with Hostile("never_answers") as silent:
        told = seen(silent.host, Ports((silent.port,), free_port()))
        assert told is not None
        assert told.kind is Kind.OTHER


def test_nothing_but_the_subnet_is_touched() -> None:
    with answering(lambda _: PAGE) as other:
        assert OnvifRoom(limits=QUICK).survey(["127.88.0.0/28"], ports=Ports((other.port,), other.port)) == []
        assert other.requests == []
    with pytest.raises(ValueError, match="nonsense"):
        OnvifRoom(limits=QUICK).survey(["nonsense"])


def test_macs_come_from_the_kernel_s_table(tmp_path: Path) -> None:
    table = tmp_path / "arp"
    table.write_text(
        "IP address       HW type     Flags       HW address            Mask     Device\n"
        "192.168.1.64     0x1         0x2         44:19:b6:01:02:03     *        eth0\n"
        "192.168.1.65     0x1         0x0         00:00:00:00:00:00     *        eth0\n"
        "broken\n"
    )
    assert neighbours(table) == {"192.168.1.64": "44-19-B6-01-02-03"}
    assert neighbours(tmp_path / "none") == {}


def test_a_camera_with_https_alone_is_found_as_that_and_recognised() -> None:
    with running(entry("cam", tls=True)) as county:
        device = county.device()
        told = seen(device.ip, Ports((free_port(),), free_port(), (device.http_port,)))
        assert told is not None
        assert (told.kind, told.port, told.tls) == (Kind.ONVIF, device.http_port, True)
        met = OnvifRoom(limits=QUICK).look_at(device.ip, device.http_port)
        assert met is not None
        assert any(device.identity.uuid in reference for reference in met.references)


def test_whoever_announces_itself_is_asked_where_it_says_it_speaks() -> None:
    room = OnvifRoom(limits=QUICK)
    with answering(lambda _: refusing()) as fresh, running(entry("cam")) as county:
        cam = county.device()
        announced = [
            Found("urn:uuid:1", "", fresh.host, fresh.port),
            Found("urn:uuid:2", "", cam.ip, cam.http_port),
            Found("urn:uuid:3", "", "127.77.77.77", free_port()),
        ]
        told = room.asked(announced)
    assert [one.kind for one in told] == [Kind.NOT_ACTIVATED, Kind.ONVIF, Kind.OTHER]
    assert "未激活" in told[0].detail
    assert "不应答" in told[2].detail
    assert not [name for name in cam.counters if name.startswith("auth_wrong")]


def test_knocking_hands_out_what_cannot_be_taken_in() -> None:
    unusable: list[Unusable] = []
    with answering(lambda _: RTSP) as stream, answering(lambda _: PAGE) as printer:
        for rtsp, web in ((stream.port, free_port()), (free_port(), printer.port)):
            found = OnvifRoom(limits=QUICK).knock(
                ["127.0.0.1/32"], leave=(), unusable=unusable.append, ports=Ports((web,), rtsp)
            )
            assert found == []
    assert [(one.host, one.kind) for one in unusable] == [("127.0.0.1", "rtsp_only")], "and no printer"
    assert "台账" in unusable[0].detail


def test_an_endpoint_that_speaks_sip_alone_is_found_by_one_datagram() -> None:
    came: list[bytes] = []

    def answer(request: bytes, _number: int) -> list[bytes]:
        came.append(request)
        return [sip_peer.reply(request, "200 OK")]

    with sip_peer.udp(answer) as port:
        ports = Ports((free_port(),), free_port(), sip=port)
        told = seen("127.0.0.1", ports)
        assert OnvifRoom(limits=QUICK).survey(["127.0.0.2/32"], ports=ports) == [], "nobody is nobody"
    assert told is not None
    assert (told.kind, told.port) == (Kind.CONFERENCE, port)
    assert "Codec 9" in told.detail and "conference_endpoint" in told.detail
    assert len(came) == 1
    assert came[0].startswith(b"OPTIONS ")


def test_a_sip_port_that_is_silent_or_talks_nonsense_is_nobody() -> None:
    with sip_peer.udp(lambda _request, _number: [b"nonsense"] * 50) as port:
        assert seen("127.0.0.1", Ports((free_port(),), free_port(), sip=port)) is None


def test_a_host_that_serves_no_port_it_announces_is_shut() -> None:
    with answering(lambda _: PAGE) as camera:
        announced = [
            Found("urn:uuid:1", "", camera.host, free_port()),
            Found("urn:uuid:2", "", camera.host, camera.port),
            Found("urn:uuid:3", "", "127.77.77.78", camera.port),
        ]
        room = OnvifRoom(limits=QUICK)
        assert room.shut(announced) == {"127.77.77.78"}
        assert room.shut(announced[:1]) == {camera.host}
        assert room.shut([]) == frozenset()
