"""The certificates of simulated devices: kept, replaced, expired; HTTPS alone where it is set."""

from __future__ import annotations

import socket
import ssl

import pytest
import requests

from simulator.device.certificate import Certificates, KeyKind
from tests.support.virtual_county import RunningCounty, entry, running


def shown(county: RunningCounty) -> bytes:
    device = county.device()
    return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((device.ip, device.http_port)))


def test_a_certificate_is_kept_until_it_is_replaced_and_comes_back() -> None:
    with running(entry(tls=True)) as county:
        own = shown(county)
        assert shown(county) == own
        county.switch(certificate="replaced")
        replaced = shown(county)
        assert replaced != own
        county.switch(unplugged=True)
        county.switch(unplugged=False)
        assert shown(county) == replaced
        county.switch(certificate="own")
        assert shown(county) == own


def test_open_connections_end_when_the_certificate_is_replaced() -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with running(entry(tls=True)) as county:
        device = county.device()
        with (
            socket.create_connection((device.ip, device.http_port), timeout=5) as raw,
            context.wrap_socket(raw) as sock,
        ):
            county.switch(certificate="replaced")
            with pytest.raises(OSError):
                assert not sock.recv(1)
                raise ConnectionResetError


def test_addresses_are_told_over_https_and_the_control_port_says_so() -> None:
    with running(entry(tls=True)) as county:
        device = county.device()
        assert device.url("/x") == f"https://{device.ip}:{device.http_port}/x"
        told = requests.get(f"{county.control_url}/devices/cam", timeout=5).json()
        assert told["tls"] is True
        assert told["onvif"].startswith("https://")


@pytest.mark.parametrize("kind", KeyKind)
def test_every_kind_of_key_makes_a_certificate(kind: KeyKind) -> None:
    certificates = Certificates("x", key=kind)
    before = certificates.der
    certificates.renew()
    assert certificates.der != before
