"""Which private networks the box itself stands in, read from the kernel; nothing is sent to find out.

Law: only private ranges (RFC 1918), at most a /22 of each: of a larger network the one around the box.
"""

from __future__ import annotations

import contextlib
import ipaddress
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from agent.devices.subnets import MOST_SUBNETS

ROUTES, LOCAL = Path("/proc/net/route"), Path("/proc/net/fib_trie")
_LENGTH = 22
_PRIVATE = tuple(map(ipaddress.IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
_BRIDGES = ("docker", "br-", "veth", "virbr", "cni", "podman")
"""Interfaces of containers: no cameras there."""


def own_networks(routes: Path = ROUTES, local: Path = LOCAL) -> Sequence[str]:
    """In CIDR notation, as the kernel lists them; empty where there is none or nothing can be read."""
    addresses = list(_addresses(_text(local)))
    found: dict[str, None] = {}
    for network in _linked(_text(routes)):
        if not any(network.subnet_of(private) for private in _PRIVATE):
            continue
        if network.prefixlen >= _LENGTH:
            found[str(network)] = None
            continue
        for address in addresses:
            if address in network:
                found[str(ipaddress.IPv4Network((int(address), _LENGTH), strict=False))] = None
    return list(found)[:MOST_SUBNETS]


def _linked(routes: str) -> Iterator[ipaddress.IPv4Network]:
    """Networks reached without a gateway; the kernel writes their bytes in the order of this machine."""
    for line in routes.splitlines()[1:]:
        row = line.split()
        if len(row) < 8 or row[2] != "00000000" or row[7] == "00000000" or row[0].startswith(_BRIDGES):
            continue
        with contextlib.suppress(ValueError):
            yield ipaddress.IPv4Network((_address(row[1]), str(ipaddress.IPv4Address(_address(row[7])))))


def _address(word: str) -> int:
    return int.from_bytes(bytes.fromhex(word), sys.byteorder)


def _addresses(trie: str) -> Iterator[ipaddress.IPv4Address]:
    """Leaves that the trie marks ``/32 host LOCAL``: the box's own."""
    leaf = ""
    for line in trie.splitlines():
        words = line.split()
        if words[:1] == ["|--"]:
            leaf = words[-1]
        elif words[:3] == ["/32", "host", "LOCAL"]:
            with contextlib.suppress(ValueError):
                yield ipaddress.IPv4Address(leaf)


def _text(file: Path) -> str:
    try:
        return file.read_text("ascii", "replace")
    except OSError:
        return ""
