"""Care of a device beyond its settings: accounts, restart, log, backup, restore, firmware, PTZ, relays.

Law: what cannot be undone names its device twice (serial number), what takes long says how long it may, and
success is what the device says afterwards.
"""

from contextlib import AbstractContextManager

from agent.devices.account import Account
from agent.devices.limits import Limits
from agent.devices.settings.surface import Surface
from agent.devices.upkeep.accounts import Accounts
from agent.devices.upkeep.contacts import Contacts
from agent.devices.upkeep.files import Files
from agent.devices.upkeep.head import Head
from agent.devices.upkeep.power import Power
from agent.devices.upkeep.ptz import Ptz
from agent.devices.upkeep.tours import Tours
from agent.devices.wsdl import Services
from agent.model import Device

__all__ = ["Upkeep"]


class Upkeep:
    """All that can be done with one ONVIF device. Nothing is sent before it is asked; close it after use."""

    def __init__(self, device: Device, account: Account, services: Services, *, limits: Limits) -> None:
        self._surface = Surface(device, account, services, limits=limits)
        self.accounts = Accounts(self._surface)
        self.power = Power(self._surface)
        self.files = Files(self._surface, self.power)
        ptz = Ptz(self._surface)
        self.head = Head(ptz)
        self.tours = Tours(ptz, self.head)
        self.contacts = Contacts(self._surface)

    def bounded(self) -> AbstractContextManager[None]:
        """All questions inside together end within ``Limits.total_s``."""
        return self._surface.session.transport.within(self._surface.limits.total_s)

    def close(self) -> None:
        """Drop the connection; idempotent."""
        self._surface.close()
