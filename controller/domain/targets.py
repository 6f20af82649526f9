"""Which addresses a webhook may be sent to: an explicit list, checked on the address connected to.

Law: a target is allowed by exact host and port, written down by an administrator. What the host
resolves to must lie in the networks listed with it; without networks a literal address stands for
itself and a name may resolve to public addresses only. The connection is made to the address that
was checked, so a second answer of the name server changes nothing. There is no "private is fine".
Source: the table of SSRF vectors in the project's security notes; ``ip.is_global`` of Python 3.11 lets NAT64,
6to4, multicast and site-local through, so these are unwrapped or refused here.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NEVER: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "192.0.0.0/24",
        "192.88.99.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "fec0::/10",
        "ff00::/8",
        "64:ff9b:1::/48",
    )
)
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


class TargetRefused(ValueError):
    """The target is not allowed; the message says which and what to do."""


@dataclass(frozen=True, slots=True)
class Target:
    """One line of the allow-list."""

    host: str
    port: int
    networks: tuple[Network, ...] = ()


@dataclass(frozen=True, slots=True)
class Pinned:
    """A checked target: connect to ``address``, speak as ``host``."""

    scheme: str
    host: str
    port: int
    address: Address

    @property
    def origin(self) -> str:
        """``https://10.1.2.3:443``, with brackets around IPv6."""
        host = f"[{self.address}]" if self.address.version == 6 else str(self.address)
        return f"{self.scheme}://{host}:{self.port}"


Resolver = Callable[[str, int], list[str]]
"""All addresses of a host name and port, as text; raises OSError."""


def pin(url: str, allowed: Iterable[Target], *, resolver: Resolver) -> Pinned:
    """Check ``url`` and fix the address. Raises TargetRefused, or OSError when the name has no address."""
    target, scheme = match(url, allowed)
    for text in resolver(target.host, target.port):
        address = ipaddress.ip_address(text.partition("%")[0])
        if _within(address, target):
            return Pinned(scheme, target.host, target.port, address)
    raise TargetRefused(
        f"{target.host}:{target.port} resolves to no address that its allow-list entry admits"
    )


def match(url: str, allowed: Iterable[Target]) -> tuple[Target, str]:
    """The allow-list entry of ``url`` and its scheme, without touching the network. Raises TargetRefused."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    except ValueError as error:
        raise TargetRefused(f"url {url!r} cannot be read: {error}") from error
    host = (parts.hostname or "").lower()
    if parts.scheme not in ("http", "https") or not host or parts.username is not None or parts.fragment:
        raise TargetRefused(
            f"url {url!r} must be http(s)://host[:port]/path, without credentials or fragment"
        )
    for target in allowed:
        if (target.host.lower(), target.port) == (host, port):
            return target, parts.scheme
    raise TargetRefused(
        f"{host}:{port} is not in feed.targets; an administrator adds it to the configuration"
    )


def _within(address: Address, target: Target) -> bool:
    if target.networks:
        return any(address in network for network in target.networks if network.version == address.version)
    try:
        return ipaddress.ip_address(target.host) == address
    except ValueError:
        return is_public(address)


def is_public(address: Address) -> bool:
    """Whether ``address`` is a plain public one, also after unwrapping IPv4 inside IPv6."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = _embedded(address)
        if inner is not None:
            return is_public(inner)
    if any(address in network for network in _NEVER if network.version == address.version):
        return False
    return address.is_global and not address.is_multicast


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.teredo[1] if address.teredo else None
