"""One way to write a host, so that two spellings of an address are one. Pure but for ``addresses``.

Law: what the resolver would read as a number and nobody would (``127.1``, ``0x7f.0.0.1``, ``010.0.0.9``) is
refused, not guessed: what may not be written to is compared by text.
"""

from __future__ import annotations

import ipaddress
import re
import socket

_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*")
_LONGEST_NAME = 253
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
"""A name whose last label is one is an IPv4 address to resolvers (WHATWG URL, "ends in a number")."""


def canonical(text: str) -> str:
    """An address as ``ipaddress`` writes it, IPv4 out of IPv6 where it is mapped; a name in lower case and
    without its last dot. Raises ValueError for what is neither."""
    plain = text.removesuffix(".")
    if ":" in plain:
        return _plain(ipaddress.IPv6Address(plain))
    if _NAME.fullmatch(plain) is None or len(plain) > _LONGEST_NAME:
        raise ValueError(f"{text!r} is no address and no host name")
    if _NUMBER.fullmatch(plain.rpartition(".")[2]):
        return str(ipaddress.IPv4Address(plain))
    return plain.lower()


def addresses(host: str) -> tuple[str, ...]:
    """The addresses of a canonical host, those of IPv4 first; empty for a name that is not known."""
    if is_address(host):
        return (host,)
    try:
        told = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    found = dict.fromkeys(canonical(str(sockaddr[0])) for *_, sockaddr in told)
    return tuple(sorted(found, key=lambda one: ":" in one))


def is_address(host: str) -> bool:
    """Whether a canonical host is an address, no name."""
    return ":" in host or _NUMBER.fullmatch(host.rpartition(".")[2]) is not None


def _plain(address: ipaddress.IPv6Address) -> str:
    return str(address.ipv4_mapped or address)
