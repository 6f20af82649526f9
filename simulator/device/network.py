"""Decides which protocols a device says it speaks, and where."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NetworkProtocol:
    """One line of GetNetworkProtocols."""

    name: str
    enabled: bool
    port: int


def factory_protocols(port: int, *, tls: bool) -> dict[str, NetworkProtocol]:
    """As from the factory; the port of HTTP, or of HTTPS with TLS, is the one the device really has."""
    lines = (
        NetworkProtocol("HTTP", not tls, 80 if tls else port),
        NetworkProtocol("HTTPS", tls, port if tls else 443),
        NetworkProtocol("RTSP", True, 554),
    )
    return {line.name: line for line in lines}
