"""A county of the simulator inside the test, on private loopback addresses and free ports."""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from simulator.control import ControlPort
from simulator.county import PROFILES, County, CountyFile, DeviceEntry, Equip
from simulator.device.device import Device
from simulator.device.ports import MovingPicture, StreamServer
from simulator.station import Station
from simulator.video import ProfileSpec

T = TypeVar("T")
JPEG = b"\xff\xd8\xff\xe0still\xff\xd9"
_addresses = itertools.count(os.getpid() % 200 * 250)


def free_ip() -> str:
    """A loopback address that no other test of this run uses."""
    number = next(_addresses)
    return f"127.{60 + number // 62500 % 40}.{number // 250 % 250 + 1}.{number % 250 + 2}"


class StillLens:
    """A picture port without video: what is in view is set by the test."""

    def __init__(self) -> None:
        self.in_view: frozenset[str] = frozenset()
        self.shown: list[str] = []
        self.arranged: dict[str, ProfileSpec] = {}
        self.keys_asked: list[str] = []

    async def prepare(self) -> None:
        """Nothing to make."""

    async def close(self) -> None:
        """Nothing to give up."""

    def show(self, picture: Any) -> None:
        """Remember what was asked for."""
        self.shown.append(str(picture))

    def arrange(self, spec: ProfileSpec) -> None:
        """Remember how a stream is set."""
        self.arranged[spec.token] = spec

    def end(self, token: str) -> None:
        """Forget a stream."""
        self.arranged.pop(token, None)

    def ask_key(self, token: str) -> None:
        """Remember for which stream."""
        self.keys_asked.append(token)

    def play(self, action: str) -> tuple[float, float]:
        """Knows one action."""
        if action != "intruder":
            raise KeyError(f"no action {action!r}; known: intruder")
        return time.time(), time.time() + 6

    def snapshot(self, token: str) -> bytes:
        """Always the same bytes, told apart by profile."""
        return JPEG + token.encode()

    def truth(self) -> list[dict[str, Any]]:
        """Nothing was shown."""
        return []

    def visible(self) -> frozenset[str]:
        """What the test set."""
        return self.in_view


def still(_entry: DeviceEntry) -> tuple[MovingPicture, StreamServer | None]:
    """Equips devices with a still lens and no stream."""
    return StillLens(), None


class RunningCounty:
    """A started county; its devices are touched on its own loop through `call`."""

    def __init__(self, county: County, loop: asyncio.AbstractEventLoop, control_url: str) -> None:
        self.county = county
        self.control_url = control_url
        self._loop = loop

    def call(self, work: Callable[[], T]) -> T:
        """Run a function on the county's loop."""

        async def run() -> T:
            return work()

        return self.wait(run())

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the county's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    def station(self, name: str = "cam") -> Station:
        """A device with its ports."""
        return self.county.stations[name]

    def device(self, name: str = "cam") -> Device:
        """A device."""
        return self.station(name).device

    def lens(self, name: str = "cam") -> StillLens:
        """A device's still lens."""
        lens = self.device(name).picture
        assert isinstance(lens, StillLens)
        return lens

    def url(self, name: str = "cam", path: str | None = None) -> str:
        """The address of the device service, or of a path."""
        device = self.device(name)
        return f"{device.scheme}://{device.ip}:{device.http_port}{path or device.personality.paths.device}"

    def switch(self, name: str = "cam", **faults: object) -> None:
        """Switch faults and wait until the ports follow."""

        async def run() -> None:
            self.device(name).switch(faults)
            await self.station(name).settled()

        self.wait(run())

    def move(self, **addresses: str) -> None:
        """Give devices other addresses, all at once: first every port is closed, then each opens anew."""

        async def run() -> None:
            for name in addresses:
                await self.station(name).vacate()
            for name, ip in addresses.items():
                await self.station(name).take(ip)

        self.wait(run())


def entry(name: str = "cam", **more: object) -> dict[str, object]:
    """A device of a county file on an address and port of its own."""
    return {
        "name": name,
        "ip": free_ip(),
        "http_port": 0,
        "rtsp_port": 0,
        "sip_port": 0,
        "username": "admin",
        "password": "pass-word-1",
        **more,
    }


async def _at_rest() -> None:
    """Wait for what was told to end and has not ended yet: a loop must not be closed over it."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        await asyncio.wait(others, timeout=5)


@contextmanager
def running(
    *entries: dict[str, object], equip: Equip = still, profiles: tuple[ProfileSpec, ...] = PROFILES
) -> Iterator[RunningCounty]:
    """A county of these devices with its control port, stopped at the end."""
    file = CountyFile.model_validate({"device": list(entries or [entry()])})
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="county")
    thread.start()
    county = County(file, equip=equip, profiles=profiles)
    control = ControlPort(county, host="127.0.0.1", port=0)
    started = RunningCounty(county, loop, "")
    try:
        started.wait(county.start())
        started.wait(control.open())
        started.control_url = control.url
        yield started
    finally:
        started.wait(control.close())
        started.wait(county.stop())
        started.wait(_at_rest())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
