"""Where a device is asked: addresses it returns keep path and query, never host or scheme.

Law: nothing is ever sent to a host other than the enrolled one, nor in plain text to a device that is
enrolled with TLS. A camera that answers ``http://169.254.169.254/`` or ``rtsp://127.0.0.1/`` would otherwise
make the box its messenger; and dual-homed, renumbered and NATed devices return addresses that nobody reaches.

    returned port                         used
    of the enrolled scheme                the returned one
    none, or of the other scheme          the enrolled one
    any, device behind port forwarding    the enrolled one
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urlsplit

from agent.model import Device

_DEVICE_SERVICE = "/onvif/device_service"
_SAFE = "/:@!$&'()*+,;=%-._~?[]"
_LONGEST = 4096
"""Characters of a returned address; the longest recorded one has 162."""


class AddressRefused(ValueError):
    """A returned address cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An HTTP address on the enrolled host: ``target`` is path and query, ready for the request line."""

    host: str
    port: int
    target: str
    tls: bool = False

    @property
    def scheme(self) -> str:
        """``https`` or ``http``."""
        return "https" if self.tls else "http"

    @property
    def netloc(self) -> str:
        """Host and port, IPv6 in brackets."""
        return f"{bracketed(self.host)}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}{self.target}"


def bracketed(host: str) -> str:
    """``host`` as it stands in a URI."""
    return f"[{host}]" if ":" in host else host


def place_of(device: Device) -> str:
    """The host as people are told it, with the port where that is not the usual one."""
    if device.is_conference:
        port, usual = device.sip_port, 5060
    elif device.stream_path is not None:
        port, usual = device.rtsp_port, 554
    else:
        port, usual = device.port, 443 if device.tls else 80
    return bracketed(device.host) + ("" if port == usual else f":{port}")


def device_service(device: Device) -> Endpoint:
    """The one address that is fixed (ONVIF Core 5.1.1)."""
    return Endpoint(device.host, device.port, _DEVICE_SERVICE, device.tls)


def http_endpoint(returned: str, device: Device) -> Endpoint:
    """The address ``device`` returned, as it is reached from here. Raises AddressRefused."""
    split = _split(returned)
    if split.scheme not in ("http", "https"):
        raise AddressRefused(f"not an HTTP address: scheme {split.scheme[:16]!r}")
    same_scheme = (split.scheme == "https") == device.tls
    kept = split.port if same_scheme and not device.port_forwarded else None
    return Endpoint(device.host, kept or device.port, _target(split), device.tls)


def rtsp_uri(returned: str, device: Device) -> str:
    """A stream's URI as it is reached from here, without user name and password. Raises AddressRefused."""
    split = _split(returned)
    if split.scheme != "rtsp":
        raise AddressRefused(f"not an RTSP address: scheme {split.scheme[:16]!r}")
    kept = None if device.port_forwarded else split.port
    return f"rtsp://{bracketed(device.host)}:{kept or device.rtsp_port}{_target(split)}"


def rtsp_port_of(uri: str) -> int:
    """The port of a URI that ``rtsp_uri`` made."""
    return urlsplit(uri).port or 554


def first_usable(xaddrs: str | Iterable[str], *, tls: bool = False) -> str:
    """The best of a list of service addresses: the wanted scheme over IPv4, else over IPv6, else the first;
    "" when empty."""
    offered = xaddrs.split() if isinstance(xaddrs, str) else list(xaddrs)
    wanted = "https://" if tls else "http://"
    return min(offered, key=lambda xaddr: (not xaddr.startswith(wanted), "[" in xaddr), default="")


def _split(returned: str) -> SplitResult:
    if len(returned) > _LONGEST:
        raise AddressRefused(f"longer than {_LONGEST} characters")
    try:
        split = urlsplit(returned.strip())
        _ = split.port
    except ValueError as error:
        raise AddressRefused(f"not an address: {error}") from error
    return split


def _target(split: SplitResult) -> str:
    path = quote(split.path or "/", safe=_SAFE, errors="replace")
    if not path.startswith("/"):
        path = "/" + path
    return f"{path}?{quote(split.query, safe=_SAFE, errors='replace')}" if split.query else path
