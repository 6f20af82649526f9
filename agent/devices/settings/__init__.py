"""Settings of a camera, read and written by name: time, network, encoders, picture, texts, relays and inputs.

Law: see ``agent.management``. Everything is written as a changed copy of the very element that was read, so
that what we do not know of a make comes back to it untouched.
"""

from collections.abc import Iterator, Mapping

from agent.devices.account import Account
from agent.devices.limits import Limits
from agent.devices.settings.encoder import EncoderAspect
from agent.devices.settings.imaging import ImagingAspect
from agent.devices.settings.io import IoAspect
from agent.devices.settings.network import NetworkAspect
from agent.devices.settings.osd import OsdAspect
from agent.devices.settings.surface import Surface
from agent.devices.settings.time import TimeAspect
from agent.devices.wsdl import Services
from agent.management import Aspect
from agent.model import Device

__all__ = ["DeviceSettings"]

_OTHERS = (NetworkAspect, EncoderAspect, ImagingAspect, OsdAspect, IoAspect)


class DeviceSettings(Mapping[str, Aspect]):
    """The aspects of one ONVIF device by name; nothing is sent before one is used. Close it after use."""

    def __init__(
        self, device: Device, account: Account, services: Services, *, limits: Limits, own_encoder: str = ""
    ) -> None:
        """``own_encoder``: the token of the encoder that makes the box's analysis stream."""
        self._surface = Surface(device, account, services, limits=limits)
        self.time = TimeAspect(self._surface)
        rest = (each(self._surface) for each in _OTHERS)
        self._aspects: dict[str, Aspect] = {aspect.name: aspect for aspect in (self.time, *rest)}
        encoder = self._aspects[EncoderAspect.name]
        assert isinstance(encoder, EncoderAspect)
        encoder.own_token = own_encoder

    def __getitem__(self, name: str) -> Aspect:
        return self._aspects[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._aspects)

    def __len__(self) -> int:
        return len(self._aspects)

    def close(self) -> None:
        """Drop the connection; idempotent."""
        self._surface.close()
