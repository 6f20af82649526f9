"""Settings of a camera, read and written by name: time, network, encoders, picture, texts in the picture.

Law: see ``agent.management``. Everything is written as a changed copy of the very element that was read, so
that what we do not know of a make comes back to it untouched.
"""

from collections.abc import Mapping

from agent.devices.account import Account
from agent.devices.limits import Limits
from agent.devices.settings.encoder import EncoderAspect
from agent.devices.settings.imaging import ImagingAspect
from agent.devices.settings.network import NetworkAspect
from agent.devices.settings.osd import OsdAspect
from agent.devices.settings.surface import Surface
from agent.devices.settings.time import TimeAspect
from agent.devices.wsdl import Services
from agent.management import Aspect
from agent.model import Device

__all__ = ["aspects_of"]


def aspects_of(
    device: Device, account: Account, services: Services, *, limits: Limits
) -> Mapping[str, Aspect]:
    """The aspects of an ONVIF device by name; nothing is sent before one is used."""
    surface = Surface(device, account, services, limits=limits)
    aspects = (TimeAspect, NetworkAspect, EncoderAspect, ImagingAspect, OsdAspect)
    return {aspect.name: aspect(surface) for aspect in aspects}
