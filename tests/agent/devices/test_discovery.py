"""Discovery: two probes twice, answers that relate, one entry a device, no port 3702 of our own."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from agent.devices import OnvifRoom
from agent.devices.discovery import DATAGRAMS_OF_A_HOST, Shares, read_match
from tests.agent.devices.builders import QUICK
from tests.support.recorded import onvif_data
from tests.support.virtual_county import entry, free_ip, running

ROOM = OnvifRoom(limits=QUICK)
MATCH = (
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
    'xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" '
    'xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"><s:Header>'
    "<a:RelatesTo>{relates}</a:RelatesTo></s:Header><s:Body><d:ProbeMatches><d:ProbeMatch>"
    "<a:EndpointReference><a:Address>{reference}</a:Address></a:EndpointReference>"
    "<d:Scopes>{scopes}</d:Scopes><d:XAddrs>{xaddrs}</d:XAddrs>"
    "</d:ProbeMatch></d:ProbeMatches></s:Body></s:Envelope>"
)


def match(
    *,
    relates: str = "urn:uuid:ours",
    reference: str = "urn:uuid:device-1",
    xaddrs: str = "http://127.9.9.9/onvif/device_service",
    scopes: str = "",
) -> bytes:
    return MATCH.format(relates=relates, reference=reference, xaddrs=xaddrs, scopes=scopes).encode()


def test_a_county_is_found_one_entry_a_device() -> None:
    with running(entry("one"), entry("two", personality="hik-like"), entry("three")) as county:
        devices = [county.device(name) for name in ("one", "two", "three")]
        found = ROOM.discover([f"{device.ip}/32" for device in devices])
        ours = [one for one in found if one.host in {device.ip for device in devices}]
        assert sorted((one.host, one.port) for one in ours) == sorted(
            (device.ip, device.http_port) for device in devices
        )
        assert len({one.endpoint_reference for one in ours}) == 3
        assert {one.hardware for one in ours} >= {"DS-2CD2T46G2-4I"}


def test_multicast_alone_finds_a_device_on_loopback() -> None:
    with running(entry()) as county:
        elsewhere = "127.0.0.1/32"
        device = county.device()
        assert device.ip in {one.host for one in ROOM.discover([elsewhere])}


@contextmanager
def responder(host: str, answer: Callable[[bytes], list[bytes]]) -> Iterator[list[tuple[bytes, int]]]:
    """Answers probes on ``host``:3702; what came, and from which port."""
    probes: list[tuple[bytes, int]] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((host, 3702))
        sock.settimeout(0.05)
        stop = threading.Event()

        def serve() -> None:
            while not stop.is_set():
                try:
                    datagram, peer = sock.recvfrom(65536)
                except TimeoutError:
                    continue
                probes.append((datagram, peer[1]))
                for reply in answer(datagram):
                    sock.sendto(reply, peer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield probes
        stop.set()
        thread.join()


def _message_id(probe: bytes) -> str:
    return etree.fromstring(probe).findtext(".//{*}MessageID") or ""


def test_two_kinds_of_probe_are_sent_twice_from_a_port_of_our_own() -> None:
    host = free_ip()
    with responder(host, lambda _probe: []) as probes:
        ROOM.discover([f"{host}/32"])
    types = [etree.fromstring(probe).findtext(".//{*}Types") or "" for probe, _ in probes]
    assert sorted(name.partition(":")[2] for name in types) == sorted(
        ["NetworkVideoTransmitter", "Device"] * 2
    )
    assert len({_message_id(probe) for probe, _ in probes}) == 4
    assert 3702 not in {port for _, port in probes}


def test_a_device_that_answers_everything_many_times_is_one() -> None:
    host = free_ip()
    with responder(host, lambda probe: [match(relates=_message_id(probe))] * 3):
        found = ROOM.discover([f"{host}/32"])
    assert [one.host for one in found if one.endpoint_reference == "urn:uuid:device-1"] == [host]


def test_an_answer_to_somebody_elses_probe_does_not_count() -> None:
    host = free_ip()
    with responder(host, lambda _probe: [match(relates="urn:uuid:theirs"), b"\xff\xfe\x00", b""]):
        found = ROOM.discover([f"{host}/32"])
    assert host not in {one.host for one in found}


def test_a_neighbour_that_floods_silences_nobody_else() -> None:
    """5,000 datagrams of garbage, and as many answers as a sender may not have, before the honest answer."""
    evil, good = free_ip(), free_ip()

    def flood(probe: bytes) -> list[bytes]:
        return [b"x" * 40] * 1250 + [match(relates=_message_id(probe))] * (2 * DATAGRAMS_OF_A_HOST)

    with responder(evil, flood), responder(good, lambda probe: [match(relates=_message_id(probe))]):
        began_s = time.monotonic()
        hosts = {one.host for one in ROOM.discover([f"{evil}/32", f"{good}/32"])}
        assert time.monotonic() - began_s >= QUICK.listen_s
    assert {evil, good} <= hosts


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.booleans()), max_size=400))
def test_a_sender_has_its_share_whatever_the_others_send(sent: list[tuple[str, bool]]) -> None:
    shares, parsed, ours = Shares(), Counter[str](), Counter[str]()
    for sender, is_ours in sent:
        ours[sender] += is_ours
        parsed[sender] += shares.admits(sender, b"<RelatesTo>id" if is_ours else b"x", {"id"})
    assert parsed == {one: min(count, DATAGRAMS_OF_A_HOST) for one, count in ours.items()}


def test_of_a_large_subnet_so_many_addresses_are_asked_and_no_more() -> None:
    host = free_ip()
    subnet = f"{host}/16"
    inside, beyond = (str(ip_network(subnet, strict=False)[place]) for place in (8, 9))
    limits = replace(QUICK, probed_addresses=8)
    with responder(inside, lambda _probe: []) as asked, responder(beyond, lambda _probe: []) as not_asked:
        OnvifRoom(limits=limits).discover([subnet])
    assert len(asked) == 4
    assert not_asked == []


def test_what_is_no_subnet_is_told() -> None:
    with pytest.raises(ValueError, match="not-a-subnet"):
        ROOM.discover(["not-a-subnet"])


@pytest.mark.parametrize(
    ("xaddrs", "tls"),
    [
        ("https://127.9.9.9/onvif/device_service", True),
        ("https://127.9.9.9/onvif/device_service http://127.9.9.9/onvif/device_service", False),
        ("http://127.9.9.9/onvif/device_service", False),
    ],
)
def test_who_offers_https_alone_is_told_so(xaddrs: str, tls: bool) -> None:
    (found,) = read_match(match(xaddrs=xaddrs), "127.9.9.9", {"urn:uuid:ours"})
    assert (found.tls, found.port) == (tls, 443 if tls else 80)


def test_one_that_invents_names_silences_itself_alone() -> None:
    asked = {"urn:uuid:ours"}
    for number in range(600):
        read_match(f"<e><n{number}/></e>".encode(), "10.9.9.9", asked)
    assert read_match(match(), "10.9.9.9", asked) == ()
    assert len(read_match(match(), "10.9.9.8", asked)) == 1


def test_the_host_is_where_the_answer_came_from() -> None:
    (found,) = read_match(
        match(xaddrs="http://169.254.1.1/onvif http://10.0.0.9:8080/onvif"), "10.0.0.9", {"urn:uuid:ours"}
    )
    assert (found.host, found.port, found.xaddr) == ("10.0.0.9", 8080, "http://10.0.0.9:8080/onvif")


def test_scopes_are_decoded() -> None:
    scopes = "onvif://www.onvif.org/hardware/AXIS%20P3818-PVE onvif://www.onvif.org/name/Gate%201"
    (found,) = read_match(match(scopes=scopes), "10.0.0.9", {"urn:uuid:ours"})
    assert (found.hardware, found.title) == ("AXIS P3818-PVE", "Gate 1")


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"<a/>",
        match().replace(b"<s:Envelope", b'<!DOCTYPE x [<!ENTITY e "x">]><s:Envelope'),
        match()[:-20],
        match(reference="", xaddrs=""),
        match().replace(b"ProbeMatches", b"Hello"),
    ],
)
def test_what_is_no_answer_finds_nothing(datagram: bytes) -> None:
    assert list(read_match(datagram, "10.0.0.9", {"urn:uuid:ours"})) == []


def test_a_recorded_answer_is_read() -> None:
    body = (onvif_data() / "agsh-onvif" / "Probe.xml").read_bytes()
    relates = etree.fromstring(body.lstrip()).findtext(".//{*}RelatesTo") or ""
    (found, *_rest) = read_match(body, "10.0.0.9", {relates.strip()})
    assert found.host == "10.0.0.9"
    assert found.endpoint_reference
