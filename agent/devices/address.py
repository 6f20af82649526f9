"""Where a device is asked: addresses it returns keep path and query, never the host.

Law: nothing is ever sent to a host other than the enrolled one. A camera that answers
``http://169.254.169.254/`` or ``rtsp://127.0.0.1/`` would otherwise make the box its messenger; and
dual-homed, renumbered and NATed devices return addresses that nobody reaches.
The returned port is kept; where there is none, or it was for TLS, the enrolled port stands in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urlsplit

_DEVICE_SERVICE = "/onvif/device_service"
_SAFE = "/:@!$&'()*+,;=%-._~?[]"


class AddressRefused(ValueError):
    """A returned address cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An HTTP address on the enrolled host: ``target`` is path and query, ready for the request line."""

    host: str
    port: int
    target: str

    @property
    def netloc(self) -> str:
        """Host and port, IPv6 in brackets."""
        return f"{bracketed(self.host)}:{self.port}"

    def __str__(self) -> str:
        return f"http://{self.netloc}{self.target}"


def bracketed(host: str) -> str:
    """``host`` as it stands in a URI."""
    return f"[{host}]" if ":" in host else host


def device_service(host: str, port: int) -> Endpoint:
    """The one address that is fixed (ONVIF Core 5.1.1)."""
    return Endpoint(host, port, _DEVICE_SERVICE)


def http_endpoint(returned: str, *, host: str, port: int) -> Endpoint:
    """The address a device returned, on the enrolled ``host``. Raises AddressRefused."""
    split = _split(returned)
    if split.scheme not in ("http", "https"):
        raise AddressRefused(f"not an HTTP address: scheme {split.scheme[:16]!r}")
    kept = split.port if split.scheme == "http" else None
    return Endpoint(host, kept or port, _target(split))


def rtsp_uri(returned: str, *, host: str, port: int) -> str:
    """A stream's URI on the enrolled ``host``, without user name and password. Raises AddressRefused."""
    split = _split(returned)
    if split.scheme != "rtsp":
        raise AddressRefused(f"not an RTSP address: scheme {split.scheme[:16]!r}")
    return f"rtsp://{bracketed(host)}:{split.port or port}{_target(split)}"


def first_usable(xaddrs: str | Iterable[str]) -> str:
    """The best of a list of service addresses: HTTP over IPv4, else HTTP, else the first; "" when empty."""
    offered = xaddrs.split() if isinstance(xaddrs, str) else list(xaddrs)
    return min(offered, key=_worth, default="")


def _worth(xaddr: str) -> tuple[bool, bool]:
    return not xaddr.startswith("http://"), "[" in xaddr


def _split(returned: str) -> SplitResult:
    try:
        split = urlsplit(returned.strip())
        _ = split.port
    except ValueError as error:
        raise AddressRefused(f"not an address: {error}") from error
    return split


def _target(split: SplitResult) -> str:
    path = quote(split.path or "/", safe=_SAFE)
    if not path.startswith("/"):
        path = "/" + path
    return f"{path}?{quote(split.query, safe=_SAFE)}" if split.query else path
