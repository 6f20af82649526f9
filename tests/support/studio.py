"""RTSP cameras on loopback, in a thread: the simulator's own pictures and server."""

from __future__ import annotations

import asyncio
import os
import tempfile
import threading
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from agent.model import Device, Secret
from protocol.words import DeviceClass
from simulator.video import Channel, Library, Picture, ProfileSpec, RtspServer

T = TypeVar("T")

SUB = ProfileSpec("sub", 640, 360, 10, 20)
"""What village cameras send as their second stream."""


def scene_cache() -> Path:
    """Where rendered clips are kept between test runs of one machine."""
    return Path(os.environ.get("OUTPOST_SCENE_CACHE", Path(tempfile.gettempdir()) / "outpost-scene-cache"))


class StudioCamera:
    """One camera of the studio. Its faults may be switched at any time."""

    def __init__(self, studio: Studio, channel: Channel, server: RtspServer, login: tuple[str, str]) -> None:
        self._studio, self.channel, self.server, self._login = studio, channel, server, login

    @property
    def url(self) -> str:
        return self.server.url(self.channel.tokens[0])

    def device(self, name: str = "camera-1") -> Device:
        """The ledger row a box would have for it."""
        username, password = self._login
        return Device(
            id=name,
            device_class=DeviceClass.SMART_CAMERA,
            host=self.server.host,
            rtsp_port=self.server.port,
            username=username,
            password=Secret(password),
        )

    def show(self, picture: Picture) -> None:
        """Change the picture now; its clips are made first if need be."""

        async def switch() -> None:
            await self.channel.prepare_pictures((picture,))
            self.channel.show(picture)

        self._studio.run(switch())

    def play(self, action: str) -> tuple[float, float]:
        """Play an action; seconds of unix time in which it can be seen."""

        async def start() -> tuple[float, float]:
            return self.channel.play(action)

        return self._studio.run(start())

    def switch(self, **faults: object) -> None:
        """Set faults of the RTSP server: hung, no_stream, garbage, h265, credentials_refused, slow_ms."""

        def flip() -> None:
            for name, value in faults.items():
                assert hasattr(self.server, name), name
                setattr(self.server, name, value)

        self._studio.call(flip)

    def unplug(self) -> None:
        """Close the port and cut all clients."""
        self._studio.run(self.server.stop())

    def plug_in(self) -> None:
        """Listen again on the same port."""
        self._studio.run(self.server.start())


class Studio:
    """Runs cameras until closed."""

    def __init__(self, cache: Path | None = None) -> None:
        self._library = Library(cache or scene_cache())
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="studio", daemon=True)
        self._thread.start()
        self._cameras: list[StudioCamera] = []

    def camera(
        self,
        *,
        scene: str | None = None,
        file: Path | None = None,
        profiles: Sequence[ProfileSpec] = (SUB,),
        username: str = "box",
        password: str = "lens-4711",
        auth: str = "digest",
    ) -> StudioCamera:
        """Bring one camera up on a free port of 127.0.0.1."""

        async def bring_up() -> StudioCamera:
            channel = Channel(self._library, scene=scene, file=file, profiles=tuple(profiles))
            await channel.prepare()
            server = RtspServer(
                host="127.0.0.1", port=0, channel=channel, username=username, password=password, auth=auth
            )
            await server.start()
            return StudioCamera(self, channel, server, (username, password))

        camera = self.run(bring_up(), timeout_s=300)
        self._cameras.append(camera)
        return camera

    def run(self, work: Coroutine[Any, Any, T], *, timeout_s: float = 120) -> T:
        """Do something on the studio's loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout_s)

    def call(self, work: Callable[[], None]) -> None:
        """Call something on the studio's loop and wait for it."""

        async def once() -> None:
            work()

        self.run(once())

    def close(self) -> None:
        """Stop all cameras and the loop."""
        for camera in self._cameras:
            self.run(camera.server.stop())
        self.run(self._rest())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _rest(self) -> None:
        rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        await self._loop.shutdown_default_executor()
