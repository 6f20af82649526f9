"""Webhook targets: an explicit list, and every disguise of loopback refused."""

from __future__ import annotations

import ipaddress

import pytest

from controller.domain.targets import Target, TargetRefused, is_public, pin

PRIVATE = Target("10.61.5.22", 8443)
NAMED = Target("cases.example.org", 443)
FENCED = Target("cases.county", 443, (ipaddress.ip_network("10.61.0.0/16"),))
ALLOWED = (PRIVATE, NAMED, FENCED)


def test_a_listed_private_address_is_reached_as_it_is() -> None:
    pinned = pin("https://10.61.5.22:8443/in?x=1", ALLOWED, resolver=lambda host, _port: [host])
    assert pinned.origin == "https://10.61.5.22:8443"


def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    answers = iter([["93.184.216.34"], ["127.0.0.1"]])
    pinned = pin("https://cases.example.org/in", ALLOWED, resolver=lambda _host, _port: next(answers))
    assert pinned.origin == "https://93.184.216.34:443"
    assert pinned.host == "cases.example.org"


def test_a_name_with_networks_may_be_private_inside_them_only() -> None:
    assert pin("https://cases.county/", ALLOWED, resolver=lambda *_: ["10.61.9.9"]).origin.endswith(
        "10.61.9.9:443"
    )
    with pytest.raises(TargetRefused):
        pin("https://cases.county/", ALLOWED, resolver=lambda *_: ["10.62.0.1"])


@pytest.mark.parametrize(
    "url",
    [
        "https://10.61.5.22/",
        "http://10.61.5.22:8444/",
        "http://127.0.0.1:8443/",
        "http://127.1:8443/",
        "http://2130706433:8443/",
        "http://0x7f.1:8443/",
        "http://[::ffff:10.61.5.22]:8443/",
        "https://user:secret@cases.example.org/",
        "https://cases.example.org/#x",
        "ftp://cases.example.org:443/",
        "https://cases.example.org.evil.test/",
        "https:///in",
        "https://cases.example.org:99999/",
    ],
)
def test_what_is_not_listed_exactly_is_refused_before_any_look_up(url: str) -> None:
    def never(_host: str, _port: int) -> list[str]:
        raise AssertionError("the name server was asked")

    with pytest.raises(TargetRefused):
        pin(url, ALLOWED, resolver=never)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "0.0.0.0", "10.0.0.1", "169.254.169.254", "192.168.1.1", "100.64.0.1", "192.0.0.8",
        "192.88.99.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "::ffff:127.0.0.1",
        "64:ff9b::7f00:1", "2002:7f00:1::", "fe80::1", "fc00::1", "fec0::1", "ff02::1",
    ],
)  # fmt: skip
def test_a_plain_name_may_not_lead_to(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    with pytest.raises(TargetRefused):
        pin("https://cases.example.org/", ALLOWED, resolver=lambda *_: [address])


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::5db8:d822"])
def test_public_addresses_pass(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))
