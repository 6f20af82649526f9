"""What a person decides about a device's certificate: the pinned one, the one shown now, and taking it.

Law: looking never pins, and nothing but a handshake is sent; only ``take`` changes the pin, to the very
certificate a person was shown.
"""

from __future__ import annotations

from agent.devices import tls, tls_sentences
from agent.devices.address import device_service
from agent.devices.limits import Limits
from agent.devices.pins import Certificate, Pins, certificate_of
from agent.errors import DeviceError, DeviceTrouble
from agent.model import Device


class Trust:
    """The certificate of one device with TLS."""

    def __init__(self, device: Device, pins: Pins, *, limits: Limits) -> None:
        """Raises DeviceError NOT_SUPPORTED for a device without TLS."""
        self._device = device
        self._pins = pins
        self._limits = limits
        self._endpoint = device_service(device)
        if not device.tls:
            detail = tls_sentences.nothing_to_trust(self._endpoint.netloc)
            raise DeviceError(DeviceTrouble.NOT_SUPPORTED, device.id, detail)

    def pinned(self) -> Certificate | None:
        """What the device must show; None before it was ever spoken to."""
        return self._pins.pinned(self._device.id)

    def shown(self) -> Certificate:
        """What the device shows now. Raises DeviceError."""
        return certificate_of(tls.shown_by(self._device.id, self._endpoint, limits=self._limits))

    def take(self, certificate: Certificate) -> None:
        """From now on the device must show this one."""
        self._pins.pin(self._device.id, certificate)
