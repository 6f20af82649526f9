"""A device's password, changed in two phases: whenever the power goes, box and device agree again afterwards.

    settled ──write new as pending──> pending ──SetUser──> (sent) ──log in with new──> promote ──> settled
                                         │                             │ refused
                                         └── log in with old ──────────┴──> drop pending ──> settled

Law: before the device can have the new password, the box has it on disk; before the box forgets the old
one, the device has let it in with the new. Recovery tries the new password once and the old one once: two
tries, and an account locks after five at the least.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from agent.devices import sentences
from agent.errors import DeviceError, DeviceTrouble
from agent.model import Device, Secret
from agent.ports import Credentials, Vault

log = logging.getLogger(__name__)

LogIn = Callable[[Device], None]
"""Proves one log-in, with one try. Raises DeviceError AUTH_FAILED when it is refused."""
SetPassword = Callable[[Device, Secret], None]
"""Logged in as the device's own account, sets its password. Raises DeviceError."""


class Ending(StrEnum):
    """How a change or a recovery ended."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    OPEN = "open"
    """The device could not be asked; the next recovery decides."""


@dataclass(frozen=True, slots=True)
class PasswordChange:
    """The two phases, and what is done after an interruption."""

    vault: Vault
    log_in: LogIn
    set_password: SetPassword

    def change(self, device: Device, new: Secret) -> Ending:
        """Set a new password. Raises DeviceError when it did not come about and the old one holds."""
        self.vault.keep(device.id, Credentials(device.username, device.password, pending=new))
        try:
            self.set_password(device, new)
        except DeviceError as error:
            if error.kind in (DeviceTrouble.BAD_VALUE, DeviceTrouble.NOT_SUPPORTED, DeviceTrouble.READ_ONLY):
                self.vault.drop_pending(device.id)
                raise
            log.warning("device=%s kind=%s SetUser is in doubt: %s", device.id, error.kind, error.detail)
            ending = self.recover(device)
            if ending is Ending.UNCHANGED:
                raise
            return ending
        ending = self.recover(device)
        if ending is Ending.UNCHANGED:
            detail = sentences.not_kept(device.host, ["SetUser"])
            raise DeviceError(DeviceTrouble.NOT_KEPT, device.id, detail)
        return ending

    def recover(self, device: Device) -> Ending:
        """Decide a change that was begun: by trying the new password once, then the old one once."""
        held = self.vault.find(device.id)
        if held is None or held.pending is None:
            return Ending.UNCHANGED
        if self._lets_in(device, held, held.pending):
            self.vault.promote(device.id)
            log.info("device=%s password changed", device.id)
            return Ending.CHANGED
        if self._lets_in(device, held, held.password):
            self.vault.drop_pending(device.id)
            log.warning("device=%s password change did not come about; the old one holds", device.id)
            return Ending.UNCHANGED
        return Ending.OPEN

    def _lets_in(self, device: Device, held: Credentials, password: Secret) -> bool:
        try:
            self.log_in(replace(device, username=held.username, password=password))
        except DeviceError as error:
            if error.kind is DeviceTrouble.AUTH_FAILED:
                return False
            raise
        return True
