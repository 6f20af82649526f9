"""The HTTP side: how clients may write their requests, and what every make says of unknown operations."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from simulator.device.personality import PERSONALITIES
from tests.support.onvif_client import SOAP_11, TDS, TPTZ, TR2, ask
from tests.support.virtual_county import RunningCounty, entry, running

CLOCK = (
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>'
    f'<GetSystemDateAndTime xmlns="{TDS}"/></s:Body></s:Envelope>'
).encode()


@pytest.fixture(scope="module")
def county() -> Iterator[RunningCounty]:
    """One device of every make."""
    with running(*(entry(name, personality=name, auth="none") for name in PERSONALITIES)) as started:
        yield started


@pytest.mark.parametrize(
    "content_type",
    [
        "application/soap+xml; charset=utf-8",
        f'application/soap+xml; charset=utf-8; action="{TDS}/GetSystemDateAndTime"',
        "text/xml",
        "application/octet-stream",
    ],
)
def test_the_content_type_does_not_matter(county: RunningCounty, content_type: str) -> None:
    assert ask(county.url("plain"), "GetSystemDateAndTime", content_type=content_type).text("Year")


def test_a_soap_1_1_client_is_answered_in_soap_1_1(county: RunningCounty) -> None:
    answer = ask(county.url("plain"), "GetHostname", version=SOAP_11)
    assert answer.root.tag == f"{{{SOAP_11}}}Envelope"
    assert answer.headers["Content-Type"].startswith("text/xml")


def _connection(county: RunningCounty) -> http.client.HTTPConnection:
    parts = urlsplit(county.url("plain"))
    return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)


def test_chunked_requests_and_several_on_one_connection(county: RunningCounty) -> None:
    connection = _connection(county)
    path = county.device("plain").personality.paths.device
    for _ in range(3):
        connection.request("POST", path, body=iter([CLOCK[:40], CLOCK[40:]]), encode_chunked=True)
        reply = connection.getresponse()
        assert (reply.status, b"UTCDateTime" in reply.read()) == (200, True)
    connection.close()


def test_connection_close_is_obeyed(county: RunningCounty) -> None:
    connection = _connection(county)
    path = county.device("plain").personality.paths.device
    connection.request("POST", path, body=CLOCK, headers={"Connection": "close"})
    reply = connection.getresponse()
    assert reply.getheader("Connection") == "close"
    assert b"UTCDateTime" in reply.read()
    connection.close()


def test_what_is_no_soap_is_a_bad_request(county: RunningCounty) -> None:
    connection = _connection(county)
    connection.request("POST", county.device("plain").personality.paths.device, body=b"<not soap")
    assert connection.getresponse().status == 400
    connection.close()


def test_other_paths_are_not_there(county: RunningCounty) -> None:
    connection = _connection(county)
    connection.request("POST", "/elsewhere", body=CLOCK)
    assert connection.getresponse().status == 404
    connection.close()


SHAPES = {
    "plain": (500, "Receiver/ActionNotSupported"),
    "hik-like": (500, "Receiver/ActionNotSupported/InvalidOperation"),
    "dahua-like": (400, "Sender/ActionNotSupported"),
    "axis-like": (500, "Receiver/Action"),
    "reolink-like": (400, "Sender"),
    "bosch-like": (500, "Receiver/ActionNotSupported"),
    "tapo-like": (500, "Receiver/ActionNotSupported"),
    "old-hik-like": (400, "Sender/InvalidArgVal"),
    "onvif-srvd-like": (200, ""),
}


@pytest.mark.parametrize("name", PERSONALITIES)
def test_every_make_has_its_own_way_of_not_knowing_an_operation(county: RunningCounty, name: str) -> None:
    before = county.device(name).counters["not_supported"]
    answer = ask(county.url(name), "GetDot11Capabilities")
    assert (answer.status, answer.fault) == SHAPES[name]
    assert county.device(name).counters["not_supported"] == before + 1


def test_the_empty_answer_has_the_right_name_and_nothing_in_it(county: RunningCounty) -> None:
    answer = ask(county.url("onvif-srvd-like"), "GetRelayOutputs")
    response = answer.root.find(f".//{{{TDS}}}GetRelayOutputsResponse")
    assert response is not None
    assert len(response) == 0


def test_gsoap_names_the_method(county: RunningCounty) -> None:
    text = ask(county.url("reolink-like"), "GetRelayOutputs").text("Text")
    assert text == "Method 'tds:GetRelayOutputs' not implemented: method name or namespace not recognized"


@pytest.mark.parametrize(
    ("name", "namespace", "operation"),
    [
        ("plain", TPTZ, "GetNodes"),
        ("reolink-like", TR2, "GetProfiles"),
        ("old-hik-like", TDS, "GetServices"),
    ],
)
def test_a_service_the_device_lacks_is_not_answered(
    county: RunningCounty, name: str, namespace: str, operation: str
) -> None:
    assert ask(county.url(name), operation, namespace=namespace).fault == SHAPES[name][1]


def test_hung_requests_go_on_when_the_device_answers_again(county: RunningCounty) -> None:
    county.switch("plain", hung=True)
    parts = urlsplit(county.url("plain"))
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as client:
        path = county.device("plain").personality.paths.device
        head = f"POST {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {len(CLOCK)}\r\n\r\n"
        client.sendall(head.encode() + CLOCK)
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.recv(1)
        county.switch("plain", hung=False)
        client.settimeout(10)
        assert client.recv(100).startswith(b"HTTP/1.1 200")
