"""Decides when the ports of one device are open, and carries its faults to the picture and the stream.

Law: an unplugged or restarting device has no open port and no open connection; all else is the device's own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

from simulator.device import senses
from simulator.device.device import Device
from simulator.device.ports import StreamServer
from simulator.onvif.discovery import Announcer
from simulator.onvif.endpoint import Endpoint
from simulator.sip import SipEndpoint
from simulator.sip_registrar import Registrar
from simulator.video.model import Picture

REBOOT_S = 3.0
_REBOOT_DELAY_S = 0.2  # SystemReboot is answered before the device goes down


class Station:
    """One device with everything that listens for it."""

    def __init__(
        self,
        device: Device,
        *,
        endpoint: Endpoint | None,
        announcer: Announcer | None,
        streams: StreamServer | None,
        sip: SipEndpoint | Registrar | None,
    ) -> None:
        self.device = device
        self.endpoint = endpoint
        self.announcer = announcer
        self.streams = streams
        self.sip = sip
        self.reboot_s = REBOOT_S
        self._rebooting_until = 0.0
        self._changing = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_open = False
        device.on_faults_changed = self._faults_changed
        device.on_http_moved = lambda port: self._spawn(self._move_http(port), "move the port")
        device.on_reboot = lambda: self._spawn(self._reboot_after_answer(), "reboot")

    async def open(self) -> None:
        """Open all ports; raises OSError naming the device when an address is taken."""
        senses.look(self.device)
        self._carry_faults()
        await self._settle()

    async def close(self) -> None:
        """Close everything for good."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        async with self._changing:
            await self._close_ports()
        if self.device.picture is not None:
            await self.device.picture.close()

    async def settled(self) -> None:
        """Wait until the ports are as the last change of faults wants them."""
        await self._settle()

    async def reboot(self, seconds: float | None = None) -> None:
        """Go down now and come back after `seconds`, without pull points and account locks."""
        seconds = self.reboot_s if seconds is None else seconds
        begin = time.time()
        self.device.ledger.add("reboot", begin=begin, end=begin + seconds)
        self.device.counters["reboots"] += 1
        loop = asyncio.get_running_loop()
        self._rebooting_until = loop.time() + seconds
        await self._settle()
        self.device.forget_session()
        senses.recount(self.device)
        self._spawn(self._come_back(seconds), "come back")

    async def vacate(self) -> None:
        """Close all ports, as when an address is given up; `take` opens them elsewhere."""
        async with self._changing:
            if self._is_open:
                await self._close_ports()

    async def take(self, ip: str) -> None:
        """Listen on another address from now on, with the same ports; raises OSError when it is taken."""
        self.device.ip = ip
        if self.streams is not None:
            self.streams.host = ip
        await self._settle()

    def notice(self) -> None:
        """Let the device compare its picture with what it told; nothing to do when nobody listens."""
        if self.device.events.live():
            senses.look(self.device)

    async def _reboot_after_answer(self) -> None:
        await asyncio.sleep(_REBOOT_DELAY_S)
        await self.reboot()

    async def _move_http(self, port: int | None) -> None:
        """SetNetworkProtocols is answered on the old port before the new one opens."""
        await asyncio.sleep(_REBOOT_DELAY_S)
        async with self._changing:
            if self.endpoint is None or not self._is_open:
                return
            await self.endpoint.close()
            if port is not None:
                self.device.http_port = port
                await self.endpoint.open()

    async def _come_back(self, seconds: float) -> None:
        await asyncio.sleep(seconds + 0.01)
        await self._settle()

    def _faults_changed(self) -> None:
        self._carry_faults()
        self._spawn(self._settle(), "settle")
        self.notice()

    def _carry_faults(self) -> None:
        faults, device = self.device.faults, self.device
        if device.picture is not None:
            device.picture.show(Picture(faults.picture))
        if self.endpoint is not None:
            self.endpoint.faults_changed()
        if isinstance(self.sip, SipEndpoint):
            self.sip.faults_changed()
        if self.streams is not None:
            self.streams.hung = faults.hung
            self.streams.no_stream = faults.no_stream
            self.streams.garbage = faults.not_h264
            self.streams.h265 = faults.h265
            self.streams.credentials_refused = faults.wrong_password or faults.not_activated
            self.streams.slow_ms = faults.slow_ms

    async def _settle(self) -> None:
        async with self._changing:
            rebooting = asyncio.get_running_loop().time() < self._rebooting_until
            wanted = not self.device.faults.unplugged and not rebooting
            if wanted and not self._is_open:
                await self._open_ports()
            elif not wanted and self._is_open:
                await self._close_ports()

    async def _open_ports(self) -> None:
        self._is_open = True
        try:
            for port in (self.endpoint, self.announcer, self.sip):
                if port is not None:
                    await port.open()
            if self.streams is not None:
                await self.streams.start()
        except OSError as error:
            raise OSError(error.errno, f"device {self.device.name} at {self.device.ip}: {error}") from error

    async def _close_ports(self) -> None:
        self._is_open = False
        if self.endpoint is not None:
            await self.endpoint.close()
        for port in (self.announcer, self.sip):
            if port is not None:
                port.close()
        if self.streams is not None:
            await self.streams.stop()

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=f"{self.device.name}: {name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
