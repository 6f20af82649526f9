"""WS-Discovery: probes by unicast and multicast, types and scopes, and silence where silence is due."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import uuid
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from simulator.onvif.discovery import GROUP, PORT, Announcer, Probe, bye, hello
from tests.support.virtual_county import RunningCounty, entry, running

PROBE = (
    '<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope" '
    'xmlns:w="http://schemas.xmlsoap.org/ws/2004/08/addressing" '
    'xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" '
    'xmlns:dn="http://www.onvif.org/ver10/network/wsdl" xmlns:tds="http://www.onvif.org/ver10/device/wsdl">'
    "<e:Header><w:MessageID>{message}</w:MessageID><w:Action>{action}</w:Action></e:Header>"
    "<e:Body><d:Probe>{types}{scopes}</d:Probe></e:Body></e:Envelope>"
)


@pytest.fixture(scope="module")
def county() -> Iterator[RunningCounty]:
    """A camera and a dome."""
    with running(entry("cam"), entry("dome", kind="ptz_dome", personality="axis-like")) as started:
        yield started


def _probe(message: str, *, types: str = "", scopes: str = "") -> bytes:
    return PROBE.format(
        message=message,
        action="http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe",
        types=f"<d:Types>{types}</d:Types>" if types else "",
        scopes=f"<d:Scopes>{scopes}</d:Scopes>" if scopes else "",
    ).encode()


def _ask(to: str, datagram: bytes, *, wait_s: float = 5.0) -> tuple[etree._Element, str] | None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind(("127.0.0.1", 0))
        client.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        client.settimeout(wait_s)
        try:
            client.sendto(datagram, (to, PORT))
            payload, sender = client.recvfrom(65_536)
        except (TimeoutError, OSError):
            return None
    return etree.fromstring(payload), sender[0]


@pytest.mark.parametrize("types", ["", "dn:NetworkVideoTransmitter", "tds:Device"])
def test_a_unicast_probe_is_answered_from_the_devices_own_address(county: RunningCounty, types: str) -> None:
    message = f"urn:uuid:{uuid.uuid4()}"
    device = county.device()
    found = _ask(device.ip, _probe(message, types=types))
    assert found is not None
    answer, sender = found
    assert sender == device.ip
    assert answer.findtext(".//{*}RelatesTo") == message
    assert answer.findtext(".//{*}ProbeMatch/{*}XAddrs") == county.url()
    assert answer.findtext(".//{*}Address") == f"urn:uuid:{device.identity.uuid}"
    assert "dn:NetworkVideoTransmitter" in (answer.findtext(".//{*}Types") or "")


def test_names_in_scopes_are_percent_encoded(county: RunningCounty) -> None:
    found = _ask(county.device("dome").ip, _probe("urn:uuid:1"))
    assert found is not None
    scopes = (found[0].findtext(".//{*}Scopes") or "").split()
    assert "onvif://www.onvif.org/hardware/Q6045-E%20Mk%20II" in scopes
    assert "onvif://www.onvif.org/type/ptz" in scopes


def test_a_scope_matches_by_its_beginning(county: RunningCounty) -> None:
    dome = county.device("dome").ip
    assert _ask(dome, _probe("urn:uuid:1", scopes="onvif://www.onvif.org/type")) is not None
    assert _ask(dome, _probe("urn:uuid:1", scopes="onvif://www.onvif.org/type/ptz")) is not None
    assert _ask(dome, _probe("urn:uuid:1", scopes="onvif://www.onvif.org/typ"), wait_s=0.3) is None


@pytest.mark.parametrize("types", ["tds:Printer", "x:NetworkVideoTransmitter"])
def test_a_probe_for_something_else_is_not_answered(county: RunningCounty, types: str) -> None:
    assert _ask(county.device().ip, _probe("urn:uuid:1", types=types), wait_s=0.3) is None


@pytest.mark.parametrize(
    "datagram", [b"", b"hello", b"<a/>", b"\xff\xfe", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a/>"]
)
def test_noise_is_ignored_and_the_device_answers_on(county: RunningCounty, datagram: bytes) -> None:
    assert _ask(county.device().ip, datagram, wait_s=0.2) is None
    assert _ask(county.device().ip, _probe("urn:uuid:1")) is not None


@pytest.mark.parametrize("fault", ["hung", "unplugged"])
def test_a_device_that_is_gone_is_not_found(county: RunningCounty, fault: str) -> None:
    county.switch("cam", **{fault: True})
    assert _ask(county.device().ip, _probe("urn:uuid:1"), wait_s=0.3) is None
    county.switch("cam", **{fault: False})
    assert _ask(county.device().ip, _probe("urn:uuid:1")) is not None


def _everybody(wait_s: float) -> set[str]:
    """Addresses that answer a multicast probe on the loopback interface."""
    found: set[str] = set()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind(("127.0.0.1", 0))
        client.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        client.settimeout(wait_s)
        client.sendto(_probe("urn:uuid:2"), (GROUP, PORT))
        while True:
            try:
                found.add(client.recvfrom(65_536)[1][0])
            except TimeoutError:
                return found


def test_a_multicast_probe_finds_every_device(county: RunningCounty) -> None:
    try:
        found = _everybody(1.0)
    except OSError as error:
        pytest.skip(f"no multicast on the loopback interface here: {error}")
    assert {county.device("cam").ip, county.device("dome").ip} <= found


def test_hello_and_bye_name_the_device(county: RunningCounty) -> None:
    device = county.device()
    for message, kind in ((hello(device), "Hello"), (bye(device), "Bye")):
        root = etree.fromstring(message)
        assert (root.findtext(".//{*}Action") or "").endswith(f"/{kind}")
        assert root.findtext(f".//{{*}}{kind}//{{*}}Address") == f"urn:uuid:{device.identity.uuid}"


@given(st.binary(max_size=300))
def test_no_datagram_breaks_the_reader(datagram: bytes) -> None:
    with contextlib.suppress(ValueError):
        Probe(datagram)


def test_two_devices_cannot_share_an_address(county: RunningCounty) -> None:
    async def second() -> None:
        with pytest.raises(OSError, match="in use"):
            await Announcer(county.device()).open()

    asyncio.run(second())
