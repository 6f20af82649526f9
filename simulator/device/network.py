"""Decides which protocols a device says it speaks, and where."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NetworkProtocol:
    """One line of GetNetworkProtocols."""

    name: str
    enabled: bool
    port: int


def factory_protocols(http_port: int) -> dict[str, NetworkProtocol]:
    """As from the factory; the HTTP port is the one the device really has."""
    lines = (
        NetworkProtocol("HTTP", True, http_port),
        NetworkProtocol("HTTPS", False, 443),
        NetworkProtocol("RTSP", True, 554),
    )
    return {line.name: line for line in lines}
