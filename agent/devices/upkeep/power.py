"""Restart and factory default, and waiting until a device is there again.

Law: a restart is over when the device was seen away and answers again; saying yes proves nothing. Factory
default needs the serial number of the device it is meant for.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from agent.devices import sentences
from agent.devices.identity import read_device_information
from agent.devices.settings.surface import Surface, named
from agent.errors import DeviceError, DeviceTrouble
from agent.model import Identity

log = logging.getLogger(__name__)

_PAUSE_S = 1.0
_MAY_GO_WITHIN_S = 5.0
"""A device that took a backup either restarts at once or does not."""
_GOES_WITHIN_S = 30.0
"""A device that was not seen away so long after its restart did not restart."""
_AWAY = (DeviceTrouble.UNREACHABLE, DeviceTrouble.HUNG, DeviceTrouble.NO_ONVIF, DeviceTrouble.BAD_ANSWER)


class Power:
    """Restart and factory default of one device."""

    def __init__(self, surface: Surface, *, pause: Callable[[float], None] = time.sleep) -> None:
        self._surface = surface
        self._pause = pause

    def reboot(self, *, wait: bool = True, on_way: Callable[[], None] = lambda: None) -> Identity | None:
        """Restart; with ``wait`` return when it is back, and who it says it is. ``on_way`` is told once the
        device agreed. Raises DeviceError."""
        with self._surface.lock:
            self._require_writable("SystemReboot")
            self._surface.ask("devicemgmt", "SystemReboot")
        log.info("device=%s restarts", self._surface.device.id)
        on_way()
        return self.back_again(must_go=True) if wait else None

    def factory_default(self, *, serial: str, hard: bool = False) -> None:
        """Set everything back. ``serial`` must be the device's own: the confirmation that it is this one.

        Hard takes the network address too: the device may come back elsewhere, with another password.
        Raises DeviceError: READ_ONLY, BAD_VALUE when the serial number is another's (nothing is sent).
        """
        with self._surface.lock:
            self._require_writable("SetSystemFactoryDefault")
            told = read_device_information(self._surface.session).serial
            if not serial or serial != told:
                detail = sentences.other_serial(self._surface.where, told, serial)
                raise self._surface.error(DeviceTrouble.BAD_VALUE, detail)
            kind = "Hard" if hard else "Soft"
            self._surface.ask(
                "devicemgmt", "SetSystemFactoryDefault", named("devicemgmt", "FactoryDefault", kind)
            )
        log.warning("device=%s factory default (%s)", self._surface.device.id, kind)

    def back_again(self, *, must_go: bool) -> Identity:
        """Wait until the device answers; with ``must_go`` it must have been away. Raises DeviceError.

        Without it a device that stays is left alone for some seconds: it may be about to restart.
        """
        began = time.monotonic()
        was_away = False
        goes_within_s = _GOES_WITHIN_S if must_go else _MAY_GO_WITHIN_S
        while True:
            try:
                identity = self._asked()
                if was_away:
                    return identity
            except DeviceError as error:
                if error.kind not in _AWAY:
                    raise
                was_away = True
                last = error
            waited_s = time.monotonic() - began
            if not was_away and waited_s > goes_within_s:
                if not must_go:
                    return identity
                where = self._surface.where
                detail = sentences.did_not_restart(where, _GOES_WITHIN_S)
                raise self._surface.error(DeviceTrouble.NOT_KEPT, detail)
            if was_away and waited_s > self._surface.limits.away_s:
                raise last
            self._pause(_PAUSE_S)

    def _asked(self) -> Identity:
        with self._surface.lock:
            self._surface.session.renew_challenge()
            with self._surface.session.transport.within(self._surface.limits.total_s):
                self._surface.session.clock()
                return read_device_information(self._surface.session)

    def _require_writable(self, operation: str) -> None:
        if not self._surface.writable:
            detail = sentences.read_only(self._surface.where, operation)
            raise self._surface.error(DeviceTrouble.READ_ONLY, detail)
