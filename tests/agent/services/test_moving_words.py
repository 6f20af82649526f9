"""Which announcements are near enough to be believed."""

from __future__ import annotations

import ipaddress

from hypothesis import given
from hypothesis import strategies as some

from agent.services.moving_words import within

SUBNETS = ("10.1.0.0/24", "10.0.0.0/24")


def test_what_answers_from_outside_the_subnets_is_left_alone() -> None:
    assert within("10.0.0.9", SUBNETS)
    assert not within("10.0.1.9", SUBNETS)


@given(host=some.ip_addresses(v=4), bits=some.integers(0, 32))
def test_an_address_is_in_its_own_network_however_that_is_written(
    host: ipaddress.IPv4Address, bits: int
) -> None:
    network = ipaddress.IPv4Network((int(host), bits), strict=False)
    assert within(str(host), [f"{host}/{bits}"])
    assert within(str(host), ["junk", str(network)])


@given(some.text(max_size=20) | some.ip_addresses(v=6).map(str))
def test_what_is_no_ipv4_address_or_network_is_in_none(said: str) -> None:
    assert not within(said, ["0.0.0.0/0"]) or ipaddress.IPv4Address(said)
    assert not within("10.0.0.9", [])
    assert not within("fe80::1", SUBNETS)
