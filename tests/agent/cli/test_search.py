"""Where ``discover`` says a device is: as it announces, unless that is closed and ONVIF was met elsewhere."""

from __future__ import annotations

import pytest

from agent.cli.search import door
from agent.devices.survey import Kind, Surveyed
from agent.ports import Found

PLAIN = Found("urn:uuid:1", "http://10.0.0.1/", "10.0.0.1", 80)
UNUSUAL = Found("urn:uuid:1", "http://10.0.0.1:8081/", "10.0.0.1", 8081)


def surveyed(kind: Kind, port: int, *open_ports: int, tls: bool = False) -> Surveyed:
    return Surveyed("10.0.0.1", kind, port, open_ports, tls=tls)


@pytest.mark.parametrize(
    ("found", "seen", "told"),
    [
        (PLAIN, surveyed(Kind.ONVIF, 443, 443, 554, tls=True), (443, True)),
        (PLAIN, surveyed(Kind.ONVIF, 8000, 80, 8000), (80, False)),
        (PLAIN, surveyed(Kind.ONVIF, 80), (80, False)),
        (PLAIN, surveyed(Kind.OTHER, 443, 443), (80, False)),
        (PLAIN, None, (80, False)),
        (UNUSUAL, surveyed(Kind.ONVIF, 443, 443, tls=True), (8081, False)),
        (None, surveyed(Kind.ONVIF, 443, 443, tls=True), (443, True)),
        (None, None, (0, False)),
    ],
)
def test_the_place_of_a_device(found: Found | None, seen: Surveyed | None, told: tuple[int, bool]) -> None:
    assert door(found, seen) == told
