"""Stream addresses. Law: credentials are in an address only while it is opened."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlsplit, urlunsplit

from agent.errors import DeviceError, DeviceTrouble
from agent.model import Device

RTSP_PORT = 554
"""RFC 7826 22.6."""


@dataclass(frozen=True, slots=True)
class StreamAddress:
    """Where a stream is. ``plain`` may be shown; ``opened()`` may not."""

    device: Device
    host: str
    port: int
    plain: str

    @classmethod
    def of(cls, device: Device, uri: str) -> StreamAddress:
        """Take credentials out of what the device or the ledger named.

        Raises DeviceError (BAD_STREAM) when it is no RTSP address.
        """
        try:
            parts = urlsplit(uri)
            host, port = parts.hostname, parts.port or RTSP_PORT
        except ValueError:  # its text would show the address, and with it a password
            parts, host, port = None, None, RTSP_PORT
        if parts is None or parts.scheme != "rtsp" or not host or not _printable(uri):
            raise DeviceError(
                DeviceTrouble.BAD_STREAM,
                device.id,
                "设备给出的视频地址不是 RTSP 地址，请检查码流配置 / "
                "the stream address the device gave is no RTSP address; check its stream settings",
            )
        where = f"[{host}]" if ":" in host else host
        return cls(device, host, port, urlunsplit(("rtsp", f"{where}:{port}", parts.path, parts.query, "")))

    def opened(self) -> str:
        """The address with the device's user name and password. For the call that opens it, nothing else."""
        if not self.device.username:
            return self.plain
        user = quote(self.device.username, safe="")
        password = quote(self.device.password.reveal, safe="")
        return self.plain.replace("rtsp://", f"rtsp://{user}:{password}@", 1)


def _printable(uri: str) -> bool:
    """Control characters in an address would be header lines of our own request."""
    return uri.isprintable() and " " not in uri
