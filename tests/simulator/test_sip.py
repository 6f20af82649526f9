"""SIP OPTIONS: an endpoint lives, refuses, or is silent."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from simulator.sip import answer
from tests.support.virtual_county import RunningCounty, entry, running

OPTIONS = (
    "OPTIONS sip:room@{host} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK1;rport\r\n"
    "Max-Forwards: 70\r\nFrom: <sip:box@127.0.0.1>;tag=1\r\nTo: <sip:room@{host}>\r\n"
    "Call-ID: abc@127.0.0.1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
)


@pytest.fixture(scope="module")
def county() -> Iterator[RunningCounty]:
    """One conference endpoint."""
    with running(entry("vc", kind="conference_endpoint")) as started:
        yield started


@pytest.fixture(autouse=True)
def _no_faults(county: RunningCounty) -> Iterator[None]:
    yield
    county.switch("vc", **county.device("vc").faults.defaults())


def _ask(county: RunningCounty, *, wait_s: float = 5.0) -> list[str] | None:
    sip, device = county.station("vc").sip, county.device("vc")
    assert sip is not None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect((device.ip, sip.port))
        client.settimeout(wait_s)
        client.send(OPTIONS.format(host=device.ip).encode())
        try:
            return client.recv(4096).decode().split("\r\n")
        except (TimeoutError, ConnectionRefusedError):
            return None


@pytest.mark.parametrize(
    ("how", "status"),
    [("ok", "200 OK"), ("unauthorized", "401 Unauthorized"), ("not_found", "404 Not Found")],
)
def test_options_is_answered_as_switched(county: RunningCounty, how: str, status: str) -> None:
    county.switch("vc", sip=how)
    lines = _ask(county)
    assert lines is not None
    assert lines[0] == f"SIP/2.0 {status}"
    assert "Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK1;rport" in lines
    assert "Call-ID: abc@127.0.0.1" in lines
    assert "CSeq: 1 OPTIONS" in lines
    assert any(line.startswith("To: ") and ";tag=" in line for line in lines)
    assert any(line.startswith("WWW-Authenticate: Digest") for line in lines) is (how == "unauthorized")


@pytest.mark.parametrize("fault", [{"sip": "silent"}, {"hung": True}, {"unplugged": True}])
def test_silence(county: RunningCounty, fault: dict[str, object]) -> None:
    county.switch("vc", **fault)
    assert _ask(county, wait_s=0.3) is None


def test_other_requests_are_not_allowed_and_acks_are_not_answered() -> None:
    invite = OPTIONS.format(host="h").replace("OPTIONS", "INVITE")
    reply = answer(invite.encode(), how="ok", agent="a")
    assert reply is not None
    assert reply.startswith(b"SIP/2.0 405 ")
    assert answer(invite.replace("INVITE", "ACK").encode(), how="ok", agent="a") is None


def test_short_header_names_are_understood() -> None:
    short = OPTIONS.format(host="h").replace("Via:", "v:").replace("Call-ID:", "i:")
    reply = answer(short.encode(), how="ok", agent="a")
    assert reply is not None
    assert b"Call-ID: abc@127.0.0.1" in reply


@pytest.mark.parametrize("noise", [b"", b"\xff", b"GET / HTTP/1.1\r\n\r\n", b"OPTIONS sip:a SIP/2.0\r\n\r\n"])
def test_noise_is_not_answered(noise: bytes) -> None:
    assert answer(noise, how="ok", agent="a") is None


def test_an_endpoint_has_no_http(county: RunningCounty) -> None:
    assert county.station("vc").endpoint is None
    with socket.socket() as client:
        assert client.connect_ex((county.device("vc").ip, 8000)) != 0
